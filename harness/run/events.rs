//! What a run tells while it runs, as one stream of events, and what it comes to in the end. On disk and
//! to whoever reports it, it goes as [`super::record`] has it.

use std::collections::BTreeMap;
use std::path::PathBuf;

use sipfarm_core::{Instant, Span};
use sipfarm_judge::mark::Expected;
use sipfarm_judge::{self as judge, Finding, Mark, Timeline, Verdict, verdict};

use crate::error::{self, Blame, Exit};
pub use crate::world::{LastMessage, Waiting};

/// The number of a scenario within its run, from 1; its capture bears it too (`001.pcapng`).
pub type ScenarioId = u32;

/// Something that a reporter may want to show.
#[derive(Debug, Clone, PartialEq)]
pub enum RunEvent {
    /// First of all.
    Started(Started),
    /// A scenario begins.
    ScenarioStarted {
        /// Its number.
        id: ScenarioId,
        /// Its name.
        name: String,
    },
    /// A scenario waits for something.
    Waiting {
        /// The scenario's number.
        id: ScenarioId,
        /// For what.
        waiting: Waiting,
    },
    /// A scenario is over.
    ScenarioFinished(Box<ScenarioResult>),
    /// A scenario was under way when the run was interrupted: it has no verdict. What it saw is in its
    /// capture.
    ScenarioInterrupted {
        /// Its number.
        id: ScenarioId,
        /// Its name.
        name: String,
        /// The feature file.
        feature: PathBuf,
        /// The line of the scenario, or of its row among the examples.
        line: u32,
        /// How long it had run.
        real_time: Span,
    },
    /// Last of all.
    Finished(Summary),
}

/// How a run begins.
#[derive(Debug, Clone, PartialEq)]
pub struct Started {
    /// The seed of everything random.
    pub seed: u64,
    /// `virtual` or `loopback`.
    pub net: String,
    /// The name of the lab, where an inventory gives it one.
    pub lab: Option<String>,
    /// How many scenarios were selected.
    pub selected: usize,
}

impl Started {
    /// A run of this version, in no lab that has a name.
    pub fn new(seed: u64, net: impl Into<String>, selected: usize) -> Self {
        Started { seed, net: net.into(), lab: None, selected }
    }
}

/// How a scenario ended.
#[derive(Debug, Clone, PartialEq)]
pub struct ScenarioResult {
    /// Its number.
    pub id: ScenarioId,
    /// The feature file.
    pub feature: PathBuf,
    /// The name of the feature.
    pub feature_name: String,
    /// The line of the scenario, or of its row among the examples.
    pub line: u32,
    /// Its name.
    pub name: String,
    /// Of a scenario outline, the row of its examples: each column's name with its value.
    pub example: Vec<(String, String)>,
    /// Its steps as the feature file has them, those of the background first. Empty for a capture.
    pub source: Vec<SourceStep>,
    /// Its tags, inherited ones too, without the `@`.
    pub tags: Vec<String>,
    /// The phone: its name in its lab, or else the profile that it was held to.
    pub phone: String,
    /// By what its policy times were multiplied; none where they were as long as it says.
    pub time_scale: Option<f64>,
    /// What that profile says is broken: rule and reason.
    pub known_issues: BTreeMap<String, String>,
    /// What the findings and the trouble come to.
    pub verdict: Verdict,
    /// What the rules said.
    pub findings: Vec<Finding>,
    /// When the scenario began, on the clock of its capture.
    pub started: Instant,
    /// The steps that were taken, with their times.
    pub steps: Vec<StepTaken>,
    /// What was expected, with what its times are counted from.
    pub expected: Vec<Expected>,
    /// The step that could not be carried out.
    pub failed_step: Option<FailedStep>,
    /// How much virtual time passed; none on a real network.
    pub virtual_time: Option<Span>,
    /// How much real time passed.
    pub real_time: Span,
    /// The capture.
    pub capture: Option<PathBuf>,
    /// The command that repeats this scenario.
    pub repeat: String,
    /// The Call-IDs of calls that a program, the phone, had still up at the end; they were hung up.
    pub calls_up: Vec<String>,
    /// What kept us from judging.
    pub trouble: Option<Trouble>,
    /// Every try, this first one too, where it was tried again because it did not end well.
    pub tries: Vec<Try>,
    /// Whether the run has been told to take a flaky one for one that passed.
    pub flaky_passes: bool,
}

/// One of several tries of a scenario.
#[derive(Debug, Clone, PartialEq)]
pub struct Try {
    /// How it ended.
    pub verdict: Verdict,
    /// What it alone would make the run's exit code.
    pub exit: Exit,
    /// Its capture.
    pub capture: Option<PathBuf>,
}

