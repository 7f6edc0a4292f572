//! Dialogs (RFC 3261 section 12), as the packets show them.

use sipfarm_core::Instant;
use sipfarm_core::sip::Method;

use super::exchange::{ClientExchange, ServerExchange, status};
use super::seen::Seen;

/// A dialog that an INVITE made, early or confirmed.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Dialog {
    /// When the response that made it passed the tap.
    pub at: Instant,
    /// Call-ID.
    pub call_id: String,
    /// The phone's tag.
    pub local_tag: String,
    /// The other side's tag.
    pub remote_tag: String,
    /// Whether a 2xx confirmed it.
    pub confirmed: bool,
}

impl Dialog {
    /// Whether a message is within it: one of a request that the phone has sent, or of one to the phone.
    pub fn is_of(&self, seen: &Seen<'_>, of_phone: bool) -> bool {
        let (local, remote) =
            if of_phone { (&seen.from_tag, &seen.to_tag) } else { (&seen.to_tag, &seen.from_tag) };
        seen.call_id == self.call_id
            && local.as_ref() == Some(&self.local_tag)
            && remote.as_ref() == Some(&self.remote_tag)
    }
}

pub(super) fn read(client: &[ClientExchange<'_>], server: &[ServerExchange<'_>]) -> Vec<Dialog> {
    let mut dialogs: Vec<Dialog> = Vec::new();
    for exchange in client.iter().filter(|e| e.method == Method::Invite && !e.in_dialog()) {
        for response in exchange.responses.iter().filter(|r| makes_dialog(status(r))) {
            if let (Some(local), Some(remote)) = (&response.from_tag, &response.to_tag) {
                note(&mut dialogs, response.at, response.call_id, local, remote, status(response) >= 200);
            }
        }
    }
    for exchange in server.iter().filter(|e| e.method == Method::Invite && e.first().to_tag.is_none()) {
        for response in exchange.responses.iter().filter(|r| makes_dialog(status(r))) {
            if let (Some(remote), Some(local)) = (&response.from_tag, &response.to_tag) {
                note(&mut dialogs, response.at, response.call_id, local, remote, status(response) >= 200);
            }
        }
    }
    dialogs.sort_by_key(|dialog| dialog.at);
    dialogs
}

fn makes_dialog(code: u16) -> bool {
    (101..300).contains(&code)
}

fn note(dialogs: &mut Vec<Dialog>, at: Instant, call_id: &str, local: &str, remote: &str, confirmed: bool) {
    let known =
        dialogs.iter_mut().find(|d| d.call_id == call_id && d.local_tag == local && d.remote_tag == remote);
    match known {
        Some(dialog) => dialog.confirmed |= confirmed,
        None => dialogs.push(Dialog {
            at,
            call_id: call_id.to_owned(),
            local_tag: local.to_owned(),
            remote_tag: remote.to_owned(),
            confirmed,
        }),
    }
}
