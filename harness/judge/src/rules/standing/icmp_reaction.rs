//! A phone that notices ICMP errors stops sending to the address that cannot be reached (RFC 3261 section
//! 18.4; YL-08). One that goes on until its timer ends is blind to ICMP, which is poor but no breach
//! (F-24).

use sipfarm_core::machine::Transport;
use sipfarm_core::{Instant, Span};

use crate::case::{Case, ClientExchange};
use crate::finding::{Finding, Window};
use crate::rules::Rule;
use crate::rules::draft::Docket;

/// YL-08.
const WITHIN: Span = Span::from_secs(1);

/// See the module.
pub struct IcmpReaction;

impl Rule for IcmpReaction {
    fn id(&self) -> &'static str {
        "icmp-reaction"
    }

    fn requirements(&self) -> &'static [&'static str] {
        &["RFC 3261 18.4", "YL-08"]
    }

    fn about(&self) -> &'static str {
        "After a fatal ICMP error the phone sends that request no more to that address."
    }

    fn judge(&self, case: &Case<'_>) -> Vec<Finding> {
        let mut docket = Docket::open(case, self);
        if case.profile.transport.icmp_sensitive != Some(true) {
            return docket.not_applicable("the profile does not say that the phone notices ICMP errors");
        }
        for exchange in case.client.iter().filter(|exchange| exchange.transport == Transport::Udp) {
            let Some(failure) = exchange.failures.first() else { continue };
            let window = Window { from: failure.at, to: failure.at + WITHIN + case.limits.reaction() };
            match exchange.sends.iter().find(|send| send.at > window.to) {
                Some(send) => {
                    let draft = docket
                        .draft(format!("{} no more after {}", exchange.what(&case.names), failure.what))
                        .window(window)
                        .packets(failure.packets, failure.at)
                        .message(send)
                        .seen(format!("sent {:.2} after the error: blind to ICMP", send.at - failure.at));
                    docket.add(draft.warn_unless_lossy("the error may not have reached the phone"));
                }
                None if case.horizon > window.to || moved_on(case, exchange, failure.at) => {
                    docket.kept(failure.packets);
                }
                None => {}
            }
        }
        docket.close()
    }
}

/// Whether the phone has gone on to another server since.
fn moved_on(case: &Case<'_>, exchange: &ClientExchange<'_>, since: Instant) -> bool {
    let at = case.client.iter().position(|other| std::ptr::eq(other, exchange));
    let attempt = at.and_then(|at| case.attempt_of(at));
    let mut others = attempt.into_iter().flat_map(|attempt| &attempt.exchanges).map(|&at| &case.client[at]);
    others.any(|other| other.to != exchange.to && other.t0() >= since)
}
