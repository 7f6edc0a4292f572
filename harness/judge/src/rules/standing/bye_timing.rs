//! A phone that is called sends no BYE before the ACK to its 2xx has come, or 64×T1 are over (RFC 3261
//! section 15).

use sipfarm_core::sip::Method;

use crate::case::{Case, ClientExchange, SeenRef, ServerExchange, status};
use crate::finding::{Finding, Window};
use crate::rules::Rule;
use crate::rules::draft::Docket;

/// See the module.
pub struct ByeTiming;

impl Rule for ByeTiming {
    fn id(&self) -> &'static str {
        "bye-timing"
    }

    fn requirements(&self) -> &'static [&'static str] {
        &["RFC 3261 15"]
    }

    fn about(&self) -> &'static str {
        "A phone that is called sends no BYE before the ACK to its 2xx, or before 64×T1 are over."
    }

    fn judge(&self, case: &Case<'_>) -> Vec<Finding> {
        let mut docket = Docket::open(case, self);
        let answered = case.server.iter().filter_map(|exchange| Some((exchange, accepted(exchange)?)));
        for (exchange, accepted) in answered {
            let Some(bye) = case.client.iter().find(|bye| ends(bye, accepted)) else { continue };
            let latency = case.limits.latency();
            // An ACK that passed the tap right after the BYE may have been with the phone before.
            let acknowledged = exchange.acks.iter().any(|ack| ack.at <= bye.t0() + latency);
            let over = case.limits.give_up(accepted.at, case.limits.sixty_four_t1());
            if acknowledged || bye.t0() >= over.from {
                docket.kept(bye.first().packets);
                continue;
            }
            let draft = docket
                .draft(format!("no BYE before the ACK to {}, or 64×T1 after it", accepted.what()))
                .window(Window { from: over.from, to: over.to })
                .message(accepted)
                .message(bye.first())
                .seen(format!("BYE {:.2} after it, and no ACK", bye.t0() - accepted.at));
            docket.add(draft.fail_unless_lossy("the tap may have missed the ACK"));
        }
        docket.close()
    }
}

/// The first 2xx with which the phone has accepted a call.
fn accepted<'e, 'a>(exchange: &'e ServerExchange<'a>) -> Option<&'e SeenRef<'a>> {
    let is_call = exchange.method == Method::Invite && exchange.first().to_tag.is_none();
    exchange.responses.iter().find(|response| is_call && (200..300).contains(&status(response)))
}

/// Whether that is a BYE of the phone in the dialog that its 2xx has confirmed.
fn ends(bye: &ClientExchange<'_>, accepted: &SeenRef<'_>) -> bool {
    let first = bye.first();
    bye.method == Method::Bye
        && first.call_id == accepted.call_id
        && first.from_tag == accepted.to_tag
        && bye.t0() >= accepted.at
}
