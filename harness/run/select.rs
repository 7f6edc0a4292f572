//! What to run: feature files are found and read, outlines expanded, scenarios chosen.
//!
//! Files are read with `gherkin` itself, because its errors have a place; outlines are expanded
//! by `cucumber`, so that what is listed is what runs.

use std::collections::BTreeMap;
use std::fs;
use std::io;
use std::path::{Path, PathBuf};
use std::str::FromStr;

use cucumber::feature::{ExpandExamplesError, Ext as _};
use cucumber::tag::Ext as _;
use gherkin::tagexpr::TagOperation;
use gherkin::{Feature, GherkinEnv, Scenario};

use super::events::ScenarioId;
use crate::error::{Diagnostic, Error, Place, Result, Severity};
use crate::lint::lines;

/// A feature file larger than this is a mistake.
const MAX_FILE_OCTETS: u64 = 1 << 20;

/// What was asked for on the command line.
#[derive(Debug, Clone, Default)]
pub struct Selection {
    /// Files, folders, or `file:line`; the folder `features` when empty.
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
}

/// A feature file that was read.
#[derive(Debug, Clone)]
pub struct FeatureFile {
    /// As named on the command line, or found below a folder named there.
    pub path: PathBuf,
    /// Its text.
    pub source: String,
    /// As it stands there.
    pub feature: Feature,
    /// With one scenario for each row of examples, at the row's line.
    pub expanded: Feature,
    /// Only the scenarios at these lines are wanted; all when `None`.
    lines: Option<Vec<usize>>,
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
}

impl Selection {
    /// Finds and reads the feature files. A file that cannot be parsed becomes a problem.
    ///
    /// # Errors
    /// A path that leads nowhere, a file that cannot be read, no feature file at all.
    pub fn read(&self) -> Result<Reading> {
        let mut reading = Reading::default();
        for (path, lines) in self.find()? {
            let source = read_source(&path)?;
            match FeatureFile::parse(&path, source) {
                Ok(mut file) => {
                    file.lines = lines;
                    reading.files.push(file);
                }
                Err(problem) => reading.problems.push(*problem),
            }
        }
        Ok(reading)
    }

    /// Chooses among the scenarios of files that were read.
    ///
    /// # Errors
    /// A line at which no scenario stands; nothing left to run.
    pub fn choose(&self, files: &[FeatureFile]) -> Result<Selected> {
        let mut selected = Selected { scenarios: Vec::new(), features: Vec::new() };
        let mut of = 0;
        for file in files {
            let wanted = file.wanted_lines()?;
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
        words.extend(self.text.as_ref().map(|text| format!("has `{text}` in its name")));
        if words.is_empty() { "could run".to_owned() } else { words.join(" and ") }
    }

    /// The files with the lines wanted of each, in order of their paths, none twice.
    fn find(&self) -> Result<Vec<(PathBuf, Option<Vec<usize>>)>> {
        let default = ["features".to_owned()];
        let paths = if self.paths.is_empty() { &default[..] } else { &self.paths };
        let mut found: BTreeMap<PathBuf, (PathBuf, Option<Vec<usize>>)> = BTreeMap::new();
        for path in paths {
            let (path, line) = split_line(path);
            let mut files = Vec::new();
            if path.is_dir() {
                collect(&path, &mut files)?;
            } else if path.exists() {
                files.push(path);
            } else {
                return Err(Error::NoSuchPath { path });
            }
            for file in files {
                let key = fs::canonicalize(&file).unwrap_or_else(|_| file.clone());
                let (_, lines) = found.entry(key).or_insert((file, Some(Vec::new())));
                match (line, &mut *lines) {
                    (Some(line), Some(lines)) => lines.push(line),
                    _ => *lines = None,
                }
            }
        }
        if found.is_empty() {
            return Err(Error::NoFeatureFile { paths: paths.iter().map(PathBuf::from).collect() });
        }
        Ok(found.into_values().collect())
    }
}

impl FeatureFile {
    /// Reads the text of a feature file.
    ///
    /// # Errors
    /// What is wrong, with its place.
    pub fn parse(path: &Path, source: String) -> Result<Self, Box<Diagnostic>> {
        let source = source.strip_prefix('\u{feff}').map(str::to_owned).unwrap_or(source);
        let mut feature = Feature::parse(&source, GherkinEnv::default())
            .map_err(|error| Box::new(syntax_problem(path, &source, &error.to_string())))?;
        feature.path = Some(path.to_owned());
        let mut expanded = feature
            .clone()
            .expand_examples()
            .map_err(|error| Box::new(placeholder_problem(path, &source, &error)))?;
        put_rows_in_place(&feature, &mut expanded, &source);
        Ok(FeatureFile { path: path.to_owned(), source, feature, expanded, lines: None })
    }

