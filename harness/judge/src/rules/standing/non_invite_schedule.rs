//! Timer E: over UDP a request other than INVITE is repeated after T1 and then after intervals that
//! double up to T2; after a provisional response, every T2 (RFC 3261 section 17.1.2.2).

use sipfarm_core::sip::Method;

use crate::case::Case;
use crate::finding::Finding;
use crate::rules::Rule;
use crate::rules::repetition::judge_schedule;

/// See the module.
pub struct NonInviteSchedule;

impl Rule for NonInviteSchedule {
    fn id(&self) -> &'static str {
        "non-invite-schedule"
    }

    fn requirements(&self) -> &'static [&'static str] {
        &["RFC 3261 17.1.2.2"]
    }

    fn about(&self) -> &'static str {
        "Over UDP, other requests are repeated after T1 and then after intervals that double up to T2, \
         every T2 after a provisional response, until a final response or timer F."
    }

    fn judge(&self, case: &Case<'_>) -> Vec<Finding> {
        judge_schedule(case, self, |method| *method != Method::Invite)
    }
}
