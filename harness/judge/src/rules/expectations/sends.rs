//! The phone sends a new request to a node in time (YL-01, YL-02, YL-13).

use sipfarm_core::Span;
use sipfarm_core::sip::Method;

use super::{Asked, near};
use crate::finding::Finding;
use crate::rules::RuleInfo;

pub(super) const RULE: RuleInfo = RuleInfo {
    id: "sends",
    requirements: &["YL-01", "YL-02", "YL-13"],
    about: "The phone sends a new request of the method to the node, not later than the step or the profile says.",
    standing: false,
};

pub(super) fn judge(asked: &Asked<'_, '_>, method: &Method, node: &str, within: Option<Span>) -> Finding {
    let case = asked.case;
    let window = asked.window(within, asked.reach(method, Some(node)));
    let sentence = format!("{method} to {}, {}", asked.node(node), asked.show_window(window));
    let draft = asked.draft(&RULE, sentence).window(window);
    let request = match method {
        Method::Ack => asked.acks(Some(node)).next(),
        _ => asked.first_request(method, node).map(|exchange| exchange.first()),
    };
    let nearest = || near::requests(case, Some(method), Some(node), window);
    let Some(request) = request else {
        return draft.seen("no such request").nearest(nearest()).fail_at(window.to);
    };
    let seen = format!("{} (packet {})", asked.after(request.at), request.packet());
    if request.at <= window.to {
        return draft.seen(seen).message(request).pass();
    }
    let late = request.at - window.to;
    let draft = draft.seen(format!("{seen}, late by {late:.2}")).message(request).nearest(nearest());
    draft.fail_unless_lossy("earlier sends of it may have been lost")
}
