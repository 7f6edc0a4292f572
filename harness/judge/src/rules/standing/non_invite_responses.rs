//! How requests other than INVITE are answered: never with a provisional response but 100, over UDP not
//! with 100 before the client's timer E has reached T2, and never with 408 (RFC 4320 sections 4.1, 4.2).

use sipfarm_core::Span;
use sipfarm_core::machine::Transport;
use sipfarm_core::sip::Method;

use crate::case::{Case, Seen, ServerExchange, status};
use crate::finding::Finding;
use crate::rules::Rule;
use crate::rules::draft::Docket;

/// See the module.
pub struct NonInviteResponses;

impl Rule for NonInviteResponses {
    fn id(&self) -> &'static str {
        "non-invite-responses"
    }

    fn requirements(&self) -> &'static [&'static str] {
        &["RFC 4320 4.1", "RFC 4320 4.2"]
    }

    fn about(&self) -> &'static str {
        "Requests other than INVITE get no provisional response but a late 100, and no 408."
    }

    fn judge(&self, case: &Case<'_>) -> Vec<Finding> {
        let mut docket = Docket::open(case, self);
        for exchange in case.server.iter().filter(|exchange| exchange.method != Method::Invite) {
            for response in &exchange.responses {
                match fault(case, exchange, response) {
                    Some(fault) => {
                        let draft =
                            docket.draft(format!("a final response to {} other than 408", exchange.method));
                        docket.add(draft.seen(fault).message(exchange.first()).message(response).fail());
                    }
                    None => docket.kept(response.packets),
                }
            }
        }
        docket.close()
    }
}

fn fault(case: &Case<'_>, exchange: &ServerExchange<'_>, response: &Seen<'_>) -> Option<String> {
    let after = response.at - exchange.first().at;
    match status(response) {
        101..=199 => Some(response.what()),
        408 => Some(response.what()),
        100 if exchange.transport == Transport::Udp && after < reaches_t2(case) => {
            Some(format!("100 {after:.2} after the request"))
        }
        _ => None,
    }
}

/// When a client's timer E is set to T2 for the first time, less the tolerance.
fn reaches_t2(case: &Case<'_>) -> Span {
    let slots = case.limits.response_slots();
    let reached = slots.windows(2).find(|pair| pair[1] - pair[0] >= case.limits.t2()).map(|pair| pair[0]);
    reached.unwrap_or(Span::ZERO) - case.limits.same_instant() - case.limits.latency()
}
