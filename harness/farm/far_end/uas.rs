//! The far end is called.

use sipfarm_core::sdp::Direction;
use sipfarm_core::sip::{Message, MessageBuilder, Method, NameAddr};
use sipfarm_core::{Instant, Span};

use super::dialog::{Call, State, prioritised};
use super::{Behaviour, CallKey, Due, FarEnd};
use crate::farm::stack::{Key, Path, SIXTY_FOUR_T1, T1, T2};

/// A call that comes on top of so many is refused with 486.
const CALLS_MAX: usize = 256;
/// How often 180 is repeated (RFC 3261 section 13.3.1.1).
const RING_AGAIN: Span = Span::from_secs(60);
/// What it serves.
const ALLOW: &str = "INVITE, ACK, BYE, CANCEL, OPTIONS, UPDATE, INFO, NOTIFY, MESSAGE";

impl FarEnd {
    pub(super) fn request(&mut self, server: Key, request: &Message, path: Path, now: Instant) {
        if self.behaviour == Behaviour::Silent {
            return self.stack.abandon(&server);
        }
        let Some(method) = request.method() else { return };
        let has_tag = request.to().is_some_and(|to| to.tag().is_some());
        let call = self.call_of(request);
        if matches!(method, Method::Invite | Method::Update)
            && let Some(least_s) = self.sessions.too_short(request)
        {
            let refusal = self.stack.response(&server, 422).map(|r| r.header("Min-SE", least_s).build());
            return refusal.into_iter().for_each(|refusal| self.stack.respond(&server, refusal, now));
        }
        match (method, call) {
            (Method::Cancel, _) => self.cancelled(&server, request, now),
            (Method::Options, None) if !has_tag => self.reply(&server, 200, now),
            (_, None) if has_tag => self.stack.answer(&server, 481, now),
            (Method::Invite, None) => self.offered(server, request, path, now),
            (Method::Invite, Some(key)) => self.offered_again(server, &key, request, now),
            (Method::Bye, Some(key)) => self.ended(&server, &key, now),
            (Method::Update, Some(key)) => self.updated(&server, &key, request, now),
            (Method::Bye, None) => self.stack.answer(&server, 481, now),
            (Method::Options | Method::Info | Method::Notify | Method::Message, _) => {
                self.reply(&server, 200, now);
            }
            _ => self.reply(&server, 405, now),
        }
    }

    /// The ACK for a 200 of ours: it is not repeated any more.
    pub(super) fn acknowledged(&mut self, ack: &Message, now: Instant) {
        let Some(key) = self.call_of(ack) else { return };
        let Some(call) = self.calls.get_mut(&key) else { return };
        if matches!(call.state, State::Answered { .. }) {
            call.state = State::Established { ack: None };
            let ends = call.ends;
            if !ack.body.is_empty() {
                self.agree(&key, &ack.body, now);
            }
            self.timers.clear(&(key.clone(), Due::Repeat));
            self.timers.clear(&(key.clone(), Due::GiveUp));
            if ends {
                self.bye(&key, None, now);
            }
        }
    }

    /// 200 with our session description, repeated until its ACK comes (section 13.3.1.4).
    pub(super) fn answer(&mut self, key: &CallKey, now: Instant) {
        let Some(Call { state: State::Offered { server }, .. }) = self.calls.get(key) else { return };
        let server = server.clone();
        self.timers.clear(&(key.clone(), Due::Ring));
        self.timers.clear(&(key.clone(), Due::Answer));
        self.accept(server, key, now);
    }

    /// 180, and again after a while.
    pub(super) fn ring(&mut self, key: &CallKey, now: Instant) {
        let Some(Call { state: State::Offered { server }, .. }) = self.calls.get(key) else { return };
        let server = server.clone();
        if let Some(ringing) = self.response(&server, key, 180) {
            self.stack.respond(&server, ringing, now);
        }
        self.timers.set((key.clone(), Due::Ring), now + RING_AGAIN);
    }

