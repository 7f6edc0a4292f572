//! `junit.xml`: a run as Jenkins, GitLab and most other servers of CI read it. There is no standard; this is
//! what both take. A suite is a feature, a case one scenario with its row of examples and its phone.
//!
//! | verdict | as |
//! |---|---|
//! | pass, warn | a case that passed; a warning stands in its output |
//! | fail | `failure`: an accusation of the phone, and nothing else is one; of the type `flaky` when it passed on another try |
//! | inconclusive, pending | `error` of the type `inconclusive` |
//! | trouble | `error` of the type `lab`, `author` or `bug` |
//! | unexpected pass | `error` of the type `known-issue-passed` |
//! | flaky, where that counts as passed | `skipped` of the type `flaky` |
//! | cut short, never begun | `error` of the type `interrupted` |
//! | not applicable, not exercised, known issue | `skipped` of that type |

use std::collections::{BTreeMap, BTreeSet};
use std::path::Path;

use sipfarm_core::Span;
use sipfarm_judge::Verdict;

use super::failure::{reason, render_failure, render_remark, render_unexpected_pass};
use super::text::{clean, count, seconds, utc};
use super::xml::Element;
use crate::error::{Blame, Exit};
use crate::run::record::{Event, Recorded, Scenario};

/// The whole of `junit.xml`. Attachments are named by the bundle's folder as it was opened, for Jenkins and
/// GitLab look them up from the folder of the job.
pub fn render(recorded: &Recorded) -> String {
    let mut suites: BTreeMap<String, Suite> = BTreeMap::new();
    for scenario in recorded.scenarios() {
        let suite = suites.entry(scenario.feature.clone()).or_default();
        suite.name.clone_from(&scenario.feature_name);
        suite.cases.push(case_of(scenario, &recorded.folder));
    }
    let run: Vec<Case> = cut_short(recorded).into_iter().chain(issues_gone(recorded)).collect();
    if !run.is_empty() {
        suites.insert(String::new(), Suite { name: "the run as a whole".to_owned(), cases: run });
    }
    let suites: Vec<(String, Suite)> = suites.into_iter().collect();
    let mut all = Tally::default();
    suites.iter().for_each(|(_, suite)| all.add(&suite.tally()));
    let started = utc(recorded.header.started);
    all.onto(Element::new("testsuites").with("name", "sipfarm"))
        .with("timestamp", &*started)
        .holding(suites.iter().map(|(feature, suite)| suite.element(feature, &started, recorded)))
        .document()
}

/// The cases of one feature.
#[derive(Debug, Default)]
struct Suite {
    name: String,
    cases: Vec<Case>,
}

/// One `testcase`.
#[derive(Debug)]
struct Case {
    name: String,
    /// The feature file and the line.
    place: Option<(String, u32)>,
    took: Span,
    outcome: Outcome,
    output: String,
}

#[derive(Debug)]
enum Outcome {
    Passed,
    Failure(Told),
    Error(Told),
    Skipped(Told),
}

/// What is told of a case that did not pass.
#[derive(Debug)]
struct Told {
    kind: String,
    message: String,
    text: String,
}

/// The numbers in a suite's head.
#[derive(Debug, Default, Clone, Copy, PartialEq, Eq)]
struct Tally {
    tests: usize,
    failures: usize,
    errors: usize,
    skipped: usize,
    time: Span,
}

impl Tally {
    fn add(&mut self, other: &Tally) {
        self.tests += other.tests;
        self.failures += other.failures;
        self.errors += other.errors;
        self.skipped += other.skipped;
        self.time += other.time;
    }

    fn onto(self, element: Element) -> Element {
        element
            .with("tests", self.tests.to_string())
            .with("failures", self.failures.to_string())
            .with("errors", self.errors.to_string())
            .with("skipped", self.skipped.to_string())
            .with("time", time(self.time))
    }
}

impl Suite {
    fn tally(&self) -> Tally {
        let mut tally = Tally { tests: self.cases.len(), ..Tally::default() };
        for case in &self.cases {
            match case.outcome {
                Outcome::Passed => {}
                Outcome::Failure(_) => tally.failures += 1,
                Outcome::Error(_) => tally.errors += 1,
                Outcome::Skipped(_) => tally.skipped += 1,
            }
            tally.time += case.took;
        }
        tally
    }

