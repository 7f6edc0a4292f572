//! What each code of a diagnostic means, with an example of wrong and right: the sections of `CODES.md`.

/// The page that says every code.
const PAGE: &str = include_str!("CODES.md");

/// Stands before an example that is steps only.
const FRAME: &str = "Feature: Example\n  Scenario: Example\n    Given a farm with servers \"primary\" and \"secondary\"\n    And a phone\n";

/// What a code means.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Code {
    /// As a diagnostic has it.
    pub name: &'static str,
    /// All that is said of it, in Markdown.
    pub text: &'static str,
}

/// Every code, in the order of the page.
pub fn codes() -> impl Iterator<Item = Code> {
    PAGE.split("\n## `").skip(1).filter_map(|section| {
        let (name, text) = section.split_once('`')?;
        Some(Code { name, text: text.trim() })
    })
}

impl Code {
    /// What it says, in a sentence.
    pub fn summary(&self) -> &'static str {
        self.text.lines().next().unwrap_or_default()
    }

    /// A whole feature file that lint finds this in; none for what no single file can show.
    pub fn wrong(&self) -> Option<String> {
        self.example("wrong")
    }

    /// The same as it should be.
    pub fn right(&self) -> Option<String> {
        self.example("right")
    }

    fn example(&self, which: &str) -> Option<String> {
        let (_, rest) = self.text.split_once(&format!("```gherkin {which}\n"))?;
        let (example, _) = rest.split_once("```")?;
        let is_steps = example.starts_with(' ');
        Some(if is_steps { format!("{FRAME}{example}") } else { example.to_owned() })
    }
}
