//! A DNS node: answers for its zone and for nothing else, over UDP and TCP, and misbehaves on
//! command. No recursion: whatever is asked of a phone's DNS server stands in the zone.

mod held;
#[cfg(test)]
pub(in crate::farm) mod testing;
#[cfg(test)]
mod tests;
mod zone;

use std::any::Any;
use std::collections::{BTreeMap, VecDeque};
use std::net::{IpAddr, SocketAddr};

use sipfarm_core::Instant;
use sipfarm_core::dns::{DnsMessage, MAX_DATAGRAM_OCTETS, ResponseCode, StreamFramer, to_stream};
use sipfarm_core::machine::{Input, Machine, Output, PortState, StreamId, Transport};

use super::faults::{
    Chain, Direction, DnsAction, FaultError, FaultId, FaultSpec, NodeKind, OpenStreams, SeenDns,
};
use held::{Held, HeldBack};
pub use zone::{Row, Zone};

/// More than that many connections are refused with RST.
const STREAMS_MAX: usize = 256;

/// What a DNS node is.
#[derive(Debug, Clone)]
pub struct DnsConfig {
    /// Its name in scenarios.
    pub name: String,
    /// Where it listens, over UDP and TCP.
    pub addr: SocketAddr,
    /// The zone that it answers for: a domain name.
    pub origin: String,
    /// The records of the zone.
    pub records: Vec<Row>,
    /// The nodes that records may name instead of an address.
    pub hosts: BTreeMap<String, IpAddr>,
    /// From it come the draws of faults.
    pub seed: u64,
}

/// A DNS server of the farm.
pub struct DnsNode {
    config: DnsConfig,
    zone: Zone,
    /// The zone with what faults have changed in it.
    current: Zone,
    chain: Chain,
    ports: [(Transport, PortState); 2],
    streams: BTreeMap<StreamId, Stream>,
    held: HeldBack,
    outputs: VecDeque<Output>,
}

struct Stream {
    remote: SocketAddr,
    framer: StreamFramer,
}

/// Which way a message goes or came.
#[derive(Debug, Clone, Copy)]
struct Path {
    remote: SocketAddr,
    stream: Option<StreamId>,
}

impl Path {
    fn transport(self) -> Transport {
        if self.stream.is_some() { Transport::Tcp } else { Transport::Udp }
    }
}

impl DnsNode {
    /// A node that listens as soon as it is driven.
    ///
    /// # Errors
    /// A record is not of the zone, or names a node that there is not.
    pub fn new(config: DnsConfig) -> Result<Self, String> {
        let zone = Zone::new(&config.origin).with(&config.records, &config.hosts)?;
        let ports = [Transport::Udp, Transport::Tcp].map(|transport| (transport, PortState::Open));
        let open = |(transport, state)| Output::SetPort { transport, local: config.addr, state };
        Ok(DnsNode {
            current: zone.clone(),
            zone,
            chain: Chain::new(config.seed),
            ports,
            streams: BTreeMap::new(),
            held: HeldBack::default(),
            outputs: ports.map(open).into(),
            config,
        })
    }

    /// Its name.
    pub fn name(&self) -> &str {
        &self.config.name
    }

    /// Where it listens.
    pub fn addr(&self) -> SocketAddr {
        self.config.addr
    }

    /// Switches a fault on, behind those that are on already.
    ///
    /// # Errors
    /// The fault is none of a DNS node's, or its records do not fit the zone.
    pub fn fault_on(&mut self, spec: &FaultSpec, _: Instant) -> Result<FaultId, FaultError> {
        spec.fits(NodeKind::Dns)?;
        if let Err(problem) = self.current.with(&spec.records(), &self.config.hosts) {
            return Err(FaultError::Contradiction { fault: spec.name().to_owned(), problem });
        }
        let id = self.chain.add(spec)?;
        match self.chain.open_streams(id) {
            OpenStreams::Keep => {}
            how => self.close_all(how == OpenStreams::Reset),
        }
        self.refresh();
        Ok(id)
    }

    /// Switches all faults off. What a fault delays goes on at once, copies that it has not sent yet
    /// are dropped, ports open again, and the zone is as it was.
    pub fn faults_off(&mut self, now: Instant) {
        for fault in self.chain.remove(|_, _| true) {
            for held in self.held.of(fault).into_iter().filter(|held| !held.copy) {
                self.pass(held.direction, held.message, held.path, Some(fault), now);
            }
        }
        self.refresh();
    }

    /// The faults that are on, in order.
    pub fn faults(&self) -> impl Iterator<Item = (FaultId, &FaultSpec)> {
        self.chain.active()
    }

    /// Ports and zone as the faults want them.
    fn refresh(&mut self) {
        for (transport, state) in &mut self.ports {
            let wanted = self.chain.port_state(*transport);
            if std::mem::replace(state, wanted) != wanted {
                let port = Output::SetPort { transport: *transport, local: self.config.addr, state: wanted };
                self.outputs.push_back(port);
            }
        }
        self.current = self.zone.clone();
        for (_, spec) in self.chain.active() {
            // Each was checked when it was switched on.
            if let Ok(changed) = self.current.with(&spec.records(), &self.config.hosts) {
                self.current = changed;
            }
        }
    }

    fn close_all(&mut self, reset: bool) {
        for stream in std::mem::take(&mut self.streams).into_keys() {
            self.outputs.push_back(Output::CloseStream { stream, reset });
        }
    }

