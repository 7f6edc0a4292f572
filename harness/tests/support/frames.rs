//! Builds frames for tests, with good checksums.
#![allow(dead_code, missing_docs, clippy::unwrap_used)]

use std::net::{IpAddr, SocketAddr};

use sipfarm_core::Instant;
use sipfarm_core::frame::{Frame, LinkType};

pub const ICMP: u8 = 1;
pub const TCP: u8 = 6;
pub const UDP: u8 = 17;
pub const FRAGMENT_HEADER: u8 = 44;
pub const ICMPV6: u8 = 58;

pub const FIN: u8 = 0x01;
pub const SYN: u8 = 0x02;
pub const RST: u8 = 0x04;
pub const PSH: u8 = 0x08;
pub const ACK: u8 = 0x10;

pub fn addr(text: &str) -> SocketAddr {
    text.parse().unwrap()
}

/// An Ethernet frame at a time in nanoseconds.
pub fn ethernet(at: i64, packet: &[u8]) -> Frame {
    let mut data = vec![2, 0, 0, 0, 0, 2, 2, 0, 0, 0, 0, 1];
    data.extend(if packet[0] >> 4 == 6 { [0x86, 0xdd] } else { [0x08, 0x00] });
    data.extend_from_slice(packet);
    Frame { at: Instant::from_nanos(at), link: LinkType::ETHERNET, data }
}

/// A UDP datagram in an Ethernet frame.
pub fn datagram(at: i64, src: &str, dst: &str, payload: &[u8]) -> Frame {
    let (src, dst) = (addr(src), addr(dst));
    ethernet(at, &ip(src.ip(), dst.ip(), UDP, &udp(src, dst, payload)))
}

/// A TCP segment in an Ethernet frame.
pub fn segment(
    at: i64,
    src: &str,
    dst: &str,
    flags: u8,
    sequence: u32,
    acknowledged: u32,
    payload: &[u8],
) -> Frame {
    let (src, dst) = (addr(src), addr(dst));
    ethernet(at, &ip(src.ip(), dst.ip(), TCP, &tcp(src, dst, flags, sequence, acknowledged, payload)))
}

pub fn udp(src: SocketAddr, dst: SocketAddr, payload: &[u8]) -> Vec<u8> {
    let mut out = Vec::new();
    out.extend(src.port().to_be_bytes());
    out.extend(dst.port().to_be_bytes());
    out.extend((payload.len() as u16 + 8).to_be_bytes());
    out.extend([0, 0]);
    out.extend_from_slice(payload);
    with_checksum(out, 6, src.ip(), dst.ip(), UDP)
}

pub fn tcp(
    src: SocketAddr,
    dst: SocketAddr,
    flags: u8,
    sequence: u32,
    acknowledged: u32,
    payload: &[u8],
) -> Vec<u8> {
    let mut out = Vec::new();
    out.extend(src.port().to_be_bytes());
    out.extend(dst.port().to_be_bytes());
    out.extend(sequence.to_be_bytes());
    out.extend(acknowledged.to_be_bytes());
    out.extend([5 << 4, flags, 0xff, 0xff, 0, 0, 0, 0]);
    out.extend_from_slice(payload);
    with_checksum(out, 16, src.ip(), dst.ip(), TCP)
}

/// An ICMP or ICMPv6 error that quotes an IP packet.
pub fn icmp(src: IpAddr, dst: IpAddr, kind: u8, code: u8, quoted: &[u8]) -> Vec<u8> {
    let mut out = vec![kind, code, 0, 0, 0, 0, 0, 0];
    out.extend_from_slice(quoted);
    let protocol = if src.is_ipv4() { ICMP } else { ICMPV6 };
    ip(src, dst, protocol, &with_checksum(out, 2, src, dst, protocol))
}

pub fn ip(src: IpAddr, dst: IpAddr, protocol: u8, payload: &[u8]) -> Vec<u8> {
    match (src, dst) {
        (IpAddr::V4(_), IpAddr::V4(_)) => ipv4(src, dst, protocol, 0, 0, payload),
        _ => ipv6(src, dst, protocol, payload),
    }
}

/// `flags_and_offset` as in the header: 0x2000 for more fragments, the offset in units of eight.
pub fn ipv4(
    src: IpAddr,
    dst: IpAddr,
    protocol: u8,
    id: u16,
    flags_and_offset: u16,
    payload: &[u8],
) -> Vec<u8> {
    let mut out = vec![0x45, 0];
    out.extend((payload.len() as u16 + 20).to_be_bytes());
    out.extend(id.to_be_bytes());
    out.extend(flags_and_offset.to_be_bytes());
    out.extend([64, protocol, 0, 0]);
    out.extend(octets(src));
    out.extend(octets(dst));
    let checksum = sum(&out).to_be_bytes();
    out[10..12].copy_from_slice(&checksum);
    out.extend_from_slice(payload);
    out
}

pub fn ipv6(src: IpAddr, dst: IpAddr, next_header: u8, payload: &[u8]) -> Vec<u8> {
    let mut out = vec![0x60, 0, 0, 0];
    out.extend((payload.len() as u16).to_be_bytes());
    out.extend([next_header, 64]);
    out.extend(octets(src));
    out.extend(octets(dst));
    out.extend_from_slice(payload);
    out
}

/// The packets that carry an IP payload in fragments of `size` octets (a multiple of eight).
pub fn fragments(src: IpAddr, dst: IpAddr, protocol: u8, payload: &[u8], size: usize) -> Vec<Vec<u8>> {
    let count = payload.len().div_ceil(size);
    let pieces = payload.chunks(size).enumerate();
    pieces
        .map(|(n, piece)| {
            let (offset, more) = ((n * size) as u16, n + 1 < count);
            if src.is_ipv4() {
                return ipv4(src, dst, protocol, 77, (offset / 8) | if more { 0x2000 } else { 0 }, piece);
            }
            let mut body = vec![protocol, 0];
            body.extend((offset | u16::from(more)).to_be_bytes());
            body.extend(77u32.to_be_bytes());
            body.extend_from_slice(piece);
            ipv6(src, dst, FRAGMENT_HEADER, &body)
        })
        .collect()
}

fn with_checksum(mut data: Vec<u8>, at: usize, src: IpAddr, dst: IpAddr, protocol: u8) -> Vec<u8> {
    let mut covered = Vec::new();
    if protocol != ICMP {
        covered.extend(octets(src));
        covered.extend(octets(dst));
        covered.extend((data.len() as u32).to_be_bytes());
        covered.extend([0, 0, 0, protocol]);
    }
    covered.extend_from_slice(&data);
    let checksum = sum(&covered).to_be_bytes();
    data[at..at + 2].copy_from_slice(&checksum);
    data
}

/// The internet checksum (RFC 1071).
fn sum(data: &[u8]) -> u16 {
    let words = data.chunks(2).map(|pair| u32::from(pair[0]) << 8 | u32::from(*pair.get(1).unwrap_or(&0)));
    let mut sum: u32 = words.sum();
    while sum > 0xffff {
        sum = (sum & 0xffff) + (sum >> 16);
    }
    !(sum as u16)
}

fn octets(addr: IpAddr) -> Vec<u8> {
    match addr {
        IpAddr::V4(addr) => addr.octets().to_vec(),
        IpAddr::V6(addr) => addr.octets().to_vec(),
    }
}
