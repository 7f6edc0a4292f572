//! The phone's calls with the line, the precedence and the state that each had when, as packets and keys show
//! them (PA-06 to PA-09).

use std::fmt;

use sipfarm_core::profile::{ConferenceLevel, Mlpp};
use sipfarm_core::sip::{Message, Method, Namespace, Uri};
use sipfarm_core::{Instant, Key, Span};

use super::Case;
use super::description::description;
use super::exchange::{ClientExchange, ServerExchange, asks_for_more, status};
use super::seen::SeenRef;
use crate::mark::Command;

/// A call of the phone's, from its first INVITE on.
#[derive(Debug, Clone)]
pub struct LineCall<'c, 'a> {
    /// Call-IDs: one, or for a call that the phone has carried from server to server several.
    pub call_ids: Vec<&'a str>,
    /// Whether it came to the phone.
    pub incoming: bool,
    /// The user part of the AOR that it is of; empty where the phone has one line only.
    pub line: String,
    /// Its first INVITE.
    pub invite: &'c SeenRef<'a>,
    /// When it was answered.
    pub up: Option<Instant>,
    /// When it was over.
    pub end: Option<CallEnd<'c, 'a>>,
    /// Whether the phone had it at all: it dials, rings or has taken the call, rather than refusing it unrung.
    pub let_in: bool,
    /// From when on it may be over without a packet that says so.
    pub doubtful: Option<Instant>,
    /// From when on it had which rank, in order of time.
    ranks: Vec<(Instant, usize)>,
}

/// How a call was over.
#[derive(Debug, Clone, Copy)]
pub struct CallEnd<'c, 'a> {
    /// When that passed the tap.
    pub at: Instant,
    /// Whether the phone ended it, rather than the other side or time.
    pub by_phone: bool,
    /// BYE, CANCEL or the refusal.
    pub message: &'c SeenRef<'a>,
}

/// What a call is doing.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum CallState {
    /// It rings at the phone.
    Alerting,
    /// The phone waits for the other side to answer.
    Dialling,
    /// It is up.
    Active,
    /// The phone has put it on hold.
    Held,
    /// It is up, and the other side has put it on hold, or an offer of the phone's that holds or resumes it is not
    /// accepted yet: phones take that for either.
    HeldByOther,
}

/// In the words of the tables that steps have.
impl fmt::Display for CallState {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            CallState::Alerting => "alerting",
            CallState::Dialling => "dialling",
            CallState::Active => "active",
            CallState::Held => "held",
            CallState::HeldByOther => "held by the other side",
        })
    }
}

/// What takes one call appearance: a call, or a conference.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Unit {
    /// Places in the list of calls; of a conference, its legs.
    pub calls: Vec<usize>,
    /// Its rank.
    pub rank: usize,
    /// What it is doing.
    pub state: CallState,
    /// When it was made.
    pub created: Instant,
    /// Since when it has been doing that.
    pub since: Instant,
}

impl LineCall<'_, '_> {
    /// Whether that Call-ID is one of its own.
    pub fn has(&self, call_id: &str) -> bool {
        self.call_ids.contains(&call_id)
    }

    /// When its first INVITE passed the tap.
    pub fn created(&self) -> Instant {
        self.invite.at
    }

    /// Whether the phone had it at that instant.
    pub fn is_there(&self, at: Instant) -> bool {
        self.created() <= at && self.end.is_none_or(|end| end.at > at)
    }

    /// Whether the phone must have had it at that instant, or `sure` is not asked for.
    fn takes_room(&self, at: Instant, sure: bool) -> bool {
        self.let_in && self.is_there(at) && !(sure && self.doubtful.is_some_and(|from| from <= at))
    }

    /// Its rank at that instant.
    pub fn rank(&self, at: Instant) -> usize {
        self.ranks.iter().rev().find(|(from, _)| *from <= at).map_or(0, |(_, rank)| *rank)
    }
}

