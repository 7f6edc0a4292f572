//! The phone acknowledges every repetition of a final response to its INVITE for the life of timer D
//! (RFC 3261 section 17.1.1.2), of a 2xx for 64×T1 (section 13.2.2.4).

use sipfarm_core::Span;
use sipfarm_core::machine::Transport;
use sipfarm_core::sip::Method;

use super::{Asked, near};
use crate::case::status;
use crate::finding::{Finding, Window};
use crate::rules::RuleInfo;
use crate::rules::acks::match_acks;

pub(super) const RULE: RuleInfo = RuleInfo {
    id: "acknowledges-every",
    requirements: &["RFC 3261 17.1.1.2", "RFC 3261 13.2.2.4"],
    about: "The phone acknowledges a final response as often as it comes, as long as timer D runs.",
    standing: false,
};

pub(super) fn judge(asked: &Asked<'_, '_>, node: &str, code: u16, at_least: usize) -> Finding {
    let case = asked.case;
    let sentence = format!("ACK for each {code} to INVITE from {}, {at_least} times", asked.node(node));
    let draft = asked.draft(&RULE, sentence);
    let here = case.client.iter().filter(|e| e.method == Method::Invite && asked.goes_to(e, node));
    let refused = here.filter_map(|exchange| {
        let refusals = || exchange.finals().filter(|response| status(response) == code);
        refusals().find(|response| response.at >= asked.since()).map(|response| (response.at, exchange))
    });
    let deadline = asked.reach(&Method::Invite, Some(node)) + case.limits.timeout(&Method::Invite);
    let earliest = refused.min_by_key(|(at, _)| *at).filter(|(at, _)| *at <= deadline);
    let Some((_, exchange)) = earliest else {
        return draft.at(deadline, |draft| draft.inconclusive(&format!("the node sent no {code} to INVITE")));
    };
    let finals: Vec<_> = exchange.finals().filter(|response| status(response) == code).collect();
    let first = finals[0].at;
    let life = match exchange.transport {
        _ if code < 300 => case.limits.sixty_four_t1(),
        Transport::Udp => Span::from_millis(case.profile.timers.d_ms.into()),
        Transport::Tcp | Transport::Tls => Span::ZERO,
    };
    let over = first + life + case.limits.at_once();
    let finals: Vec<_> = finals.into_iter().filter(|response| response.at <= over).collect();
    let wanted = &finals[..finals.len().min(at_least)];
    let acks = match_acks(wanted, &exchange.acks);
    for (response, ack) in wanted.iter().zip(&acks) {
        let window = Window { from: response.at, to: response.at + case.limits.at_once() };
        let in_life = response.at == first || response.at + case.limits.reaction() < first + life;
        if in_life && ack.is_none_or(|ack| ack.at > window.to) {
            let stray = exchange
                .acks
                .iter()
                .map(|ack| (&**ack, "belongs to another repetition, or is late".to_owned()));
            let nearest = near::messages(case, stray.collect::<Vec<_>>());
            let draft = draft.message(response).window(window).nearest(nearest);
            let draft = draft.absent(format!("no ACK for packet {}", response.packet()));
            return draft.at(window.to, |draft| {
                draft.fail_unless_lossy("the ACK or the response may have been lost")
            });
        }
    }
    let draft = draft.messages(wanted.iter().map(|response| &***response));
    let draft = draft.messages(acks.iter().flatten().map(|ack| &***ack));
    if wanted.len() == at_least {
        return draft.seen(format!("{at_least} times, each acknowledged")).pass();
    }
    let seen = format!("the node sent it only {} times", wanted.len());
    draft.at(over, |draft| draft.inconclusive(&seen))
}
