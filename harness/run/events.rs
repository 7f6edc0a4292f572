//! What a run tells its reporters, as one stream of events, and what it comes to in the end.
//!
//! Everything here is written to the bundle as JSON; [`SCHEMA`] changes when its meaning does.

use std::collections::BTreeMap;
use std::path::PathBuf;

use serde::{Deserialize, Serialize};
use sipfarm_core::{Instant, Span};
use sipfarm_judge::mark::Expected;
use sipfarm_judge::{Finding, Mark, Timeline, Verdict, verdict};

use crate::error::{self, Blame, Exit};

/// The version of the recorded events.
pub const SCHEMA: &str = "sipfarm.run/1";

/// The number of a scenario within its run, from 1; its capture bears it too (`001.pcapng`).
pub type ScenarioId = u32;

/// Something that a reporter may want to show.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(tag = "event", rename_all = "kebab-case")]
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
        /// The profile of the phone.
        phone: String,
        /// For what: the step's text.
        what: String,
        /// How long the scenario has run, on its own clock.
        elapsed: Span,
        /// How long it will wait at most, from its own start.
        window: Option<Span>,
    },
    /// A scenario is over.
    ScenarioFinished(Box<ScenarioResult>),
    /// Last of all.
    Finished(Summary),
}

/// How a run begins.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Started {
    /// [`SCHEMA`].
    pub schema: String,
    /// The version of sipfarm.
    pub version: String,
    /// The seed of everything random.
    pub seed: u64,
    /// `virtual` or `loopback`.
    pub net: String,
    /// How many scenarios were selected.
    pub selected: usize,
    /// The bundle's folder.
    pub bundle: Option<PathBuf>,
}

impl Started {
    /// A run of this version.
    pub fn new(seed: u64, net: impl Into<String>, selected: usize) -> Self {
        Started {
            schema: SCHEMA.to_owned(),
            version: env!("CARGO_PKG_VERSION").to_owned(),
            seed,
            net: net.into(),
            selected,
            bundle: None,
        }
    }
}

/// How a scenario ended.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct ScenarioResult {
    /// Its number.
    pub id: ScenarioId,
    /// The feature file.
    pub feature: PathBuf,
    /// The line of the scenario, or of its row among the examples.
    pub line: u32,
    /// Its name.
    pub name: String,
    /// Its tags, inherited ones too, without the `@`.
    pub tags: Vec<String>,
    /// The profile that the phone was held to.
    pub phone: String,
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
    /// What kept us from judging.
    pub trouble: Option<Trouble>,
}

