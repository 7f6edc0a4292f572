//! The transaction layer (RFC 3261 section 17): it pairs requests with responses, repeats what may
//! have been lost, and gives up in time.

mod again;
mod client;
mod habits;
mod server;
pub mod timers;

use std::collections::{BTreeMap, VecDeque};
use std::net::SocketAddr;

use sipfarm_core::machine::{Input, Output, Transport};
use sipfarm_core::sip::{Message, MessageBuilder, Method};
use sipfarm_core::{Instant, Span};

use self::client::{Client, hop_by_hop};
pub use self::habits::Habits;
use self::server::{Key, Server};
use self::timers::Timer;
use crate::defect::Defect;
use crate::ids::Ids;
use crate::malformed::is_broken_response;
use crate::transport::{Flow, TransportEvent, TransportLayer};

/// Where a request is sent.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Target {
    /// Address and port.
    pub addr: SocketAddr,
    /// Transport.
    pub transport: Transport,
}

/// A client transaction.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct ClientId(u64);

/// A server transaction.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct ServerId(u64);

/// Why a request got no final response.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Failure {
    /// Timer B or F, or as many sends as were allowed.
    Timeout,
    /// A fatal ICMP error.
    Icmp,
    /// The TCP connection could not be opened.
    Connect,
    /// TLS on the TCP connection did not come about.
    Tls,
    /// The TCP connection broke with the request on it.
    Send,
}

/// How long a client transaction waits for an answer.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Patience {
    /// Sends until it gives up, at the instant at which it would send once more; `None`: no limit
    /// but the time.
    pub max_sends: Option<u32>,
    /// Timer B or F.
    pub timeout: Span,
}

/// What the transaction layer tells its user.
#[derive(Debug)]
pub enum TxEvent {
    /// A response, provisional or final; 2xx to INVITE each time that it comes.
    Response {
        /// To which request.
        client: ClientId,
        /// The response.
        response: Box<Message>,
    },
    /// There will be no response.
    Failed {
        /// To which request.
        client: ClientId,
        /// Why.
        failure: Failure,
    },
    /// A new request.
    Request {
        /// Its transaction.
        server: ServerId,
        /// The request, its topmost Via completed (RFC 3581 section 4).
        request: Box<Message>,
        /// For CANCEL: the INVITE that it means, if there is one.
        cancels: Option<ServerId>,
        /// From where it came: where responses to it go.
        from: Target,
    },
    /// An ACK for a 2xx.
    Ack {
        /// The ACK.
        ack: Box<Message>,
    },
    /// A connection has ended.
    Closed {
        /// With whom.
        remote: SocketAddr,
    },
}

/// The longest request that is sent as a datagram where the path's MTU is unknown
/// (section 18.1.1).
const MAX_DATAGRAM: usize = 1300;

/// How many requests of others are known at a time; more are dropped, as section 21.5.4 allows in
/// place of 503, and find room when they are repeated. A request is known for 64×T1, so that this
/// is 32 new ones each second without end, which no call and no registration comes near.
const MAX_SERVERS: usize = 1024;

/// What a transaction wants done.
enum Act {
    Send(Vec<u8>),
    Ack(Vec<u8>),
    Tell(TxEvent),
}

/// All transactions, and the transport under them.
#[derive(Debug)]
pub struct Transactions {
    transport: TransportLayer,
    habits: Habits,
    tcp_allowed: bool,
    clients: BTreeMap<ClientId, Client>,
    servers: BTreeMap<ServerId, Server>,
    events: VecDeque<TxEvent>,
    drawn: u64,
}

impl Transactions {
    /// None yet, over an open transport. Where TCP is not allowed, long requests go as datagrams.
    pub fn new(transport: TransportLayer, habits: Habits, tcp_allowed: bool) -> Self {
        Transactions {
            transport,
            habits,
            tcp_allowed,
            clients: BTreeMap::new(),
            servers: BTreeMap::new(),
            events: VecDeque::new(),
            drawn: 0,
        }
    }

