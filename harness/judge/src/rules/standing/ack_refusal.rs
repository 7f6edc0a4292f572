//! Every final response of status 300 to 699 to an INVITE is acknowledged, on any transport, and each
//! of its repetitions as long as timer D runs (RFC 3261 section 17.1.1.2).

use sipfarm_core::machine::Transport;
use sipfarm_core::sip::Method;
use sipfarm_core::{Instant, Key, Span};

use crate::case::{Case, ClientExchange, SeenRef, status};
use crate::finding::{Finding, Window};
use crate::rules::Rule;
use crate::rules::acks::{Acked, acked};
use crate::rules::draft::Docket;

/// See the module.
pub struct AckRefusal;

impl Rule for AckRefusal {
    fn id(&self) -> &'static str {
        "ack-refusal"
    }

    fn requirements(&self) -> &'static [&'static str] {
        &["RFC 3261 17.1.1.2", "YL-02"]
    }

    fn about(&self) -> &'static str {
        "Every final response to INVITE other than 2xx is acknowledged, and its repetitions while timer D runs."
    }

    fn judge(&self, case: &Case<'_>) -> Vec<Finding> {
        let mut docket = Docket::open(case, self);
        for exchange in case.client.iter().filter(|exchange| exchange.method == Method::Invite) {
            let refusals: Vec<_> =
                exchange.finals().filter(|r| status(r) >= 300 && exchange.is_sound(r)).collect();
            let Some(first) = refusals.first() else { continue };
            let abandoned = abandoned_at(case, exchange);
            for (refusal, ack) in refusals.iter().zip(acked(case, &refusals, &exchange.acks)) {
                let window = Window { from: refusal.at, to: refusal.at + case.limits.at_once() };
                if refusal.at >= abandoned || !is_due(case, exchange, first, refusal) {
                    continue;
                }
                match ack {
                    Acked::By(ack) => docket.kept(ack.packets),
                    Acked::Later => {}
                    _ if case.horizon <= window.to => {}
                    _ => {
                        let from = case.names.show(refusal.src, refusal.transport);
                        let draft =
                            docket.draft(format!("ACK to {} from {from}", refusal.what())).window(window);
                        let seen = format!("none for packet {}", refusal.packet());
                        let draft = draft.absent(seen).message(exchange.first()).message(refusal);
                        docket.add(draft.fail_unless_lossy("the response or the ACK may have been lost"));
                    }
                }
            }
        }
        docket.close()
    }
}

/// Whether the phone must still know the transaction: the first refusal always, its repetitions
/// while timer D runs, which is none at all over TCP.
fn is_due(
    case: &Case<'_>,
    exchange: &ClientExchange<'_>,
    first: &SeenRef<'_>,
    refusal: &SeenRef<'_>,
) -> bool {
    let timer_d = match exchange.transport {
        Transport::Udp => Span::from_millis(case.profile.timers.d_ms.into()),
        Transport::Tcp | Transport::Tls => Span::ZERO,
    };
    refusal.packets == first.packets || refusal.at + case.limits.reaction() < first.at + timer_d
}

/// From when on a phone may have forgotten an INVITE that nobody had answered: timer B, the next
/// server, the loss of its transport, or a reboot.
pub(super) fn abandoned_at(case: &Case<'_>, exchange: &ClientExchange<'_>) -> Instant {
    let limits = &case.limits;
    let mut ends = Vec::new();
    let answered = |by: Instant| exchange.responses.iter().any(|response| response.at <= by);
    let timer = limits.give_up(exchange.t0(), case.least_timeout_of(exchange)).from;
    if !answered(timer) {
        ends.push(timer);
    }
    let at = case.client.iter().position(|other| std::ptr::eq(other, exchange));
    let attempt = at.and_then(|at| case.attempt_of(at));
    let others = attempt.into_iter().flat_map(|attempt| &attempt.exchanges).map(|&at| &case.client[at]);
    let next =
        others.filter(|other| other.t0() > exchange.t0()).find(|next| case.left_for_silence(exchange, next));
    // What was on its way when the phone left came too late, too.
    let left = next.map(|next| next.t0() - limits.reaction());
    ends.extend(left.filter(|left| !answered(*left)));
    ends.extend(exchange.failures.first().map(|failure| failure.at));
    let boots = case.notes.when_commanded(|key| *key == Key::Reboot);
    ends.extend(boots.filter(|at| *at >= exchange.t0()));
    ends.into_iter().min().unwrap_or(Instant::FAR_FUTURE)
}
