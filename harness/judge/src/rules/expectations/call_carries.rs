//! Every request of one call has a header field, or is addressed to a user (PA-01 to PA-05; RFC 4412 section 4.2).

use sipfarm_core::Span;
use sipfarm_core::sip::{Method, Uri};

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

pub(super) const ADDRESSED: RuleInfo = RuleInfo {
    id: "call-addressed",
    requirements: &["PA-02"],
    about: "Every request of the method that the phone sends for the call has that user in its Request-URI.",
    standing: false,
};

/// What every request has.
pub(super) enum What<'c> {
    /// A header field with one of its values, whatever the case of its letters.
    Header { name: &'c str, value: &'c str },
    /// The user part of the Request-URI.
    User(&'c str),
}

impl What<'_> {
    fn rule(&self) -> &'static RuleInfo {
        match self {
            What::Header { .. } => &RULE,
            What::User(_) => &ADDRESSED,
        }
    }

    fn show(&self) -> String {
        match self {
            What::Header { name, value } => format!("{name}: {value}"),
            What::User(user) => format!("user \"{user}\" in the Request-URI"),
        }
    }

    fn is_in(&self, request: &Seen<'_>) -> bool {
        match self {
            What::Header { name, value } => {
                request.message.values(name).iter().any(|found| found.eq_ignore_ascii_case(value))
            }
            What::User(user) => called(request).as_deref() == Some(*user),
        }
    }

    /// What stands in its place.
    fn found(&self, request: &Seen<'_>) -> String {
        let found = match self {
            What::Header { name, .. } => request.message.values(name).join(", "),
            What::User(_) => called(request).unwrap_or_default(),
        };
        if found.is_empty() { "none".to_owned() } else { found }
    }
}

/// The user part of the Request-URI.
fn called(request: &Seen<'_>) -> Option<String> {
    Uri::parse(request.message.request_uri()?)?.user
}

/// How long the phone may take to send the first of them.
const IN_TIME: Span = Span::from_secs(2);

pub(super) fn judge(asked: &Asked<'_, '_>, name: &str, method: &Method, what: &What<'_>) -> Finding {
    let case = asked.case;
    let window = Window { from: asked.since(), to: asked.asked_at() };
    let sentence = format!("{} in every {method} of call \"{name}\" up to this step", what.show());
    let draft = asked.draft(what.rule(), sentence).throughout(window);
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
    if let Some(without) = requests.iter().find(|seen| !what.is_in(seen)) {
        let seen = format!(
            "{} in {} {} (packet {})",
            what.found(without),
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
