//! What to run: feature files are found and read, scenarios chosen among them.

use std::collections::BTreeMap;
use std::fs;
use std::io;
use std::path::{Path, PathBuf};
use std::str::FromStr;

use cucumber::feature::Ext as _;
use cucumber::tag::Ext as _;
use gherkin::tagexpr::TagOperation;
use gherkin::{Feature, Scenario};

use super::built_in;
use super::events::ScenarioId;
use crate::error::{Diagnostic, Error, Place, Result, Severity};
use crate::lint::{self, Facts, FeatureFile, StepCatalogue, row_count};

/// What is run unless told otherwise.
pub const FEATURES: &str = "features";

/// A feature file larger than this is a mistake.
const MAX_FILE_OCTETS: u64 = 1 << 20;

/// What was asked for on the command line.
#[derive(Debug, Clone, Default)]
pub struct Selection {
    /// Files, folders, or `file:line`; the folder `features` when empty. Those of the program itself
    /// need not be here.
    pub paths: Vec<String>,
    /// `--tags`.
    pub tags: Option<TagExpression>,
    /// `-k`: a part of the name of scenario, rule or feature, or of the path; letter case apart.
    pub text: Option<String>,
}

/// A tag expression, such as `@a and not (@b or @c)`.
#[derive(Debug, Clone)]
pub struct TagExpression {
    text: String,
    operation: TagOperation,
}

impl FromStr for TagExpression {
    type Err = Error;

    fn from_str(text: &str) -> Result<Self> {
        let text = text.trim().to_owned();
        match text.parse() {
            Ok(operation) => Ok(TagExpression { text, operation }),
            Err(error) => Err(Error::TagExpression { column: error.location.column, expression: text }),
        }
    }
}

impl TagExpression {
    /// Whether tags (without the `@`) satisfy it.
    pub fn eval(&self, tags: &[String]) -> bool {
        self.operation.eval(tags)
    }
}

/// The feature files that could be read, and what is wrong with the others.
#[derive(Debug, Default)]
pub struct Reading {
    /// Files in order of their paths.
    pub files: Vec<FeatureFile>,
    /// Errors with their places.
    pub problems: Vec<Diagnostic>,
    /// How many of the files are part of the program, because there are none of that name here.
    pub built_in: usize,
    /// Files of which only the scenarios at these lines are wanted.
    lines: BTreeMap<PathBuf, Vec<usize>>,
}

/// A scenario that will run.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Chosen {
    /// Its number within the run, from 1.
    pub id: ScenarioId,
    /// The feature file.
    pub path: PathBuf,
    /// The feature's name.
    pub feature: String,
    /// The rule's name, when it stands under one.
    pub rule: Option<String>,
    /// The scenario's name.
    pub name: String,
    /// Its line, or the line of its row of examples, from 1. Unique within its file.
    pub line: u32,
    /// Its tags and those of rule and feature, without the `@`.
    pub tags: Vec<String>,
}

/// What will run.
#[derive(Debug, Clone)]
pub struct Selected {
    /// In order of path and line.
    pub scenarios: Vec<Chosen>,
    /// Expanded, and with the chosen scenarios only: what to hand to `cucumber`.
    pub features: Vec<Feature>,
    /// How many of the files read are part of the program.
    pub built_in: usize,
}

impl Selection {
    /// Finds and reads the feature files. A file that cannot be read or parsed becomes a problem.
    ///
    /// # Errors
    /// A path that leads nowhere, no feature file at all.
    pub fn read(&self) -> Result<Reading> {
        let mut reading = Reading::default();
        for Found { path, lines, built_in } in self.find(&mut reading.problems)? {
            reading.built_in += usize::from(built_in.is_some());
            reading.lines.extend(lines.map(|lines| (path.clone(), lines)));
            let source = built_in.map_or_else(|| read_source(&path), |text| Ok(text.to_owned()));
            let source = source.map_err(|error| Box::new(unreadable(&path, &error)));
            match source.and_then(|source| FeatureFile::parse(&path, source)) {
                Ok(file) => reading.files.push(file),
                Err(problem) => reading.problems.push(*problem),
            }
        }
        Ok(reading)
    }

