//! What the phone answers to the INVITE of one call among several: it rings, takes it or refuses it (PA-06, PA-11,
//! PA-13; RFC 4412 section 4.6).

use sipfarm_core::Span;
use sipfarm_core::sip::Method;

use super::Asked;
use crate::case::{SeenRef, status};
use crate::finding::{Finding, Window};
use crate::rules::RuleInfo;

pub(super) const ALERTS: RuleInfo = RuleInfo {
    id: "call-alerts",
    requirements: &["PA-06", "PA-06b", "PA-13"],
    about: "The phone rings for the call.",
    standing: false,
};

pub(super) const ANSWERED: RuleInfo = RuleInfo {
    id: "call-answered",
    requirements: &["PA-06", "PA-11"],
    about: "The phone answers the call with 2xx.",
    standing: false,
};

pub(super) const UNANSWERED: RuleInfo = RuleInfo {
    id: "call-unanswered",
    requirements: &["PA-11"],
    about: "The phone does not answer the call with 2xx for as long as the step says.",
    standing: false,
};

pub(super) const REFUSED: RuleInfo = RuleInfo {
    id: "call-refused",
    requirements: &["PA-06c", "PA-13", "RFC 4412 4.6"],
    about: "The phone refuses the call with the status code of the step.",
    standing: false,
};

/// How long the phone may take where the step says nothing (PA-06, PA-06c, PA-13).
const IN_TIME: Span = Span::from_secs(2);

/// The answer that a step asks for.
pub(super) enum Answer<'c> {
    Alerts,
    Accepts,
    Refuses { code: u16, header: Option<&'c str> },
}

impl Answer<'_> {
    fn rule(&self) -> &'static RuleInfo {
        match self {
            Answer::Alerts => &ALERTS,
            Answer::Accepts => &ANSWERED,
            Answer::Refuses { .. } => &REFUSED,
        }
    }

    fn show(&self) -> String {
        match self {
            Answer::Alerts => "180 or 183".to_owned(),
            Answer::Accepts => "2xx".to_owned(),
            Answer::Refuses { code, header: None } => code.to_string(),
            Answer::Refuses { code, header: Some(header) } => format!("{code} with {header}"),
        }
    }

    fn is(&self, response: &SeenRef<'_>) -> bool {
        let code = status(response);
        match self {
            Answer::Alerts => matches!(code, 180 | 183),
            Answer::Accepts => (200..300).contains(&code),
            Answer::Refuses { code: wanted, header } => {
                code == *wanted && header.is_none_or(|name| response.message.header(name).is_some())
            }
        }
    }

    /// Whether no other answer can follow.
    fn is_settled_by(&self, response: &SeenRef<'_>) -> bool {
        status(response) >= 200 && !self.is(response)
    }
}

pub(super) fn judge(asked: &Asked<'_, '_>, name: &str, wanted: &Answer<'_>, within: Option<Span>) -> Finding {
    let window = asked.window(within, asked.since() + IN_TIME + asked.case.limits.grace());
    let sentence = format!("{} to INVITE of call \"{name}\", {}", wanted.show(), asked.show_window(window));
    let draft = asked.draft(wanted.rule(), sentence).window(window);
    let responses = responses(asked, name);
    let show = |response: &SeenRef<'_>| {
        let reason =
            response.message.header("Reason").map(|reason| format!(" ({reason})")).unwrap_or_default();
        format!("{}{reason} {} (packet {})", status(response), asked.after(response.at), response.packet())
    };
    let right = responses.iter().find(|response| wanted.is(response));
    if let Some(response) = right.filter(|response| response.at <= window.to) {
        return draft.seen(show(response)).message(response).pass();
    }
    if let Some(other) = responses.iter().find(|response| wanted.is_settled_by(response)) {
        return draft.seen(show(other)).message(other).fail();
    }
    let seen = right.map_or("no such response".to_owned(), |late| format!("{}, late", show(late)));
    draft.seen(seen).at(window.to, |draft| match is_invited(asked, name) {
        true => draft.fail_unless_lossy("the request or the response may have been lost"),
        false => draft.inconclusive(&format!("no INVITE of call \"{name}\" reached the phone")),
    })
}

pub(super) fn judge_unanswered(asked: &Asked<'_, '_>, name: &str, during: Span) -> Finding {
    let window = Window { from: asked.since(), to: asked.asked_at() + during };
    let sentence = format!("no 2xx to INVITE of call \"{name}\", {}", asked.show_window(window));
    let draft = asked.draft(&UNANSWERED, sentence).forbidden(window);
    let responses = responses(asked, name);
    let accepted = responses.iter().find(|response| (200..300).contains(&status(response)));
    if let Some(accepted) = accepted.filter(|accepted| accepted.at <= window.to) {
        let seen =
            format!("{} {} (packet {})", status(accepted), asked.after(accepted.at), accepted.packet());
        return draft.seen(seen).message(accepted).fail();
    }
    draft.seen("none").at(window.to, |draft| match is_invited(asked, name) {
        true => draft.pass_by_absence(),
        false => draft.inconclusive(&format!("no INVITE of call \"{name}\" reached the phone")),
    })
}

/// What the phone answered to the first INVITE of that call.
fn responses<'c, 'a>(asked: &Asked<'c, 'a>, name: &str) -> Vec<&'c SeenRef<'a>> {
    let Some(call_id) = asked.case.call_named(name) else { return Vec::new() };
    let invites =
        asked.case.server.iter().filter(|e| e.method == Method::Invite && e.first().to_tag.is_none());
    invites.filter(|e| e.first().call_id == call_id).flat_map(|e| &e.responses).collect()
}

fn is_invited(asked: &Asked<'_, '_>, name: &str) -> bool {
    let Some(call_id) = asked.case.call_named(name) else { return false };
    asked.case.server.iter().any(|e| e.method == Method::Invite && e.first().call_id == call_id)
}
