//! The harness's marks, sorted.

use std::net::IpAddr;

use sipfarm_core::{Answer, Instant, Key, Span};

use crate::mark::{Cast, Command, Expected, Mark, Scene, Which, Witness};
use crate::timeline::{EventKind, FaultWindow, Timeline};

/// How far apart the marks of one and the same doing may lie.
pub const MOMENT: Span = Span::from_millis(50);

/// What the harness noted, by kind.
#[derive(Debug, Clone, Default)]
pub struct Notes<'a> {
    /// Who is who.
    pub scene: Option<&'a Scene>,
    /// Who is who, as somebody says who audits a capture without a scene.
    pub cast: Option<&'a Cast>,
    /// The addresses of the second phone; empty where there is none.
    pub second_phone: &'a [IpAddr],
    /// Faults with their time.
    pub faults: Vec<FaultWindow<'a>>,
    /// Commands that were given to the phone.
    pub commands: Vec<(Instant, &'a Command)>,
    /// Those of them of which nobody heard that the phone took them.
    pub unconfirmed: Vec<(Instant, &'a Command)>,
    /// Commands that could not be given, with the reason.
    pub failed_commands: Vec<(Instant, &'a str, &'a str)>,
    /// Stretches in which the harness was not fit to judge.
    pub troubles: Vec<Trouble<'a>>,
    /// Stretches in which somebody of ours was served late.
    pub late: Vec<Trouble<'a>>,
    /// The names of calls, each with its Call-ID.
    pub calls: Vec<(&'a str, &'a str)>,
    /// Conditions that did not come to pass.
    pub unmet: Vec<(Instant, &'a str)>,
    /// Expectations, each with the time at which its step began.
    pub expected: Vec<(Instant, &'a Expected)>,
    /// What somebody at the phone was asked.
    pub observed: Vec<Observed<'a>>,
    /// Steps: when each began, and its line in the feature file.
    pub steps: Vec<(Instant, u32)>,
    /// What steps have done to the phone and to the farm.
    pub done: Vec<Done<'a>>,
    /// When the scenario was over.
    pub end: Option<Instant>,
}

/// What a step has done to the phone or to the farm.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Done<'a> {
    /// When.
    pub at: Instant,
    /// The line of the step.
    pub line: Option<u32>,
    /// What, in words.
    pub what: String,
    /// The key of the phone that it was, if it was one.
    pub key: Option<&'a Command>,
}

/// What came of a question to somebody at the phone.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Observed<'a> {
    /// The number of the expectation that wanted to know.
    pub expected: u32,
    /// What came of it.
    pub answer: &'a Answer,
    /// Who was asked.
    pub by: Witness,
    /// When that was over.
    pub at: Instant,
    /// The packets that hold the note of it.
    pub packets: &'a [u32],
}

/// A stretch in which the harness was not fit to judge.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Trouble<'a> {
    /// What was wrong.
    pub what: &'a str,
    /// From when …
    pub from: Instant,
    /// … until when.
    pub to: Instant,
}

impl<'a> Notes<'a> {
    /// The line of the step that was under way then.
    pub fn line_at(&self, at: Instant) -> Option<u32> {
        self.steps.iter().rev().find(|(begun, _)| *begun <= at).map(|&(_, line)| line)
    }