impl ScenarioResult {
    /// Takes over steps, expectations and the time of the start from the marks of a timeline.
    pub fn read_marks(&mut self, timeline: &Timeline) {
        for (at, mark) in timeline.marks() {
            match mark {
                Mark::Scenario(_) => self.started = at,
                Mark::Step { keyword, text, line } => self.steps.push(StepTaken {
                    keyword: keyword.clone(),
                    text: text.clone(),
                    line: *line,
                    at,
                }),
                Mark::Expect(expected) => self.expected.push(expected.clone()),
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
        trouble.or(verdict)
    }
}

/// A step that was begun.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
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
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
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
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
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
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Summary {
    /// [`SCHEMA`].
    pub schema: String,
    /// How many scenarios were selected.
    pub selected: usize,
    /// How many ended how.
    pub counts: BTreeMap<Verdict, usize>,
    /// The five that took longest on their own clocks, longest first.
    pub slowest: Vec<Slow>,
    /// How much real time the run took.
    pub real_time: Span,
    /// The bundle's folder.
    pub bundle: Option<PathBuf>,
    /// The exit code's name.
    pub exit: Exit,
}

/// A scenario that took long.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
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
    /// Sums up. `selected` may be more than there are results when the run was interrupted.
    pub fn of(selected: usize, results: &[ScenarioResult], interrupted: bool, real_time: Span) -> Self {
        let mut counts = BTreeMap::new();
        for result in results {
            *counts.entry(result.verdict).or_default() += 1;
        }
        Summary {
            schema: SCHEMA.to_owned(),
            selected,
            counts,
            slowest: slowest(results),
            real_time,
            bundle: None,
            exit: exit_of(selected, results, interrupted),
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
pub(crate) mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;

    /// A finding of that verdict; of an expectation when `expected_id` is given.
    pub(crate) fn finding(verdict: Verdict, expected_id: Option<u32>) -> Finding {
        Finding {
            rule: "rule".into(),
            requirements: Vec::new(),
            verdict,
            expected_id,
            line: expected_id.map(|_| 3),
            expected: "something".into(),
            window: None,
            seen: "something else".into(),
            packets: Vec::new(),
            nearest: Vec::new(),
            until: None,
        }
    }

    /// A scenario that ended with these findings.
    pub(crate) fn result(id: ScenarioId, verdicts: &[Verdict]) -> ScenarioResult {
        let mut result = ScenarioResult {
            id,
            feature: "features/a.feature".into(),
            line: 3,
            name: format!("scenario {id}"),
            tags: Vec::new(),
            phone: "rfc3261".into(),
            verdict: Verdict::Pending,
            findings: verdicts.iter().map(|verdict| finding(*verdict, Some(1))).collect(),
            started: Instant::EPOCH,
            steps: Vec::new(),
            expected: Vec::new(),
            failed_step: None,
            virtual_time: Some(Span::from_secs(id.into())),
            real_time: Span::from_millis(2),
            capture: None,
            repeat: "sipfarm run features/a.feature:3 --seed 1".into(),
            trouble: None,
        };
        result.conclude();
        result
    }

    #[test]
    fn a_scenario_is_as_good_as_its_worst_finding() {
        use Verdict::*;
        let table: [(&[Verdict], Verdict); 10] = [
            (&[Pass, Pass], Pass),
            (&[Pass, NotApplicable], Pass),
            (&[NotApplicable], NotApplicable),
            (&[Pass, Warn], Warn),
            (&[Warn, KnownIssue], KnownIssue),
            (&[KnownIssue, UnexpectedPass], UnexpectedPass),
            (&[UnexpectedPass, Inconclusive], Inconclusive),
            (&[Pass, NotExercised], NotExercised),
            (&[Inconclusive, Fail, NotExercised], Fail),
            (&[], NotExercised),
        ];
        for (verdicts, whole) in table {
            assert_eq!(result(1, verdicts).verdict, whole, "{verdicts:?}");
        }
    }

    #[test]
    fn trouble_never_passes_and_never_hides_an_accusation() {
        let trouble = |blame| Some(Trouble { blame, message: "m".into(), hint: None });
        let mut passed = result(1, &[Verdict::Pass]);
        passed.trouble = trouble(Blame::Lab);
        passed.conclude();
        assert_eq!((passed.verdict, passed.exit()), (Verdict::Inconclusive, Exit::LabUnfit));

        let mut failed = result(1, &[Verdict::Fail]);
        failed.trouble = trouble(Blame::Lab);
        failed.conclude();
        assert_eq!((failed.verdict, failed.exit()), (Verdict::Fail, Exit::LabUnfit));

        failed.trouble = trouble(Blame::Ours);
        assert_eq!(failed.exit(), Exit::Bug);
    }

    #[test]
    fn a_scenario_that_stopped_does_not_pass() {
        use Verdict::*;
        for (verdict, whole) in [
            (Pass, Inconclusive),
            (UnexpectedPass, Inconclusive),
            (NotApplicable, Inconclusive),
            (Fail, Fail),
            (KnownIssue, KnownIssue),
            (NotExercised, NotExercised),
        ] {
            let mut stopped = result(1, &[verdict]);
            stopped.failed_step =
                Some(FailedStep { keyword: "When".into(), text: "t".into(), line: 1, message: "m".into() });
            stopped.conclude();
            assert_eq!(stopped.verdict, whole);
        }
    }

    #[test]
    fn the_exit_code_of_a_run() {
        use Verdict::*;
        let table: [(&[Verdict], usize, bool, Exit); 14] = [
            (&[Pass, Pass], 2, false, Exit::Passed),
            (&[Pass, KnownIssue, Warn, NotApplicable], 4, false, Exit::Passed),
            (&[Pass, Fail], 2, false, Exit::Finding),
            (&[Fail, Inconclusive, UnexpectedPass], 3, false, Exit::Finding),
            (&[Pass, Inconclusive], 2, false, Exit::Inconclusive),
            (&[Pass, NotExercised], 2, false, Exit::Inconclusive),
            (&[Inconclusive, UnexpectedPass], 2, false, Exit::Inconclusive),
            (&[Pass, UnexpectedPass], 2, false, Exit::KnownIssuePassed),
            (&[], 0, false, Exit::NothingSelected),
            (&[NotApplicable], 1, false, Exit::NothingSelected),
            (&[Pass], 2, true, Exit::Interrupted),
            (&[Fail], 2, true, Exit::Interrupted),
            (&[], 2, true, Exit::Interrupted),
            (&[Pass], 2, false, Exit::Bug),
        ];
        for (verdicts, selected, interrupted, exit) in table {
            let results: Vec<_> = verdicts.iter().map(|verdict| result(1, &[*verdict])).collect();
            let summary = Summary::of(selected, &results, interrupted, Span::ZERO);
            assert_eq!(summary.exit, exit, "{verdicts:?} of {selected}, interrupted: {interrupted}");
        }
    }

    #[test]
    fn the_slowest_come_first_and_are_five() {
        let results: Vec<_> = (1..=7).map(|id| result(id, &[Verdict::Pass])).collect();
        let summary = Summary::of(7, &results, false, Span::ZERO);
        assert_eq!(summary.slowest.iter().map(|slow| slow.id).collect::<Vec<_>>(), [7, 6, 5, 4, 3]);
        assert_eq!(summary.count(Verdict::Pass), 7);
    }

    #[test]
    fn events_survive_being_written_and_read() {
        let finished = result(1, &[Verdict::Pass]);
        let events = [
            RunEvent::Started(Started::new(7, "virtual", 1)),
            RunEvent::ScenarioStarted { id: 1, name: "n".into() },
            RunEvent::Waiting {
                id: 1,
                phone: "rfc3261".into(),
                what: "REGISTER to \"secondary\"".into(),
                elapsed: Span::from_secs(1),
                window: Some(Span::from_secs(32)),
            },
            RunEvent::ScenarioFinished(Box::new(finished.clone())),
            RunEvent::Finished(Summary::of(1, &[finished], false, Span::from_millis(5))),
        ];
        for event in events {
            let text = serde_json::to_string(&event).unwrap();
            assert_eq!(serde_json::from_str::<RunEvent>(&text).unwrap(), event, "{text}");
        }
    }
}
