//! Whether a phone keeps its sessions alive with a timer (RFC 4028).

use super::Profile;

words! {
    /// The request with which a session is refreshed.
    RefreshMethod:
    /// INVITE within the dialog.
    Invite = "invite",
    /// UPDATE (RFC 3311) where the other side allows it, else INVITE.
    Update = "update",
}

section! {
    /// The session timer.
    SessionTimer {
        /// The Session-Expires that the phone asks for, in seconds; `null`: it does without the timer.
        expires_s: Option<u32> = None,
        /// The shortest session that it takes, in seconds (Min-SE).
        min_se_s: u32 = 90,
        /// How it refreshes.
        method: RefreshMethod = RefreshMethod::Invite,
    }
}

/// The shortest session of RFC 4028 section 4, in seconds.
const LEAST_S: u32 = 90;

/// Sessions are not shorter than the RFC lets them be, nor than what the phone itself takes.
pub(super) fn check(profile: &Profile) -> Result<(), (&'static str, String)> {
    let timer = &profile.session_timer;
    if timer.min_se_s < LEAST_S {
        let problem = format!("a session lasts at least {LEAST_S} s (RFC 4028 section 4)");
        return Err(("session_timer.min_se_s", problem));
    }
    match timer.expires_s.filter(|expires_s| *expires_s < timer.min_se_s) {
        Some(_) => {
            Err(("session_timer.expires_s", "it is not less than `session_timer.min_se_s`".to_owned()))
        }
        None => Ok(()),
    }
}
