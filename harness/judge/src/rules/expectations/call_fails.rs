//! A call fails: every INVITE has ended without 2xx, and no other comes (YL-02c, YL-04, YL-10).

use std::collections::BTreeSet;
use std::net::SocketAddr;

use sipfarm_core::profile::OnExhausted;
use sipfarm_core::sip::Method;
use sipfarm_core::{Instant, Span};

use super::Asked;
use super::call_established::is_2xx;
use crate::case::{CONNECT_CAP, Case, ClientExchange, Connected, status};
use crate::finding::{Finding, Window};
use crate::rules::RuleInfo;
use crate::rules::draft::Draft;

pub(super) const RULE: RuleInfo = RuleInfo {
    id: "call-fails",
    requirements: &["YL-02c", "YL-04", "YL-10"],
    about: "Every INVITE ends without 2xx, with the status code of the step, and no other comes.",
    standing: false,
};

/// A call that only rings is waited for this many time-outs long: about three minutes, as a proxy's
/// timer C has it (RFC 3261 section 16.6).
const RINGS_FOR: i64 = 6;

pub(super) fn judge(asked: &Asked<'_, '_>, code: Option<u16>) -> Finding {
    let case = asked.case;
    let with = code.map_or(String::new(), |code| format!(" with {code}"));
    let draft = asked.draft(&RULE, format!("every INVITE ends without 2xx{with}, and no other comes"));
    let tries = tries(asked);
    let deadline = asked.reach(&Method::Invite, None);
    let Some(first) = tries.first().filter(|first| first.began <= deadline) else {
        return draft.at(deadline, |draft| draft.not_exercised("the phone made no call"));
    };
    // Tries count until they have all ended and as much time has passed as a next one may take.
    let mut quiet_from = first.end;
    for next in &tries {
        if next.began > quiet_from + case.limits.at_once() {
            break;
        }
        quiet_from = quiet_from.max(next.end);
    }
    let decided = quiet_from + case.limits.at_once();
    if let Some(late) = endless(asked, &tries, decided) {
        return goes_on(draft, first, late);
    }
    let counted: Vec<_> =
        tries.iter().take_while(|next| next.began <= decided).filter_map(|next| next.exchange).collect();
    let draft = draft.messages(counted.iter().map(|exchange| &**exchange.first()));
    let finals = || counted.iter().flat_map(|exchange| exchange.finals()).filter(|r| r.at <= decided);
    if let Some(accepted) = finals().find(|response| is_2xx(response)) {
        let seen = format!("{} (packet {})", accepted.what(), accepted.packet());
        let draft = draft.seen(seen).message(accepted);
        return draft.fail_unless_lossy("a refusal may not have reached the phone");
    }
    let window = Window { from: asked.since(), to: decided };
    let last = finals().max_by_key(|response| response.at);
    let draft = last.into_iter().fold(draft.throughout(window), |draft, response| draft.message(response));
    let seen = match last {
        Some(response) => {
            format!("the last final response is {} (packet {})", response.what(), response.packet())
        }
        None => "no final response".to_owned(),
    };
    let draft = draft.seen(seen);
    match code {
        Some(code) if last.map(|response| status(response)) != Some(code) => {
            draft.at(decided, |draft| draft.fail_unless_lossy("a response may have been lost"))
        }
        _ => draft.pass_at(decided),
    }
}

