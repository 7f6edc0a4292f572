//! What everything in the farm that speaks SIP stands on: ports, connections, the chain of faults,
//! and the transactions of RFC 3261 section 17 with the corrections of RFC 4320 and RFC 6026.
//!
//! Every message passes the faults on its way in and on its way out, retransmissions included.
//! The owner (a node, a far end) takes [`Event`]s and answers with messages.

mod client;
mod held;
mod server;
mod shares;
mod streams;
mod timers;
mod wire;

use std::collections::{BTreeMap, VecDeque};
use std::net::SocketAddr;
use std::sync::Arc;

use sipfarm_core::Instant;
use sipfarm_core::machine::{IcmpKind, Input, Output, PortState, Quoted, StreamId, TlsManner, Transport};
use sipfarm_core::sip::{Message, MessageBuilder, reason_phrase};

use super::faults::{Action, Answer, Chain, Direction, FaultError, FaultId, FaultSpec, OpenStreams, Seen};
use client::Client;
use held::Held;
use server::Server;
use streams::{Arrival, Streams};

pub(super) use shares::Shares;
pub(super) use timers::{SIXTY_FOUR_T1, Schedule, T1, T2};
pub(super) use wire::{set_vias, without_top_via};

use timers::Letter;
use wire::server_key;

/// A transaction's name, from what RFC 3261 section 17.2.3 or 17.1.3 matches by.
pub(super) type Key = String;

/// Which way a message goes or came.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Path {
    /// Over what.
    pub transport: Transport,
    /// The other side.
    pub remote: SocketAddr,
    /// The connection, where there is one.
    pub stream: Option<StreamId>,
}

impl Path {
    pub(super) fn udp(remote: SocketAddr) -> Self {
        Path { transport: Transport::Udp, remote, stream: None }
    }

    /// Over a new stream, or one that is open to the same place.
    pub(super) fn stream(transport: Transport, remote: SocketAddr) -> Self {
        Path { transport, remote, stream: None }
    }
}

/// What the owner is to deal with.
#[derive(Debug)]
pub(super) enum Event {
    /// A new request, well-formed, that wants an answer. Via has `received` and `rport`.
    Request {
        /// Its server transaction.
        server: Key,
        /// The request.
        request: Arc<Message>,
        /// Where it came from.
        path: Path,
    },
    /// An ACK for a 2xx; those for other final responses are absorbed.
    Ack {
        /// The ACK.
        ack: Message,
    },
    /// A response: each provisional one, the final one, and every repetition of a 2xx to INVITE.
    Response {
        /// Its client transaction.
        client: Key,
        /// The server transaction that it was sent on behalf of.
        upstream: Option<Key>,
        /// The response.
        response: Message,
        /// Where it came from.
        path: Path,
    },
    /// No response came in time.
    TimedOut {
        /// The client transaction, gone by now.
        client: Key,
        /// As above.
        upstream: Option<Key>,
    },
    /// The request could not be delivered (RFC 3261 section 18.4).
    Failed {
        /// The client transaction, gone by now.
        client: Key,
        /// As above.
        upstream: Option<Key>,
    },
}

#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
enum Timer {
    Server(Key, Letter),
    Client(Key, Letter),
    Held(u64),
}

/// Ports, connections, faults, transactions.
pub(super) struct Stack {
    addr: SocketAddr,
    ports: Vec<(Transport, PortState)>,
    /// The domains that it proves to be over TLS, and how it meets those who want that; `None`: no TLS.
    tls: Option<(Vec<String>, TlsManner)>,
    streams: Streams,
    chain: Chain,
    servers: BTreeMap<Key, Server>,
    /// When each of them ends by itself.
    server_ends: Schedule<Key>,
    server_shares: Shares,
    clients: BTreeMap<Key, Client>,
    /// When those end that have had their final response.
    client_ends: Schedule<Key>,
    client_shares: Shares,
    timers: Schedule<Timer>,
    held: BTreeMap<u64, Held>,
    held_drawn: u64,
    outputs: VecDeque<Output>,
    events: VecDeque<Event>,
    rng: fastrand::Rng,
}

