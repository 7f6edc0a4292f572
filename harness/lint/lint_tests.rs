#![allow(clippy::unwrap_used)]
use std::path::Path;

use super::catalogue::tests::SmallWorld;
use super::*;

fn diagnose_files(files: &[(&str, &str)]) -> Vec<Diagnostic> {
    let files: Vec<FeatureFile> = files
        .iter()
        .map(|(path, source)| FeatureFile::parse(Path::new(path), (*source).to_owned()).unwrap())
        .collect();
    let known = |words: &'static [&'static str]| {
        move |name: &str| {
            let complaint = || Complaint { message: format!("there is no `{name}`"), help: None };
            words.contains(&name).then_some(()).ok_or_else(complaint)
        }
    };
    let facts = Facts {
        requirement: &known(&["YL-04"]),
        fault: &known(&["silent", "media-loss"]),
        fault_at: &|fault, node| match (fault, node) {
            ("silent", "far end") => Err(Complaint::from("it does nothing there")),
            _ => Ok(()),
        },
        level: &|_, level| known(&["flash", "none"])(level),
        profile: &known(&["rfc3261"]),
        settings: &|_, settings| {
            let unknown = settings
                .iter()
                .enumerate()
                .find_map(|(at, (path, _))| Some((at, known(&["timers.t1_ms"])(path).err()?)));
            unknown.map_or(Ok(()), Err)
        },
        group: &|_| Ok(()),
        note: &known(&["gate opened"]),
    };
    lint(&files, &StepCatalogue::of::<SmallWorld>(), &facts)
}

fn diagnose(source: &str) -> Vec<Diagnostic> {
    diagnose_files(&[("features/x.feature", source)])
}

/// Codes with their places.
fn codes(source: &str) -> Vec<String> {
    let place = |d: &Diagnostic| format!("{} {}:{}", d.code, d.place.line, d.place.column);
    diagnose(source).iter().map(place).collect()
}

/// A scenario whose steps are sound but for that one.
fn with_step(step: &str) -> String {
    let when = if step.starts_with("When") { "" } else { "    When the phone dials the far end\n" };
    format!(
        "Feature: F\n  Scenario: s\n    Given a farm with servers \"primary\" and \"secondary\"\n    And a phone\n    \
         {step}\n{when}    Then the phone sends INVITE to \"primary\"\n"
    )
}

fn text_of(source: &str) -> String {
    diagnose(source).iter().map(ToString::to_string).collect::<Vec<_>>().join("\n")
}

#[test]
fn a_sound_file_is_left_in_peace() {
    let source = "@YL-04 @slow\nFeature: F\n  Background:\n    Given a farm with servers \"primary\", \"secondary\" and \
                  \"backup\"\n\n  Scenario Outline: <fault>\n    Given a phone with profile \"rfc3261\"\n    And \
                  \"backup\" has fault \"<fault>\"\n    When the phone dials the far end\n    Then the phone sends INVITE \
                  to \"primary\" within 32 s\n\n    Examples:\n      | fault  |\n      | silent |\n";
    assert_eq!(diagnose(source), []);
}

