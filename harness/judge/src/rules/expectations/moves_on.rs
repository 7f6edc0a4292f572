//! The phone leaves a silent server for the next at the right time (YL-03, YL-09, YL-11; F-01, F-03;
//! RFC 3263 section 4.3).

use sipfarm_core::machine::Transport;
use sipfarm_core::profile::RegistrationMethod;
use sipfarm_core::sip::Method;
use sipfarm_core::{Instant, Span};

use super::{Asked, near};
use crate::case::{CONNECT_CAP, Case, ClientExchange, Connect, Connected, Failure, SeenRef};
use crate::finding::{Finding, Window};
use crate::rules::repetition::without_doubles;
use crate::rules::{Draft, RuleInfo};

pub(super) const RULE: RuleInfo = RuleInfo {
    id: "moves-on",
    requirements: &["YL-03", "YL-09", "YL-11", "RFC 3263 4.3"],
    about: "The phone leaves a silent server for the next after as many sends and as much time as its profile says.",
    standing: false,
};

/// A phone that notices ICMP goes on this soon after it (YL-08).
const AFTER_ICMP: Span = Span::from_secs(1);

const TRIES_LOST: &str = "the tries at the node before may have been lost";

const NO_FRAMES: &str = "without frames an ICMP error or a refused connection cannot be excluded";

pub(super) fn judge(asked: &Asked<'_, '_>, method: &Method, from: &str, to: &str) -> Finding {
    let sentence =
        format!("{method} to {}, and when it stays silent to {}", asked.node(from), asked.node(to));
    let draft = asked.draft(&RULE, sentence);
    let aside = registered_aside(asked, method, to);
    let visits = || {
        let in_line = move |visit: &&ClientExchange<'_>| {
            !visit.in_dialog() && aside.is_none_or(|aside| !asked.goes_to(visit, aside))
        };
        asked.requests(method).filter(in_line)
    };
    let silent = visits().find(|visit| asked.goes_to(visit, from));
    // What was tried before this server is an earlier move; but where the next server was tried first,
    // there was none.
    let connected = connect_to(asked, from).map(|connect| connect.at);
    let arrived = silent.map(ClientExchange::t0).into_iter().chain(connected).min();
    let early = |visit: &ClientExchange<'_>| arrived.is_none_or(|arrived| visit.t0() < arrived);
    let skipped = visits().find(|visit| asked.goes_to(visit, to)).filter(|visit| early(visit));
    let next = visits().find(|visit| !early(visit) && !asked.goes_to(visit, from));
    let latest = asked.reach(method, Some(to)).max(asked.since() + CONNECT_CAP);
    if let Some(skipped) = skipped.filter(|skipped| skipped.t0() <= latest) {
        return without_request(asked, draft, skipped, from, to);
    }
    match (silent, next) {
        (Some(silent), next) if silent.t0() <= latest && next.is_none_or(|next| silent.t0() <= next.t0()) => {
            left_or_not(asked, draft, silent, next, to)
        }
        (_, Some(next)) if next.t0() <= latest => without_request(asked, draft, next, from, to),
        _ => {
            let window = Window { from: asked.since(), to: latest };
            let nearest = near::requests(asked.case, Some(method), Some(from), window);
            draft.seen(format!("no {method} to \"{from}\"")).nearest(nearest).fail_at(latest)
        }
    }
}

/// A server with which the phone registers at the same time and on its own account (YL-18), so that
/// a REGISTER there is no move from another.
fn registered_aside<'p>(asked: &'p Asked<'_, '_>, method: &Method, to: &str) -> Option<&'p str> {
    let concurrent = asked.case.profile.registration.method == RegistrationMethod::Concurrent;
    let last = asked.case.names.order().last()?;
    (concurrent && *method == Method::Register && last != to).then_some(last)
}

/// The first try to connect to a node since the trigger.
pub(super) fn connect_to<'c>(asked: &'c Asked<'_, '_>, node: &str) -> Option<&'c Connect<'c>> {
    let tried = |connect: &&Connect<'_>| {
        connect.at >= asked.since() && asked.comes_from(connect.to, Transport::Tcp, node)
    };
    asked.case.connects.iter().find(tried)
}

