//! IP packets and Ethernet frames with every header and checksum in place: what the simulated
//! network puts on its wire, and what socket evidence is written down as.

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr};

use pnet::packet::ethernet::{EtherTypes, MutableEthernetPacket};
use pnet::packet::icmp::{self, IcmpCode, IcmpType, MutableIcmpPacket};
use pnet::packet::icmpv6::{self, Icmpv6Code, Icmpv6Type, MutableIcmpv6Packet};
use pnet::packet::ip::{IpNextHeaderProtocol, IpNextHeaderProtocols};
use pnet::packet::ipv4::{self, Ipv4Flags, MutableIpv4Packet};
use pnet::packet::ipv6::MutableIpv6Packet;
use pnet::packet::tcp::{self, MutableTcpPacket, TcpFlags};
use pnet::packet::udp::{self, MutableUdpPacket};
use pnet::util::MacAddr;
use sipfarm_core::Instant;
use sipfarm_core::frame::{Frame, LinkType};
use sipfarm_core::machine::{IcmpKind, Quoted};

/// The longest payload of a UDP datagram over IPv4: what 16 bits of total length leave.
pub const MAX_DATAGRAM: usize = 65_535 - IPV4_HEADER - UDP_HEADER;

/// The octets of a TCP segment that one Ethernet frame holds over IPv4 or IPv6.
pub fn max_segment(addr: IpAddr) -> usize {
    1_500 - TCP_HEADER - if addr.is_ipv4() { IPV4_HEADER } else { IPV6_HEADER }
}

const ETHERNET_HEADER: usize = 14;
const IPV4_HEADER: usize = 20;
const IPV6_HEADER: usize = 40;
const UDP_HEADER: usize = 8;
const TCP_HEADER: usize = 20;
const ICMP_HEADER: usize = 8;
/// What every host starts with; Linux does so too.
const TTL: u8 = 64;

/// A TCP segment without its ports.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Segment {
    /// Sequence number of the first octet, or of SYN.
    pub sequence: u32,
    /// Next sequence number expected of the peer, when `ACK` is set.
    pub acknowledgement: u32,
    /// The control bits, as in [`flags`].
    pub flags: u8,
    /// The octets.
    pub payload: Vec<u8>,
}

/// The control bits of a TCP header.
pub mod flags {
    use super::TcpFlags;
    /// No more data from the sender.
    pub const FIN: u8 = TcpFlags::FIN;
    /// Synchronise sequence numbers.
    pub const SYN: u8 = TcpFlags::SYN;
    /// Reset the connection.
    pub const RST: u8 = TcpFlags::RST;
    /// Push the data on to the application.
    pub const PSH: u8 = TcpFlags::PSH;
    /// The acknowledgement number counts.
    pub const ACK: u8 = TcpFlags::ACK;
}

/// An IP packet with a UDP datagram. `id` becomes the IPv4 identification.
///
/// # Panics
/// When the addresses are of different families, or the payload is longer than [`MAX_DATAGRAM`].
pub fn udp_packet(source: SocketAddr, destination: SocketAddr, id: u16, payload: &[u8]) -> Vec<u8> {
    let length = UDP_HEADER + payload.len();
    let mut datagram = vec![0; length];
    let mut udp = MutableUdpPacket::new(&mut datagram).expect("room for the header");
    udp.set_source(source.port());
    udp.set_destination(destination.port());
    udp.set_length(length as u16);
    udp.set_payload(payload);
    let sum = match (source.ip(), destination.ip()) {
        (IpAddr::V4(from), IpAddr::V4(to)) => udp::ipv4_checksum(&udp.to_immutable(), &from, &to),
        (IpAddr::V6(from), IpAddr::V6(to)) => udp::ipv6_checksum(&udp.to_immutable(), &from, &to),
        _ => panic!("{source} and {destination} are of different families"),
    };
    // Zero would say that there is no checksum (RFC 768).
    udp.set_checksum(if sum == 0 { 0xffff } else { sum });
    ip_packet(source.ip(), destination.ip(), IpNextHeaderProtocols::Udp, id, &datagram)
}

