//! Audio keeps flowing: no gap in either direction that is longer than the profile lets pass
//! (`tol.rtp_gap` of the catalogue; AM-01, AM-05).

use sipfarm_core::{Instant, Span};

use super::Asked;
use crate::case::Gap;
use crate::finding::{Finding, Window};
use crate::rules::RuleInfo;

pub(super) const RULE: RuleInfo = RuleInfo {
    id: "audio-keeps-flowing",
    requirements: &["AM-01", "AM-05"],
    about: "Audio flows from the phone and to it without a gap, for as long as the step says.",
    standing: false,
};

pub(super) fn judge(asked: &Asked<'_, '_>, during: Span) -> Finding {
    let case = asked.case;
    let window = Window { from: asked.asked_at(), to: asked.asked_at() + during };
    let longest = Span::from_millis(case.profile.tolerance.rtp_gap_ms.into()) + case.limits.latency();
    let sentence = format!(
        "audio from the phone and to it without a gap of more than {longest:.2}, {}",
        asked.show_window(window)
    );
    let draft = asked.draft(&RULE, sentence).window(window);
    // What is not known yet is no gap; one that is over is one, whatever comes.
    let known = window.to.min(case.horizon);
    let gap = |from_phone: bool| case.gap(from_phone, window.from, known, longest);
    let show = |gap: Gap| {
        let seconds = |at: Instant| asked.after(at);
        format!("none for {:.2}, from {} to {}", gap.to - gap.from, seconds(gap.from), seconds(gap.to))
    };
    if let Some(own) = gap(true) {
        let packets: Vec<u32> = case
            .stretches(true)
            .iter()
            .flat_map(|stretch| [(stretch.to, stretch.packets[1]), (stretch.from, stretch.packets[0])])
            .filter(|(at, _)| *at == own.from || *at == own.to)
            .map(|(_, packet)| packet)
            .collect();
        let draft = draft.seen(format!("from the phone {}", show(own))).packets(&packets, own.to);
        return draft.fail_unless_lossy("so many packets may have been lost");
    }
    if let Some(theirs) = gap(false) {
        // Until the end, the phone may still leave a gap of its own.
        let draft = draft.seen(format!("to the phone {}", show(theirs)));
        return draft.at(window.to, |draft| draft.inconclusive("the far end has sent none"));
    }
    draft.seen("no such gap").pass_at(window.to)
}
