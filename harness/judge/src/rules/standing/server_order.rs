//! Servers are tried in the order of the profile, none skipped, none twice for one call; where the
//! profile says that every new request begins with the primary, it does (YL-01, YL-04, YL-05, YL-13).
//!
//! Reasons to pass a server over: Retry-After of its 503 still runs; a TCP connect to it came to
//! nothing; the phone's last request there failed a short while ago, or the REGISTER that was to come
//! first; the phone works with another server, and its profile does not send new requests to the primary
//! first; the server before it in the attempt has redirected the phone (RFC 3261 sections 8.1.3.4, 21.3).

use std::ops::Range;

use sipfarm_core::machine::Transport;
use sipfarm_core::profile::{FailbackMode, HonourRetryAfter, OnExhausted, RegistrationMethod};
use sipfarm_core::sip::{Contact, Host, Method};
use sipfarm_core::{Instant, Span};

use super::retry_after::bans;
use crate::case::{Attempt, Case, ClientExchange, Connected, Outcome, Purpose, Standing, status};
use crate::finding::Finding;
use crate::mark::Node;
use crate::rules::Rule;
use crate::rules::draft::Docket;

/// See the module.
pub struct ServerOrder;

impl Rule for ServerOrder {
    fn id(&self) -> &'static str {
        "server-order"
    }

    fn requirements(&self) -> &'static [&'static str] {
        &[
            "YL-01",
            "YL-04",
            "YL-05",
            "YL-13",
            "YL-17",
            "YL-19",
            "YL-21",
            "YL-22",
            "CC-03",
            "CC-04",
            "RFC 3263 4.3",
        ]
    }

    fn about(&self) -> &'static str {
        "Servers are tried in the order of the profile, none skipped and none twice for one call."
    }

    fn judge(&self, case: &Case<'_>) -> Vec<Finding> {
        let mut docket = Docket::open(case, self);
        if case.locates_by_dns() {
            return docket.not_applicable("the phone finds servers by name, so that dns-order says it");
        }
        for attempt in case.attempts.iter() {
            let visits: Vec<Visit<'_, '_>> =
                attempt.exchanges.iter().filter_map(|&at| visit(case, at)).collect();
            let Some(first) = visits.first() else { continue };
            let fault = first_fault(case, attempt, first).or_else(|| later_fault(case, attempt, &visits));
            let Some(fault) = fault else {
                docket.kept(first.exchange.first().packets);
                continue;
            };
            let draft =
                docket.draft(format!("{} in the order {}", attempt.method, case.names.order().join(", ")));
            let draft = draft.messages(visits.iter().map(|visit| &**visit.exchange.first()));
            let draft = draft.seen(fault.text);
            let hidden_connect = !case.sight.frames && case.profile.transport.may_connect();
            docket.add(if hidden_connect && fault.skipped {
                draft.inconclusive("without frames a refused connection cannot be excluded")
            } else {
                draft.fail_unless_lossy("the tries in between may have been lost")
            });
        }
        docket.close()
    }
}

struct Visit<'c, 'a> {
    exchange: &'c ClientExchange<'a>,
    place: usize,
}

struct Fault {
    text: String,
    /// A server was passed over, rather than tried in the wrong order.
    skipped: bool,
}

fn visit<'c, 'a>(case: &'c Case<'a>, at: usize) -> Option<Visit<'c, 'a>> {
    let exchange = &case.client[at];
    Some(Visit { exchange, place: case.names.place(exchange.to, exchange.transport)? })
}

/// Whether the attempt begins where it must not.
fn first_fault(case: &Case<'_>, attempt: &Attempt, first: &Visit<'_, '_>) -> Option<Fault> {
    let at = first.exchange.t0();
    let refresh = case.registration(attempt.exchanges[0]).is_some_and(|r| r.purpose == Purpose::Refresh);
    let home = home(case, attempt, first);
    let expected = first.place == home || refresh || is_working(case, attempt, first.exchange);
    if expected || (attempt.method == Method::Register && is_for_call(case, at)) {
        return None;
    }
    let skipped = (home..first.place).find(|&place| !may_skip_place(case, place, Instant::EPOCH, at))?;
    Some(Fault { text: skipped_text(case, first, skipped), skipped: true })
}

/// The place of the server that an attempt begins with: the first; for a REGISTER, the first of those
/// that its binding goes along.
fn home(case: &Case<'_>, attempt: &Attempt, visit: &Visit<'_, '_>) -> usize {
    if attempt.method == Method::Register { case.set_of(visit.place).start } else { 0 }
}

