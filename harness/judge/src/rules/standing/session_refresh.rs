//! The side that is to refresh a session does so before it expires (RFC 4028 sections 7.2, 9): by half of
//! its time, as is recommended, and at any rate before the other side gives up.

use sipfarm_core::Instant;
use sipfarm_core::profile::SignallingLoss;

use crate::case::{Case, Session};
use crate::finding::{Finding, Window};
use crate::rules::Rule;
use crate::rules::draft::Docket;

/// See the module.
pub struct SessionRefresh;

impl Rule for SessionRefresh {
    fn id(&self) -> &'static str {
        "session-refresh"
    }

    fn requirements(&self) -> &'static [&'static str] {
        &["RFC 4028 7.2", "RFC 4028 9"]
    }

    fn about(&self) -> &'static str {
        "A session that is the phone's to refresh is refreshed before it expires."
    }

    fn judge(&self, case: &Case<'_>) -> Vec<Finding> {
        let mut docket = Docket::open(case, self);
        let sessions = case.sessions();
        for session in sessions.iter().filter(|session| session.by_phone == Some(true)) {
            let (Some(expires), Some(given_up)) = (session.expires(), session.given_up()) else { continue };
            let until = expires + case.limits.reaction();
            let next = case.refreshed(session, &sessions).filter(|next| *next <= until);
            let is_kept = next.is_some_and(|next| next <= given_up + case.limits.reaction());
            if is_kept {
                docket.kept(session.accepted.packets);
                continue;
            }
            let ended = case.ended(session).is_some_and(|ended| ended <= until);
            if ended || case.horizon <= until || is_excused(case, session, until) {
                continue;
            }
            let interval = expires - session.last;
            let draft = docket
                .draft(format!("the session refreshed before its {interval:.0} are over"))
                .window(Window { from: session.accepted.at, to: until })
                .message(&session.accepted);
            docket.add(match next {
                Some(next) => draft
                    .seen(format!(
                        "{:.2} after the 2xx, when the other side may have ended it",
                        next - session.accepted.at
                    ))
                    .warn_unless_lossy("a request may have been lost"),
                None => draft
                    .absent("neither INVITE nor UPDATE, nor an end of the call")
                    .fail_unless_lossy("a request may have been lost"),
            });
        }
        docket.close()
    }
}

/// Whether the phone may have let the session go: the user ended the call, nobody took its connection, or its
/// signalling was lost and the phone keeps calls without (AM-14).
fn is_excused(case: &Case<'_>, session: &Session<'_>, until: Instant) -> bool {
    let since = session.accepted.at;
    let preserves = case.profile.call_in_progress.on_signalling_loss == SignallingLoss::Preserve;
    let dialog = &case.dialogs[session.dialog];
    case.interrupted(since, until)
        || case.may_have_reached_nobody(&session.accepted, since, until)
        || preserves && case.may_have_lost(dialog, since, until)
}