#[test]
fn an_undefined_step_says_what_was_meant_and_where_it_is() {
    let text = text_of(&with_step("When the phone dial the far end"));
    let place = text.rfind("harness/lint/catalogue.rs:").unwrap();
    insta::assert_snapshot!(&text[..place], @r#"
    step-undefined

      × no step matches
       ╭─[features/x.feature:5:10]
     5 │     When the phone dial the far end
       ·          ──────────────────────────
       ╰────
      help: did you mean  "the phone dials the far end"   (
    "#);
}

#[test]
fn what_is_expected_before_anything_was_done_is_found() {
    let then = "Then the phone sends INVITE to \"primary\"";
    insta::assert_snapshot!(text_of(&with_step(then)), @r#"
    then-before-when

      × nothing has been done yet that this could be counted from
       ╭─[features/x.feature:5:10]
     5 │     Then the phone sends INVITE to "primary"
       ·          ───────────────────────────────────
       ╰────
      help: write a When before it:  When the phone dials the far end,  or  When the phone is left alone
    "#);
    // Once is enough, and a When of the background is one.
    let none = "Feature: F\n  Scenario: s\n    Given a farm with servers \"primary\"\n    Then the phone sends INVITE to \
                \"primary\"\n    And the phone sends BYE to \"primary\"\n";
    assert_eq!(codes(none), ["then-before-when 4:10"]);
    let background =
        none.replacen("  Scenario", "  Background:\n    When the phone dials the far end\n  Scenario", 1);
    assert_eq!(codes(&background), Vec::<String>::new());
}

#[test]
fn a_step_under_the_wrong_keyword_is_told_so() {
    insta::assert_snapshot!(text_of(&with_step("When a phone")), @"
    step-undefined

      × no step matches
       ╭─[features/x.feature:5:10]
     5 │     When a phone
       ·          ───────
       ╰────
      help: this is a `Given` step, and stands here as `When`
    ");
}

#[test]
fn a_number_without_its_unit_is_not_just_undefined() {
    for written in ["within 32", "within 32s", "within 32 seconds"] {
        let source = with_step("When the phone dials the far end")
            .replace("INVITE to \"primary\"", &format!("INVITE to \"primary\" {written}"));
        let found = diagnose(&source);
        assert_eq!(found[0].code, "number-without-unit", "{written}");
        assert_eq!(found[0].help, ["did you mean  \"the phone sends INVITE to \"primary\" within 32 s\""]);
    }
}

#[test]
fn a_time_that_is_none_is_found() {
    for (written, found) in [("soon", 1), ("-1", 1), ("1e9", 1), ("NaN", 1), ("0.5", 0), ("32", 0)] {
        let source = with_step("When the phone dials the far end")
            .replace("INVITE to \"primary\"", &format!("INVITE to \"primary\" within {written} s"));
        let place = ["number-expected 6:46".to_owned()];
        assert_eq!(codes(&source), place[..found], "{written}");
    }
}

#[test]
fn a_time_or_count_of_nothing_is_found() {
    let source = |then: &str| with_step("When the phone dials the far end") + "    And " + then + "\n";
    for then in [
        "the phone sends INVITE to \"primary\" within 0 s",
        "the phone sends INVITE to \"primary\" within 0.0 s",
        "the phone sends no INVITE for 0 s",
        "the phone sends REGISTER to \"primary\", in 0 rounds",
        "the phone sends INVITE to \"primary\" exactly 0 times",
    ] {
        let found: Vec<String> =
            codes(&source(then)).into_iter().filter(|code| code.starts_with("vac")).collect();
        assert_eq!(found.len(), 1, "{then}: {found:?}");
    }
    assert_eq!(codes(&source("the call ends after 2 s")).len(), 1, "which is ambiguous, and no more");
}

#[test]
fn a_setting_that_stands_twice_is_found_at_its_second_row() {
    let rows = "And a phone with settings\n      | timers.t1_ms | 100 |\n      | timers.t1_ms | 200 |";
    let found = codes(&with_step(rows));
    assert!(found.contains(&"setting-twice 7:9".to_owned()), "{found:?}");
}

#[test]
fn an_ambiguous_step_names_all_that_match() {
    let source = with_step("When the phone dials the far end") + "    And the call ends after 2 s\n";
    let found = diagnose(&source);
    assert_eq!((found[0].code.as_str(), found[0].place.line, found[0].help.len()), ("step-ambiguous", 7, 2));
}

#[test]
fn names_that_nobody_bears_are_found() {
    assert_eq!(codes(&with_step("And \"primry\" has fault \"silent\"")), ["unknown-node 5:9"]);
    assert_eq!(codes(&with_step("And \"primary\" has fault \"silnt\"")), ["unknown-fault 5:29"]);
    assert_eq!(codes(&with_step("And a phone with profile \"rfc\"")), ["unknown-profile 5:30"]);
    assert_eq!(
        codes(&format!("@YL-04 @YL-99 @slow # @YL-98\n{}", with_step("And a phone"))),
        ["unknown-requirement 1:8"]
    );
    assert_eq!(codes(&format!("@yl-04 @qa-17\n{}", with_step("And a phone"))), ["unknown-requirement 1:1"]);
    assert_eq!(
        codes(&format!("@time_scale @time-scale @a-scale\n{}", with_step("And a phone"))),
        ["tag-misspelt 1:1"]
    );
    assert_eq!(codes(&format!("@retry(3).after(1s)\n{}", with_step("And a phone"))), ["tag-retry 1:1"]);
    let farmless = "Feature: F\n  Scenario: s\n    Given a phone\n    When the phone dials the far end\n    Then the phone sends INVITE to \"primary\"\n";
    assert_eq!(codes(farmless), ["unknown-node 5:36"]);
    insta::assert_snapshot!(text_of(&with_step("And \"primry\" has fault \"silent\"")), @r#"
    unknown-node

      × the farm has no node "primry"
       ╭─[features/x.feature:5:9]
     5 │     And "primry" has fault "silent"
       ·         ────────
       ╰────
      help: did you mean "primary"?
    "#);
}

#[test]
fn an_outline_is_checked_row_by_row_and_reported_once() {
    let source = "Feature: F\n  Background:\n    Given a farm with servers \"primary\"\n  Scenario Outline: <n>\n    Given a \
                  fone\n    When the phone dials the far end\n    Then the phone sends INVITE to \"<n>\"\n    Examples:\n      | n       |\n      | primary |\n      \
                  | prime   |\n      | primary |\n";
    assert_eq!(codes(source), ["step-undefined 5:11", "unknown-node 7:5"]);
}

#[test]
fn what_gherkin_lets_pass_in_silence_is_an_error() {
    let sound = "    Given a farm with servers \"primary\"\n    When the phone dials the far end\n    Then the phone sends INVITE to \"primary\"\n";
    for (source, expected) in [
        ("Feature: F\n".to_owned(), vec!["feature-empty 1:1"]),
        ("Feature: F\n  Rule: r\n".to_owned(), vec!["rule-empty 2:3"]),
        ("Feature: F\n  Scenario: s\n".to_owned(), vec!["scenario-empty 2:3"]),
        (format!("Feature: F\n  Scenario:\n{sound}"), vec!["scenario-without-name 2:3"]),
        ("Feature: F\n  Scenario: s\n    Given a phone\n".to_owned(), vec!["scenario-without-then 2:3"]),
        (format!("Feature: F\n  Scenario: s\n    Gven a phone\n{sound}"), vec!["keyword-in-description 3:5"]),
        (format!("Feature: F\nFeature: G\n  Scenario: s\n{sound}"), vec!["second-feature 2:1"]),
        (format!("Feature: F\n  Scenario Outline: s\n{sound}"), vec!["outline-without-examples 2:3"]),
        (
            format!("Feature: F\n  Scenario Outline: s\n{sound}    Examples:\n      | n |\n"),
            vec!["column-unused 6:5", "examples-empty 6:5"],
        ),
        (
            format!("Feature: F\n  Scenario: s\n{sound}  Scenario: t\n{sound}  Scenario: s\n{sound}"),
            vec!["duplicate-scenario 10:3"],
        ),
    ] {
        assert_eq!(codes(&source), expected, "{source}");
        let errors = diagnose(&source).iter().any(|d| d.severity == Severity::Error);
        assert!(errors, "{source}");
    }
}

#[test]
fn rows_of_one_outline_may_share_a_name() {
    let source = "Feature: F\n  Background:\n    Given a farm with servers \"primary\"\n    When the phone dials the far end\n  Scenario Outline: s\n    Then the \
                  phone sends INVITE to \"primary\" within <n> s\n    Examples:\n      | n |\n      | 1 |\n      | 2 |\n";
    assert_eq!(diagnose(source), []);
}

#[test]
fn settings_are_checked_at_their_row() {
    let source =
        with_step("And a phone with settings\n      | timers.t1_ms | 100 |\n      | timers.t9_ms | 1 |");
    let found: Vec<String> = codes(&source);
    assert!(found.contains(&"unknown-setting 7:9".to_owned()), "{found:?}");
}

#[test]
fn two_features_of_one_name_are_a_warning() {
    let source = with_step("And a phone");
    let found = diagnose_files(&[("a.feature", &source), ("b.feature", &source)]);
    assert_eq!(found.len(), 1);
    assert_eq!((found[0].code.as_str(), found[0].severity), ("duplicate-feature", Severity::Warning));
}

#[test]
fn seconds_are_no_status_code() {
    let code = |step: &str| codes(&with_step(step)).into_iter().any(|found| found.contains("no-status-code"));
    assert!(!code("Then the phone sends no INVITE for 900 s"));
    assert!(code("Then the phone answers INVITE from \"primary\" with 900"));
}

#[test]
fn a_header_field_is_no_node_and_its_value_no_status_code() {
    let codes = |header: &str| {
        let mut codes =
            codes(&with_step(&format!("Then the phone sends INVITE to \"primary\" with header {header}")));
        codes.retain(|code| !code.starts_with("step-undefined") && !code.starts_with("then-before-when"));
        codes
    };
    assert_eq!(codes("\"Supported\""), Vec::<String>::new());
    assert_eq!(codes("\"Expires: 900\""), Vec::<String>::new());
    assert_eq!(codes("\"Call Info\"").len(), 1);
}

/// Not before five seconds and within forty is possible; before five, or after it has been asked for, is not.
#[test]
fn silence_and_what_breaks_it_are_weighed_by_their_order_and_times() {
    let found = |steps: &[&str]| {
        let steps: Vec<String> =
            steps.iter().map(|step| format!("    Then the phone sends {step}\n")).collect();
        let source = with_step("And the far end answers")
            .replace("    Then the phone sends INVITE to \"primary\"\n", &steps.concat());
        codes(&source).iter().any(|code| code.starts_with("impossible-window"))
    };
    let silence = "no INVITE to \"primary\" for 5 s";
    assert!(!found(&[silence, "INVITE to \"primary\" within 40 s"]));
    assert!(!found(&[silence, "INVITE to \"primary\""]));
    assert!(found(&[silence, "INVITE to \"primary\" within 5 s"]));
    assert!(found(&["INVITE to \"primary\" within 40 s", silence]));
    assert!(found(&["INVITE to \"secondary\", then \"primary\"", "no INVITE for 5 s"]));
    assert!(!found(&["INVITE to \"secondary\"", silence]));
    assert!(!found(&["REGISTER to \"primary\"", silence]));
}
