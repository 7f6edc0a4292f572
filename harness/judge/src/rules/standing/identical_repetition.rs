//! A repetition is the message that was sent before, once more (RFC 3261 section 17.1.1.2): the same
//! octets.

use sipfarm_core::machine::Transport;

use crate::case::{Case, Seen};
use crate::finding::Finding;
use crate::rules::Rule;
use crate::rules::draft::Docket;

/// See the module.
pub struct IdenticalRepetition;

impl Rule for IdenticalRepetition {
    fn id(&self) -> &'static str {
        "identical-repetition"
    }

    fn requirements(&self) -> &'static [&'static str] {
        &["RFC 3261 17.1.1.2"]
    }

    fn about(&self) -> &'static str {
        "A repeated request is the same, octet for octet."
    }

    fn judge(&self, case: &Case<'_>) -> Vec<Finding> {
        let mut docket = Docket::open(case, self);
        for exchange in case.client.iter().filter(|e| e.transport == Transport::Udp && e.sends.len() > 1) {
            let first = exchange.first();
            match exchange.sends.iter().find(|send| send.message.raw != first.message.raw) {
                Some(other) => {
                    let draft = docket.draft(format!(
                        "each {} as in packet {}",
                        exchange.what(&case.names),
                        first.packet()
                    ));
                    let seen = format!("packet {} differs in {}", other.packet(), difference(first, other));
                    docket.add(draft.seen(seen).message(first).message(other).fail());
                }
                None => docket.kept(exchange.last().packets),
            }
        }
        docket.close()
    }
}

/// The first part in which two messages differ.
fn difference(first: &Seen<'_>, other: &Seen<'_>) -> String {
    if first.message.start != other.message.start {
        return "its first line".to_owned();
    }
    let pairs = first.message.headers.iter().zip(&other.message.headers);
    let differs =
        pairs.filter(|(a, b)| a.name != b.name || a.value != b.value).map(|(a, _)| a.name.clone()).next();
    match differs {
        Some(name) => name,
        None if first.message.headers.len() != other.message.headers.len() => "its header fields".to_owned(),
        None if first.message.body != other.message.body => "its body".to_owned(),
        None => "its spelling".to_owned(),
    }
}
