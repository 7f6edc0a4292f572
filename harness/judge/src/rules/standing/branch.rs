//! One branch per transaction: it begins with the magic cookie, stays for repetitions, CANCEL and
//! the ACK to a refusal, and is new for everything else (RFC 3261 sections 8.1.1.7, 17.1.3; RFC 3263
//! section 4.3 for the next server).

use std::collections::BTreeMap;

use sipfarm_core::Instant;
use sipfarm_core::machine::Transport;
use sipfarm_core::sip::{Method, Via};

use crate::case::{Case, ClientExchange};
use crate::finding::Finding;
use crate::rules::Rule;
use crate::rules::draft::Docket;

/// See the module.
pub struct Branch;

impl Rule for Branch {
    fn id(&self) -> &'static str {
        "branch"
    }

    fn requirements(&self) -> &'static [&'static str] {
        &["RFC 3261 8.1.1.7", "RFC 3261 17.1.3", "RFC 3263 4.3", "YL-02"]
    }

    fn about(&self) -> &'static str {
        "Each transaction has a branch of its own, with the magic cookie; the next server and the answer \
         to a challenge get a new one."
    }

    fn judge(&self, case: &Case<'_>) -> Vec<Finding> {
        let mut docket = Docket::open(case, self);
        let mut by_branch: BTreeMap<&str, &ClientExchange<'_>> = BTreeMap::new();
        for (at, exchange) in case.client.iter().enumerate() {
            let before = &case.client[..at];
            let first = exchange.first();
            let what = exchange.what(&case.names);
            if !exchange.branch.starts_with(Via::COOKIE) {
                let draft = docket.draft(format!("{what} with a branch that begins with {}", Via::COOKIE));
                docket.add(draft.seen(format!("branch \"{}\"", exchange.branch)).message(first).fail());
            } else if let Some(other) =
                by_branch.get(exchange.branch.as_str()).filter(|_| has_its_own(exchange))
            {
                let draft = docket.draft(format!("{what} with a branch of its own"));
                let other_what = other.what(&case.names);
                let seen = format!(
                    "the branch of {other_what} (packet {}), {}",
                    other.first().packet(),
                    apart(other, exchange)
                );
                docket.add(draft.seen(seen).message(other.first()).message(first).fail());
            } else if let Some(other) = before.iter().find(|other| is_rebranched(case, other, exchange)) {
                let draft = docket
                    .draft(format!("{what} repeated with the branch of packet {}", other.first().packet()));
                let seen = format!(
                    "the same request with branch \"{}\" (packet {})",
                    exchange.branch,
                    first.packet()
                );
                docket.add(draft.seen(seen).message(other.first()).message(first).fail());
            } else {
                docket.kept(first.packets);
            }
            if has_its_own(exchange) {
                by_branch.entry(&exchange.branch).or_insert(exchange);
            }
        }
        for exchange in case.client.iter().filter(|e| e.code().is_some_and(|code| code < 300)) {
            if let Some(ack) = exchange.acks.iter().find(|ack| ack.branch == exchange.branch) {
                let draft =
                    docket.draft("the ACK to a 2xx with a branch of its own (RFC 3261 section 13.2.2.4)");
                docket.add(
                    draft.seen("the branch of the INVITE").message(exchange.first()).message(ack).fail(),
                );
            }
        }
        docket.close()
    }
}

/// Whether a transaction must have a branch that no other has. CANCEL shares that of its INVITE by
/// rule.
fn has_its_own(exchange: &ClientExchange<'_>) -> bool {
    exchange.method != Method::Cancel
}

/// Whether the same request was sent to the same server under another branch although the first
/// transaction was still running.
fn is_rebranched(case: &Case<'_>, before: &ClientExchange<'_>, after: &ClientExchange<'_>) -> bool {
    // On a connection of its own it is a new try: the first connection may be lost.
    let same_flow = before.transport == Transport::Udp || before.from == after.from;
    before.method == after.method
        && before.method != Method::Cancel
        && before.to == after.to
        && before.transport == after.transport
        && same_flow
        && before.first().call_id == after.first().call_id
        && before.first().from_tag == after.first().from_tag
        // Outside a dialog it asks for a new one.
        && before.first().to_tag == after.first().to_tag
        && before.cseq().is_some()
        && before.cseq() == after.cseq()
        && after.t0() < running_until(case, before)
}

fn running_until(case: &Case<'_>, exchange: &ClientExchange<'_>) -> Instant {
    let over = exchange.t0() + case.least_timeout_of(exchange);
    let ended = exchange.final_response().map(|response| response.at);
    let failed = exchange.failures.first().map(|failure| failure.at);
    [ended, failed].into_iter().flatten().fold(over, Instant::min)
}

fn apart(before: &ClientExchange<'_>, after: &ClientExchange<'_>) -> &'static str {
    if before.to != after.to {
        "at another server"
    } else if before.cseq() != after.cseq() {
        "with another CSeq"
    } else {
        "with another Call-ID, method or transport"
    }
}
