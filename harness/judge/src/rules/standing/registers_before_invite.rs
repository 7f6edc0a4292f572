//! A phone whose profile has it register with the next server before a call goes there sends that INVITE
//! only when the server has granted a binding (Yealink's `register_on_enable`, Polycom's `reRegisterOn`).
//! A server with which the phone is registered already is asked nothing more.

use sipfarm_core::sip::Method;

use crate::case::Case;
use crate::finding::Finding;
use crate::rules::Rule;
use crate::rules::draft::Docket;

/// See the module.
pub struct RegistersBeforeInvite;

impl Rule for RegistersBeforeInvite {
    fn id(&self) -> &'static str {
        "registers-before-invite"
    }

    fn requirements(&self) -> &'static [&'static str] {
        &["YL-15"]
    }

    fn about(&self) -> &'static str {
        "Where the profile says so, INVITE goes to the next server only when a REGISTER there was accepted."
    }

    fn judge(&self, case: &Case<'_>) -> Vec<Finding> {
        let mut docket = Docket::open(case, self);
        if !case.profile.failover.register_before_invite {
            return docket.close();
        }
        for attempt in case.attempts.iter().filter(|attempt| attempt.method == Method::Invite) {
            for pair in attempt.exchanges.windows(2) {
                let (before, next) = (&case.client[pair[0]], &case.client[pair[1]]);
                if before.to == next.to {
                    continue;
                }
                let Some(why) = case.not_registered(next) else {
                    docket.kept(next.first().packets);
                    continue;
                };
                let whom = case.names.show(next.to, next.transport);
                let draft = docket
                    .draft(format!("REGISTER to {whom} and its 2xx before INVITE goes there"))
                    .message(before.first())
                    .message(next.first())
                    .seen(format!("{} (packet {}), {why}", next.what(&case.names), next.first().packet()));
                docket.add(draft.fail_unless_lossy("the REGISTER or its 2xx may have been lost"));
            }
        }
        docket.close()
    }
}
