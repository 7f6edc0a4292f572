//! From what a run knows while it runs to what it leaves.

use std::path::Path;

use sipfarm_core::Instant;
use sipfarm_judge as judge;
use sipfarm_judge::mark::Which;

use super::{
    Event, FailedStep, Finding, LastMessage, Nearest, Origin, SCHEMA, Scenario, Slow, Started, Step, Summary,
    Trouble, Try, UnexpectedPass, Window,
};
use crate::run::events::{self, RunEvent, ScenarioResult};

impl Event {
    /// An event as the bundle in that folder has it: with the paths of its captures from there on.
    pub fn of(event: &RunEvent, bundle: &Path) -> Self {
        match event {
            RunEvent::Started(started) => Event::Started(started.into()),
            RunEvent::ScenarioStarted { id, name } => Event::ScenarioStarted { id: *id, name: name.clone() },
            RunEvent::Waiting { id, waiting } => Event::Waiting {
                id: *id,
                phone: waiting.phone.clone(),
                what: waiting.what.clone(),
                elapsed: waiting.elapsed,
                window: waiting.window,
                last: waiting.last.as_ref().map(|last| LastMessage {
                    packet: last.packet,
                    what: last.what.clone(),
                    elapsed: last.elapsed,
                }),
                faults: waiting.faults.clone(),
            },
            RunEvent::ScenarioFinished(result) => {
                Event::ScenarioFinished(Box::new(Scenario::of(result, bundle)))
            }
            RunEvent::ScenarioInterrupted { id, name, feature, line, real_time } => {
                Event::ScenarioInterrupted {
                    id: *id,
                    name: name.clone(),
                    feature: feature.display().to_string(),
                    line: *line,
                    real_time: *real_time,
                }
            }
            RunEvent::Finished(summary) => Event::Finished(summary.into()),
        }
    }
}

impl From<&events::Started> for Started {
    fn from(started: &events::Started) -> Self {
        Started {
            schema: SCHEMA.to_owned(),
            version: env!("CARGO_PKG_VERSION").to_owned(),
            seed: started.seed,
            net: started.net.clone(),
            lab: started.lab.clone(),
            selected: started.selected,
        }
    }
}

impl Scenario {
    /// A result as the bundle in that folder has it.
    pub fn of(result: &ScenarioResult, bundle: &Path) -> Self {
        let capture = result.capture.as_ref().map(|path| name_in(bundle, path));
        Scenario {
            id: result.id,
            lab: None,
            feature: result.feature.display().to_string(),
            feature_name: result.feature_name.clone(),
            line: result.line,
            name: result.name.clone(),
            example: result.example.clone(),
            tags: result.tags.clone(),
            phone: result.phone.clone(),
            time_scale: result.time_scale,
            known_issues: result.known_issues.clone(),
            verdict: result.verdict,
            exit: result.exit(),
            findings: result.findings.iter().map(|finding| finding_of(result, finding)).collect(),
            started: result.started,
            steps: steps_of(result),
            failed_step: result.failed_step.as_ref().map(Into::into),
            virtual_time: result.virtual_time,
            real_time: result.real_time,
            capture,
            repeat: result.repeat.clone(),
            calls_up: result.calls_up.clone(),
            trouble: result.trouble.as_ref().map(Into::into),
            tries: result.tries.iter().map(|again| try_of(again, bundle)).collect(),
        }
    }
}

/// A path as a bundle names it.
fn name_in(bundle: &Path, path: &Path) -> String {
    path.strip_prefix(bundle).unwrap_or(path).display().to_string()
}

fn try_of(again: &events::Try, bundle: &Path) -> Try {
    let capture = again.capture.as_ref().map(|path| name_in(bundle, path));
    Try { verdict: again.verdict, exit: again.exit, capture }
}

