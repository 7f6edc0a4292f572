//! Audio keeps flowing: no gap in either direction that is longer than the profile lets pass
//! (`tol.rtp_gap` of the catalogue; AM-01, AM-05).
//!
//! A phone that is a program on our own machine stands still when the machine does, and so do we: where
//! the far end's packets, which are ours, pause for a comparable time within a second of the gap, nobody
//! knows whose fault the gap is.

use sipfarm_core::{Instant, Span};

use super::Asked;
use crate::audio::Stretch;
use crate::case::{Case, Gap};
use crate::finding::{Finding, Window};
use crate::rules::{Draft, RuleInfo};

pub(super) const RULE: RuleInfo = RuleInfo {
    id: "audio-keeps-flowing",
    requirements: &["AM-01", "AM-05"],
    about: "Audio flows from the phone and to it without a gap, for as long as the step says.",
    standing: false,
};

/// How far from the phone's gap a pause of ours may lie to have the same cause.
const NEAR: Span = Span::from_secs(1);

pub(super) const OF_CALL: RuleInfo = RuleInfo {
    id: "call-keeps-audio",
    requirements: &["AM-22", "PA-09"],
    about: "Audio of the call flows from the phone and to it without a gap, for as long as the step says.",
    standing: false,
};

/// Of one call, or of all.
pub(super) fn judge(asked: &Asked<'_, '_>, call: Option<&str>, during: Span) -> Finding {
    let case = asked.case;
    let rule = if call.is_some() { &OF_CALL } else { &RULE };
    let window = Window { from: asked.asked_at(), to: asked.asked_at() + during };
    let longest = Span::from_millis(case.profile.tolerance.rtp_gap_ms.into()) + case.limits.latency();
    let of_call = call.map(|name| format!(" of call \"{name}\"")).unwrap_or_default();
    let sentence = format!(
        "audio{of_call} from the phone and to it without a gap of more than {longest:.2}, {}",
        asked.show_window(window)
    );
    let draft = asked.draft(rule, sentence).throughout(window);
    // What is not known yet is no gap; one that is over is one, whatever comes.
    let known = window.to.min(case.horizon);
    let call_id = call.map(|name| case.call_named(name));
    if call_id == Some(None) {
        return draft.inconclusive("no INVITE of that call was seen");
    }
    let has_agreed = |id: &str| case.agreements().iter().any(|agreement| agreement.call_id() == id);
    if call_id.flatten().is_some_and(|id| !has_agreed(id)) {
        let why = "where the two sides of that call hear each other, no session description has said in full";
        return draft.at(window.to, |draft| draft.inconclusive(why));
    }
    let heard = |from_phone: bool| match call_id.flatten() {
        Some(call_id) => case.stretches_of(call_id, from_phone),
        None => case.stretches(from_phone),
    };
    let gap = |from_phone: bool| Gap::first(&heard(from_phone), window.from, known, longest);
    let show = |gap: Gap| {
        let seconds = |at: Instant| asked.after(at);
        format!("none for {:.2}, from {} to {}", gap.to - gap.from, seconds(gap.from), seconds(gap.to))
    };
    if let Some(own) = gap(true) {
        let packets: Vec<u32> = heard(true)
            .iter()
            .flat_map(|stretch| [(stretch.to, stretch.packets[1]), (stretch.from, stretch.packets[0])])
            .filter(|(at, _)| *at == own.from || *at == own.to)
            .map(|(_, packet)| packet)
            .collect();
        let draft = draft.seen(format!("from the phone {}", show(own))).packets(&packets, own.to);
        let accused = |draft: Draft<'_, '_>| draft.fail_unless_lossy("so many packets may have been lost");
        if !on_our_machine(case) {
            return accused(draft);
        }
        // What we did in the second after the gap began to count is known then, and not before.
        let decided = own.from + longest + NEAR;
        return draft.at(decided, |draft| match own_pause(case, own.from, decided) {
            Some(pause) => draft.inconclusive(&format!(
                "the far end's packets paused for {pause:.2} at that time, too: the machine that it shares with the phone was late"
            )),
            None => accused(draft),
        });
    }
    if let Some(theirs) = gap(false) {
        // Until the end, the phone may still leave a gap of its own.
        let draft = draft.seen(format!("to the phone {}", show(theirs)));
        return draft.at(window.to, |draft| draft.inconclusive("the far end has sent none"));
    }
    draft.seen("no such gap").pass_at(window.to)
}

/// Whether the phone runs on the same machine as the farm.
fn on_our_machine(case: &Case<'_>) -> bool {
    case.notes.scene.is_some_and(|scene| scene.net == "loopback")
}

/// The longest pause of what the far end sends within a second of the phone's gap, if both were over by
/// `decided` and ours is at least half as long as the gap. A far end that was silent for longer has stopped.
fn own_pause(case: &Case<'_>, gap_from: Instant, decided: Instant) -> Option<Span> {
    let goes_on = case.stretches(true).iter().map(|stretch| stretch.from).find(|from| *from > gap_from)?;
    let ours: Vec<Stretch> = case.stretches(false);
    let mut heard_until: Option<Instant> = None;
    let mut longest: Option<Span> = None;
    for stretch in ours.iter().filter(|stretch| stretch.from <= decided) {
        if let Some(until) = heard_until.filter(|until| *until >= gap_from - NEAR) {
            longest = longest.max(Some(stretch.from - until));
        }
        heard_until = heard_until.max(Some(stretch.to));
    }
    let gap = goes_on - gap_from;
    longest.filter(|pause| goes_on <= decided && *pause * 2 >= gap && *pause <= NEAR)
}
