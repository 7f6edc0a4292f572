//! Fragments of IP packets, put together again (RFC 791 section 3.2, RFC 8200 section 4.5).

use std::net::IpAddr;

use sipfarm_core::{Instant, Span};

use super::ip::{Fragment, IpPacket};
use super::whose::Whose;

/// Packets that wait for fragments at one time; the oldest gives way, and before it those that do not matter.
const MAX_WAITING: usize = 64;
/// Fragments of one packet.
const MAX_FRAGMENTS: usize = 128;
/// The longest payload of an IP packet, in octets.
const MAX_OCTETS: usize = 65_535;
/// How long a packet may take to become whole. A receiver waits for 60 s (RFC 8200 section 4.5); a capture sees the pieces
/// as they leave, one after the other, and later ones may be of another packet with the same identification.
const PATIENCE: Span = Span::from_secs(2);

/// An IP packet put together from its fragments.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Whole {
    /// What the first fragment's payload begins with.
    pub protocol: u8,
    /// The payload.
    pub payload: Vec<u8>,
    /// The packets of the capture that carried it, in order of number.
    pub packets: Vec<u32>,
}

/// Collects fragments until packets are whole. What it holds is bounded.
#[derive(Debug, Default)]
pub struct Reassembler {
    waiting: Vec<Waiting>,
}

#[derive(Debug)]
struct Waiting {
    src: IpAddr,
    dst: IpAddr,
    /// IPv4 tells packets of different protocols apart, IPv6 does not.
    protocol_v4: Option<u8>,
    id: u32,
    since: Instant,
    pieces: Vec<Piece>,
    packets: Vec<u32>,
    /// Known once the last fragment has come.
    octets: Option<usize>,
    /// Overlapping fragments: the packet is dropped whole, as the receiving host does
    /// (RFC 8200 section 4.5), and so are its further fragments.
    spoilt: bool,
}

#[derive(Debug)]
struct Piece {
    protocol: u8,
    offset: usize,
    data: Vec<u8>,
}

impl Reassembler {
    /// Takes a fragment; gives the packet when this made it whole.
    pub fn push(
        &mut self,
        at: Instant,
        number: u32,
        packet: &IpPacket<'_>,
        fragment: Fragment,
        whose: &Whose,
    ) -> Option<Whole> {
        self.waiting.retain(|waiting| (at - waiting.since).abs() <= PATIENCE);
        let slot = self.slot(at, packet, fragment, whose);
        let waiting = &mut self.waiting[slot];
        waiting.take(number, packet, fragment);
        let whole = waiting.whole()?;
        self.waiting.remove(slot);
        Some(whole)
    }

    fn slot(&mut self, at: Instant, packet: &IpPacket<'_>, fragment: Fragment, whose: &Whose) -> usize {
        let protocol_v4 = packet.src.is_ipv4().then_some(packet.protocol);
        let found = self.waiting.iter().position(|waiting| {
            waiting.id == fragment.id
                && waiting.src == packet.src
                && waiting.dst == packet.dst
                && waiting.protocol_v4 == protocol_v4
        });
        found.unwrap_or_else(|| {
            if self.waiting.len() == MAX_WAITING {
                let strangers = |waiting: &Waiting| !whose.may_matter(waiting.src, waiting.dst);
                let first = self.waiting.iter().position(strangers).unwrap_or(0);
                self.waiting.remove(first);
            }
            self.waiting.push(Waiting {
                src: packet.src,
                dst: packet.dst,
                protocol_v4,
                id: fragment.id,
                since: at,
                pieces: Vec::new(),
                packets: Vec::new(),
                octets: None,
                spoilt: false,
            });
            self.waiting.len() - 1
        })
    }
}

impl Waiting {
    fn take(&mut self, number: u32, packet: &IpPacket<'_>, fragment: Fragment) {
        if self.spoilt {
            return;
        }
        let end = fragment.offset + packet.payload.len();
        let mut furthest = 0;
        let mut same = false;
        let mut overlap = false;
        for piece in &self.pieces {
            let piece_end = piece.offset + piece.data.len();
            furthest = furthest.max(piece_end);
            same |= piece.offset == fragment.offset && piece.data == packet.payload;
            overlap |= piece.offset < end && fragment.offset < piece_end;
        }
        if same {
            return; // a duplicate of a fragment spoils nothing
        }
        let beyond = self.octets.is_some_and(|octets| end > octets || (!fragment.more && end != octets))
            || (!fragment.more && furthest > end);
        let uneven = fragment.more && !packet.payload.len().is_multiple_of(8);
        if overlap
            || beyond
            || uneven
            || packet.cut_off > 0
            || end > MAX_OCTETS
            || self.pieces.len() == MAX_FRAGMENTS
        {
            self.spoilt = true;
            self.pieces.clear();
            return;
        }
        if !fragment.more {
            self.octets = Some(end);
        }
        self.packets.push(number);
        self.pieces.push(Piece {
            protocol: packet.protocol,
            offset: fragment.offset,
            data: packet.payload.to_vec(),
        });
    }

