//! A feature file: its text, what gherkin makes of it, and what runs of it.
//!
//! Files are read with `gherkin` itself, because its errors have a place; outlines are expanded
//! by `cucumber`, so that what is listed is what runs.

use std::path::{Path, PathBuf};

use cucumber::feature::{ExpandExamplesError, Ext as _};
use gherkin::{Feature, GherkinEnv, Scenario};

use super::lines;
use crate::error::{Diagnostic, Place, Severity};

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
        Ok(FeatureFile { path: path.to_owned(), source, feature, expanded })
    }
}

/// How many scenarios a block of examples stands for.
pub fn row_count(examples: &gherkin::Examples) -> usize {
    examples.table.as_ref().map_or(0, |table| table.rows.len().saturating_sub(1))
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
#[path = "file_tests.rs"]
mod tests;
