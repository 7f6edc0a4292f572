//! One end of a TCP connection, as much of RFC 9293 as can be seen on the wire: handshake, data
//! with acknowledgement and retransmission, FIN, RST. No congestion control and a fixed window.

use std::collections::{BTreeMap, VecDeque};

use sipfarm_core::machine::{ConnectError, StreamEnd};
use sipfarm_core::{Instant, Span};

use crate::net::frames::{Segment, flags};

/// First retransmission timeout, and the least (RFC 6298 sections 2.1 and 2.4).
const FIRST_RTO: Span = Span::from_secs(1);
/// The longest retransmission timeout; RFC 6298 section 2.5 asks for 60 s at least.
const LAST_RTO: Span = Span::from_secs(120);
/// How long a closed end answers repetitions of its peer's FIN, as in Linux.
const TIME_WAIT: Span = Span::from_secs(60);
/// The window that every header shows.
const WINDOW: u64 = u16::MAX as u64;

/// When a host gives up.
#[derive(Debug, Clone, Copy)]
pub(super) struct Patience {
    /// On a SYN without an answer.
    pub(super) connect: Span,
    /// On data without an acknowledgement.
    pub(super) unacknowledged: Span,
}

/// What the machine at this end must hear.
#[derive(Debug)]
pub(super) enum Event {
    Connected,
    Accepted,
    Failed(ConnectError),
    Data(Vec<u8>),
    Ended(StreamEnd),
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum State {
    SynSent,
    SynReceived,
    Open,
    TimeWait,
    Over,
}

/// One end of a connection. Positions count from the SYN at 0; the first octet is at 1 and the
/// FIN follows the last octet.
#[derive(Debug)]
pub(super) struct Tcp {
    state: State,
    patience: Patience,
    max_segment: usize,

    /// The sequence number of our SYN.
    first: u32,
    /// The position of the first octet that is not acknowledged.
    unacknowledged: u64,
    /// The position of the next octet to send for the first time.
    unsent: u64,
    /// The position after the last octet that the machine gave.
    written: u64,
    /// The octets from `unacknowledged` to `written`.
    buffer: VecDeque<u8>,
    /// A FIN follows the last octet.
    closing: bool,
    /// The machine hears nothing more of it.
    forsaken: bool,

    /// The sequence number of the peer's SYN.
    peer_first: u32,
    /// The position of the next octet expected of the peer.
    expected: u64,
    /// What came before its turn, by position.
    early: BTreeMap<u64, Vec<u8>>,
    /// The position of the peer's FIN, when it came.
    peer_fin: Option<u64>,
    /// We closed before the peer did, so TIME-WAIT is ours.
    closed_first: bool,

    rto: Span,
    resend_at: Option<Instant>,
    give_up_at: Option<Instant>,

    segments: Vec<Segment>,
    events: Vec<Event>,
}

impl Tcp {
    /// An end that asks for a connection.
    pub(super) fn connect(now: Instant, first: u32, max_segment: usize, patience: Patience) -> Self {
        let mut tcp = Tcp::new(State::SynSent, first, max_segment, patience);
        tcp.unsent = 1;
        tcp.send(0, flags::SYN, Vec::new());
        tcp.wait(now);
        tcp
    }

    /// An end that got a SYN and accepts it.
    pub(super) fn accept(
        now: Instant,
        first: u32,
        syn: &Segment,
        max_segment: usize,
        patience: Patience,
    ) -> Self {
        let mut tcp = Tcp::new(State::SynReceived, first, max_segment, patience);
        tcp.peer_first = syn.sequence;
        tcp.expected = 1;
        tcp.unsent = 1;
        tcp.send(0, flags::SYN | flags::ACK, Vec::new());
        tcp.wait(now);
        tcp
    }

    fn new(state: State, first: u32, max_segment: usize, patience: Patience) -> Self {
        Tcp {
            state,
            patience,
            max_segment,
            first,
            unacknowledged: 0,
            unsent: 0,
            written: 1,
            buffer: VecDeque::new(),
            closing: false,
            forsaken: false,
            peer_first: 0,
            expected: 0,
            early: BTreeMap::new(),
            peer_fin: None,
            closed_first: false,
            rto: FIRST_RTO,
            resend_at: None,
            give_up_at: None,
            segments: Vec::new(),
            events: Vec::new(),
        }
    }

    /// Sends octets.
    pub(super) fn write(&mut self, data: &[u8], now: Instant) {
        if !self.closing {
            self.buffer.extend(data);
            self.written += data.len() as u64;
            self.transmit(now);
        }
    }

    /// Closes with FIN after the last octet.
    pub(super) fn close(&mut self, now: Instant) {
        self.forsaken = true;
        match self.state {
            State::SynSent => self.state = State::Over,
            _ if self.closing => {}
            _ => {
                self.closing = true;
                self.closed_first = self.peer_fin.is_none();
                self.transmit(now);
            }
        }
    }

