//! Client transactions (RFC 3261 section 17.1, RFC 6026 section 7.2).

use std::net::IpAddr;

use sipfarm_core::machine::Transport;
use sipfarm_core::sip::{Message, MessageBuilder, Method};
use sipfarm_core::{Instant, Span};

use super::timers::{Letter, SIXTY_FOUR_T1, T1, T2, T4, TIMER_C, TIMER_D};
use super::{Direction, Event, Key, Path, Stack, Timer};

/// So many client transactions are looked after. Beyond them an address that crowds the others is refused.
/// They are fewer than server transactions may be: so there is always one of those that was answered and ends
/// before one on whose behalf a client still waits.
const CLIENTS_MAX: usize = 2048;

/// One client transaction.
#[derive(Debug)]
pub(super) struct Client {
    request: Message,
    path: Path,
    state: State,
    /// The interval after the next Timer A or E.
    interval: Span,
    upstream: Option<Key>,
    /// On whose account it is here: who sent the request that is sent on, or who is asked.
    source: IpAddr,
    /// A CANCEL waits for the first provisional response (section 9.1).
    cancel_waits: bool,
}

/// As figures 5 and 6 of RFC 3261 call them (Calling stands for Trying too); `Accepted` is RFC 6026's.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum State {
    Calling,
    Proceeding,
    Completed,
    Accepted,
}

impl Client {
    fn is_invite(&self) -> bool {
        self.request.is_request(&Method::Invite)
    }

    /// Whether its final response is still to come.
    fn waits(&self) -> bool {
        matches!(self.state, State::Calling | State::Proceeding)
    }
}

impl Stack {
    /// Sends a request whose topmost Via is ours, and looks after it; `None` when there are too many already,
    /// and those on whose account it is have more than their share.
    pub(in crate::farm) fn request(
        &mut self,
        request: Message,
        path: Path,
        upstream: Option<Key>,
        now: Instant,
    ) -> Option<Key> {
        let source = upstream.as_ref().and_then(|server| self.source_of(server));
        self.request_of_source(request, path, upstream, source.unwrap_or(path.remote.ip()), now)
    }

    fn request_of_source(
        &mut self,
        request: Message,
        path: Path,
        upstream: Option<Key>,
        source: IpAddr,
        now: Instant,
    ) -> Option<Key> {
        let key = client_key(&request, request.method()?)?;
        if self.clients.len() >= CLIENTS_MAX && !self.make_client_room(source) {
            return None;
        }
        self.forget_client(&key); // the same branch again: that one is over
        let is_invite = request.is_request(&Method::Invite);
        let (retransmit, give_up) = if is_invite { (Letter::A, Letter::B) } else { (Letter::E, Letter::F) };
        self.timers.set(Timer::Client(key.clone(), give_up), now + SIXTY_FOUR_T1);
        if !path.transport.is_reliable() {
            self.timers.set(Timer::Client(key.clone(), retransmit), now + T1);
        }
        let client = Client {
            request: request.clone(),
            path,
            state: State::Calling,
            interval: T1,
            upstream,
            source,
            cancel_waits: false,
        };
        self.clients.insert(key.clone(), client);
        self.client_shares.add(source);
        self.send(request, path, now);
        Some(key)
    }

    /// Takes an INVITE back: now if it has had a provisional response, else with the first one
    /// (section 9.1). Does nothing once it is answered.
    pub(in crate::farm) fn cancel(&mut self, key: &Key, now: Instant) {
        let Some(client) = self.clients.get_mut(key) else { return };
        match client.state {
            State::Calling => client.cancel_waits = true,
            State::Proceeding => {
                let (cancel, path, source) = (cancel_of(&client.request), client.path, client.source);
                self.timers.clear(&Timer::Client(key.clone(), Letter::C));
                self.timers.set(Timer::Client(key.clone(), Letter::Abandon), now + SIXTY_FOUR_T1);
                self.request_of_source(cancel, path, None, source, now);
            }
            State::Completed | State::Accepted => {}
        }
    }

