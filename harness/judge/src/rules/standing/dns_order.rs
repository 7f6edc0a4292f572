//! A phone that finds its servers by name tries the addresses that DNS gave it in their order: by
//! priority, at equal priority as its profile reads weights (any order where they are drawn at random,
//! RFC 2782; the highest first at others, F-07), and all behind one name before the next server of
//! its list (YL-12); none twice for one call (YL-04), unless DNS names it for two of them.
//!
//! The order is that of the answers that reached the phone. Where its queries are not in the capture
//! there is no occasion. A server may be passed over for the reasons that `server-order` knows.

use sipfarm_core::Instant;
use sipfarm_core::machine::Transport;
use sipfarm_core::profile::OnExhausted;
use sipfarm_core::sip::Method;

use super::server_order::{is_working, may_skip};
use crate::case::{Attempt, Candidate, Case, ClientExchange, Outcome, Purpose, Rank};
use crate::finding::Finding;
use crate::rules::Rule;
use crate::rules::draft::Docket;

/// See the module.
pub struct DnsOrder;

impl Rule for DnsOrder {
    fn id(&self) -> &'static str {
        "dns-order"
    }

    fn requirements(&self) -> &'static [&'static str] {
        &["RFC 2782", "RFC 3263 4.3", "YL-04", "YL-12"]
    }

    fn about(&self) -> &'static str {
        "Addresses from DNS are tried by priority and weight, each once, and all before the next server."
    }

    fn judge(&self, case: &Case<'_>) -> Vec<Finding> {
        let mut docket = Docket::open(case, self);
        if !case.locates_by_dns() {
            return docket.close();
        }
        for attempt in case.attempts.iter() {
            let visits: Vec<&ClientExchange<'_>> =
                attempt.exchanges.iter().map(|&at| &case.client[at]).collect();
            let Some(first) = visits.first() else { continue };
            if !case.asked_for_its_servers(first.t0()) {
                continue;
            }
            let readings = case.located(first.transport, first.t0(), first.t0()).len();
            let faults: Vec<_> =
                (0..readings).map(|reading| first_fault(case, attempt, &visits, reading)).collect();
            let Some(fault) = faults.into_iter().collect::<Option<Vec<_>>>().and_then(|mut all| all.pop())
            else {
                docket.kept(first.first().packets);
                continue;
            };
            let draft = docket.draft(format!("{} in the order that DNS gave", attempt.method));
            let draft = draft.messages(visits.iter().map(|visit| &**visit.first())).seen(fault);
            docket.add(if case.sight.frames {
                draft.fail_unless_lossy("the tries in between may have been lost")
            } else {
                draft.inconclusive("without frames a refused connection cannot be excluded")
            });
        }
        docket.close()
    }
}

/// What is wrong with an attempt, by one reading of the answers.
fn first_fault(
    case: &Case<'_>,
    attempt: &Attempt,
    visits: &[&ClientExchange<'_>],
    reading: usize,
) -> Option<String> {
    let chosen = visits[0].t0();
    let mut begins_at = Rank::default();
    for (n, visit) in visits.iter().enumerate() {
        // What the phone was told after it had left the server before may have come too late.
        let known_at = if n == 0 { chosen } else { visits[n - 1].t0() };
        let list = pick(case, visit, chosen, visit.t0(), reading);
        let known = pick(case, visit, chosen, known_at, reading);
        if let Some(again) = again_fault(case, attempt, visits, n, &list) {
            return Some(again);
        }
        let place = list.iter().filter(|candidate| candidate.addr == visit.to).map(|c| c.rank).min();
        let Some(place) = place else { continue };
        if n == 0 && starts_where_it_works(case, attempt, visit) {
            begins_at = place;
        }
        let passed_over = known.iter().find(|earlier| {
            earlier.rank < place
                && earlier.rank >= begins_at
                && !visits[..n].iter().any(|visited| visited.to == earlier.addr)
                && !is_excused(case, earlier, visit)
        });
        if let Some(earlier) = passed_over {
            return Some(format!(
                "{} (packet {}) without a try at {}, which comes before it",
                visit.what(&case.names),
                visit.first().packet(),
                case.names.show(earlier.addr, visit.transport)
            ));
        }
    }
    None
}

/// The same address once more in one call, though it was tried for every server that it stands for. A
/// connection that was lost may be opened again at once (YL-07), and where the profile has the phone go
/// through its list once more it may come back.
fn again_fault(
    case: &Case<'_>,
    attempt: &Attempt,
    visits: &[&ClientExchange<'_>],
    n: usize,
    list: &[Candidate],
) -> Option<String> {
    let restarts = case.profile.failover.on_exhausted != OnExhausted::FailCall;
    if attempt.method != Method::Invite || restarts || case.makes_good(attempt.exchanges[n]).is_some() {
        return None;
    }
    let visit = visits[n];
    let failed = |(at, before): &(usize, &&ClientExchange<'_>)| {
        let next_is_this = at + 1 == n;
        let plainly = matches!(before.outcome(), Outcome::Final(503) | Outcome::Silence);
        let same = before.to == visit.to && before.transport == visit.transport;
        same && if next_is_this {
            plainly && visit.transport == Transport::Udp
        } else {
            !is_asked_for_more(before)
        }
    };
    let tried = visits[..n].iter().enumerate().filter(failed).count();
    let stands_for = list.iter().filter(|candidate| candidate.addr == visit.to).count().max(1);
    (tried >= stands_for).then(|| {
        let packet = visit.first().packet();
        format!("{} tried again (packet {packet})", visit.what(&case.names))
    })
}

/// Whether a server has refused with a demand, which makes the next request part of the same try.
fn is_asked_for_more(exchange: &ClientExchange<'_>) -> bool {
    matches!(exchange.outcome(), Outcome::Final(401 | 407 | 422))
}

fn pick(
    case: &Case<'_>,
    visit: &ClientExchange<'_>,
    chosen: Instant,
    at: Instant,
    reading: usize,
) -> Vec<Candidate> {
    case.located(visit.transport, chosen, at).into_iter().nth(reading).unwrap_or_default()
}

/// Whether the phone goes on with the server that it is registered with.
fn starts_where_it_works(case: &Case<'_>, attempt: &Attempt, first: &ClientExchange<'_>) -> bool {
    let refresh = case.registration(attempt.exchanges[0]).is_some_and(|r| r.purpose == Purpose::Refresh);
    refresh || is_working(case, attempt, first)
}

/// A connection that came to nothing stands before the first request of its attempt, too.
fn is_excused(case: &Case<'_>, earlier: &Candidate, visit: &ClientExchange<'_>) -> bool {
    let node = case.names.node_at(earlier.addr, visit.transport);
    node.is_some_and(|node| may_skip(case, node, Instant::EPOCH, visit.t0()))
}
