//! While a call lives on without its signalling, the phone does not go over to another server: it neither
//! registers nor calls there until the call has ended (AM-16). A binding that it has there already may be
//! refreshed.

use sipfarm_core::Key;
use sipfarm_core::sip::Method;

use crate::case::{Case, ClientExchange, LostCall, Purpose};
use crate::finding::{Finding, Window};
use crate::rules::Rule;
use crate::rules::draft::Docket;

/// See the module.
pub struct PreservedFailover;

impl Rule for PreservedFailover {
    fn id(&self) -> &'static str {
        "preserved-failover"
    }

    fn requirements(&self) -> &'static [&'static str] {
        &["AM-16", "AM-08"]
    }

    fn about(&self) -> &'static str {
        "While a call is preserved, the phone does not go over to another server."
    }

    fn judge(&self, case: &Case<'_>) -> Vec<Finding> {
        let mut docket = Docket::open(case, self);
        for call in case.lost_calls().iter().filter(|call| call.is_preserved()) {
            let Some(elsewhere) = goes_elsewhere(case, call) else {
                docket.kept(&call.loss.shown.0);
                continue;
            };
            let draft = docket
                .draft("neither REGISTER nor INVITE to another server while the call is preserved")
                .forbidden(Window { from: call.loss.since, to: call.over.unwrap_or(case.horizon) })
                .packets(&call.loss.shown.0, call.loss.shown.1)
                .message(elsewhere.first())
                .seen(format!("{}, after {}", elsewhere.what(&case.names), call.loss.what));
            docket.add(draft.fail_unless_lossy("an answer of the server may have been lost"));
        }
        docket.close()
    }
}

/// The first attempt to work with another server.
fn goes_elsewhere<'c, 'a>(case: &'c Case<'a>, call: &LostCall<'_>) -> Option<&'c ClientExchange<'a>> {
    // Of two bindings at once, the other one goes its own way.
    let own = case.set_of(call.server);
    let is_attempt = |at: usize, exchange: &ClientExchange<'_>| match exchange.method {
        Method::Register => {
            case.registration(at).is_some_and(|r| r.purpose == Purpose::Initial)
                && case.place_of(exchange).is_some_and(|place| own.contains(&place))
        }
        Method::Invite => !exchange.in_dialog(),
        _ => false,
    };
    let is_key = |key: &Key| key.is_for_registration();
    let crossing = case.limits.latency() * 2;
    let found = case.client.iter().enumerate().find(|(at, exchange)| {
        is_attempt(*at, exchange)
            && case.place_of(exchange).is_some_and(|place| place != call.server)
            && exchange.t0() > call.loss.since + crossing
            && call.outlives(exchange.t0(), crossing)
            && !case.notes.commanded(is_key, call.loss.since, exchange.t0())
    });
    found.map(|(_, exchange)| exchange)
}
