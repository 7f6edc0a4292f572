//! A feature file line by line: which lines gherkin would swallow as description, and which line
//! is to blame when it cannot read the file (its own place is often that of the end of file).

use sipfarm_core::nearest::distance;

use crate::error::{Diagnostic, Place, Severity};
use crate::requirements::is_meant_as_id;

/// A line that is not what its author meant.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Suspect {
    /// The diagnostic's code.
    pub code: &'static str,
    /// The line, from 1.
    pub line: usize,
    /// What is wrong.
    pub message: String,
    /// What to do.
    pub help: Option<String>,
    /// Whether gherkin cannot read the file because of it; otherwise it is swallowed in silence.
    pub breaks: bool,
}

impl Suspect {
    /// As a problem of the file with that source.
    pub fn diagnostic(&self, path: &std::path::Path, source: &str) -> Diagnostic {
        let snippet = source.lines().nth(self.line - 1).unwrap_or_default();
        Diagnostic {
            code: self.code.to_owned(),
            severity: Severity::Error,
            place: whole_line(path, self.line, snippet),
            snippet: snippet.to_owned(),
            message: self.message.clone(),
            help: self.help.iter().cloned().collect(),
        }
    }
}

/// The place of a line's first word.
pub fn whole_line(path: &std::path::Path, line: usize, text: &str) -> Place {
    let indent = text.chars().take_while(|c| c.is_whitespace()).count();
    let first_word = text.trim_start().chars().take_while(|c| !c.is_whitespace()).count();
    Place { path: path.to_owned(), line, column: indent + 1, length: first_word.max(1) }
}

/// The keywords that open a block; a colon follows.
const HEADERS: [&str; 11] = [
    "Feature",
    "Business Need",
    "Ability",
    "Background",
    "Rule",
    "Scenario Outline",
    "Scenario Template",
    "Scenarios",
    "Scenario",
    "Examples",
    "Example",
];

/// The keywords that open a step.
const STEPS: [&str; 5] = ["Given", "When", "Then", "And", "But"];

/// English words that are one slip away from a step keyword and begin many a sentence.
const COMMON: [&str; 28] = [
    "a", "add", "all", "an", "any", "are", "as", "at", "both", "by", "each", "end", "even", "give", "gives",
    "here", "it", "not", "one", "out", "put", "than", "the", "them", "there", "they", "went", "where",
];

/// What a line is to gherkin.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Kind<'a> {
    Nothing,
    Header(&'static str),
    Step,
    Row(usize),
    Text(&'a str),
}

/// Which block a line stands in.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Block {
    File,
    Feature,
    Steps { background: bool },
    Examples,
}

/// The lines that are not what their author meant. `is_step` tells whether a text is one of the
/// known steps, or nearly one.
pub fn suspects(source: &str, is_step: &dyn Fn(&str) -> bool) -> Vec<Suspect> {
    let mut reader = Reader {
        is_step,
        found: Vec::new(),
        block: Block::File,
        began: false,
        feature_line: None,
        scenarios: false,
        row_cells: None,
        fence: None,
    };
    for (at, line) in source.lines().enumerate() {
        reader.line(at + 1, line);
    }
    reader.end(source.lines().count().max(1));
    reader.found
}

struct Reader<'a> {
    is_step: &'a dyn Fn(&str) -> bool,
    found: Vec<Suspect>,
    block: Block,
    /// Steps or rows have been seen in this block, so no description may follow.
    began: bool,
    feature_line: Option<usize>,
    scenarios: bool,
    row_cells: Option<usize>,
    fence: Option<(usize, &'static str)>,
}

