//! A registrar that refused or stayed silent is not asked again at once (RFC 3261 section 10.2.7).
//! No interval is mandated; *at once* is `giveup_hi_ms`, the time that the catalogue gives a phone to
//! go on to another server.

use sipfarm_core::machine::Transport;
use sipfarm_core::{Instant, Key, Span};

use crate::case::{Case, ClientExchange, Outcome, Registration, asks_for_more};
use crate::finding::{Finding, Window};
use crate::rules::Rule;
use crate::rules::draft::Docket;

/// See the module.
pub struct NoHammering;

impl Rule for NoHammering {
    fn id(&self) -> &'static str {
        "no-hammering"
    }

    fn requirements(&self) -> &'static [&'static str] {
        &["RFC 3261 10.2.7", "YL-14"]
    }

    fn about(&self) -> &'static str {
        "A registrar that refused or stayed silent is not asked again at once."
    }

    fn judge(&self, case: &Case<'_>) -> Vec<Finding> {
        let mut docket = Docket::open(case, self);
        let attempts: Vec<&Registration> =
            case.registrations.iter().filter(|r| r.purpose.is_attempt()).collect();
        for (place, registration) in attempts.iter().enumerate() {
            let exchange = &case.client[registration.exchange];
            let next = attempts[place + 1..]
                .iter()
                .find(|next| is_again(case, registration, next))
                .map(|next| (next.exchange, &case.client[next.exchange]));
            // What comes back after the next request may be for that one.
            let known = next.map_or(case.horizon, |(_, next)| next.t0());
            let outcome = outcome_by(exchange, known);
            let Some(failed) = failed_at(case, exchange, outcome) else { continue };
            let window = Window { from: failed, to: failed + soon(case) };
            let Some((at, next)) = next.filter(|(_, next)| next.t0() < window.to) else {
                if case.horizon > window.to {
                    docket.kept(exchange.last().packets);
                }
                continue;
            };
            // What was sent before was no answer to the failure.
            if next.t0() < failed {
                continue;
            }
            let told_to = case.notes.commanded(Key::is_for_registration, exchange.t0(), next.t0());
            if told_to || case.makes_good(at).is_some() {
                continue;
            }
            let draft = docket
                .draft(format!("{} not again at once", exchange.what(&case.names)))
                .window(window)
                .message(exchange.first())
                .message(next.first())
                .seen(format!(
                    "again {:.2} after it failed (packet {})",
                    next.t0() - failed,
                    next.first().packet()
                ));
            docket.add(match outcome {
                Outcome::Silence => draft.fail_unless_lossy("a response may have been lost"),
                _ => draft.fail(),
            });
        }
        docket.close()
    }
}

/// Whether a REGISTER asks the registrar of an earlier one for the same line: the lines of a phone, each
/// with its AOR, go their own ways.
fn is_again(case: &Case<'_>, before: &Registration, after: &Registration) -> bool {
    let (first, next) = (&case.client[before.exchange], &case.client[after.exchange]);
    before.aor == after.aor && first.to == next.to && first.from.ip() == next.from.ip()
}

/// How an exchange had ended by that time. An ICMP error does not say which of two requests it is for.
fn outcome_by(exchange: &ClientExchange<'_>, known: Instant) -> Outcome {
    match exchange.outcome() {
        Outcome::Unreachable if exchange.failures.iter().all(|failure| failure.at > known) => {
            exchange.response().map_or(Outcome::Silence, |_| Outcome::Provisional)
        }
        outcome => outcome,
    }
}

/// When a REGISTER failed for the phone, at the earliest; `None` while it has not.
fn failed_at(case: &Case<'_>, exchange: &ClientExchange<'_>, outcome: Outcome) -> Option<Instant> {
    match outcome {
        Outcome::Final(200..=399) | Outcome::Provisional => None,
        Outcome::Final(code) if asks_for_more(code) => None,
        Outcome::Final(_) => exchange.final_response().map(|response| response.at),
        // A lost connection may be opened again at once (YL-07).
        Outcome::Unreachable if exchange.transport == Transport::Tcp => None,
        Outcome::Unreachable => exchange.failures.first().map(|failure| failure.at),
        Outcome::Silence => {
            // Of two times that may hold, the shorter, unless the phone went on sending after it.
            let least = case.least_timeout_of(exchange);
            let over = exchange.last().at < exchange.t0() + least;
            let timeout = if over { least } else { case.timeout_of(exchange) };
            let slots = case.limits.slots(&exchange.method, timeout);
            let next =
                slots.get(exchange.sends.len()).copied().filter(|_| exchange.transport == Transport::Udp);
            Some(exchange.t0() + next.unwrap_or(timeout))
        }
    }
}

fn soon(case: &Case<'_>) -> Span {
    case.limits.at_once() - case.limits.latency() * 2
}
