//! The phone's DNS client: what is asked, of whom, from where, and what came of it.
//!
//! A question goes to the DNS servers in order, each has [`PATIENCE`](super::query::PATIENCE), and
//! the list is gone through [`ROUNDS`](super::query::ROUNDS) times. A server that says that it
//! cannot tell, or whose host says that nobody listens, is left at once. Each question has a port of its
//! own, and each try a message id of its own (RFC 5452 section 9.2).

use std::collections::{BTreeMap, VecDeque};
use std::net::SocketAddr;

use sipfarm_core::Instant;
use sipfarm_core::dns::{DnsMessage, Question, StreamFramer, to_stream};
use sipfarm_core::machine::{Input, Output, PortState, StreamId, Transport};

use super::cache::Cache;
use super::query::{self, Pace, Query, Stream};
use super::{Answer, Failure};
use crate::defect::{Defect, Defects};

/// Ports to ask from: the dynamic ones (RFC 6335 section 6).
const PORTS: std::ops::RangeInclusive<u16> = 49_152..=65_535;

/// Set in the numbers of the client's streams, so that they are never those of a SIP connection.
const STREAMS: u64 = 1 << 62;

/// Asks DNS servers.
#[derive(Debug)]
pub struct Client {
    /// The address of SIP: what arrives there is not ours.
    sip: SocketAddr,
    servers: Vec<SocketAddr>,
    rng: fastrand::Rng,
    cache: Cache,
    queries: BTreeMap<Question, Query>,
    outputs: VecDeque<Output>,
    answers: VecDeque<(Question, Answer)>,
    streams: u64,
    pace: Pace,
    /// It takes an answer that was cut for the whole; a defect.
    believes_cut: bool,
    /// Whether answers are kept for their time.
    keeps: bool,
}

impl Client {
    /// A client of these DNS servers, at the phone's address. Message ids and ports come from the
    /// seed.
    pub fn new(sip: SocketAddr, servers: Vec<SocketAddr>, seed: u64, defects: &Defects) -> Self {
        Client {
            sip,
            servers,
            rng: fastrand::Rng::with_seed(seed),
            cache: Cache::default(),
            queries: BTreeMap::new(),
            outputs: VecDeque::new(),
            answers: VecDeque::new(),
            streams: 0,
            pace: Pace::of(defects),
            believes_cut: defects.has(Defect::IgnoresTruncation),
            keeps: true,
        }
    }

    /// The same, which keeps answers for their time, or uses each but for the request that it was asked for.
    pub fn keeping(mut self, keeps: bool) -> Self {
        self.keeps = keeps;
        self
    }

    /// Asks a question. The answer comes at once when it is known or cannot be had, otherwise by
    /// [`Client::poll_answer`].
    pub fn ask(&mut self, question: &Question, now: Instant) -> Option<Answer> {
        if let Some(known) = self.cache.get(question, now) {
            return Some(known.clone());
        }
        if self.servers.is_empty() {
            return Some(Answer::Failed(Failure::NoServers));
        }
        // What cannot be written is no name, and so no name of DNS.
        if DnsMessage::query(0, &question.name, question.kind).encode().is_err() {
            return Some(Answer::NoName);
        }
        if !self.queries.contains_key(question) {
            let local = self.draw_port();
            let (transport, state) = (Transport::Udp, PortState::Open);
            self.outputs.push_back(Output::SetPort { transport, local, state });
            let query = Query::new(local, self.rng.u16(..), self.pace, now);
            self.send(question, &query);
            self.queries.insert(question.clone(), query);
        }
        None
    }

    /// The source of everything random in DNS.
    pub fn rng(&mut self) -> &mut fastrand::Rng {
        &mut self.rng
    }

    /// Takes note of what happened, and gives back what is not its own.
    pub fn handle(&mut self, input: Input, now: Instant) -> Option<Input> {
        match input {
            Input::Datagram { local, remote, payload } if local != self.sip => {
                self.on_datagram(local, remote, &payload, now);
            }
            Input::Icmp { local, remote, kind } if local != self.sip => {
                let asked = self.find(|query| query.local == local && query.stream.is_none(), remote);
                if let Some(question) = asked.filter(|_| kind.is_fatal()) {
                    self.go_on(&question, now);
                }
            }
            Input::Connected { stream, .. } if is_ours(stream) => self.on_connected(stream),
            Input::ConnectFailed { stream, .. } | Input::StreamClosed { stream, .. } if is_ours(stream) => {
                self.on_stream_lost(stream, now);
            }
            Input::StreamData { stream, data } if is_ours(stream) => self.on_data(stream, &data, now),
            other => return Some(other),
        }
        None
    }

    /// Gives up on tries that take too long.
    pub fn fire(&mut self, now: Instant) {
        let late = self.queries.iter().filter(|(_, query)| query.give_up <= now);
        for question in late.map(|(question, _)| question.clone()).collect::<Vec<_>>() {
            self.go_on(&question, now);
        }
    }

    /// When to give up on a try next.
    pub fn deadline(&self) -> Option<Instant> {
        self.queries.values().map(|query| query.give_up).min()
    }

    /// The next answer to a question that was asked.
    pub fn poll_answer(&mut self) -> Option<(Question, Answer)> {
        self.answers.pop_front()
    }

    /// What the network has to do next.
    pub fn poll_output(&mut self) -> Option<Output> {
        self.outputs.pop_front()
    }