    /// Closes with RST.
    pub(super) fn abort(&mut self) {
        if matches!(self.state, State::SynReceived | State::Open) {
            self.send(self.unsent, flags::RST | flags::ACK, Vec::new());
        }
        self.forsaken = true;
        self.state = State::Over;
    }

    /// An ICMP error said that the peer cannot be reached. Only a connect fails at once;
    /// RFC 1122 section 4.2.3.9 forbids to abort an open connection.
    pub(super) fn unreachable(&mut self) {
        if self.state == State::SynSent {
            self.end(Event::Failed(ConnectError::Unreachable));
        }
    }

    /// Takes a segment from the peer.
    pub(super) fn receive(&mut self, segment: &Segment, now: Instant) {
        if segment.flags & flags::RST != 0 {
            return self.receive_reset(segment);
        }
        match self.state {
            State::SynSent => self.receive_syn_ack(segment, now),
            State::SynReceived | State::Open | State::TimeWait if segment.flags & flags::SYN != 0 => {
                // The answer to it was lost.
                match self.state {
                    State::SynReceived => self.send(0, flags::SYN | flags::ACK, Vec::new()),
                    _ => self.acknowledge(),
                }
            }
            State::SynReceived | State::Open => self.receive_data(segment, now),
            State::TimeWait if segment.flags & flags::FIN != 0 => self.acknowledge(),
            State::TimeWait | State::Over => {}
        }
    }

    /// When [`Tcp::wake`] has something to do.
    pub(super) fn deadline(&self) -> Option<Instant> {
        [self.resend_at, self.give_up_at].into_iter().flatten().min()
    }

    /// Does what is due: retransmits or gives up.
    pub(super) fn wake(&mut self, now: Instant) {
        if self.give_up_at.is_some_and(|at| at <= now) {
            self.end(match self.state {
                State::SynSent => Event::Failed(ConnectError::TimedOut),
                _ => Event::Ended(StreamEnd::TimedOut),
            });
        } else if self.resend_at.is_some_and(|at| at <= now) {
            self.retransmit();
            self.rto = (self.rto * 2).min(LAST_RTO);
            self.resend_at = Some(now + self.rto);
        }
    }

    /// Not yet known to the machine that listens.
    pub(super) fn is_embryonic(&self) -> bool {
        self.state == State::SynReceived
    }

    /// Nothing more will come of it.
    pub(super) fn is_over(&self) -> bool {
        self.state == State::Over
    }

    /// What must be sent, in order.
    pub(super) fn take_segments(&mut self) -> Vec<Segment> {
        std::mem::take(&mut self.segments)
    }

    /// What the machine must hear, in order.
    pub(super) fn take_events(&mut self) -> Vec<Event> {
        std::mem::take(&mut self.events)
    }

    fn receive_reset(&mut self, segment: &Segment) {
        let answers_syn = segment.flags & flags::ACK != 0 && self.position_sent(segment) == Some(1);
        match self.state {
            State::SynSent if answers_syn => self.end(Event::Failed(ConnectError::Refused)),
            State::SynSent => {}
            _ => self.end(Event::Ended(StreamEnd::Reset)),
        }
    }

    fn receive_syn_ack(&mut self, segment: &Segment, now: Instant) {
        let both = flags::SYN | flags::ACK;
        if segment.flags & both != both || self.position_sent(segment) != Some(1) {
            return;
        }
        self.peer_first = segment.sequence;
        self.expected = 1;
        self.state = State::Open;
        self.take_acknowledgement(1, now);
        self.acknowledge();
        self.events.push(Event::Connected);
        self.transmit(now);
    }

    fn receive_data(&mut self, segment: &Segment, now: Instant) {
        let Some(acknowledged) = self.position_sent(segment) else { return };
        if self.state == State::SynReceived {
            if acknowledged == 0 {
                return;
            }
            self.state = State::Open;
            self.events.push(Event::Accepted);
        }
        self.take_acknowledgement(acknowledged, now);
        let fin = segment.flags & flags::FIN != 0;
        let position = self.position_received(segment.sequence);
        let end = position + segment.payload.len() as u64;
        if self.forsaken && end > self.expected && !segment.payload.is_empty() {
            return self.abort(); // nobody is there to read it (RFC 1122 section 4.2.2.13)
        }
        if !segment.payload.is_empty() && end > self.expected && position < self.expected + WINDOW {
            self.early.entry(position).or_default().clone_from(&segment.payload);
        }
        if fin {
            self.peer_fin = Some(end);
        }
        self.deliver();
        let before = self.segments.len();
        self.transmit(now);
        if self.segments.len() == before && (fin || !segment.payload.is_empty()) {
            self.acknowledge();
        }
        self.finish(now);
    }

    /// Hands on what is in its turn, the FIN last.
    fn deliver(&mut self) {
        while let Some(entry) = self.early.first_entry().filter(|entry| *entry.key() <= self.expected) {
            let (position, data) = entry.remove_entry();
            let known = (self.expected - position) as usize;
            if known < data.len() {
                self.expected += (data.len() - known) as u64;
                self.events.push(Event::Data(data[known..].to_vec()));
            }
        }
        if self.peer_fin == Some(self.expected) {
            self.expected += 1;
            self.closing = true;
            if !self.forsaken {
                self.forsaken = true;
                self.events.push(Event::Ended(StreamEnd::Fin));
            }
        }
    }

