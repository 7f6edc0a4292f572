//! Server transactions (RFC 3261 section 17.2, RFC 6026 section 7.1).

use std::net::IpAddr;
use std::sync::Arc;

use sipfarm_core::machine::Transport;
use sipfarm_core::sip::{Message, MessageBuilder, Method, reason_phrase};
use sipfarm_core::{Instant, Span};

use super::timers::{Letter, SIXTY_FOUR_T1, T1, T2, T4, TRYING_AFTER, UNANSWERED_MAX};
use super::wire::{receive_via, refusal, response_path, server_key, server_key_as};
use super::{Direction, Event, Key, Path, Stack, Timer};

/// With so many server transactions, the one that would end next makes room for a new one; one of an address
/// that crowds the others first.
const SERVERS_MAX: usize = 4096;

/// One server transaction.
#[derive(Debug)]
pub(super) struct Server {
    request: Arc<Message>,
    /// Where responses go.
    path: Path,
    /// Where they go when the connection is gone.
    otherwise: Path,
    to_tag: String,
    state: State,
    last: Option<Message>,
    /// The interval after the next Timer G.
    interval: Span,
    downstream: Option<Key>,
    /// Where the request came from.
    source: IpAddr,
}

/// As the figures 7 and 8 of RFC 3261 call them; `Accepted` is RFC 6026's. Trying and Proceeding
/// differ only in whether there is a last response.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum State {
    Proceeding,
    Completed,
    Confirmed,
    Accepted,
}

impl Server {
    fn is_invite(&self) -> bool {
        self.request.is_request(&Method::Invite)
    }
}

impl Stack {
    /// Whether a server transaction has this request already.
    pub(super) fn knows(&self, message: &Message) -> bool {
        server_key(message).is_some_and(|key| self.servers.contains_key(&key))
    }

    /// The INVITE transaction that a CANCEL means.
    pub(in crate::farm) fn cancelled(&self, cancel: &Message) -> Option<Key> {
        server_key_as(cancel, &Method::Invite).filter(|key| self.servers.contains_key(key))
    }

    /// The request of a server transaction.
    pub(in crate::farm) fn request_of(&self, server: &Key) -> Option<&Message> {
        self.servers.get(server).map(|server| server.request.as_ref())
    }

    /// Whether a final response was given already.
    pub(in crate::farm) fn is_answered(&self, server: &Key) -> bool {
        self.servers.get(server).is_none_or(|server| server.state != State::Proceeding)
    }

    /// Where the request of a server transaction came from.
    pub(super) fn source_of(&self, server: &Key) -> Option<IpAddr> {
        self.servers.get(server).map(|server| server.source)
    }

    /// The tag that responses of that transaction add to To.
    pub(in crate::farm) fn to_tag(&self, server: &Key) -> Option<&str> {
        self.servers.get(server).map(|server| server.to_tag.as_str())
    }

    /// Remembers on behalf of whom a request was sent on.
    pub(in crate::farm) fn set_downstream(&mut self, server: &Key, client: Key) {
        if let Some(server) = self.servers.get_mut(server) {
            server.downstream = Some(client);
        }
    }

    /// The client transaction that works on behalf of this one.
    pub(in crate::farm) fn downstream(&self, server: &Key) -> Option<&Key> {
        self.servers.get(server)?.downstream.as_ref()
    }

    /// Starts a response of that transaction.
    pub(in crate::farm) fn response(&self, server: &Key, code: u16) -> Option<MessageBuilder> {
        self.response_with(server, code, reason_phrase(code))
    }

    /// As [`Stack::response`], with a reason phrase of one's own.
    pub(super) fn response_with(&self, server: &Key, code: u16, reason: &str) -> Option<MessageBuilder> {
        let server = self.servers.get(server)?;
        let tag = (code > 100).then_some(server.to_tag.as_str());
        Some(MessageBuilder::response_to(&server.request, code, reason, tag))
    }

    /// Answers with a bare status code.
    pub(in crate::farm) fn answer(&mut self, server: &Key, code: u16, now: Instant) {
        if let Some(response) = self.response(server, code) {
            self.respond(server, response.build(), now);
        }
    }

    /// Forgets a transaction that will never be answered (RFC 4320 section 4.2).
    pub(in crate::farm) fn abandon(&mut self, server: &Key) {
        self.forget_server(server);
    }

    /// Sends a response of that transaction. After a final one, only repetitions of a 2xx to
    /// INVITE go out.
    pub(in crate::farm) fn respond(&mut self, key: &Key, response: Message, now: Instant) {
        let (Some(server), Some(code)) = (self.servers.get_mut(key), response.status()) else { return };
        let is_success = (200..300).contains(&code);
        match server.state {
            State::Proceeding => {}
            State::Accepted if is_success => {}
            State::Completed | State::Confirmed | State::Accepted => return,
        }
        server.last = Some(response);
        self.timers.clear(&Timer::Server(key.clone(), Letter::Trying));
        if code >= 200 {
            self.complete(key, is_success, now);
        }
        self.resend(key, now);
        if code >= 200 && self.ends_at_once(key) {
            self.forget_server(key);
        }
    }

    pub(super) fn receive_request(&mut self, message: Message, path: Path, now: Instant) {
        if message.is_request(&Method::Ack) {
            return self.receive_ack(message, now);
        }
        let Some(key) = server_key(&message) else { return };
        match self.servers.get(&key).map(|server| server.state) {
            None => {}
            Some(State::Proceeding | State::Completed) => return self.resend(&key, now),
            Some(State::Confirmed | State::Accepted) => return,
        }
        let refused = refusal(&message);
        let Some(request) = self.open_server(&key, message, path, now) else { return };
        match refused {
            Some(code) => self.answer(&key, code, now),
            None => self.events.push_back(Event::Request { server: key, request, path }),
        }
    }

