//! The transport layer (RFC 3261 section 18, RFC 3581): datagrams, streams and their reuse, the
//! topmost Via on both sides.

use std::collections::{BTreeMap, VecDeque};
use std::net::{IpAddr, SocketAddr};

use sipfarm_core::machine::{
    ConnectError, Input, Output, PortState, StreamEnd, StreamId, TlsName, Transport,
};
use sipfarm_core::sip::{Framed, Framer, Host, Message, Params, Via};
use sipfarm_core::{Instant, Span};

use crate::defect::{Defect, Defects};
use crate::tx::{ClientId, Failure, Target};

/// The way a request came, and so the way back for its responses (section 18.2.2).
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Flow {
    /// The address of ours that it arrived at.
    pub local: SocketAddr,
    /// Where responses go by datagram, or on a new stream when the old one is gone.
    pub reply_to: SocketAddr,
    /// The stream that it came on.
    pub stream: Option<StreamId>,
    /// The transport.
    pub transport: Transport,
}

/// What the transport layer tells the transaction layer.
#[derive(Debug)]
pub enum TransportEvent {
    /// A message arrived. The topmost Via of a request has `received` and `rport` filled in.
    Message {
        /// How it came.
        flow: Flow,
        /// The message.
        message: Message,
    },
    /// A fatal ICMP error came back for datagrams to that address.
    Icmp {
        /// The address.
        remote: SocketAddr,
    },
    /// The other side has ended a connection that stood, or it is broken.
    Closed {
        /// Who.
        remote: SocketAddr,
    },
    /// The requests of these transactions will not arrive.
    Failed {
        /// The transactions.
        clients: Vec<ClientId>,
        /// Why.
        failure: Failure,
    },
}

/// How many streams the phone lets others open at a time.
const MAX_ACCEPTED: usize = 64;

/// How many streams the phone itself has open at a time. It needs one for each server and each far
/// end that it talks to; the rest are idle, or responses to senders that named an address of their
/// choice. When more are wanted, the oldest idle one goes.
const MAX_OPENED: usize = 64;

/// How many messages wait for a connection to come about; those that come later are dropped. More
/// than the transactions that one server sees from us.
const MAX_WAITING: usize = 64;

/// Datagrams and streams of one local address.
#[derive(Debug)]
pub struct TransportLayer {
    local: SocketAddr,
    connect_timeout: Option<Span>,
    icmp_sensitive: bool,
    defects: Defects,
    outputs: VecDeque<Output>,
    events: VecDeque<TransportEvent>,
    streams: BTreeMap<StreamId, Stream>,
    /// The domains by which servers were found: over TLS they have to prove that they are these.
    domains: BTreeMap<SocketAddr, String>,
    drawn: u64,
}

/// A stream that we opened or accepted.
#[derive(Debug)]
struct Stream {
    transport: Transport,
    local: SocketAddr,
    remote: SocketAddr,
    state: StreamState,
    /// Transactions with a request on this stream.
    clients: Vec<ClientId>,
    framer: Framer,
}

#[derive(Debug)]
enum StreamState {
    Connecting { give_up: Option<Instant>, waiting: Vec<(Option<ClientId>, Vec<u8>)> },
    Open,
}

impl TransportLayer {
    /// Opens the UDP and the TCP port of `local`.
    pub fn new(
        local: SocketAddr,
        connect_timeout: Option<Span>,
        icmp_sensitive: bool,
        defects: &Defects,
    ) -> Self {
        let open = |transport| Output::SetPort { transport, local, state: PortState::Open };
        TransportLayer {
            local,
            connect_timeout,
            icmp_sensitive,
            defects: defects.clone(),
            outputs: [open(Transport::Udp), open(Transport::Tcp)].into(),
            events: VecDeque::new(),
            streams: BTreeMap::new(),
            domains: BTreeMap::new(),
            drawn: 0,
        }
    }

    /// Says by which domain the server at that address was found; `None`: by its address.
    pub fn found_by(&mut self, addr: SocketAddr, domain: Option<&str>) {
        match domain {
            Some(domain) => _ = self.domains.insert(addr, domain.to_owned()),
            None => _ = self.domains.remove(&addr),
        }
    }

