//! Requests within a dialog go to its remote target along its route set: the Request-URI is the Contact
//! that the other side gave last, Route is Record-Route, in reverse for the caller (RFC 3261 sections
//! 12.1.1, 12.1.2, 12.2.1.1). A 2xx makes both anew, for its ACK too (section 13.2.2.4).

use sipfarm_core::sip::Method;

use crate::case::{Address, Case, Dialog, SeenRef, status};
use crate::finding::Finding;
use crate::rules::Rule;
use crate::rules::draft::Docket;

/// See the module.
pub struct DialogRoute;

impl Rule for DialogRoute {
    fn id(&self) -> &'static str {
        "dialog-route"
    }

    fn requirements(&self) -> &'static [&'static str] {
        &["RFC 3261 12.2.1.1", "RFC 3261 13.2.2.4"]
    }

    fn about(&self) -> &'static str {
        "Requests within a dialog, the ACK to a 2xx among them, go to its remote target along its route set."
    }

    fn judge(&self, case: &Case<'_>) -> Vec<Finding> {
        let mut docket = Docket::open(case, self);
        for dialog in &case.dialogs {
            let way = case.way(dialog);
            // A phone that has lost its way once loses it in each request; one finding says so.
            let mut astray: Vec<Address> = Vec::new();
            for request in requests(case, dialog) {
                // An ACK proves that its 2xx has come; of other packets the phone may not know yet.
                let is_ack = request.is_request(&Method::Ack);
                let taken = if is_ack { request.at } else { request.at - case.limits.reaction() };
                let open = way.open(taken, request.at + case.limits.latency());
                let (Some(open), Some(own)) = (open, Address::of_request(request.message)) else { continue };
                if open.iter().any(|address| address.is_same(&own)) {
                    docket.kept(request.packets);
                    continue;
                }
                if astray.contains(&own) {
                    continue;
                }
                let draft = docket
                    .draft(format!("{} to {}", request.what(), open[open.len() - 1].show()))
                    .seen(own.show())
                    .message(request);
                // The route set never changes once a 2xx was seen, and the 2xx of an ACK was.
                let is_certain = is_ack || (dialog.confirmed && open.iter().any(|a| a.has_uri_of(&own)));
                let why = "a packet that changed the remote target may have been lost";
                docket.add(if is_certain { draft.fail() } else { draft.fail_unless_lossy(why) });
                astray.push(own);
            }
        }
        docket.close()
    }
}

/// The phone's requests within a dialog that packets can judge, in order of time.
fn requests<'c, 'a>(case: &'c Case<'a>, dialog: &Dialog) -> Vec<&'c SeenRef<'a>> {
    let firsts = case
        .client
        .iter()
        .filter(|exchange| !matches!(exchange.method, Method::Register | Method::Cancel))
        .map(|exchange| exchange.first());
    let acks = case.client.iter().flat_map(|exchange| {
        // The ACK to a refusal belongs to the transaction of its INVITE, not to the dialog.
        let accepts = |ack: &&SeenRef<'_>| {
            exchange.finals().any(|response| {
                (200..300).contains(&status(response))
                    && exchange.is_sound(response)
                    && response.to_tag == ack.to_tag
                    && response.at <= ack.at
            })
        };
        exchange.acks.iter().filter(accepts)
    });
    let of_it = |request: &&SeenRef<'_>| {
        request.call_id == dialog.call_id
            && request.from_tag.as_deref() == Some(&dialog.local_tag)
            && request.to_tag.as_deref() == Some(&dialog.remote_tag)
            && request.message.defects.is_empty()
            && !redirected(case, request)
    };
    let mut requests: Vec<_> = firsts.chain(acks).filter(of_it).collect();
    requests.sort_by_key(|request| request.at);
    requests
}

/// Whether a response before may have told the phone to ask for another URI (sections 8.1.3.4, 8.1.3.5).
fn redirected(case: &Case<'_>, request: &SeenRef<'_>) -> bool {
    let of_call = case.client.iter().filter(|exchange| exchange.first().call_id == request.call_id);
    let mut responses =
        of_call.filter(|exchange| exchange.in_dialog()).flat_map(|exchange| &exchange.responses);
    responses.any(|response| {
        (status(response) == 416 || (300..400).contains(&status(response))) && response.at <= request.at
    })
}
