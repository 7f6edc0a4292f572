//! The complete schedule against a silent server, and then nothing (YL-10; RFC 3261 sections
//! 17.1.1.2, 17.1.2.2).

use sipfarm_core::machine::Transport;
use sipfarm_core::sip::Method;
use sipfarm_core::{Instant, Span};

use super::Asked;
use crate::case::{ClientExchange, SeenRef, status};
use crate::finding::{Finding, Window};
use crate::rules::repetition::without_doubles;
use crate::rules::schedule::{Fit, fit, fit_whole};
use crate::rules::{Draft, RuleInfo};

pub(super) const RULE: RuleInfo = RuleInfo {
    id: "complete-timeout",
    requirements: &["YL-10", "RFC 3261 17.1.1.2", "RFC 3261 17.1.2.2"],
    about: "The phone sends on the whole schedule of RFC 3261 to a silent server, then stops.",
    standing: false,
};

const LOST: &str = "sends may have been lost on the way to the tap";

pub(super) fn judge(asked: &Asked<'_, '_>, method: &Method, node: &str) -> Finding {
    let case = asked.case;
    let timeout = case.timeout_at(method, node);
    let sentence =
        format!("{method} to {} on the whole schedule, and nothing after {timeout}", asked.node(node));
    let draft = asked.draft(&RULE, sentence);
    let exchange = match asked.subject(&draft, method, node) {
        Ok(exchange) => exchange,
        Err(finding) => return *finding,
    };
    // What disturbs the silence ends the test; what was decided before it stands.
    let end = case.limits.give_up(exchange.t0(), timeout).to;
    let disturbance = disturbance(exchange, method).filter(|(at, _)| *at <= end);
    let until = disturbance.as_ref().map_or(end, |(at, _)| *at);
    let mut sends = without_doubles(case, &exchange.sends);
    sends.retain(|send| send.at <= until);
    let draft = draft.messages(sends.iter().map(|send| &***send));
    let sent = match exchange.transport {
        Transport::Udp => over_udp(asked, &draft, exchange, &sends, timeout),
        Transport::Tcp | Transport::Tls => sends
            .get(1)
            .map(|again| Decided { at: again.at, finding: draft.clone().seen("sent again over TCP").fail() }),
    };
    let decided = sent.unwrap_or_else(|| {
        let last = sends.last().map_or(exchange.t0(), |send| send.at);
        stopped(asked, draft.clone().seen(format!("{} sends", sends.len())), exchange, last, end)
    });
    match disturbance {
        Some((at, why)) if at <= decided.at => draft.inconclusive(&why),
        _ => decided.finding,
    }
}

/// What the sends decide, and when.
struct Decided {
    at: Instant,
    finding: Finding,
}

/// What the sends decide, if anything.
fn over_udp(
    asked: &Asked<'_, '_>,
    draft: &Draft<'_, '_>,
    exchange: &ClientExchange<'_>,
    sends: &[&SeenRef<'_>],
    timeout: Span,
) -> Option<Decided> {
    let case = asked.case;
    let end = case.limits.give_up(exchange.t0(), timeout).to;
    let times: Vec<Instant> = sends.iter().map(|send| send.at).collect();
    let after_t0 = |at: Instant| format!("{:.2}", at - exchange.t0());
    let draft = draft.clone();
    let (at, finding) = match fit_whole(case, exchange, &times, timeout) {
        Fit::TooMany(at) => {
            let seen = format!("send {} came {} after the first", at + 1, after_t0(times[at]));
            (times[at], draft.seen(seen).fail_unless_lossy("the network may have doubled some"))
        }
        Fit::Not(at, window) => {
            let seen = format!(
                "send {} came {} after the first, allowed {} to {}",
                at + 1,
                after_t0(times[at]),
                after_t0(window.from),
                after_t0(window.to)
            );
            let draft = draft.seen(seen).window(window);
            // What came too late was missing first.
            let missing = times[at] > window.to;
            let explained = missing || matches!(fit(case, exchange, &times[..=at]), Fit::All(_));
            let finding = if explained { draft.fail_unless_lossy(LOST) } else { draft.fail() };
            (times[at].min(window.to), finding)
        }
        Fit::All(Some(next)) => {
            let slots = case.limits.slots(&exchange.method, timeout).len();
            let due = next.to.min(end);
            let seen = format!("{} of {slots} sends; the next was due up to {}", sends.len(), after_t0(due));
            let draft = draft.absent(seen).window(Window { from: next.from.min(due), to: due });
            (due, draft.at(due, |draft| draft.fail_unless_lossy(LOST)))
        }
        Fit::All(None) => return None,
    };
    Some(Decided { at, finding })
}

/// After the last send: no new request of that method anywhere until the transaction is over.
fn stopped(
    asked: &Asked<'_, '_>,
    draft: Draft<'_, '_>,
    exchange: &ClientExchange<'_>,
    last: Instant,
    end: Instant,
) -> Decided {
    let window = Window { from: exchange.t0(), to: end };
    let other = asked
        .requests(&exchange.method)
        .find(|other| other.t0() > exchange.t0() && other.t0() <= end && !other.in_dialog());
    match other {
        Some(other) => {
            let seen = format!("then {} {}", other.what(&asked.case.names), asked.after(other.t0()));
            let finding = draft.seen(seen).throughout(window).message(other.first()).fail();
            Decided { at: other.t0().max(last), finding }
        }
        None => Decided { at: end, finding: draft.throughout(window).pass_at(end) },
    }
}

/// What makes a complete time-out impossible, and is not the phone's doing: an answer, or word that
/// the node cannot be reached.
fn disturbance(exchange: &ClientExchange<'_>, method: &Method) -> Option<(Instant, String)> {
    let answers = exchange.responses.iter().filter(|r| *method == Method::Invite || status(r) >= 200);
    let answers = answers.map(|answer| {
        (answer.at, format!("the node was not silent: {} (packet {})", answer.what(), answer.packet()))
    });
    let failures = exchange.failures.iter().map(|failure| {
        (failure.at, format!("the phone was told that the node cannot be reached: {}", failure.what))
    });
    answers.chain(failures).min_by_key(|(at, _)| *at)
}
