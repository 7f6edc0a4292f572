//! The basic rules of RFC 3261 section 25.1, as predicates.

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};

use super::host::Host;
use super::text::closing_quote;

/// `1*DIGIT`.
pub(super) fn is_digits(text: &str) -> bool {
    !text.is_empty() && text.bytes().all(|octet| octet.is_ascii_digit())
}

fn is_token_octet(octet: u8) -> bool {
    octet.is_ascii_alphanumeric() || b"-.!%*_+`'~".contains(&octet)
}

/// `token`.
pub(super) fn is_token(text: &str) -> bool {
    !text.is_empty() && text.bytes().all(is_token_octet)
}

/// `word`, of which Call-ID is made.
pub(super) fn is_word(text: &str) -> bool {
    !text.is_empty() && text.bytes().all(|octet| is_token_octet(octet) || b"()<>:\\\"/[]?{}".contains(&octet))
}

/// `quoted-string`, all of it.
pub(super) fn is_quoted_string(text: &str) -> bool {
    text.strip_prefix('"').is_some_and(|rest| closing_quote(rest).is_some_and(|end| end + 1 == rest.len()))
}

/// `gen-value`: a token, a host or a quoted string.
pub(super) fn is_gen_value(text: &str) -> bool {
    let host = || Host::parse_with_port(text).is_some_and(|(host, port)| host.is_sound() && port.is_none());
    is_token(text) || is_quoted_string(text) || parse_ip(text).is_some() || host()
}

/// What follows the comment that the text begins with; `None` when it is not closed.
pub(super) fn skip_comment(text: &str) -> Option<&str> {
    let (mut depth, mut escaped) = (0_usize, false);
    for (at, octet) in text.bytes().enumerate() {
        match octet {
            _ if escaped => escaped = false,
            b'\\' => escaped = true,
            b'(' => depth += 1,
            b')' => depth = depth.saturating_sub(1),
            _ => {}
        }
        if depth == 0 {
            return Some(&text[at + 1..]);
        }
    }
    None
}

/// Whether a control character stands where no quoted pair makes it harmless.
pub(super) fn has_control_character(text: &str) -> bool {
    let mut escaped = false;
    text.bytes().any(|octet| {
        let control = (octet < 0x20 && octet != b'\t') || octet == 0x7f;
        let bad = control && (!escaped || matches!(octet, b'\r' | b'\n'));
        escaped = octet == b'\\' && !escaped;
        bad
    })
}

/// `*( allowed / escaped )`, of letters, digits, `mark` and these; `%` only before two
/// hexadecimal digits.
pub(super) fn is_escaped_text(text: &str, allowed: &[u8]) -> bool {
    let octets = text.as_bytes();
    let mut at = 0;
    while at < octets.len() {
        match octets[at] {
            b'%' => {
                let digits = octets.get(at + 1..at + 3).unwrap_or(b"-");
                if !digits.iter().all(u8::is_ascii_hexdigit) {
                    return false;
                }
                at += 3;
            }
            octet if is_unreserved(octet) || allowed.contains(&octet) => at += 1,
            _ => return false,
        }
    }
    true
}

/// `reserved`.
pub(super) const RESERVED: &[u8] = b";/?:@&=+$,";

/// Resolves the escapes of those octets that `wanted` says; others stay.
pub(super) fn percent_decode(text: &str, wanted: impl Fn(u8) -> bool) -> Vec<u8> {
    let octets = text.as_bytes();
    let mut out = Vec::with_capacity(octets.len());
    let mut at = 0;
    while at < octets.len() {
        let digits = text.get(at + 1..at + 3).filter(|digits| octets[at] == b'%' && is_hex(digits));
        match digits.and_then(|digits| u8::from_str_radix(digits, 16).ok()).filter(|octet| wanted(*octet)) {
            Some(octet) => {
                out.push(octet);
                at += 3;
            }
            None => {
                out.push(octets[at]);
                at += 1;
            }
        }
    }
    out
}

fn is_hex(text: &str) -> bool {
    text.bytes().all(|octet| octet.is_ascii_hexdigit())
}

fn is_unreserved(octet: u8) -> bool {
    octet.is_ascii_alphanumeric() || b"-_.!~*'()".contains(&octet)
}

/// An address as SIP writes it: IPv4 with leading zeros allowed, IPv6 without brackets and, as the
/// ABNF of RFC 3261 allows by mistake, with one colon too many before an IPv4 part (RFC 5118
/// section 4.10).
pub(super) fn parse_ip(text: &str) -> Option<IpAddr> {
    if !text.contains(':') {
        return parse_ipv4(text).map(IpAddr::V4);
    }
    let v6 = text.parse::<Ipv6Addr>().ok();
    v6.or_else(|| text.replacen(":::", "::", 1).parse().ok()).map(IpAddr::V6)
}

fn parse_ipv4(text: &str) -> Option<Ipv4Addr> {
    let mut octets = [0; 4];
    let mut parts = text.split('.');
    for octet in &mut octets {
        *octet = parts.next().filter(|part| is_digits(part) && part.len() <= 3)?.parse().ok()?;
    }
    parts.next().is_none().then_some(Ipv4Addr::from(octets))
}

/// `hostname`: labels of letters, digits and inner hyphens, the last one beginning with a letter.
pub(super) fn is_hostname(text: &str) -> bool {
    let name = text.strip_suffix('.').unwrap_or(text);
    let label = |label: &str| {
        let ends = label.starts_with('-') || label.ends_with('-');
        !label.is_empty()
            && !ends
            && label.bytes().all(|octet| octet.is_ascii_alphanumeric() || octet == b'-')
    };
    let top = name.rsplit('.').next().unwrap_or("");
    name.split('.').all(label) && top.starts_with(|first: char| first.is_ascii_alphabetic())
}
