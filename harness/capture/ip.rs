//! The network layer: IPv4 (RFC 791) and IPv6 (RFC 8200) with options and extension headers.

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};

use super::octets::{array_at, u8_at, u16_at, u32_at};

/// Protocol numbers as registered with IANA.
pub mod protocol {
    /// ICMP for IPv4.
    pub const ICMP: u8 = 1;
    /// TCP.
    pub const TCP: u8 = 6;
    /// UDP.
    pub const UDP: u8 = 17;
    /// ICMP for IPv6.
    pub const ICMPV6: u8 = 58;
}

const HOP_BY_HOP: u8 = 0;
const ROUTING: u8 = 43;
const FRAGMENT: u8 = 44;
const AUTHENTICATION: u8 = 51;
const DESTINATION: u8 = 60;
const MOBILITY: u8 = 135;
const HIP: u8 = 139;
const SHIM6: u8 = 140;

/// One IP packet, or a fragment of one.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct IpPacket<'a> {
    /// Sender.
    pub src: IpAddr,
    /// Receiver.
    pub dst: IpAddr,
    /// What the payload is. In a later IPv6 fragment: what the first fragment's payload begins with.
    pub protocol: u8,
    /// What the packet carries, without padding of the link layer.
    pub payload: &'a [u8],
    /// Octets at the end that the packet had and the capture does not.
    pub cut_off: usize,
    /// Its place in the whole, when it is a fragment.
    pub fragment: Option<Fragment>,
}

/// A fragment's place in its packet.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Fragment {
    /// The identification that all fragments of a packet share.
    pub id: u32,
    /// Where its payload starts in the whole, in octets.
    pub offset: usize,
    /// Whether others follow it.
    pub more: bool,
}

/// Reads an IPv4 or IPv6 packet; `None` when it is neither.
pub fn parse(data: &[u8]) -> Option<IpPacket<'_>> {
    match u8_at(data, 0)? >> 4 {
        4 => parse_v4(data),
        6 => parse_v6(data),
        _ => None,
    }
}

fn parse_v4(data: &[u8]) -> Option<IpPacket<'_>> {
    let header_octets = usize::from(u8_at(data, 0)? & 0x0f) * 4;
    let flags = u16_at(data, 6)?;
    let fragment = Fragment {
        id: u32::from(u16_at(data, 4)?),
        offset: usize::from(flags & 0x1fff) * 8,
        more: flags & 0x2000 != 0,
    };
    if header_octets < 20 {
        return None;
    }
    // A length of zero is what a capture shows of segments that the network card will cut.
    let total_octets = match usize::from(u16_at(data, 2)?) {
        0 => data.len(),
        octets => octets,
    };
    let body = data.get(header_octets..)?;
    let (payload, cut_off) = within(body, total_octets.checked_sub(header_octets)?);
    Some(IpPacket {
        src: IpAddr::V4(Ipv4Addr::from(array_at::<4>(data, 12)?)),
        dst: IpAddr::V4(Ipv4Addr::from(array_at::<4>(data, 16)?)),
        protocol: u8_at(data, 9)?,
        payload,
        cut_off,
        fragment: (fragment.more || fragment.offset > 0).then_some(fragment),
    })
}

fn parse_v6(data: &[u8]) -> Option<IpPacket<'_>> {
    let body = data.get(40..)?;
    // Zero stands for a jumbo payload or for segments that the network card will cut.
    let payload_octets = match usize::from(u16_at(data, 4)?) {
        0 => body.len(),
        octets => octets,
    };
    let (payload, cut_off) = within(body, payload_octets);
    let (protocol, payload, fragment) = after_extensions(u8_at(data, 6)?, payload)?;
    Some(IpPacket {
        src: IpAddr::V6(Ipv6Addr::from(array_at::<16>(data, 8)?)),
        dst: IpAddr::V6(Ipv6Addr::from(array_at::<16>(data, 24)?)),
        protocol,
        payload,
        cut_off,
        fragment,
    })
}

/// Walks the extension headers of IPv6 up to the transport header or up to a fragment header that
/// says that there is more to come (RFC 8200 section 4).
pub fn after_extensions(mut header: u8, mut data: &[u8]) -> Option<(u8, &[u8], Option<Fragment>)> {
    loop {
        let octets = match header {
            HOP_BY_HOP | ROUTING | DESTINATION | MOBILITY | HIP | SHIM6 => {
                usize::from(u8_at(data, 1)?) * 8 + 8
            }
            AUTHENTICATION => usize::from(u8_at(data, 1)?) * 4 + 8,
            FRAGMENT => 8,
            _ => return Some((header, data, None)),
        };
        let next = u8_at(data, 0)?;
        let rest = data.get(octets..)?;
        if header == FRAGMENT {
            let place = u16_at(data, 2)?;
            let fragment =
                Fragment { id: u32_at(data, 4)?, offset: usize::from(place & 0xfff8), more: place & 1 != 0 };
            // Both zero: an atomic fragment, which is a whole packet (RFC 6946).
            if fragment.more || fragment.offset > 0 {
                return Some((next, rest, Some(fragment)));
            }
        }
        (header, data) = (next, rest);
    }
}

/// The first `octets` of what is there, and how many of them are not.
fn within(data: &[u8], octets: usize) -> (&[u8], usize) {
    let there = octets.min(data.len());
    (&data[..there], octets - there)
}
/// The sum of RFC 1071 over a payload and, of protocols that have one, the pseudo-header between two addresses (RFC 768,
/// RFC 9293, RFC 8200 section 8.1).
pub fn sum(protocol: u8, between: Option<(IpAddr, IpAddr)>, payload: &[u8]) -> u16 {
    let of = |octets: &[u8]| -> u64 {
        octets.chunks(2).map(|pair| u64::from(pair[0]) << 8 | u64::from(*pair.get(1).unwrap_or(&0))).sum()
    };
    let mut sum = of(payload);
    if let Some((src, dst)) = between {
        sum += u64::from(protocol) + payload.len() as u64;
        for addr in [src, dst] {
            sum += match addr {
                IpAddr::V4(addr) => of(&addr.octets()),
                IpAddr::V6(addr) => of(&addr.octets()),
            };
        }
    }
    while sum > 0xffff {
        sum = (sum & 0xffff) + (sum >> 16);
    }
    sum as u16
}

/// Whether a whole UDP datagram has the checksum that it says, or says none (RFC 768).
pub fn udp_checksum_fits(src: IpAddr, dst: IpAddr, datagram: &[u8]) -> bool {
    let octets = u16_at(datagram, 4).map_or(0, usize::from);
    let datagram = datagram.get(..octets).filter(|_| octets >= 8).unwrap_or(datagram);
    u16_at(datagram, 6).is_none_or(|said| said == 0)
        || sum(protocol::UDP, Some((src, dst)), datagram) == 0xffff
}