/// The phone has asked the silent server. What happens first decides: an answer after all, a send more
/// than its patience has, another server, or the end of its patience.
fn left_or_not(
    asked: &Asked<'_, '_>,
    draft: Draft<'_, '_>,
    silent: &ClientExchange<'_>,
    next: Option<&ClientExchange<'_>>,
    to: &str,
) -> Finding {
    let case = asked.case;
    let patience = case.patience_of(silent);
    let latest = patience.latest(case, silent.t0());
    let next = next.filter(|next| next.t0() <= latest);
    let all = without_doubles(case, &silent.sends);
    let excess = all.get(*patience.sends.end()).filter(|send| send.at <= latest);
    let excess = excess.filter(|send| next.is_none_or(|next| send.at <= next.t0()));
    let until = excess.map(|send| send.at).or(next.map(ClientExchange::t0)).unwrap_or(latest);
    let draft = draft.message(silent.first());
    if let Some(response) = silent.responses.iter().find(|response| response.at <= until) {
        let why = format!("the node was not silent: {} (packet {})", response.what(), response.packet());
        return draft.message(response).inconclusive(&why);
    }
    let made: Vec<&SeenRef<'_>> = all.iter().filter(|send| send.at <= until).copied().collect();
    let last = made.last().map_or(silent.t0(), |send| send.at);
    let window = patience.leave(case, silent.t0(), last, made.len());
    let draft = draft.messages(made.iter().map(|send| &***send)).window(window);
    match (excess, next) {
        (Some(_), _) => {
            let seen = format!("{}, allowed are {}", sends(made.len()), patience.show());
            draft.seen(seen).fail_unless_lossy("the network may have doubled some")
        }
        (None, Some(next)) => moved(asked, draft, silent, &made, next, to),
        (None, None) => {
            let near_window = Window { from: silent.t0(), to: latest };
            let nearest = near::requests(case, Some(&silent.method), Some(to), near_window);
            let seen = format!("{}, and nothing to \"{to}\"", sends(made.len()));
            draft.seen(seen).nearest(nearest).fail_at(latest)
        }
    }
}

/// The phone went on to another server.
fn moved(
    asked: &Asked<'_, '_>,
    draft: Draft<'_, '_>,
    silent: &ClientExchange<'_>,
    tries: &[&SeenRef<'_>],
    next: &ClientExchange<'_>,
    to: &str,
) -> Finding {
    let case = asked.case;
    let last = tries.last().map_or(silent.t0(), |send| send.at);
    let patience = case.patience_of(silent);
    let window = patience.leave(case, silent.t0(), last, tries.len());
    let seen = format!(
        "after {} {} {} (packet {})",
        sends(tries.len()),
        next.what(&case.names),
        asked.after(next.t0()),
        next.first().packet()
    );
    let draft = draft.message(next.first()).seen(seen);
    if !asked.goes_to(next, to) {
        return draft.fail_unless_lossy(TRIES_LOST);
    }
    let counted = patience.sends.contains(&tries.len());
    let in_time = counted && window.from <= next.t0() && next.t0() <= window.to;
    if let Some(failure) = silent.failures.iter().find(|failure| failure.at <= next.t0()) {
        return told(case, draft, failure, next.t0(), in_time);
    }
    let too_soon = tries.len() < *patience.sends.start() || next.t0() < window.from;
    match () {
        () if in_time => draft.pass(),
        () if too_soon && !case.sight.frames => draft.inconclusive(NO_FRAMES),
        () if too_soon => draft.fail_unless_lossy("sends, a response or an ICMP error may have been lost"),
        () => draft.fail_unless_lossy("the first send to the next node may have been lost"),
    }
}

/// The phone was told that the server cannot be reached.
fn told(case: &Case<'_>, draft: Draft<'_, '_>, failure: &Failure<'_>, at: Instant, in_time: bool) -> Finding {
    let window = Window { from: failure.at, to: failure.at + AFTER_ICMP + case.limits.latency() * 2 };
    let draft = draft.packets(failure.packets, failure.at);
    if at <= window.to {
        return draft.window(window).pass();
    }
    // F-24: a phone that waits for its timer although it was told is blind to ICMP, not wrong.
    match in_time {
        true if case.sees_all() => draft.warn(),
        true => draft.pass(),
        false => draft.window(window).fail_unless_lossy("the error may not have reached the phone"),
    }
}

/// The phone went to another server without a request to this one: right only when it could not
/// connect.
fn without_request(
    asked: &Asked<'_, '_>,
    draft: Draft<'_, '_>,
    next: &ClientExchange<'_>,
    from: &str,
    to: &str,
) -> Finding {
    let case = asked.case;
    let seen = format!("{} {}", next.what(&case.names), asked.after(next.t0()));
    let draft = draft.message(next.first()).seen(seen);
    let Some(connect) = connect_to(asked, from).filter(|connect| connect.at <= next.t0()) else {
        let over_tcp = case.profile.transport.may_connect();
        return if over_tcp && !case.sight.frames {
            draft.inconclusive(NO_FRAMES)
        } else {
            draft.fail_unless_lossy(TRIES_LOST)
        };
    };
    let limits = &case.limits;
    let configured = case.profile.timers.connect_timeout_ms.map(|ms| Span::from_millis(ms.into()));
    let latest = match connect.result() {
        Connected::Refused(at) if at <= next.t0() => at + limits.at_once(),
        Connected::Unanswered | Connected::Open(_) | Connected::Refused(_) => {
            connect.at + configured.unwrap_or(CONNECT_CAP) + limits.at_once()
        }
    };
    let window = Window { from: connect.at, to: latest };
    let draft = connect
        .packets
        .iter()
        .fold(draft, |draft, packets| draft.packets(packets, connect.at))
        .window(window);
    let right = asked.goes_to(next, to) && next.t0() <= latest;
    if right { draft.pass() } else { draft.fail_unless_lossy(TRIES_LOST) }
}

fn sends(made: usize) -> String {
    if made == 1 { "1 send".to_owned() } else { format!("{made} sends") }
}
