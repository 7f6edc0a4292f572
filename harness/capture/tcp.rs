//! TCP (RFC 9293): the life of connections, and the SIP and DNS messages in their streams.

use std::collections::BTreeMap;
use std::net::{IpAddr, SocketAddr};
use std::sync::Arc;

use sipfarm_core::Instant;
use sipfarm_core::machine::Transport;
use sipfarm_core::sip::Message;
use sipfarm_judge::mark::Mark;
use sipfarm_judge::timeline::{DnsEvent, Event, EventKind, SipEvent, TcpEvent, TcpStep, TlsEvent, TlsStep};

use super::octets::{u8_at, u16_at, u32_at};
use super::sip::{Ports, Service};
use super::tls::{self, Facts, Records, Said, Secrets};
use super::whose::Whose;

mod messages;
mod order;

pub use messages::{Carrier, Carriers};

use messages::{Found, Messages};
use order::{Order, Piece};

const FIN: u8 = 0x01;
const SYN: u8 = 0x02;
const RST: u8 = 0x04;
const ACK: u8 = 0x10;

/// Directions of connections that are followed at one time; the one that was idle longest gives
/// way.
const MAX_FLOWS: usize = 2_048;
/// Octets held for all of them together.
const MAX_HELD: usize = 32 << 20;

/// What is known beside the segments.
#[derive(Clone, Copy)]
pub struct Known<'a> {
    /// What is spoken where.
    pub ports: &'a Ports,
    /// Whose packets weigh.
    pub whose: &'a Whose,
    /// The secrets of TLS.
    pub secrets: &'a Secrets,
}

/// From one socket to another.
type Way = (SocketAddr, SocketAddr);

/// A segment.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
struct Segment<'a> {
    way: Way,
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
            way: (SocketAddr::new(src, u16_at(data, 0)?), SocketAddr::new(dst, u16_at(data, 2)?)),
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
pub struct Streams {
    flows: BTreeMap<Way, Flow>,
    /// Segments seen, to tell which flow was idle longest.
    clock: u64,
    held: usize,
}

/// One direction of a connection.
#[derive(Debug, Default)]
struct Flow {
    order: Order,
    messages: Messages,
    /// What stands between the two, where TLS does.
    tls: Option<Records>,
    /// Up to when nothing was missing.
    whole_until: Option<Instant>,
    used: u64,
}

impl Streams {
    /// Takes a segment; gives the messages that it completed and what it does to its connection.
    pub fn push(
        &mut self,
        at: Instant,
        packets: &[u32],
        way: (IpAddr, IpAddr),
        data: &[u8],
        known: &Known<'_>,
    ) -> Option<Vec<Event>> {
        let segment = Segment::parse(way, data)?;
        let (src, dst) = segment.way;
        let whose = known.whose;
        let carrier = Carrier { at, packets: packets.to_vec() };
        self.clock += 1;

        let mut events = Vec::new();
        if let Some(acknowledged) = segment.acknowledged {
            events.extend(self.acknowledge((dst, src), acknowledged, &carrier, known));
        }
        if segment.flags & RST == 0 {
            events.extend(self.flow(&segment, &carrier, known));
        } else {
            self.end((src, dst));
            self.end((dst, src));
        }
        if let Some(what) = segment.step() {
            let kind = EventKind::Tcp(TcpEvent { src, dst, what });
            events.push(Event { at, packets: packets.to_vec(), kind });
        }
        let matters = |(src, dst): Way| whose.may_matter(src.ip(), dst.ip());
        if !matters(segment.way) {
            events.retain(|event| !matches!(event.kind, EventKind::Mark(_)));
        }
        let crowded_out = self.make_room(matters).filter(|way| matters(*way));
        events.extend(crowded_out.map(|way| lost(way, at, &carrier, "it is one of too many at once")));
        Some(events)
    }