    /// The topmost Via for a request of ours. Over UDP it asks for `rport` (RFC 3581 section 3).
    pub fn via(&self, transport: Transport, branch: &str) -> Via {
        let mut params = Params::default();
        if transport == Transport::Udp {
            params.set("rport", None);
        }
        params.set("branch", Some(branch));
        Via {
            transport: transport.to_string(),
            host: Host::Ip(self.local.ip()),
            port: Some(transport.beside(self.local).port()),
            params,
        }
    }

    /// Sends a request, over an open stream to that address where there is one.
    pub fn send_request(&mut self, target: Target, octets: &[u8], client: Option<ClientId>, now: Instant) {
        if target.transport == Transport::Udp {
            return self.datagram(self.local, target.addr, octets);
        }
        let reusable = |(id, stream): &(&StreamId, &Stream)| {
            stream.remote == target.addr
                && stream.transport == target.transport
                && id.0 & StreamId::ACCEPTED == 0
        };
        match self.streams.iter().find(reusable).map(|(id, _)| *id) {
            Some(id) => self.send_on(id, octets, client),
            None => self.connect(target, octets, client, now),
        }
    }

    /// Sends a response the way that its request came.
    pub fn send_response(&mut self, flow: &Flow, octets: &[u8], now: Instant) {
        match flow.stream {
            None => self.datagram(flow.local, flow.reply_to, octets),
            Some(id) if self.streams.contains_key(&id) => self.send_on(id, octets, None),
            Some(_) => {
                let target = Target { addr: flow.reply_to, transport: flow.transport };
                self.send_request(target, octets, None, now);
            }
        }
    }

    /// A transaction is over: what it still has waiting for a connection is not sent.
    pub fn forget(&mut self, client: ClientId) {
        let mut useless = Vec::new();
        for (id, stream) in &mut self.streams {
            stream.clients.retain(|user| *user != client);
            if let StreamState::Connecting { waiting, .. } = &mut stream.state {
                waiting.retain(|(owner, _)| *owner != Some(client));
                if waiting.is_empty() {
                    useless.push(*id);
                }
            }
        }
        for id in useless {
            self.close(id, false);
        }
    }

    /// Takes note of what happened on the network.
    pub fn handle(&mut self, input: Input) {
        match input {
            Input::Datagram { local, remote, payload } => self.on_datagram(local, remote, &payload),
            Input::Icmp { remote, kind, .. } => {
                let fatal = kind.is_fatal() || self.defects.has(Defect::ObeysSourceQuench);
                if fatal && self.icmp_sensitive {
                    self.events.push_back(TransportEvent::Icmp { remote });
                }
            }
            Input::Accepted { stream, transport, local, remote } => {
                self.on_accepted(stream, transport, local, remote);
            }
            Input::Connected { stream, local } => self.on_connected(stream, local),
            Input::ConnectFailed { stream, error: ConnectError::Tls } => {
                self.fail_stream(stream, Failure::Tls);
            }
            Input::ConnectFailed { stream, .. } => self.fail_stream(stream, Failure::Connect),
            Input::StreamData { stream, data } => self.on_stream_data(stream, &data),
            Input::StreamClosed { .. } if self.defects.has(Defect::KeepsDeadConnection) => {}
            Input::StreamClosed { stream, end } => {
                let stood = self.streams.get(&stream).filter(|s| matches!(s.state, StreamState::Open));
                let closed = stood.map(|stood| TransportEvent::Closed { remote: stood.remote });
                self.events.extend(closed);
                match end {
                    // The server may still answer on a connection of its own (section 18.2.2).
                    StreamEnd::Fin => drop(self.streams.remove(&stream)),
                    StreamEnd::Reset | StreamEnd::TimedOut => self.fail_stream(stream, Failure::Send),
                }
            }
            Input::Wake => {}
        }
    }

    /// Gives up on connections that take too long.
    pub fn fire(&mut self, now: Instant) {
        let late: Vec<_> = self
            .streams
            .iter()
            .filter(|(_, stream)| stream.give_up().is_some_and(|at| at <= now))
            .map(|(id, _)| *id)
            .collect();
        for id in late {
            self.outputs.push_back(Output::CloseStream { stream: id, reset: false });
            self.fail_stream(id, Failure::Connect);
        }
    }