    pub(super) fn repeat_ok(&mut self, key: &CallKey, now: Instant) {
        let Some(Call { state: State::Answered { server, ok, interval }, .. }) = self.calls.get_mut(key)
        else {
            return;
        };
        *interval = T2.min(*interval * 2);
        let (server, ok, next) = (server.clone(), ok.clone(), now + *interval);
        self.stack.respond(&server, ok, now);
        self.timers.set((key.clone(), Due::Repeat), next);
    }

    /// A new call.
    fn offered(&mut self, server: Key, request: &Message, path: Path, now: Instant) {
        if let Behaviour::Reject { code } = self.behaviour {
            return self.stack.answer(&server, code, now);
        }
        if let Some(refusal) = self.refuses_precedence(&server, request) {
            return self.stack.respond(&server, refusal, now);
        }
        if self.calls.len() >= CALLS_MAX {
            return self.stack.answer(&server, 486, now);
        }
        let Some(key) = self.begin(&server, request, path) else {
            return self.stack.answer(&server, 400, now); // without Contact there is no dialog
        };
        match self.behaviour {
            Behaviour::Answer { after } if after > Span::ZERO => {
                self.ring(&key, now);
                self.timers.set((key, Due::Answer), now + after);
            }
            Behaviour::Answer { .. } => self.answer(&key, now),
            Behaviour::Ring | Behaviour::Reject { .. } | Behaviour::Silent => self.ring(&key, now),
        }
    }

    /// The callee's side of the dialog (section 12.1.1).
    fn begin(&mut self, server: &Key, request: &Message, path: Path) -> Option<CallKey> {
        let tag = self.stack.to_tag(server)?.to_owned();
        let call_id = request.call_id()?.to_owned();
        let session_id = u64::from_str_radix(&self.stack.token(), 16).unwrap_or(1) >> 16;
        let (local, remote) = (request.header("To")?, request.header("From")?);
        let call = Call {
            contact: self.contact(&self.config.user),
            target: request.contact()?.uri,
            media_port: self.take_port(),
            precedence: self.precedence.of_answered(request),
            local: format!("{local};tag={tag}"),
            remote: remote.to_owned(),
            routes: request.values("Record-Route").into_iter().map(str::to_owned).collect(),
            cseq: 0,
            first_hop: path,
            state: State::Offered { server: server.clone() },
            session_id,
            versions: 0,
            direction: Direction::SendRecv,
            said: Vec::new(),
            reinvite: None,
            talker: self.talker(),
            ends: false,
            ignores_bye: false,
            call_id: call_id.clone(),
        };
        let key = (call_id, tag);
        self.calls.insert(key.clone(), call);
        Some(key)
    }

    /// An INVITE inside an established dialog (section 14.2).
    fn offered_again(&mut self, server: Key, key: &CallKey, request: &Message, now: Instant) {
        let Some(call) = self.calls.get_mut(key) else { return };
        match call.state {
            // Both sides have asked at once (section 14.2).
            State::Established { .. } if call.reinvite.is_some() => self.stack.answer(&server, 491, now),
            State::Established { .. } => {
                call.retarget(request);
                self.accept(server, key, now);
            }
            // Our own 200 is not acknowledged yet (section 14.2).
            _ => {
                if let Some(busy) = self.stack.response(&server, 500) {
                    self.stack.respond(&server, busy.header("Retry-After", 1).build(), now);
                }
            }
        }
    }

    fn accept(&mut self, server: Key, key: &CallKey, now: Instant) {
        let Some(offer) = self.stack.request_of(&server).cloned() else { return };
        let Some(sdp) = self.describe(key, &offer) else {
            if self.calls.get(key).is_some_and(|call| matches!(call.state, State::Offered { .. })) {
                self.forget(key, now);
            }
            return self.stack.answer(&server, 488, now);
        };
        let Some(ok) = self.stack.response(&server, 200) else { return };
        let ok = record_routes(ok, &offer);
        let ok = self.names_itself(ok, key).header("Allow", ALLOW);
        let ok = self.answer_timer(key, &offer, ok, now).body("application/sdp", sdp).build();
        self.stack.respond(&server, ok.clone(), now);
        if !offer.body.is_empty() {
            self.agree(key, &offer.body, now);
        }
        if let Some(call) = self.calls.get_mut(key) {
            call.state = State::Answered { server, ok, interval: T1 };
            self.timers.set((key.clone(), Due::Repeat), now + T1);
            self.timers.set((key.clone(), Due::GiveUp), now + SIXTY_FOUR_T1);
        }
    }