    /// The peer has what comes before `acknowledged`, so what the capture lacks of it is lost.
    fn acknowledge(
        &mut self,
        way: Way,
        acknowledged: u32,
        carrier: &Carrier,
        known: &Known<'_>,
    ) -> Vec<Event> {
        let others = self.facts_of_other(way);
        self.with_flow(way, |flow| {
            let pieces = flow.order.acknowledge(acknowledged);
            flow.take(way, pieces, carrier, (known, others))
        })
        .unwrap_or_default()
    }

    /// What the other direction knows of the TLS in this one.
    fn facts_of_other(&self, (src, dst): Way) -> Facts {
        let other = self.flows.get(&(dst, src)).and_then(|flow| flow.tls.as_ref());
        other.map(Records::facts).unwrap_or_default()
    }

    fn flow(&mut self, segment: &Segment<'_>, carrier: &Carrier, known: &Known<'_>) -> Vec<Event> {
        let carries_data = segment.flags & SYN != 0 || !segment.payload.is_empty();
        if carries_data {
            self.flows.entry(segment.way).or_default();
        }
        let clock = self.clock;
        let others = self.facts_of_other(segment.way);
        self.with_flow(segment.way, |flow| {
            flow.used = clock;
            let mut sequence = segment.sequence;
            if segment.flags & SYN != 0 {
                sequence = sequence.wrapping_add(1); // SYN takes up one number
                if flow.order.begin(sequence) {
                    (flow.messages, flow.tls) = (Messages::default(), None);
                    flow.whole_until = Some(carrier.at);
                }
            }
            let pieces = flow.order.push(sequence, segment.payload, carrier);
            let mut events = flow.take(segment.way, pieces, carrier, (known, others));
            let end = sequence.wrapping_add(segment.payload.len() as u32);
            let closes = segment.flags & FIN != 0;
            if closes {
                flow.order.close(end);
            }
            if closes && flow.order.is_whole_up_to(end) {
                let found = flow.messages.finish(carrier);
                let over = if flow.tls.is_some() { Transport::Tls } else { Transport::Tcp };
                events.extend(found.map(|found| event(segment.way, over, found)));
            }
            events
        })
        .unwrap_or_default()
    }

    /// Works on a flow that is there and keeps the count of what is held.
    fn with_flow<T>(&mut self, way: Way, work: impl FnOnce(&mut Flow) -> T) -> Option<T> {
        let flow = self.flows.get_mut(&way)?;
        let before = flow.held();
        let result = work(flow);
        self.held = self.held + flow.held() - before;
        Some(result)
    }

    /// The connection is reset: nothing of it is to be finished.
    fn end(&mut self, way: Way) {
        self.with_flow(way, |flow| {
            flow.order.end();
            (flow.messages, flow.tls) = (Messages::default(), None);
        });
    }

    fn forget(&mut self, way: Way) {
        if let Some(flow) = self.flows.remove(&way) {
            self.held -= flow.held();
        }
    }

    /// Lets idle flows go while there is too much, those first that do not matter; gives one that had something
    /// in it.
    fn make_room(&mut self, matters: impl Fn(Way) -> bool) -> Option<Way> {
        let mut lost = None;
        while self.flows.len() > MAX_FLOWS || self.held > MAX_HELD {
            let in_turn = |(way, flow): &(&Way, &Flow)| (matters(**way), flow.used);
            let (way, held) = self.flows.iter().min_by_key(in_turn).map(|(w, f)| (*w, f.held()))?;
            self.forget(way);
            lost = lost.or((held > 0).then_some(way));
        }
        lost
    }
}

