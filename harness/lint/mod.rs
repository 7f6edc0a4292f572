//! What is wrong with feature files before anything runs.
//!
//! Gherkin lets much pass in silence: a misspelt keyword becomes description, a scenario without
//! steps succeeds, a second `Feature:` vanishes. Here each of them is a problem with a place.
//!
//! What each code means, and an example of it, stands in `CODES.md` ([`codes`]).

use std::collections::BTreeMap;

use gherkin::{Scenario, StepType};

use crate::error::{Diagnostic, Place, Severity};

pub mod catalogue;
pub mod codes;
mod file;
pub mod lines;
mod sense;
mod steps;
mod tables;
mod tags;
mod vocabulary;

pub use catalogue::{StepCatalogue, keyword};
pub use file::{FeatureFile, row_count};
pub use steps::METHODS;
pub use vocabulary::{Meaning, Vocabulary};

/// What other rooms know about the words in a feature file.
pub struct Facts<'a> {
    /// Whether a requirement of that id exists.
    pub requirement: Check<'a>,
    /// Whether the words of a fault can be read, as `status code=503`.
    pub fault: Check<'a>,
    /// Whether such a fault, which can be read, does something at the node of that name.
    pub fault_at: &'a dyn Fn(&str, &str) -> Result<(), Complaint>,
    /// Whether the profile of that name, or any phone, has that level of precedence.
    pub level: CheckOf<'a>,
    /// Whether a profile of that name exists.
    pub profile: Check<'a>,
    /// Whether the profile of that name, or the usual one, takes these settings, as dotted paths and values; the place
    /// in the list of the first that does not fit.
    pub settings: &'a dyn Fn(Option<&str>, Settings<'_>) -> Fit,
    /// Whether a resilience group has these settings, likewise.
    pub group: &'a dyn Fn(Settings<'_>) -> Fit,
    /// Whether a system notes that.
    pub note: Check<'a>,
}

/// Paths and values that belong together.
pub type Settings<'a> = &'a [(String, String)];

/// Whether all of them fit; the place of the first that does not, and why.
pub type Fit = Result<(), (usize, Complaint)>;

/// Checks a word.
pub type Check<'a> = &'a dyn Fn(&str) -> Result<(), Complaint>;

/// Checks a word against a profile of that name, or the usual one.
pub type CheckOf<'a> = &'a dyn Fn(Option<&str>, &str) -> Result<(), Complaint>;

/// What is wrong with a word, and what was probably meant.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Complaint {
    /// What is wrong.
    pub message: String,
    /// What to do.
    pub help: Option<String>,
}

impl<T: std::fmt::Display> From<T> for Complaint {
    fn from(message: T) -> Self {
        Complaint { message: message.to_string(), help: None }
    }
}

/// Everything that is wrong with files that could be read, in order of place, nothing twice.
pub fn lint(files: &[FeatureFile], steps: &StepCatalogue, facts: &Facts<'_>) -> Vec<Diagnostic> {
    let mut found: Vec<Diagnostic> =
        files.iter().flat_map(|file| FileLint::new(file, steps, facts).run()).collect();
    found.extend(same_feature_twice(files));
    in_order(found)
}

/// In order of place, nothing twice: the rows of an outline share their steps.
pub fn in_order(mut diagnostics: Vec<Diagnostic>) -> Vec<Diagnostic> {
    diagnostics.sort_by(|a, b| (&a.place, &a.code, &a.message).cmp(&(&b.place, &b.code, &b.message)));
    diagnostics.dedup_by(|a, b| a.place == b.place && a.code == b.code);
    diagnostics
}

fn same_feature_twice(files: &[FeatureFile]) -> Vec<Diagnostic> {
    let mut first: BTreeMap<&str, &FeatureFile> = BTreeMap::new();
    let mut found = Vec::new();
    for file in files {
        match first.get(file.feature.name.as_str()) {
            None => drop(first.insert(&file.feature.name, file)),
            Some(other) => {
                let mut diagnostic = at_line(file, file.feature.position.line, "duplicate-feature");
                diagnostic.severity = Severity::Warning;
                diagnostic.message = format!("the feature in {} has this name, too", other.path.display());
                found.push(diagnostic);
            }
        }
    }
    found
}

/// An error at a line, its message still to be filled in.
fn at_line(file: &FeatureFile, line: usize, code: &str) -> Diagnostic {
    let snippet = file.source.lines().nth(line.saturating_sub(1)).unwrap_or_default();
    let mut place = lines::whole_line(&file.path, line, snippet);
    place.length = snippet.trim().chars().count().max(1);
    Diagnostic {
        code: code.to_owned(),
        severity: Severity::Error,
        place,
        snippet: snippet.to_owned(),
        message: String::new(),
        help: Vec::new(),
    }
}

/// One file on the bench.
struct FileLint<'a> {
    file: &'a FeatureFile,
    steps: &'a StepCatalogue,
    facts: &'a Facts<'a>,
    found: Vec<Diagnostic>,
}

impl<'a> FileLint<'a> {
    fn new(file: &'a FeatureFile, steps: &'a StepCatalogue, facts: &'a Facts<'a>) -> Self {
        FileLint { file, steps, facts, found: Vec::new() }
    }

