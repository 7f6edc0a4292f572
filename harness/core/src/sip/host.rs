//! The host of a URI or a Via (RFC 3261 section 25.1, RFC 5118).

use std::fmt;
use std::net::IpAddr;

use super::grammar;

/// The host of a URI or a Via: a name or an address.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Host {
    /// A domain name, as spelt.
    Name(String),
    /// An address; IPv6 stands in brackets on the wire.
    Ip(IpAddr),
}

impl Host {
    /// Splits `host`, `host:port`, `[v6]`, `[v6]:port`, with blanks around the colon as a Via may
    /// have them. `None` where no host can be made out. Lenient about the characters of names:
    /// what is wrong with those is a [`Defect`](super::Defect) of the message.
    pub fn parse_with_port(text: &str) -> Option<(Host, Option<u16>)> {
        let text = text.trim();
        let (host, rest) = match text.strip_prefix('[') {
            Some(inner) => {
                let (inside, rest) = inner.split_once(']')?;
                (Host::Ip(grammar::parse_ip(inside).filter(IpAddr::is_ipv6)?), rest.trim_start())
            }
            None => {
                let (name, rest) = text.split_at(text.find(':').unwrap_or(text.len()));
                (Host::parse_name(name.trim_end())?, rest)
            }
        };
        match rest.strip_prefix(':') {
            Some(port) => {
                let port = port.trim();
                Some((host, Some(port.parse().ok().filter(|_| grammar::is_digits(port))?)))
            }
            None if rest.is_empty() => Some((host, None)),
            None => None,
        }
    }

    fn parse_name(name: &str) -> Option<Host> {
        let readable = |octet: u8| octet.is_ascii_alphanumeric() || matches!(octet, b'-' | b'.' | b'_');
        if name.is_empty() || !name.bytes().all(readable) {
            return None;
        }
        Some(grammar::parse_ip(name).map_or_else(|| Host::Name(name.to_owned()), Host::Ip))
    }

    /// The address, when it is one.
    pub fn ip(&self) -> Option<IpAddr> {
        match self {
            Host::Ip(ip) => Some(*ip),
            Host::Name(_) => None,
        }
    }

    /// Whether the grammar allows it: addresses always, names by their labels.
    pub(super) fn is_sound(&self) -> bool {
        match self {
            Host::Ip(_) => true,
            Host::Name(name) => grammar::is_hostname(name),
        }
    }

    /// Whether both are the same address, or the same name but for case.
    pub(super) fn is_same(&self, other: &Host) -> bool {
        match (self, other) {
            (Host::Name(a), Host::Name(b)) => a.eq_ignore_ascii_case(b),
            (a, b) => a == b,
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

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn reads_hosts_and_ports_of_both_families() {
        let read = |text| Host::parse_with_port(text).map(|(host, port)| (host.to_string(), port));
        assert_eq!(read("example.com"), Some(("example.com".into(), None)));
        assert_eq!(read("192.0.2.1:5070"), Some(("192.0.2.1".into(), Some(5070))));
        assert_eq!(read("[2001:DB8::10]"), Some(("[2001:db8::10]".into(), None)));
        assert_eq!(read("[2001:db8::10] : 5070"), Some(("[2001:db8::10]".into(), Some(5070))));
        assert_eq!(read("[::ffff:192.0.2.2]"), Some(("[::ffff:192.0.2.2]".into(), None)));
        // The ABNF of RFC 3261 lets a third colon in (RFC 5118 section 4.10).
        assert_eq!(read("[2001:db8:::192.0.2.1]"), read("[2001:db8::192.0.2.1]"));
        for broken in [
            "",
            ":5060",
            "2001:db8::10",
            "[2001:db8::10",
            "[192.0.2.1]",
            "a:",
            "a:99999",
            "a:+1",
            "a b",
            "a[]",
        ] {
            assert_eq!(read(broken), None, "{broken}");
        }
    }

    #[test]
    fn names_follow_their_labels() {
        let sound = |text| Host::parse_with_port(text).expect(text).0.is_sound();
        assert!(sound("example.com") && sound("a-1.b.example.com.") && sound("x") && sound("010.0.0.1"));
        assert!(
            !sound("a_b.example.com") && !sound("-a.example.com") && !sound("a..b") && !sound("300.0.2.1")
        );
    }
}