    fn accepted(&mut self, stream: StreamId, remote: SocketAddr) {
        if self.chain.resets_accepted(remote) || self.streams.len() >= STREAMS_MAX {
            self.outputs.push_back(Output::CloseStream { stream, reset: true });
        } else {
            self.streams.insert(stream, Stream { remote, framer: StreamFramer::default() });
        }
    }

    fn stream_data(&mut self, stream: StreamId, data: &[u8], now: Instant) {
        let Some(open) = self.streams.get_mut(&stream) else { return };
        let path = Path { remote: open.remote, stream: Some(stream) };
        for octets in open.framer.push(data) {
            self.arrived(&octets, path, now);
        }
    }

    /// A query that cannot be read is answered with FORMERR where it has at least a number (RFC 1035
    /// section 4.1.1); an answer is never answered.
    fn arrived(&mut self, octets: &[u8], path: Path, now: Instant) {
        match DnsMessage::decode(octets) {
            Ok(message) if message.is_response => {}
            Ok(message) => self.pass(Direction::In, message, path, None, now),
            Err(_) => {
                let [high, low, flags, ..] = octets else { return };
                if octets.len() >= 12 && flags & 0x80 == 0 {
                    let id = u16::from_be_bytes([*high, *low]);
                    let unread = DnsMessage {
                        questions: Vec::new(),
                        ..DnsMessage::query(id, "", sipfarm_core::dns::RecordKind::A)
                    };
                    let answer = unread.answer(ResponseCode::FormErr, Vec::new(), Vec::new());
                    self.pass(Direction::Out, answer, path, None, now);
                }
            }
        }
    }

    /// Shows a message to the faults behind `after`, and does with it what they say.
    fn pass(
        &mut self,
        direction: Direction,
        message: DnsMessage,
        path: Path,
        after: Option<FaultId>,
        now: Instant,
    ) {
        let seen = SeenDns { message: &message, direction, transport: path.transport(), peer: path.remote };
        match self.chain.see_dns(&seen, after) {
            None => self.deliver(direction, message, path, now),
            Some((_, DnsAction::Drop)) => {}
            Some((_, DnsAction::Code(code))) => {
                let answer = message.answer(code, Vec::new(), Vec::new());
                self.pass(Direction::Out, answer, path, None, now);
            }
            Some((_, DnsAction::Truncate)) => {
                let answer = message.answer(ResponseCode::NoError, Vec::new(), Vec::new());
                let answer = DnsMessage { truncated: true, ..answer };
                self.pass(Direction::Out, answer, path, None, now);
            }
            Some((_, DnsAction::Reset)) => {
                if let Some(stream) = path.stream.filter(|stream| self.streams.remove(stream).is_some()) {
                    self.outputs.push_back(Output::CloseStream { stream, reset: true });
                }
            }
            Some((fault, DnsAction::Delay(span))) => {
                self.held.hold(Held { direction, message, path, fault, copy: false }, now + span);
            }
            Some((fault, DnsAction::Duplicate { count, every })) => {
                for n in 1..=i64::from(count) {
                    let copy = Held { direction, message: message.clone(), path, fault, copy: true };
                    self.held.hold(copy, now + every * n);
                }
                self.pass(direction, message, path, Some(fault), now);
            }
        }
    }

    fn deliver(&mut self, direction: Direction, message: DnsMessage, path: Path, now: Instant) {
        match direction {
            Direction::In => {
                let answer = self.current.answer(&message);
                self.pass(Direction::Out, answer, path, None, now);
            }
            Direction::Out => self.transmit(&message, path),
        }
    }

    /// Over UDP no more than 512 octets, with TC when that is not all (RFC 1035 section 4.2.1).
    fn transmit(&mut self, message: &DnsMessage, path: Path) {
        let output = match path.stream {
            None => message.encode_within(MAX_DATAGRAM_OCTETS).ok().map(|payload| Output::Datagram {
                local: self.config.addr,
                remote: path.remote,
                payload,
            }),
            Some(stream) if self.streams.contains_key(&stream) => {
                let data = message.encode().ok().and_then(|octets| to_stream(&octets));
                data.map(|data| Output::StreamData { stream, data })
            }
            Some(_) => None,
        };
        self.outputs.extend(output);
    }
}

impl Machine for DnsNode {
    fn handle(&mut self, input: Input, now: Instant) {
        match input {
            Input::Datagram { remote, payload, .. } => {
                self.arrived(&payload, Path { remote, stream: None }, now);
            }
            Input::Accepted { stream, remote, .. } => self.accepted(stream, remote),
            Input::StreamData { stream, data } => self.stream_data(stream, &data, now),
            Input::StreamClosed { stream, .. } => {
                // The other side is done; a half-open connection would be of no use to it.
                if self.streams.remove(&stream).is_some() {
                    self.outputs.push_back(Output::CloseStream { stream, reset: false });
                }
            }
            Input::Connected { .. } | Input::ConnectFailed { .. } | Input::Icmp { .. } | Input::Wake => {}
        }
        while let Some(held) = self.held.pop_due(now) {
            self.pass(held.direction, held.message, held.path, Some(held.fault), now);
        }
    }

    fn poll_output(&mut self) -> Option<Output> {
        self.outputs.pop_front()
    }

    fn deadline(&self) -> Option<Instant> {
        self.held.next()
    }

    fn as_any_mut(&mut self) -> &mut dyn Any {
        self
    }
}