    /// Sends a request in a transaction of its own. The layer adds the topmost Via.
    pub fn request(
        &mut self,
        request: MessageBuilder,
        target: Target,
        patience: Patience,
        ids: &mut Ids,
        now: Instant,
    ) -> ClientId {
        let branch = self.branch(&request, Defect::KeepsBranch, ids);
        let (request, fitting) = self.addressed(request, target, &branch);
        let client = self.start(request, fitting, patience, now);
        if fitting != target
            && let Some(client) = self.clients.get_mut(&client)
        {
            client.too_long_for = Some(target);
        }
        client
    }

    /// Cancels an INVITE that has had a provisional response and no final one (section 9.1).
    pub fn cancel(
        &mut self,
        invite: ClientId,
        reason: Option<&str>,
        patience: Patience,
        now: Instant,
    ) -> Option<ClientId> {
        let too_early = self.habits.defects.has(Defect::CancelsBeforeProvisional);
        let may_cancel =
            |client: &&Client| client.state == client::State::Proceeding || too_early && client.unanswered();
        let invite = self.clients.get(&invite).filter(may_cancel)?;
        let mut cancel = hop_by_hop(&invite.request, &Method::Cancel, None, &self.habits);
        // RFC 4412 section 4.2: with the same precedence.
        for precedence in invite.request.fields("Resource-Priority") {
            cancel = cancel.header("Resource-Priority", &precedence.value);
        }
        let cancel = cancel.header_opt("Reason", reason).build();
        let target = self.habits.astray(Defect::CancelToWrongServer, invite.target);
        Some(self.start(cancel, target, patience, now))
    }

    /// Sends a request without a transaction: the ACK for a 2xx. Returns it as sent, and where.
    pub fn send(
        &mut self,
        request: MessageBuilder,
        target: Target,
        ids: &mut Ids,
        now: Instant,
    ) -> (Message, Target) {
        let branch = self.branch(&request, Defect::AckKeepsBranch, ids);
        let (request, target) = self.addressed(request, target, &branch);
        if !self.habits.defects.has(Defect::NoAckOfAcceptance) {
            self.transport.send_request(target, &request.raw, None, now);
        }
        (request, target)
    }

    /// Sends a request without a transaction once more, as it was.
    pub fn send_again(&mut self, request: &Message, target: Target, now: Instant) {
        if !self.habits.defects.has(Defect::AcknowledgesAcceptanceOnce) {
            self.transport.send_request(target, &request.raw, None, now);
        }
    }

    /// Answers a request. Responses after the final one are dropped, but for repetitions of a 2xx
    /// to INVITE.
    pub fn respond(&mut self, server: ServerId, response: &MessageBuilder, now: Instant) {
        let response = response.build();
        let Some(transaction) = self.servers.get_mut(&server) else { return };
        let mut acts = Vec::new();
        let code = response.status().unwrap_or(500);
        transaction.respond(code, response.raw, &self.habits, now, &mut acts);
        self.perform_server(server, acts, now);
    }

    /// Over what a request came.
    pub fn transport_of(&self, server: ServerId) -> Option<Transport> {
        self.servers.get(&server).map(|server| server.flow.transport)
    }

    /// Forgets a client transaction; what comes for it later is a stray.
    pub fn abandon(&mut self, client: ClientId) {
        self.clients.remove(&client);
        self.transport.forget(client);
    }

    /// The request as sent.
    pub fn client_request(&self, client: ClientId) -> Option<&Message> {
        self.clients.get(&client).map(|client| &client.request)
    }

    /// Whether a request has come a second time by another way: outside a dialog, with From tag,
    /// Call-ID and CSeq of another one that is still known (section 8.2.2.2).
    pub fn is_merged(&self, server: ServerId) -> bool {
        let Some(ours) = self.servers.get(&server) else { return false };
        let outside = ours.request.to().is_some_and(|to| to.tag().is_none());
        outside
            && ours.marks.is_some()
            && !ours.request.is_request(&Method::Cancel)
            && self.servers.values().any(|other| other.id != server && other.marks == ours.marks)
    }

    /// Takes note of what happened on the network.
    pub fn handle(&mut self, input: Input, now: Instant) {
        self.transport.handle(input);
        self.take_from_transport(now);
    }

