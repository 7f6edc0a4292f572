//! A session that the other side was to refresh and has not refreshed comes to its end: the phone should
//! send BYE slightly before it expires (RFC 4028 section 10). A phone whose profile keeps calls without
//! signalling does not (F-10).

use sipfarm_core::profile::SignallingLoss;

use crate::case::Case;
use crate::finding::{Finding, Window};
use crate::rules::Rule;
use crate::rules::draft::Docket;

/// See the module.
pub struct SessionExpiry;

impl Rule for SessionExpiry {
    fn id(&self) -> &'static str {
        "session-expiry"
    }

    fn requirements(&self) -> &'static [&'static str] {
        &["RFC 4028 10"]
    }

    fn about(&self) -> &'static str {
        "A session that the other side has not refreshed is ended with BYE by the time it expires."
    }

    fn judge(&self, case: &Case<'_>) -> Vec<Finding> {
        let mut docket = Docket::open(case, self);
        if case.profile.call_in_progress.on_signalling_loss == SignallingLoss::Preserve {
            return docket.not_applicable("the profile keeps calls whose signalling is lost");
        }
        let sessions = case.sessions();
        for session in sessions.iter().filter(|session| session.by_phone == Some(false)) {
            let (Some(expires), Some(given_up)) = (session.expires(), session.given_up()) else { continue };
            let until = expires + case.limits.reaction();
            if case.refreshed(session, &sessions).is_some_and(|refreshed| refreshed <= until) {
                continue;
            }
            if let Some(ended) = case.ended(session).filter(|ended| *ended <= until) {
                if ended >= given_up {
                    docket.kept(session.accepted.packets);
                }
                continue;
            }
            let unheard = case.may_have_reached_nobody(&session.accepted, given_up, until);
            if case.horizon <= until || unheard || case.interrupted(session.accepted.at, until) {
                continue;
            }
            let interval = expires - session.last;
            let draft = docket
                .draft(format!("BYE when nobody has refreshed the session of {interval:.0}"))
                .window(Window { from: given_up, to: until })
                .message(&session.accepted)
                .absent("neither a refresh nor BYE");
            docket.add(draft.warn_unless_lossy("a refresh may have been lost"));
        }
        docket.close()
    }
}