    /// Asks nothing more and forgets what it heard.
    pub fn forget(&mut self) {
        self.cache.clear();
        self.answers.clear();
        for question in self.queries.keys().cloned().collect::<Vec<_>>() {
            self.take(&question);
        }
    }

    fn draw_port(&mut self) -> SocketAddr {
        loop {
            let local = SocketAddr::new(self.sip.ip(), self.rng.u16(PORTS));
            if local != self.sip && self.queries.values().all(|query| query.local != local) {
                return local;
            }
        }
    }

    fn send(&mut self, question: &Question, query: &Query) {
        let message = DnsMessage::query(query.id, &question.name, question.kind);
        let remote = self.servers[query.server()];
        if let Ok(payload) = message.encode() {
            self.outputs.push_back(Output::Datagram { local: query.local, remote, payload });
        }
    }

    /// The question that such a query asks of that DNS server.
    fn find(&self, is_it: impl Fn(&Query) -> bool, remote: SocketAddr) -> Option<Question> {
        let asks = |query: &Query| self.servers[query.server()] == remote && is_it(query);
        self.queries.iter().find(|(_, query)| asks(query)).map(|(question, _)| question.clone())
    }

    /// What comes from elsewhere than the DNS server that was asked, to another port or with
    /// another id or question, is not an answer (RFC 5452 section 9.1).
    fn on_datagram(&mut self, local: SocketAddr, remote: SocketAddr, payload: &[u8], now: Instant) {
        let Some(question) = self.find(|query| query.local == local && query.stream.is_none(), remote) else {
            return;
        };
        let Ok(message) = DnsMessage::decode(payload) else { return };
        match self.queries.get(&question) {
            Some(query) if !query.is_answered_by(&question, &message) => {}
            Some(_) if message.truncated && !self.believes_cut => self.connect(&question, now),
            Some(_) => self.on_answer(&question, &message, now),
            None => {}
        }
    }

    /// Asks once more over TCP (RFC 7766 section 5).
    fn connect(&mut self, question: &Question, now: Instant) {
        let Some(query) = self.queries.get_mut(question) else { return };
        self.streams += 1;
        let id = StreamId(STREAMS | self.streams);
        query.stream = Some(Stream { id, framer: StreamFramer::default() });
        query.give_up = now + query::PATIENCE;
        let remote = self.servers[query.server()];
        self.outputs.push_back(Output::Connect { stream: id, local: self.sip.ip(), remote, tls: None });
    }

    fn on_connected(&mut self, id: StreamId) {
        let Some((question, query)) = self.on_stream(id) else { return };
        let message = DnsMessage::query(query.id, &question.name, question.kind);
        let data = message.encode().ok().and_then(|octets| to_stream(&octets));
        self.outputs.extend(data.map(|data| Output::StreamData { stream: id, data }));
    }

    fn on_data(&mut self, id: StreamId, data: &[u8], now: Instant) {
        let Some((question, query)) = self.on_stream(id) else { return };
        let question = question.clone();
        let messages = query.stream.as_mut().map(|stream| stream.framer.push(data)).unwrap_or_default();
        let answer = messages
            .iter()
            .filter_map(|octets| DnsMessage::decode(octets).ok())
            .find(|message| query.is_answered_by(&question, message));
        if let Some(answer) = answer {
            self.on_answer(&question, &answer, now);
        }
    }

    fn on_stream_lost(&mut self, id: StreamId, now: Instant) {
        let Some((question, query)) = self.on_stream(id) else { return };
        query.stream = None;
        let question = question.clone();
        self.go_on(&question, now);
    }

    fn on_stream(&mut self, id: StreamId) -> Option<(&Question, &mut Query)> {
        let uses = |query: &Query| query.stream.as_ref().is_some_and(|stream| stream.id == id);
        self.queries.iter_mut().find(|(_, query)| uses(query))
    }

    fn on_answer(&mut self, question: &Question, message: &DnsMessage, now: Instant) {
        match query::read(question, message, now) {
            Some(answer) => {
                let answer = if self.keeps { answer } else { answer.without_life(now) };
                self.cache.keep(question, &answer, now);
                self.finish(question, answer);
            }
            None => {
                if let Some(query) = self.queries.get_mut(question) {
                    query.refuse(message.code);
                }
                self.go_on(question, now);
            }
        }
    }

    /// Puts the question to the next DNS server.
    fn go_on(&mut self, question: &Question, now: Instant) {
        let id = self.rng.u16(..);
        let Some(mut query) = self.queries.remove(question) else { return };
        self.close_stream(&mut query);
        let next = query.advance(self.servers.len(), now);
        query.id = id;
        if next.is_ok() {
            self.send(question, &query);
        }
        self.queries.insert(question.clone(), query);
        if let Err(failure) = next {
            self.finish(question, Answer::Failed(failure));
        }
    }

    fn finish(&mut self, question: &Question, answer: Answer) {
        self.take(question);
        self.answers.push_back((question.clone(), answer));
    }

    fn take(&mut self, question: &Question) {
        let Some(mut query) = self.queries.remove(question) else { return };
        self.close_stream(&mut query);
        let (transport, state) = (Transport::Udp, PortState::Closed);
        self.outputs.push_back(Output::SetPort { transport, local: query.local, state });
    }

    fn close_stream(&mut self, query: &mut Query) {
        let stream = query.stream.take();
        let close = stream.map(|stream| Output::CloseStream { stream: stream.id, reset: false });
        self.outputs.extend(close);
    }
}

fn is_ours(stream: StreamId) -> bool {
    stream.0 & STREAMS != 0 && stream.0 & StreamId::ACCEPTED == 0
}