/// Whether the phone works with that server: its last registration succeeded there. A REGISTER may go
/// to the server that has the binding, or back to the primary; an INVITE stays with it unless new
/// requests are for the primary first. Of two bindings at once, calls use the fallback's only while the
/// other is lost (YL-19).
pub(super) fn is_working(case: &Case<'_>, attempt: &Attempt, first: &ClientExchange<'_>) -> bool {
    let primary_first = case.profile.failback.mode == FailbackMode::NewRequests;
    if attempt.method == Method::Invite && primary_first {
        return false;
    }
    let at = first.t0();
    let Some(place) = case.place_of(first) else { return false };
    let set = case.set_of(place);
    let lost = |before: &Standing<'_>| {
        before.grant.last + before.grant.expires < at
            || case.failed_at(before.place, before.grant.last, at)
            || case.failed_at(case.set_of(before.place).end - 1, before.grant.last, at)
    };
    // What the phone has learned with one line may be good for another; else each goes its own way.
    let lines = case.lines_of(first);
    let by_any = |set: &Range<usize>, is_so: &dyn Fn(Option<Standing<'_>>) -> bool| {
        is_so(case.stands_at(set, at)) || lines.iter().any(|aor| is_so(case.line_stands_at(aor, set, at)))
    };
    let stands = |standing: Option<Standing<'_>>| {
        standing.is_some_and(|standing| case.client[standing.exchange].to == first.to)
    };
    let is_lost = |standing: Option<Standing<'_>>| standing.is_none_or(|standing| lost(&standing));
    let others_lost = || (0..set.start).all(|p| by_any(&(p..p + 1), &is_lost));
    by_any(&set, &stands) && (attempt.method == Method::Register || others_lost())
}

/// Whether the attempt goes on where it must not.
fn later_fault(case: &Case<'_>, attempt: &Attempt, visits: &[Visit<'_, '_>]) -> Option<Fault> {
    visits.windows(2).find_map(|pair| {
        let (before, after) = (&pair[0], &pair[1]);
        if is_redirected(before.exchange, after.exchange) {
            return None;
        }
        if after.place == before.place {
            return again_fault(case, attempt, before, after);
        }
        if after.place < before.place {
            return back_fault(case, attempt, visits, before, after);
        }
        let skipped = (before.place + 1..after.place)
            .find(|&place| !may_skip_place(case, place, before.exchange.t0(), after.exchange.t0()))?;
        Some(Fault { text: skipped_text(case, after, skipped), skipped: true })
    })
}

/// Whether a redirection led from one exchange to the next: a Contact of its 3xx has the next one's
/// address, or a name, which may stand for any.
fn is_redirected(before: &ClientExchange<'_>, after: &ClientExchange<'_>) -> bool {
    let Some(response) = before.final_response().filter(|r| (300..400).contains(&status(r))) else {
        return false;
    };
    let leads_there = |contact: &Contact| match contact {
        Contact::Addr(addr) => addr.sip_uri().is_none_or(|uri| match uri.host {
            Host::Ip(ip) => ip == after.to.ip() || uri.params.has("maddr"),
            Host::Name(_) => true,
        }),
        Contact::Star => false,
    };
    response.at <= after.t0() && response.message.contacts().iter().any(leads_there)
}

/// The same server once more, for no reason that it gave: each server gets one try per call (YL-04).
fn again_fault(
    case: &Case<'_>,
    attempt: &Attempt,
    before: &Visit<'_, '_>,
    after: &Visit<'_, '_>,
) -> Option<Fault> {
    let failed = matches!(before.exchange.outcome(), Outcome::Final(503) | Outcome::Silence);
    let udp = before.exchange.transport == Transport::Udp;
    (attempt.method == Method::Invite && failed && udp).then(|| {
        let text = format!(
            "{} tried again (packet {})",
            after.exchange.what(&case.names),
            after.exchange.first().packet()
        );
        Fault { text, skipped: false }
    })
}

/// Back to a server earlier in the list: right for a phone that began in the middle, or whose profile
/// restarts the list.
fn back_fault(
    case: &Case<'_>,
    attempt: &Attempt,
    visits: &[Visit<'_, '_>],
    before: &Visit<'_, '_>,
    after: &Visit<'_, '_>,
) -> Option<Fault> {
    let restarts = case.profile.failover.on_exhausted != OnExhausted::FailCall;
    let visited = visits.iter().take_while(|visit| visit.exchange.t0() < after.exchange.t0());
    let was_there = visited.into_iter().any(|visit| visit.place == after.place);
    // A registration starts over as long as it fails (YL-14); how soon, `no-hammering` says.
    let starts_over = attempt.method == Method::Register && after.place == home(case, attempt, after);
    if starts_over || !was_there || (restarts && before.place + 1 == case.names.order().len()) {
        return None;
    }
    let text =
        format!("back to {} (packet {})", after.exchange.what(&case.names), after.exchange.first().packet());
    Some(Fault { text, skipped: false })
}

fn skipped_text(case: &Case<'_>, visit: &Visit<'_, '_>, skipped: usize) -> String {
    format!(
        "{} (packet {}) without a try at \"{}\"",
        visit.exchange.what(&case.names),
        visit.exchange.first().packet(),
        case.names.order()[skipped]
    )
}

/// Whether the server at that place may be passed over in a stretch of time.
fn may_skip_place(case: &Case<'_>, place: usize, from: Instant, at: Instant) -> bool {
    let node = case.names.node(&case.names.order()[place]);
    node.is_none_or(|node| may_skip(case, node, from, at))
}

