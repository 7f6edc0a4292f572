//! After all servers failed the phone starts over, after the profile's retry time (YL-14).

use sipfarm_core::profile::RetryKind;
use sipfarm_core::sip::Method;
use sipfarm_core::{Instant, Span};

use super::{Asked, near};
use crate::case::{ClientExchange, Outcome};
use crate::finding::{Finding, Window};
use crate::rules::RuleInfo;

pub(super) const RULE: RuleInfo = RuleInfo {
    id: "registration-rounds",
    requirements: &["YL-14", "RFC 3261 10.2.7"],
    about: "REGISTER goes round the nodes in order, with the profile's retry time between rounds.",
    standing: false,
};

/// YL-14: the period may be off by 20 %.
const PERIOD_TOLERANCE: f64 = 0.2;

pub(super) fn judge(asked: &Asked<'_, '_>, nodes: &[String], rounds: usize) -> Finding {
    let case = asked.case;
    let list: Vec<_> = nodes.iter().map(|node| format!("\"{node}\"")).collect();
    let (lo, hi) = pause(asked);
    let sentence =
        format!("REGISTER to {}, in {rounds} rounds, {lo:.1} to {hi:.1} between them", list.join(", then "));
    let mut draft = asked.draft(&RULE, sentence);
    let visits: Vec<_> = asked.requests(&Method::Register).take(nodes.len() * rounds).collect();
    for (at, visit) in visits.iter().enumerate() {
        let node = &nodes[at % nodes.len()];
        let (round, place) = (at / nodes.len() + 1, at % nodes.len() + 1);
        draft = draft.message(visit.first());
        if !asked.goes_to(visit, node) {
            let whom = case.names.show(visit.to, visit.transport);
            let seen = format!("round {round}: request {place} goes to {whom}, not to \"{node}\"");
            return draft.seen(seen).fail();
        }
        if place == 1 && round > 1 {
            let window = window(asked, visits[at - 1], (lo, hi));
            let seen = format!(
                "round {round} begins {} (packet {})",
                asked.after(visit.t0()),
                visit.first().packet()
            );
            if visit.t0() < window.from {
                return draft.seen(seen).window(window).fail();
            }
            if visit.t0() > window.to {
                return draft
                    .seen(seen)
                    .window(window)
                    .fail_unless_lossy("an earlier REGISTER may have been lost");
            }
        }
    }
    if visits.len() == nodes.len() * rounds {
        return draft.seen(format!("{rounds} rounds")).pass();
    }
    let node = &nodes[visits.len() % nodes.len()];
    let deadline = match visits.last() {
        None => asked.since() + case.reach(&Method::Register, Some(node)),
        Some(last) if visits.len() % nodes.len() == 0 => window(asked, last, (lo, hi)).to,
        Some(last) => failed(asked, last).1 + case.limits.at_once(),
    };
    let near_window = Window { from: asked.since(), to: deadline };
    let nearest = near::requests(case, Some(&Method::Register), Some(node), near_window);
    let seen = format!("{} requests, and none to \"{node}\"", visits.len());
    draft.seen(seen).nearest(nearest).window(near_window).fail_at(deadline)
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
fn window(asked: &Asked<'_, '_>, last: &ClientExchange<'_>, (lo, hi): (Span, Span)) -> Window {
    let (earliest, latest) = failed(asked, last);
    let latency = asked.case.limits.latency();
    Window { from: earliest + lo - latency, to: latest + hi + asked.case.limits.at_once() }
}

/// When a phone may take a try for failed, at the earliest and at the latest.
fn failed(asked: &Asked<'_, '_>, visit: &ClientExchange<'_>) -> (Instant, Instant) {
    let case = asked.case;
    let patience = case.patience_of(visit);
    let enough = visit.sends.len() >= case.fewest_sends(visit);
    let earliest = if enough {
        visit.last().at
    } else {
        patience.leave(case, visit.t0(), visit.last().at, visit.sends.len()).from
    };
    let latest = patience.latest(case, visit.t0());
    match (visit.outcome(), visit.final_response(), visit.failures.first()) {
        (Outcome::Final(_), Some(response), _) => (response.at, response.at),
        (Outcome::Unreachable, _, Some(failure)) => (failure.at, latest),
        _ => (earliest, latest),
    }
}
