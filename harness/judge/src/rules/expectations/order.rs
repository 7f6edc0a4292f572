//! Servers are tried in order, none skipped, each once (YL-02, YL-04, YL-13; `tol.order`).

use sipfarm_core::Instant;
use sipfarm_core::sip::Method;

use super::moves_on::connect_to;
use super::{Asked, near};
use crate::case::{Case, ClientExchange, asks_for_more, status};
use crate::finding::{Finding, Window};
use crate::rules::RuleInfo;
use crate::rules::standing::trigger;

pub(super) const RULE: RuleInfo = RuleInfo {
    id: "order",
    requirements: &["YL-01", "YL-02", "YL-04", "YL-13", "RFC 3263 4.3"],
    about: "New requests reach the nodes in the order of the step, none skipped, no other first, each once.",
    standing: false,
};

/// What may hide a try from those who see only what the sockets heard.
const NO_FRAMES: &str = "without frames a closed port or a refused connection cannot be seen";

const LOST: &str = "the tries in between may have been lost";

pub(super) fn judge(asked: &Asked<'_, '_>, method: &Method, nodes: &[String], only: bool) -> Finding {
    let case = asked.case;
    let list: Vec<_> = nodes.iter().map(|node| asked.node(node)).collect();
    let rest = if only { ", and to no other" } else { "" };
    let mut draft = asked.draft(&RULE, format!("{method} to {}{rest}", list.join(", then ")));
    let mut visits = asked.requests(method).filter(|visit| !visit.in_dialog());
    let mut window =
        Window { from: asked.since(), to: asked.reach(method, nodes.first().map(String::as_str)) };
    let mut so_far = String::new();
    let mut held: Option<&ClientExchange<'_>> = None;
    let mut last = None;
    for node in nodes {
        let next = held.take().or_else(|| visits.next());
        let Some(visit) = next.filter(|visit| visit.t0() <= window.to) else {
            let nearest = near::requests(case, Some(method), Some(node), window);
            let seen = format!("{so_far}no {method} to \"{node}\"{}", stayed(case, last));
            return draft.seen(seen).nearest(nearest).window(window).fail_at(window.to);
        };
        // A server that refuses the connection was tried all the same.
        let refused = (!asked.goes_to(visit, node)).then(|| connect_to(asked, node)).flatten();
        if let Some(connect) = refused.filter(|connect| window.from <= connect.at && connect.at <= visit.t0())
        {
            so_far += &format!("\"{node}\" {} (connection only); ", asked.after(connect.at));
            held = Some(visit);
            continue;
        }
        last = Some(visit);
        draft = draft.message(visit.first());
        so_far += &format!("{}; ", show(asked, visit));
        if !asked.goes_to(visit, node) {
            let draft = draft.seen(format!("{so_far}not to \"{node}\""));
            return if case.sight.frames {
                draft.fail_unless_lossy(LOST)
            } else {
                draft.inconclusive(NO_FRAMES)
            };
        }
        window = Window { from: visit.t0(), to: deadline(asked, visit) };
    }
    let draft = draft.seen(so_far.trim_end_matches("; ").to_owned());
    match held.or_else(|| visits.next()) {
        _ if !only => draft.pass(),
        Some(more) if more.t0() <= window.to => {
            let seen = format!("{so_far}and {}", show(asked, more));
            let draft = draft.seen(seen).message(more.first()).forbidden(window);
            draft.fail_unless_lossy("a response may not have reached the phone")
        }
        _ => draft.forbidden(window).pass_at(window.to),
    }
}

/// Until when the next request may come: as long as the last server may take to fail.
fn deadline(asked: &Asked<'_, '_>, visit: &ClientExchange<'_>) -> Instant {
    let limits = &asked.case.limits;
    let by_timer = limits.give_up(visit.t0(), limits.timeout(&visit.method)).to;
    match visit.final_response().filter(|response| response.at <= by_timer) {
        // A refusal with a demand is made good at the same server first.
        Some(response) if asks_for_more(status(response)) => by_timer + limits.timeout(&visit.method),
        Some(response) => response.at + limits.at_once(),
        None => by_timer,
    }
}

/// What kept a phone at the server of that request, or should not have.
fn stayed(case: &Case<'_>, at: Option<&ClientExchange<'_>>) -> String {
    let Some(response) = at.and_then(ClientExchange::final_response) else { return String::new() };
    let profile = &case.profile;
    let is_trigger = trigger(status(response)).is_some_and(|it| profile.failover.triggers.contains(&it));
    let means = if is_trigger { "a reason to go on" } else { "no reason to go on" };
    let what = response.what();
    format!("; answered with {what} (packet {}), by the profile {} {means}", response.packet(), profile.id)
}

fn show(asked: &Asked<'_, '_>, visit: &ClientExchange<'_>) -> String {
    let name = asked.case.names.show(visit.to, visit.transport);
    format!("{name} {} (packet {})", asked.after(visit.t0()), visit.first().packet())
}
