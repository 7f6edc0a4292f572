//! What can go wrong without the phone being at fault, sorted by who can mend it.
//!
//! The phone's fault is a finding, never an error. What an author, an operator or a lab did is an
//! [`Error`] with data, a message, a hint and an [`Exit`] code. Our own fault is a panic with a
//! report ([`bug`]).

use std::io;
use std::path::PathBuf;

use serde::{Deserialize, Serialize};

pub mod bug;
mod diagnostic;
mod exit;
mod plain;

pub use diagnostic::{Diagnostic, Place, Severity};
pub use exit::Exit;
pub use plain::{clean, clean_lines};

/// A result whose error is one of ours.
pub type Result<T, E = Error> = std::result::Result<T, E>;

/// Who can mend it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Blame {
    /// Whoever wrote the command line, the configuration or the feature file.
    Author,
    /// Whoever runs the lab: permissions, addresses, ports, phones.
    Lab,
    /// Whoever wrote sipfarm.
    Ours,
}

/// Everything that is expected to go wrong.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum Error {
    /// A path on the command line leads nowhere.
    #[error("no such file or folder: {}", path.display())]
    NoSuchPath {
        /// The path as written.
        path: PathBuf,
    },
    /// The paths hold no feature file.
    #[error("no feature file (*.feature) in {}", join(paths))]
    NoFeatureFile {
        /// The paths as written.
        paths: Vec<PathBuf>,
    },
    /// A file that cannot be read.
    #[error("cannot read {}: {source}", path.display())]
    Unreadable {
        /// The file.
        path: PathBuf,
        /// Why.
        source: io::Error,
    },
    /// A file or folder that cannot be written.
    #[error("cannot write {}: {source}", path.display())]
    Unwritable {
        /// The file or folder.
        path: PathBuf,
        /// Why.
        source: io::Error,
    },
    /// Feature files with errors in them; nothing was run.
    #[error("{} in the feature files; nothing was run", count(errors(.0), "error"))]
    Features(Vec<Diagnostic>),
    /// A tag expression that cannot be read.
    #[error("cannot read the tag expression `{expression}` at column {column}")]
    TagExpression {
        /// As written.
        expression: String,
        /// Where reading stopped, from 1.
        column: usize,
    },
    /// `file:line` where there is no scenario.
    #[error(
        "no scenario at line {line} of {}, which has {}{}",
        path.display(),
        count(*last, "line"),
        nearest.as_ref().map(|(line, name)| format!("; the nearest is at line {line}: {name}")).unwrap_or_default()
    )]
    NoScenarioAtLine {
        /// The file.
        path: PathBuf,
        /// The line, from 1.
        line: usize,
        /// The last line of the file.
        last: usize,
        /// The line and the name of the scenario nearest to it.
        nearest: Option<(usize, String)>,
    },
    /// The filters leave no scenario.
    #[error("nothing selected: none of {} {filter}", count(*of, "scenario"))]
    NothingSelected {
        /// How many scenarios there were.
        of: usize,
        /// What was asked for, in words.
        filter: String,
    },
    /// Any other mistake on the command line or in a configuration file.
    #[error("{message}")]
    Usage {
        /// What is wrong, with the value and where it came from.
        message: String,
        /// What to do.
        hint: Option<String>,
    },
    /// The lab is not fit: permission, address, port, a lost phone.
    #[error("{message}")]
    Lab {
        /// What is wrong.
        message: String,
        /// The command that mends it.
        fix: Option<String>,
    },
}

impl Error {
    /// A mistake on the command line or in a configuration file.
    pub fn usage(message: impl Into<String>, hint: impl Into<String>) -> Self {
        Error::Usage { message: message.into(), hint: Some(hint.into()) }
    }

    /// A lab that is not fit, with the command that mends it.
    pub fn lab(message: impl Into<String>, fix: impl Into<String>) -> Self {
        Error::Lab { message: message.into(), fix: Some(fix.into()) }
    }

    /// Who can mend it.
    pub fn blame(&self) -> Blame {
        match self {
            Error::Lab { .. } | Error::Unwritable { .. } => Blame::Lab,
            _ => Blame::Author,
        }
    }

    /// The process's exit code.
    pub fn exit(&self) -> Exit {
        match self {
            Error::NothingSelected { .. } => Exit::NothingSelected,
            Error::Lab { .. } | Error::Unwritable { .. } => Exit::LabUnfit,
            _ => Exit::Usage,
        }
    }

