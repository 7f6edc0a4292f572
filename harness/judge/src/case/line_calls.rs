//! The phone's calls with the line, the precedence and the state that each had when, as packets and keys show
//! them (PA-06 to PA-09).

use sipfarm_core::profile::{ConferenceLevel, Mlpp};
use sipfarm_core::sip::{Message, Method, Namespace};
use sipfarm_core::{Instant, Key, Span};

use super::Case;
use super::exchange::{ClientExchange, ServerExchange, status};
use super::seen::{Seen, SeenRef};

/// A call of the phone's, from its first INVITE on.
#[derive(Debug, Clone)]
pub struct LineCall<'c, 'a> {
    /// Call-IDs: one, or for a call that the phone has carried from server to server several.
    pub call_ids: Vec<&'a str>,
    /// Whether it came to the phone.
    pub incoming: bool,
    /// The user part of the AOR that it is of.
    pub line: String,
    /// Its first INVITE.
    pub invite: &'c SeenRef<'a>,
    /// When it was answered.
    pub up: Option<Instant>,
    /// When it was over.
    pub end: Option<CallEnd<'c, 'a>>,
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
    /// It is up, and the other side has put it on hold: phones take that for either.
    HeldByOther,
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

/// Whether a call of the rank `new` preempts one of the rank `old`.
pub fn preempts(mlpp: &Mlpp, new: usize, old: usize) -> bool {
    let space = mlpp.namespace.as_deref().and_then(Namespace::named);
    space.map_or(new > old, |space| space.preempts(new, old))
}

impl<'a> Case<'a> {
    /// Every call of the phone, in order of time.
    pub fn line_calls(&self) -> Vec<LineCall<'_, 'a>> {
        let incoming =
            self.server.iter().filter(|e| e.method == Method::Invite && e.first().to_tag.is_none());
        let mut calls: Vec<LineCall<'_, 'a>> = Vec::new();
        for exchange in incoming {
            // The same INVITE by another way, or once more.
            if !calls.iter().any(|call| call.has(exchange.first().call_id)) {
                calls.push(self.incoming_call(exchange));
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

    /// What takes the appearances of a line at that instant, in order of creation. `calls` is [`Case::line_calls`].
    pub fn units(&self, calls: &[LineCall<'_, 'a>], line: &str, at: Instant) -> Vec<Unit> {
        let mlpp = &self.profile.mlpp;
        let legs = self.legs(calls, line, at);
        let mut units = Vec::new();
        for (place, call) in calls.iter().enumerate() {
            if call.line != line || !call.is_there(at) || legs.contains(&place) {
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
        let of_conference = |key: &Key| matches!(key, Key::Conference | Key::Split);
        let last = self.notes.when_commanded(of_conference).filter(|pressed| *pressed <= at).max();
        let joins = |key: &Key| *key == Key::Conference;
        let Some(joined) = last.filter(|last| self.notes.commanded(joins, *last, *last)) else {
            return Vec::new();
        };
        let was_up =
            |call: &LineCall<'_, '_>| call.up.is_some_and(|up| up <= joined) && call.is_there(joined);
        let legs: Vec<usize> = (0..calls.len())
            .filter(|&place| calls[place].line == line && was_up(&calls[place]) && calls[place].is_there(at))
            .collect();
        if legs.len() > 1 { legs } else { Vec::new() }
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
        state
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
        let keys = |key: &Key| matches!(key, Key::Conference | Key::Split);
        let joined = self.notes.when_commanded(keys);
        let mut all: Vec<Instant> =
            agreed.chain(of_calls).chain(joined).filter(|at| *at >= from && *at <= to).collect();
        all.sort();
        all.dedup();
        all
    }

    fn incoming_call<'c>(&'c self, exchange: &'c ServerExchange<'a>) -> LineCall<'c, 'a> {
        let invite = exchange.first();
        let call_id = invite.call_id;
        let accepted = exchange.responses.iter().find(|r| (200..300).contains(&status(r)));
        let refused = exchange.responses.iter().find(|r| status(r) >= 300);
        let cancel = self.server.iter().find(|e| e.method == Method::Cancel && e.first().call_id == call_id);
        let cancelled = cancel
            .map(|cancel| cancel.first())
            .filter(|cancel| accepted.or(refused).is_none_or(|answer| answer.at >= cancel.at));
        let taken_back = cancelled.map(|message| CallEnd { at: message.at, by_phone: false, message });
        let refused = refused.map(|message| CallEnd { at: message.at, by_phone: true, message });
        let end = match accepted {
            Some(accepted) => self.end_of_call(&[call_id], Some(accepted.at)),
            None => taken_back.or(refused).or_else(|| self.end_of_call(&[call_id], None)),
        };
        let line = invite.message.to().and_then(|to| to.sip_uri()).and_then(|uri| uri.user_name());
        LineCall {
            call_ids: vec![call_id],
            incoming: true,
            line: line.unwrap_or_default(),
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
        let cancel =
            self.client.iter().find(|e| e.method == Method::Cancel && call_ids.contains(&e.first().call_id));
        let given_up = cancel.map(|e| CallEnd { at: e.t0(), by_phone: true, message: e.first() });
        let last = tries[tries.len() - 1];
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
        let end = match accepted {
            Some(accepted) => self.end_of_call(&call_ids, Some(accepted.at)),
            None => given_up.or(refused).or(unanswered),
        };
        let line = invite.message.from().and_then(|from| from.sip_uri()).and_then(|uri| uri.user_name());
        let ranks = self.ranks(invite, responses(), &call_ids);
        LineCall {
            incoming: false,
            line: line.unwrap_or_default(),
            invite,
            up: accepted.map(|accepted| accepted.at),
            end,
            ranks,
            call_ids,
        }
    }

    /// The first BYE of either side; or a CANCEL of the phone's, which ends no call that is up, but is meant to.
    fn end_of_call(&self, call_ids: &[&str], up: Option<Instant>) -> Option<CallEnd<'_, 'a>> {
        let surely_up = up.map(|up| up + self.doubt());
        let is_cancel = |e: &&ClientExchange<'a>| {
            e.method == Method::Cancel
                && call_ids.contains(&e.first().call_id)
                && surely_up.is_some_and(|up| e.t0() > up)
        };
        let cancels = self.client.iter().filter(is_cancel);
        let cancels = cancels.map(|e| CallEnd { at: e.t0(), by_phone: true, message: e.first() });
        let is_bye =
            |method: &Method, seen: &Seen<'_>| *method == Method::Bye && call_ids.contains(&seen.call_id);
        let own = self.client.iter().filter(|e| is_bye(&e.method, e.first()));
        let own = own.map(|e| CallEnd { at: e.t0(), by_phone: true, message: e.first() });
        let theirs = self.server.iter().filter(|e| is_bye(&e.method, e.first()));
        let theirs = theirs.map(|e| CallEnd { at: e.first().at, by_phone: false, message: e.first() });
        own.chain(theirs).chain(cancels).min_by_key(|end| end.at)
    }

    /// The level of the INVITE, and what the server makes of it later, where the profile lets it (PA-05, F-13).
    fn ranks<'s>(
        &self,
        invite: &Seen<'_>,
        responses: impl Iterator<Item = &'s SeenRef<'a>>,
        call_ids: &[&str],
    ) -> Vec<(Instant, usize)>
    where
        'a: 's,
    {
        let mlpp = &self.profile.mlpp;
        let mut ranks = vec![(invite.at, rank(mlpp, invite.message).unwrap_or(0))];
        if mlpp.server_may_change_level {
            let told = responses.filter(|r| status(r) < 300).map(|r| (r.at, rank(mlpp, r.message)));
            let asked = self.server.iter().map(ServerExchange::first).filter(|request| {
                call_ids.contains(&request.call_id)
                    && request.to_tag.is_some()
                    && (request.is_request(&Method::Invite) || request.is_request(&Method::Update))
            });
            let asked = asked.map(|request| (request.at, rank(mlpp, request.message)));
            ranks.extend(told.chain(asked).filter_map(|(at, rank)| Some((at, rank?))));
        }
        ranks.sort_by_key(|(at, _)| *at);
        ranks
    }

    /// How long before an event that passed the tap the phone may already have known of it, or not yet.
    pub fn doubt(&self) -> Span {
        self.limits.reaction()
    }
}