/// The rank of what a message asks for among the levels of a profile, from 0; `None` when it asks for nothing
/// that the profile knows (RFC 4412 section 4.6.2).
pub fn rank(mlpp: &Mlpp, message: &Message) -> Option<usize> {
    let own = mlpp.namespace.as_deref()?;
    let value = message.resource_priority().into_iter().find(|v| v.namespace.eq_ignore_ascii_case(own))?;
    match mlpp.levels.is_empty() {
        true => value.rank(),
        false => mlpp.levels.iter().position(|level| level.eq_ignore_ascii_case(&value.level)),
    }
}

/// Whether a caller that is refused with it may try again with the same Call-ID (RFC 3261 section 8.1.3.5; RFC 4028
/// section 7.3; RFC 4412 section 4.7.1).
fn asks_again(code: u16) -> bool {
    asks_for_more(code) || matches!(code, 413 | 415 | 416 | 417 | 420)
}

/// Whether a call of the rank `new` preempts one of the rank `old`.
pub fn preempts(mlpp: &Mlpp, new: usize, old: usize) -> bool {
    let space = mlpp.namespace.as_deref().and_then(Namespace::named);
    space.map_or(new > old, |space| space.preempts(&mlpp.levels, new, old))
}

impl<'a> Case<'a> {
    /// Every call of the phone, in order of time.
    pub fn line_calls(&self) -> Vec<LineCall<'_, 'a>> {
        let incoming =
            self.server.iter().filter(|e| e.method == Method::Invite && e.first().to_tag.is_none());
        let mut calls: Vec<LineCall<'_, 'a>> = Vec::new();
        for exchange in incoming {
            let (at, call_id) = (exchange.first().at, exchange.first().call_id);
            let known = calls.iter().rposition(|call| call.has(call_id));
            let refused = known.and_then(|known| {
                calls[known].end.filter(|end| end.at <= at && end.by_phone).map(|end| status(end.message))
            });
            match (known, refused) {
                (Some(known), Some(code)) if asks_again(code) => calls[known] = self.incoming_call(exchange),
                // The same INVITE by another way.
                (Some(_), None | Some(0 | 482)) => {}
                _ => calls.push(self.incoming_call(exchange)),
            }
        }
        let outgoing = self.attempts.iter().filter(|attempt| attempt.method == Method::Invite);
        calls.extend(outgoing.map(|attempt| self.outgoing_call(&attempt.exchanges)));
        calls.sort_by_key(LineCall::created);
        calls
    }

