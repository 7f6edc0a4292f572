//! Which octets are SIP, by port and by form. Other things flow between the same addresses: RTP, STUN, HTTP, TLS.

use std::collections::BTreeSet;

/// What is spoken at a port.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Service {
    /// Whatever looks like text counts as SIP, however broken its first line is.
    Sip,
    /// DNS.
    Dns,
    /// Anything; SIP is known by its first line.
    Any,
}

/// Ports of which it is known what is spoken there.
#[derive(Debug, Clone)]
pub struct Ports {
    sip: BTreeSet<u16>,
    dns: BTreeSet<u16>,
}

/// The registered ports of SIP over UDP and TCP and over TLS, and that of DNS.
impl Default for Ports {
    fn default() -> Self {
        Ports { sip: BTreeSet::from([5060, 5061]), dns: BTreeSet::from([53]) }
    }
}

impl Ports {
    /// Adds a port at which a node of the farm listens.
    pub fn add(&mut self, port: u16, service: Service) {
        match service {
            Service::Sip => _ = self.sip.insert(port),
            Service::Dns => _ = self.dns.insert(port),
            Service::Any => {}
        }
    }

    /// What is spoken between two ports.
    pub fn service(&self, src: u16, dst: u16) -> Service {
        let either = |ports: &BTreeSet<u16>| ports.contains(&src) || ports.contains(&dst);
        match () {
            () if either(&self.sip) => Service::Sip,
            () if either(&self.dns) => Service::Dns,
            () => Service::Any,
        }
    }
}

/// The SIP message in the payload of a datagram, without the line ends that may stand before it
/// (RFC 3261 section 7.5). `None` for keep-alives and for what is not SIP.
pub fn in_datagram(payload: &[u8], on_sip_port: bool) -> Option<&[u8]> {
    let message = without_line_ends(payload);
    let line = first_line(message);
    let is_sip = is_start_line(line) || (on_sip_port && line.len() < message.len() && is_text(line));
    is_sip.then_some(message)
}

/// Without the line ends at the start.
pub fn without_line_ends(data: &[u8]) -> &[u8] {
    let start = data.iter().position(|octet| !matches!(octet, b'\r' | b'\n')).unwrap_or(data.len());
    &data[start..]
}

/// Whether a line begins a SIP message: a request line or a status line of version 2.0.
pub fn is_start_line(line: &[u8]) -> bool {
    let line = line.trim_ascii_end();
    if let Some(rest) = strip_prefix_ignoring_case(line, b"SIP/2.0 ") {
        return rest.trim_ascii_start().first().is_some_and(u8::is_ascii_digit);
    }
    let method = line.split(|octet| *octet == b' ').next().unwrap_or_default();
    let version = line.len().checked_sub(8).map_or(&[][..], |at| &line[at..]);
    !method.is_empty()
        && method.len() + 8 < line.len()
        && method.iter().all(|octet| is_token(*octet))
        && version.eq_ignore_ascii_case(b" SIP/2.0")
}

/// Whether a line could be a header field: a token and a colon.
pub fn is_header_line(line: &[u8]) -> bool {
    let name = line.split(|octet| *octet == b':').next().unwrap_or_default();
    name.len() < line.len() && !name.is_empty() && name.trim_ascii_end().iter().all(|o| is_token(*o))
}

/// Up to the first line feed, without the line end.
pub fn first_line(data: &[u8]) -> &[u8] {
    let line = data.split(|octet| *octet == b'\n').next().unwrap_or_default();
    line.strip_suffix(b"\r").unwrap_or(line)
}

/// Whether it begins as a line of text does: neither the binary octets of RTP, STUN and TLS nor
/// white space only.
pub fn is_text(line: &[u8]) -> bool {
    line.first().is_some_and(u8::is_ascii_graphic) && !line.contains(&0)
}

/// RFC 3261 section 25.1, `token`.
fn is_token(octet: u8) -> bool {
    octet.is_ascii_alphanumeric() || b"-.!%*_+`'~".contains(&octet)
}

fn strip_prefix_ignoring_case<'a>(data: &'a [u8], prefix: &[u8]) -> Option<&'a [u8]> {
    let (head, rest) = data.split_at_checked(prefix.len())?;
    head.eq_ignore_ascii_case(prefix).then_some(rest)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn start_lines() {
        for line in ["INVITE sip:a@b SIP/2.0", "SIP/2.0 200 OK", "SIP/2.0 200 ", "N3W-M sip:a@b  SIP/2.0 "] {
            assert!(is_start_line(line.as_bytes()), "{line}");
        }
        for line in ["GET / HTTP/1.1", "SIP/2.0", " SIP/2.0", "", "Via: SIP/2.0/UDP a SIP/2.0"] {
            assert!(!is_start_line(line.as_bytes()), "{line}");
        }
    }

    #[test]
    fn broken_messages_count_on_ports_of_sip_only() {
        let broken = b"INVITE sip:a@b SIP/7.0\r\nVia: x\r\n\r\n";
        assert!(in_datagram(broken, true).is_some());
        assert!(in_datagram(broken, false).is_none());
    }

    #[test]
    fn keep_alives_rtp_and_stun_are_not_sip() {
        let stun = [0x00, 0x01, 0x00, 0x00, 0x21, 0x12, 0xa4, 0x42, b'\n'];
        let rtp = [0x80, 0x08, 0x00, 0x01, b'\n', 1, 2, 3];
        for payload in [&b"\r\n\r\n"[..], b"\0\0\0\0", b"", b" \r\n", &stun, &rtp] {
            assert_eq!(in_datagram(payload, true), None);
        }
    }

    #[test]
    fn line_ends_before_a_message_are_left_out() {
        let message = b"\r\n\r\nSIP/2.0 200 OK\r\n\r\n";
        assert_eq!(in_datagram(message, false), Some(&message[4..]));
    }
}
