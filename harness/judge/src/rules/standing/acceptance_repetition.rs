//! The phone repeats its 2xx to an INVITE after T1 and then after intervals that double up to T2, on any
//! transport, until the ACK or 64×T1 (RFC 3261 section 13.3.1.4).

use crate::case::Case;
use crate::finding::Finding;
use crate::rules::Rule;
use crate::rules::responses::judge_repetitions;

/// See the module.
pub struct AcceptanceRepetition;

impl Rule for AcceptanceRepetition {
    fn id(&self) -> &'static str {
        "acceptance-repetition"
    }

    fn requirements(&self) -> &'static [&'static str] {
        &["RFC 3261 13.3.1.4", "RFC 6026 7.1"]
    }

    fn about(&self) -> &'static str {
        "The phone repeats its 2xx to an INVITE, on any transport, until the ACK."
    }

    fn judge(&self, case: &Case<'_>) -> Vec<Finding> {
        judge_repetitions(case, self, |code| (200..300).contains(&code))
    }
}
