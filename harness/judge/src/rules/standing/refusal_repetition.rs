//! Timer G: over UDP the phone repeats its final response of status 300 to 699 to an INVITE after T1
//! and then after intervals that double up to T2, until the ACK or 64×T1; over TCP it sends it once
//! (RFC 3261 section 17.2.1).

use crate::case::Case;
use crate::finding::Finding;
use crate::rules::Rule;
use crate::rules::responses::judge_repetitions;

/// See the module.
pub struct RefusalRepetition;

impl Rule for RefusalRepetition {
    fn id(&self) -> &'static str {
        "refusal-repetition"
    }

    fn requirements(&self) -> &'static [&'static str] {
        &["RFC 3261 17.2.1"]
    }

    fn about(&self) -> &'static str {
        "The phone repeats its refusal of an INVITE on the schedule of timer G until the ACK, over UDP only."
    }

    fn judge(&self, case: &Case<'_>) -> Vec<Finding> {
        judge_repetitions(case, self, |code| code >= 300)
    }
}
