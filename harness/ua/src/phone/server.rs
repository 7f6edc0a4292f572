//! The servers of the phone's list, as one writes them.

use std::fmt;
use std::net::{IpAddr, SocketAddr};
use std::str::FromStr;

use sipfarm_core::machine::Transport;

/// A server as the phone is configured with it. As text: `main=sip.example.test`,
/// `primary=192.0.2.11:5060;transport=tcp`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Server {
    /// `primary`, `secondary`, …
    pub name: String,
    /// Where it is.
    pub at: Destination,
    /// How the phone speaks to it. `None`: as RFC 3263 section 4.1 finds out, which for an address
    /// is over UDP.
    pub transport: Option<Transport>,
}

/// Where a server is. As text: `192.0.2.11:5060`, `[2001:db8::1]:5060`, `sip.example.test`,
/// `sip.example.test:5070`.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Destination {
    /// At an address.
    Address(SocketAddr),
    /// Behind a name of DNS (RFC 3263 section 4).
    Name {
        /// The name.
        host: String,
        /// Its port; `None`: as DNS says, else 5060.
        port: Option<u16>,
    },
}

impl fmt::Display for Server {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}={}", self.name, self.at)?;
        match self.transport {
            Some(transport) => write!(f, ";transport={}", transport.to_string().to_lowercase()),
            None => Ok(()),
        }
    }
}

impl FromStr for Server {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        let (name, rest) = text
            .split_once('=')
            .filter(|(name, _)| !name.trim().is_empty())
            .ok_or("it looks like primary=192.0.2.11:5060 or main=sip.example.test")?;
        let (at, transport) = match rest.split_once(';') {
            None => (rest, None),
            Some((at, "transport=udp")) => (at, Some(Transport::Udp)),
            Some((at, "transport=tcp")) => (at, Some(Transport::Tcp)),
            Some((at, "transport=tls")) => (at, Some(Transport::Tls)),
            Some((_, other)) => {
                return Err(format!(
                    "{other:?} is nothing to say of a server; try transport=udp, transport=tcp or transport=tls"
                ));
            }
        };
        let port = transport.unwrap_or(Transport::Udp).default_port();
        Ok(Server { name: name.to_owned(), at: Destination::read(at, port)?, transport })
    }
}

impl fmt::Display for Destination {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Destination::Address(addr) => write!(f, "{addr}"),
            Destination::Name { host, port: Some(port) } => write!(f, "{host}:{port}"),
            Destination::Name { host, port: None } => f.write_str(host),
        }
    }
}

impl FromStr for Destination {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        Destination::read(text, Transport::Udp.default_port())
    }
}

impl Destination {
    /// As text, where an address without a port has that one.
    fn read(text: &str, port: u16) -> Result<Self, String> {
        let no_port = || format!("{text:?}: a port is a number from 1 to 65535");
        if let Ok(addr) = text.parse::<SocketAddr>() {
            return if addr.port() == 0 { Err(no_port()) } else { Ok(Destination::Address(addr)) };
        }
        if let Ok(ip) = text.trim_matches(['[', ']']).parse::<IpAddr>() {
            return Ok(Destination::Address(SocketAddr::new(ip, port)));
        }
        let (host, port) = match text.split_once(':') {
            None => (text, None),
            Some((host, port)) => {
                let port = port.parse().ok().filter(|port| *port != 0);
                (host, Some(port.ok_or_else(no_port)?))
            }
        };
        match is_domain_name(host) {
            true => Ok(Destination::Name { host: host.to_owned(), port }),
            false => Err(format!("{host:?} is neither an address like 192.0.2.11:5060 nor a domain name")),
        }
    }
}

/// Whether that is a host name (RFC 1123 section 2.1), and no mistyped address: the last label of a
/// name has a letter.
fn is_domain_name(host: &str) -> bool {
    let host = host.strip_suffix('.').unwrap_or(host);
    let is_label = |label: &str| {
        let fits = (1..=63).contains(&label.len()) && !label.starts_with('-') && !label.ends_with('-');
        fits && label.bytes().all(|octet| octet.is_ascii_alphanumeric() || b"-_".contains(&octet))
    };
    let last = host.rsplit('.').next().unwrap_or_default();
    host.len() <= 253
        && host.split('.').all(is_label)
        && last.bytes().any(|octet| octet.is_ascii_alphabetic())
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]

    use super::*;

    fn name(host: &str, port: Option<u16>) -> Destination {
        Destination::Name { host: host.to_owned(), port }
    }

    #[test]
    fn a_server_is_at_an_address_or_behind_a_name() {
        let at = |addr: &str| Destination::Address(addr.parse().unwrap());
        for (text, expected, transport) in [
            ("a=192.0.2.11:5060", at("192.0.2.11:5060"), None),
            ("a=192.0.2.11", at("192.0.2.11:5060"), None),
            ("a=[2001:db8::1]:5070", at("[2001:db8::1]:5070"), None),
            ("a=[2001:db8::1]", at("[2001:db8::1]:5060"), None),
            ("a=sip.example.test", name("sip.example.test", None), None),
            ("a=localhost:5070;transport=tcp", name("localhost", Some(5070)), Some(Transport::Tcp)),
            ("a=192.0.2.11:5060;transport=udp", at("192.0.2.11:5060"), Some(Transport::Udp)),
            ("a=192.0.2.11;transport=tls", at("192.0.2.11:5061"), Some(Transport::Tls)),
            ("a=192.0.2.11:5061;transport=tls", at("192.0.2.11:5061"), Some(Transport::Tls)),
        ] {
            let expected = Server { name: "a".to_owned(), at: expected, transport };
            assert_eq!(text.parse(), Ok(expected.clone()), "{text}");
            assert_eq!(expected.to_string().parse(), Ok(expected), "{text}");
        }
    }

    #[test]
    fn what_is_neither_is_refused() {
        let long = format!("a={}.test", "x".repeat(64));
        for wrong in [
            "primary",
            "=192.0.2.11:5060",
            "a=",
            "a=192.0.2",
            "a=192.0.2.11:0",
            "a=192.0.2.11:65536",
            "a=sip.example.test:",
            "a=sip.example.test:x",
            "a=-x.test",
            "a=x..test",
            "a=x y.test",
            "a=sip.example.test;transport=sctp",
            "a=sip.example.test;lr",
            &long,
        ] {
            assert!(wrong.parse::<Server>().is_err(), "{wrong}");
        }
    }
}
