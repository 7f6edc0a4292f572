//! The phone answers a request that came through a node (RFC 3261 section 8.2.6).

use sipfarm_core::Span;
use sipfarm_core::sip::Method;

use super::{Asked, near};
use crate::case::status;
use crate::finding::Finding;
use crate::rules::RuleInfo;

pub(super) const RULE: RuleInfo = RuleInfo {
    id: "answers",
    requirements: &["RFC 3261 8.2.6", "RFC 3261 13.3.1"],
    about: "The phone answers a request that came through the node with the status code of the step.",
    standing: false,
};

pub(super) fn judge(
    asked: &Asked<'_, '_>,
    method: &Method,
    node: &str,
    code: u16,
    within: Option<Span>,
) -> Finding {
    let case = asked.case;
    let window = asked.window(within, asked.since() + case.limits.timeout(method));
    let sentence = format!("{code} to {method} from {}, {}", asked.node(node), asked.show_window(window));
    let draft = asked.draft(&RULE, sentence).window(window);
    let here =
        || case.server.iter().filter(|e| e.method == *method && asked.comes_from(e.from, e.transport, node));
    let answers = || here().flat_map(|e| &e.responses).filter(|response| response.at >= asked.since());
    let right = answers().filter(|response| status(response) == code).min_by_key(|response| response.at);
    let shown = |at, packet| format!("{} (packet {packet})", asked.after(at));
    if let Some(response) = right.filter(|response| response.at <= window.to) {
        return draft.seen(shown(response.at, response.packet())).message(response).pass();
    }
    let asked_for = here().any(|exchange| exchange.first().at <= window.to);
    let seen = match right {
        Some(late) => format!("{}, late by {:.2}", shown(late.at, late.packet()), late.at - window.to),
        None if asked_for => "no such response".to_owned(),
        None => "no such request reached the phone".to_owned(),
    };
    let others = answers().filter(|response| status(response) != code);
    let nearest = others.map(|response| (&**response, "other status code".to_owned()));
    let draft = draft.seen(seen).nearest(near::messages(case, nearest.collect::<Vec<_>>()));
    draft.at(window.to, |draft| match asked_for {
        true => draft.fail_unless_lossy("the request or the response may have been lost"),
        false => draft.inconclusive("the phone was not asked"),
    })
}
