//! The phone's answer has a direction that the offer leaves open: sendonly is answered recvonly or
//! inactive, recvonly sendonly or inactive, inactive inactive (RFC 3264 section 6.1).

use sipfarm_core::sdp::Direction;

use crate::case::Case;
use crate::finding::Finding;
use crate::rules::Rule;
use crate::rules::draft::Docket;

/// See the module.
pub struct AnswerDirection;

impl Rule for AnswerDirection {
    fn id(&self) -> &'static str {
        "answer-direction"
    }

    fn requirements(&self) -> &'static [&'static str] {
        &["RFC 3264 6.1"]
    }

    fn about(&self) -> &'static str {
        "The phone's answer to an offer sends only what the offer receives, and the other way round."
    }

    fn judge(&self, case: &Case<'_>) -> Vec<Finding> {
        let mut docket = Docket::open(case, self);
        for agreement in case.agreements().into_iter().filter(|agreement| !agreement.offered_by_phone) {
            let (offered, answered) = (agreement.theirs, agreement.own);
            let fits = |answer: &Direction| {
                (!answer.sends() || offered.receives()) && (!answer.receives() || offered.sends())
            };
            if fits(&answered) {
                docket.kept(agreement.answer.packets);
                continue;
            }
            let all = [Direction::SendRecv, Direction::SendOnly, Direction::RecvOnly, Direction::Inactive];
            let fit: Vec<String> =
                all.into_iter().filter(fits).map(|fit| format!("\"{}\"", fit.as_str())).collect();
            let draft = docket
                .draft(format!("an answer to \"{}\" that says {}", offered.as_str(), fit.join(" or ")))
                .message(agreement.offer)
                .message(agreement.answer)
                .seen(format!("{} says \"{}\"", agreement.answer.what(), answered.as_str()));
            docket.add(draft.fail());
        }
        docket.close()
    }
}
