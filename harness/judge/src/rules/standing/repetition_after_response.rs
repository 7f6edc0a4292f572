//! A response ends the repetitions: for INVITE any response, for other methods a final one (RFC 3261
//! sections 17.1.1.2, 17.1.2.2).
//!
//! A send is held against the phone only when the response must have reached it before: `latency`
//! for its way to the phone, `abs_ms` for the phone, `latency` for the way of the send to the tap.

use sipfarm_core::machine::Transport;
use sipfarm_core::sip::Method;

use crate::case::{Case, status};
use crate::finding::{Finding, Window};
use crate::rules::Rule;
use crate::rules::draft::Docket;
use crate::rules::repetition::{LOST_AT_MOST, ending_response};

/// See the module.
pub struct RepetitionAfterResponse;

impl Rule for RepetitionAfterResponse {
    fn id(&self) -> &'static str {
        "repetition-after-response"
    }

    fn requirements(&self) -> &'static [&'static str] {
        &["RFC 3261 17.1.1.2", "RFC 3261 17.1.2.2", "YL-03b"]
    }

    fn about(&self) -> &'static str {
        "INVITE is not repeated after any response, other requests not after a final one."
    }

    fn judge(&self, case: &Case<'_>) -> Vec<Finding> {
        let mut docket = Docket::open(case, self);
        for exchange in case.client.iter().filter(|exchange| exchange.transport == Transport::Udp) {
            let Some(response) = ending_response(exchange) else { continue };
            let allowed = response.at + case.limits.reaction();
            let timeout = exchange.t0() + case.timeout_of(exchange);
            let Some(send) = exchange.sends.iter().find(|send| send.at > allowed && send.at <= timeout)
            else {
                if case.horizon > allowed {
                    docket.kept(response.packets);
                }
                continue;
            };
            let least = if exchange.method == Method::Invite { 100 } else { 200 };
            let heard =
                exchange.responses.iter().filter(|r| status(r) >= least && r.at <= exchange.last().at);
            let lost = heard.count();
            if !case.sees_all() && lost <= LOST_AT_MOST {
                docket.kept(response.packets);
                continue;
            }
            let what = exchange.what(&case.names);
            let draft = docket
                .draft(format!("no repetition of {what} after {}", response.what()))
                .forbidden(Window { from: allowed, to: send.at })
                .message(response)
                .message(send)
                .seen(format!(
                    "sent {:.3} after the response (packet {}, repetition in packet {})",
                    send.at - response.at,
                    response.packet(),
                    send.packet()
                ));
            docket
                .add(draft.fail_unless_lossy(&format!("if all of {lost} responses were lost, it was right")));
        }
        docket.close()
    }
}
