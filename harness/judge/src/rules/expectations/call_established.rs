//! A call is up: 2xx to an INVITE of the phone, acknowledged (RFC 3261 section 13.2.2.4), or an
//! INVITE to the phone that the phone answers 2xx and the other side acknowledges.

use sipfarm_core::sip::Method;
use sipfarm_core::{Instant, Span};

use super::{Asked, near};
use crate::case::{ClientExchange, Seen, SeenRef, ServerExchange, status};
use crate::finding::{Finding, Window};
use crate::rules::{Draft, RuleInfo};

pub(super) const RULE: RuleInfo = RuleInfo {
    id: "call-established",
    requirements: &["YL-02", "YL-04", "YL-07", "RFC 3261 13.2.2.4"],
    about: "An INVITE gets a 2xx through the node, and it is acknowledged.",
    standing: false,
};

pub(super) fn judge(asked: &Asked<'_, '_>, through: Option<&str>, within: Option<Span>) -> Finding {
    let case = asked.case;
    // The called party may take as long to answer as a server may take to fail.
    let otherwise = asked.reach(&Method::Invite, through) + case.limits.timeout(&Method::Invite);
    let window = asked.window(within, otherwise);
    let server = through.map_or("any server".to_owned(), |node| asked.node(node));
    let whom = through.map_or("any server".to_owned(), |node| format!("\"{node}\""));
    let sentence = format!("2xx to INVITE through {server}, acknowledged, {}", asked.show_window(window));
    let goes_there = |e: &ClientExchange<'_>| through.is_none_or(|node| asked.goes_to(e, node));
    let draft = asked.draft(&RULE, sentence).window(window);
    let in_time = |at: Instant| at >= asked.since() && at <= window.to;
    let answers = answers(asked, through);
    let established = answers
        .iter()
        .filter_map(|(accepted, ack)| Some((accepted, (*ack)?)))
        .filter(|(accepted, ack)| in_time(accepted.at) && in_time(ack.at))
        .min_by_key(|(_, ack)| ack.at);
    if let Some((accepted, ack)) = established {
        let seen = format!("{} {} (packet {})", accepted.what(), asked.after(accepted.at), accepted.packet());
        return draft.seen(seen).message(accepted).message(ack).pass();
    }
    let unfinished = answers.iter().find(|(accepted, _)| accepted.at >= asked.since());
    if let Some((accepted, ack)) = unfinished {
        let answer =
            format!("{} {} (packet {})", accepted.what(), asked.after(accepted.at), accepted.packet());
        let late = |at: Instant| format!("late by {:.2}", at - window.to);
        let seen = match ack {
            _ if accepted.at > window.to => format!("{answer}, {}", late(accepted.at)),
            Some(ack) => {
                let (at, packet) = (asked.after(ack.at), ack.packet());
                format!("{answer}, acknowledged only {at} (packet {packet}), {}", late(ack.at))
            }
            None => format!("{answer}, never acknowledged"),
        };
        return end(asked, draft.seen(seen).message(accepted), through, window);
    }
    let others = case.client.iter().filter(|e| e.method == Method::Invite && e.t0() >= asked.since());
    let finals: Vec<_> = others.filter_map(|e| e.final_response().map(|response| (e, response))).collect();
    let elsewhere = finals.iter().find(|(e, response)| is_2xx(response) && !goes_there(e));
    let seen = match elsewhere {
        Some((e, response)) => {
            let from = case.names.show(e.to, e.transport);
            format!("{} from {from} {}, none through {whom}", response.what(), asked.after(response.at))
        }
        None => format!("no 2xx to INVITE through {whom}"),
    };
    let nearest = finals.iter().map(|(e, response)| {
        let why = if goes_there(e) { "not a 2xx" } else { "other node" };
        (&***response, why.to_owned())
    });
    let mut nearest = near::messages(case, nearest.collect::<Vec<_>>());
    if nearest.is_empty() {
        nearest = near::requests(case, Some(&Method::Invite), through, window);
    }
    end(asked, draft.seen(seen).nearest(nearest), through, window)
}

/// Nothing came in time: the phone's fault, unless it was kept waiting.
fn end(asked: &Asked<'_, '_>, draft: Draft<'_, '_>, through: Option<&str>, window: Window) -> Finding {
    match asked.unanswered(&Method::Invite, through, window) {
        Some(waits) => draft.at(window.to, |draft| draft.excused(&asked.kept_waiting(waits))),
        None => draft.fail_at(window.to),
    }
}

/// A 2xx, and the first ACK after it.
type Answer<'c, 'a> = (&'c SeenRef<'a>, Option<&'c SeenRef<'a>>);

/// Every 2xx to an INVITE of the phone through that node (any when `None`), or of the phone to one from
/// there.
fn answers<'c, 'a>(asked: &Asked<'c, 'a>, through: Option<&str>) -> Vec<Answer<'c, 'a>> {
    let of = |responses: &'c [SeenRef<'a>], acks: &'c [SeenRef<'a>]| {
        let accepted = responses.iter().filter(|response| is_2xx(response));
        accepted.map(|accepted| (accepted, acks.iter().find(|ack| ack.at >= accepted.at)))
    };
    let goes_there = |e: &ClientExchange<'_>| through.is_none_or(|node| asked.goes_to(e, node));
    let comes_from_there =
        |e: &ServerExchange<'_>| through.is_none_or(|node| asked.comes_from(e.from, e.transport, node));
    let outgoing = asked.case.client.iter().filter(|e| e.method == Method::Invite && goes_there(e));
    let incoming = asked.case.server.iter().filter(|e| e.method == Method::Invite && comes_from_there(e));
    let outgoing = outgoing.flat_map(|e| of(&e.responses, &e.acks));
    outgoing.chain(incoming.flat_map(|e| of(&e.responses, &e.acks))).collect()
}

pub(super) fn is_2xx(response: &Seen<'_>) -> bool {
    (200..300).contains(&status(response))
}