    fn whole(&mut self) -> Option<Whole> {
        let octets = self.octets?;
        let there: usize = self.pieces.iter().map(|piece| piece.data.len()).sum();
        if self.spoilt || there != octets {
            return None;
        }
        // Nothing overlaps and nothing is missing, so in order of offset they are the whole.
        self.pieces.sort_by_key(|piece| piece.offset);
        Some(Whole {
            protocol: self.pieces.first()?.protocol,
            payload: self.pieces.iter().flat_map(|piece| &piece.data).copied().collect(),
            packets: std::mem::take(&mut self.packets),
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::net::Ipv4Addr;

    const FIRST: Fragment = Fragment { id: 7, offset: 0, more: true };
    const LAST: Fragment = Fragment { id: 7, offset: 8, more: false };

    fn packet(payload: &[u8], fragment: Fragment) -> IpPacket<'_> {
        IpPacket {
            src: Ipv4Addr::new(127, 0, 0, 1).into(),
            dst: Ipv4Addr::new(127, 0, 0, 2).into(),
            protocol: 17,
            payload,
            cut_off: 0,
            fragment: Some(fragment),
        }
    }

    fn feed(reassembler: &mut Reassembler, pieces: &[(&[u8], Fragment)]) -> Vec<Whole> {
        let numbered = pieces.iter().zip(1..);
        numbered
            .filter_map(|((data, fragment), number)| {
                reassembler.push(
                    Instant::EPOCH,
                    number,
                    &packet(data, *fragment),
                    *fragment,
                    &Whose::default(),
                )
            })
            .collect()
    }

    #[test]
    fn order_and_duplicates_do_not_matter() {
        let whole = Whole { protocol: 17, payload: b"abcdefghij".to_vec(), packets: vec![1, 3] };
        let pieces: [(&[u8], Fragment); 3] = [(b"ij", LAST), (b"ij", LAST), (b"abcdefgh", FIRST)];
        assert_eq!(feed(&mut Reassembler::default(), &pieces), [whole]);
    }

    #[test]
    fn overlap_drops_the_packet() {
        let overlapping = Fragment { id: 7, offset: 0, more: true };
        let pieces: [(&[u8], Fragment); 3] =
            [(b"abcdefghABCDEFGH", overlapping), (b"ij", LAST), (b"abcdefgh", FIRST)];
        assert_eq!(feed(&mut Reassembler::default(), &pieces), []);
    }

    #[test]
    fn what_lies_beyond_the_last_fragment_never_fills_a_hole() {
        let beyond = Fragment { id: 7, offset: 16, more: true };
        let last = Fragment { id: 7, offset: 8, more: false };
        let pieces: [(&[u8], Fragment); 2] = [(b"ABCDEFGH", beyond), (b"ijklmnop", last)];
        assert_eq!(feed(&mut Reassembler::default(), &pieces), []);
    }

    #[test]
    fn fragments_that_come_too_late_do_not_join() {
        let mut reassembler = Reassembler::default();
        let early =
            reassembler.push(Instant::EPOCH, 1, &packet(b"abcdefgh", FIRST), FIRST, &Whose::default());
        let late = Instant::EPOCH + Span::from_secs(3);
        assert_eq!(early, None);
        assert_eq!(reassembler.push(late, 2, &packet(b"ij", LAST), LAST, &Whose::default()), None);
    }

    #[test]
    fn what_waits_is_bounded() {
        let mut reassembler = Reassembler::default();
        for id in 0..1000 {
            let fragment = Fragment { id, ..FIRST };
            reassembler.push(Instant::EPOCH, id, &packet(b"abcdefgh", fragment), fragment, &Whose::default());
        }
        assert_eq!(reassembler.waiting.len(), MAX_WAITING);
    }
}
