//! TCP (RFC 9293): the life of connections, and their streams put together in order.

use std::net::{IpAddr, SocketAddr};

use sipfarm_core::Instant;
use sipfarm_judge::timeline::{Event, EventKind, TcpEvent, TcpStep};

use super::octets::{u8_at, u16_at, u32_at};
use super::sip::SipPorts;

const FIN: u8 = 0x01;
const SYN: u8 = 0x02;
const RST: u8 = 0x04;
const ACK: u8 = 0x10;

/// A segment.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
struct Segment<'a> {
    src: SocketAddr,
    dst: SocketAddr,
    sequence: u32,
    /// The acknowledgement number, where there is one.
    acknowledged: Option<u32>,
    flags: u8,
    payload: &'a [u8],
}

impl<'a> Segment<'a> {
    fn parse((src, dst): (IpAddr, IpAddr), data: &'a [u8]) -> Option<Self> {
        let header_octets = usize::from(u8_at(data, 12)? >> 4) * 4;
        let flags = u8_at(data, 13)?;
        if header_octets < 20 {
            return None;
        }
        Some(Segment {
            src: SocketAddr::new(src, u16_at(data, 0)?),
            dst: SocketAddr::new(dst, u16_at(data, 2)?),
            sequence: u32_at(data, 4)?,
            acknowledged: (flags & ACK != 0).then_some(u32_at(data, 8)?),
            flags,
            payload: data.get(header_octets..)?,
        })
    }

    fn step(&self) -> Option<TcpStep> {
        match self.flags {
            flags if flags & RST != 0 => Some(TcpStep::Rst),
            flags if flags & (SYN | ACK) == SYN | ACK => Some(TcpStep::SynAck),
            flags if flags & SYN != 0 => Some(TcpStep::Syn),
            flags if flags & FIN != 0 => Some(TcpStep::Fin),
            _ => None,
        }
    }
}

/// All connections that the capture shows. What it holds is bounded.
#[derive(Debug, Default)]
pub struct Streams {}

impl Streams {
    /// Takes a segment; gives the messages that it completed and what it does to its connection.
    pub fn push(
        &mut self,
        at: Instant,
        packets: &[u32],
        way: (IpAddr, IpAddr),
        data: &[u8],
        _ports: &SipPorts,
    ) -> Option<Vec<Event>> {
        let segment = Segment::parse(way, data)?;
        let mut events = Vec::new();
        if let Some(what) = segment.step() {
            let kind = EventKind::Tcp(TcpEvent { src: segment.src, dst: segment.dst, what });
            events.push(Event { at, packets: packets.to_vec(), kind });
        }
        Some(events)
    }
}
