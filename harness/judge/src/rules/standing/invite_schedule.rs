//! Timer A: over UDP an INVITE without any response is repeated after T1, and then after intervals
//! that double (RFC 3261 section 17.1.1.2).

use crate::case::Case;
use crate::finding::Finding;
use crate::rules::Rule;
use crate::rules::repetition::judge_schedule;
use sipfarm_core::sip::Method;

/// See the module.
pub struct InviteSchedule;

impl Rule for InviteSchedule {
    fn id(&self) -> &'static str {
        "invite-schedule"
    }

    fn requirements(&self) -> &'static [&'static str] {
        &["RFC 3261 17.1.1.2", "YL-10", "YL-11"]
    }

    fn about(&self) -> &'static str {
        "Over UDP, INVITE is repeated after T1 and then after doubling intervals, until a response or timer B."
    }

    fn judge(&self, case: &Case<'_>) -> Vec<Finding> {
        judge_schedule(case, self, |method| *method == Method::Invite)
    }
}
