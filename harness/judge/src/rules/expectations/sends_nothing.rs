//! The phone keeps silent towards a node (YL-02c, YL-03b; `tol.silence`).
//!
//! REGISTER is classified first (F-19): only an attempt to register breaks the silence. Repetitions
//! of a request that was on its way before the trigger do not (A.0: the transaction that detects a
//! failure may go on to its end).

use sipfarm_core::profile::KeepaliveForm;
use sipfarm_core::sip::Method;
use sipfarm_core::{Key, Span};

use super::{Asked, near};
use crate::case::{ClientExchange, Purpose};
use crate::finding::{Finding, Window};
use crate::mark::Command;
use crate::rules::RuleInfo;

pub(super) const RULE: RuleInfo = RuleInfo {
    id: "sends-nothing",
    requirements: &["YL-02c", "YL-03b"],
    about: "The phone sends no new request of the method to the node for as long as the step says.",
    standing: false,
};

pub(super) fn judge(
    asked: &Asked<'_, '_>,
    method: Option<&Method>,
    node: Option<&str>,
    during: Span,
) -> Finding {
    let case = asked.case;
    let on_its_way =
        if method.is_some_and(|method| is_for(asked, method)) { Span::ZERO } else { in_flight(asked) };
    let window = Window { from: asked.since() + on_its_way, to: asked.since() + during };
    let what = method.map_or("request".to_owned(), Method::to_string);
    let whom = node.map_or("anybody".to_owned(), |node| asked.node(node));
    let draft =
        asked.draft(&RULE, format!("no {what} to {whom}, {}", asked.show_window(window))).forbidden(window);
    // What goes on with an attempt that began after the trigger was not on its way at the trigger.
    let goes_on = |at: usize| {
        let first = case.attempt_of(at).map(|attempt| attempt.exchanges[0]);
        first.is_some_and(|first| first != at && case.client[first].t0() >= asked.since())
    };
    let is_of_the_key = |exchange: &ClientExchange<'_>| {
        exchange.t0() >= asked.since() && !exchange.in_dialog() && is_for(asked, &exchange.method)
    };
    let breaks = |at: usize, exchange: &&ClientExchange<'_>| {
        !(node.is_none() && is_the_call_itself(asked, at))
            && (exchange.t0() >= window.from || goes_on(at) || is_of_the_key(exchange))
            && exchange.t0() < window.to
            && method.is_none_or(|method| *method == exchange.method)
            && node.is_none_or(|node| asked.goes_to(exchange, node))
            && counts(asked, at, method.is_none())
    };
    let request = match method {
        Some(Method::Ack) => asked.acks(node).find(|ack| ack.at >= window.from && ack.at < window.to),
        _ => {
            let broken = case.client.iter().enumerate().find(|(at, exchange)| breaks(*at, exchange));
            broken.map(|(_, exchange)| exchange.first())
        }
    };
    match request {
        Some(request) => {
            let what = format!("{} to {}", request.what(), case.names.show(request.dst, request.transport));
            let seen = format!("{what} {} (packet {})", asked.after(request.at), request.packet());
            let draft = draft.seen(seen).message(request);
            draft.fail_unless_lossy("what forbids it may not have reached the phone")
        }
        None => {
            let nearest = near::in_its_name(case, method, node, window);
            draft.seen("none").nearest(nearest).pass_at(window.to)
        }
    }
}

/// Whether a step before this one has waited for what came of the same trigger, and the exchange is the
/// call that the trigger asked for: however long the phone took to dial, it is no call too many.
fn is_the_call_itself(asked: &Asked<'_, '_>, at: usize) -> bool {
    let (case, own) = (asked.case, asked.expected);
    let asked_before =
        case.notes.expected.iter().any(|(_, other)| other.since == own.since && other.id < own.id);
    let first = |exchange: usize| {
        case.client[exchange].method == Method::Invite && case.client[exchange].t0() >= asked.since()
    };
    asked_before
        && case.notes.commanded(|key| matches!(key, Key::Dial(_)), asked.since(), case.client[at].t0())
        && case.attempt_of(at).is_some_and(|attempt| attempt.exchanges[0] == at)
        && (0..case.client.len()).find(|&exchange| first(exchange)) == Some(at)
        && case.client[at].t0() <= asked.asked_at()
}

/// Whether the trigger is a key that such requests are for: then they were not on their way before, however quick the phone
/// was.
fn is_for(asked: &Asked<'_, '_>, method: &Method) -> bool {
    match (method, asked.done().and_then(|done| done.key)) {
        (Method::Invite, Some(Command::Key(key))) => matches!(key, Key::Dial(_)),
        (Method::Register, Some(Command::Key(key))) => key.is_for_registration(),
        _ => false,
    }
}

/// How long after the trigger a packet may still have been on its way. After a fault the catalogue
/// allows a second (`tol.silence`): the phone cannot have heard of it at once.
fn in_flight(asked: &Asked<'_, '_>) -> Span {
    let by_fault = asked.done().is_some_and(|done| done.key.is_none());
    let least = if by_fault { Span::from_secs(1) } else { Span::ZERO };
    asked.case.limits.latency().max(least)
}

/// Whether a request counts: when any method does, a REGISTER that asks for no binding counts, too,
/// unless it or the OPTIONS is how this phone keeps its path alive.
fn counts(asked: &Asked<'_, '_>, at: usize, any: bool) -> bool {
    let case = asked.case;
    let keepalive = case.profile.registration.keepalive.form;
    let began = |at: usize| case.client[at].t0();
    let from_before = |at: usize| case.makes_good(at).is_some_and(|refused| began(refused) < asked.since());
    match case.registration(at).map(|registration| registration.purpose) {
        Some(Purpose::Initial | Purpose::Refresh) => !from_before(at),
        Some(Purpose::Keepalive) => any && keepalive != KeepaliveForm::RegisterExpires0,
        Some(Purpose::Query) => any && keepalive != KeepaliveForm::Query,
        Some(Purpose::Unregister) => any,
        None if case.client[at].method == Method::Options => !(any && keepalive == KeepaliveForm::Options),
        None => !from_before(at),
    }
}
