//! Via (RFC 3261 section 20.42, RFC 3581).

use std::fmt;
use std::net::IpAddr;

use super::host::Host;
use super::params::Params;

/// One value of Via.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Via {
    /// The transport as spelt: `UDP`, `TCP`, `TLS`, …
    pub transport: String,
    /// The host of sent-by.
    pub host: Host,
    /// The port of sent-by.
    pub port: Option<u16>,
    /// Parameters.
    pub params: Params,
}

impl Via {
    /// The magic cookie that starts every branch of RFC 3261.
    pub const COOKIE: &'static str = "z9hG4bK";

    /// Reads one value; `None` where the grammar is broken.
    pub fn parse(text: &str) -> Option<Self> {
        let (head, params) = match text.split_once(';') {
            Some((head, params)) => (head, Params::parse(params)),
            None => (text, Params::default()),
        };
        let mut parts = head.splitn(3, '/');
        let (name, version, rest) = (parts.next()?.trim(), parts.next()?.trim(), parts.next()?.trim());
        if !name.eq_ignore_ascii_case("SIP") || version != "2.0" {
            return None;
        }
        let (transport, sent_by) = rest.split_once(char::is_whitespace)?;
        let (host, port) = Host::parse_with_port(sent_by)?;
        Some(Via { transport: transport.to_owned(), host, port, params })
    }

    /// The `branch` parameter.
    pub fn branch(&self) -> Option<&str> {
        self.params.value("branch")
    }

    /// The `received` parameter; brackets around IPv6 are tolerated.
    pub fn received(&self) -> Option<IpAddr> {
        self.params.value("received")?.trim_matches(['[', ']']).parse().ok()
    }
}

impl fmt::Display for Via {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "SIP/2.0/{} {}", self.transport, self.host)?;
        if let Some(port) = self.port {
            write!(f, ":{port}")?;
        }
        write!(f, "{}", self.params)
    }
}
