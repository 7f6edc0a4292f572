//! The phone repeats a final response to INVITE that nobody acknowledges (RFC 3261 sections 17.2.1,
//! timers G and H, and 13.3.1.4 for 2xx).

use sipfarm_core::Instant;
use sipfarm_core::machine::Transport;
use sipfarm_core::sip::Method;

use super::Asked;
use crate::case::{ServerExchange, status};
use crate::finding::{Finding, Window};
use crate::rules::RuleInfo;
use crate::rules::schedule::{Fit, fit_response, on_its_own};

pub(super) const RULE: RuleInfo = RuleInfo {
    id: "repeats-response",
    requirements: &["RFC 3261 17.2.1", "RFC 3261 13.3.1.4"],
    about: "The phone repeats an unacknowledged final response to INVITE on its schedule until 64 times T1.",
    standing: false,
};

pub(super) fn judge(asked: &Asked<'_, '_>, node: &str, code: u16) -> Finding {
    let case = asked.case;
    let sentence =
        format!("{code} to INVITE from {}, repeated until {}", asked.node(node), case.limits.sixty_four_t1());
    let draft = asked.draft(&RULE, sentence);
    let of_code = |exchange: &&ServerExchange<'_>| {
        exchange.method == Method::Invite
            && asked.comes_from(exchange.from, exchange.transport, node)
            && exchange.final_response().is_some_and(|r| status(r) == code && r.at >= asked.since())
    };
    let Some(exchange) = case.server.iter().find(of_code) else {
        let deadline = asked.since() + case.limits.timeout(&Method::Invite);
        return draft.seen("no such response").fail_at(deadline);
    };
    let finals = exchange.finals();
    let t0 = finals[0].at;
    let end = case.limits.give_up(t0, case.limits.sixty_four_t1()).to;
    let finals: Vec<_> = finals.into_iter().filter(|response| response.at <= end).collect();
    let draft = draft.messages(finals.iter().map(|response| &***response));
    if let Some(ack) = exchange.acks.iter().find(|ack| ack.at <= end) {
        return draft.message(ack).inconclusive(&format!("it was acknowledged (packet {})", ack.packet()));
    }
    let whole = Window { from: t0, to: end };
    if exchange.transport == Transport::Tcp && code >= 300 {
        return match finals.len() {
            1 => draft.seen("sent once over TCP").window(whole).pass_at(end),
            made => draft.seen(format!("sent {made} times over TCP")).window(whole).fail(),
        };
    }
    let after_t0 = |at: Instant| format!("{:.2}", at - t0);
    let sends = on_its_own(case, exchange, &finals);
    match fit_response(case, &sends) {
        Fit::TooMany(at) => {
            draft.seen(format!("send {} came {} after the first", at + 1, after_t0(sends[at].at))).fail()
        }
        Fit::Not(at, window) => {
            let seen = format!(
                "send {} came {} after the first, allowed {} to {}",
                at + 1,
                after_t0(sends[at].at),
                after_t0(window.from),
                after_t0(window.to)
            );
            draft.seen(seen).window(window).fail()
        }
        Fit::All(Some(next)) => {
            let seen = format!("sent {} times; the next was due up to {}", sends.len(), after_t0(next.to));
            let draft = draft.seen(seen).window(next);
            draft.at(next.to, |draft| draft.fail_unless_lossy("it may have been lost on the way to the tap"))
        }
        Fit::All(None) => draft.seen(format!("sent {} times", sends.len())).window(whole).pass_at(end),
    }
}