impl Reader<'_> {
    fn line(&mut self, at: usize, line: &str) {
        if self.inside_fence(at, line) {
            return;
        }
        let kind = kind_of(line);
        if !matches!(kind, Kind::Row(_) | Kind::Nothing) {
            self.row_cells = None;
        }
        match kind {
            Kind::Nothing => self.comment(at, line),
            Kind::Header(keyword) => self.header(at, keyword),
            Kind::Row(cells) => self.row(at, cells),
            Kind::Step => self.step(at, line.trim()),
            Kind::Text(text) => self.text(at, text),
        }
    }

    fn comment(&mut self, at: usize, line: &str) {
        let language = line.trim().strip_prefix('#').map(str::trim).and_then(|c| c.strip_prefix("language"));
        let language = language.and_then(|rest| rest.trim().strip_prefix(':')).map(str::trim);
        if language.is_some_and(|language| language != "en") && self.feature_line.is_none() {
            self.add("language", at, "feature files are written in English", None, false);
        }
    }

    fn header(&mut self, at: usize, keyword: &'static str) {
        match keyword {
            "Feature" | "Business Need" | "Ability" => {
                if let Some(first) = self.feature_line {
                    let message = format!("a second feature; the first is at line {first}");
                    let breaks = self.began;
                    self.add("second-feature", at, message, Some("one file holds one feature"), breaks);
                    return;
                }
                self.feature_line = Some(at);
                self.block = Block::Feature;
            }
            "Background" => {
                if self.scenarios {
                    self.add(
                        "background-late",
                        at,
                        "a background after a scenario",
                        Some("put it first"),
                        true,
                    );
                }
                self.block = Block::Steps { background: true };
            }
            "Rule" => (self.block, self.scenarios) = (Block::Feature, false),
            "Examples" | "Scenarios" => self.block = Block::Examples,
            _ => (self.block, self.scenarios) = (Block::Steps { background: false }, true),
        }
        self.began = false;
    }

    /// Gherkin breaks off at a row of another length, or passes over it in silence.
    fn row(&mut self, at: usize, cells: usize) {
        let first = *self.row_cells.get_or_insert(cells);
        if first != cells {
            let message = format!("{cells} cells in a table of {first}");
            self.add("table-cells", at, message, Some("write \\| for a bar inside a cell"), false);
        }
        self.began = true;
    }

    fn step(&mut self, at: usize, text: &str) {
        match self.block {
            Block::Steps { .. } => self.began = true,
            Block::Examples => {
                self.add("step-after-examples", at, "a step after the examples", None, true);
            }
            Block::File => self.add("no-feature", at, "a step before `Feature:`", None, true),
            Block::Feature => {
                let (_, rest) = first_word(text);
                if (self.is_step)(rest) {
                    let message = "a step outside a scenario is only description";
                    self.add("keyword-in-description", at, message, Some("open one with `Scenario:`"), false);
                }
            }
        }
    }

    fn text(&mut self, at: usize, text: &str) {
        if self.block == Block::File {
            let help = misspelt_header(text).unwrap_or_else(|| "begin the file with `Feature: …`".to_owned());
            self.add("no-feature", at, "expected `Feature:`", Some(&help), true);
            return;
        }
        if text.split_whitespace().all(is_meant_as_id) {
            let tags: Vec<String> = text.split_whitespace().map(|id| format!("@{id}")).collect();
            let help =
                format!("write {}, above the scenario or the feature that it belongs to", tags.join(" "));
            self.add("tag-without-at", at, "a tag begins with @", Some(&help), self.began);
            return;
        }
        let header = misspelt_header(text);
        let step = matches!(self.block, Block::Steps { .. }).then(|| self.misspelt_step(text)).flatten();
        let help = header.or(step);
        if self.began {
            let help = help.unwrap_or_else(|| "a step begins with Given, When, Then, And or But".to_owned());
            self.add("not-a-step", at, "neither a step nor a keyword", Some(&help), true);
        } else if let Some(help) = help {
            let message = "gherkin takes this line for description and does not run it";
            self.add("keyword-in-description", at, message, Some(&help), false);
        }
    }

    fn misspelt_step(&self, text: &str) -> Option<String> {
        let (word, rest) = first_word(text);
        let bare = word.trim_end_matches([':', ',']);
        let lower = bare.to_lowercase();
        let slips = |keyword: &str| distance(&lower, &keyword.to_lowercase());
        let keyword = STEPS.into_iter().min_by_key(|keyword| slips(keyword))?;
        let slips = slips(keyword);
        let allowed = if keyword.len() > 4 { 2 } else { 1 };
        let common = COMMON.contains(&lower.as_str());
        if slips == 0 || slips <= allowed && (!common || (self.is_step)(rest)) {
            return Some(format!(
                "did you mean `{keyword} {rest}`? Otherwise begin the line with another word"
            ));
        }
        (self.is_step)(text).then(|| "a step begins with Given, When, Then, And or But".to_owned())
    }

    fn inside_fence(&mut self, at: usize, line: &str) -> bool {
        let text = line.trim();
        if let Some((_, fence)) = self.fence {
            if text.ends_with(fence) {
                self.fence = None;
            }
            return true;
        }
        for fence in ["\"\"\"", "```"] {
            if let Some(rest) = text.strip_prefix(fence) {
                self.fence = (!rest.contains(fence)).then_some((at, fence));
                return true;
            }
        }
        false
    }

    fn end(&mut self, last: usize) {
        if let Some((at, fence)) = self.fence {
            let message = format!("the text that begins with {fence} here never ends");
            self.add("docstring-open", at, message, None, true);
        }
        if self.feature_line.is_none() && self.found.is_empty() {
            self.add("no-feature", last, "there is no `Feature:` in this file", None, true);
        }
    }

    fn add(
        &mut self,
        code: &'static str,
        line: usize,
        message: impl Into<String>,
        help: Option<&str>,
        breaks: bool,
    ) {
        let help = help.map(str::to_owned);
        self.found.push(Suspect { code, line, message: message.into(), help, breaks });
    }
}

fn kind_of(line: &str) -> Kind<'_> {
    let text = line.trim();
    if text.is_empty() || text.starts_with('#') || text.starts_with('@') {
        return Kind::Nothing;
    }
    if text.starts_with('|') {
        let escaped = text.replace("\\\\", "").replace("\\|", "");
        return Kind::Row(escaped.matches('|').count() - 1);
    }
    let opens = |keyword: &str| text.strip_prefix(keyword).is_some_and(|rest| rest.starts_with(':'));
    if let Some(keyword) = HEADERS.into_iter().find(|keyword| opens(keyword)) {
        return Kind::Header(keyword);
    }
    let is_step = text.starts_with("* ") || STEPS.contains(&first_word(text).0);
    if is_step { Kind::Step } else { Kind::Text(text) }
}

