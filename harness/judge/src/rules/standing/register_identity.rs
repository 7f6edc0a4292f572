//! All registrations with one registrar have one Call-ID while the phone runs, and CSeq grows from one
//! to the next (RFC 3261 sections 10.2, 10.2.4).

use sipfarm_core::{Instant, Key};

use crate::case::{Case, ClientExchange, Registration, asks_for_more, status};
use crate::finding::Finding;
use crate::rules::Rule;
use crate::rules::draft::Docket;

/// See the module.
pub struct RegisterIdentity;

impl Rule for RegisterIdentity {
    fn id(&self) -> &'static str {
        "register-identity"
    }

    fn requirements(&self) -> &'static [&'static str] {
        &["RFC 3261 10.2", "RFC 3261 10.2.4"]
    }

    fn about(&self) -> &'static str {
        "REGISTER keeps its Call-ID at a registrar until a reboot, and CSeq grows with each."
    }

    fn judge(&self, case: &Case<'_>) -> Vec<Finding> {
        let mut docket = Docket::open(case, self);
        for (place, registration) in case.registrations.iter().enumerate() {
            let exchange = &case.client[registration.exchange];
            let earlier = || {
                case.registrations[..place]
                    .iter()
                    .rev()
                    .filter(|other| other.aor == registration.aor && other.purpose.is_attempt())
                    .map(|other| &case.client[other.exchange])
                    .filter(|other| {
                        other.from.ip() == exchange.from.ip() && !rebooted(case, other.t0(), exchange.t0())
                    })
            };
            let same_server =
                earlier().find(|other| other.to == exchange.to).filter(|_| registration.purpose.is_attempt());
            let same_call = earlier().find(|other| other.first().call_id == exchange.first().call_id);
            let new_call_id =
                same_server.is_some_and(|before| before.first().call_id != exchange.first().call_id);
            let kept = (same_server.is_some() || same_call.is_some())
                && !new_call_id
                && same_call.is_none_or(|before| grows(before, exchange));
            if let Some(before) = same_server.filter(|before| is_new_call_id(case, before, exchange)) {
                let draft = docket.draft(format!(
                    "{} with the Call-ID of packet {}",
                    exchange.what(&case.names),
                    before.first().packet()
                ));
                let seen =
                    format!("Call-ID {} (packet {})", exchange.first().call_id, exchange.first().packet());
                docket.add(draft.seen(seen).message(before.first()).message(exchange.first()).fail());
            }
            let stays = |before: &&ClientExchange<'_>| {
                !grows(before, exchange) && !may_come_before(case, before, registration)
            };
            if let Some(before) = same_call.filter(stays) {
                let (last, now) = (before.cseq().unwrap_or(0), exchange.cseq().unwrap_or(0));
                let draft =
                    docket.draft(format!("{} with a CSeq number above {last}", exchange.what(&case.names)));
                let seen = format!("CSeq {now} (packet {})", exchange.first().packet());
                docket.add(draft.seen(seen).message(before.first()).message(exchange.first()).fail());
            }
            if kept {
                docket.kept(exchange.first().packets);
            }
        }
        docket.close()
    }
}

fn rebooted(case: &Case<'_>, from: Instant, to: Instant) -> bool {
    case.notes.commanded(|key| *key == Key::Reboot, from, to) || case.was_reset(from, to)
}

/// A new Call-ID is only *should not*, and a phone may start afresh after a failure: it is held
/// against a phone whose last REGISTER at that server was answered and gave no reason for it. A capture
/// that is not ours does not tell of a reboot.
fn is_new_call_id(case: &Case<'_>, before: &ClientExchange<'_>, exchange: &ClientExchange<'_>) -> bool {
    let answered = before.final_response().filter(|response| response.at <= exchange.t0());
    let no_reason = answered.is_some_and(|response| {
        let code = status(response);
        matches!(code, 200..=299) || asks_for_more(code)
    });
    case.notes.scene.is_some() && no_reason && before.first().call_id != exchange.first().call_id
}

/// At another server the same request may come again with its number (RFC 3263 section 4.3).
fn grows(before: &ClientExchange<'_>, exchange: &ClientExchange<'_>) -> bool {
    exchange.cseq() > before.cseq() || (before.to != exchange.to && before.cseq() == exchange.cseq())
}

/// Whether the phone may have sent the two in the other order than they were seen: not with one number, and not the
/// answer to a challenge before what was challenged.
fn may_come_before(case: &Case<'_>, before: &ClientExchange<'_>, registration: &Registration) -> bool {
    let exchange = &case.client[registration.exchange];
    registration.makes_good.is_none()
        && before.cseq() != exchange.cseq()
        && case.may_be_unordered(before, exchange)
}