    pub(super) fn receive_response(&mut self, response: Message, path: Path, now: Instant) {
        let (Some(code), Some(cseq)) = (response.status(), response.cseq()) else { return };
        let own_ports = [Transport::Udp, Transport::Tls].map(|transport| transport.beside(self.addr).port());
        let ours = response.top_via().is_some_and(|via| {
            via.host.ip() == Some(self.addr.ip()) && own_ports.contains(&via.port.unwrap_or(5060))
        });
        let Some(key) = client_key(&response, &cseq.method).filter(|_| ours) else { return };
        // Strays are dropped: RFC 6026 section 8.9.
        let Some(client) = self.clients.get_mut(&key) else { return };
        let (before, is_invite) = (client.state, client.is_invite());
        let is_success = (200..300).contains(&code);
        match (before, code) {
            (State::Calling | State::Proceeding, ..200) => self.proceed(&key, code, now),
            (State::Calling | State::Proceeding, _) if is_invite && is_success => {
                client.state = State::Accepted;
                self.rest_client(&key, Letter::M, SIXTY_FOUR_T1, now);
            }
            (State::Calling | State::Proceeding, _) if is_invite => {
                client.state = State::Completed;
                self.acknowledge(&key, &response, now);
                self.rest_client(&key, Letter::D, TIMER_D, now);
            }
            (State::Calling | State::Proceeding, _) => {
                client.state = State::Completed;
                self.rest_client(&key, Letter::K, T4, now);
            }
            (State::Accepted, 200..300) => {}
            (State::Completed, 300..) if is_invite => return self.acknowledge(&key, &response, now),
            _ => return,
        }
        let upstream = self.clients.get(&key).and_then(|client| client.upstream.clone());
        self.events.push_back(Event::Response { client: key.clone(), upstream, response, path });
        self.end_reliable(&key);
    }

    pub(super) fn client_timer(&mut self, key: &Key, letter: Letter, now: Instant) {
        match letter {
            Letter::A | Letter::E => self.retransmit(key, letter, now),
            Letter::B | Letter::F | Letter::Abandon => {
                if let Some(client) = self.forget_client(key) {
                    self.events.push_back(Event::TimedOut { client: key.clone(), upstream: client.upstream });
                }
            }
            Letter::C => self.cancel(key, now),
            _ => drop(self.forget_client(key)), // D, K, M
        }
    }

    /// The transport failed under the transactions that wait for an answer on such a path.
    pub(super) fn clients_failed(&mut self, on: impl Fn(&Path) -> bool) {
        let failed: Vec<Key> = self
            .clients
            .iter()
            .filter(|(_, client)| client.waits() && on(&client.path))
            .map(|(key, _)| key.clone())
            .collect();
        failed.into_iter().for_each(|key| self.client_failed(key));
    }

    fn client_failed(&mut self, key: Key) {
        if let Some(client) = self.forget_client(&key) {
            self.events.push_back(Event::Failed { client: key, upstream: client.upstream });
        }
    }

    /// Lets a transaction go for one on account of `source`. Those go first that only absorb repetitions, and
    /// those of an address that crowds the others; such an address drives nothing out that waits for an
    /// answer. Tells whether there is room.
    fn make_client_room(&mut self, source: IpAddr) -> bool {
        let crowded = self.client_shares.any_crowds();
        let crowds = |client: &Client| crowded && self.client_shares.crowds(client.source);
        let of_a_crowd = |key: &&Key| self.clients.get(*key).is_some_and(crowds);
        let resting = crowded.then(|| self.client_ends.keys().find(of_a_crowd).cloned()).flatten();
        let rests = self.client_ends.keys().next().cloned();
        let waiting = || self.clients.iter().find(|(_, client)| crowds(client)).map(|(key, _)| key.clone());
        if let Some(key) = resting {
            self.forget_client(&key);
        } else if self.client_shares.crowds(source) {
            return false;
        } else if let Some(key) = waiting() {
            self.client_failed(key);
        } else if let Some(key) = rests {
            self.forget_client(&key);
        } else {
            return false;
        }
        true
    }

