//! The phone leaves a silent server for the next at the right time (YL-03, YL-09, YL-11; F-01, F-03;
//! RFC 3263 section 4.3).

use sipfarm_core::machine::Transport;
use sipfarm_core::profile::RegistrationMethod;
use sipfarm_core::sip::Method;
use sipfarm_core::{Instant, Span};

use super::{Asked, near};
use crate::case::{ClientExchange, Connect, Connected, Failure, SeenRef};
use crate::finding::{Finding, Window};
use crate::rules::{Draft, RuleInfo};

pub(super) const RULE: RuleInfo = RuleInfo {
    id: "moves-on",
    requirements: &["YL-03", "YL-09", "YL-11", "RFC 3263 4.3"],
    about: "The phone leaves a silent server for the next after as many sends and as much time as its profile says.",
    standing: false,
};

/// A phone that notices ICMP goes on this soon after it (YL-08).
const AFTER_ICMP: Span = Span::from_secs(1);

/// A connect that nobody answers may take this long where the profile names no time (YL-06).
const CONNECT_CAP: Span = Span::from_secs(130);

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
    // What was tried before this server is an earlier move.
    let arrived =
        silent.map(ClientExchange::t0).or_else(|| connect_to(asked, from).map(|connect| connect.at));
    let since = arrived.unwrap_or(asked.since());
    let next = visits().find(|visit| visit.t0() >= since && !asked.goes_to(visit, from));
    match (silent, next) {
        (Some(silent), None) => still_there(asked, draft, silent, to),
        (Some(silent), Some(next)) if silent.t0() <= next.t0() => moved(asked, draft, silent, next, to),
        (_, Some(next)) => without_request(asked, draft, next, from, to),
        (None, None) => {
            let deadline = asked.since() + asked.case.reach(method, Some(to)).max(CONNECT_CAP);
            let window = Window { from: asked.since(), to: deadline };
            let nearest = near::requests(asked.case, Some(method), Some(from), window);
            draft.seen(format!("no {method} to \"{from}\"")).nearest(nearest).fail_at(deadline)
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
fn connect_to<'c>(asked: &'c Asked<'_, '_>, node: &str) -> Option<&'c Connect<'c>> {
    let tried = |connect: &&Connect<'_>| {
        connect.at >= asked.since() && asked.comes_from(connect.to, Transport::Tcp, node)
    };
    asked.case.connects.iter().find(tried)
}

/// The phone is still with the silent server.
fn still_there(
    asked: &Asked<'_, '_>,
    draft: Draft<'_, '_>,
    silent: &ClientExchange<'_>,
    to: &str,
) -> Finding {
    let case = asked.case;
    if let Some(response) = response_before(silent, case.horizon) {
        return not_silent(draft, response);
    }
    let patience = case.patience_of(silent);
    let made = silent.sends.len();
    let window = patience.leave(case, silent.t0(), silent.last().at, made);
    let draft = draft.messages(silent.sends.iter().map(|send| &**send)).window(window);
    if made > *patience.sends.end() {
        return draft.seen(format!("{}, allowed are {}", sends(made), patience.show())).fail();
    }
    let deadline = patience.latest(case, silent.t0());
    let near_window = Window { from: silent.t0(), to: deadline };
    let nearest = near::requests(case, Some(&silent.method), Some(to), near_window);
    draft.seen(format!("{}, and nothing to \"{to}\"", sends(made))).nearest(nearest).fail_at(deadline)
}

/// The phone went on to another server.
fn moved(
    asked: &Asked<'_, '_>,
    draft: Draft<'_, '_>,
    silent: &ClientExchange<'_>,
    next: &ClientExchange<'_>,
    to: &str,
) -> Finding {
    let case = asked.case;
    if let Some(response) = response_before(silent, next.t0()) {
        return not_silent(draft, response);
    }
    let tries: Vec<&SeenRef<'_>> = silent.sends.iter().filter(|send| send.at <= next.t0()).collect();
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
    let draft =
        draft.messages(tries.iter().map(|send| &***send)).message(next.first()).seen(seen).window(window);
    if !asked.goes_to(next, to) {
        return draft.fail();
    }
    let counted = patience.sends.contains(&tries.len());
    let in_time = counted && window.from <= next.t0() && next.t0() <= window.to;
    if let Some(failure) = silent.failures.iter().find(|failure| failure.at <= next.t0()) {
        return told(draft, failure, next.t0(), in_time, case.limits.latency());
    }
    let too_soon = tries.len() < *patience.sends.start() || next.t0() < window.from;
    match () {
        () if in_time => draft.pass(),
        () if too_soon && !case.sight.frames => draft.inconclusive(NO_FRAMES),
        () if too_soon => draft.fail_unless_lossy("sends, a response or an ICMP error may have been lost"),
        () if !counted => draft.fail(),
        () => draft.fail_unless_lossy("the first send to the next node may have been lost"),
    }
}

/// The phone was told that the server cannot be reached.
fn told(draft: Draft<'_, '_>, failure: &Failure<'_>, at: Instant, in_time: bool, latency: Span) -> Finding {
    let window = Window { from: failure.at, to: failure.at + AFTER_ICMP + latency * 2 };
    let draft = draft.packets(failure.packets, failure.at);
    if at <= window.to {
        return draft.window(window).pass();
    }
    // F-24: a phone that waits for its timer although it was told is blind to ICMP, not wrong.
    if in_time { draft.warn() } else { draft.window(window).fail() }
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
        let over_tcp = case.profile.transport.allowed.contains(&Transport::Tcp);
        return if over_tcp && !case.sight.frames {
            draft.inconclusive(NO_FRAMES)
        } else {
            draft.fail_unless_lossy("the tries at the first node may have been lost")
        };
    };
    let limits = &case.limits;
    let configured = case.profile.timers.connect_timeout_ms.map(|ms| Span::from_millis(ms.into()));
    let latest = match connect.outcome {
        Connected::Refused(at) => at + limits.at_once(),
        Connected::Unanswered | Connected::Open(_) => {
            connect.at + configured.unwrap_or(CONNECT_CAP) + limits.at_once()
        }
    };
    let window = Window { from: connect.at, to: latest };
    let draft = connect
        .packets
        .iter()
        .fold(draft, |draft, packets| draft.packets(packets, connect.at))
        .window(window);
    if asked.goes_to(next, to) && next.t0() <= latest { draft.pass() } else { draft.fail() }
}

fn response_before<'e, 'a>(silent: &'e ClientExchange<'a>, until: Instant) -> Option<&'e SeenRef<'a>> {
    silent.responses.iter().find(|response| response.at <= until)
}

/// A node that answered cannot be left for its silence.
fn not_silent(draft: Draft<'_, '_>, response: &SeenRef<'_>) -> Finding {
    let why = format!("the node was not silent: {} (packet {})", response.what(), response.packet());
    draft.message(response).inconclusive(&why)
}

fn sends(made: usize) -> String {
    if made == 1 { "1 send".to_owned() } else { format!("{made} sends") }
}