    fn element(&self, feature: &str, started: &str, recorded: &Recorded) -> Element {
        let header = &recorded.header;
        let name = if self.name.is_empty() { feature } else { &self.name };
        let property =
            |name: &str, value: &str| Element::new("property").with("name", name).with("value", value);
        let mut properties = vec![
            property("version", &header.version),
            property("seed", &header.seed.to_string()),
            property("net", &header.net),
            property("lab", &header.lab),
            property("phone", &header.phone),
        ];
        properties.extend(header.commit.iter().map(|commit| property("commit", commit)));
        let class = class_of(feature);
        let mut taken = BTreeMap::new();
        let cases = self.cases.iter().map(|case| case.element(&class, &mut taken));
        self.tally()
            .onto(Element::new("testsuite").with("name", clean(name)))
            .with("timestamp", started)
            .holding([Element::new("properties").holding(properties)])
            .holding(cases)
    }
}

impl Case {
    fn element(&self, class: &str, taken: &mut BTreeMap<String, usize>) -> Element {
        let mut element = Element::new("testcase")
            .with("name", unique(&self.name, taken))
            .with("classname", class)
            .with("time", time(self.took));
        if let Some((file, line)) = &self.place {
            element = element.with("file", file).with("line", line.to_string());
        }
        let told = |name: &'static str, told: &Told| {
            let element = Element::new(name).with("message", &*told.message).with("type", &*told.kind);
            if told.text.is_empty() { element } else { element.text(&*told.text) }
        };
        element = match &self.outcome {
            Outcome::Passed => element,
            Outcome::Failure(why) => element.holding([told("failure", why)]),
            Outcome::Error(why) => element.holding([told("error", why)]),
            Outcome::Skipped(why) => element.holding([told("skipped", why)]),
        };
        if self.output.is_empty() {
            return element;
        }
        element.holding([Element::new("system-out").text(&*self.output)])
    }
}

/// The file's path with points, `features.failover.order`: Jenkins makes folders of it, and GitLab shows it as
/// the suite.
fn class_of(feature: &str) -> String {
    let path = Path::new(feature).with_extension("");
    let parts = path.components().filter_map(|part| match part {
        std::path::Component::Normal(part) => Some(part.to_string_lossy().replace('.', "_")),
        _ => None,
    });
    let class = parts.collect::<Vec<_>>().join(".");
    if class.is_empty() { "sipfarm".to_owned() } else { clean(&class) }
}

/// A name that no case of the class has: GitLab takes only the first of several.
fn unique(name: &str, taken: &mut BTreeMap<String, usize>) -> String {
    let number = taken.entry(name.to_owned()).or_default();
    *number += 1;
    let mut number = *number;
    if number == 1 {
        return name.to_owned();
    }
    loop {
        let numbered = format!("{name} #{number}");
        if taken.insert(numbered.clone(), 1).is_none() {
            return numbered;
        }
        number += 1;
    }
}

fn case_of(scenario: &Scenario, bundle: &Path) -> Case {
    Case {
        name: name_of(scenario),
        place: Some((scenario.feature.clone(), scenario.line)),
        took: scenario.real_time,
        outcome: outcome_of(scenario, bundle),
        output: output_of(scenario, bundle),
    }
}

/// `Order after 503 (status=503) [yealink-t5x @ berlin]`.
fn name_of(scenario: &Scenario) -> String {
    let mut name = scenario.name.clone();
    if !scenario.example.is_empty() {
        let row: Vec<String> =
            scenario.example.iter().map(|(name, value)| format!("{name}={value}")).collect();
        name += &format!(" ({})", row.join(", "));
    }
    let lab = scenario.lab.as_ref().map(|lab| format!(" @ {lab}")).unwrap_or_default();
    match scenario.phone.as_str() {
        "" if lab.is_empty() => clean(&name),
        phone => clean(&format!("{name} [{phone}{lab}]")),
    }
}

fn outcome_of(scenario: &Scenario, bundle: &Path) -> Outcome {
    let told = |kind: &str| Told {
        kind: kind.to_owned(),
        message: clean(&reason(scenario).unwrap_or_else(|| scenario.verdict.to_string())),
        text: render_failure(scenario, bundle),
    };
    let blame = scenario.trouble.as_ref().map(|trouble| trouble.blame);
    match (blame, scenario.verdict) {
        (Some(Blame::Ours), _) => Outcome::Error(told("bug")),
        _ if scenario.is_flaky() && scenario.exit == Exit::Passed => Outcome::Skipped(told("flaky")),
        (_, Verdict::Fail) if scenario.is_flaky() => Outcome::Failure(told("flaky")),
        (_, Verdict::Fail) => Outcome::Failure(told(&rule_of(scenario))),
        (Some(Blame::Lab), _) => Outcome::Error(told("lab")),
        (Some(Blame::Author), _) => Outcome::Error(told("author")),
        (None, Verdict::Pass | Verdict::Warn) => Outcome::Passed,
        (None, Verdict::Inconclusive | Verdict::Pending) => Outcome::Error(told("inconclusive")),
        (None, Verdict::UnexpectedPass) => Outcome::Error(told("known-issue-passed")),
        (None, Verdict::NotApplicable) => Outcome::Skipped(told("not-applicable")),
        (None, Verdict::NotExercised) => Outcome::Skipped(told("not-exercised")),
        (None, Verdict::KnownIssue) => Outcome::Skipped(told("known-issue")),
    }
}

