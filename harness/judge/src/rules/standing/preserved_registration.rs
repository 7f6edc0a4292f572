//! While a call lives on without its signalling, the phone does not try to register with the server that
//! was lost, not even when its binding runs out or the server is back (AM-15, AM-09). The one REGISTER that
//! has found the loss out may come to its end; those without a Contact or without time are no attempts.

use sipfarm_core::Key;

use crate::case::{Case, ClientExchange, LostCall};
use crate::finding::{Finding, Window};
use crate::rules::Rule;
use crate::rules::draft::Docket;

/// See the module.
pub struct PreservedRegistration;

impl Rule for PreservedRegistration {
    fn id(&self) -> &'static str {
        "preserved-registration"
    }

    fn requirements(&self) -> &'static [&'static str] {
        &["AM-15", "AM-09"]
    }

    fn about(&self) -> &'static str {
        "While a call is preserved, the phone does not register with the server that it has lost."
    }

    fn judge(&self, case: &Case<'_>) -> Vec<Finding> {
        let mut docket = Docket::open(case, self);
        for call in case.lost_calls().iter().filter(|call| call.is_preserved()) {
            let Some(again) = registers_again(case, call) else {
                docket.kept(&call.loss.shown.0);
                continue;
            };
            let draft = docket
                .draft(format!(
                    "no REGISTER to {} while the call is preserved",
                    case.names.show(again.to, again.transport)
                ))
                .forbidden(Window { from: call.loss.at, to: call.over.unwrap_or(case.horizon) })
                .packets(&call.loss.shown.0, call.loss.shown.1)
                .message(again.first())
                .seen(format!("{:.2} after {}", again.t0() - call.loss.since, call.loss.what));
            docket.add(draft.fail_unless_lossy("an answer of the server may have been lost"));
        }
        docket.close()
    }
}

/// The first REGISTER to the lost server that the loss has not to be found out by.
fn registers_again<'c, 'a>(case: &'c Case<'a>, call: &LostCall<'_>) -> Option<&'c ClientExchange<'a>> {
    let attempts = case.registrations.iter().filter(|r| r.purpose.is_attempt() && r.makes_good.is_none());
    let mut attempts = attempts.map(|r| (r, &case.client[r.exchange]));
    let crossing = case.limits.latency() * 2;
    let found = attempts.find(|(registration, exchange)| {
        // Whoever begins another has given up the one that has found it out, whenever that was.
        let second = call.loss.register.is_some_and(|first| {
            let same_line = case.registration(first).is_some_and(|first| first.aor == registration.aor);
            same_line && is_again(&case.client[first], exchange)
        });
        let commanded = case.notes.commanded(Key::is_for_registration, call.loss.since, exchange.t0());
        Some(registration.exchange) != call.loss.register
            && case.place_of(exchange) == Some(call.server)
            && (second || exchange.t0() > call.loss.at + crossing)
            && exchange.t0() > call.loss.since + crossing
            && call.outlives(exchange.t0(), crossing)
            && !commanded
    });
    found.map(|(_, exchange)| exchange)
}

/// Whether a REGISTER asks for the binding once more that an earlier one asked for: one AOR may have several, each
/// with a contact of its own (RFC 3261 section 10.2.1).
fn is_again(first: &ClientExchange<'_>, next: &ClientExchange<'_>) -> bool {
    let contact =
        |exchange: &ClientExchange<'_>| exchange.first().message.header("Contact").map(str::to_owned);
    next.t0() > first.t0() && contact(first) == contact(next)
}
