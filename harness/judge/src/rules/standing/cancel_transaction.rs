//! CANCEL is for INVITE only, and goes where its INVITE went with the same branch, CSeq number and
//! header fields (RFC 3261 section 9.1; RFC 3263 section 4.4).

use sipfarm_core::sip::Method;

use super::cancel_timing::cancelled;
use crate::case::{Case, ClientExchange};
use crate::finding::Finding;
use crate::rules::Rule;
use crate::rules::draft::Docket;

/// See the module.
pub struct CancelTransaction;

impl Rule for CancelTransaction {
    fn id(&self) -> &'static str {
        "cancel-transaction"
    }

    fn requirements(&self) -> &'static [&'static str] {
        &["RFC 3261 9.1", "RFC 3263 4.4"]
    }

    fn about(&self) -> &'static str {
        "CANCEL is for an INVITE, with its branch, server, transport, CSeq number, Request-URI, To, From and Call-ID."
    }

    fn judge(&self, case: &Case<'_>) -> Vec<Finding> {
        let mut docket = Docket::open(case, self);
        for cancel in case.client.iter().filter(|exchange| exchange.method == Method::Cancel) {
            let what = cancel.what(&case.names);
            let draft = docket.draft(format!("{what} as its INVITE")).message(cancel.first());
            let other = case
                .client
                .iter()
                .find(|e| !matches!(e.method, Method::Cancel | Method::Invite) && e.branch == cancel.branch);
            match (cancelled(case, cancel), other) {
                (None, Some(other)) => {
                    let seen = format!("it cancels {}", other.what(&case.names));
                    docket.add(draft.seen(seen).message(other.first()).fail());
                }
                // The INVITE may lie before the capture.
                (None, None) if case.notes.scene.is_none() || !case.sees_all() => {}
                (None, None) => docket.add(draft.seen("there is no INVITE with its Call-ID").fail()),
                (Some(invite), _) => match fault(case, invite, cancel) {
                    Some(fault) => docket.add(draft.seen(fault).message(invite.first()).fail()),
                    None => docket.kept(cancel.first().packets),
                },
            }
        }
        docket.close()
    }
}

fn fault(case: &Case<'_>, invite: &ClientExchange<'_>, cancel: &ClientExchange<'_>) -> Option<String> {
    let (first, own) = (invite.first(), cancel.first());
    let same = |name: &str| first.message.header(name) == own.message.header(name);
    match () {
        () if cancel.to != invite.to => {
            Some(format!("it goes to {}", case.names.show(cancel.to, cancel.transport)))
        }
        () if cancel.transport != invite.transport => Some(format!("it goes over {}", cancel.transport)),
        () if cancel.branch != invite.branch => {
            Some(format!("its branch is \"{}\", not \"{}\"", cancel.branch, invite.branch))
        }
        () if cancel.cseq() != invite.cseq() => Some("another CSeq number".to_owned()),
        () if own.message.values("Via").len() != 1 => Some("more than one Via".to_owned()),
        () if own.message.request_uri() != first.message.request_uri() => {
            Some("another Request-URI".to_owned())
        }
        () if own.from_tag != first.from_tag => Some("another From tag".to_owned()),
        () if own.to_tag != first.to_tag => Some("another To tag".to_owned()),
        () if !same("Route") => Some("another Route".to_owned()),
        () if own.message.header("Require").is_some() || own.message.header("Proxy-Require").is_some() => {
            Some("it has Require or Proxy-Require".to_owned())
        }
        () => None,
    }
}
