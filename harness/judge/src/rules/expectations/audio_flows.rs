//! Audio flows: RTP from the phone and RTP to it (RFC 3264 section 5.1). That the far end sends some is
//! the farm's part, so its silence accuses nobody.

use sipfarm_core::Span;

use super::Asked;
use crate::audio::Stretch;
use crate::finding::Finding;
use crate::rules::RuleInfo;

pub(super) const RULE: RuleInfo = RuleInfo {
    id: "audio-flows",
    requirements: &["RFC 3264 5.1", "AM-01"],
    about: "Audio flows from the phone and to it, within the time that the step says.",
    standing: false,
};

pub(super) fn judge(asked: &Asked<'_, '_>, within: Option<Span>) -> Finding {
    let case = asked.case;
    let window = asked.window(within, asked.asked_at() + case.limits.at_once());
    let sentence = format!("audio from the phone and to it, {}", asked.show_window(window));
    let draft = asked.draft(&RULE, sentence).window(window);
    let first = |from_phone: bool| {
        let mut stretches = case.stretches(from_phone).into_iter();
        stretches.find(|stretch| stretch.from <= window.to && stretch.to.min(case.horizon) >= window.from)
    };
    // A stretch that goes on is shown by the packet that it began with.
    let show = |stretch: &Stretch| {
        let begins = stretch.from >= window.from;
        let when = if begins { asked.after(stretch.from) } else { "all the time".to_owned() };
        format!("{when} (packet {})", stretch.packets[0])
    };
    let show_packet = |stretch: &Stretch| ([stretch.packets[0]], stretch.from.max(window.from));
    match (first(true), first(false)) {
        (Some(from), Some(to)) => {
            let draft = draft.seen(format!("from the phone {}, to it {}", show(&from), show(&to)));
            [from, to]
                .iter()
                .map(show_packet)
                .fold(draft, |draft, (packet, at)| draft.packets(&packet, at))
                .pass()
        }
        (None, to) => {
            let to = to.map_or_else(|| "none either".to_owned(), |to| show(&to));
            draft.seen(format!("none from the phone; to it {to}")).fail_at(window.to)
        }
        (Some(from), None) => draft
            .seen(format!("from the phone {}, none to it", show(&from)))
            .at(window.to, |draft| draft.inconclusive("the far end has sent none")),
    }
}
