//! Servers are tried in order, none skipped, each once (YL-02, YL-04, YL-13; `tol.order`).

use sipfarm_core::Instant;
use sipfarm_core::sip::Method;

use super::{Asked, near};
use crate::case::{ClientExchange, Outcome};
use crate::finding::{Finding, Window};
use crate::rules::RuleInfo;

pub(super) const RULE: RuleInfo = RuleInfo {
    id: "order",
    requirements: &["YL-01", "YL-02", "YL-04", "YL-13", "RFC 3263 4.3"],
    about: "New requests reach the nodes in the order of the step, none skipped, no other first, each once.",
    standing: false,
};

pub(super) fn judge(asked: &Asked<'_, '_>, method: &Method, nodes: &[String], only: bool) -> Finding {
    let case = asked.case;
    let list: Vec<_> = nodes.iter().map(|node| asked.node(node)).collect();
    let rest = if only { ", and to no other" } else { "" };
    let draft = asked.draft(&RULE, format!("{method} to {}{rest}", list.join(", then ")));
    let visits: Vec<&ClientExchange<'_>> =
        asked.requests(method).filter(|visit| !visit.in_dialog()).collect();
    let right = visits.iter().zip(nodes).take_while(|(visit, node)| asked.goes_to(visit, node)).count();
    let reached = &visits[..right];
    let draft = reached.iter().fold(draft, |draft, visit| draft.message(visit.first()));
    let deadline = deadline(asked, method, nodes, reached);
    let window = Window { from: reached.last().map_or(asked.since(), |visit| visit.t0()), to: deadline };
    match visits.get(right) {
        Some(next) if right < nodes.len() || (only && next.t0() <= deadline) => {
            let wanted = nodes.get(right).map_or("nobody".to_owned(), |node| format!("\"{node}\""));
            let seen = format!(
                "request {} goes to {} {} (packet {}), not to {wanted}",
                right + 1,
                case.names.show(next.to, next.transport),
                asked.after(next.t0()),
                next.first().packet(),
            );
            draft.seen(seen).message(next.first()).fail()
        }
        _ if right == nodes.len() && only => {
            draft.seen(show(asked, reached)).window(window).pass_at(deadline)
        }
        _ if right == nodes.len() => draft.seen(show(asked, reached)).pass(),
        _ => {
            let missing = &nodes[right];
            let nearest = near::requests(case, Some(method), Some(missing), window);
            let seen = format!("{}no {method} to \"{missing}\"", show(asked, reached));
            draft.seen(seen).nearest(nearest).window(window).fail_at(deadline)
        }
    }
}

/// Until when the next request may come: as long as the last server may take to fail.
fn deadline(
    asked: &Asked<'_, '_>,
    method: &Method,
    nodes: &[String],
    reached: &[&ClientExchange<'_>],
) -> Instant {
    let case = asked.case;
    let Some(last) = reached.last() else {
        return asked.since() + case.reach(method, nodes.first().map(String::as_str));
    };
    let by_timer = case.limits.give_up(last.t0(), case.limits.timeout(method)).to;
    match (last.outcome(), last.final_response()) {
        // A refusal with a demand is made good at the same server first.
        (Outcome::Final(401 | 407 | 422 | 423), _) => by_timer + case.limits.timeout(method),
        (Outcome::Final(_), Some(response)) => response.at + case.limits.at_once(),
        _ => by_timer,
    }
}

fn show(asked: &Asked<'_, '_>, reached: &[&ClientExchange<'_>]) -> String {
    reached
        .iter()
        .map(|visit| {
            let name = asked.case.names.show(visit.to, visit.transport);
            format!("{name} {} (packet {}); ", asked.after(visit.t0()), visit.first().packet())
        })
        .collect()
}
