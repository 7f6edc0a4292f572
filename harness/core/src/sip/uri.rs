//! SIP URIs (RFC 3261 section 19.1).

use std::fmt;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr};

use super::params::Params;

/// The host of a URI or a Via: a name or an address.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Host {
    /// A domain name, as spelt.
    Name(String),
    /// An address; IPv6 stands in brackets on the wire.
    Ip(IpAddr),
}

impl Host {
    /// Splits `host`, `host:port`, `[v6]`, `[v6]:port`. `None` where the grammar is broken.
    pub fn parse_with_port(text: &str) -> Option<(Host, Option<u16>)> {
        let text = text.trim();
        let (host, rest) = if let Some(inner) = text.strip_prefix('[') {
            let (inside, rest) = inner.split_once(']')?;
            (Host::Ip(IpAddr::V6(inside.parse::<Ipv6Addr>().ok()?)), rest.trim_start())
        } else {
            let (name, rest) = match text.find(':') {
                Some(at) => (text[..at].trim_end(), &text[at..]),
                None => (text, ""),
            };
            let valid = !name.is_empty()
                && name.bytes().all(|b| b.is_ascii_alphanumeric() || matches!(b, b'-' | b'.' | b'_'));
            if !valid {
                return None;
            }
            match name.parse::<Ipv4Addr>() {
                Ok(v4) => (Host::Ip(IpAddr::V4(v4)), rest),
                Err(_) => (Host::Name(name.to_owned()), rest),
            }
        };
        match rest.strip_prefix(':') {
            Some(port) => Some((host, Some(port.trim().parse().ok()?))),
            None if rest.is_empty() => Some((host, None)),
            None => None,
        }
    }

    /// The address, when it is one.
    pub fn ip(&self) -> Option<IpAddr> {
        match self {
            Host::Ip(ip) => Some(*ip),
            Host::Name(_) => None,
        }
    }
}

impl fmt::Display for Host {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Host::Name(name) => f.write_str(name),
            Host::Ip(IpAddr::V4(v4)) => write!(f, "{v4}"),
            Host::Ip(IpAddr::V6(v6)) => write!(f, "[{v6}]"),
        }
    }
}

/// A `sip:` or `sips:` URI.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Uri {
    /// `sip` or `sips`, lower case.
    pub scheme: String,
    /// User part with everything before the `@`, escapes kept.
    pub user: Option<String>,
    /// Host.
    pub host: Host,
    /// Port, where one stands.
    pub port: Option<u16>,
    /// URI parameters.
    pub params: Params,
    /// What follows the question mark.
    pub headers: Option<String>,
}

impl Uri {
    /// A `sip:` URI of a user at a host.
    pub fn sip(user: Option<&str>, host: Host, port: Option<u16>) -> Self {
        Uri {
            scheme: "sip".to_owned(),
            user: user.map(str::to_owned),
            host,
            port,
            params: Params::default(),
            headers: None,
        }
    }

    /// A `sip:` URI of a user at a socket address.
    pub fn at(user: Option<&str>, addr: SocketAddr) -> Self {
        Uri::sip(user, Host::Ip(addr.ip()), Some(addr.port()))
    }

    /// Reads a SIP or SIPS URI; `None` for other schemes and broken ones.
    pub fn parse(text: &str) -> Option<Self> {
        let (scheme, rest) = text.trim().split_once(':')?;
        let scheme = scheme.to_ascii_lowercase();
        if scheme != "sip" && scheme != "sips" {
            return None;
        }
        // A user part may hold ';' and '?', so the '@' is looked for first.
        let (user, rest) = match rest.rfind('@') {
            Some(at) => (Some(rest[..at].to_owned()), &rest[at + 1..]),
            None => (None, rest),
        };
        let (rest, headers) = match rest.split_once('?') {
            Some((rest, headers)) => (rest, Some(headers.to_owned())),
            None => (rest, None),
        };
        let (hostport, params) = match rest.split_once(';') {
            Some((hostport, params)) => (hostport, Params::parse(params)),
            None => (rest, Params::default()),
        };
        let (host, port) = Host::parse_with_port(hostport)?;
        Some(Uri { scheme, user, host, port, params, headers })
    }

    /// The socket address, when the host is one; the port defaults to 5060.
    pub fn socket_addr(&self) -> Option<SocketAddr> {
        Some(SocketAddr::new(self.host.ip()?, self.port.unwrap_or(5060)))
    }
}

impl fmt::Display for Uri {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}:", self.scheme)?;
        if let Some(user) = &self.user {
            write!(f, "{user}@")?;
        }
        write!(f, "{}", self.host)?;
        if let Some(port) = self.port {
            write!(f, ":{port}")?;
        }
        write!(f, "{}", self.params)?;
        if let Some(headers) = &self.headers {
            write!(f, "?{headers}")?;
        }
        Ok(())
    }
}
