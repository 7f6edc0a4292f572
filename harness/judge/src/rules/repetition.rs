//! The repetition of requests over UDP: shared by the rules for INVITE and for other methods.

use sipfarm_core::Instant;
use sipfarm_core::machine::Transport;
use sipfarm_core::sip::Method;

use super::draft::Docket;
use super::schedule::{Fit, fit};
use super::{Draft, Rule};
use crate::case::{Case, ClientExchange, SeenRef, status};
use crate::finding::{Finding, Window};

/// On a lossy tap, the loss of this many packets is explanation enough.
pub const LOST_AT_MOST: usize = 2;

/// Judges every exchange of those methods over UDP against its schedule.
pub fn judge_schedule(case: &Case<'_>, rule: &dyn Rule, of: impl Fn(&Method) -> bool) -> Vec<Finding> {
    let mut docket = Docket::open(case, rule);
    let exchanges = case.client.iter().filter(|e| e.transport == Transport::Udp && of(&e.method));
    for exchange in exchanges {
        let mut sends = without_doubles(case, &exchange.sends);
        sends.retain(|send| !is_too_late(case, exchange, send.at));
        let times: Vec<Instant> = sends.iter().map(|send| send.at).collect();
        let expected = format!("{} on the schedule of RFC 3261", exchange.what(&case.names));
        let draft = docket.draft(expected).messages(sends.iter().map(|send| &***send));
        match fit(case, exchange, &times) {
            Fit::TooMany(_) => {} // `transmission-count` says so.
            Fit::Not(at, window) => docket.add(misfit(draft, exchange.t0(), at, times[at], window)),
            Fit::All(next) => {
                let due =
                    next.filter(|next| next.to < case.horizon && may_stop(case, exchange, next).is_none());
                match due {
                    Some(due) => docket.add(missing(case, draft, exchange, due)),
                    None if times.len() > 1 => {
                        let packets: Vec<u32> = sends.iter().map(|send| send.packet()).collect();
                        docket.kept(&packets);
                    }
                    None => {}
                }
            }
        }
    }
    docket.close()
}

/// The sends without those that the network may have doubled on its way to a lossy tap: the same
/// octets almost at once.
pub fn without_doubles<'e, 'a: 'e>(
    case: &Case<'_>,
    sends: impl IntoIterator<Item = &'e SeenRef<'a>>,
) -> Vec<&'e SeenRef<'a>> {
    let mut kept: Vec<&SeenRef<'a>> = Vec::new();
    for send in sends {
        let doubled = |last: &&SeenRef<'a>| {
            send.at - last.at <= case.limits.same_instant() && send.message.raw == last.message.raw
        };
        if case.sees_all() || !kept.last().is_some_and(doubled) {
            kept.push(send);
        }
    }
    kept
}

/// What must have ended an exchange for certain: from then on, sends are other rules' business. For
/// INVITE that is any response, for other methods a final one.
pub fn ending_response<'e, 'a>(exchange: &'e ClientExchange<'a>) -> Option<&'e SeenRef<'a>> {
    let least = if exchange.method == Method::Invite { 100 } else { 200 };
    let sound = |response: &&SeenRef<'a>| exchange.is_sound(response) && status(response) >= least;
    exchange.responses.iter().find(sound)
}

/// Whether a send came after a response that must have stopped it, or after the time-out.
fn is_too_late(case: &Case<'_>, exchange: &ClientExchange<'_>, at: Instant) -> bool {
    let stopped = ending_response(exchange).is_some_and(|r| at > r.at + case.limits.reaction());
    let over = case.limits.give_up(exchange.t0(), case.timeout_of(exchange)).to;
    (stopped && case.sees_all()) || at > over
}

fn misfit(draft: Draft<'_, '_>, t0: Instant, send: usize, at: Instant, window: Window) -> Finding {
    let seen = format!(
        "send {} came {:.3} after the first, allowed {:.3} to {:.3}",
        send + 1,
        at - t0,
        window.from - t0,
        window.to - t0
    );
    draft.seen(seen).window(window).fail()
}

fn missing(case: &Case<'_>, draft: Draft<'_, '_>, exchange: &ClientExchange<'_>, due: Window) -> Finding {
    let seen = format!(
        "only {} of {} sends; the next was due {:.3} to {:.3} after the first, and nothing stopped it",
        exchange.sends.len(),
        case.slots_of(exchange).len(),
        due.from - exchange.t0(),
        due.to - exchange.t0()
    );
    let draft = draft.absent(seen).window(due);
    if !case.sight.frames {
        return draft.inconclusive("without frames an ICMP error cannot be excluded");
    }
    draft.fail_unless_lossy("it, or what stopped it, may have been lost")
}

/// Why a phone may not have made the send that was due in that window, if there is a reason.
fn may_stop(case: &Case<'_>, exchange: &ClientExchange<'_>, due: &Window) -> Option<&'static str> {
    let least = if exchange.method == Method::Invite { 100 } else { 200 };
    let retry_rule_allows = || exchange.sends.len() >= case.fewest_sends(exchange);
    let elsewhere = || {
        let attempt =
            case.client.iter().position(|e| std::ptr::eq(e, exchange)).and_then(|at| case.attempt_of(at));
        let others = attempt.into_iter().flat_map(|attempt| &attempt.exchanges).map(|&at| &case.client[at]);
        others.filter(|other| other.t0() > exchange.t0()).any(|other| other.t0() <= due.to)
    };
    match () {
        () if exchange.responses.iter().any(|r| status(r) >= least && r.at <= due.to) => Some("a response"),
        () if exchange.failures.iter().any(|failure| failure.at <= due.to) => Some("a transport failure"),
        () if case.interrupted(exchange.t0(), due.to) => Some("a command"),
        () if retry_rule_allows() => Some("the retry rule of the profile"),
        () if elsewhere() => Some("the next server; `give-up` says whether in time"),
        () => None,
    }
}