/// An IP packet with a TCP segment. A SYN carries the maximum segment size.
///
/// # Panics
/// When the addresses are of different families, or the segment is longer than a packet.
pub fn tcp_packet(source: SocketAddr, destination: SocketAddr, id: u16, segment: &Segment) -> Vec<u8> {
    let options: Vec<u8> = if segment.flags & flags::SYN != 0 {
        let size = (max_segment(source.ip()) as u16).to_be_bytes();
        vec![2, 4, size[0], size[1]]
    } else {
        Vec::new()
    };
    let header = TCP_HEADER + options.len();
    let mut octets = vec![0; header + segment.payload.len()];
    octets[TCP_HEADER..header].copy_from_slice(&options);
    octets[header..].copy_from_slice(&segment.payload);
    let mut tcp = MutableTcpPacket::new(&mut octets).expect("room for the header");
    tcp.set_source(source.port());
    tcp.set_destination(destination.port());
    tcp.set_sequence(segment.sequence);
    tcp.set_acknowledgement(segment.acknowledgement);
    tcp.set_data_offset((header / 4) as u8);
    tcp.set_flags(segment.flags);
    tcp.set_window(u16::MAX);
    let sum = match (source.ip(), destination.ip()) {
        (IpAddr::V4(from), IpAddr::V4(to)) => tcp::ipv4_checksum(&tcp.to_immutable(), &from, &to),
        (IpAddr::V6(from), IpAddr::V6(to)) => tcp::ipv6_checksum(&tcp.to_immutable(), &from, &to),
        _ => panic!("{source} and {destination} are of different families"),
    };
    tcp.set_checksum(sum);
    ip_packet(source.ip(), destination.ip(), IpNextHeaderProtocols::Tcp, id, &octets)
}

/// An IP packet with an ICMP error that quotes the IP packet `offending`: as much of it as
/// RFC 1812 section 4.3.2.3 (576 octets in all) and RFC 4443 section 2.4 (1280 in all) let in,
/// which is never less than the IP header and the 8 octets of RFC 792.
///
/// # Panics
/// When the addresses are of different families, or not of the family of `kind`.
pub fn icmp_packet(
    source: IpAddr,
    destination: IpAddr,
    id: u16,
    kind: IcmpKind,
    offending: &[u8],
) -> Vec<u8> {
    let room = if kind.v6 { 1_280 - IPV6_HEADER } else { 576 - IPV4_HEADER } - ICMP_HEADER;
    let quote = &offending[..offending.len().min(room)];
    let mut octets = vec![0; ICMP_HEADER + quote.len()];
    octets[ICMP_HEADER..].copy_from_slice(quote);
    match (kind.v6, source, destination) {
        (false, IpAddr::V4(_), IpAddr::V4(_)) => {
            let mut icmp = MutableIcmpPacket::new(&mut octets).expect("room for the header");
            icmp.set_icmp_type(IcmpType(kind.kind));
            icmp.set_icmp_code(IcmpCode(kind.code));
            icmp.set_checksum(icmp::checksum(&icmp.to_immutable()));
            ip_packet(source, destination, IpNextHeaderProtocols::Icmp, id, &octets)
        }
        (true, IpAddr::V6(from), IpAddr::V6(to)) => {
            let mut icmp = MutableIcmpv6Packet::new(&mut octets).expect("room for the header");
            icmp.set_icmpv6_type(Icmpv6Type(kind.kind));
            icmp.set_icmpv6_code(Icmpv6Code(kind.code));
            icmp.set_checksum(icmpv6::checksum(&icmp.to_immutable(), &from, &to));
            ip_packet(source, destination, IpNextHeaderProtocols::Icmpv6, id, &octets)
        }
        _ => panic!("{kind:?} from {source} to {destination} mixes families"),
    }
}

/// An IP packet with an ICMP error about a datagram that may never have been sent; `None` when the
/// families do not fit together, or the datagram would be too long.
pub fn forged_icmp(source: IpAddr, kind: IcmpKind, quoted: &Quoted) -> Option<Vec<u8>> {
    let addresses = [source, quoted.source.ip(), quoted.destination.ip()];
    let fits = addresses.iter().all(|addr| addr.is_ipv6() == kind.v6) && quoted.payload.len() <= MAX_DATAGRAM;
    fits.then(|| {
        let offending = udp_packet(quoted.source, quoted.destination, 0, &quoted.payload);
        icmp_packet(source, quoted.source.ip(), 0, kind, &offending)
    })
}