    fn run(mut self) -> Vec<Diagnostic> {
        let file = self.file;
        let suspects = lines::suspects(&file.source, &|text| self.steps.knows(text));
        self.found
            .extend(suspects.iter().filter(|s| !s.breaks).map(|s| s.diagnostic(&file.path, &file.source)));
        if self.no_scenarios() {
            self.add(file.feature.position.line, "feature-empty", "a feature without scenarios", None);
        }
        self.block(&file.feature.scenarios, &file.expanded.scenarios, Vec::new());
        for (rule, expanded) in file.feature.rules.iter().zip(&file.expanded.rules) {
            if rule.scenarios.is_empty() {
                self.add(rule.position.line, "rule-empty", "a rule without scenarios", None);
            }
            let own = rule.background.iter().flat_map(|background| &background.steps).collect();
            self.block(&rule.scenarios, &expanded.scenarios, own);
        }
        self.tags();
        self.found
    }

    fn no_scenarios(&self) -> bool {
        let feature = &self.file.feature;
        feature.scenarios.is_empty() && feature.rules.is_empty()
    }

    /// The scenarios of a feature or of a rule, with the steps of the rule's own background.
    fn block(
        &mut self,
        written: &'a [Scenario],
        expanded: &'a [Scenario],
        background: Vec<&'a gherkin::Step>,
    ) {
        let mut before: Vec<&gherkin::Step> =
            self.file.feature.background.iter().flat_map(|background| &background.steps).collect();
        before.extend(background);
        self.duplicates(written, expanded);
        for scenario in written {
            self.shape(scenario, &before);
        }
        for scenario in expanded {
            self.scenario_steps(scenario, &before);
        }
    }

    /// What can be told from a scenario's outer form.
    fn shape(&mut self, scenario: &Scenario, before: &[&gherkin::Step]) {
        let line = scenario.position.line;
        if scenario.name.is_empty() {
            self.add(line, "scenario-without-name", "a scenario without a name", None);
        }
        if scenario.steps.is_empty() {
            self.add(line, "scenario-empty", "a scenario without steps passes whatever the phone does", None);
        } else if !scenario.steps.iter().chain(before.iter().copied()).any(|step| step.ty == StepType::Then) {
            let help = "end it with what the phone must do:  Then …";
            self.add(line, "scenario-without-then", "a scenario that expects nothing", Some(help));
        }
        let is_outline = scenario.keyword != "Scenario" && scenario.keyword != "Example";
        if is_outline && scenario.examples.is_empty() {
            self.add(line, "outline-without-examples", "an outline without examples", None);
        }
        for examples in &scenario.examples {
            if row_count(examples) == 0 {
                let message = "examples without rows: nothing of it runs";
                self.add(examples.position.line, "examples-empty", message, None);
            }
            self.unused_columns(scenario, examples);
        }
    }

    fn unused_columns(&mut self, scenario: &Scenario, examples: &gherkin::Examples) {
        let header = examples.table.iter().flat_map(|table| table.rows.first()).flatten();
        for column in header {
            let placeholder = format!("<{column}>");
            let in_step = |step: &gherkin::Step| {
                let cells = step.table.iter().flat_map(|table| &table.rows).flatten();
                let texts = cells.chain([&step.value]).chain(&step.docstring);
                texts.into_iter().any(|text| text.contains(&placeholder))
            };
            if !scenario.name.contains(&placeholder) && !scenario.steps.iter().any(in_step) {
                let message = format!("no step uses the column `{column}`");
                self.add(examples.position.line, "column-unused", message, None).severity = Severity::Warning;
            }
        }
    }

    /// Two scenarios of one name cannot be told apart in a report. Rows of one outline can: by
    /// their line.
    fn duplicates(&mut self, written: &[Scenario], expanded: &[Scenario]) {
        let mut first: BTreeMap<&str, usize> = BTreeMap::new();
        let mut expanded = expanded.iter();
        for scenario in written {
            let rows =
                if scenario.examples.is_empty() { 1 } else { scenario.examples.iter().map(row_count).sum() };
            for row in expanded.by_ref().take(rows) {
                let line = *first.entry(&row.name).or_insert(scenario.position.line);
                if line != scenario.position.line && !row.name.is_empty() {
                    let message = format!("the scenario at line {line} has this name, too");
                    self.add(scenario.position.line, "duplicate-scenario", message, None);
                }
            }
        }
    }

    fn add(
        &mut self,
        line: usize,
        code: &str,
        message: impl Into<String>,
        help: Option<&str>,
    ) -> &mut Diagnostic {
        let diagnostic = at_line(self.file, line, code);
        self.found.push(Diagnostic {
            message: message.into(),
            help: help.into_iter().map(str::to_owned).collect(),
            ..diagnostic
        });
        self.found.last_mut().unwrap_or_else(|| unreachable!("one was pushed"))
    }

    /// The place of a text within a line; the whole line where it does not stand there as such.
    fn place_of(&self, line: usize, text: &str) -> Place {
        let mut place = at_line(self.file, line, "").place;
        let written = self.file.source.lines().nth(line.saturating_sub(1)).unwrap_or_default();
        if let Some(at) = written.find(text).filter(|_| !text.is_empty()) {
            place.column = written[..at].chars().count() + 1;
            place.length = text.chars().count();
        }
        place
    }
}

#[cfg(test)]
#[path = "lint_tests.rs"]
mod tests;
