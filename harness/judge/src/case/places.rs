//! Which servers the phone goes along for which of its bindings (YL-17, YL-18, YL-21), where it
//! stands, and when a call is in progress.

use std::collections::{BTreeMap, BTreeSet};
use std::ops::Range;

use sipfarm_core::profile::RegistrationMethod;
use sipfarm_core::sip::Method;
use sipfarm_core::{Instant, Key, Span};

use super::exchange::{ClientExchange, asks_for_more, status};
use super::{Case, Grant, LostCall, Outcome};
use crate::finding::Window;

/// A binding that was granted, and where.
#[derive(Debug, Clone, Copy)]
pub struct Standing<'c> {
    /// The AOR that is bound.
    pub aor: &'c str,
    /// Its REGISTER's place in the list of client exchanges.
    pub exchange: usize,
    /// The server's place in the order.
    pub place: usize,
    /// The binding.
    pub grant: Grant,
}

/// A call, as far as the packets tell.
#[derive(Debug, Clone, Copy)]
pub struct CallSpan {
    /// When its INVITE passed the tap.
    pub begun: Instant,
    /// When a 2xx did; none for a call that did not come about.
    pub up: Option<Instant>,
    /// When a BYE or a refusal did; [`Instant::FAR_FUTURE`] where none is known.
    pub over: Instant,
}