    /// Fires what is due, in order of time and, at one instant, of letters.
    pub fn fire(&mut self, now: Instant) {
        self.transport.fire(now);
        self.take_from_transport(now);
        while let Some((at, timer, owner)) = self.next_timer().filter(|(at, ..)| *at <= now) {
            let mut acts = Vec::new();
            match owner {
                Owner::Client(id) => {
                    if let Some(client) = self.clients.get_mut(&id) {
                        client.on_timer(timer, at, &self.habits, &mut acts);
                    }
                    self.perform_client(id, acts, now);
                }
                Owner::Server(id) => {
                    if let Some(server) = self.servers.get_mut(&id) {
                        server.on_timer(timer, at, now, &self.habits, &mut acts);
                    }
                    self.perform_server(id, acts, now);
                }
            }
        }
    }

    /// What the user has to know next.
    pub fn poll_event(&mut self) -> Option<TxEvent> {
        self.events.pop_front()
    }

    /// What the network has to do next.
    pub fn poll_output(&mut self) -> Option<Output> {
        self.transport.poll_output()
    }

    /// When to fire next.
    pub fn deadline(&self) -> Option<Instant> {
        let timers = self.next_timer().map(|(at, ..)| at);
        timers.into_iter().chain(self.transport.deadline()).min()
    }

    /// Says by which domain a server was found: see [`TransportLayer::found_by`].
    pub fn found_by(&mut self, addr: SocketAddr, domain: Option<&str>) {
        self.transport.found_by(addr, domain);
    }

    /// Drops every transaction and resets every stream.
    pub fn clear(&mut self) {
        self.clients.clear();
        self.servers.clear();
        self.events.clear();
        self.transport.reset();
    }

    /// A branch for a new request: that of another one with the same Call-ID and CSeq number only by
    /// defect.
    fn branch(&self, request: &MessageBuilder, keeps: Defect, ids: &mut Ids) -> String {
        if self.habits.defects.has(keeps) {
            let request = request.build();
            let number = |message: &Message| message.cseq().map(|cseq| cseq.number);
            let is_same = |other: &&Client| {
                other.request.call_id() == request.call_id() && number(&other.request) == number(&request)
            };
            if let Some(same) = self.clients.values().find(is_same) {
                return same.branch().to_owned();
            }
        }
        ids.branch()
    }

    /// The request with its topmost Via, and where it goes: longer ones than a datagram should be
    /// go over TCP (section 18.1.1).
    fn addressed(&self, mut request: MessageBuilder, target: Target, branch: &str) -> (Message, Target) {
        if self.habits.defects.has(Defect::ForgetsMaxForwards) {
            request = request.remove("Max-Forwards");
        }
        let over = |transport| request.clone().prepend("Via", self.transport.via(transport, branch)).build();
        let message = over(target.transport);
        let too_long = target.transport == Transport::Udp && message.raw.len() > MAX_DATAGRAM;
        if too_long && self.tcp_allowed {
            return (over(Transport::Tcp), Target { transport: Transport::Tcp, ..target });
        }
        (message, target)
    }

    fn start(&mut self, request: Message, target: Target, patience: Patience, now: Instant) -> ClientId {
        self.drawn += 1;
        let id = ClientId(self.drawn);
        let mut client = Client::new(id, request, target, self.habits.patience(patience));
        let mut acts = Vec::new();
        client.start(&self.habits, now, &mut acts);
        self.clients.insert(id, client);
        self.perform_client(id, acts, now);
        id
    }

    fn take_from_transport(&mut self, now: Instant) {
        while let Some(event) = self.transport.poll_event() {
            match event {
                TransportEvent::Message { message, .. } if message.status().is_some() => {
                    self.on_response(message, now);
                }
                TransportEvent::Message { flow, message } => self.on_request(flow, message, now),
                TransportEvent::Icmp { remote } => {
                    let credulous = self.habits.defects.has(Defect::BelievesAnyIcmp);
                    let hit = |client: &&Client| {
                        (client.target.addr == remote || credulous) && !client.target.transport.is_reliable()
                    };
                    let ids: Vec<_> = self.clients.values().filter(hit).map(|client| client.id).collect();
                    self.fail_clients(ids, Failure::Icmp, now);
                }
                TransportEvent::Closed { remote } => self.events.push_back(TxEvent::Closed { remote }),
                TransportEvent::Failed { clients, failure } => {
                    let clients = match failure {
                        Failure::Connect => self.back_to_datagrams(clients, now),
                        Failure::Tls if self.habits.defects.has(Defect::DropsToClearText) => {
                            self.drop_to_clear_text(clients, now)
                        }
                        _ => clients,
                    };
                    self.fail_clients(clients, failure, now);
                }
            }
        }
    }

