//! Whether a call rings at the phone, as far as packets tell.

use std::collections::BTreeMap;

use sipfarm_core::sip::Method;
use sipfarm_judge::Timeline;

/// Whether some call to `user` has been answered with more than 100 (Trying), and not yet for good
/// (RFC 3261 section 13.3.1): then somebody can take it, or refuse it.
pub fn rings(timeline: &Timeline, user: &str) -> bool {
    let mut latest: BTreeMap<&str, u16> = BTreeMap::new();
    for (_, sip) in timeline.sip() {
        let message = &sip.message;
        let Some((status, call_id)) = message.status().zip(message.call_id()) else { continue };
        let is_of_invite = message.cseq().is_some_and(|cseq| cseq.method == Method::Invite);
        let callee = message.to().and_then(|to| to.sip_uri()).and_then(|uri| uri.user_name());
        let is_for_user = callee.as_deref() == Some(user);
        if is_of_invite && is_for_user && status > 100 {
            let highest = latest.entry(call_id).or_insert(status);
            *highest = (*highest).max(status);
        }
    }
    latest.values().any(|status| *status < 200)
}
