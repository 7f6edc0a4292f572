//! The segments of one direction in order of their sequence numbers.

use super::messages::Carrier;

/// Octets that came before their turn. More than that, and what is missing counts as lost.
const MAX_EARLY: usize = 128 << 10;
/// A jump in sequence numbers beyond any window that SIP fills: another connection with the same
/// addresses, whose SYN the capture lacks.
const MAX_JUMP: u32 = 4 << 20;
/// What a segment takes up besides its octets, roughly.
const OVERHEAD: usize = 64;

/// Puts segments in order: duplicates are left out, overlaps cut, and those that came early wait.
#[derive(Debug, Default)]
pub struct Order {
    /// The sequence number of the next octet.
    next: Option<u32>,
    /// The first number, where SYN said it.
    begin: Option<u32>,
    /// The peer has all before this.
    acknowledged: Option<u32>,
    /// The number of the FIN. It stands for no octet, though the peer acknowledges it as one.
    fin: Option<u32>,
    /// Segments after a hole, in order.
    early: Vec<Early>,
    early_octets: usize,
}

#[derive(Debug)]
struct Early {
    sequence: u32,
    octets: Vec<u8>,
    carrier: Carrier,
}

/// What comes out in order.
#[derive(Debug, PartialEq, Eq)]
pub enum Piece {
    /// Octets that follow those before, and how they came.
    Data {
        /// The octets.
        octets: Vec<u8>,
        /// The packets that carried them.
        carrier: Carrier,
    },
    /// Octets are missing here, or nobody knows what was before.
    Gap,
}

impl Order {
    /// The first number of a new connection. Says whether it is one: a SYN that is sent again
    /// changes nothing.
    pub fn begin(&mut self, sequence: u32) -> bool {
        let is_new = self.begin != Some(sequence);
        if is_new {
            *self = Order { next: Some(sequence), begin: Some(sequence), ..Order::default() };
        }
        is_new
    }

    /// Takes a segment; gives what is in order now.
    pub fn push(&mut self, sequence: u32, octets: &[u8], carrier: &Carrier) -> Vec<Piece> {
        if octets.is_empty() {
            return Vec::new();
        }
        let mut pieces = Vec::new();
        let next = match self.next {
            Some(next) if distance(next, sequence).unsigned_abs() <= MAX_JUMP => next,
            // The capture begins within the connection, or lacks the beginning of another one.
            _ => {
                *self = Order::default();
                pieces.push(Piece::Gap);
                sequence
            }
        };
        self.next = Some(next);
        self.keep(Early { sequence, octets: octets.to_vec(), carrier: carrier.clone() });
        self.drain(&mut pieces);
        let overdue = self.acknowledged.is_some_and(|acknowledged| self.is_missing_before(acknowledged));
        if overdue || self.early_octets > MAX_EARLY {
            self.skip(&mut pieces);
        }
        pieces
    }

    /// Takes note that the peer has everything before `acknowledged`; gives what follows a hole
    /// that nothing will fill any more.
    pub fn acknowledge(&mut self, acknowledged: u32) -> Vec<Piece> {
        let mut pieces = Vec::new();
        let before = self.acknowledged.replace(acknowledged);
        if self.early.is_empty() {
            // At a mirror port an acknowledgement may overtake its segment, but not by much.
            if let Some(before) = before.filter(|before| self.is_missing_before(*before)) {
                self.next = Some(before);
                pieces.push(Piece::Gap);
            }
        } else if self.is_missing_before(acknowledged) {
            self.skip(&mut pieces);
        }
        pieces
    }

    /// The sender has closed its direction: nothing comes after that number but the FIN itself (RFC 9293
    /// section 3.4).
    pub fn close(&mut self, sequence: u32) {
        self.fin = Some(sequence);
    }

    /// The connection is over: what waits is lost with it. What comes once more is known for what it is: a
    /// host that has not heard the RST sends again.
    pub fn end(&mut self) {
        *self = Order { next: self.next, begin: self.begin, fin: self.fin, ..Order::default() };
    }

    /// Whether everything before that number has come out.
    pub fn is_whole_up_to(&self, sequence: u32) -> bool {
        self.next == Some(sequence)
    }

    /// Roughly how much memory it takes.
    pub fn held(&self) -> usize {
        self.early_octets
    }

    fn is_missing_before(&self, sequence: u32) -> bool {
        let sequence = self.fin.filter(|fin| fin.wrapping_add(1) == sequence).unwrap_or(sequence);
        self.next.is_some_and(|next| distance(next, sequence) > 0)
    }

    fn keep(&mut self, segment: Early) {
        let Some(next) = self.next else { return };
        let place = |early: &Early| distance(next, early.sequence);
        let at = self.early.partition_point(|early| place(early) < place(&segment));
        if let Some(same) = self.early.get(at).filter(|same| same.sequence == segment.sequence)
            && same.octets.len() >= segment.octets.len()
        {
            return; // sent again
        }
        self.early_octets += segment.octets.len() + OVERHEAD;
        self.early.insert(at, segment);
    }