/// The first try that comes too late to be part of one walk along the servers, as YL-04 ends a call with:
/// each of them, and each other address that was tried, may have cost two whole time-outs, one of them for
/// the request that credentials were asked for, and as long as it rang. Without this end a phone that
/// starts over for ever would be waited for as long.
fn endless<'t, 'c, 'a>(
    asked: &Asked<'c, 'a>,
    tries: &'t [Try<'c, 'a>],
    decided: Instant,
) -> Option<&'t Try<'c, 'a>> {
    let case = asked.case;
    if case.profile.failover.on_exhausted != OnExhausted::FailCall {
        return None;
    }
    let tried: BTreeSet<SocketAddr> = tries.iter().map(|one| one.to).collect();
    let places = tried.len().max(case.names.order().len()) as i64;
    let each = case.limits.timeout(&Method::Invite) + case.limits.at_once();
    let mut until = tries.first()?.began + each * 2 * places;
    for one in tries.iter().take_while(|one| one.began <= decided) {
        if one.began > until {
            return Some(one);
        }
        let rang = one.exchange.is_some_and(|exchange| !exchange.responses.is_empty());
        until = if rang { until + (one.end - one.began) } else { until };
    }
    None
}

/// The call never fails. Connects alone may be for something else than the call.
fn goes_on(draft: Draft<'_, '_>, first: &Try<'_, '_>, late: &Try<'_, '_>) -> Finding {
    let seconds = (late.began - first.began).as_secs_f64();
    let draft = draft.seen(format!(
        "the phone still tries {seconds:.1} s after its first try, longer than one walk along its servers takes"
    ));
    match late.exchange {
        Some(exchange) => draft.message(exchange.first()).fail(),
        None => draft.inconclusive("what it connects for is not seen"),
    }
}

/// One try at a server: an INVITE, or a connect that came to nothing.
struct Try<'c, 'a> {
    to: SocketAddr,
    began: Instant,
    /// When it has ended at the latest.
    end: Instant,
    exchange: Option<&'c ClientExchange<'a>>,
}

/// The tries for a call since the trigger, and those that were under way then.
fn tries<'c, 'a>(asked: &Asked<'c, 'a>) -> Vec<Try<'c, 'a>> {
    let case = asked.case;
    let since = asked.since();
    let invites = case.client.iter().filter(|e| e.method == Method::Invite && !e.in_dialog());
    let mut tries: Vec<Try<'c, 'a>> = invites
        .map(|exchange| Try {
            to: exchange.to,
            began: exchange.t0(),
            end: end(case, exchange),
            exchange: Some(exchange),
        })
        .filter(|one| one.began >= since || one.end >= since)
        .collect();
    let connects = case.connects.iter().filter(|connect| connect.at >= since);
    tries.extend(connects.filter_map(|connect| {
        let configured = case.profile.timers.connect_timeout_ms.map(|ms| Span::from_millis(ms.into()));
        let end = match connect.result() {
            Connected::Open(_) => return None,
            Connected::Refused(at) => at.min(connect.at + configured.unwrap_or(CONNECT_CAP)),
            Connected::Unanswered => connect.at + configured.unwrap_or(CONNECT_CAP),
        };
        Some(Try { to: connect.to, began: connect.at, end, exchange: None })
    }));
    tries.sort_by_key(|one| one.began);
    tries
}

/// When an INVITE has ended at the latest. One that was answered provisionally lives until its final
/// response, or 64×T1 after its CANCEL (RFC 3261 section 9.1). What comes after that end is too late to
/// change it.
fn end(case: &Case<'_>, exchange: &ClientExchange<'_>) -> Instant {
    let timeout = case.limits.timeout(&Method::Invite);
    let mut end = case.limits.give_up(exchange.t0(), timeout).to;
    if exchange.responses.iter().any(|response| response.at <= end) {
        let cancel = case.client.iter().find(|e| e.method == Method::Cancel && e.branch == exchange.branch);
        let rings = exchange.t0() + timeout * RINGS_FOR;
        let cancelled = cancel.filter(|cancel| cancel.t0() <= rings);
        end = cancelled
            .map_or(rings, |cancel| case.limits.give_up(cancel.t0(), case.limits.sixty_four_t1()).to);
    }
    let response = exchange.final_response().map(|response| response.at).filter(|at| *at <= end);
    let failure = exchange.failures.first().map(|failure| failure.at).filter(|at| *at <= end);
    [response, failure].into_iter().flatten().min().unwrap_or(end)
}
