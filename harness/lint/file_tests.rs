#![allow(clippy::unwrap_used)]
use super::*;

const ROWS: &str = "\
Feature: F
  Scenario Outline: <n>
    Given x
    Examples:
      # a comment
      | n |
      | 1 |

      | 2 |
";

fn problem(source: &str) -> String {
    FeatureFile::parse(Path::new("features/x.feature"), source.to_owned()).unwrap_err().to_string()
}

#[test]
fn a_syntax_error_names_the_line_that_is_to_blame() {
    let text = "Feature: F\n  Scenario: s\n    Given x\n    Wen it rings\n    Then y\n";
    insta::assert_snapshot!(problem(text), @"
    not-a-step

      × neither a step nor a keyword
       ╭─[features/x.feature:4:5]
     4 │     Wen it rings
       ·     ───
       ╰────
      help: did you mean `When it rings`? Otherwise begin the line with another word
    ");
    let text = "Feature: F\n  Scenario Outline: s\n    Given <b>\n    Examples:\n      | a |\n      | 1 |\n";
    insta::assert_snapshot!(problem(text), @"
    placeholder-unknown

      × no column of the examples bears this name
       ╭─[features/x.feature:3:11]
     3 │     Given <b>
       ·           ───
       ╰────
    ");
    insta::assert_snapshot!(problem(""), @"
    no-feature

      × there is no `Feature:` in this file
       ╭─[features/x.feature:1:1]
     1 │  
       · ─
       ╰────
    ");
}

#[test]
fn a_byte_order_mark_and_windows_line_ends_are_no_error() {
    let text = format!("\u{feff}{}", ROWS.replace('\n', "\r\n"));
    let file = FeatureFile::parse(Path::new("x.feature"), text).unwrap();
    assert_eq!(file.expanded.scenarios[1].position.line, 9);
}

proptest::proptest! {
    #[test]
    fn no_text_makes_us_panic(
        lines in proptest::collection::vec(
            proptest::sample::select(vec![
                "Feature: f", "Rule: r", "Background:", "Scenario: s", "Scenario Outline: <a>", "Examples:", "| a | b |",
                "| a |", "|", "Given <a>", "And x", "* y", "@t @u", "# c", "# language: de", "\"\"\"", "```", "", "text",
                "Gven x", "\t", "é<é>", "| \\| |", "| \\x |", "Scenario:", "Given ", "@", "\\",
            ]),
            0..14,
        ),
        noise in ".{0,12}",
    ) {
        for source in [lines.join("\n"), format!("{}\n{noise}", lines.join("\r\n  "))] {
            let _ = FeatureFile::parse(Path::new("x.feature"), source);
        }
    }
}
