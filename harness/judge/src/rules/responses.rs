//! The repetition of final responses to INVITE: shared by the rules for refusals and for 2xx.

use sipfarm_core::Instant;
use sipfarm_core::sip::Method;

use super::draft::Docket;
use super::repetition::without_doubles;
use super::schedule::{Fit, fit_response, on_its_own};
use super::{Draft, Rule};
use crate::case::{Case, SeenRef, ServerExchange, status};
use crate::finding::{Finding, Window};

/// Judges the final responses of those status codes against the schedule of an unacknowledged one.
pub fn judge_repetitions(case: &Case<'_>, rule: &dyn Rule, of: impl Fn(u16) -> bool) -> Vec<Finding> {
    let mut docket = Docket::open(case, rule);
    for exchange in case.server.iter().filter(|exchange| exchange.method == Method::Invite) {
        let finals = exchange.finals();
        let Some(first) = finals.first().filter(|response| of(status(response))) else { continue };
        let draft =
            docket.draft(format!("{} repeated until its ACK", first.what())).message(exchange.first());
        let once = exchange.transport.is_reliable() && status(first) >= 300;
        let ack = exchange.acks.iter().find(|ack| ack.at >= first.at);
        let sends = on_its_own(case, exchange, &without_doubles(case, finals.iter().copied()));
        let late = late_send(case, ack, &sends);
        match (late, once) {
            (Some((ack, send)), _) => {
                let seen = format!("sent {:.3} after the ACK (packet {})", send.at - ack.at, ack.packet());
                let draft = draft.message(ack).message(send).seen(seen);
                docket.add(draft.fail_unless_lossy("the ACK may not have reached the phone"));
            }
            (None, true) if sends.len() > 1 => {
                let draft = draft.messages(finals.iter().map(|send| &***send));
                docket.add(draft.seen(format!("sent {} times over TCP", sends.len())).fail());
            }
            (None, true) => docket.kept(first.packets),
            (None, false) => judge_schedule(case, &mut docket, draft, exchange, &sends),
        }
    }
    docket.close()
}

/// A send that came although the ACK must have reached the phone.
fn late_send<'s, 'a>(
    case: &Case<'_>,
    ack: Option<&'s SeenRef<'a>>,
    finals: &[&'s SeenRef<'a>],
) -> Option<(&'s SeenRef<'a>, &'s SeenRef<'a>)> {
    let ack = ack?;
    let send = finals.iter().find(|send| send.at > ack.at + case.limits.reaction())?;
    Some((ack, send))
}

fn judge_schedule(
    case: &Case<'_>,
    docket: &mut Docket<'_, '_>,
    draft: Draft<'_, '_>,
    exchange: &ServerExchange<'_>,
    sends: &[&SeenRef<'_>],
) {
    let t0 = sends[0].at;
    let shown = |window: Window| format!("{:.3} to {:.3}", window.from - t0, window.to - t0);
    let sent = exchange.finals();
    let draft = draft.messages(sent.iter().map(|send| &***send));
    match fit_response(case, sends) {
        Fit::TooMany(at) => {
            let seen = format!("send {} came {:.3} after the first", at + 1, sends[at].at - t0);
            docket.add(draft.seen(seen).fail_unless_lossy("the network may have doubled some"));
        }
        Fit::Not(at, window) => {
            let seen = format!(
                "send {} came {:.3} after the first, allowed {}",
                at + 1,
                sends[at].at - t0,
                shown(window)
            );
            let draft = draft.seen(seen).window(window);
            docket.add(match case.keeps_time(exchange.transport) {
                true => draft.fail(),
                false => draft.inconclusive("over TCP what was lost comes late"),
            });
        }
        Fit::All(Some(due)) if due.to < case.horizon && !may_stop(case, exchange, t0, due.to) => {
            let seen = format!("sent {} times; the next was due {}", sends.len(), shown(due));
            docket
                .add(draft.absent(seen).window(due).fail_unless_lossy("it, or the ACK, may have been lost"));
        }
        Fit::All(_) if sends.len() > 1 => docket.kept(sent[sent.len() - 1].packets),
        Fit::All(_) => {}
    }
}

/// Whether something ended the repetitions before that instant: the ACK, the end of the call, an ICMP
/// error, or a command.
fn may_stop(case: &Case<'_>, exchange: &ServerExchange<'_>, t0: Instant, due: Instant) -> bool {
    let call_id = exchange.first().call_id;
    let bye =
        || case.messages.iter().any(|m| m.is_request(&Method::Bye) && m.call_id == call_id && m.at <= due);
    let unreachable =
        || case.unreachable.iter().any(|(at, node)| *node == exchange.from && *at >= t0 && *at <= due);
    exchange.acks.iter().any(|ack| ack.at <= due)
        || bye()
        || unreachable()
        || case.interrupted(t0, due)
        || !case.sight.frames && exchange.transport.is_reliable()
}