/// The steps of the feature file, each with the time at which it began; where there is no feature file,
/// those that were begun.
fn steps_of(result: &ScenarioResult) -> Vec<Step> {
    let begun = |at: Instant| Some(at.since(result.started));
    if result.source.is_empty() {
        let step = |taken: &events::StepTaken| Step {
            keyword: taken.keyword.trim().to_owned(),
            text: taken.text.clone(),
            line: taken.line,
            table: Vec::new(),
            at: begun(taken.at),
        };
        return result.steps.iter().map(step).collect();
    }
    let mut taken = result.steps.iter().peekable();
    let step = |step: &events::SourceStep| {
        let taken = taken.next_if(|taken| taken.line == step.line);
        Step {
            keyword: step.keyword.trim().to_owned(),
            text: step.text.clone(),
            line: step.line,
            table: step.table.clone(),
            at: taken.and_then(|taken| begun(taken.at)),
        }
    };
    result.source.iter().map(step).collect()
}

/// A finding with its times counted from the start of its scenario, and what they are counted from.
fn finding_of(result: &ScenarioResult, finding: &judge::Finding) -> Finding {
    let within = |at: Instant| at.since(result.started);
    let expected = finding.expected_id.and_then(|id| result.expected.iter().find(|e| e.id == id));
    let (since, counted_from) = match expected {
        Some(expected) => (expected.since, expected.since_line.map_or(Origin::Start, Origin::Line)),
        None => origin(finding).unwrap_or((result.started, Origin::Start)),
    };
    Finding {
        rule: finding.rule.clone(),
        requirements: finding.requirements.clone(),
        verdict: finding.verdict,
        line: finding.line,
        step: expected.map(|expected| expected.text.clone()),
        second_phone: finding.phone == Which::Second,
        expected: finding.expectation().into_owned(),
        since: within(since),
        counted_from,
        window: finding.window.map(|window| Window {
            from: within(window.from),
            to: within(window.to),
            kind: finding.window_kind,
        }),
        decided: finding.decided.map(within),
        seen: finding.seen.clone(),
        packets: finding.packets.clone(),
        nearest: finding.nearest.iter().map(|near| nearest_of(near, result.started)).collect(),
    }
}

/// What the times of a standing rule are counted from: the first packet that shows it, unless its window begins before.
fn origin(finding: &judge::Finding) -> Option<(Instant, Origin)> {
    let first =
        finding.shown_from.filter(|first| finding.window.is_none_or(|window| *first <= window.from))?;
    Some((first, Origin::Packet(*finding.packets.first()?)))
}

fn nearest_of(near: &judge::Nearest, started: Instant) -> Nearest {
    Nearest {
        packet: near.packet,
        at: near.at.since(started),
        what: near.what.clone(),
        why: near.why.clone(),
    }
}

impl From<&events::FailedStep> for FailedStep {
    fn from(step: &events::FailedStep) -> Self {
        FailedStep {
            keyword: step.keyword.trim().to_owned(),
            text: step.text.clone(),
            line: step.line,
            message: step.message.clone(),
        }
    }
}

impl From<&events::Trouble> for Trouble {
    fn from(trouble: &events::Trouble) -> Self {
        Trouble { blame: trouble.blame, message: trouble.message.clone(), hint: trouble.hint.clone() }
    }
}

impl From<&events::UnexpectedPass> for UnexpectedPass {
    fn from(events::UnexpectedPass { phone, pass }: &events::UnexpectedPass) -> Self {
        let judge::UnexpectedPass { rule, expected, seen } = pass.clone();
        UnexpectedPass { phone: phone.clone(), rule, expected, seen }
    }
}

impl From<&events::Summary> for Summary {
    fn from(summary: &events::Summary) -> Self {
        let slow = |slow: &events::Slow| Slow {
            id: slow.id,
            name: slow.name.clone(),
            real_time: slow.real_time,
            virtual_time: slow.virtual_time,
        };
        Summary {
            schema: SCHEMA.to_owned(),
            selected: summary.selected,
            counts: summary.counts.clone(),
            interrupted: summary.interrupted,
            flaky: summary.flaky,
            unexpected_passes: summary.unexpected_passes.iter().map(Into::into).collect(),
            slowest: summary.slowest.iter().map(slow).collect(),
            real_time: summary.real_time,
            exit: summary.exit,
        }
    }
}