impl Stack {
    /// Listens at an address over UDP and TCP as soon as it is driven.
    pub(super) fn new(addr: SocketAddr, seed: u64) -> Self {
        let ports = [Transport::Udp, Transport::Tcp].map(|transport| (transport, PortState::Open));
        let open = |(transport, state)| Output::SetPort { transport, local: addr, state };
        let outputs = ports.map(open).into();
        Stack {
            addr,
            ports: ports.into(),
            tls: None,
            streams: Streams::default(),
            chain: Chain::new(seed),
            servers: BTreeMap::new(),
            server_ends: Schedule::new(),
            server_shares: Shares::default(),
            clients: BTreeMap::new(),
            client_ends: Schedule::new(),
            client_shares: Shares::default(),
            timers: Schedule::new(),
            held: BTreeMap::new(),
            held_drawn: 0,
            outputs,
            events: VecDeque::new(),
            rng: fastrand::Rng::with_seed(seed),
        }
    }

    /// Listens for TLS, too, under its address and these domains.
    pub(super) fn listen_for_tls(&mut self, domains: Vec<String>) {
        self.ports.push((Transport::Tls, PortState::Closed));
        self.tls = Some((domains, TlsManner::Proper));
        self.serve_tls();
        self.set_ports();
    }

    /// Takes note of what happened; [`Stack::event`] tells what the owner is to do.
    pub(super) fn handle(&mut self, input: Input, now: Instant) {
        match input {
            Input::Datagram { remote, payload, .. } => {
                // CRLF and NUL keep NAT bindings alive and want nothing (RFC 5626 section 3.5.1).
                if payload.iter().any(|octet| !matches!(octet, b'\r' | b'\n' | 0)) {
                    self.arrived(Message::parse(&payload), Path::udp(remote), now);
                }
            }
            Input::Icmp { remote, kind, .. } if kind.is_fatal() => {
                self.clients_failed(|path| *path == Path::udp(remote));
            }
            Input::Accepted { stream, transport, remote, .. } => self.accepted(stream, transport, remote),
            Input::Connected { stream, .. } => self.outputs.extend(self.streams.connected(stream)),
            Input::StreamData { stream, data } => self.stream_data(stream, &data, now),
            Input::ConnectFailed { stream, .. } | Input::StreamClosed { stream, .. } => {
                if let Some(gone) = self.streams.forget(stream) {
                    self.clients_failed(|path| (path.transport, path.remote) == gone);
                }
            }
            Input::Icmp { .. } | Input::Wake => {}
        }
        self.fire(now);
    }

    /// What the owner is to deal with next.
    pub(super) fn event(&mut self) -> Option<Event> {
        self.events.pop_front()
    }

    /// As [`sipfarm_core::machine::Machine::poll_output`].
    pub(super) fn poll_output(&mut self) -> Option<Output> {
        self.outputs.pop_front()
    }

    /// As [`sipfarm_core::machine::Machine::deadline`].
    pub(super) fn deadline(&self) -> Option<Instant> {
        self.timers.next()
    }

    /// The address that it listens at, without TLS.
    pub(super) fn addr(&self) -> SocketAddr {
        self.addr
    }

    /// What it calls itself over that transport: `192.0.2.11:5061;transport=tls`.
    pub(super) fn host_and_transport(&self, transport: Transport) -> String {
        let addr = transport.beside(self.addr);
        transport.parameter().map_or(addr.to_string(), |name| format!("{addr};transport={name}"))
    }

    /// Whether a fault lets nothing in over UDP, or nothing out.
    pub(super) fn is_deaf(&self) -> bool {
        self.chain.is_mute() || self.chain.port_state(Transport::Udp) != PortState::Open
    }

    /// Whether a connection is there to send on.
    pub(super) fn is_open(&self, stream: StreamId) -> bool {
        self.streams.is_open(stream)
    }

    /// How many transactions there are.
    pub(super) fn transactions(&self) -> usize {
        self.servers.len() + self.clients.len()
    }

    /// A new tag, branch or Call-ID: hexadecimal digits from the seed.
    pub(super) fn token(&mut self) -> String {
        format!("{:016x}", self.rng.u64(..))
    }