    /// When to give up on a connection next.
    pub fn deadline(&self) -> Option<Instant> {
        self.streams.values().filter_map(Stream::give_up).min()
    }

    /// What the transaction layer has to know next.
    pub fn poll_event(&mut self) -> Option<TransportEvent> {
        self.events.pop_front()
    }

    /// What the network has to do next.
    pub fn poll_output(&mut self) -> Option<Output> {
        self.outputs.pop_front()
    }

    /// Resets every stream.
    pub fn reset(&mut self) {
        self.events.clear();
        for id in std::mem::take(&mut self.streams).into_keys() {
            self.outputs.push_back(Output::CloseStream { stream: id, reset: true });
        }
    }

    fn datagram(&mut self, local: SocketAddr, remote: SocketAddr, octets: &[u8]) {
        self.outputs.push_back(Output::Datagram { local, remote, payload: octets.to_vec() });
    }

    fn connect(&mut self, target: Target, octets: &[u8], client: Option<ClientId>, now: Instant) {
        if !self.has_room() {
            let (clients, failure) = (client.into_iter().collect(), Failure::Connect);
            return self.events.push_back(TransportEvent::Failed { clients, failure });
        }
        self.drawn += 1;
        let id = StreamId(self.drawn);
        let give_up = self.connect_timeout.map(|span| now + span);
        let waiting = vec![(client, octets.to_vec())];
        let state = StreamState::Connecting { give_up, waiting };
        let Target { addr: remote, transport } = target;
        self.streams.insert(id, Stream::new(transport, self.local, remote, state, client));
        let tls = (transport == Transport::Tls).then(|| match self.domains.get(&remote) {
            _ if self.defects.has(Defect::TrustsAnyCertificate) => TlsName::Anybody,
            Some(domain) => TlsName::Domain(domain.clone()),
            None => TlsName::Address(remote.ip()),
        });
        self.outputs.push_back(Output::Connect { stream: id, local: self.local.ip(), remote, tls });
    }

    /// Whether one more stream may be opened, if need be in place of an idle one.
    fn has_room(&mut self) -> bool {
        let opened = || self.streams.iter().filter(|(id, _)| id.0 & StreamId::ACCEPTED == 0);
        if opened().count() < MAX_OPENED {
            return true;
        }
        let idle = opened().find(|(_, stream)| stream.clients.is_empty()).map(|(id, _)| *id);
        if let Some(id) = idle {
            self.close(id, false);
        }
        idle.is_some()
    }

    fn send_on(&mut self, id: StreamId, octets: &[u8], client: Option<ClientId>) {
        let Some(stream) = self.streams.get_mut(&id) else { return };
        stream.clients.extend(client);
        match &mut stream.state {
            StreamState::Connecting { waiting, .. } if waiting.len() >= MAX_WAITING => {}
            StreamState::Connecting { waiting, .. } => waiting.push((client, octets.to_vec())),
            StreamState::Open => {
                self.outputs.push_back(Output::StreamData { stream: id, data: octets.to_vec() });
            }
        }
    }

    fn on_accepted(&mut self, id: StreamId, transport: Transport, local: SocketAddr, remote: SocketAddr) {
        let accepted = self.streams.keys().filter(|id| id.0 & StreamId::ACCEPTED != 0).count();
        if accepted >= MAX_ACCEPTED {
            return self.outputs.push_back(Output::CloseStream { stream: id, reset: true });
        }
        self.streams.insert(id, Stream::new(transport, local, remote, StreamState::Open, None));
    }

    fn on_connected(&mut self, id: StreamId, local: SocketAddr) {
        let Some(stream) = self.streams.get_mut(&id) else { return };
        stream.local = local;
        if let StreamState::Connecting { waiting, .. } =
            std::mem::replace(&mut stream.state, StreamState::Open)
        {
            let data = waiting.into_iter().map(|(_, data)| Output::StreamData { stream: id, data });
            self.outputs.extend(data);
        }
    }

