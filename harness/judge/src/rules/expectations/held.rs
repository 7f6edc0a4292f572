//! The phone puts a call on hold, or takes it off: an offer within the dialog that does not receive, or
//! does again, and is accepted (RFC 3264 section 8.4).

use sipfarm_core::Span;
use sipfarm_core::sip::Method;

use super::Asked;
use crate::case::Agreement;
use crate::finding::Finding;
use crate::rules::RuleInfo;

pub(super) const RULE: RuleInfo = RuleInfo {
    id: "held",
    requirements: &["RFC 3264 8.4"],
    about: "The phone's accepted offer puts the call on hold, or takes it off hold.",
    standing: false,
};

pub(super) fn judge(asked: &Asked<'_, '_>, hold: bool, within: Option<Span>) -> Finding {
    let case = asked.case;
    let window =
        asked.window(within, asked.since() + case.limits.timeout(&Method::Invite) + case.limits.at_once());
    let wanted = if hold { "\"sendonly\" or \"inactive\"" } else { "\"sendrecv\" or \"recvonly\"" };
    let sentence = format!("an offer of {wanted}, accepted, {}", asked.show_window(window));
    let draft = asked.draft(&RULE, sentence).window(window);
    let agreements = case.agreements();
    let offers: Vec<&Agreement<'_, '_>> = agreements
        .iter()
        .filter(|agreement| agreement.offered_by_phone && agreement.offer.at >= asked.since())
        .collect();
    let right = offers.iter().find(|agreement| agreement.holds() == hold);
    match (right, offers.first()) {
        (Some(right), _) if right.answer.at <= window.to => {
            let seen = format!("\"{}\" {}", right.own.as_str(), asked.after(right.offer.at));
            draft.seen(seen).message(right.offer).message(right.answer).pass()
        }
        (_, Some(other)) => {
            let (direction, at) = (other.own.as_str(), asked.after(other.offer.at));
            let seen =
                format!("the phone offers \"{direction}\" {at}, accepted {}", asked.after(other.answer.at));
            draft.seen(seen).message(other.offer).fail_at(window.to)
        }
        (_, None) => draft.seen("no offer of the phone that was accepted").fail_at(window.to),
    }
}