    fn ended(&mut self, server: &Key, key: &CallKey, now: Instant) {
        if let Some(call) = self.calls.get_mut(key).filter(|call| call.ignores_bye) {
            self.stack.abandon(server);
            if !std::mem::replace(&mut call.ends, true) {
                self.fall_silent(key, now);
            }
            return;
        }
        self.stack.answer(server, 200, now);
        if let Some(Call { state: State::Offered { server: invite }, .. }) = self.forget(key, now) {
            self.stack.answer(&invite, 487, now); // section 15.1.2
        }
    }

    fn cancelled(&mut self, server: &Key, cancel: &Message, now: Instant) {
        let Some(invite) = self.stack.cancelled(cancel) else {
            return self.stack.answer(server, 481, now);
        };
        self.stack.answer(server, 200, now);
        if self.stack.is_answered(&invite) {
            return;
        }
        self.stack.answer(&invite, 487, now);
        let offered = |call: &Call| matches!(&call.state, State::Offered { server } if *server == invite);
        if let Some(key) = self.calls.iter().find(|(_, call)| offered(call)).map(|(key, _)| key.clone()) {
            self.forget(&key, now);
        }
    }

    /// UPDATE refreshes the target and may carry an offer (RFC 3311 section 5.2).
    fn updated(&mut self, server: &Key, key: &CallKey, request: &Message, now: Instant) {
        if let Some(call) = self.calls.get_mut(key) {
            call.retarget(request);
        }
        let Some(ok) = self.stack.response(server, 200) else { return };
        let ok = self.names_itself(ok, key);
        let ok = self.answer_timer(key, request, ok, now);
        let response = if request.body.is_empty() {
            ok
        } else {
            match self.describe(key, request) {
                Some(sdp) => {
                    self.agree(key, &request.body, now);
                    ok.body("application/sdp", sdp)
                }
                None => return self.stack.answer(server, 488, now),
            }
        };
        self.stack.respond(server, response.build(), now);
    }

    /// A response that says what we allow.
    fn reply(&mut self, server: &Key, code: u16, now: Instant) {
        if let Some(response) = self.stack.response(server, code) {
            self.stack.respond(server, response.header("Allow", ALLOW).build(), now);
        }
    }

    /// A response that makes a dialog: with Record-Route and Contact (section 12.1.1).
    fn response(&self, server: &Key, key: &CallKey, code: u16) -> Option<Message> {
        let request = self.stack.request_of(server)?;
        let response = record_routes(self.stack.response(server, code)?, request);
        Some(self.names_itself(response, key).build())
    }

    /// Where it is reached for that call, and the level that the call has when it has changed that.
    fn names_itself(&self, response: MessageBuilder, key: &CallKey) -> MessageBuilder {
        let Some(call) = self.calls.get(key) else { return response };
        let response = response.header("Contact", &call.contact);
        if self.precedence.answers_with.is_empty() {
            response
        } else {
            prioritised(response, &call.precedence)
        }
    }

    /// The call that a message of the other side belongs to.
    fn call_of(&self, message: &Message) -> Option<CallKey> {
        let tag = message.to().as_ref().and_then(NameAddr::tag)?.to_owned();
        let key = (message.call_id()?.to_owned(), tag);
        self.calls.contains_key(&key).then_some(key)
    }
}

fn record_routes(response: MessageBuilder, request: &Message) -> MessageBuilder {
    request
        .fields("Record-Route")
        .fold(response, |response, field| response.header("Record-Route", &field.value))
}