    pub(super) fn read(timeline: &'a Timeline, which: Which) -> Self {
        let mut notes = Notes { faults: timeline.faults(), ..Notes::default() };
        let marks = timeline.events().iter().filter_map(|event| match &event.kind {
            EventKind::Mark(mark) => Some((event, mark)),
            _ => None,
        });
        for (event, mark) in marks {
            let at = event.at;
            let Some(mark) = of_phone(mark, which) else { continue };
            match mark {
                Mark::Scenario(scene) => notes.scene = Some(scene),
                Mark::Cast(cast) => notes.cast = Some(cast),
                Mark::SecondPhone { addresses } => notes.second_phone = addresses,
                Mark::OfSecondPhone { .. } => {}
                Mark::Step { line, .. } => notes.steps.push((at, *line)),
                Mark::Command { command, unconfirmed } => {
                    notes.note(at, format!("\"{command}\""), Some(command));
                    notes.commands.push((at, command));
                    notes.unconfirmed.extend(unconfirmed.then_some((at, command)));
                }
                Mark::CommandFailed { command, reason } => notes.failed_commands.push((at, command, reason)),
                // They hold for whoever speaks with the node, and stand in `faults`.
                Mark::Fault { node, fault, on } => notes.note(at, show_fault(node, fault, *on), None),
                Mark::CallNamed { name, call_id } => notes.calls.push((name, call_id)),
                Mark::Observed { expected, answer, by, .. } => notes.observed.push(Observed {
                    expected: *expected,
                    answer,
                    by: *by,
                    at,
                    packets: &event.packets,
                }),
                Mark::Expect(expected) => notes.expected.push((at, expected)),
                // Without a beginning, everything from the mark on is in doubt.
                Mark::Trouble { what, since: None } => {
                    notes.troubles.push(Trouble { what, from: at, to: Instant::FAR_FUTURE });
                }
                Mark::Trouble { what, since: Some(since) } => {
                    notes.troubles.push(Trouble { what, from: *since, to: at });
                }
                Mark::Late { who, since } => {
                    notes.late.push(Trouble { what: who, from: *since, to: at });
                }
                // The scene says what it does to our sight.
                Mark::Link { .. } => {}
                // What it means for the phone shows in packets.
                Mark::Noted { .. } => {}
                Mark::Unmet { precondition } => notes.unmet.push((at, precondition)),
                Mark::End => notes.end = Some(at),
            }
        }
        notes
    }

    fn note(&mut self, at: Instant, what: String, key: Option<&'a Command>) {
        let line = self.steps.last().map(|&(_, line)| line);
        self.done.push(Done { at, line, what, key });
    }

    /// When the step of an expectation was begun, if its mark is there.
    pub fn asked_at(&self, expected: &Expected) -> Option<Instant> {
        self.expected.iter().find(|(_, marked)| marked.id == expected.id).map(|(at, _)| *at)
    }

    /// The trouble that touches a stretch of time, if any.
    pub fn trouble(&self, from: Instant, to: Instant) -> Option<&Trouble<'a>> {
        touching(&self.troubles, from, to)
    }

    /// Who of ours was served late within a stretch of time, if anybody.
    pub fn late(&self, from: Instant, to: Instant) -> Option<&Trouble<'a>> {
        touching(&self.late, from, to)
    }

    /// Whether some fault was on at that node within a stretch of time.
    pub fn is_faulty(&self, node: &str, from: Instant, to: Instant) -> bool {
        self.faults.iter().any(|fault| fault.node == node && fault.from <= to && fault.to >= from)
    }

    /// Whether such a key of the phone may have been pressed within a stretch of time.
    pub fn commanded(&self, is_it: impl Fn(&Key) -> bool, from: Instant, to: Instant) -> bool {
        self.when_commanded(is_it).any(|at| at >= from && at <= to)
    }

    /// When such a key of the phone may have been pressed.
    pub fn when_commanded(&self, is_it: impl Fn(&Key) -> bool) -> impl Iterator<Item = Instant> {
        self.commands.iter().filter(move |(_, command)| command.may_be(&is_it)).map(|(at, _)| *at)
    }
}

/// A mark as it concerns that phone; none where it concerns the other.
fn of_phone(mark: &Mark, which: Which) -> Option<&Mark> {
    let of_one = matches!(
        mark,
        Mark::Command { .. } | Mark::CommandFailed { .. } | Mark::Expect(_) | Mark::Observed { .. }
    );
    match (mark, which) {
        (Mark::OfSecondPhone { of }, Which::Second) => Some(of),
        (Mark::OfSecondPhone { .. }, Which::First) => None,
        (_, Which::Second) if of_one => None,
        _ => Some(mark),
    }
}

/// What switching a fault does, in words.
fn show_fault(node: &str, fault: &str, on: bool) -> String {
    match (fault, on) {
        (_, true) => format!("fault \"{fault}\" at \"{node}\""),
        ("all", false) => format!("the end of all faults at \"{node}\""),
        (_, false) => format!("the end of fault \"{fault}\" at \"{node}\""),
    }
}

fn touching<'n, 'a>(troubles: &'n [Trouble<'a>], from: Instant, to: Instant) -> Option<&'n Trouble<'a>> {
    troubles.iter().find(|trouble| trouble.from <= to && trouble.to >= from)
}