    fn on_stream_data(&mut self, id: StreamId, data: &[u8]) {
        let Some(stream) = self.streams.get_mut(&id) else { return };
        stream.framer.push(data);
        while let Some(stream) = self.streams.get_mut(&id)
            && let Some(found) = stream.framer.pop()
        {
            let (local, remote) = (stream.local, stream.remote);
            match found {
                Framed::Message(message) => self.on_message(local, remote, Some(id), message),
                // Whoever opened the stream pings; the other side answers (RFC 5626 section 4.4.1).
                Framed::KeepAlive { ping: true } if id.0 & StreamId::ACCEPTED != 0 => {
                    self.outputs.push_back(Output::StreamData { stream: id, data: b"\r\n".to_vec() });
                }
                Framed::KeepAlive { .. } => {}
                Framed::Lost { .. } => {
                    self.outputs.push_back(Output::CloseStream { stream: id, reset: false });
                    self.fail_stream(id, Failure::Send);
                }
            }
        }
    }

    fn fail_stream(&mut self, id: StreamId, failure: Failure) {
        if let Some(stream) = self.streams.remove(&id) {
            self.events.push_back(TransportEvent::Failed { clients: stream.clients, failure });
        }
    }

    fn close(&mut self, id: StreamId, reset: bool) {
        if self.streams.remove(&id).is_some() {
            self.outputs.push_back(Output::CloseStream { stream: id, reset });
        }
    }

    fn on_datagram(&mut self, local: SocketAddr, remote: SocketAddr, payload: &[u8]) {
        // Empty lines keep bindings of address translators alive and are no messages.
        if payload.iter().all(|octet| b"\r\n\0".contains(octet)) {
            return;
        }
        self.on_message(local, remote, None, Message::parse(payload));
    }

    fn on_message(
        &mut self,
        local: SocketAddr,
        remote: SocketAddr,
        stream: Option<StreamId>,
        message: Message,
    ) {
        let message = if message.method().is_some() { with_source(&message, remote) } else { message };
        let over = stream.and_then(|id| self.streams.get(&id)).map(|stream| stream.transport);
        let transport = over.unwrap_or(Transport::Udp);
        let reply_to = match message.top_via() {
            Some(via) => reply_address(&via, remote, transport),
            None => return, // No way back, and no transaction to find.
        };
        let flow = Flow { local, reply_to, stream, transport };
        self.events.push_back(TransportEvent::Message { flow, message });
    }
}

impl Stream {
    fn new(
        transport: Transport,
        local: SocketAddr,
        remote: SocketAddr,
        state: StreamState,
        client: Option<ClientId>,
    ) -> Self {
        let clients = client.into_iter().collect();
        Stream { transport, local, remote, state, clients, framer: Framer::new() }
    }

    fn give_up(&self) -> Option<Instant> {
        match &self.state {
            StreamState::Connecting { give_up, .. } => *give_up,
            StreamState::Open => None,
        }
    }
}

/// The request with its source written into its topmost Via: `received` where the sent-by is not
/// the source address (section 18.2.1), both parameters where `rport` is asked for (RFC 3581
/// section 4).
fn with_source(request: &Message, remote: SocketAddr) -> Message {
    let Some(mut via) = request.top_via() else { return request.clone() };
    let asked = via.params.has("rport");
    if asked {
        via.params.set("rport", Some(&remote.port().to_string()));
    }
    if asked || via.host.ip() != Some(remote.ip()) {
        via.params.set("received", Some(&remote.ip().to_string()));
    } else {
        return request.clone();
    }
    let below: Vec<String> = request.values("Via").iter().skip(1).map(|via| via.to_string()).collect();
    let mut builder = request.rebuild().remove("Via");
    for lower in below.iter().rev() {
        builder = builder.prepend("Via", lower);
    }
    let mut rebuilt = builder.prepend("Via", via).build();
    rebuilt.defects = request.defects.clone();
    rebuilt
}

/// Where responses go (section 18.2.2, RFC 3581 section 4).
fn reply_address(via: &Via, remote: SocketAddr, transport: Transport) -> SocketAddr {
    let reliable = transport.is_reliable();
    let host = |name: &str| {
        via.params.value(name).and_then(|value| value.trim_matches(['[', ']']).parse::<IpAddr>().ok())
    };
    let port = via.port.unwrap_or(transport.default_port());
    if !reliable && let Some(maddr) = host("maddr") {
        return SocketAddr::new(maddr, port);
    }
    if !reliable && via.params.value("rport").is_some() {
        return remote;
    }
    SocketAddr::new(via.received().or(via.host.ip()).unwrap_or(remote.ip()), port)
}