    /// Chooses among the scenarios of files that were read.
    ///
    /// # Errors
    /// A line at which no scenario stands; nothing left to run.
    pub fn choose(&self, reading: &Reading) -> Result<Selected> {
        let mut selected =
            Selected { built_in: reading.built_in, scenarios: Vec::new(), features: Vec::new() };
        let mut of = 0;
        for file in &reading.files {
            let wanted = reading.lines.get(&file.path).map(|lines| scenarios_at(file, lines)).transpose()?;
            let mut feature = file.expanded.clone();
            let (path, name) = (&file.path, feature.name.clone());
            let mut keep = |rule: Option<&str>, tags: &[&[String]], scenario: &Scenario| {
                of += 1;
                let chosen = Chosen {
                    id: 0,
                    path: path.clone(),
                    feature: name.clone(),
                    rule: rule.map(str::to_owned),
                    name: scenario.name.clone(),
                    line: u32::try_from(scenario.position.line).unwrap_or(u32::MAX),
                    tags: inherited(tags, &scenario.tags),
                };
                let keep = wanted.as_ref().is_none_or(|lines| lines.contains(&scenario.position.line))
                    && self.wants(&chosen);
                selected.scenarios.extend(keep.then_some(chosen));
                keep
            };
            feature.scenarios.retain(|scenario| keep(None, &[&feature.tags], scenario));
            for rule in &mut feature.rules {
                rule.scenarios
                    .retain(|scenario| keep(Some(&rule.name), &[&feature.tags, &rule.tags], scenario));
            }
            feature.rules.retain(|rule| !rule.scenarios.is_empty());
            if feature.count_scenarios() > 0 {
                selected.features.push(feature);
            }
        }
        for (number, chosen) in (1..).zip(&mut selected.scenarios) {
            chosen.id = number;
        }
        if selected.scenarios.is_empty() {
            return Err(Error::NothingSelected { of, filter: self.in_words() });
        }
        Ok(selected)
    }

    /// Reads, checks and chooses: what every run does first. Warnings come back beside what was
    /// chosen.
    ///
    /// # Errors
    /// Any error in any of the files, so that no run is green for a step that was not taken; and
    /// what [`Selection::read`] and [`Selection::choose`] say.
    pub fn gate(&self, steps: &StepCatalogue, facts: &Facts<'_>) -> Result<(Selected, Vec<Diagnostic>)> {
        let mut reading = self.read()?;
        let mut found = std::mem::take(&mut reading.problems);
        found.extend(lint::lint(&reading.files, steps, facts));
        let found = lint::in_order(found);
        if found.iter().any(|diagnostic| diagnostic.severity == Severity::Error) {
            return Err(Error::Features(found));
        }
        Ok((self.choose(&reading)?, found))
    }

    fn wants(&self, scenario: &Chosen) -> bool {
        let text = self.text.as_ref().is_none_or(|text| {
            let path = scenario.path.display().to_string();
            let rule = scenario.rule.as_deref().unwrap_or_default();
            let text = text.to_lowercase();
            [scenario.name.as_str(), rule, &scenario.feature, &path]
                .iter()
                .any(|part| part.to_lowercase().contains(&text))
        });
        text && self.tags.as_ref().is_none_or(|tags| tags.eval(&scenario.tags))
    }

    fn in_words(&self) -> String {
        let mut words = Vec::new();
        words.extend(self.tags.as_ref().map(|tags| format!("has the tags `{}`", tags.text)));
        words.extend(self.text.as_ref().map(|text| format!("has `{text}` in its name or path")));
        if words.is_empty() { "could run".to_owned() } else { words.join(" and ") }
    }