    fn on_response(&mut self, response: Message, now: Instant) {
        if is_broken_response(&response) && !self.habits.defects.has(Defect::TakesBrokenResponses) {
            return;
        }
        let (Some(branch), Some(cseq)) = (response.branch(), response.cseq()) else { return };
        let Some(client) = self.clients.values_mut().find(|client| client.matches(&branch, &cseq.method))
        else {
            return;
        };
        let (id, mut acts) = (client.id, Vec::new());
        client.on_response(response, &self.habits, now, &mut acts);
        self.perform_client(id, acts, now);
    }

    fn on_request(&mut self, flow: Flow, request: Message, now: Instant) {
        let Some(method) = request.method().cloned() else { return };
        let keyed_as = if method == Method::Ack { &Method::Invite } else { &method };
        let key = Key::of(&request, keyed_as);
        if let Some(server) = self.servers.values_mut().find(|server| server.key == key) {
            let (id, mut acts) = (server.id, Vec::new());
            match method {
                Method::Ack => server.on_ack(request, &self.habits, now, &mut acts),
                _ => server.on_repetition(&mut acts),
            }
            return self.perform_server(id, acts, now);
        }
        if method == Method::Ack {
            return self.events.push_back(TxEvent::Ack { ack: Box::new(request) });
        }
        if self.servers.len() >= MAX_SERVERS {
            return;
        }
        let cancels = (method == Method::Cancel)
            .then(|| Key::of(&request, &Method::Invite))
            .and_then(|invite| self.servers.values().find(|server| server.key == invite))
            .map(|server| server.id);
        self.drawn += 1;
        let id = ServerId(self.drawn);
        let from = Target { addr: flow.reply_to, transport: flow.transport };
        self.servers.insert(id, Server::new(id, key, request.clone(), flow, now));
        self.events.push_back(TxEvent::Request { server: id, request: Box::new(request), cancels, from });
    }

    fn fail_clients(&mut self, clients: Vec<ClientId>, failure: Failure, now: Instant) {
        for id in clients {
            let mut acts = Vec::new();
            if let Some(client) = self.clients.get_mut(&id) {
                client.on_failure(failure, &mut acts);
            }
            self.perform_client(id, acts, now);
        }
    }

    fn perform_client(&mut self, id: ClientId, acts: Vec<Act>, now: Instant) {
        let Some(client) = self.clients.get(&id) else { return };
        for act in acts {
            match act {
                Act::Send(octets) => self.transport.send_request(client.target, &octets, Some(id), now),
                Act::Ack(octets) => {
                    let target = self.habits.astray(Defect::AckToWrongServer, client.target);
                    self.transport.send_request(target, &octets, Some(id), now);
                }
                Act::Tell(event) => self.events.push_back(event),
            }
        }
        if client.state == client::State::Terminated {
            self.abandon(id);
        }
    }

    fn perform_server(&mut self, id: ServerId, acts: Vec<Act>, now: Instant) {
        let Some(server) = self.servers.get(&id) else { return };
        for act in acts {
            match act {
                Act::Send(octets) | Act::Ack(octets) => {
                    self.transport.send_response(&server.flow, &octets, now);
                }
                Act::Tell(event) => self.events.push_back(event),
            }
        }
        if server.state == server::State::Terminated {
            self.servers.remove(&id);
        }
    }

    fn next_timer(&self) -> Option<(Instant, Timer, Owner)> {
        let clients = self.clients.values().filter_map(|client| {
            let (at, timer) = client.timers.next()?;
            Some((at, timer, Owner::Client(client.id)))
        });
        let servers = self.servers.values().filter_map(|server| {
            let (at, timer) = server.timers.next()?;
            Some((at, timer, Owner::Server(server.id)))
        });
        clients.chain(servers).min()
    }
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
enum Owner {
    Client(ClientId),
    Server(ServerId),
}
