//! Every 2xx to an INVITE is acknowledged, and each of its repetitions (RFC 3261 section 13.2.2.4). Where
//! a proxy has forked the INVITE, each branch that accepts has its own ACK, told apart by the To tag.

use std::collections::BTreeSet;

use sipfarm_core::sip::Method;

use super::ack_refusal::abandoned_at;
use crate::case::{Case, SeenRef, status};
use crate::finding::{Finding, Window};
use crate::rules::Rule;
use crate::rules::acks::{Acked, acked};
use crate::rules::draft::Docket;

/// See the module.
pub struct AckAcceptance;

impl Rule for AckAcceptance {
    fn id(&self) -> &'static str {
        "ack-acceptance"
    }

    fn requirements(&self) -> &'static [&'static str] {
        &["RFC 3261 13.2.2.4"]
    }

    fn about(&self) -> &'static str {
        "Every 2xx to INVITE is acknowledged, and each of its repetitions."
    }

    fn judge(&self, case: &Case<'_>) -> Vec<Finding> {
        let mut docket = Docket::open(case, self);
        for exchange in case.client.iter().filter(|exchange| exchange.method == Method::Invite) {
            let abandoned = abandoned_at(case, exchange);
            let accepted: Vec<&SeenRef<'_>> = exchange
                .finals()
                .filter(|r| (200..300).contains(&status(r)) && exchange.is_sound(r) && r.at < abandoned)
                .collect();
            let Some(first) = accepted.first() else { continue };
            // A phone that has sent or received BYE may have forgotten the dialog.
            let bye = case.messages.iter().find(|m| m.is_request(&Method::Bye) && m.call_id == first.call_id);
            let until = (first.at + case.limits.sixty_four_t1()).min(bye.map_or(case.horizon, |bye| bye.at));
            for (response, ack) in by_branch(case, &accepted, &exchange.acks) {
                let window = Window { from: response.at, to: response.at + case.limits.at_once() };
                match ack {
                    Answered::By(packets) => docket.kept(packets),
                    Answered::Later => {}
                    _ if case.horizon <= window.to => {}
                    _ if response.packets != first.packets
                        && response.at + case.limits.reaction() >= until => {}
                    _ => {
                        let from = case.names.show(response.src, response.transport);
                        let draft =
                            docket.draft(format!("ACK to {} from {from}", response.what())).window(window);
                        let seen = format!("none for packet {}", response.packet());
                        let draft = draft.absent(seen).message(exchange.first()).message(response);
                        docket.add(draft.fail_unless_lossy("the response or the ACK may have been lost"));
                    }
                }
            }
        }
        docket.close()
    }
}

/// What became of one sending of a 2xx; see [`Acked`].
enum Answered<'a> {
    By(&'a [u32]),
    Later,
    Not,
}

/// For each sending of a 2xx, its ACK. Where there is one branch only, every ACK is for that: its tag is the
/// concern of `dialog-identifiers`.
fn by_branch<'r, 'a>(
    case: &Case<'_>,
    accepted: &[&'r SeenRef<'a>],
    acks: &[SeenRef<'a>],
) -> Vec<(&'r SeenRef<'a>, Answered<'a>)> {
    let tags: BTreeSet<&Option<String>> = accepted.iter().map(|response| &response.to_tag).collect();
    let mut all = Vec::new();
    for tag in &tags {
        let of_it: Vec<&SeenRef<'a>> = accepted.iter().filter(|r| r.to_tag == **tag).copied().collect();
        let acks: Vec<SeenRef<'a>> =
            acks.iter().filter(|ack| tags.len() == 1 || ack.to_tag == **tag).cloned().collect();
        let answered = acked(case, &of_it, &acks).into_iter().map(|ack| match ack {
            Acked::By(ack) => Answered::By(ack.packets),
            Acked::Later => Answered::Later,
            Acked::Not => Answered::Not,
        });
        all.extend(of_it.iter().copied().zip(answered));
    }
    all
}
