//! A call is up: 2xx to an INVITE of the phone, acknowledged (RFC 3261 section 13.2.2.4), or an
//! INVITE to the phone that the phone answers 2xx and the other side acknowledges.

use sipfarm_core::Span;
use sipfarm_core::sip::Method;

use super::{Asked, near};
use crate::case::{Seen, status};
use crate::finding::Finding;
use crate::rules::RuleInfo;

pub(super) const RULE: RuleInfo = RuleInfo {
    id: "call-established",
    requirements: &["YL-02", "YL-04", "RFC 3261 13.2.2.4"],
    about: "An INVITE gets a 2xx through the node, and it is acknowledged.",
    standing: false,
};

pub(super) fn judge(asked: &Asked<'_, '_>, through: &str, within: Option<Span>) -> Finding {
    let case = asked.case;
    // The called party may take as long to answer as a server may take to fail.
    let otherwise = asked.reach(&Method::Invite, Some(through)) + case.limits.timeout(&Method::Invite);
    let window = asked.window(within, otherwise);
    let sentence =
        format!("2xx to INVITE through {}, acknowledged, {}", asked.node(through), asked.show_window(window));
    let draft = asked.draft(&RULE, sentence).window(window);
    let in_time = |seen: &&Seen<'_>| seen.at >= asked.since() && seen.at <= window.to;
    let outgoing =
        case.client.iter().filter(|e| e.method == Method::Invite && asked.goes_to(e, through)).flat_map(
            |e| {
                let accepted = e.finals().filter(|r| is_2xx(r));
                accepted.flat_map(|accepted| {
                    e.acks.iter().filter(move |ack| ack.at >= accepted.at).map(move |ack| (accepted, ack))
                })
            },
        );
    let incoming = case
        .server
        .iter()
        .filter(|e| e.method == Method::Invite && asked.comes_from(e.from, e.transport, through))
        .flat_map(|e| {
            let accepted = e.responses.iter().filter(|r| is_2xx(r));
            accepted.flat_map(|accepted| {
                e.acks.iter().filter(move |ack| ack.at >= accepted.at).map(move |ack| (accepted, ack))
            })
        });
    let established = outgoing
        .chain(incoming)
        .filter(|(accepted, ack)| in_time(&&***accepted) && in_time(&&***ack))
        .min_by_key(|(_, ack)| ack.at);
    if let Some((accepted, ack)) = established {
        let seen = format!("{} {} (packet {})", accepted.what(), asked.after(accepted.at), accepted.packet());
        return draft.seen(seen).message(accepted).message(ack).pass();
    }
    let unacknowledged = case
        .client
        .iter()
        .filter(|e| e.method == Method::Invite && asked.goes_to(e, through))
        .filter_map(|e| e.finals().find(|r| is_2xx(r) && r.at >= asked.since()))
        .next();
    if let Some(accepted) = unacknowledged {
        let why = "never acknowledged in time".to_owned();
        let nearest = near::messages(case, [(&**accepted, why)]);
        return draft.seen("2xx without ACK").message(accepted).nearest(nearest).fail_at(window.to);
    }
    let others = case.client.iter().filter(|e| e.method == Method::Invite && e.t0() >= asked.since());
    let finals = others.filter_map(|e| e.final_response().map(|response| (e, response)));
    let nearest = finals.map(|(e, response)| {
        let why = if asked.goes_to(e, through) { "not a 2xx" } else { "other node" };
        (&**response, why.to_owned())
    });
    let mut nearest = near::messages(case, nearest.collect::<Vec<_>>());
    if nearest.is_empty() {
        nearest = near::requests(case, Some(&Method::Invite), Some(through), window);
    }
    draft.seen("no 2xx to INVITE").nearest(nearest).fail_at(window.to)
}

pub(super) fn is_2xx(response: &Seen<'_>) -> bool {
    (200..300).contains(&status(response))
}
