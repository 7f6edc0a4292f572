//! One transaction is sent exactly so many times (RFC 3261 section 17.1; YL-03b, YL-11).

use sipfarm_core::Span;
use sipfarm_core::sip::Method;

use super::Asked;
use crate::finding::{Finding, Window};
use crate::rules::RuleInfo;
use crate::rules::repetition::without_doubles;

pub(super) const RULE: RuleInfo = RuleInfo {
    id: "transmissions",
    requirements: &["YL-03b", "YL-11", "RFC 3261 17.1.1.2", "RFC 3261 17.1.2.2"],
    about: "One transaction is sent exactly as often as the step says.",
    standing: false,
};

pub(super) fn judge(
    asked: &Asked<'_, '_>,
    method: &Method,
    node: &str,
    count: usize,
    quiet: Span,
) -> Finding {
    let sentence = format!("{method} to {} sent {count} times, then not for {quiet}", asked.node(node));
    let draft = asked.draft(&RULE, sentence);
    let exchange = match asked.subject(&draft, method, node) {
        Ok(exchange) => exchange,
        Err(finding) => return *finding,
    };
    // Only what comes within `quiet` of the send before belongs to the series.
    let sends = without_doubles(asked.case, &exchange.sends);
    let pause = sends.windows(2).position(|pair| pair[1].at - pair[0].at > quiet);
    let series = &sends[..pause.map_or(sends.len(), |at| at + 1)];
    let counted = &series[..series.len().min(count + 1)];
    let last = counted[counted.len() - 1].at;
    let window = Window { from: last, to: last + quiet };
    let draft =
        draft.messages(counted.iter().map(|send| &***send)).seen(format!("sent {} times", series.len()));
    match counted.len() {
        made if made > count => draft.fail_unless_lossy("the network may have doubled it"),
        made if made == count => draft.throughout(window).pass_at(window.to),
        _ => draft.throughout(window).fail_at(window.to),
    }
}
