//! A request of the phone has a header field (RFC 3261 section 7.3).

use sipfarm_core::Span;
use sipfarm_core::sip::Method;

use super::{Asked, near};
use crate::case::Seen;
use crate::finding::Finding;
use crate::rules::RuleInfo;

pub(super) const RULE: RuleInfo = RuleInfo {
    id: "carries",
    requirements: &["RFC 3261 7.3"],
    about: "The phone sends a request of the method to the node with that header field, not later than the step or the profile says.",
    standing: false,
};

/// What a step asks for.
pub(super) struct Header<'c> {
    pub name: &'c str,
    /// Its whole text, or one of the values in it; any when `None`.
    pub value: Option<&'c str>,
}

impl Header<'_> {
    fn stands_in(&self, request: &Seen<'_>) -> bool {
        let mut fields = request.message.fields(self.name).map(|field| field.value.trim());
        match self.value {
            None => fields.next().is_some(),
            Some(value) => {
                fields.any(|text| text == value) || request.message.values(self.name).contains(&value)
            }
        }
    }

    fn show(&self) -> String {
        self.value.map_or_else(|| self.name.to_owned(), |value| format!("{}: {value}", self.name))
    }

    /// What stands in its place.
    fn instead(&self, request: &Seen<'_>) -> String {
        let values: Vec<&str> = request.message.fields(self.name).map(|field| field.value.trim()).collect();
        let packet = request.packet();
        match values[..] {
            [] => format!("{} without {} (packet {packet})", request.what(), self.name),
            _ => format!("{} with {}: {} (packet {packet})", request.what(), self.name, values.join(", ")),
        }
    }
}

pub(super) fn judge(
    asked: &Asked<'_, '_>,
    method: &Method,
    node: &str,
    header: &Header<'_>,
    within: Option<Span>,
) -> Finding {
    let window = asked.window(within, asked.reach(method, Some(node)));
    let sentence =
        format!("{method} to {} with {}, {}", asked.node(node), header.show(), asked.show_window(window));
    let draft = asked.draft(&RULE, sentence).window(window);
    // Repetitions and answers to a challenge count, too: the field may come with them.
    let requests = || {
        asked.case.messages.iter().filter(|message| {
            message.is_request(method)
                && message.at >= window.from
                && message.at <= window.to
                && asked.case.names.is_phone(message.src)
                && asked.comes_from(message.dst, message.transport, node)
        })
    };
    if let Some(request) = requests().find(|request| header.stands_in(request)) {
        let seen = format!("{} (packet {})", asked.after(request.at), request.packet());
        return draft.seen(seen).message(request).pass();
    }
    let nearest = near::requests(asked.case, Some(method), Some(node), window);
    let draft = match requests().next() {
        None => draft.seen("no such request").nearest(nearest),
        Some(request) => draft.seen(header.instead(request)).message(request),
    };
    draft.fail_at(window.to)
}
