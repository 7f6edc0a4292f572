//! A call ends: BYE, answered 2xx, in either direction (RFC 3261 section 15.1).

use sipfarm_core::Span;
use sipfarm_core::sip::Method;

use super::call_established::is_2xx;
use super::{Asked, near};
use crate::finding::Finding;
use crate::rules::RuleInfo;

pub(super) const RULE: RuleInfo = RuleInfo {
    id: "call-ends",
    requirements: &["RFC 3261 15.1.1", "RFC 3261 15.1.2"],
    about: "A BYE through the node is answered 2xx.",
    standing: false,
};

pub(super) fn judge(asked: &Asked<'_, '_>, through: &str, within: Option<Span>) -> Finding {
    let case = asked.case;
    let window =
        asked.window(within, asked.since() + case.limits.timeout(&Method::Bye) + case.limits.at_once());
    let sentence =
        format!("BYE through {}, answered 2xx, {}", asked.node(through), asked.show_window(window));
    let draft = asked.draft(&RULE, sentence).window(window);
    let sent = case.client.iter().filter(|e| e.method == Method::Bye && asked.goes_to(e, through));
    let received = case
        .server
        .iter()
        .filter(|e| e.method == Method::Bye && asked.comes_from(e.from, e.transport, through));
    let answers: Vec<_> = sent
        .map(|e| (e.first(), e.final_response()))
        .chain(received.map(|e| (e.first(), e.final_response())))
        .filter_map(|(bye, response)| response.map(|response| (bye, response)))
        .filter(|(_, response)| response.at >= asked.since())
        .collect();
    let right =
        answers.iter().filter(|(_, response)| is_2xx(response)).min_by_key(|(_, response)| response.at);
    match right {
        Some((bye, response)) if response.at <= window.to => {
            let seen = format!("{} (packet {})", asked.after(response.at), response.packet());
            draft.seen(seen).message(bye).message(response).pass()
        }
        _ => {
            let why = |response: &crate::case::Seen<'_>| if is_2xx(response) { "late" } else { "not a 2xx" };
            let mut nearest = near::messages(
                case,
                answers.iter().map(|(_, response)| (&***response, why(response).to_owned())),
            );
            if nearest.is_empty() {
                nearest = near::requests(case, Some(&Method::Bye), Some(through), window);
            }
            let seen = match right {
                Some((_, late)) => {
                    let (what, at, packet) = (late.what(), asked.after(late.at), late.packet());
                    format!("{what} {at} (packet {packet}), late by {:.2}", late.at - window.to)
                }
                None => format!("no 2xx to BYE through \"{through}\""),
            };
            draft.seen(seen).nearest(nearest).fail_at(window.to)
        }
    }
}
