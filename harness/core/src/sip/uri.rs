//! SIP URIs (RFC 3261 section 19.1).

use std::fmt;
use std::net::SocketAddr;

use crate::machine::Transport;

use super::grammar::{RESERVED, percent_decode};
use super::host::Host;
use super::params::Params;

/// A `sip:` or `sips:` URI. Escapes are kept as they stand; the methods that compare see through
/// them.
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

    /// Reads a SIP or SIPS URI; `None` for other schemes and for those whose host cannot be made
    /// out.
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

    /// The socket address, when the host is one; the port defaults to 5060, or 5061 for `sips` and TLS.
    pub fn socket_addr(&self) -> Option<SocketAddr> {
        let over_tls = self.transport() == Some(Transport::Tls);
        let default = if self.scheme == "sips" || over_tls { 5061 } else { 5060 };
        Some(SocketAddr::new(self.host.ip()?, self.port.unwrap_or(default)))
    }

    /// The parameter `transport`, when it is one that we speak.
    pub fn transport(&self) -> Option<Transport> {
        self.params.value("transport").and_then(Transport::of_parameter)
    }

    /// The user without password, escapes resolved once. It may hold any character, NUL included.
    pub fn user_name(&self) -> Option<String> {
        let user = self.user.as_deref()?;
        Some(decode(user.split_once(':').map_or(user, |(user, _)| user)))
    }

    /// The value of a URI parameter, found and read with escapes resolved; empty when it has none.
    pub fn param(&self, name: &str) -> Option<String> {
        let (_, value) = self.params.0.iter().find(|(own, _)| decode(own).eq_ignore_ascii_case(name))?;
        Some(decode(value.as_deref().unwrap_or("")))
    }

    /// Whether both are the same under the rules of RFC 3261 section 19.1.4. Not transitive: a
    /// parameter that one of them lacks is ignored.
    pub fn is_equivalent(&self, other: &Uri) -> bool {
        let user = |uri: &Uri| uri.user.as_deref().map(plain);
        self.scheme == other.scheme
            && user(self) == user(other)
            && self.host.is_same(&other.host)
            && self.port == other.port
            && self.params_match(other)
            && other.params_match(self)
            && self.header_set() == other.header_set()
    }

    /// Parameters that never match one that is absent; `transport` by the rule of default values.
    const NEVER_IGNORED: [&str; 5] = ["transport", "user", "ttl", "method", "maddr"];

    fn params_match(&self, other: &Uri) -> bool {
        let theirs = other.plain_params();
        self.plain_params().iter().all(|(name, value)| {
            let mut same = theirs.iter().filter(|(their, _)| their == name).peekable();
            match same.peek() {
                Some(_) => same.any(|(_, their_value)| value == their_value),
                None => !Self::NEVER_IGNORED.contains(&name.as_str()),
            }
        })
    }

    fn plain_params(&self) -> Vec<(String, Option<String>)> {
        let lower = |text: &str| plain(text).to_ascii_lowercase();
        self.params.0.iter().map(|(name, value)| (lower(name), value.as_deref().map(lower))).collect()
    }

    fn header_set(&self) -> Vec<String> {
        let headers = self.headers.as_deref().unwrap_or("");
        let mut set: Vec<String> =
            headers.split('&').map(|header| plain(header).to_ascii_lowercase()).collect();
        set.sort();
        set
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

fn decode(text: &str) -> String {
    String::from_utf8_lossy(&percent_decode(text, |_| true)).into_owned()
}

/// With the escapes resolved that make no difference: all but those of reserved characters.
fn plain(text: &str) -> String {
    String::from_utf8_lossy(&percent_decode(text, |octet| !RESERVED.contains(&octet))).into_owned()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn uri(text: &str) -> Uri {
        Uri::parse(text).unwrap_or_else(|| panic!("{text}"))
    }

    #[test]
    fn a_user_part_may_look_like_parameters() {
        let semi = uri("sip:user;par=u%40example.net@example.com");
        assert_eq!(semi.user_name().as_deref(), Some("user;par=u@example.net"));
        assert_eq!(semi.params, Params::default());
        assert_eq!(uri("sip:alice:secret@example.com").user_name().as_deref(), Some("alice"));
    }

    #[test]
    fn escapes_are_resolved_once() {
        let uri = uri("sip:cal%6Cer@host5.example.net;%6C%72;n%61me=v%61lue%25%34%31");
        assert_eq!(uri.user_name().as_deref(), Some("caller"));
        assert_eq!(uri.param("lr").as_deref(), Some(""));
        assert_eq!(uri.param("name").as_deref(), Some("value%41"));
        assert_eq!(uri.to_string(), "sip:cal%6Cer@host5.example.net;%6C%72;n%61me=v%61lue%25%34%31");
    }

    /// The examples of RFC 3261 section 19.1.4.
    #[test]
    fn equivalence_follows_the_examples_of_the_rfc() {
        for (a, b) in [
            ("sip:%61lice@atlanta.com;transport=TCP", "sip:alice@AtLanTa.CoM;Transport=tcp"),
            ("sip:carol@chicago.com", "sip:carol@chicago.com;newparam=5"),
            ("sip:carol@chicago.com", "sip:carol@chicago.com;security=on"),
            (
                "sip:biloxi.com;transport=tcp;method=REGISTER?to=sip:bob%40biloxi.com",
                "sip:biloxi.com;method=REGISTER;transport=tcp?to=sip:bob%40biloxi.com",
            ),
            (
                "sip:alice@atlanta.com?subject=project%20x&priority=urgent",
                "sip:alice@atlanta.com?priority=urgent&subject=project%20x",
            ),
        ] {
            assert!(uri(a).is_equivalent(&uri(b)) && uri(b).is_equivalent(&uri(a)), "{a} {b}");
        }
        for (a, b) in [
            ("SIP:ALICE@AtLanTa.CoM;Transport=udp", "sip:alice@AtLanTa.CoM;Transport=UDP"),
            ("sip:bob@biloxi.com", "sip:bob@biloxi.com:5060"),
            ("sip:bob@biloxi.com", "sip:bob@biloxi.com;transport=udp"),
            ("sip:bob@biloxi.com", "sip:bob@biloxi.com:6000;transport=tcp"),
            ("sip:carol@chicago.com", "sip:carol@chicago.com?Subject=next%20meeting"),
            ("sip:bob@phone21.boxesbybob.com", "sip:bob@192.0.2.4"),
            ("sip:carol@chicago.com;security=on", "sip:carol@chicago.com;security=off"),
            ("sip:alice@atlanta.com", "sips:alice@atlanta.com"),
            ("sip:a%40b@c", "sip:a@c"),
        ] {
            assert!(!uri(a).is_equivalent(&uri(b)) && !uri(b).is_equivalent(&uri(a)), "{a} {b}");
        }
        assert!(uri("sip:a@[2001:DB8::0:1]").is_equivalent(&uri("sip:a@[2001:db8::1]")));
        assert!(!uri("sip:a%2Cb@c").is_equivalent(&uri("sip:a,b@c")));
    }

    #[test]
    fn other_schemes_and_broken_ones_are_not_sip() {
        for text in ["tel:+15551234", "sip", "sip:", "sip:2001:db8::10", "sip:a@", "http://example.com", ""] {
            assert_eq!(Uri::parse(text), None, "{text}");
        }
    }
}