impl ScenarioResult {
    /// Takes over steps, expectations, known issues and the time of the start from the marks of a
    /// timeline.
    pub fn read(&mut self, timeline: &Timeline) {
        for (at, mark) in timeline.marks() {
            match mark {
                Mark::Scenario(scene) => {
                    self.started = at;
                    self.known_issues.clone_from(&scene.profile.known_issues);
                    self.time_scale = Some(scene.time_scale).filter(|scale| *scale != 1.0);
                }
                Mark::Step { keyword, text, line } => self.steps.push(StepTaken {
                    keyword: keyword.clone(),
                    text: text.clone(),
                    line: *line,
                    at,
                }),
                Mark::Expect(expected) => self.expected.push(expected.clone()),
                Mark::OfSecondPhone { of } => {
                    if let Mark::Expect(expected) = &**of {
                        self.expected.push(expected.clone());
                    }
                }
                _ => {}
            }
        }
    }

    /// Draws the verdict from findings, failed step and trouble. A scenario that stopped at a step
    /// cannot pass; one that stopped at what its profile knows about is that known issue.
    pub fn conclude(&mut self) {
        use Verdict::{Fail, Inconclusive, KnownIssue, NotExercised};
        self.verdict = verdict(&self.findings);
        let explained = matches!(self.verdict, Fail | KnownIssue | NotExercised);
        let stopped = self.failed_step.is_some() && !explained;
        let troubled = self.trouble.is_some() && self.verdict != Fail;
        if stopped || troubled {
            self.verdict = Inconclusive;
        }
    }

    /// Whether trying it again may tell more: neither an author's mistake nor a bug of ours goes away by itself.
    pub fn may_be_tried_again(&self) -> bool {
        matches!(self.exit(), Exit::Finding | Exit::Inconclusive | Exit::LabUnfit)
    }

    /// Notes how this result, or another of the same scenario, has ended as a try. A bug of ours in any of them is
    /// this result's, too: it is never lost.
    pub fn tried(&mut self, again: &ScenarioResult) {
        if again.exit() == Exit::Bug {
            self.trouble.clone_from(&again.trouble);
        }
        self.tries.push(Try { verdict: again.verdict, exit: again.exit(), capture: again.capture.clone() });
    }

    /// Whether it did not end well at first, and did so later.
    pub fn is_flaky(&self) -> bool {
        self.tries.iter().any(|again| again.exit == Exit::Passed)
    }

    /// Whether there is nothing that anybody might want to look into.
    pub fn simply_passed(&self) -> bool {
        self.exit() == Exit::Passed && self.verdict != Verdict::Warn
    }

    /// How long it took, on the clock that its phone lived by.
    pub fn duration(&self) -> Span {
        self.virtual_time.unwrap_or(self.real_time)
    }

    /// What this scenario alone would make the run's exit code.
    pub fn exit(&self) -> Exit {
        let trouble = match self.trouble.as_ref().map(|trouble| trouble.blame) {
            None => Exit::Passed,
            Some(Blame::Author) => Exit::Usage,
            Some(Blame::Lab) => Exit::LabUnfit,
            Some(Blame::Ours) => Exit::Bug,
        };
        let verdict = match self.verdict {
            Verdict::Pass | Verdict::Warn | Verdict::KnownIssue | Verdict::NotApplicable => Exit::Passed,
            Verdict::Fail => Exit::Finding,
            Verdict::Inconclusive | Verdict::NotExercised | Verdict::Pending => Exit::Inconclusive,
            Verdict::UnexpectedPass => Exit::KnownIssuePassed,
        };
        match trouble.or(verdict) {
            Exit::Bug => Exit::Bug,
            _ if self.flaky_passes && self.is_flaky() => Exit::Passed,
            exit => exit,
        }
    }
}

/// A step as the feature file has it.
#[derive(Debug, Clone, PartialEq)]
pub struct SourceStep {
    /// `Given`, `When`, `Then`, `And` …
    pub keyword: String,
    /// Its text.
    pub text: String,
    /// Its line.
    pub line: u32,
    /// Its table, row by row.
    pub table: Vec<Vec<String>>,
}

/// A step that was begun.
#[derive(Debug, Clone, PartialEq)]
pub struct StepTaken {
    /// `Given`, `When` or `Then`.
    pub keyword: String,
    /// Its text.
    pub text: String,
    /// Its line in the feature file.
    pub line: u32,
    /// When it began.
    pub at: Instant,
}

/// A step that could not be carried out.
#[derive(Debug, Clone, PartialEq)]
pub struct FailedStep {
    /// `Given`, `When` or `Then`.
    pub keyword: String,
    /// Its text.
    pub text: String,
    /// Its line in the feature file.
    pub line: u32,
    /// Why.
    pub message: String,
}

/// What kept us from judging, and whose matter it is.
#[derive(Debug, Clone, PartialEq)]
pub struct Trouble {
    /// Who can mend it.
    pub blame: Blame,
    /// What happened.
    pub message: String,
    /// What to do.
    pub hint: Option<String>,
}

impl From<&error::Error> for Trouble {
    fn from(error: &error::Error) -> Self {
        Trouble { blame: error.blame(), message: error.to_string(), hint: error.hint() }
    }
}