fn misspelt_header(text: &str) -> Option<String> {
    let (word, rest) = text.split_once(':')?;
    let word = word.trim().to_lowercase();
    let slips = |keyword: &str| distance(&word, &keyword.to_lowercase());
    let keyword = HEADERS.into_iter().min_by_key(|keyword| slips(keyword))?;
    let meant = slips(keyword) * 3 <= keyword.len();
    meant.then(|| format!("did you mean `{keyword}:{rest}`?"))
}

fn first_word(text: &str) -> (&str, &str) {
    text.split_once(char::is_whitespace).map_or((text, ""), |(word, rest)| (word, rest.trim_start()))
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Code, line and whether gherkin fails on it.
    fn found(source: &str) -> Vec<(&'static str, usize, bool)> {
        let is_step = |text: &str| text == "a phone";
        suspects(source, &is_step).iter().map(|s| (s.code, s.line, s.breaks)).collect()
    }

    #[test]
    fn a_sound_file_raises_no_suspicion() {
        let source = "# a comment\n@a\nFeature: F\n  Prose: with a colon.\n  When prose begins so, too.\n\n  Background:\n    \
                      Given a phone\n\n  @b\n  Scenario: s\n    The phone is described here, not driven.\n    Given a \
                      phone\n      | a | \\| |\n      | 1 | 2  |\n    * a phone\n    And text\n      \"\"\"\n      Gven \
                      in a text\n      \"\"\"\n\n  Rule: r\n    Background:\n      Given a phone\n    Scenario Outline: \
                      <x>\n      Given a phone\n      Examples: some\n        | x |\n        # between\n        | 1 |\n";
        assert_eq!(found(source), []);
    }

    #[test]
    fn a_misspelt_step_keyword_is_found_wherever_it_hides() {
        let scenario = |line: &str| format!("Feature: F\n  Scenario: s\n    {line}\n    Then x\n");
        for line in
            ["Gven a phone", "given a phone", "WHEN it", "Given: a phone", "Wen it", "The a phone", "a phone"]
        {
            assert_eq!(found(&scenario(line)), [("keyword-in-description", 3, false)], "{line}");
        }
        for line in ["The phone is described", "Any phone will do", "It is so"] {
            assert_eq!(found(&scenario(line)), [], "{line}");
        }
        let later = "Feature: F\n  Scenario: s\n    Given a phone\n    Wen it rings\n    Then x\n";
        assert_eq!(found(later), [("not-a-step", 4, true)]);
    }

    #[test]
    fn a_misspelt_header_is_found() {
        assert_eq!(
            found("Feature: F\n  Scenaro: s\n    Given a phone\n"),
            [("keyword-in-description", 2, false), ("keyword-in-description", 3, false)]
        );
        let outline = "Feature: F\n  Scenario Outline: s\n    Given a phone\n    Exmples:\n      | a |\n";
        assert_eq!(found(outline), [("not-a-step", 4, true)]);
        assert_eq!(found("Featre: F\n"), [("no-feature", 1, true)]);
    }

    #[test]
    fn a_tag_without_its_sign_is_found_above_below_and_between() {
        let scenario = "  Scenario: s\n    Given a phone\n";
        assert_eq!(found(&format!("Feature: F\n  YL-04 AR-02\n{scenario}")), [("tag-without-at", 2, false)]);
        assert_eq!(
            found(&format!("Feature: F\n{scenario}\n  yl-05\n{}", scenario.replace(": s", ": t"))),
            [("tag-without-at", 5, true)]
        );
        assert_eq!(found(&format!("Feature: F\n  YL-04 is described here.\n{scenario}")), []);
    }

    #[test]
    fn a_second_feature_is_found() {
        assert_eq!(found("Feature: A\nFeature: B\n"), [("second-feature", 2, false)]);
        let late = "Feature: A\n  Scenario: s\n    Given a phone\nFeature: B\n";
        assert_eq!(found(late), [("second-feature", 4, true)]);
    }

    #[test]
    fn what_breaks_a_file_is_placed_where_it_stands() {
        let cells = "Feature: F\n  Scenario Outline: s\n    Given <a>\n    Examples:\n      | a | b |\n      | 1 |\n\n\n";
        assert_eq!(found(cells), [("table-cells", 6, false)], "whether gherkin stops there or not");
        let late = "Feature: F\n  Scenario: s\n    Given x\n  Background:\n    Given y\n";
        assert_eq!(found(late), [("background-late", 4, true)]);
        let open = "Feature: F\n  Scenario: s\n    Given x\n      \"\"\"\n      text\n";
        assert_eq!(found(open), [("docstring-open", 4, true)]);
        assert_eq!(found(""), [("no-feature", 1, true)]);
        assert_eq!(found("# language: de\nFunktion: A\n")[0], ("language", 1, false));
    }
}