/// The rule that accuses, for servers that sort failures by type.
fn rule_of(scenario: &Scenario) -> String {
    let accuses = scenario.findings.iter().find(|finding| finding.verdict == Verdict::Fail);
    accuses.map_or_else(|| "fail".to_owned(), |finding| clean(&finding.rule))
}

/// Attachments, each on a line of its own as Jenkins wants them, then remarks and how to repeat it. GitLab shows
/// the first attachment.
fn output_of(scenario: &Scenario, bundle: &Path) -> String {
    let mut text = String::new();
    let mut attach = |name: &str| {
        let path = bundle.join(name).display().to_string();
        // Neither server has a way to quote what ends the mark.
        if !path.contains(['|', '[', ']']) && !path.contains(char::is_control) {
            text += &format!("[[ATTACHMENT|{path}]]\n");
        }
    };
    let others = scenario.tries.iter().skip(1).filter_map(|again| again.capture.as_ref());
    scenario.capture.iter().chain(others).for_each(|capture| attach(capture));
    attach("report.html");
    if let Some(virtual_time) = scenario.virtual_time {
        text += &format!("virtual time {}\n", seconds(virtual_time));
    }
    if scenario.verdict == Verdict::Warn {
        text += &render_remark(scenario);
    }
    if !scenario.repeat.is_empty() {
        text += &format!("repeat {}\n", clean(&scenario.repeat));
    }
    text
}

/// What was selected and has no verdict: scenarios that were under way when the run ended, and one case for all that never
/// began, so that a run that was broken off is not green.
fn cut_short(recorded: &Recorded) -> Vec<Case> {
    let mut open: BTreeMap<u32, Case> = BTreeMap::new();
    let (mut selected, mut begun) = (0, BTreeSet::new());
    let interrupted = |name: &str, place: Option<(String, u32)>, took: Span| Case {
        name: clean(name),
        place,
        took,
        outcome: Outcome::Error(Told {
            kind: "interrupted".to_owned(),
            message: "under way when the run was broken off".to_owned(),
            text: String::new(),
        }),
        output: String::new(),
    };
    for event in &recorded.events {
        match event {
            Event::Started(started) => selected = started.selected,
            Event::ScenarioStarted { id, name } => {
                // A scenario that is tried again begins again.
                begun.insert(*id);
                open.insert(*id, interrupted(name, None, Span::ZERO));
            }
            Event::ScenarioFinished(scenario) => {
                // One that does not apply ends without having begun.
                begun.insert(scenario.id);
                open.remove(&scenario.id);
            }
            Event::ScenarioInterrupted { id, name, feature, line, real_time } => {
                begun.insert(*id);
                open.insert(*id, interrupted(name, Some((feature.clone(), *line)), *real_time));
            }
            Event::Waiting { .. } | Event::Finished(_) => {}
        }
    }
    let mut cases: Vec<Case> = open.into_values().collect();
    let missing = selected.saturating_sub(begun.len());
    if missing > 0 {
        let mut case = interrupted("every scenario was run", None, Span::ZERO);
        if let Outcome::Error(told) = &mut case.outcome {
            told.message = format!("{} of {selected} never began", count(missing, "scenario"));
        }
        cases.push(case);
    }
    cases
}

/// Known issues that the whole run has not shown: they change the exit code, so they are no success here.
fn issues_gone(recorded: &Recorded) -> Vec<Case> {
    let passes = recorded.summary().map(|summary| &*summary.unexpected_passes).unwrap_or_default();
    let case = |pass: &crate::run::record::UnexpectedPass| Case {
        name: clean(&format!("the known issue {} still shows [{}]", pass.rule, pass.phone)),
        place: None,
        took: Span::ZERO,
        outcome: Outcome::Error(Told {
            kind: "known-issue-passed".to_owned(),
            message: clean(&pass.seen),
            text: render_unexpected_pass(pass),
        }),
        output: String::new(),
    };
    passes.iter().map(case).collect()
}

/// Seconds without an exponent, to the microsecond.
fn time(span: Span) -> String {
    format!("{:.6}", span.as_secs_f64())
}

#[cfg(test)]
#[path = "junit_tests.rs"]
mod tests;