    /// The lines of the wanted scenarios; all are wanted when `None`.
    fn wanted_lines(&self) -> Result<Option<Vec<usize>>> {
        let Some(lines) = &self.lines else { return Ok(None) };
        let blocks = self.blocks();
        let mut wanted = Vec::new();
        for &line in lines {
            let block = blocks.iter().rev().find(|(start, _)| *start <= line);
            match block {
                Some((_, scenarios)) if !scenarios.is_empty() => wanted.extend(scenarios),
                _ => return Err(Error::NoScenarioAtLine { path: self.path.clone(), line }),
            }
        }
        Ok(Some(wanted))
    }

    /// Where each block begins (its tags included), and the lines of the scenarios it stands for.
    fn blocks(&self) -> Vec<(usize, Vec<usize>)> {
        let lines_of = |scenarios: &[Scenario]| scenarios.iter().map(|s| s.position.line).collect::<Vec<_>>();
        let mut all = lines_of(&self.expanded.scenarios);
        all.extend(self.expanded.rules.iter().flat_map(|rule| lines_of(&rule.scenarios)));
        let mut blocks = vec![(self.with_tags(self.feature.position.line), all)];
        let mut pairs = vec![(&self.feature.scenarios, &self.expanded.scenarios)];
        for (rule, expanded) in self.feature.rules.iter().zip(&self.expanded.rules) {
            blocks.push((self.with_tags(rule.position.line), lines_of(&expanded.scenarios)));
            pairs.push((&rule.scenarios, &expanded.scenarios));
        }
        for (written, expanded) in pairs {
            let mut expanded = expanded.iter().map(|scenario| scenario.position.line);
            for scenario in written {
                let start = self.with_tags(scenario.position.line);
                if scenario.examples.is_empty() {
                    blocks.push((start, expanded.by_ref().take(1).collect()));
                    continue;
                }
                let mut of_outline = Vec::new();
                for examples in &scenario.examples {
                    let rows: Vec<usize> = expanded.by_ref().take(row_count(examples)).collect();
                    blocks.extend(rows.iter().map(|row| (*row, vec![*row])));
                    blocks.push((self.with_tags(examples.position.line), rows.clone()));
                    of_outline.extend(rows);
                }
                blocks.push((start, of_outline));
            }
        }
        blocks.sort_by_key(|(start, _)| *start);
        blocks
    }