    /// Sends a message that belongs to no transaction: an ACK for a 2xx, on its way through a
    /// proxy or from its sender.
    pub(super) fn send(&mut self, message: Message, path: Path, now: Instant) {
        self.pass(Direction::Out, message, path, None, now);
    }

    fn fire(&mut self, now: Instant) {
        while let Some(timer) = self.timers.pop_due(now) {
            match timer {
                Timer::Server(key, letter) => self.server_timer(&key, letter, now),
                Timer::Client(key, letter) => self.client_timer(&key, letter, now),
                Timer::Held(id) => self.release(id, now),
            }
        }
    }

    fn accepted(&mut self, stream: StreamId, transport: Transport, remote: SocketAddr) {
        if self.chain.resets_accepted(remote) || !self.streams.accepted(stream, transport, remote) {
            self.outputs.push_back(Output::CloseStream { stream, reset: true });
        }
    }

    fn stream_data(&mut self, stream: StreamId, data: &[u8], now: Instant) {
        let Some((transport, remote)) = self.streams.peer(stream) else { return };
        let path = Path { transport, remote, stream: Some(stream) };
        for arrival in self.streams.arrived(stream, data) {
            match arrival {
                Arrival::Message(message) => self.arrived(message, path, now),
                // To hang up would be an answer, too: the kernel resets what comes after it.
                Arrival::Ping | Arrival::Garbage if self.chain.is_mute() => {}
                Arrival::Ping => {
                    self.outputs.push_back(Output::StreamData { stream, data: b"\r\n".to_vec() });
                }
                Arrival::Garbage => self.close(stream, false),
            }
        }
    }

    fn close(&mut self, stream: StreamId, reset: bool) {
        if let Some(gone) = self.streams.forget(stream) {
            self.outputs.push_back(Output::CloseStream { stream, reset });
            self.clients_failed(|path| (path.transport, path.remote) == gone);
        }
    }

    fn arrived(&mut self, message: Message, path: Path, now: Instant) {
        self.pass(Direction::In, message, path, None, now);
    }

    /// Shows a message to the faults behind `after`, and does with it what they say.
    fn pass(
        &mut self,
        direction: Direction,
        message: Message,
        path: Path,
        after: Option<FaultId>,
        now: Instant,
    ) {
        if self.chain.is_empty() {
            return self.deliver(direction, message, path, now);
        }
        let seen = Seen {
            message: &message,
            direction,
            transport: path.transport,
            peer: path.remote,
            retransmission: direction == Direction::In && self.knows(&message),
        };
        match self.chain.see(&seen, after) {
            None => self.deliver(direction, message, path, now),
            Some((_, Action::Drop)) => {}
            Some((fault, Action::Alter(message))) => {
                self.pass(direction, *message, path, Some(fault), now);
            }
            Some((_, Action::Answer(answer))) => self.answer_for(message, path, answer, now),
            Some((_, Action::Icmp { kind, right })) => self.answer_icmp(kind, right, message, path),
            Some((_, Action::Reset)) => path.stream.into_iter().for_each(|stream| self.close(stream, true)),
            Some((fault, Action::Delay(span))) => {
                self.hold(Held { direction, message, path, fault, copy: false }, now + span);
            }
            Some((fault, Action::Duplicate { count, every })) => {
                for n in 1..=i64::from(count) {
                    let copy = Held { direction, message: message.clone(), path, fault, copy: true };
                    self.hold(copy, now + every * n);
                }
                self.pass(direction, message, path, Some(fault), now);
            }
        }
    }

    fn deliver(&mut self, direction: Direction, message: Message, path: Path, now: Instant) {
        match direction {
            Direction::Out => self.transmit(message, path),
            Direction::In if message.method().is_some() => self.receive_request(message, path, now),
            Direction::In if message.status().is_some() => self.receive_response(message, path, now),
            Direction::In => {} // neither: nothing that could be answered
        }
    }

    fn transmit(&mut self, message: Message, path: Path) {
        let output = match path.transport {
            Transport::Udp => {
                Some(Output::Datagram { local: self.addr, remote: path.remote, payload: message.raw })
            }
            Transport::Tcp | Transport::Tls => self.streams.send(path, self.addr.ip(), message.raw),
        };
        self.outputs.extend(output);
    }

