//! The phone repeats a final response to INVITE that nobody acknowledges (RFC 3261 sections 17.2.1,
//! timers G and H, and 13.3.1.4 for 2xx).

use sipfarm_core::Instant;
use sipfarm_core::sip::Method;

use super::Asked;
use crate::case::{SeenRef, ServerExchange, status};
use crate::finding::{Finding, Window};
use crate::rules::repetition::without_doubles;
use crate::rules::schedule::{Fit, fit_response, fit_whole_response, on_its_own};
use crate::rules::{Draft, RuleInfo};

pub(super) const RULE: RuleInfo = RuleInfo {
    id: "repeats-response",
    requirements: &["RFC 3261 17.2.1", "RFC 3261 13.3.1.4"],
    about: "The phone repeats an unacknowledged final response to INVITE on its schedule until 64 times T1.",
    standing: false,
};

const LOST: &str = "sends may have been lost on the way to the tap";

pub(super) fn judge(asked: &Asked<'_, '_>, node: &str, code: u16) -> Finding {
    let case = asked.case;
    let life = case.limits.sixty_four_t1();
    let draft =
        asked.draft(&RULE, format!("{code} to INVITE from {}, repeated until {life}", asked.node(node)));
    let here = case.server.iter().filter(|exchange| {
        exchange.method == Method::Invite && asked.comes_from(exchange.from, exchange.transport, node)
    });
    let answered = here.filter_map(|exchange| {
        let first = exchange.final_response()?;
        (status(first) == code && first.at >= asked.since()).then_some((first.at, exchange))
    });
    let deadline = asked.since() + case.limits.timeout(&Method::Invite);
    let earliest = answered.min_by_key(|(at, _)| *at).filter(|(at, _)| *at <= deadline);
    let Some((t0, exchange)) = earliest else {
        return draft.seen("no such response").fail_at(deadline);
    };
    // An ACK ends the test; what was decided before it stands.
    let end = case.limits.give_up(t0, life).to;
    // One from before belongs to a send that nobody saw.
    let ack = exchange.acks.iter().find(|ack| (t0..=end).contains(&ack.at));
    let until = ack.map_or(end, |ack| ack.at);
    let mut finals = without_doubles(case, exchange.finals());
    finals.retain(|response| response.at <= until);
    let draft = draft.messages(finals.iter().map(|response| &***response));
    match (decided(asked, &draft, exchange, &finals, end), ack) {
        (Some((at, finding)), _) if ack.is_none_or(|ack| at < ack.at) => finding,
        (_, Some(ack)) => {
            draft.message(ack).inconclusive(&format!("it was acknowledged (packet {})", ack.packet()))
        }
        (_, None) => {
            let window = Window { from: t0, to: end };
            draft.seen(format!("sent {} times", finals.len())).throughout(window).pass_at(end)
        }
    }
}

/// What the sends decide, if anything, and when.
fn decided(
    asked: &Asked<'_, '_>,
    draft: &Draft<'_, '_>,
    exchange: &ServerExchange<'_>,
    finals: &[&SeenRef<'_>],
    end: Instant,
) -> Option<(Instant, Finding)> {
    let case = asked.case;
    let draft = draft.clone();
    let sends = on_its_own(case, exchange, finals);
    let first = sends.first()?;
    let t0 = first.at;
    let after_t0 = |at: Instant| format!("{:.2}", at - t0);
    if exchange.transport.is_reliable() && status(first) >= 300 {
        let again = sends.get(1)?;
        return Some((again.at, draft.seen(format!("sent {} times over TCP", sends.len())).fail()));
    }
    match fit_whole_response(case, &sends) {
        Fit::TooMany(at) => {
            let seen = format!("send {} came {} after the first", at + 1, after_t0(sends[at].at));
            Some((sends[at].at, draft.seen(seen).fail_unless_lossy("the network may have doubled some")))
        }
        Fit::Not(at, window) => {
            let seen = format!(
                "send {} came {} after the first, allowed {} to {}",
                at + 1,
                after_t0(sends[at].at),
                after_t0(window.from),
                after_t0(window.to)
            );
            let draft = draft.seen(seen).window(window);
            // What came too late was missing first.
            let missing = sends[at].at > window.to;
            let explained = missing || matches!(fit_response(case, &sends[..=at]), Fit::All(_));
            let finding = if explained { draft.fail_unless_lossy(LOST) } else { draft.fail() };
            Some((sends[at].at.min(window.to), finding))
        }
        Fit::All(Some(next)) => {
            let due = next.to.min(end);
            let seen = format!("sent {} times; the next was due up to {}", sends.len(), after_t0(due));
            let draft = draft.absent(seen).window(Window { from: next.from.min(due), to: due });
            let finding = draft.at(due, |draft| draft.fail_unless_lossy(LOST));
            Some((due, finding))
        }
        Fit::All(None) => None,
    }
}
