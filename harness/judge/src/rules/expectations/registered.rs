//! The phone has a binding at a node: a REGISTER of class initial or refresh, answered 2xx
//! (RFC 3261 section 10.2; YL-13, YL-15).

use sipfarm_core::Span;
use sipfarm_core::sip::Method;

use super::{Asked, near};
use crate::case::status;
use crate::finding::Finding;
use crate::rules::RuleInfo;

pub(super) const RULE: RuleInfo = RuleInfo {
    id: "registered",
    requirements: &["YL-13", "YL-15", "RFC 3261 10.2"],
    about: "A REGISTER that asks for a binding is answered 2xx by the node.",
    standing: false,
};

pub(super) fn judge(asked: &Asked<'_, '_>, with: &str, within: Option<Span>) -> Finding {
    let case = asked.case;
    let window = asked.window(within, asked.reach(&Method::Register, Some(with)));
    let sentence = format!("2xx to REGISTER by {}, {}", asked.node(with), asked.show_window(window));
    let draft = asked.draft(&RULE, sentence).window(window);
    let here = || {
        let attempts = case.registrations.iter().filter(|registration| registration.purpose.is_attempt());
        attempts.map(|registration| &case.client[registration.exchange]).filter(|e| asked.goes_to(e, with))
    };
    let granted = here()
        .filter_map(|exchange| exchange.final_response().map(|response| (exchange, response)))
        .filter(|(_, response)| (200..300).contains(&status(response)) && response.at >= asked.since())
        .min_by_key(|(_, response)| response.at);
    match granted {
        Some((exchange, response)) if response.at <= window.to => {
            let seen = format!("{} (packet {})", asked.after(response.at), response.packet());
            draft.seen(seen).message(exchange.first()).message(response).pass()
        }
        Some((exchange, response)) => {
            let late = response.at - window.to;
            let seen =
                format!("{} (packet {}), late by {late:.2}", asked.after(response.at), response.packet());
            let draft = draft.seen(seen).message(exchange.first()).message(response);
            match asked.unanswered(&Method::Register, Some(with), window) {
                Some(waits) => draft.excused(&asked.kept_waiting(waits)),
                None => draft.fail_unless_lossy("earlier tries may have been lost"),
            }
        }
        None => {
            let refused = here().filter_map(|exchange| exchange.final_response());
            let refused = refused.filter(|response| response.at >= asked.since());
            let mut nearest =
                near::messages(case, refused.map(|r| (&**r, "not a 2xx".to_owned())).collect::<Vec<_>>());
            if nearest.is_empty() {
                nearest = near::requests(case, Some(&Method::Register), Some(with), window);
            }
            let draft = draft.seen("no such response").nearest(nearest);
            match asked.unanswered(&Method::Register, Some(with), window) {
                Some(waits) => draft.at(window.to, |draft| draft.excused(&asked.kept_waiting(waits))),
                None => draft.fail_at(window.to),
            }
        }
    }
}
