//! A problem in a file, with its place: a value first, its text second.

use std::fmt;
use std::path::PathBuf;

use miette::{
    GraphicalReportHandler, GraphicalTheme, LabeledSpan, MietteError, MietteSpanContents,
    NarratableReportHandler, SourceCode, SourceSpan, SpanContents, ThemeCharacters, ThemeStyles,
};
use serde::{Deserialize, Serialize};

use super::plain::{clean, clean_lines};

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

impl Diagnostic {
    /// The text for a person: code, message, the line with the place marked, help. With `NO_GRAPHICS` set it is
    /// prose, for who has it read aloud.
    pub fn render(&self, colour: bool) -> String {
        let (mut text, shown) = (String::new(), Shown::of(self));
        let prose = std::env::var_os("NO_GRAPHICS").is_some_and(|value| !value.is_empty() && value != "0");
        let written = if prose {
            NarratableReportHandler::new().render_report(&mut text, &shown)
        } else {
            let styles = if colour { ThemeStyles::ansi() } else { ThemeStyles::none() };
            let theme = GraphicalTheme { characters: ThemeCharacters::unicode(), styles };
            // Help holds commands, which nobody could copy out of broken lines.
            let handler = GraphicalReportHandler::new_themed(theme).with_links(false).with_wrap_lines(false);
            handler.render_report(&mut text, &shown)
        };
        written.map(|()| text).unwrap_or_else(|_| shown.to_string())
    }
}

impl fmt::Display for Diagnostic {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.render(false))
    }
}

/// A diagnostic as miette shows it.
#[derive(Debug)]
struct Shown<'a> {
    told: &'a Diagnostic,
    /// The snippet without what would shift the mark under it, and never empty: only beside a line is there a place.
    line: String,
    /// The place within it, in octets.
    marked: SourceSpan,
}

impl<'a> Shown<'a> {
    fn of(told: &'a Diagnostic) -> Self {
        let snippet = clean(told.snippet.trim_end());
        let line = if snippet.is_empty() { " ".to_owned() } else { snippet };
        let octets = |characters: usize| line.chars().take(characters).map(char::len_utf8).sum::<usize>();
        let before = told.place.column.saturating_sub(1);
        let (from, to) = (octets(before), octets(before + told.place.length.max(1)));
        Shown { told, marked: (from, to - from).into(), line }
    }
}

impl fmt::Display for Shown<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&clean(&self.told.message))
    }
}

impl std::error::Error for Shown<'_> {}

impl miette::Diagnostic for Shown<'_> {
    fn code<'a>(&'a self) -> Option<Box<dyn fmt::Display + 'a>> {
        Some(Box::new(&self.told.code))
    }

    fn severity(&self) -> Option<miette::Severity> {
        Some(match self.told.severity {
            Severity::Error => miette::Severity::Error,
            Severity::Warning => miette::Severity::Warning,
        })
    }

    fn help<'a>(&'a self) -> Option<Box<dyn fmt::Display + 'a>> {
        let help = clean_lines(&self.told.help.join("\n"));
        (!help.is_empty()).then(|| Box::new(help) as Box<dyn fmt::Display>)
    }

    fn source_code(&self) -> Option<&dyn SourceCode> {
        Some(self)
    }

    fn labels(&self) -> Option<Box<dyn Iterator<Item = LabeledSpan> + '_>> {
        Some(Box::new(std::iter::once(LabeledSpan::new_with_span(None, self.marked))))
    }
}

/// Of the file only this line is at hand, which is not its first.
impl SourceCode for Shown<'_> {
    fn read_span<'a>(
        &'a self,
        span: &SourceSpan,
        lines_before: usize,
        lines_after: usize,
    ) -> Result<Box<dyn SpanContents<'a> + 'a>, MietteError> {
        let found = self.line.read_span(span, lines_before, lines_after)?;
        let Place { path, line, .. } = &self.told.place;
        Ok(Box::new(MietteSpanContents::new_named(
            path.display().to_string(),
            found.data(),
            *found.span(),
            line.saturating_sub(1) + found.line(),
            found.column(),
            found.line_count(),
        )))
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
        step-undefined

          × no step matches
            ╭─[features/srv.feature:12:5]
         12 │     Given a farm with 2 registrar
            ·     ─────
            ╰────
          help: did you mean  "a farm with {int} registrars"   (harness/steps/farm.rs:8)
        "#);
    }
}