/// An Ethernet II frame around an IP packet made by this module. Each IP address has an Ethernet
/// address of its own, derived from it.
pub fn ethernet(at: Instant, packet: &[u8]) -> Frame {
    let (kind, source, destination) = match packet[0] >> 4 {
        4 => (EtherTypes::Ipv4, &packet[12..16], &packet[16..20]),
        _ => (EtherTypes::Ipv6, &packet[8..24], &packet[24..40]),
    };
    let mut data = vec![0; ETHERNET_HEADER + packet.len()];
    data[ETHERNET_HEADER..].copy_from_slice(packet);
    let mut frame = MutableEthernetPacket::new(&mut data).expect("room for the header");
    frame.set_ethertype(kind);
    frame.set_source(station(source));
    frame.set_destination(station(destination));
    Frame { at, link: LinkType::ETHERNET, data }
}

/// A locally administered Ethernet address that shows the last four octets of the IP address.
fn station(ip: &[u8]) -> MacAddr {
    let folded = ip.iter().fold(0_u8, |sum, octet| sum.rotate_left(1) ^ octet);
    let [a, b, c, d] = [ip[ip.len() - 4], ip[ip.len() - 3], ip[ip.len() - 2], ip[ip.len() - 1]];
    MacAddr(0x02, if ip.len() == 4 { 0 } else { folded }, a, b, c, d)
}

/// What an IP packet made by this module carries.
pub fn body(packet: &[u8]) -> &[u8] {
    &packet[if packet[0] >> 4 == 4 { IPV4_HEADER } else { IPV6_HEADER }..]
}

fn ip_packet(
    source: IpAddr,
    destination: IpAddr,
    next: IpNextHeaderProtocol,
    id: u16,
    body: &[u8],
) -> Vec<u8> {
    match (source, destination) {
        (IpAddr::V4(from), IpAddr::V4(to)) => ipv4_packet(from, to, next, id, body),
        (IpAddr::V6(from), IpAddr::V6(to)) => ipv6_packet(from, to, next, body),
        _ => panic!("{source} and {destination} are of different families"),
    }
}

fn ipv4_packet(from: Ipv4Addr, to: Ipv4Addr, next: IpNextHeaderProtocol, id: u16, body: &[u8]) -> Vec<u8> {
    let length = IPV4_HEADER + body.len();
    let mut octets = vec![0; length];
    octets[IPV4_HEADER..].copy_from_slice(body);
    let mut ip = MutableIpv4Packet::new(&mut octets).expect("room for the header");
    ip.set_version(4);
    ip.set_header_length(5);
    ip.set_total_length(u16::try_from(length).expect("a packet of at most 65535 octets"));
    ip.set_identification(id);
    if next == IpNextHeaderProtocols::Tcp {
        ip.set_flags(Ipv4Flags::DontFragment);
    }
    ip.set_ttl(TTL);
    ip.set_next_level_protocol(next);
    ip.set_source(from);
    ip.set_destination(to);
    ip.set_checksum(ipv4::checksum(&ip.to_immutable()));
    octets
}