/// Whether a server may be passed over in a stretch of time.
pub(super) fn may_skip(case: &Case<'_>, node: &Node, from: Instant, at: Instant) -> bool {
    let honours = case.profile.failover.honour_retry_after != HonourRetryAfter::Never;
    let banned = || bans(case).iter().any(|ban| node.is_at(ban.server) && ban.from <= at && at <= ban.to);
    let recently = at - case.limits.timeout(&Method::Invite) * 2;
    let refused = || {
        let tried =
            case.connects.iter().filter(|c| node.is_at(c.to) && c.at <= at && c.at >= from.max(recently));
        tried.into_iter().any(|connect| !matches!(connect.result(), Connected::Open(_)))
    };
    (honours && banned())
        || refused()
        || is_cut_off(case, node, at)
        || failed_lately(case, &node.name, recently, at)
        || watched_in_vain(case, node, at)
        || kept_out(case, node, recently, at)
}

/// Whether a server has closed the phone's connection, and the phone has asked nobody since: it may open it again, or
/// go on to the next (YL-07, CC-04).
fn is_cut_off(case: &Case<'_>, node: &Node, at: Instant) -> bool {
    let closed = case
        .closed_by_others()
        .filter(|close| node.is_at(close.other) && !close.is_refusal && close.at <= at);
    let Some(last) = closed.map(|close| close.at).max() else { return false };
    !case.client.iter().any(|exchange| !exchange.in_dialog() && exchange.t0() > last && exchange.t0() < at)
}

/// Whether a phone that watches its servers knows that one to be dead: the last that it asked there, as long
/// ago as it lets pass between two tries, has failed (CC-04).
fn watched_in_vain(case: &Case<'_>, node: &Node, at: Instant) -> bool {
    let registration = &case.profile.registration;
    if registration.method != RegistrationMethod::ActivePlusKeepalive {
        return false;
    }
    let pause_s = registration.keepalive.period_s.unwrap_or_default().max(registration.retry.max_s);
    let since = at - Span::from_secs(pause_s.into()) - case.limits.timeout(&Method::Register) * 2;
    let there = case.client.iter().filter(|e| {
        e.t0() < at && e.t0() >= since && case.names.is_node(&node.name, e.to, e.transport) && !e.in_dialog()
    });
    // What it was asked last and what it is known of: an answer that had not come yet says nothing.
    let mut known = there.filter_map(|exchange| match exchange.outcome() {
        Outcome::Final(code) => Some((exchange.final_response()?.at, code >= 500)),
        Outcome::Unreachable => Some((exchange.failures.first()?.at, true)),
        Outcome::Silence | Outcome::Provisional => {
            Some((case.patience_of(exchange).latest(case, exchange.t0()), true))
        }
    });
    let last = known.rfind(|(known, _)| *known <= at);
    let refused = case.connects.iter().rfind(|c| c.to == node.addr && c.at <= at && c.at >= since);
    last.is_some_and(|(_, failed)| failed)
        || refused.is_some_and(|connect| !matches!(connect.outcome, Connected::Open(_)))
}

/// Whether the phone registers where a call is about to go, as its profile says: wherever that is, and
/// whatever became of the REGISTER before. One that registers before any call may do so at any time.
pub(super) fn is_for_call(case: &Case<'_>, at: Instant) -> bool {
    let failover = &case.profile.failover;
    let recently = at - case.limits.timeout(&Method::Invite) * 2;
    let is_call = |e: &ClientExchange<'_>| e.method == Method::Invite && !e.in_dialog();
    let calls = || case.client.iter().any(|e| is_call(e) && e.t0() >= recently && e.t0() < at);
    failover.only_signal_with_registered || (failover.register_before_invite && calls())
}

/// Whether the phone, which registers with a server before a call goes there, has just tried in vain.
fn kept_out(case: &Case<'_>, node: &Node, from: Instant, at: Instant) -> bool {
    let mut tries = case.registrations.iter().filter(|registration| {
        let exchange = &case.client[registration.exchange];
        registration.purpose.is_attempt()
            && node.is_at(exchange.to)
            && exchange.t0() >= from
            && exchange.t0() <= at
    });
    case.profile.failover.register_before_invite
        && tries.next_back().is_some_and(|last| last.granted.is_none())
}

/// Whether the phone's last request at that server failed a short while ago, and the server is still
/// disturbed, as far as the marks tell.
fn failed_lately(case: &Case<'_>, server: &str, from: Instant, at: Instant) -> bool {
    let mut there = case.client.iter().filter(|e| {
        e.t0() < at && e.t0() >= from && case.names.is_node(server, e.to, e.transport) && !e.in_dialog()
    });
    let failed = there.next_back().is_some_and(|last| {
        matches!(last.outcome(), Outcome::Silence | Outcome::Unreachable | Outcome::Provisional)
            || last.code().is_some_and(|code| code >= 500)
    });
    failed && case.notes.is_faulty(server, at, at)
}
