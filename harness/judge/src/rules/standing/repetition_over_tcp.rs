//! A reliable transport delivers by itself: nothing is repeated (RFC 3261 sections 17.1.1.2, 17.1.2.2).

use crate::case::Case;
use crate::finding::Finding;
use crate::rules::Rule;
use crate::rules::draft::Docket;
use crate::rules::repetition::without_doubles;

/// See the module.
pub struct RepetitionOverTcp;

impl Rule for RepetitionOverTcp {
    fn id(&self) -> &'static str {
        "repetition-over-tcp"
    }

    fn requirements(&self) -> &'static [&'static str] {
        &["RFC 3261 17.1.1.2", "RFC 3261 17.1.2.2"]
    }

    fn about(&self) -> &'static str {
        "Over TCP, no request is sent twice."
    }

    fn judge(&self, case: &Case<'_>) -> Vec<Finding> {
        let mut docket = Docket::open(case, self);
        for exchange in case.client.iter().filter(|exchange| exchange.transport.is_reliable()) {
            // On a new connection it is a new try, not a repetition.
            let sends = without_doubles(case, &exchange.sends);
            let again = sends.iter().skip(1).find(|send| send.src == exchange.first().src);
            let slots = case.slots_of(exchange);
            let answered = exchange.response().map_or(case.horizon, |response| response.at);
            let first_due = slots.get(1).map(|due| case.limits.repetition(exchange.t0(), slots[0], *due).to);
            match again {
                Some(send) => {
                    let seen = format!("sent again {:.2} after the first", send.at - exchange.t0());
                    let draft = docket.draft(format!("{} once over TCP", exchange.what(&case.names)));
                    docket.add(draft.seen(seen).message(exchange.first()).message(send).fail());
                }
                None if first_due.is_some_and(|due| answered > due) => docket.kept(exchange.first().packets),
                None => {}
            }
        }
        docket.close()
    }
}
