//! What DNS said holds until its TTL has passed (RFC 1035 section 3.2.1); then a phone asks again
//! before it sends a new request there. RFC 3263 section 4 has it find the server once for each
//! transaction, so a request that is under way may go on.
//!
//! Reasons to use an old answer: DNS does not answer, or fails (RFC 8767); the connection is open
//! already; the phone stays with the server it is registered with, as its profile says.

use std::net::SocketAddr;

use sipfarm_core::dns::{RecordData, RecordKind, ResponseCode};
use sipfarm_core::profile::FailbackMode;
use sipfarm_core::{Instant, Span};

use super::server_order::is_working;
use crate::case::{Attempt, Case, ClientExchange, Lookup};
use crate::finding::{Finding, Window};
use crate::rules::Rule;
use crate::rules::draft::Docket;

/// TTLs are whole seconds, and clocks of phones tick.
const GRACE: Span = Span::from_secs(1);

/// See the module.
pub struct DnsTtl;

impl Rule for DnsTtl {
    fn id(&self) -> &'static str {
        "dns-ttl"
    }

    fn requirements(&self) -> &'static [&'static str] {
        &["RFC 1035 3.2.1", "RFC 3263 4", "YL-16"]
    }

    fn about(&self) -> &'static str {
        "A DNS answer whose TTL has passed is asked again before a new request goes to its address."
    }

    fn judge(&self, case: &Case<'_>) -> Vec<Finding> {
        let mut docket = Docket::open(case, self);
        if !case.locates_by_dns() {
            return docket.close();
        }
        let literal = case.literal();
        for attempt in &case.attempts {
            let first = &case.client[attempt.exchanges[0]];
            if literal.contains(&first.to) || may_stay(case, attempt, first) {
                continue;
            }
            let Some(holds) = holds_until(case, first.to, first.t0()) else { continue };
            let window = Window { from: holds.told, to: holds.until + GRACE + case.limits.grace() };
            if first.t0() <= window.to {
                docket.kept(first.first().packets);
                continue;
            }
            if failed_since(case, first, holds.until) {
                continue;
            }
            let draft = docket
                .draft(format!(
                    "a new question to DNS before {} goes to {}",
                    first.method,
                    case.names.show(first.to, first.transport)
                ))
                .window(window)
                .packets(holds.packets, holds.told)
                .message(first.first())
                .seen(format!(
                    "{} (packet {}) {:.2} after the answer had expired",
                    first.what(&case.names),
                    first.first().packet(),
                    first.t0() - holds.until
                ));
            docket.add(draft.fail_unless_lossy("a later answer may have been lost"));
        }
        docket.close()
    }
}

/// The answers by which an address may be used.
struct Holds<'a> {
    /// When the last of them came.
    told: Instant,
    packets: &'a [u32],
    until: Instant,
}

/// Until when the phone may use an address, as told by `at`; `None` where DNS never named it.
fn holds_until<'a>(case: &Case<'a>, addr: SocketAddr, at: Instant) -> Option<Holds<'a>> {
    let mut best: Option<Holds<'a>> = None;
    for told in case.dns.lookups.iter().filter_map(|lookup| lookup.answer).filter(|told| told.at <= at) {
        let records = told.message.answers.iter().chain(&told.message.additional);
        for record in records.filter(|record| names_address(&record.data, addr)) {
            let own = told.at + Span::from_secs(record.ttl_s.into());
            let until = service_until(case, &record.name, addr.port(), at).map_or(own, |srv| srv.min(own));
            if best.as_ref().is_none_or(|best| best.until <= until) {
                best = Some(Holds { told: told.at, packets: told.packets, until });
            }
        }
    }
    best
}

fn names_address(data: &RecordData, addr: SocketAddr) -> bool {
    match data {
        RecordData::A(ip) => addr.ip() == *ip,
        RecordData::Aaaa(ip) => addr.ip() == *ip,
        _ => false,
    }
}

/// Until when SRV records named that host with that port; `None` where none did.
fn service_until(case: &Case<'_>, host: &str, port: u16, at: Instant) -> Option<Instant> {
    let told = case.dns.lookups.iter().filter_map(|lookup| lookup.answer).filter(|told| told.at <= at);
    told.flat_map(|told| {
        let records = told.message.answers.iter().chain(&told.message.additional);
        let of_it = records.filter(|record| match &record.data {
            RecordData::Srv(srv) => srv.target == host && srv.port == port,
            _ => false,
        });
        of_it.map(move |record| told.at + Span::from_secs(record.ttl_s.into()))
    })
    .max()
}

/// Whether the phone asked for addresses or services since then and was not told: it may use what it
/// has.
fn failed_since(case: &Case<'_>, request: &ClientExchange<'_>, expired: Instant) -> bool {
    let located = |lookup: &&Lookup<'_>| {
        matches!(lookup.question.kind, RecordKind::A | RecordKind::Aaaa | RecordKind::Srv | RecordKind::Naptr)
    };
    let since = case.dns.lookups.iter().filter(|lookup| {
        let last = lookup.sends.last().map_or(lookup.at(), |(at, _)| *at);
        last + GRACE >= expired && lookup.at() <= request.t0()
    });
    since.filter(located).any(|lookup| {
        lookup.answer.filter(|told| told.at <= request.t0()).is_none_or(|told| {
            told.message.truncated
                || !matches!(told.message.code, ResponseCode::NoError | ResponseCode::NxDomain)
        })
    })
}

fn may_stay(case: &Case<'_>, attempt: &Attempt, first: &ClientExchange<'_>) -> bool {
    let stays = case.profile.failback.mode != FailbackMode::NewRequests && is_working(case, attempt, first);
    let connected = first.transport.is_reliable()
        && case.client.iter().any(|e| e.t0() < first.t0() && (e.from, e.to) == (first.from, first.to));
    stays || connected
}
