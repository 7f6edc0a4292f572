//! The phone sends no audio, to anybody or through a node (AM-03, AM-23).

use sipfarm_core::Span;
use sipfarm_core::machine::Transport;

use super::Asked;
use crate::finding::{Finding, Window};
use crate::rules::RuleInfo;

pub(super) const SILENT: RuleInfo = RuleInfo {
    id: "sends-no-audio",
    requirements: &["AM-23", "RFC 3264 8.4"],
    about: "The phone sends no audio for as long as the step says.",
    standing: false,
};

pub(super) const PAST: RuleInfo = RuleInfo {
    id: "audio-past-node",
    requirements: &["AM-03"],
    about: "No audio of the phone passes through the node.",
    standing: false,
};

/// From the step on, and for as long as it says.
pub(super) fn judge(asked: &Asked<'_, '_>, during: Span) -> Finding {
    let case = asked.case;
    let window = Window { from: asked.asked_at() + case.limits.reaction(), to: asked.asked_at() + during };
    let draft = asked
        .draft(&SILENT, format!("no audio from the phone, {}", asked.show_window(window)))
        .forbidden(window);
    let known = window.to.min(case.horizon);
    let stretches = case.stretches(true);
    match stretches.iter().find(|stretch| stretch.touches(window.from, known)) {
        Some(stretch) => {
            let at = stretch.from.max(window.from);
            let seen = format!("audio {} (from packet {} on)", asked.after(at), stretch.packets[0]);
            let draft = draft.seen(seen).packets(&stretch.packets, at);
            draft.fail_unless_lossy("what forbids it may not have reached the phone")
        }
        None => draft.seen("none").pass_at(window.to),
    }
}

/// From the trigger until the step.
pub(super) fn judge_past(asked: &Asked<'_, '_>, node: &str) -> Finding {
    let case = asked.case;
    let window = Window { from: asked.since(), to: asked.asked_at() };
    let sentence = format!("no audio from or to {}, {}", asked.node(node), asked.show_window(window));
    let draft = asked.draft(&PAST, sentence).forbidden(window);
    let host = case.names.node(node).map(|node| node.addr.ip());
    let passes = |from_phone: bool| {
        let mut streams = case.audio(from_phone).filter(move |stream| {
            let other = if from_phone { stream.dst } else { stream.src };
            Some(other.ip()) == host
        });
        let at_a_time = |stretch: &&crate::audio::Stretch| stretch.touches(window.from, window.to);
        streams.find_map(move |stream| Some((stream, stream.stretches.iter().find(at_a_time)?)))
    };
    let ears = case.ears();
    if let Some((stream, stretch)) = passes(true) {
        let seen = format!("the phone sends audio to {}", case.names.show(stream.dst, Transport::Udp));
        let draft = draft.seen(seen).packets(&stretch.packets, stretch.from.max(window.from));
        if ears.iter().any(|ear| ear.to == Some(stream.dst)) {
            return draft.inconclusive("a session description said so: the node is in the way of the audio");
        }
        return match ears.iter().any(|ear| ear.to.is_none()) {
            true => draft.inconclusive("a session description leaves open where the audio goes"),
            false => draft.fail(),
        };
    }
    if let Some((_, stretch)) = passes(false) {
        let draft = draft.packets(&stretch.packets, stretch.from.max(window.from));
        return draft.seen("audio from there").inconclusive("the node is in the way of the audio");
    }
    draft.seen("none").pass_at(window.to)
}