    /// A word that stays the same, for search and for machines.
    pub fn code(&self) -> &'static str {
        match self {
            Error::NoSuchPath { .. } => "no-such-path",
            Error::NoFeatureFile { .. } => "no-feature-file",
            Error::Unreadable { .. } => "unreadable",
            Error::Unwritable { .. } => "unwritable",
            Error::Features(_) => "features",
            Error::TagExpression { .. } => "tag-expression",
            Error::NoScenarioAtLine { .. } => "no-scenario-at-line",
            Error::NothingSelected { .. } => "nothing-selected",
            Error::Usage { .. } => "usage",
            Error::Lab { .. } => "lab",
        }
    }

    /// What to do about it.
    pub fn hint(&self) -> Option<String> {
        match self {
            Error::NoSuchPath { .. } => Some("paths are taken from the current folder".to_owned()),
            Error::NoFeatureFile { .. } => {
                Some("name a file, or a folder that holds *.feature files at any depth".to_owned())
            }
            Error::Unreadable { source, .. } if source.kind() == io::ErrorKind::InvalidData => {
                Some("save the file as UTF-8".to_owned())
            }
            Error::Unwritable { .. } => Some("choose another folder with --out DIR".to_owned()),
            Error::Features(problems) => problems.first().map(|problem| {
                format!("more about a problem, with an example: sipfarm explain {}", problem.code)
            }),
            Error::TagExpression { .. } => Some(
                "tags begin with @ and are joined by `and`, `or`, `not` and brackets: \
                 \"@YL-04 and not (@tcp or @slow)\""
                    .to_owned(),
            ),
            Error::NoScenarioAtLine { path, .. } => {
                Some(format!("see them all: sipfarm run --list {}", path.display()))
            }
            Error::NothingSelected { .. } => Some("see what there is: sipfarm run --list".to_owned()),
            Error::Usage { hint: text, .. } | Error::Lab { fix: text, .. } => {
                text.clone().filter(|text| !text.is_empty())
            }
            Error::Unreadable { .. } => None,
        }
    }

    /// The whole text for a person: what failed, which value, where, what to do next.
    pub fn explain(&self) -> String {
        let mut text = String::new();
        if let Error::Features(diagnostics) = self {
            for diagnostic in diagnostics {
                text += &format!("{diagnostic}\n");
            }
        }
        if let Error::TagExpression { expression, column } = self {
            let gap = " ".repeat(column.saturating_sub(1));
            text += &format!("error[{}]: {self}\n  {expression}\n  {gap}^\n", self.code());
        } else {
            text += &format!("error[{}]: {self}\n", self.code());
        }
        if let Some(hint) = self.hint() {
            let word = if self.blame() == Blame::Lab { "fix" } else { "help" };
            text += &format!("  {word}: {hint}\n");
        }
        clean_lines(&text)
    }
}

/// `1 problem`, `2 problems`.
pub(crate) fn count(number: usize, thing: &str) -> String {
    format!("{number} {thing}{}", if number == 1 { "" } else { "s" })
}

fn errors(diagnostics: &[Diagnostic]) -> usize {
    diagnostics.iter().filter(|diagnostic| diagnostic.severity == Severity::Error).count()
}

fn join(paths: &[PathBuf]) -> String {
    paths.iter().map(|path| path.display().to_string()).collect::<Vec<_>>().join(", ")
}

#[cfg(test)]
mod tests {
    use super::*;

    fn examples() -> Vec<(Error, Exit)> {
        let denied = || io::Error::from(io::ErrorKind::PermissionDenied);
        vec![
            (Error::NoSuchPath { path: "featurs".into() }, Exit::Usage),
            (Error::NoFeatureFile { paths: vec!["docs".into(), "ci".into()] }, Exit::Usage),
            (Error::Unreadable { path: "a.feature".into(), source: denied() }, Exit::Usage),
            (Error::Unwritable { path: "/captures".into(), source: denied() }, Exit::LabUnfit),
            (Error::TagExpression { expression: "@a nad @b".into(), column: 4 }, Exit::Usage),
            (
                Error::NoScenarioAtLine {
                    path: "a.feature".into(),
                    line: 99,
                    last: 12,
                    nearest: Some((7, "The primary answers".into())),
                },
                Exit::Usage,
            ),
            (
                Error::NothingSelected { of: 42, filter: "has the tags `@nothing`".into() },
                Exit::NothingSelected,
            ),
            (Error::usage("--out x: the folder is not empty", "name a new folder"), Exit::Usage),
            (
                Error::lab(
                    "cannot open packet socket",
                    "sudo setcap cap_net_raw,cap_net_admin+ep $(which sipfarm)",
                ),
                Exit::LabUnfit,
            ),
        ]
    }

    #[test]
    fn every_error_has_its_exit_code_and_its_text() {
        let mut text = String::new();
        for (error, exit) in examples() {
            assert_eq!(error.exit(), exit, "{error}");
            text += &format!("{}\n", error.explain());
        }
        insta::assert_snapshot!(text, @r#"
        error[no-such-path]: no such file or folder: featurs
          help: paths are taken from the current folder

        error[no-feature-file]: no feature file (*.feature) in docs, ci
          help: name a file, or a folder that holds *.feature files at any depth

        error[unreadable]: cannot read a.feature: permission denied

        error[unwritable]: cannot write /captures: permission denied
          fix: choose another folder with --out DIR

        error[tag-expression]: cannot read the tag expression `@a nad @b` at column 4
          @a nad @b
             ^
          help: tags begin with @ and are joined by `and`, `or`, `not` and brackets: "@YL-04 and not (@tcp or @slow)"

        error[no-scenario-at-line]: no scenario at line 99 of a.feature, which has 12 lines; the nearest is at line 7: The primary answers
          help: see them all: sipfarm run --list a.feature

        error[nothing-selected]: nothing selected: none of 42 scenarios has the tags `@nothing`
          help: see what there is: sipfarm run --list

        error[usage]: --out x: the folder is not empty
          help: name a new folder

        error[lab]: cannot open packet socket
          fix: sudo setcap cap_net_raw,cap_net_admin+ep $(which sipfarm)
        "#);
    }
}
