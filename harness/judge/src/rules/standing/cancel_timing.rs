//! CANCEL waits for a provisional response, and comes to nothing after a final one (RFC 3261 section
//! 9.1; YL-03).

use sipfarm_core::sip::Method;

use crate::case::{Case, ClientExchange, status};
use crate::finding::Finding;
use crate::rules::Rule;
use crate::rules::draft::Docket;

/// See the module.
pub struct CancelTiming;

impl Rule for CancelTiming {
    fn id(&self) -> &'static str {
        "cancel-timing"
    }

    fn requirements(&self) -> &'static [&'static str] {
        &["RFC 3261 9.1", "YL-03"]
    }

    fn about(&self) -> &'static str {
        "CANCEL is not sent before a provisional response to its INVITE, and not after a final one."
    }

    fn judge(&self, case: &Case<'_>) -> Vec<Finding> {
        let mut docket = Docket::open(case, self);
        for cancel in case.client.iter().filter(|exchange| exchange.method == Method::Cancel) {
            let Some(invite) = cancelled(case, cancel) else { continue };
            let first = cancel.first();
            let draft = docket
                .draft(format!(
                    "{} after a provisional response and before a final one",
                    cancel.what(&case.names)
                ))
                .message(invite.first())
                .message(first);
            // Both pass the same tap, the response before the CANCEL that it allowed.
            let before = invite.responses.iter().filter(|response| response.at <= first.at);
            let heard = before.clone().next().is_some();
            let over = before.clone().find(|r| status(r) >= 200 && r.at + case.limits.reaction() < first.at);
            match over {
                _ if !heard => {
                    let draft = draft.seen("before any response");
                    docket.add(draft.fail_unless_lossy("the tap may have missed the response"));
                }
                // SHOULD NOT: it has no effect. On a lossy tap the response may never have arrived.
                Some(response) if case.sees_all() && invite.is_sound(response) => {
                    let seen = format!("after {} (packet {})", response.what(), response.packet());
                    docket.add(draft.seen(seen).message(response).warn());
                }
                _ => docket.kept(first.packets),
            }
        }
        docket.close()
    }
}

/// The INVITE that a CANCEL means: by its branch, else by Call-ID and CSeq number.
pub(super) fn cancelled<'c, 'a>(
    case: &'c Case<'a>,
    cancel: &ClientExchange<'_>,
) -> Option<&'c ClientExchange<'a>> {
    let invites = || case.client.iter().filter(|e| e.method == Method::Invite && e.t0() <= cancel.t0());
    let of_branch =
        invites().find(|e| e.branch == cancel.branch && e.first().call_id == cancel.first().call_id);
    let of_call =
        || invites().rev().find(|e| e.first().call_id == cancel.first().call_id && e.cseq() == cancel.cseq());
    let of_id = || invites().rev().find(|e| e.first().call_id == cancel.first().call_id);
    of_branch.or_else(of_call).or_else(of_id)
}