    /// The first of the lines of tags and comments that stand directly above a line.
    fn with_tags(&self, line: usize) -> usize {
        let lines: Vec<&str> = self.source.lines().take(line - 1).collect();
        let above = lines.iter().rev().take_while(|text| text.trim_start().starts_with(['@', '#'])).count();
        line - above
    }
}

/// Gives each expanded scenario the line of its row: `cucumber` counts from the keyword
/// `Examples` and is wrong where a comment or an empty line stands between.
fn put_rows_in_place(written: &Feature, expanded: &mut Feature, source: &str) {
    let lines: Vec<&str> = source.lines().collect();
    let place = |written: &[Scenario], expanded: &mut [Scenario]| {
        let mut expanded = expanded.iter_mut();
        for scenario in written {
            if scenario.examples.is_empty() {
                expanded.next();
            }
            for examples in &scenario.examples {
                let is_row = |(_, text): &(usize, &&str)| text.trim_start().starts_with('|');
                let rows = lines.iter().enumerate().skip(examples.position.line).filter(is_row).skip(1);
                for (at, text) in rows.take(row_count(examples)) {
                    let Some(scenario) = expanded.next() else { return };
                    scenario.position.line = at + 1;
                    scenario.position.col = text.chars().take_while(|c| c.is_whitespace()).count() + 1;
                }
            }
        }
    };
    place(&written.scenarios, &mut expanded.scenarios);
    for (written, expanded) in written.rules.iter().zip(&mut expanded.rules) {
        place(&written.scenarios, &mut expanded.scenarios);
    }
}

/// How many scenarios a block of examples stands for.
pub(crate) fn row_count(examples: &gherkin::Examples) -> usize {
    examples.table.as_ref().map_or(0, |table| table.rows.len().saturating_sub(1))
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
fn collect(folder: &Path, files: &mut Vec<PathBuf>) -> Result<()> {
    let unreadable = |source| Error::Unreadable { path: folder.to_owned(), source };
    let mut entries = fs::read_dir(folder)
        .and_then(|entries| entries.collect::<io::Result<Vec<_>>>())
        .map_err(unreadable)?;
    entries.sort_by_key(fs::DirEntry::file_name);
    for entry in entries {
        let path = entry.path();
        let hidden = entry.file_name().to_string_lossy().starts_with('.');
        if entry.file_type().is_ok_and(|kind| kind.is_dir()) {
            if !hidden {
                collect(&path, files)?;
            }
        } else if path.extension().is_some_and(|ext| ext.eq_ignore_ascii_case("feature")) {
            files.push(path);
        }
    }
    Ok(())
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

/// Names the line that is to blame, where we can tell; otherwise the line where gherkin stopped.
fn syntax_problem(path: &Path, source: &str, error: &str) -> Diagnostic {
    let suspects = lines::suspects(source, &|_| false);
    if let Some(suspect) = suspects.iter().find(|s| s.breaks).or(suspects.first()) {
        return suspect.diagnostic(path, source);
    }
    let (line, column) = stopped_at(error).unwrap_or((1, 1));
    let last = source.lines().count().max(1);
    let (line, column) = if line > last { (last, 1) } else { (line, column) };
    Diagnostic {
        code: "syntax".to_owned(),
        severity: Severity::Error,
        place: Place { path: path.to_owned(), line, column, length: 1 },
        snippet: source.lines().nth(line - 1).unwrap_or_default().to_owned(),
        message: "gherkin cannot read on from here".to_owned(),
        help: Vec::new(),
    }
}

/// Line and column in gherkin's message, `Error at 5:6: …`: its fields are private.
fn stopped_at(error: &str) -> Option<(usize, usize)> {
    let (line, rest) = error.strip_prefix("Error at ")?.split_once(':')?;
    Some((line.parse().ok()?, rest.split(':').next()?.trim().parse().ok()?))
}

fn placeholder_problem(path: &Path, source: &str, error: &ExpandExamplesError) -> Diagnostic {
    let line = error.pos.line.max(1);
    let name = format!("<{}>", error.name);
    // A placeholder in a scenario's name is reported at the row; it stands further up.
    let stands_in = |line: usize| source.lines().nth(line - 1).is_some_and(|text| text.contains(&name));
    let line = (1..=line).rev().find(|line| stands_in(*line)).unwrap_or(line);
    let snippet = source.lines().nth(line - 1).unwrap_or_default();
    let before = snippet.find(&name).map_or(0, |at| snippet[..at].chars().count());
    Diagnostic {
        code: "placeholder-unknown".to_owned(),
        severity: Severity::Error,
        place: Place { path: path.to_owned(), line, column: before + 1, length: name.chars().count() },
        snippet: snippet.to_owned(),
        message: "no column of the examples bears this name".to_owned(),
        help: Vec::new(),
    }
}

#[cfg(test)]
#[path = "select_tests.rs"]
mod tests;