    /// Ends the connection when both FINs are acknowledged.
    fn finish(&mut self, now: Instant) {
        let ours = self.closing && self.unacknowledged == self.written + 1;
        let theirs = self.peer_fin.is_some_and(|fin| self.expected > fin);
        if ours && theirs && self.state == State::Open {
            self.resend_at = None;
            if self.closed_first {
                self.state = State::TimeWait;
                self.give_up_at = Some(now + TIME_WAIT);
            } else {
                self.state = State::Over;
            }
        }
    }

    fn take_acknowledgement(&mut self, position: u64, now: Instant) {
        if position <= self.unacknowledged {
            return;
        }
        let octets = position.min(self.written) - self.unacknowledged.max(1).min(position);
        self.buffer.drain(..octets as usize);
        self.unacknowledged = position;
        self.rto = FIRST_RTO;
        (self.resend_at, self.give_up_at) = (None, None);
        if self.unacknowledged < self.unsent {
            self.wait(now);
        }
    }

    /// Sends for the first time what the window lets out.
    fn transmit(&mut self, now: Instant) {
        if self.state != State::Open {
            return;
        }
        while self.unsent < self.written && self.unsent < self.unacknowledged + WINDOW {
            let window = self.unacknowledged + WINDOW - self.unsent;
            let data = self.octets_at(self.unsent, window.min(self.written - self.unsent));
            let position = self.unsent;
            self.unsent += data.len() as u64;
            let push = if self.unsent == self.written { flags::PSH } else { 0 };
            self.send(position, flags::ACK | push, data);
        }
        if self.closing && self.unsent == self.written {
            self.send(self.unsent, flags::FIN | flags::ACK, Vec::new());
            self.unsent += 1;
        }
        if self.unacknowledged < self.unsent && self.resend_at.is_none() {
            self.wait(now);
        }
    }

    /// Sends the first unacknowledged segment again.
    fn retransmit(&mut self) {
        match self.state {
            State::SynSent => self.send(0, flags::SYN, Vec::new()),
            State::SynReceived => self.send(0, flags::SYN | flags::ACK, Vec::new()),
            State::Open if self.unacknowledged == self.written => {
                self.send(self.written, flags::FIN | flags::ACK, Vec::new());
            }
            State::Open => {
                let sent = self.unsent.min(self.written) - self.unacknowledged;
                let data = self.octets_at(self.unacknowledged, sent);
                self.send(self.unacknowledged, flags::ACK | flags::PSH, data);
            }
            State::TimeWait | State::Over => {}
        }
    }

    /// Starts to wait for an acknowledgement.
    fn wait(&mut self, now: Instant) {
        let patience = match self.state {
            State::SynSent | State::SynReceived => self.patience.connect,
            _ => self.patience.unacknowledged,
        };
        self.resend_at = Some(now + self.rto);
        self.give_up_at = Some(now + patience);
    }

    fn end(&mut self, event: Event) {
        // A listener has not heard of an embryonic connection, and a forsaken one is of no interest.
        if self.state != State::SynReceived && !self.forsaken {
            self.events.push(event);
        }
        self.state = State::Over;
    }

    fn acknowledge(&mut self) {
        self.send(self.unsent, flags::ACK, Vec::new());
    }

    fn send(&mut self, position: u64, flags: u8, payload: Vec<u8>) {
        let acknowledgement =
            if flags & flags::ACK != 0 { self.peer_first.wrapping_add(self.expected as u32) } else { 0 };
        let sequence = self.first.wrapping_add(position as u32);
        self.segments.push(Segment { sequence, acknowledgement, flags, payload });
    }

    /// At most a segment of the octets at a position.
    fn octets_at(&self, position: u64, available: u64) -> Vec<u8> {
        let start = (position - self.unacknowledged.max(1)) as usize;
        let length = (available as usize).min(self.max_segment);
        self.buffer.range(start..start + length).copied().collect()
    }

    /// What of ours a segment acknowledges; `None` when that was never sent.
    fn position_sent(&self, segment: &Segment) -> Option<u64> {
        let base = self.first.wrapping_add(self.unacknowledged as u32);
        let ahead = segment.acknowledgement.wrapping_sub(base) as i32;
        let position = self.unacknowledged.saturating_add_signed(i64::from(ahead));
        (segment.flags & flags::ACK != 0 && position <= self.unsent).then_some(position)
    }

    /// The position of a sequence number of the peer's.
    fn position_received(&self, sequence: u32) -> u64 {
        let base = self.peer_first.wrapping_add(self.expected as u32);
        let ahead = sequence.wrapping_sub(base) as i32;
        self.expected.saturating_add_signed(i64::from(ahead))
    }
}
