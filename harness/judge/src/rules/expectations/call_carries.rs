//! Every request of one call has a header field (PA-01 to PA-05; RFC 4412 section 4.2).

use sipfarm_core::Span;
use sipfarm_core::sip::Method;

use super::Asked;
use crate::case::{Case, Seen, SeenRef};
use crate::finding::{Finding, Window};
use crate::rules::RuleInfo;

pub(super) const RULE: RuleInfo = RuleInfo {
    id: "call-carries",
    requirements: &["PA-01", "PA-02", "PA-03", "PA-04", "PA-05"],
    about: "Every request of the method that the phone sends for the call has that header field, repetitions included.",
    standing: false,
};

/// How long the phone may take to send the first of them.
const IN_TIME: Span = Span::from_secs(2);

pub(super) fn judge(
    asked: &Asked<'_, '_>,
    name: &str,
    method: &Method,
    header: &str,
    value: &str,
) -> Finding {
    let case = asked.case;
    let window = Window { from: asked.since(), to: asked.asked_at() };
    let sentence = format!("{header}: {value} in every {method} of call \"{name}\" up to this step");
    let draft = asked.draft(&RULE, sentence).window(window);
    let calls = case.line_calls();
    let Some(call) = case.call_named(name).and_then(|id| calls.iter().find(|call| call.has(id))) else {
        return draft.inconclusive(&format!("no INVITE of call \"{name}\" was seen"));
    };
    let is_it = |seen: &&SeenRef<'_>| {
        seen.is_request(method)
            && case.names.is_phone(seen.src)
            && !is_ack_of_refusal(case, seen)
            && call.has(seen.call_id)
            && seen.at >= window.from
    };
    // Where none has come before the step, the first that comes in time counts.
    let all = || case.messages.iter().filter(is_it);
    let before = all().filter(|seen| seen.at <= window.to);
    let in_time = window.to + IN_TIME + case.limits.at_once();
    let requests: Vec<&SeenRef<'_>> = match all().next() {
        Some(first) if first.at > window.to && first.at <= in_time => vec![first],
        _ => before.collect(),
    };
    let has = |seen: &SeenRef<'_>| {
        seen.message.values(header).iter().any(|found| found.eq_ignore_ascii_case(value))
    };
    if let Some(without) = requests.iter().find(|seen| !has(seen)) {
        let found = without.message.values(header).join(", ");
        let found = if found.is_empty() { "none".to_owned() } else { found };
        let seen = format!(
            "{found} in {} {} (packet {})",
            without.what(),
            asked.after(without.at),
            without.packet()
        );
        return draft.seen(seen).message(without).fail();
    }
    match requests.len() {
        0 => draft.seen(format!("no {method} of that call")).fail_at(in_time),
        count => draft.seen(format!("in all {count}")).messages(requests.iter().map(|seen| &***seen)).pass(),
    }
}

/// The ACK of a refusal belongs to the INVITE's transaction, and need not say what that asked for (RFC 3261 section
/// 17.1.1.3).
fn is_ack_of_refusal(case: &Case<'_>, seen: &Seen<'_>) -> bool {
    seen.is_request(&Method::Ack)
        && case.client.iter().any(|e| e.method == Method::Invite && e.branch == seen.branch)
}
