//! A problem in a file, with its place: a value first, its text second.

use std::fmt;
use std::path::PathBuf;

use serde::{Deserialize, Serialize};

/// How bad it is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Severity {
    /// Nothing is run.
    Error,
    /// Runs, but poor.
    Warning,
}

/// A stretch of a line in a file.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
pub struct Place {
    /// The file, as it was named.
    pub path: PathBuf,
    /// The line, from 1.
    pub line: usize,
    /// The column in characters, from 1.
    pub column: usize,
    /// How many characters, at least 1.
    pub length: usize,
}

/// A problem in a file.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Diagnostic {
    /// A word that stays the same, such as `step-undefined`.
    pub code: String,
    /// How bad it is.
    pub severity: Severity,
    /// Where.
    pub place: Place,
    /// The line of the file, as it stands there.
    pub snippet: String,
    /// What is wrong, in a few words.
    pub message: String,
    /// What to do, one thought each.
    pub help: Vec<String>,
}

/// `error[step-undefined]  features/srv.feature:12:5`, the line with the place marked, the help.
impl fmt::Display for Diagnostic {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Place { path, line, column, length } = &self.place;
        let severity = match self.severity {
            Severity::Error => "error",
            Severity::Warning => "warning",
        };
        writeln!(f, "{severity}[{}]  {}:{line}:{column}", self.code, path.display())?;
        let snippet = self.snippet.trim_end().replace('\t', " ");
        if snippet.is_empty() {
            writeln!(f, "   {}", self.message)?;
        } else {
            let gutter = format!("{line:>5}").chars().map(|_| ' ').collect::<String>();
            let gap = " ".repeat(column.saturating_sub(1));
            writeln!(f, "{line:>5} | {snippet}")?;
            writeln!(f, "{gutter} | {gap}{} {}", "^".repeat((*length).max(1)), self.message)?;
        }
        for help in &self.help {
            writeln!(f, "   help: {help}")?;
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_mark_stands_under_its_place() {
        let diagnostic = Diagnostic {
            code: "step-undefined".into(),
            severity: Severity::Error,
            place: Place { path: "features/srv.feature".into(), line: 12, column: 5, length: 5 },
            snippet: "    Given a farm with 2 registrar".into(),
            message: "no step matches".into(),
            help: vec!["did you mean  \"a farm with {int} registrars\"   (harness/steps/farm.rs:8)".into()],
        };
        insta::assert_snapshot!(diagnostic, @r#"
        error[step-undefined]  features/srv.feature:12:5
           12 |     Given a farm with 2 registrar
              |     ^^^^^ no step matches
           help: did you mean  "a farm with {int} registrars"   (harness/steps/farm.rs:8)
        "#);
    }
}