    /// Gives out all that follows without a hole.
    fn drain(&mut self, pieces: &mut Vec<Piece>) {
        let Some(mut next) = self.next else { return };
        let ready = self.early.iter().take_while(|early| {
            let in_turn = distance(next, early.sequence) <= 0;
            if in_turn && distance(next, early.end()) > 0 {
                next = early.end();
            }
            in_turn
        });
        let ready = ready.count();
        let mut at = self.next.unwrap_or(next);
        for mut early in self.early.drain(..ready) {
            self.early_octets -= early.octets.len() + OVERHEAD;
            let known = distance(early.sequence, at).max(0) as usize;
            if known < early.octets.len() {
                at = early.end();
                early.octets.drain(..known);
                pieces.push(Piece::Data { octets: early.octets, carrier: early.carrier });
            }
        }
        self.next = Some(next);
    }

    /// Gives up on the hole before the first early segment.
    fn skip(&mut self, pieces: &mut Vec<Piece>) {
        if let Some(first) = self.early.first() {
            self.next = Some(first.sequence);
            pieces.push(Piece::Gap);
            self.drain(pieces);
        }
    }
}

impl Early {
    fn end(&self) -> u32 {
        self.sequence.wrapping_add(self.octets.len() as u32)
    }
}

/// From one sequence number to another, the shorter way round (RFC 9293 section 3.4).
fn distance(from: u32, to: u32) -> i32 {
    to.wrapping_sub(from) as i32
}

#[cfg(test)]
mod tests {
    use super::*;
    use sipfarm_core::Instant;

    fn carrier(packet: u32) -> Carrier {
        Carrier { at: Instant::from_nanos(packet.into()), packets: vec![packet] }
    }

    fn text(pieces: Vec<Piece>) -> String {
        let text = |piece| match piece {
            Piece::Data { octets, .. } => String::from_utf8_lossy(&octets).into_owned(),
            Piece::Gap => "?".to_owned(),
        };
        pieces.into_iter().map(text).collect()
    }

    /// Everything that comes out of segments that begin at these numbers, after a SYN.
    fn ordered(first: u32, segments: &[(u32, &str)]) -> String {
        let mut order = Order::default();
        order.begin(first);
        let out = |(at, octets): &(u32, &str)| {
            text(order.push(first.wrapping_add(*at), octets.as_bytes(), &carrier(1)))
        };
        segments.iter().map(out).collect()
    }

    #[test]
    fn order_duplicates_and_overlap() {
        for first in [0, 1_000, u32::MAX - 3] {
            assert_eq!(ordered(first, &[(0, "abc"), (3, "def")]), "abcdef");
            assert_eq!(ordered(first, &[(3, "def"), (0, "abc")]), "abcdef", "out of order");
            assert_eq!(ordered(first, &[(0, "abc"), (0, "abc"), (3, "def")]), "abcdef", "sent again");
            assert_eq!(ordered(first, &[(0, "abc"), (1, "bcdef")]), "abcdef", "overlap");
            assert_eq!(ordered(first, &[(2, "cdef"), (4, "ef"), (3, "d"), (0, "abc")]), "abcdef");
            assert_eq!(ordered(first, &[(0, "abc"), (2, "!")]), "abc", "the first copy counts");
            assert_eq!(ordered(first, &[(3, "def")]), "", "a hole");
        }
    }

    #[test]
    fn a_hole_is_given_up_when_the_peer_has_what_was_in_it() {
        let mut order = Order::default();
        order.begin(0);
        assert_eq!(text(order.push(3, b"def", &carrier(1))), "");
        assert_eq!(text(order.acknowledge(0)), "", "a duplicate acknowledgement asks for it again");
        assert_eq!(text(order.acknowledge(6)), "?def");
        assert_eq!(text(order.push(6, b"ghi", &carrier(2))), "ghi");
    }

    #[test]
    fn an_acknowledgement_may_overtake_its_segment_by_one_packet() {
        let mut order = Order::default();
        order.begin(0);
        assert_eq!(text(order.acknowledge(3)), "");
        assert_eq!(text(order.push(0, b"abc", &carrier(1))), "abc");
        assert_eq!(text(order.acknowledge(6)), "");
        assert_eq!(text(order.acknowledge(6)), "?", "the last segment is missing");
    }

    #[test]
    fn an_acknowledged_fin_is_no_missing_octet() {
        let closed = |octets: &[u8]| {
            let mut order = Order::default();
            order.begin(0);
            order.push(0, octets, &carrier(1));
            order.close(6);
            order
        };
        let mut order = closed(b"abcdef");
        assert_eq!(text(order.acknowledge(7)), "");
        assert_eq!(text(order.acknowledge(7)), "", "it comes twice where the FIN was sent twice");
        let mut order = closed(b"abc");
        assert_eq!(
            text(order.acknowledge(7)) + &text(order.acknowledge(7)),
            "?",
            "octets before it are missing"
        );
    }

    #[test]
    fn what_waits_is_bounded() {
        let mut order = Order::default();
        order.begin(0);
        let mut gaps = 0;
        for n in 0..1_000u32 {
            let pieces = order.push(1 + n * 2_000, &[b'x'; 1_000], &carrier(n));
            gaps += pieces.iter().filter(|piece| **piece == Piece::Gap).count();
            assert!(order.held() <= MAX_EARLY + 1_000 + OVERHEAD);
        }
        assert!(gaps > 0);
    }

    #[test]
    fn a_connection_joined_late_or_begun_unseen_is_a_gap() {
        let mut order = Order::default();
        assert_eq!(text(order.push(7_000, b"abc", &carrier(1))), "?abc");
        assert_eq!(text(order.push(2_000_000_000, b"xyz", &carrier(2))), "?xyz");
    }
}
