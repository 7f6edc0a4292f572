//! The SIP or DNS messages in one direction of a connection.

use std::collections::VecDeque;

use sipfarm_core::Instant;
use sipfarm_core::dns::{DnsMessage, StreamFramer};
use sipfarm_core::sip::{Framed, Framer, FramingLoss, Message};

use super::super::sip::{Service, first_line, is_header_line, is_start_line, is_text, without_line_ends};

/// The longest first line, in octets.
const MAX_LINE: usize = 8 << 10;
/// What a carrier takes up, roughly.
const OVERHEAD: usize = 64;

/// The packets that carried some octets, and when the last of them passed.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Carrier {
    /// When.
    pub at: Instant,
    /// Numbers in the capture.
    pub packets: Vec<u32>,
}

/// Counts octets and knows which packets carried each.
#[derive(Debug, Default)]
pub struct Carriers {
    /// Octets that came and octets that were found to be something.
    pushed: u64,
    consumed: u64,
    /// What carried the octets not yet consumed, with the count of octets up to its end.
    carriers: VecDeque<(u64, Carrier)>,
}

impl Carriers {
    /// So many octets came that way.
    pub fn push(&mut self, octets: usize, carrier: Carrier) {
        self.pushed += octets as u64;
        self.carriers.push_back((self.pushed, carrier));
    }

    /// Counts octets as found; gives what carried them.
    pub fn consume(&mut self, octets: usize) -> Carrier {
        let end = self.consumed + octets as u64;
        let mut all = Carrier { at: Instant::EPOCH, packets: Vec::new() };
        while self.consumed < end {
            let Some((carried_up_to, carrier)) = self.carriers.front() else { break };
            all.merge(carrier);
            self.consumed = end.min(*carried_up_to);
            if self.consumed == *carried_up_to {
                self.carriers.pop_front();
            }
        }
        all
    }

    /// How many octets came that were not found to be something.
    pub fn left(&self) -> usize {
        (self.pushed - self.consumed) as usize
    }

    /// Whether anything came at all.
    pub fn has_begun(&self) -> bool {
        self.pushed > 0
    }

    /// Roughly how much memory it takes.
    pub fn held(&self) -> usize {
        self.carriers.len() * OVERHEAD
    }
}

/// What is found in the stream.
#[derive(Debug, PartialEq, Eq)]
pub enum Found {
    /// A message.
    Message {
        /// The message.
        message: Message,
        /// What carried it.
        carrier: Carrier,
    },
    /// A message of DNS.
    Dns {
        /// The message.
        message: DnsMessage,
        /// What carried it.
        carrier: Carrier,
    },
    /// A message that is longer than the framer holds.
    TooLong {
        /// What carried its end so far.
        carrier: Carrier,
    },
}

/// Cuts octets in order into messages and knows which packets carried each.
#[derive(Debug, Default)]
pub struct Messages {
    state: State,
    carriers: Carriers,
}

#[derive(Debug)]
enum State {
    /// Nothing is known yet, but for these octets. After a gap a message may begin in any line of
    /// them, otherwise only in the first.
    Unknown { octets: Vec<u8>, after_gap: bool },
    /// It is SIP.
    Sip(Framer),
    /// It is DNS.
    Dns(StreamFramer),
    /// It is something else.
    Other,
}

impl Default for State {
    fn default() -> Self {
        State::Unknown { octets: Vec::new(), after_gap: false }
    }
}

impl Messages {
    /// Takes octets; gives the messages that they complete.
    pub fn push(&mut self, octets: &[u8], carrier: Carrier, service: Service) -> Vec<Found> {
        self.carriers.push(octets.len(), carrier);
        let mut found = Vec::new();
        if service == Service::Dns && self.cut_dns(octets, &mut found) {
            return found;
        }
        let mut rest = octets.to_vec();
        // Each turn leaves less: what comes after a message whose end cannot be told.
        while let Some(octets) = self.identify(rest, service) {
            let after_loss = self.cut(&mut found);
            rest = octets[octets.len() - after_loss..].to_vec();
        }
        if matches!(self.state, State::Other) {
            self.consume(self.carriers.left());
        }
        found
    }

    /// What comes next does not follow what was before: look for the next message.
    pub fn resume(&mut self) {
        self.consume(self.carriers.left());
        self.state = State::Unknown { octets: Vec::new(), after_gap: true };
    }

    /// The sender has closed its direction; gives what was begun and not completed.
    pub fn finish(&mut self, closing: &Carrier) -> Option<Found> {
        let State::Sip(framer) = &mut self.state else { return None };
        let message = framer.finish()?;
        let mut carrier = self.consume(self.carriers.left());
        carrier.merge(closing);
        Some(Found::Message { message, carrier })
    }

    /// Whether anything came at all.
    pub fn has_begun(&self) -> bool {
        self.carriers.has_begun()
    }

    /// Whether messages that count may have been in a part that is missing.
    pub fn may_matter(&self, service: Service) -> bool {
        match &self.state {
            State::Sip(_) | State::Dns(_) => true,
            // Nothing came yet: where a capture begins, nothing is known to be missing.
            State::Unknown { .. } => service != Service::Any && self.carriers.has_begun(),
            State::Other => false,
        }
    }

