//! While a call lives on without its signalling, the phone had better leave the other servers alone
//! altogether: no connection, no OPTIONS, no REGISTER that only asks, no question to DNS (AM-16).

use sipfarm_core::Instant;
use sipfarm_core::machine::Transport;
use sipfarm_core::sip::Method;

use crate::case::{Case, LostCall};
use crate::finding::{Finding, Window};
use crate::rules::Rule;
use crate::rules::draft::Docket;

/// See the module.
pub struct StandbyLeftAlone;

impl Rule for StandbyLeftAlone {
    fn id(&self) -> &'static str {
        "standby-left-alone"
    }

    fn requirements(&self) -> &'static [&'static str] {
        &["AM-16"]
    }

    fn about(&self) -> &'static str {
        "While a call is preserved, the phone does not even look whether another server is there."
    }

    fn judge(&self, case: &Case<'_>) -> Vec<Finding> {
        let mut docket = Docket::open(case, self);
        for call in case.lost_calls().iter().filter(|call| call.is_preserved()) {
            let Some((at, packets, what)) = looks(case, call) else {
                docket.kept(&call.loss.shown.0);
                continue;
            };
            let draft = docket
                .draft("nothing to another server, and no question to DNS, while the call is preserved")
                .forbidden(Window { from: call.loss.at, to: call.over.unwrap_or(case.horizon) })
                .packets(&call.loss.shown.0, call.loss.shown.1)
                .packets(&packets, at)
                .seen(format!("{what}, {:.2} after {}", at - call.loss.since, call.loss.what));
            docket.add(draft.warn_unless_lossy("an answer of the server may have been lost"));
        }
        docket.close()
    }
}

/// The first sign that the phone looks for another server.
fn looks(case: &Case<'_>, call: &LostCall<'_>) -> Option<(Instant, Vec<u32>, String)> {
    let known = call.loss.at + case.limits.latency() * 2;
    let counts = |at: Instant| at > known && call.outlives(at, case.limits.latency() * 2);
    // Of two bindings at once, the other one goes its own way.
    let own = case.set_of(call.server);
    let is_another = |place: usize| place != call.server && own.contains(&place);
    let asks = case.client.iter().enumerate().filter(|(at, exchange)| {
        let harmless = case.registration(*at).is_some_and(|r| !r.purpose.is_attempt());
        let elsewhere = case.place_of(exchange).is_some_and(is_another);
        elsewhere && (harmless || exchange.method == Method::Options)
    });
    let asks = asks.map(|(_, e)| (e.t0(), e.first().packets.to_vec(), e.what(&case.names)));
    let connects = case.connects.iter().filter(|connect| {
        let place = case.names.place(connect.to, Transport::Tcp);
        place.is_some_and(is_another)
    });
    let connects = connects.map(|connect| {
        let whom = case.names.show(connect.to, Transport::Tcp);
        (connect.at, connect.packets.concat(), format!("a connection to {whom}"))
    });
    // Who has his servers by their addresses asks DNS for other things.
    let lookups = case.dns.lookups.iter().filter(|_| case.locates_by_dns()).filter_map(|lookup| {
        let (at, packets) = lookup.sends.first()?;
        Some((*at, packets.to_vec(), "a question to DNS".to_owned()))
    });
    asks.chain(connects).chain(lookups).filter(|(at, ..)| counts(*at)).min_by_key(|(at, ..)| *at)
}