    /// A fault has the host say that a datagram did not arrive. One that was never sent went to the next
    /// port of ours.
    fn answer_icmp(&mut self, kind: IcmpKind, right: bool, message: Message, path: Path) {
        let mut destination = self.addr;
        if !right {
            destination.set_port(self.addr.port().wrapping_add(1).max(1));
        }
        let quoted = Quoted { source: path.remote, destination, payload: message.raw };
        self.outputs.push_back(Output::Icmp { local: self.addr.ip(), kind, quoted });
    }

    /// A fault answers in the owner's name.
    fn answer_for(&mut self, request: Message, path: Path, answer: Answer, now: Instant) {
        let Some(server) = server_key(&request) else { return };
        if self.open_server(&server, request, path, now).is_none() {
            return;
        }
        let reason = answer.reason.as_deref().unwrap_or(reason_phrase(answer.code));
        let Some(builder) = self.response_with(&server, answer.code, reason) else { return };
        let add = |builder: MessageBuilder, (name, value): &(String, String)| builder.header(name, value);
        let response = answer.headers.iter().fold(builder, add).build();
        self.respond(&server, response, now);
    }
}

/// Faults.
impl Stack {
    /// Switches a fault on, behind those that are on already.
    pub(super) fn fault_on(&mut self, spec: &FaultSpec) -> Result<FaultId, FaultError> {
        let id = self.chain.add(spec)?;
        match self.chain.open_streams(id) {
            OpenStreams::Keep => {}
            how => {
                for stream in self.streams.all() {
                    self.close(stream, how == OpenStreams::Reset);
                }
            }
        }
        self.set_ports();
        if self.chain.forgets_everything(id) {
            self.forget();
        }
        Ok(id)
    }

    /// Whether a fault makes its node forget everything.
    pub(super) fn forgets_everything(&self, id: FaultId) -> bool {
        self.chain.forgets_everything(id)
    }

    /// Drops every transaction and whatever is held back.
    fn forget(&mut self) {
        self.servers.clear();
        (self.server_ends, self.server_shares) = (Schedule::new(), Shares::default());
        self.clients.clear();
        (self.client_ends, self.client_shares) = (Schedule::new(), Shares::default());
        self.timers = Schedule::new();
        self.held.clear();
        self.events.clear();
    }

    /// Switches off the faults that `which` picks. What they delay goes on at once; copies that
    /// they have not sent yet are dropped; ports are as if they had never been on.
    pub(super) fn faults_off(&mut self, which: impl Fn(FaultId, &FaultSpec) -> bool, now: Instant) -> usize {
        let gone = self.chain.remove(which);
        self.set_ports();
        for fault in &gone {
            self.release_all(*fault, now);
        }
        gone.len()
    }

    /// Whether a fault cuts the way of the audio.
    pub(super) fn audio_is_cut(&self) -> bool {
        self.chain.cuts_audio()
    }

    /// The faults that are on, in order.
    pub(super) fn faults(&self) -> impl Iterator<Item = (FaultId, &FaultSpec)> {
        self.chain.active()
    }

    /// Meets those who want TLS as the faults say, from now on.
    fn serve_tls(&mut self) {
        if let Some((domains, _)) = &self.tls {
            let (local, domains) = (Transport::Tls.beside(self.addr), domains.clone());
            let manner = self.chain.tls_manner();
            self.outputs.push_back(Output::ServeTls { local, domains, manner });
            self.tls = self.tls.take().map(|(domains, _)| (domains, manner));
        }
    }

    fn set_ports(&mut self) {
        let manner = self.chain.tls_manner();
        if self.tls.as_ref().is_some_and(|(_, now)| *now != manner) {
            self.serve_tls();
        }

        for (transport, state) in &mut self.ports {
            let wanted = self.chain.port_state(*transport);
            if *state != wanted {
                *state = wanted;
                let local = transport.beside(self.addr);
                let port = Output::SetPort { transport: *transport, local, state: wanted };
                self.outputs.push_back(port);
            }
        }
    }
}