    /// Makes the transaction of a new request, and gives the request as it is kept; `None` when it could
    /// not be answered anyway.
    pub(super) fn open_server(
        &mut self,
        key: &Key,
        message: Message,
        path: Path,
        now: Instant,
    ) -> Option<Arc<Message>> {
        let request = Arc::new(receive_via(message, path.remote)?);
        let otherwise = response_path(&request, path)?;
        if self.servers.len() >= SERVERS_MAX {
            self.make_room();
        }
        let is_invite = request.is_request(&Method::Invite);
        let path = if path.transport == Transport::Udp { otherwise } else { path };
        let (last, downstream, interval, source) = (None, None, T1, path.remote.ip());
        let (to_tag, state) = (self.token(), State::Proceeding);
        let kept = Arc::clone(&request);
        let server = Server { request, path, otherwise, to_tag, state, last, interval, downstream, source };
        if let Some(before) = self.servers.insert(key.clone(), server) {
            self.server_shares.remove(before.source);
        }
        self.server_shares.add(source);
        self.end_server(key, Letter::Abandon, now + UNANSWERED_MAX);
        if !is_invite {
            self.timers.set(Timer::Server(key.clone(), Letter::Trying), now + TRYING_AFTER);
        }
        Some(kept)
    }

    pub(super) fn server_timer(&mut self, key: &Key, letter: Letter, now: Instant) {
        match letter {
            Letter::G => {
                self.resend(key, now);
                if let Some(server) = self.servers.get_mut(key) {
                    server.interval = T2.min(server.interval * 2);
                    let at = now + server.interval;
                    self.timers.set(Timer::Server(key.clone(), Letter::G), at);
                }
            }
            Letter::Trying => self.answer(key, 100, now),
            _ => self.forget_server(key), // H, I, J, L, Abandon
        }
    }

    fn receive_ack(&mut self, ack: Message, now: Instant) {
        let key = server_key_as(&ack, &Method::Invite);
        let known = key.and_then(|key| Some((self.servers.get(&key)?.state, key)));
        match known {
            Some((State::Completed, key)) => self.confirm(&key, now),
            Some((State::Confirmed, _)) => {}
            Some((State::Accepted | State::Proceeding, _)) | None if refusal(&ack).is_none() => {
                self.events.push_back(Event::Ack { ack });
            }
            _ => {} // malformed: ACK is never answered
        }
    }

    fn confirm(&mut self, key: &Key, now: Instant) {
        let Some(server) = self.servers.get_mut(key) else { return };
        if server.path.transport.is_reliable() {
            return self.forget_server(key); // Timer I is zero
        }
        server.state = State::Confirmed;
        self.stop_server_timers(key);
        self.end_server(key, Letter::I, now + T4);
    }

    /// Sets state and timers for a final response.
    fn complete(&mut self, key: &Key, is_success: bool, now: Instant) {
        let Some(server) = self.servers.get_mut(key) else { return };
        if server.state != State::Proceeding {
            return;
        }
        let (is_invite, reliable) = (server.is_invite(), server.path.transport.is_reliable());
        server.state = if is_invite && is_success { State::Accepted } else { State::Completed };
        self.stop_server_timers(key);
        let letter = match (is_invite, is_success) {
            (true, true) => Letter::L,
            (true, false) => Letter::H,
            (false, _) => Letter::J,
        };
        self.end_server(key, letter, now + SIXTY_FOUR_T1);
        if letter == Letter::H && !reliable {
            self.timers.set(Timer::Server(key.clone(), Letter::G), now + T1);
        }
    }

    /// Timer J is zero over reliable transports.
    fn ends_at_once(&self, key: &Key) -> bool {
        self.servers.get(key).is_some_and(|server| !server.is_invite() && server.path.transport.is_reliable())
    }

    /// Sends the last response once more, if there is one.
    fn resend(&mut self, key: &Key, now: Instant) {
        let Some(server) = self.servers.get_mut(key) else { return };
        if server.path.stream.is_some_and(|stream| !self.streams.is_open(stream)) {
            server.path = server.otherwise;
        }
        if let Some(last) = server.last.clone() {
            let path = server.path;
            self.pass(Direction::Out, last, path, None, now);
        }
    }

    /// Sets the timer that ends a transaction.
    fn end_server(&mut self, key: &Key, letter: Letter, at: Instant) {
        self.timers.set(Timer::Server(key.clone(), letter), at);
        self.server_ends.set(key.clone(), at);
    }

    /// Lets the transaction go that would end next.
    fn make_room(&mut self) {
        let crowds = |key: &&Key| self.source_of(key).is_some_and(|source| self.server_shares.crowds(source));
        let crowded = self.server_shares.any_crowds();
        let of_a_crowd = crowded.then(|| self.server_ends.keys().find(crowds)).flatten();
        let Some(key) = of_a_crowd.or(self.server_ends.keys().next()).cloned() else { return };
        self.forget_server(&key);
    }

    fn forget_server(&mut self, key: &Key) {
        self.stop_server_timers(key);
        self.server_ends.clear(key);
        if let Some(server) = self.servers.remove(key) {
            self.server_shares.remove(server.source);
        }
    }

    fn stop_server_timers(&mut self, key: &Key) {
        let timer = |letter| Timer::Server(key.clone(), letter);
        self.timers.clear_all(timer(Letter::FIRST)..=timer(Letter::LAST));
    }
}
