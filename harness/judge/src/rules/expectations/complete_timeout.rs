//! The complete schedule against a silent server, and then nothing (YL-10; RFC 3261 sections
//! 17.1.1.2, 17.1.2.2).

use sipfarm_core::Instant;
use sipfarm_core::machine::Transport;
use sipfarm_core::sip::Method;

use super::{Asked, near};
use crate::case::{ClientExchange, status};
use crate::finding::{Finding, Window};
use crate::rules::schedule::{Fit, fit};
use crate::rules::{Draft, RuleInfo};

pub(super) const RULE: RuleInfo = RuleInfo {
    id: "complete-timeout",
    requirements: &["YL-10", "RFC 3261 17.1.1.2", "RFC 3261 17.1.2.2"],
    about: "The phone sends on the whole schedule of RFC 3261 to a silent server, then stops.",
    standing: false,
};

pub(super) fn judge(asked: &Asked<'_, '_>, method: &Method, node: &str) -> Finding {
    let case = asked.case;
    let slots = case.limits.slots(method);
    let timeout = case.limits.timeout(method);
    let sentence =
        format!("{method} to {} on the whole schedule, and nothing after {timeout}", asked.node(node));
    let draft = asked.draft(&RULE, sentence);
    let Some(exchange) = asked.first_request(method, node) else {
        let deadline = asked.since() + case.reach(method, Some(node));
        let window = Window { from: asked.since(), to: deadline };
        let nearest = near::requests(case, Some(method), Some(node), window);
        return draft.seen("no such request").nearest(nearest).fail_at(deadline);
    };
    let end = case.limits.give_up(exchange.t0(), timeout).to;
    let sends: Vec<Instant> = exchange.sends.iter().map(|send| send.at).filter(|at| *at <= end).collect();
    let draft = draft.messages(exchange.sends.iter().filter(|send| send.at <= end).map(|send| &**send));
    if let Some(why) = disturbed(exchange, method, end) {
        return draft.inconclusive(&why);
    }
    if exchange.transport == Transport::Tcp {
        return over_tcp(asked, draft, exchange, sends.len(), end);
    }
    let after_t0 = |at: Instant| format!("{:.2}", at - exchange.t0());
    match fit(case, exchange, &sends) {
        Fit::TooMany(at) => {
            let seen = format!("send {} came {} after the first", at + 1, after_t0(sends[at]));
            draft.seen(seen).fail()
        }
        Fit::Not(at, window) => {
            let seen = format!(
                "send {} came {} after the first, allowed {} to {}",
                at + 1,
                after_t0(sends[at]),
                after_t0(window.from),
                after_t0(window.to)
            );
            draft.seen(seen).window(window).fail()
        }
        Fit::All(Some(next)) => {
            let seen = format!(
                "{} of {} sends; the next was due up to {}",
                sends.len(),
                slots.len(),
                after_t0(next.to)
            );
            let draft = draft.seen(seen).window(next);
            draft.at(next.to, |draft| draft.fail_unless_lossy("it may have been lost on the way to the tap"))
        }
        Fit::All(None) => stopped(asked, draft.seen(format!("{} sends", sends.len())), exchange, end),
    }
}

fn over_tcp(
    asked: &Asked<'_, '_>,
    draft: Draft<'_, '_>,
    exchange: &ClientExchange<'_>,
    made: usize,
    end: Instant,
) -> Finding {
    if made > 1 {
        return draft.seen(format!("{made} sends over TCP")).fail();
    }
    stopped(asked, draft.seen("1 send over TCP"), exchange, end)
}

/// After the last send: no new request of that method anywhere until the transaction is over.
fn stopped(
    asked: &Asked<'_, '_>,
    draft: Draft<'_, '_>,
    exchange: &ClientExchange<'_>,
    end: Instant,
) -> Finding {
    let window = Window { from: exchange.last().at, to: end };
    let other =
        asked.requests(&exchange.method).find(|other| other.t0() > exchange.t0() && other.t0() <= end);
    match other {
        Some(other) if !other.in_dialog() => {
            let seen = format!("then {} {}", other.what(&asked.case.names), asked.after(other.t0()));
            draft.seen(seen).window(window).message(other.first()).fail()
        }
        _ => draft.window(window).pass_at(end),
    }
}

/// What makes a complete time-out impossible, and is not the phone's doing.
fn disturbed(exchange: &ClientExchange<'_>, method: &Method, end: Instant) -> Option<String> {
    let answer =
        exchange.responses.iter().find(|r| r.at <= end && (*method == Method::Invite || status(r) >= 200));
    if let Some(answer) = answer {
        return Some(format!("the node was not silent: {} (packet {})", answer.what(), answer.packet()));
    }
    let failure = exchange.failures.iter().find(|failure| failure.at <= end)?;
    Some(format!("the phone was told that the node cannot be reached: {}", failure.what))
}