    /// Roughly how much memory it takes.
    pub fn held(&self) -> usize {
        self.carriers.left() + self.carriers.held()
    }

    /// Hands octets on to the framer, once it is known that they are SIP; gives those that it got.
    fn identify(&mut self, new: Vec<u8>, service: Service) -> Option<Vec<u8>> {
        let (mut octets, after_gap) = match &mut self.state {
            _ if new.is_empty() => return None,
            State::Other | State::Dns(_) => return None,
            State::Sip(framer) => {
                framer.push(&new);
                return Some(new);
            }
            State::Unknown { octets, after_gap } => (std::mem::take(octets), *after_gap),
        };
        octets.extend(new);
        let verdict = if after_gap { search(&octets) } else { judge_first(&octets, service == Service::Sip) };
        let useless = match verdict {
            Verdict::Sip { from } | Verdict::Unknown { from } => from,
            Verdict::Other => octets.len(),
        };
        self.consume(useless);
        octets.drain(..useless);
        if let Verdict::Sip { .. } = verdict {
            let mut framer = Framer::new();
            framer.push(&octets);
            self.state = State::Sip(framer);
            return Some(octets);
        }
        self.state = match verdict {
            Verdict::Other => State::Other,
            _ => State::Unknown { octets, after_gap },
        };
        None
    }

    /// Takes messages from the framer. Gives how many of the last octets it did not look at,
    /// because it could not tell where the next message begins.
    fn cut(&mut self, found: &mut Vec<Found>) -> usize {
        loop {
            let State::Sip(framer) = &mut self.state else { return 0 };
            match framer.pop() {
                None => return 0,
                Some(Framed::KeepAlive { .. }) => drop(self.consume(2)),
                Some(Framed::Message(message)) => {
                    let carrier = self.consume(message.raw.len());
                    found.push(Found::Message { message, carrier });
                }
                Some(Framed::Lost { reason: FramingLoss::NoContentLength, .. }) => {
                    self.state = State::Unknown { octets: Vec::new(), after_gap: true };
                    return self.carriers.left();
                }
                Some(Framed::Lost { .. }) => {
                    let carrier = self.consume(self.carriers.left());
                    found.push(Found::TooLong { carrier });
                    self.resume();
                }
            }
        }
    }

    /// Takes DNS messages from the framer; those that cannot be read are left out. False where what
    /// is known of the stream ends in a gap, for DNS has nothing by which it could be found again.
    fn cut_dns(&mut self, octets: &[u8], found: &mut Vec<Found>) -> bool {
        if let State::Unknown { after_gap: false, octets } = &self.state
            && octets.is_empty()
        {
            self.state = State::Dns(StreamFramer::default());
        }
        let State::Dns(framer) = &mut self.state else {
            self.state = State::Other;
            return false;
        };
        for message in framer.push(octets) {
            let carrier = self.consume(2 + message.len());
            if let Ok(message) = DnsMessage::decode(&message) {
                found.push(Found::Dns { message, carrier });
            }
        }
        true
    }

    fn consume(&mut self, octets: usize) -> Carrier {
        self.carriers.consume(octets)
    }
}

impl Carrier {
    fn merge(&mut self, other: &Carrier) {
        self.at = self.at.max(other.at);
        self.packets.extend(&other.packets);
        self.packets.sort_unstable();
        self.packets.dedup();
    }
}

/// What octets at the start of a stream, or after a gap, turn out to be.
enum Verdict {
    /// SIP, from that octet on.
    Sip { from: usize },
    /// More is needed to tell; what is before `from` is of no use.
    Unknown { from: usize },
    /// Not SIP.
    Other,
}

/// The first line says what a stream is. On a port of SIP, whatever looks like text is SIP.
fn judge_first(octets: &[u8], on_sip_port: bool) -> Verdict {
    let rest = without_line_ends(octets);
    let from = octets.len() - rest.len();
    let line = first_line(rest);
    let is_whole_line = line.len() < rest.len();
    match () {
        () if rest.is_empty() => Verdict::Unknown { from },
        () if !is_text(line) => Verdict::Other,
        () if !is_whole_line && rest.len() <= MAX_LINE => Verdict::Unknown { from },
        () if on_sip_port || is_start_line(line) => Verdict::Sip { from },
        () => Verdict::Other,
    }
}

/// The first line that begins a message: a start line before a header field. (A body may hold a
/// start line alone, as message/sipfrag does.)
fn search(octets: &[u8]) -> Verdict {
    let mut from = 0;
    loop {
        let rest = &octets[from..];
        let Some(end) = rest.iter().position(|octet| *octet == b'\n') else {
            let useless = rest.len() > MAX_LINE;
            return Verdict::Unknown { from: if useless { octets.len() } else { from } };
        };
        if is_start_line(first_line(rest)) {
            let second = &rest[end + 1..];
            let line = first_line(second);
            if line.len() == second.len() && second.len() <= MAX_LINE {
                return Verdict::Unknown { from };
            }
            if is_header_line(line) {
                return Verdict::Sip { from };
            }
        }
        from += end + 1;
    }
}