    /// A provisional response: INVITE is not repeated any more, other requests every T2.
    fn proceed(&mut self, key: &Key, code: u16, now: Instant) {
        let Some(client) = self.clients.get_mut(key) else { return };
        client.state = State::Proceeding;
        if !client.is_invite() {
            client.interval = T2;
            return;
        }
        let cancel = std::mem::take(&mut client.cancel_waits);
        let taken_back = self.timers.is_set(&Timer::Client(key.clone(), Letter::Abandon));
        self.timers.clear(&Timer::Client(key.clone(), Letter::A));
        self.timers.clear(&Timer::Client(key.clone(), Letter::B));
        if cancel {
            self.cancel(key, now);
        } else if !taken_back && (code > 100 || !self.timers.is_set(&Timer::Client(key.clone(), Letter::C))) {
            self.timers.set(Timer::Client(key.clone(), Letter::C), now + TIMER_C);
        }
    }

    fn retransmit(&mut self, key: &Key, letter: Letter, now: Instant) {
        let Some(client) = self.clients.get_mut(key) else { return };
        client.interval = match (letter, client.state) {
            (Letter::E, State::Proceeding) => T2,
            (Letter::E, _) => T2.min(client.interval * 2),
            _ => client.interval * 2,
        };
        let (request, path, next) = (client.request.clone(), client.path, now + client.interval);
        self.timers.set(Timer::Client(key.clone(), letter), next);
        self.send(request, path, now);
    }

    /// ACK for a final response that is no 2xx (section 17.1.1.3).
    fn acknowledge(&mut self, key: &Key, response: &Message, now: Instant) {
        let Some(client) = self.clients.get(key) else { return };
        let to = response.header("To").unwrap_or_default();
        let ack = in_transaction(&client.request, &Method::Ack).set("To", to).build();
        let path = client.path;
        self.pass(Direction::Out, ack, path, None, now);
    }

    /// Stops all timers but one that ends the transaction.
    fn rest_client(&mut self, key: &Key, letter: Letter, span: Span, now: Instant) {
        self.stop_client_timers(key);
        self.timers.set(Timer::Client(key.clone(), letter), now + span);
        self.client_ends.set(key.clone(), now + span);
    }

    /// Timers D and K are zero over reliable transports.
    fn end_reliable(&mut self, key: &Key) {
        let ended = |client: &Client| client.path.transport.is_reliable() && client.state == State::Completed;
        if self.clients.get(key).is_some_and(ended) {
            self.forget_client(key);
        }
    }

    fn forget_client(&mut self, key: &Key) -> Option<Client> {
        self.stop_client_timers(key);
        self.client_ends.clear(key);
        let client = self.clients.remove(key)?;
        self.client_shares.remove(client.source);
        Some(client)
    }

    fn stop_client_timers(&mut self, key: &Key) {
        let timer = |letter| Timer::Client(key.clone(), letter);
        self.timers.clear_all(timer(Letter::FIRST)..=timer(Letter::LAST));
    }
}

/// By branch and method (section 17.1.3).
fn client_key(message: &Message, method: &Method) -> Option<Key> {
    Some(format!("{} {method}", message.branch()?))
}

/// CANCEL for a request (section 9.1).
fn cancel_of(invite: &Message) -> Message {
    let to = invite.header("To").unwrap_or_default();
    in_transaction(invite, &Method::Cancel).set("To", to).build()
}

/// A request with the same URI, topmost Via, From, Call-ID, CSeq number and Route as another.
fn in_transaction(request: &Message, method: &Method) -> MessageBuilder {
    let number = request.cseq().map_or(1, |cseq| cseq.number);
    let via = request.top_via().map(|via| via.to_string());
    let mut builder = MessageBuilder::request(method, request.request_uri().unwrap_or_default())
        .header_opt("Via", via)
        .header("Max-Forwards", 70)
        .header_opt("From", request.header("From"))
        .header("To", "")
        .header_opt("Call-ID", request.call_id())
        .header("CSeq", format!("{number} {method}"));
    for route in request.fields("Route") {
        builder = builder.header("Route", &route.value);
    }
    builder
}