impl Case<'_> {
    /// Whether the phone has one binding with its first server and one with its fallback at a time.
    /// Outbound proxies have no part in that (YL-17).
    pub fn registers_with_both(&self) -> bool {
        self.profile.registration.method == RegistrationMethod::Concurrent
            && !self.profile.servers.outbound_proxy
            && self.names.order().len() > 1
    }

    /// The places of the servers, grouped by the binding that goes along them: all in one group, or
    /// all but the last in one and the last in another.
    pub fn sets(&self) -> Vec<Range<usize>> {
        let all = 0..self.names.order().len();
        match self.registers_with_both() {
            true => vec![0..all.end - 1, all.end - 1..all.end],
            false => vec![all],
        }
    }

    /// The group of the server at that place.
    pub fn set_of(&self, place: usize) -> Range<usize> {
        self.sets().into_iter().find(|set| set.contains(&place)).unwrap_or(place..place + 1)
    }

    /// The place of the server that an exchange goes to.
    pub fn place_of(&self, exchange: &ClientExchange<'_>) -> Option<usize> {
        self.names.place(exchange.to, exchange.transport)
    }

    /// The lines, by their AORs, that a request may be of: the one of its From; any, where the phone
    /// registers none of that name.
    pub fn lines_of(&self, exchange: &ClientExchange<'_>) -> Vec<&str> {
        let all: BTreeSet<&str> = self.registrations.iter().map(|r| r.aor.as_str()).collect();
        let from = exchange.first().message.from().map(|from| account(&from.uri));
        let own: Vec<&str> = all.iter().copied().filter(|aor| from == Some(account(aor))).collect();
        if own.is_empty() { all.into_iter().collect() } else { own }
    }

    /// The bindings that servers of a group granted, in order of time.
    pub fn standings(&self, set: &Range<usize>) -> Vec<Standing<'_>> {
        let mut standings: Vec<Standing<'_>> = self
            .registrations
            .iter()
            .filter_map(|registration| {
                let place = self.place_of(&self.client[registration.exchange])?;
                let grant = registration.granted.filter(|_| set.contains(&place))?;
                Some(Standing { aor: &registration.aor, exchange: registration.exchange, place, grant })
            })
            .collect();
        standings.sort_by_key(|standing| standing.grant.first);
        standings
    }

    /// The same for each line, by its AOR: each stands where it stands.
    pub fn standings_by_line(&self, set: &Range<usize>) -> BTreeMap<&str, Vec<Standing<'_>>> {
        let mut lines: BTreeMap<&str, Vec<Standing<'_>>> = BTreeMap::new();
        for standing in self.standings(set) {
            lines.entry(standing.aor).or_default().push(standing);
        }
        lines
    }

    /// The place of the server that the phone has its binding with, among those of a group: the last
    /// one that granted any by then.
    pub fn stands_at(&self, set: &Range<usize>, at: Instant) -> Option<Standing<'_>> {
        self.standings(set).into_iter().rfind(|standing| standing.grant.first <= at)
    }

    /// The same for one line.
    pub fn line_stands_at(&self, aor: &str, set: &Range<usize>, at: Instant) -> Option<Standing<'_>> {
        let standings = self.standings(set).into_iter();
        standings.filter(|standing| standing.aor == aor).rfind(|standing| standing.grant.first <= at)
    }

    /// Whether a request of the phone to the server at that place failed within a stretch of time.
    pub fn failed_at(&self, place: usize, from: Instant, to: Instant) -> bool {
        self.client.iter().any(|exchange| {
            let failed = match exchange.outcome() {
                Outcome::Final(code) => {
                    code >= 300 && !asks_for_more(code) && !is_of_the_called(exchange, code)
                }
                Outcome::Unreachable | Outcome::Silence | Outcome::Provisional => true,
            };
            failed && exchange.t0() >= from && exchange.t0() <= to && self.place_of(exchange) == Some(place)
        })
    }

    /// When the phone certainly had a call that came up then: once it could know of that, and as long as no BYE
    /// that it sent, or was sent, before what is judged can pass the tap behind it, or after the end of all.
    pub fn within_call(&self, call: CallSpan, up: Instant) -> Window {
        let ends = |key: &Key| matches!(key, Key::HangUp | Key::Reboot);
        let key = self.notes.when_commanded(ends).filter(|at| *at >= up).min();
        let over = key.into_iter().chain(self.given_up(call)).fold(call.over, Instant::min);
        let until = over.min(self.horizon) - self.limits.latency() * 2;
        Window { from: up + self.limits.reaction(), to: until }
    }

    /// When a phone that keeps calls may have done with one whose server is lost, with or without BYE (AM-18,
    /// AM-23).
    fn given_up(&self, call: CallSpan) -> Option<Instant> {
        let lost = self.lost_calls();
        let of_it = |lost: &&LostCall<'_>| {
            lost.dialog.at >= call.begun && call.up.is_some_and(|up| lost.dialog.at <= up)
        };
        let lost = lost.iter().find(of_it)?;
        if lost.is_preserved() { lost.over } else { Some(lost.loss.since) }
    }

    /// The phone's calls, whoever made them.
    pub fn calls(&self) -> Vec<CallSpan> {
        let bye_after = |call_id: &str, from: Instant| {
            let byes = self.messages.iter().filter(|m| m.is_request(&Method::Bye) && m.call_id == call_id);
            byes.map(|bye| bye.at).filter(|at| *at >= from).min().unwrap_or(Instant::FAR_FUTURE)
        };
        let span = |begun: Instant, call_id: &str, answer: Option<(Instant, u16)>| match answer {
            Some((at, 200..=299)) => CallSpan { begun, up: Some(at), over: bye_after(call_id, at) },
            Some((at, _)) => CallSpan { begun, up: None, over: at },
            None => CallSpan { begun, up: None, over: Instant::FAR_FUTURE },
        };
        let own = self.client.iter().filter(|e| e.method == Method::Invite && !e.in_dialog()).map(|e| {
            let answer = e.final_response().map(|response| (response.at, status(response)));
            let mut call = span(e.t0(), e.first().call_id, answer);
            if answer.is_none() && e.response().is_none() {
                call.over = self.limits.give_up(e.t0(), self.limits.timeout(&Method::Invite)).to;
            }
            call
        });
        let others = self.server.iter().filter(|e| e.method == Method::Invite && e.first().to_tag.is_none());
        let others = others.map(|e| {
            let answer = e.final_response().map(|response| (response.at, status(response)));
            span(e.first().at, e.first().call_id, answer)
        });
        own.chain(others).collect()
    }

    /// Whether the phone may have been busy with a call at some time of a stretch.
    pub fn maybe_busy(&self, from: Instant, to: Instant) -> bool {
        // A phone may take a moment, or timer D or I, to be done with a call.
        let linger = self.limits.at_once().max(Span::from_secs(1));
        self.calls().iter().any(|call| call.begun <= to && call.over + linger >= from)
    }
}

/// Whether a refusal is the word of the called party, and says nothing of the server that has brought it.
fn is_of_the_called(exchange: &ClientExchange<'_>, code: u16) -> bool {
    exchange.method == Method::Invite && matches!(code, 480 | 486..=488 | 491 | 600 | 603 | 604 | 606)
}

/// User and host of a SIP URI, the way that they are compared here.
fn account(uri: &str) -> String {
    let bare = uri.split([';', '?']).next().unwrap_or(uri);
    let bare = bare.split_once(':').map_or(bare, |(_scheme, rest)| rest);
    bare.to_ascii_lowercase()
}
