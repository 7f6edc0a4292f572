//! After all servers failed the phone starts over, after the profile's retry time (YL-14, AR-03).

use sipfarm_core::profile::RetryKind;
use sipfarm_core::sip::Method;
use sipfarm_core::{Instant, Span};

use super::{Asked, near};
use crate::case::ClientExchange;
use crate::finding::{Finding, Window};
use crate::rules::RuleInfo;

pub(super) const RULE: RuleInfo = RuleInfo {
    id: "registration-rounds",
    requirements: &["YL-14", "AR-03", "RFC 3261 10.2.7"],
    about: "REGISTER goes round the nodes in order, with the profile's retry time between rounds.",
    standing: false,
};

const LOST: &str = "a REGISTER or a response may have been lost";

/// YL-14: the period may be off by 20 %.
const PERIOD_TOLERANCE: f64 = 0.2;

pub(super) fn judge(asked: &Asked<'_, '_>, nodes: &[String], rounds: usize) -> Finding {
    let case = asked.case;
    let list: Vec<_> = nodes.iter().map(|node| format!("\"{node}\"")).collect();
    let (lo, hi) = pause(asked);
    let sentence =
        format!("REGISTER to {}, in {rounds} rounds, {lo:.1} to {hi:.1} between them", list.join(", then "));
    let mut draft = asked.draft(&RULE, sentence);
    let mut visits = asked.requests(&Method::Register);
    let mut before: Option<&ClientExchange<'_>> = None;
    for at in 0..nodes.len() * rounds {
        let node = &nodes[at % nodes.len()];
        let (round, place) = (at / nodes.len() + 1, at % nodes.len() + 1);
        let window = match before {
            None => Window { from: asked.since(), to: asked.reach(&Method::Register, Some(node)) },
            Some(last) if place == 1 => next_round(asked, last, (lo, hi)),
            Some(last) => Window { from: last.t0(), to: failed(asked, last).1 + case.limits.at_once() },
        };
        let Some(visit) = visits.next().filter(|visit| visit.t0() <= window.to) else {
            let nearest = near::requests(case, Some(&Method::Register), Some(node), window);
            let seen = format!("round {round}: no REGISTER to \"{node}\"");
            return draft.seen(seen).nearest(nearest).window(window).fail_at(window.to);
        };
        draft = draft.message(visit.first());
        if !asked.goes_to(visit, node) {
            let whom = case.names.show(visit.to, visit.transport);
            let seen = format!("round {round}: request {place} goes to {whom}, not to \"{node}\"");
            return draft.seen(seen).fail_unless_lossy(LOST);
        }
        if visit.t0() < window.from {
            let seen = format!(
                "round {round} begins {} (packet {})",
                asked.after(visit.t0()),
                visit.first().packet()
            );
            return draft.seen(seen).window(window).fail_unless_lossy(LOST);
        }
        before = Some(visit);
    }
    draft.seen(format!("{rounds} rounds")).pass()
}

/// The shortest and the longest time between two rounds.
fn pause(asked: &Asked<'_, '_>) -> (Span, Span) {
    let retry = &asked.case.profile.registration.retry;
    let (base, max) = (Span::from_secs(retry.base_s.into()), Span::from_secs(retry.max_s.into()));
    let (least, most) = match retry.kind {
        RetryKind::Fixed => (base, base),
        RetryKind::RandomRange => (base, max.max(base)),
        // Half to all of the current wait, which starts at the base and doubles up to the max.
        RetryKind::Rfc5626 => (base.scale(0.5), max.max(base)),
    };
    (least.scale(1.0 - PERIOD_TOLERANCE - retry.jitter), most.scale(1.0 + PERIOD_TOLERANCE + retry.jitter))
}

/// When the next round may begin, after the last server of a round.
fn next_round(asked: &Asked<'_, '_>, last: &ClientExchange<'_>, (lo, hi): (Span, Span)) -> Window {
    let (earliest, latest) = failed(asked, last);
    let latency = asked.case.limits.latency();
    Window { from: earliest + lo - latency, to: latest + hi + asked.case.limits.at_once() }
}

/// When a phone may take a try for failed, at the earliest and at the latest. What comes after the
/// latest is too late to change it.
fn failed(asked: &Asked<'_, '_>, visit: &ClientExchange<'_>) -> (Instant, Instant) {
    let case = asked.case;
    let latest = case.patience_of(visit).latest(case, visit.t0());
    let response = visit.final_response().map(|response| response.at).filter(|at| *at <= latest);
    let failure = visit.failures.first().map(|failure| failure.at).filter(|at| *at <= latest);
    if let Some(response) = response {
        return (response, response);
    }
    if let Some(failure) = failure {
        return (failure, latest);
    }
    // A count that is reached ends it at once, a timer when it runs out.
    let sends = visit.sends.iter().take_while(|send| send.at <= latest);
    let enough = sends.take(case.fewest_sends(visit)).map(|send| send.at).collect::<Vec<_>>();
    let counted = enough.len() == case.fewest_sends(visit);
    let by_timer = case.limits.give_up(visit.t0(), case.least_timeout_of(visit)).from;
    let whole = case.fewest_sends(visit) == case.slots_of(visit).len();
    let earliest = enough.last().copied().filter(|_| counted && !whole).unwrap_or(by_timer);
    (earliest.min(latest), latest)
}