impl Flow {
    fn take(
        &mut self,
        way: Way,
        pieces: Vec<Piece>,
        now: &Carrier,
        (known, others): (&Known<'_>, Facts),
    ) -> Vec<Event> {
        let service = known.ports.service(way.0.port(), way.1.port());
        let mut events = Vec::new();
        for piece in pieces {
            match piece {
                Piece::Data { octets, carrier } => {
                    let begins = self.whole_until.is_some() || !self.messages.has_begun();
                    self.whole_until = Some(carrier.at);
                    let is_tls = octets.first().is_some_and(|first| tls::begins(*first));
                    if begins && is_tls && service != Service::Dns && !self.messages.has_begun() {
                        self.tls.get_or_insert_default();
                    }
                    match &mut self.tls {
                        Some(records) => {
                            let said = records.push(&octets, carrier, others, known.secrets);
                            let matters = known.whose.may_matter(way.0.ip(), way.1.ip());
                            let heard = |said: &Said| matters || !matches!(said, Said::Lost(..));
                            let said = said.into_iter().filter(heard);
                            let told = said.flat_map(|said| self.said(way, said, service));
                            events.extend(told.collect::<Vec<_>>());
                        }
                        None => {
                            let found = self.messages.push(&octets, carrier, service);
                            let found = found.into_iter().map(|found| event(way, Transport::Tcp, found));
                            events.extend(found);
                        }
                    }
                }
                Piece::Gap => {
                    let matters = match &self.tls {
                        Some(records) => service == Service::Sip && records.may_matter(others, known.secrets),
                        None => self.messages.may_matter(service),
                    };
                    if matters {
                        let since = self.whole_until.unwrap_or(now.at);
                        events.push(lost(way, since, now, "the capture lacks a part of it"));
                    }
                    self.tls.iter_mut().for_each(Records::interrupt);
                    self.messages.resume();
                }
            }
        }
        events
    }

    /// What TLS has brought to light.
    fn said(&mut self, way: Way, said: Said, service: Service) -> Vec<Event> {
        let (what, carrier) = match said {
            Said::Clear { octets, carrier } => {
                let found = self.messages.push(&octets, carrier, service);
                return found.into_iter().map(|found| event(way, Transport::Tls, found)).collect();
            }
            Said::Lost(why, carrier) if service == Service::Sip => {
                // Without its secret, all that the connection carries from here on is missing.
                let since = Some(carrier.at).filter(|_| why != tls::NO_SECRET);
                return vec![trouble(way, since, &carrier, why)];
            }
            Said::Lost(..) => return Vec::new(),
            Said::ClientHello(carrier) => (TlsStep::ClientHello, carrier),
            Said::Finished(carrier) => (TlsStep::Finished, carrier),
            Said::Alert(code, carrier) => (TlsStep::Alert(code), carrier),
        };
        let kind = EventKind::Tls(TlsEvent { src: way.0, dst: way.1, what });
        vec![Event { at: carrier.at, packets: carrier.packets, kind }]
    }

    fn held(&self) -> usize {
        self.order.held() + self.messages.held() + self.tls.as_ref().map_or(0, Records::held)
    }
}

fn event((src, dst): Way, over: Transport, found: Found) -> Event {
    match found {
        Found::Message { message, carrier } => message_event((src, dst), over, message, carrier),
        Found::Dns { message, carrier } => {
            let message = Arc::new(message);
            let kind = EventKind::Dns(DnsEvent { transport: Transport::Tcp, src, dst, message });
            Event { at: carrier.at, packets: carrier.packets, kind }
        }
        Found::TooLong { carrier } => {
            lost((src, dst), carrier.at, &carrier, "a SIP message in it is longer than is held")
        }
    }
}

fn message_event((src, dst): Way, transport: Transport, message: Message, carrier: Carrier) -> Event {
    let sip = SipEvent { transport, src, dst, message: Arc::new(message) };
    Event { at: carrier.at, packets: carrier.packets, kind: EventKind::Sip(sip) }
}

/// Messages may be missing on the timeline: the judge must know.
fn lost(way: Way, since: Instant, carrier: &Carrier, why: &str) -> Event {
    trouble(way, Some(since), carrier, why)
}

fn trouble((src, dst): Way, since: Option<Instant>, carrier: &Carrier, why: &str) -> Event {
    let what = format!("messages over TCP from {src} to {dst} could not be followed: {why}");
    let kind = EventKind::Mark(Mark::Trouble { what, since });
    Event { at: carrier.at, packets: carrier.packets.clone(), kind }
}

#[cfg(test)]
mod tests;
