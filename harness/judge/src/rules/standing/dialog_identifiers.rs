//! Requests within a dialog carry its identifiers: Call-ID, the phone's tag in From, the other side's
//! tag in To (RFC 3261 section 12.2.1.1). As a server the phone puts one To tag into all responses to
//! a request (section 8.2.6.2).

use sipfarm_core::sip::Method;

use crate::case::{Case, Dialog, Seen, SeenRef, ServerExchange, status};
use crate::finding::Finding;
use crate::rules::Rule;
use crate::rules::draft::Docket;

/// See the module.
pub struct DialogIdentifiers;

impl Rule for DialogIdentifiers {
    fn id(&self) -> &'static str {
        "dialog-identifiers"
    }

    fn requirements(&self) -> &'static [&'static str] {
        &["RFC 3261 12.2.1.1", "RFC 3261 8.2.6.2"]
    }

    fn about(&self) -> &'static str {
        "Requests within a dialog have its Call-ID and tags, and all responses to one request have one To tag."
    }

    fn judge(&self, case: &Case<'_>) -> Vec<Finding> {
        let mut docket = Docket::open(case, self);
        let accepting = |seen: &&SeenRef<'_>| {
            case.client.iter().any(|e| {
                e.code().is_some_and(|code| code < 300)
                    && e.acks.iter().any(|ack| ack.packets == seen.packets)
            })
        };
        let first_sends = case.client.iter().map(|exchange| exchange.first());
        let acks = case.client.iter().flat_map(|exchange| &exchange.acks).filter(accepting);
        for request in first_sends.chain(acks).filter(|request| is_in_dialog(request)) {
            let of_call: Vec<_> =
                case.dialogs.iter().filter(|dialog| dialog.call_id == request.call_id).collect();
            // A dialog that began before the capture, or behind a lost packet, is not known.
            if of_call.is_empty() {
                continue;
            }
            if of_call.iter().any(|dialog| belongs(request, dialog)) {
                docket.kept(request.packets);
                continue;
            }
            let wanted = of_call[of_call.len() - 1];
            let draft = docket.draft(format!(
                "{} with From tag \"{}\" and To tag \"{}\"",
                request.what(),
                wanted.local_tag,
                wanted.remote_tag
            ));
            let seen = format!(
                "From tag \"{}\", To tag \"{}\"",
                request.from_tag.as_deref().unwrap_or(""),
                request.to_tag.as_deref().unwrap_or("")
            );
            docket.add(
                draft
                    .seen(seen)
                    .message(request)
                    .fail_unless_lossy("the response that made its dialog may have been lost"),
            );
        }
        for exchange in &case.server {
            if let Some((first, other)) = changed_tag(exchange) {
                let draft = docket.draft(format!("one To tag in all responses to {}", exchange.method));
                let draft = draft.seen(format!("packets {} and {} differ", first.packet(), other.packet()));
                docket.add(draft.message(first).message(other).fail());
            } else if exchange.responses.iter().filter(|response| status(response) > 100).count() > 1 {
                docket.kept(exchange.first().packets);
            }
        }
        docket.close()
    }
}

/// Whether a request can only be sent within a dialog, or says that it is.
fn is_in_dialog(request: &Seen<'_>) -> bool {
    let always = [Method::Bye, Method::Prack, Method::Update, Method::Ack];
    let never = [Method::Register, Method::Cancel];
    let method = request.method.clone().unwrap_or(Method::Register);
    !never.contains(&method) && (always.contains(&method) || request.to_tag.is_some())
}

fn belongs(request: &Seen<'_>, dialog: &Dialog) -> bool {
    request.from_tag.as_deref() == Some(&dialog.local_tag)
        && request.to_tag.as_deref() == Some(&dialog.remote_tag)
}

fn changed_tag<'e, 'a>(exchange: &'e ServerExchange<'a>) -> Option<(&'e SeenRef<'a>, &'e SeenRef<'a>)> {
    let mut tagged = exchange.responses.iter().filter(|response| status(response) > 100);
    let first = tagged.next()?;
    let given = exchange.first().to_tag.as_ref().or(first.to_tag.as_ref());
    let other = std::iter::once(first).chain(tagged).find(|response| response.to_tag.as_ref() != given)?;
    Some((first, other))
}