/// What a run comes to.
#[derive(Debug, Clone, PartialEq)]
pub struct Summary {
    /// How many scenarios were selected.
    pub selected: usize,
    /// How many ended how.
    pub counts: BTreeMap<Verdict, usize>,
    /// How many were under way when the run was interrupted.
    pub interrupted: usize,
    /// How many did not end well at first, and did so when tried again.
    pub flaky: usize,
    /// Known issues of a profile that no scenario has shown, though some could have.
    pub unexpected_passes: Vec<UnexpectedPass>,
    /// The five that took longest on their own clocks, longest first.
    pub slowest: Vec<Slow>,
    /// How much real time the run took.
    pub real_time: Span,
    /// The exit code's name.
    pub exit: Exit,
}

/// A known issue that a whole run has not shown.
#[derive(Debug, Clone, PartialEq)]
pub struct UnexpectedPass {
    /// The phone whose profile is out of date.
    pub phone: String,
    /// What the judge says of the rule.
    pub pass: judge::UnexpectedPass,
}

/// The unexpected passes of each phone with its known issues: of scenarios with their rules and how they ended.
pub fn unexpected_of<'a>(
    scenarios: impl Iterator<Item = (&'a String, &'a BTreeMap<String, String>, Vec<(&'a str, Verdict)>)>,
) -> Vec<UnexpectedPass> {
    let mut of_phone: BTreeMap<_, Vec<_>> = BTreeMap::new();
    for (phone, known_issues, verdicts) in scenarios {
        of_phone.entry((phone, known_issues)).or_default().push(verdicts);
    }
    let found = of_phone.into_iter().flat_map(|((phone, known_issues), scenarios)| {
        let found = judge::unexpected_passes(known_issues, &scenarios).into_iter();
        found.map(|pass| UnexpectedPass { phone: phone.clone(), pass })
    });
    found.collect()
}

/// A scenario that took long.
#[derive(Debug, Clone, PartialEq)]
pub struct Slow {
    /// Its number.
    pub id: ScenarioId,
    /// Its name.
    pub name: String,
    /// How long it took in real time.
    pub real_time: Span,
    /// How long it took in virtual time.
    pub virtual_time: Option<Span>,
}

impl Summary {
    /// Sums up a whole run. `cut_short` says that it was interrupted, and how many scenarios that has cut
    /// short; then `selected` may be more than there are results.
    pub fn of(
        selected: usize,
        results: &[ScenarioResult],
        cut_short: Option<usize>,
        real_time: Span,
    ) -> Self {
        let mut summary = Summary::of_part(selected, results, cut_short, real_time);
        // The scenarios that are missing might have shown the issue.
        if cut_short.is_none() && results.len() >= selected {
            summary.unexpected_passes = unexpected_of(results.iter().map(|result| {
                let verdicts = result.findings.iter().map(|finding| (finding.rule.as_str(), finding.verdict));
                (&result.phone, &result.known_issues, verdicts.collect())
            }));
        }
        if !summary.unexpected_passes.is_empty() {
            summary.exit = summary.exit.or(Exit::KnownIssuePassed);
        }
        summary
    }

    /// Sums up a run of a part of what there is: what that does not show, the rest may.
    pub fn of_part(
        selected: usize,
        results: &[ScenarioResult],
        cut_short: Option<usize>,
        real_time: Span,
    ) -> Self {
        let mut counts = BTreeMap::new();
        for result in results {
            *counts.entry(result.verdict).or_default() += 1;
        }
        let interrupted = cut_short.is_some();
        let exit = exit_of(selected, results, interrupted);
        Summary {
            selected,
            counts,
            interrupted: cut_short.unwrap_or(0),
            flaky: results.iter().filter(|result| result.is_flaky()).count(),
            unexpected_passes: Vec::new(),
            slowest: slowest(results),
            real_time,
            exit,
        }
    }

    /// How many scenarios ended so.
    pub fn count(&self, verdict: Verdict) -> usize {
        self.counts.get(&verdict).copied().unwrap_or(0)
    }
}

/// From what happened to the exit code. Not exercised and still pending count as inconclusive;
/// a run in which every scenario was not applicable judged nothing, which is no success; a result
/// that is missing without an interruption is a bug of ours.
fn exit_of(selected: usize, results: &[ScenarioResult], interrupted: bool) -> Exit {
    let judged = results.iter().any(|result| result.verdict != Verdict::NotApplicable);
    let mut exit = if judged { Exit::Passed } else { Exit::NothingSelected };
    if interrupted {
        exit = exit.or(Exit::Interrupted);
    } else if results.len() < selected {
        exit = exit.or(Exit::Bug);
    }
    results.iter().fold(exit, |exit, result| exit.or(result.exit()))
}

fn slowest(results: &[ScenarioResult]) -> Vec<Slow> {
    let mut all: Vec<&ScenarioResult> = results.iter().collect();
    all.sort_by_key(|result| (-result.duration(), result.id));
    let slow = |result: &&ScenarioResult| Slow {
        id: result.id,
        name: result.name.clone(),
        real_time: result.real_time,
        virtual_time: result.virtual_time,
    };
    all.iter().take(5).map(slow).collect()
}

#[cfg(test)]
#[path = "events_tests.rs"]
pub(crate) mod tests;
