//! ICMP and ICMPv6 errors and the packet that they quote (RFC 792, RFC 4443).

use std::net::{IpAddr, SocketAddr};

use sipfarm_core::machine::{IcmpKind, Transport};
use sipfarm_core::rtp::RtpHeader;
use sipfarm_judge::timeline::IcmpEvent;

use super::ip::{self, protocol};
use super::octets::{u8_at, u16_at};

/// The types of ICMP that report on a packet: destination unreachable, source quench, redirect,
/// time exceeded, parameter problem.
const ERRORS_V4: [u8; 5] = [3, 4, 5, 11, 12];
/// In ICMPv6, types below this are errors (RFC 4443 section 2.1).
const FIRST_INFORMATIONAL_V6: u8 = 128;

/// Reads an error; `None` for echo, router and neighbour messages.
pub fn parse(src: IpAddr, dst: IpAddr, data: &[u8]) -> Option<IcmpEvent> {
    let kind = IcmpKind { v6: src.is_ipv6(), kind: u8_at(data, 0)?, code: u8_at(data, 1)? };
    let is_error = if kind.v6 { kind.kind < FIRST_INFORMATIONAL_V6 } else { ERRORS_V4.contains(&kind.kind) };
    is_error.then(|| IcmpEvent { src, dst, kind, quoted: data.get(8..).and_then(quoted) })
}

/// Whether an error quotes a packet that can be RTP.
pub fn quotes_rtp(data: &[u8]) -> bool {
    let packet = data.get(8..).and_then(ip::parse).filter(|packet| packet.protocol == protocol::UDP);
    packet.is_some_and(|packet| packet.payload.get(8..).and_then(RtpHeader::read).is_some())
}

/// Transport, source and destination of the quoted packet, as far as it is quoted.
fn quoted(data: &[u8]) -> Option<(Transport, SocketAddr, SocketAddr)> {
    let packet = ip::parse(data)?;
    if packet.fragment.is_some_and(|fragment| fragment.offset > 0) {
        return None; // no ports in it
    }
    let transport = match packet.protocol {
        protocol::UDP => Transport::Udp,
        protocol::TCP => Transport::Tcp,
        _ => return None,
    };
    let src = SocketAddr::new(packet.src, u16_at(packet.payload, 0)?);
    let dst = SocketAddr::new(packet.dst, u16_at(packet.payload, 2)?);
    Some((transport, src, dst))
}
