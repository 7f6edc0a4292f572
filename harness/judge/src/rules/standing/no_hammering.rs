//! A registrar that refused or stayed silent is not asked again at once (RFC 3261 section 10.2.7).
//! No interval is mandated; *at once* is `giveup_hi_ms`, the time that the catalogue gives a phone to
//! go on to another server, or less where the refusal has a shorter Retry-After. A REGISTER that was
//! changed as a refusal asks may come at once, but not when the same was refused before (RFC 3261
//! section 8.1.3.5). What 401, 407 and 423 ask for may be given at once; the same without it may not.

use sipfarm_core::machine::Transport;
use sipfarm_core::sip::same_header;
use sipfarm_core::{Instant, Key, Span};

use crate::case::{Case, ClientExchange, Outcome, Registration, asks_for_more, status};
use crate::finding::{Finding, Window};
use crate::rules::Rule;
use crate::rules::draft::Docket;

/// What differs between any two REGISTERs, or is no more than credentials.
const OWN: [&str; 8] =
    ["Via", "From", "Call-ID", "CSeq", "Authorization", "Proxy-Authorization", "Date", "Timestamp"];
/// Where a refusal says what it wants (RFC 3261 sections 21.4.13, 21.4.15, 21.4.16; RFC 3329 section 2.3.1).
const WANTED: [&str; 6] =
    ["Unsupported", "Require", "Accept", "Accept-Encoding", "Accept-Language", "Security-Server"];

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
            let window = Window { from: failed, to: failed + soon(case, exchange) };
            let Some((at, next)) = next.filter(|(_, next)| next.t0() < window.to) else {
                if case.horizon > window.to && window.to > window.from && !asked_for_more(exchange) {
                    docket.kept(exchange.last().packets);
                }
                continue;
            };
            // What was sent before was no answer to the failure.
            if next.t0() < failed {
                continue;
            }
            let told_to = case.notes.commanded(Key::is_for_registration, exchange.t0(), next.t0());
            let tried = || {
                let mut before =
                    attempts[..place].iter().filter(|before| is_again(case, before, registration));
                before.any(|before| is_same_refusal(case, &case.client[before.exchange], exchange))
            };
            let changed = is_changed(exchange, next) && !tried();
            let answers = case.makes_good(at).is_some() || is_afresh(case, registration, next);
            if told_to || changed || answers {
                continue;
            }
            let draft = docket
                .draft(format!("{} not again at once", exchange.what(&case.names)))
                .forbidden(window)
                .message(exchange.first())
                .message(next.first())
                .seen(format!(
                    "again {:.2} after it failed (packet {})",
                    next.t0() - failed,
                    next.first().packet()
                ));
            docket.add(match outcome {
                Outcome::Silence => draft.fail_unless_lossy("a response may have been lost"),
                _ if asked_for_more(exchange) => {
                    draft.fail_unless_lossy("what was sent in between may have been lost")
                }
                _ => draft.fail(),
            });
        }
        docket.close()
    }
}

/// Whether a REGISTER asks the registrar of an earlier one for the same line: the lines of a phone, each
/// with its AOR, go their own ways. What a challenge asks of one binding, another of that line need not give.
fn is_again(case: &Case<'_>, before: &Registration, after: &Registration) -> bool {
    let (first, next) = (&case.client[before.exchange], &case.client[after.exchange]);
    let same_binding = || {
        let contact =
            |exchange: &ClientExchange<'_>| exchange.first().message.header("Contact").map(str::to_owned);
        first.first().call_id == next.first().call_id && contact(first) == contact(next)
    };
    before.aor == after.aor
        && first.to == next.to
        && first.from.ip() == next.from.ip()
        && (!asked_for_more(first) || same_binding())
}

/// Whether a REGISTER was refused only because it lacks something that the phone may have.
fn asked_for_more(exchange: &ClientExchange<'_>) -> bool {
    exchange.code().is_some_and(asks_for_more)
}

/// Whether a phone whose credentials of old were refused begins again without any.
fn is_afresh(case: &Case<'_>, refused: &Registration, next: &ClientExchange<'_>) -> bool {
    let has_any = |exchange: &ClientExchange<'_>| {
        let message = exchange.first().message;
        message.header("Authorization").or(message.header("Proxy-Authorization")).is_some()
    };
    let exchange = &case.client[refused.exchange];
    matches!(exchange.code(), Some(401 | 407))
        && has_any(exchange)
        && refused.makes_good.is_none()
        && !has_any(next)
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
        Outcome::Final(_) => exchange.final_response().map(|response| response.at),
        // A lost connection may be opened again at once (YL-07).
        Outcome::Unreachable if exchange.transport.is_reliable() => None,
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

/// How soon after a failure is *at once*: no longer than the refusal asks to wait.
fn soon(case: &Case<'_>, exchange: &ClientExchange<'_>) -> Span {
    let soon = case.limits.at_once() - case.limits.latency() * 2;
    let wait = exchange.final_response().and_then(|response| response.message.number("Retry-After"));
    let wait = wait.map(|seconds| Span::from_secs(seconds.into()) - case.limits.grace());
    wait.map_or(soon, |wait| soon.min(wait).max(Span::ZERO))
}

/// Whether a REGISTER is the refused one with a change, after a refusal that asks for one: another body,
/// scheme, extension, hop or security agreement (RFC 3261 sections 8.1.3.5, 21.4.16; RFC 5626 section
/// 4.2.1; RFC 3329 section 2.3.1).
fn is_changed(refused: &ClientExchange<'_>, next: &ClientExchange<'_>) -> bool {
    let asks = matches!(refused.code(), Some(413 | 415 | 416 | 420 | 421 | 439 | 494));
    let says = |exchange: &ClientExchange<'_>| {
        let message = exchange.first().message;
        let fields =
            message.headers.iter().filter(|field| !OWN.iter().any(|own| same_header(own, &field.name)));
        let fields: Vec<(String, String)> =
            fields.map(|field| (field.name.clone(), field.value.clone())).collect();
        (message.request_uri().map(str::to_owned), fields, message.body.clone())
    };
    asks && says(refused) != says(next)
}

/// Whether a REGISTER came at once after an earlier one and was refused with the same.
fn is_same_refusal(case: &Case<'_>, before: &ClientExchange<'_>, exchange: &ClientExchange<'_>) -> bool {
    let refused = before.final_response().map(|refusal| refusal.at);
    refused.is_some_and(|at| exchange.t0() < at + soon(case, before)) && wanted(before) == wanted(exchange)
}

/// What a REGISTER was refused with, and what it lacks.
fn wanted(exchange: &ClientExchange<'_>) -> Option<(u16, Vec<Vec<String>>)> {
    let refusal = exchange.final_response()?;
    let values = |name: &&str| refusal.message.values(name).into_iter().map(str::to_owned).collect();
    Some((status(refusal), WANTED.iter().map(values).collect()))
}