fn ipv6_packet(from: Ipv6Addr, to: Ipv6Addr, next: IpNextHeaderProtocol, body: &[u8]) -> Vec<u8> {
    let mut octets = vec![0; IPV6_HEADER + body.len()];
    octets[IPV6_HEADER..].copy_from_slice(body);
    let mut ip = MutableIpv6Packet::new(&mut octets).expect("room for the header");
    ip.set_version(6);
    ip.set_payload_length(u16::try_from(body.len()).expect("a packet of at most 65535 octets"));
    ip.set_next_header(next);
    ip.set_hop_limit(TTL);
    ip.set_source(from);
    ip.set_destination(to);
    octets
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use proptest::prelude::*;

    use super::*;

    /// The sum of RFC 1071, written down again so that the expectation is our own.
    fn sum(parts: &[&[u8]]) -> u16 {
        let octets: Vec<u8> = parts.concat();
        let words =
            octets.chunks(2).map(|word| u32::from(word[0]) << 8 | u32::from(*word.get(1).unwrap_or(&0)));
        let mut total: u32 = words.sum();
        while total > 0xffff {
            total = (total & 0xffff) + (total >> 16);
        }
        total as u16
    }

    /// What is summed with the body: addresses, protocol and length (RFC 9293 section 3.1,
    /// RFC 8200 section 8.1).
    fn pseudo_header(packet: &[u8], protocol: u8, length: usize) -> Vec<u8> {
        let addresses = if packet[0] >> 4 == 4 { &packet[12..20] } else { &packet[8..40] };
        let length = (length as u32).to_be_bytes();
        [addresses, &[0, protocol], &length].concat()
    }

    fn assert_sums(packet: &[u8], protocol: u8) {
        let v4 = packet[0] >> 4 == 4;
        if v4 {
            assert_eq!(sum(&[&packet[..IPV4_HEADER]]), 0xffff, "IPv4 header");
            assert_eq!(usize::from(u16::from_be_bytes([packet[2], packet[3]])), packet.len());
            assert_eq!((packet[8], packet[9]), (64, protocol));
        } else {
            assert_eq!(usize::from(u16::from_be_bytes([packet[4], packet[5]])), packet.len() - IPV6_HEADER);
            assert_eq!((packet[6], packet[7]), (protocol, 64));
        }
        let body = body(packet);
        let pseudo = pseudo_header(packet, protocol, body.len());
        let pseudo: &[u8] = if protocol == 1 { &[] } else { &pseudo };
        assert_eq!(sum(&[pseudo, body]), 0xffff, "protocol {protocol}");
    }

    fn addresses(v6: bool) -> (SocketAddr, SocketAddr) {
        let text = if v6 { ("[fd00::1]:5060", "[fd00::2]:5061") } else { ("10.1.2.3:5060", "10.1.2.4:5061") };
        (text.0.parse().unwrap(), text.1.parse().unwrap())
    }

    proptest! {
        #[test]
        fn every_checksum_is_right(v6: bool, id: u16, sequence: u32, control in 0_u8..64, payload: Vec<u8>) {
            let (from, to) = addresses(v6);
            let datagram = udp_packet(from, to, id, &payload);
            assert_sums(&datagram, 17);
            prop_assert_eq!(&body(&datagram)[UDP_HEADER..], &payload[..]);
            let segment = Segment { sequence, acknowledgement: !sequence, flags: control, payload };
            assert_sums(&tcp_packet(from, to, id, &segment), 6);
            let kind = IcmpKind::port_unreachable(to.ip());
            let icmp = icmp_packet(to.ip(), from.ip(), id, kind, &datagram);
            assert_sums(&icmp, if v6 { 58 } else { 1 });
        }
    }

    #[test]
    fn a_checksum_of_zero_is_sent_as_ones() {
        let (from, to) = addresses(false);
        let sums = (0..=u16::MAX).map(|n| {
            let packet = udp_packet(from, to, 0, &n.to_be_bytes());
            u16::from_be_bytes([packet[26], packet[27]])
        });
        // Of all 65536 values exactly one payload would sum up to zero, and two give ones.
        let sums: Vec<_> = sums.collect();
        assert_eq!(sums.iter().filter(|sum| **sum == 0).count(), 0);
        assert!(sums.contains(&0xffff));
    }

    #[test]
    fn icmp_quotes_as_much_as_the_rfcs_let_in() {
        for (v6, whole) in [(false, 576), (true, 1_280)] {
            let (from, to) = addresses(v6);
            let offending = udp_packet(from, to, 0, &[b'x'; 2_000]);
            let icmp = icmp_packet(to.ip(), from.ip(), 0, IcmpKind::port_unreachable(to.ip()), &offending);
            assert_eq!(icmp.len(), whole);
            let quote = &body(&icmp)[ICMP_HEADER..];
            assert_eq!(quote, &offending[..quote.len()]);
        }
    }

    #[test]
    fn a_syn_tells_its_maximum_segment_size() {
        let (from, to) = addresses(false);
        let syn = Segment { sequence: 7, acknowledgement: 0, flags: flags::SYN, payload: Vec::new() };
        let packet = tcp_packet(from, to, 0, &syn);
        assert_eq!(body(&packet)[12] >> 4, 6, "header words");
        assert_eq!(body(&packet)[20..24], [2, 4, 0x05, 0xb4], "1460");
        assert_eq!(max_segment(addresses(true).0.ip()), 1_440);
    }

    #[test]
    fn a_frame_shows_whom_it_is_from_and_to() {
        let (from, to) = addresses(false);
        let at = Instant::from_nanos(5);
        let frame = ethernet(at, &udp_packet(from, to, 0, b"hello"));
        assert_eq!((frame.at, frame.link), (at, LinkType::ETHERNET));
        assert_eq!(frame.data[..14], [2, 0, 10, 1, 2, 4, 2, 0, 10, 1, 2, 3, 0x08, 0x00]);
        let (from, to) = addresses(true);
        assert_eq!(ethernet(at, &udp_packet(from, to, 0, b"hello")).data[12..14], [0x86, 0xdd]);
    }
}