    /// The Call-ID of the call with that name.
    pub fn call_named(&self, name: &str) -> Option<&'a str> {
        self.notes.calls.iter().rev().find(|(known, _)| *known == name).map(|(_, call_id)| *call_id)
    }

    /// How a call is called: by its name, or by its Call-ID where it has none.
    pub fn show_call(&self, call: &LineCall<'_, '_>) -> String {
        let name = self.notes.calls.iter().find(|(_, call_id)| call.has(call_id));
        name.map_or_else(|| format!("call {}", call.call_ids[0]), |(name, _)| format!("call \"{name}\""))
    }

    /// What takes the appearances of a line at that instant, in order of creation; without the calls that may be over
    /// if `sure`. `calls` is [`Case::line_calls`].
    pub fn units(&self, calls: &[LineCall<'_, 'a>], line: &str, at: Instant, sure: bool) -> Vec<Unit> {
        let mlpp = &self.profile.mlpp;
        let legs: Vec<usize> =
            self.legs(calls, line, at).into_iter().filter(|&leg| calls[leg].takes_room(at, sure)).collect();
        let mut units = Vec::new();
        for (place, call) in calls.iter().enumerate() {
            if call.line != line || !call.takes_room(at, sure) || legs.contains(&place) {
                continue;
            }
            let (state, since) = self.state(call, at);
            let (rank, created) = (call.rank(at), call.created());
            units.push(Unit { calls: vec![place], rank, state, created, since });
        }
        if let Some(&first) = legs.first() {
            let states: Vec<_> = legs.iter().map(|&leg| self.state(&calls[leg], at)).collect();
            let active = states.iter().any(|(state, _)| *state != CallState::Held);
            let ranks = legs.iter().map(|&leg| calls[leg].rank(at));
            let rank = match mlpp.conf_level {
                ConferenceLevel::Max => ranks.max(),
                ConferenceLevel::Min => ranks.min(),
                ConferenceLevel::Creator => Some(calls[first].rank(at)),
            };
            units.push(Unit {
                rank: rank.unwrap_or(0),
                state: if active { CallState::Active } else { CallState::Held },
                created: calls[first].created(),
                since: states.iter().map(|(_, since)| *since).max().unwrap_or(at),
                calls: legs,
            });
        }
        units.sort_by_key(|unit| unit.created);
        units
    }

    /// The legs of a line's conference at that instant: the calls that were up when the user joined them, until
    /// they are split or only one is left.
    pub fn legs(&self, calls: &[LineCall<'_, 'a>], line: &str, at: Instant) -> Vec<usize> {
        let is_of_line = |pressed: Instant| self.line_in_use(calls, pressed).is_none_or(|used| used == line);
        let keys = self.notes.commands.iter().filter_map(|(pressed, command)| match command {
            Command::Key(key @ (Key::Conference | Key::Split)) if *pressed <= at => Some((*pressed, key)),
            _ => None,
        });
        let last = keys.rev().find(|(pressed, _)| is_of_line(*pressed));
        let Some((joined, _)) = last.filter(|(_, key)| **key == Key::Conference) else { return Vec::new() };
        let was_up =
            |call: &LineCall<'_, '_>| call.up.is_some_and(|up| up <= joined) && call.is_there(joined);
        let legs: Vec<usize> = (0..calls.len())
            .filter(|&place| calls[place].line == line && was_up(&calls[place]) && calls[place].is_there(at))
            .collect();
        if legs.len() > 1 { legs } else { Vec::new() }
    }

    /// The line of the call that keys are about: the one that was selected, while it lives, or else the one that is
    /// not on hold. `None` where that leaves more than one line.
    fn line_in_use<'c>(&self, calls: &'c [LineCall<'_, 'a>], at: Instant) -> Option<&'c str> {
        let before = at - Span::from_nanos(1);
        let selected = self.notes.commands.iter().rev().find_map(|(pressed, command)| match command {
            Command::Key(Key::Select(call_id)) if *pressed <= at => Some(call_id),
            _ => None,
        });
        let there = || calls.iter().filter(|call| call.is_there(before) && call.up.is_some_and(|up| up < at));
        if let Some(call) = selected.and_then(|id| there().find(|call| call.has(id))) {
            return Some(&call.line);
        }
        let mut lines: Vec<&str> = there()
            .filter(|call| self.state(call, before).0 != CallState::Held)
            .map(|call| call.line.as_str())
            .collect();
        lines.sort_unstable();
        lines.dedup();
        (lines.len() == 1).then(|| lines[0])
    }

    /// What a call that is there does at that instant, and since when.
    pub fn state(&self, call: &LineCall<'_, '_>, at: Instant) -> (CallState, Instant) {
        let Some(up) = call.up.filter(|up| *up <= at) else {
            let state = if call.incoming { CallState::Alerting } else { CallState::Dialling };
            return (state, call.created());
        };
        let agreements = self.agreements();
        let mut state = (CallState::Active, up);
        for agreement in agreements.iter().filter(|a| call.has(a.call_id()) && a.answer.at <= at) {
            let next = match (agreement.is_on_hold(), agreement.holds()) {
                (true, true) => CallState::Held,
                // The other side has answered our hold with its own, or has taken it off for itself alone.
                (true, false) if state.0 == CallState::Held && !agreement.own.receives() => CallState::Held,
                (true, false) => CallState::HeldByOther,
                (false, _) => CallState::Active,
            };
            if next != state.0 {
                state = (next, agreement.answer.at.max(up));
            }
        }
        match (state.0, self.unsettled_offer(call, at)) {
            (CallState::Active, Some((false, asked))) => (CallState::HeldByOther, asked),
            (CallState::Held, Some((true, _))) => (CallState::HeldByOther, state.1),
            _ => state,
        }
    }

    /// The last offer of the phone's in a call that is up, whether it wants to hear with it, and its time, unless
    /// there was an agreement since: the other side has not answered, or has refused it.
    fn unsettled_offer(&self, call: &LineCall<'_, '_>, at: Instant) -> Option<(bool, Instant)> {
        let is_offer = |e: &&ClientExchange<'_>| {
            matches!(e.method, Method::Invite | Method::Update)
                && e.in_dialog()
                && call.has(e.first().call_id)
        };
        let offer = self.client.iter().filter(is_offer).rfind(|e| e.t0() <= at)?;
        let agreements = self.agreements();
        let settled = |from| {
            agreements.iter().any(|a| call.has(a.call_id()) && a.answer.at >= from && a.answer.at <= at)
        };
        if settled(offer.t0()) {
            return None;
        }
        let session = description(offer.first())?;
        Some((session.direction(session.audio()?).receives(), offer.t0()))
    }

    /// When anything about a line's calls changed within that time, by whomever: in order.
    pub fn changes(&self, calls: &[LineCall<'_, 'a>], from: Instant, to: Instant) -> Vec<Instant> {
        let agreements = self.agreements();
        let agreed = agreements.iter().map(|agreement| agreement.answer.at);
        let of_calls = calls.iter().flat_map(|call| {
            let end = call.end.map(|end| end.at);
            let ranks = call.ranks.iter().map(|(at, _)| *at);
            ranks.chain([call.created()]).chain(call.up).chain(end)
        });
        let offers = self.client.iter().filter(|e| e.in_dialog() && e.method != Method::Bye).map(|e| e.t0());
        let doubts = calls.iter().filter_map(|call| call.doubtful);
        let keys = |key: &Key| matches!(key, Key::Conference | Key::Split);
        let joined = self.notes.when_commanded(keys);
        let mut all: Vec<Instant> = agreed
            .chain(of_calls)
            .chain(joined)
            .chain(offers)
            .chain(doubts)
            .filter(|at| *at >= from && *at <= to)
            .collect();
        all.sort();
        all.dedup();
        all
    }

    fn incoming_call<'c>(&'c self, exchange: &'c ServerExchange<'a>) -> LineCall<'c, 'a> {
        let invite = exchange.first();
        let call_id = invite.call_id;
        let accepted = exchange.responses.iter().find(|r| (200..300).contains(&status(r)));
        let refused = exchange.responses.iter().find(|r| status(r) >= 300);
        let cancel = self.server.iter().find(|e| {
            e.method == Method::Cancel && e.first().call_id == call_id && e.first().at >= invite.at
        });
        let cancelled = cancel
            .map(|cancel| cancel.first())
            .filter(|cancel| accepted.or(refused).is_none_or(|answer| answer.at >= cancel.at));
        let taken_back = cancelled.map(|message| CallEnd { at: message.at, by_phone: false, message });
        let refused = refused.map(|message| CallEnd { at: message.at, by_phone: true, message });
        let end = match accepted {
            Some(accepted) => self.end_of_call(&[call_id], invite.at, Some(accepted.at)),
            None => taken_back.or(refused).or_else(|| self.end_of_call(&[call_id], invite.at, None)),
        };
        let rung = exchange.responses.iter().any(|r| (101..300).contains(&status(r)));
        let preempted = refused.is_some_and(|end| end.message.message.preemption().is_some());
        // A phone that has not said anything has the call, or has not.
        let unheard = (!rung && refused.is_none()).then_some(invite.at);
        let called = invite.message.request_uri().and_then(Uri::parse).and_then(|uri| uri.user_name());
        let to = invite.message.to().and_then(|to| to.sip_uri()).and_then(|uri| uri.user_name());
        LineCall {
            call_ids: vec![call_id],
            incoming: true,
            line: self.line_of(&[called, to]),
            let_in: rung || preempted || refused.is_none(),
            doubtful: unheard.into_iter().chain(self.started_anew(invite.at)).min(),
            invite,
            up: accepted.map(|accepted| accepted.at),
            end,
            ranks: self.ranks(invite, std::iter::empty(), &[call_id]),
        }
    }

    fn outgoing_call<'c>(&'c self, exchanges: &[usize]) -> LineCall<'c, 'a> {
        let tries: Vec<&ClientExchange<'a>> = exchanges.iter().map(|&at| &self.client[at]).collect();
        let invite = tries[0].first();
        let mut call_ids: Vec<&'a str> = tries.iter().map(|e| e.first().call_id).collect();
        call_ids.dedup();
        let responses = || tries.iter().flat_map(|e| &e.responses);
        let accepted = responses().find(|r| (200..300).contains(&status(r)));
        let last = tries[tries.len() - 1];
        // What is cancelled at one server, to try the next, goes on.
        let cancel = self.client.iter().find(|e| {
            e.method == Method::Cancel && call_ids.contains(&e.first().call_id) && e.t0() >= last.t0()
        });
        let given_up = cancel.map(|e| CallEnd { at: e.t0(), by_phone: true, message: e.first() });
        let refused = last.finals().find(|r| status(r) >= 300).map(|message| CallEnd {
            at: message.at,
            by_phone: false,
            message,
        });
        let unanswered = (last.outcome() != super::Outcome::Provisional).then(|| CallEnd {
            at: last.t0() + self.limits.timeout(&Method::Invite),
            by_phone: false,
            message: last.first(),
        });
        let unanswered = unanswered.filter(|end| end.at <= self.horizon);
        let end = match accepted {
            // A CANCEL that the 2xx crosses has said already that the call is to end, and why.
            Some(accepted) => given_up
                .filter(|end| end.at <= accepted.at)
                .or_else(|| self.end_of_call(&call_ids, invite.at, Some(accepted.at))),
            None => given_up.or(refused).or(unanswered),
        };
        let line = invite.message.from().and_then(|from| from.sip_uri()).and_then(|uri| uri.user_name());
        // Without a provisional response there is nothing to cancel (RFC 3261 section 9.1); and when a phone
        // takes a failure of the transport, or silence, for the end, is its own affair.
        let until = accepted.map(|accepted| accepted.at);
        let hung_up = self
            .notes
            .when_commanded(|key| *key == Key::HangUp)
            .filter(|at| *at >= invite.at && until.is_none_or(|until| *at < until));
        let silent =
            (last.outcome() == super::Outcome::Silence).then(|| last.t0() + self.least_timeout_of(last));
        let failed = last.failures.first().map(|failure| failure.at).filter(|_| accepted.is_none());
        let doubts = hung_up.chain(silent).chain(failed).chain(self.started_anew(invite.at));
        let doubtful = doubts.min();
        let ranks = self.ranks(invite, responses(), &call_ids);
        LineCall {
            incoming: false,
            line: self.line_of(&[line]),
            let_in: true,
            doubtful,
            invite,
            up: accepted.map(|accepted| accepted.at),
            end,
            ranks,
            call_ids,
        }
    }

    /// Which line a call is of: the first of these users that has one. Of a phone with one line, every call is,
    /// whatever address it was dialled by.
    fn line_of(&self, users: &[Option<String>]) -> String {
        let Some(scene) = self.notes.scene.filter(|scene| !scene.lines.is_empty()) else {
            return String::new();
        };
        let known = |user: &&String| scene.lines.iter().any(|line| line.user == **user);
        let users = || users.iter().flatten();
        users().find(known).or_else(|| users().last()).cloned().unwrap_or_default()
    }

    /// When the phone was switched off and on, or started anew as it was asked to, after that instant.
    fn started_anew(&self, after: Instant) -> Option<Instant> {
        let pressed = self.notes.when_commanded(|key| *key == Key::Reboot);
        let resets = self.resets();
        let asked = resets.iter().filter_map(|reset| reset.shown.map(|_| reset.asked));
        pressed.chain(asked).filter(|at| *at >= after).min()
    }

    /// How long before an event that passed the tap the phone may already have known of it, or not yet.
    pub fn doubt(&self) -> Span {
        self.limits.reaction()
    }
}