    /// The files in order of their paths, none twice. Where there is nothing of that name here, one
    /// that is part of the program will do.
    fn find(&self, problems: &mut Vec<Diagnostic>) -> Result<Vec<Found>> {
        let default = [FEATURES.to_owned()];
        let paths = if self.paths.is_empty() { &default[..] } else { &self.paths };
        let mut found: BTreeMap<PathBuf, Found> = BTreeMap::new();
        for path in paths {
            let (path, line) = split_line(path);
            let mut files: Vec<(PathBuf, Option<&'static str>)> = Vec::new();
            if path.is_dir() {
                let mut below = Vec::new();
                collect(&path, &mut below, problems);
                files.extend(below.into_iter().map(|file| (file, None)));
            } else if path.exists() {
                files.push((path, None));
            } else {
                files.extend(built_in::below(&path).map(|(name, text)| (PathBuf::from(name), Some(text))));
                if files.is_empty() {
                    return Err(Error::NoSuchPath { path });
                }
            }
            for (file, built_in) in files {
                let key = fs::canonicalize(&file).unwrap_or_else(|_| file.clone());
                let lines = Some(Vec::new());
                let entry = found.entry(key).or_insert(Found { path: file, lines, built_in });
                match (line, &mut entry.lines) {
                    (Some(line), Some(lines)) => lines.push(line),
                    _ => entry.lines = None,
                }
            }
        }
        if found.is_empty() && problems.is_empty() {
            return Err(Error::NoFeatureFile { paths: paths.iter().map(PathBuf::from).collect() });
        }
        Ok(found.into_values().collect())
    }
}

/// A file to read.
struct Found {
    path: PathBuf,
    /// Only the scenarios at these lines are wanted.
    lines: Option<Vec<usize>>,
    /// Its text, when it is part of the program.
    built_in: Option<&'static str>,
}

/// The lines of the scenarios that stand at these lines.
fn scenarios_at(file: &FeatureFile, lines: &[usize]) -> Result<Vec<usize>> {
    let blocks = blocks(file);
    let last = file.source.lines().count();
    let mut wanted = Vec::new();
    for &line in lines {
        let block = blocks.iter().rev().find(|(start, _)| *start <= line);
        match block {
            Some((_, scenarios)) if line <= last && !scenarios.is_empty() => wanted.extend(scenarios),
            _ => {
                let (path, nearest) = (file.path.clone(), nearest_scenario(file, line));
                return Err(Error::NoScenarioAtLine { path, line, last, nearest });
            }
        }
    }
    Ok(wanted)
}

/// The line and the name of the scenario that begins nearest to a line.
fn nearest_scenario(file: &FeatureFile, line: usize) -> Option<(usize, String)> {
    let Feature { scenarios, rules, .. } = &file.expanded;
    let all = scenarios.iter().chain(rules.iter().flat_map(|rule| &rule.scenarios));
    let nearest = all.min_by_key(|scenario| scenario.position.line.abs_diff(line))?;
    Some((nearest.position.line, nearest.name.clone()))
}

/// Where each block begins (its tags included), and the lines of the scenarios it stands for.
fn blocks(file: &FeatureFile) -> Vec<(usize, Vec<usize>)> {
    let FeatureFile { feature, expanded, .. } = file;
    let lines_of = |scenarios: &[Scenario]| scenarios.iter().map(|s| s.position.line).collect::<Vec<_>>();
    let mut all = lines_of(&expanded.scenarios);
    all.extend(expanded.rules.iter().flat_map(|rule| lines_of(&rule.scenarios)));
    let mut blocks = vec![(with_tags(file, feature.position.line), all)];
    let mut pairs = vec![(&feature.scenarios, &expanded.scenarios)];
    for (rule, expanded) in feature.rules.iter().zip(&expanded.rules) {
        blocks.push((with_tags(file, rule.position.line), lines_of(&expanded.scenarios)));
        pairs.push((&rule.scenarios, &expanded.scenarios));
    }
    for (written, expanded) in pairs {
        let mut expanded = expanded.iter().map(|scenario| scenario.position.line);
        for scenario in written {
            let rows = scenario_rows(file, scenario, &mut expanded, &mut blocks);
            blocks.push((with_tags(file, scenario.position.line), rows));
        }
    }
    blocks.sort_by_key(|(start, _)| *start);
    blocks
}

/// The lines that a written scenario stands for; its examples and their rows are blocks, too.
fn scenario_rows(
    file: &FeatureFile,
    scenario: &Scenario,
    expanded: &mut impl Iterator<Item = usize>,
    blocks: &mut Vec<(usize, Vec<usize>)>,
) -> Vec<usize> {
    if scenario.examples.is_empty() {
        return expanded.take(1).collect();
    }
    let mut all = Vec::new();
    for examples in &scenario.examples {
        let rows: Vec<usize> = expanded.take(row_count(examples)).collect();
        blocks.push((with_tags(file, examples.position.line), rows.clone()));
        blocks.extend(rows.iter().map(|row| (*row, vec![*row])));
        all.extend(rows);
    }
    all
}

/// The first of the lines of tags and comments that stand directly above a line.
fn with_tags(file: &FeatureFile, line: usize) -> usize {
    let lines: Vec<&str> = file.source.lines().take(line - 1).collect();
    let above = lines.iter().rev().take_while(|text| text.trim_start().starts_with(['@', '#'])).count();
    line - above
}

fn inherited(outer: &[&[String]], own: &[String]) -> Vec<String> {
    let mut tags: Vec<String> = Vec::new();
    for tag in outer.iter().copied().flatten().chain(own) {
        if !tags.contains(tag) {
            tags.push(tag.clone());
        }
    }
    tags
}

/// `file.feature:12` or `file.feature:12:5`, unless a file bears that whole name.
fn split_line(path: &str) -> (PathBuf, Option<usize>) {
    let whole = PathBuf::from(path);
    if whole.exists() {
        return (whole, None);
    }
    let number = |path: &str| {
        let (path, number) = path.rsplit_once(':')?;
        Some((path.to_owned(), number.parse::<usize>().ok().filter(|number| *number > 0)?))
    };
    match number(path) {
        None => (whole, None),
        Some((path, last)) => match number(&path) {
            Some((path, line)) => (path.into(), Some(line)),
            None => (path.into(), Some(last)),
        },
    }
}

/// The feature files below a folder, sorted; links to folders and hidden folders are not followed.
fn collect(folder: &Path, files: &mut Vec<PathBuf>, problems: &mut Vec<Diagnostic>) {
    let read = fs::read_dir(folder).and_then(|entries| entries.collect::<io::Result<Vec<_>>>());
    let mut entries = match read {
        Ok(entries) => entries,
        Err(source) => {
            let error = Error::Unreadable { path: folder.to_owned(), source };
            return problems.push(unreadable(folder, &error));
        }
    };
    entries.sort_by_key(fs::DirEntry::file_name);
    for entry in entries {
        let path = entry.path();
        let hidden = entry.file_name().to_string_lossy().starts_with('.');
        if entry.file_type().is_ok_and(|kind| kind.is_dir()) {
            if !hidden {
                collect(&path, files, problems);
            }
        } else if path.extension().is_some_and(|ext| ext.eq_ignore_ascii_case("feature")) {
            files.push(path);
        }
    }
}

/// A file that cannot be read, as a problem of that file: the others are looked at all the same.
fn unreadable(path: &Path, error: &Error) -> Diagnostic {
    Diagnostic {
        code: "unreadable".to_owned(),
        severity: Severity::Error,
        place: Place { path: path.to_owned(), line: 1, column: 1, length: 1 },
        snippet: String::new(),
        message: error.to_string(),
        help: error.hint().into_iter().collect(),
    }
}

fn read_source(path: &Path) -> Result<String> {
    let unreadable = |source| Error::Unreadable { path: path.to_owned(), source };
    let size = fs::metadata(path).map_err(unreadable)?.len();
    if size > MAX_FILE_OCTETS {
        return Err(Error::usage(
            format!("{} is too large for a feature file ({size} octets)", path.display()),
            "split it; a feature file holds 1 MiB at most",
        ));
    }
    fs::read_to_string(path).map_err(unreadable)
}

#[cfg(test)]
#[path = "select_tests.rs"]
mod tests;
