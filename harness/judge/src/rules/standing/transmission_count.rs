//! As many sends as the time-out has room for, seven for INVITE and eleven for other methods with the
//! RFC's defaults, and none after it (RFC 3261 sections 17.1.1.2, 17.1.2.2).

use sipfarm_core::machine::Transport;

use crate::case::Case;
use crate::finding::{Finding, Window};
use crate::rules::Rule;
use crate::rules::draft::Docket;
use crate::rules::repetition::without_doubles;

/// See the module.
pub struct TransmissionCount;

impl Rule for TransmissionCount {
    fn id(&self) -> &'static str {
        "transmission-count"
    }

    fn requirements(&self) -> &'static [&'static str] {
        &["RFC 3261 17.1.1.2", "RFC 3261 17.1.2.2", "YL-10"]
    }

    fn about(&self) -> &'static str {
        "Over UDP, a request is not sent more often than timer B or F has room for, and not after it."
    }

    fn judge(&self, case: &Case<'_>) -> Vec<Finding> {
        let mut docket = Docket::open(case, self);
        let repeated = case.client.iter().filter(|e| e.transport == Transport::Udp && e.sends.len() > 1);
        for exchange in repeated {
            let sends = without_doubles(case, &exchange.sends);
            let most = case.slots_of(exchange).len();
            let timeout = case.timeout_of(exchange);
            // A clock that makes the last send late makes the time-out late, too.
            let end = case.limits.give_up(exchange.t0(), timeout).to;
            let what = exchange.what(&case.names);
            let expected = format!("{what} at most {most} times, and not after {timeout}");
            let draft = docket.draft(expected).window(Window { from: exchange.t0(), to: end });
            if let Some(late) = sends.iter().find(|send| send.at > end) {
                let seen =
                    format!("sent {:.2} after the first (packet {})", late.at - exchange.t0(), late.packet());
                docket.add(draft.seen(seen).message(exchange.first()).message(late).fail());
            } else if sends.len() > most {
                let draft = draft.seen(format!("sent {} times", sends.len()));
                let draft = draft.messages(sends.iter().map(|send| &***send));
                docket.add(draft.fail_unless_lossy("the network may have doubled some"));
            } else {
                docket.kept(exchange.last().packets);
            }
        }
        docket.close()
    }
}
