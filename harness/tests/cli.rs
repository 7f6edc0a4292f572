//! What can be got wrong, and what the program says then: never green, never a panic.
#![allow(clippy::unwrap_used)]

mod common;

use common::{feature, sipfarm};

/// Runs a feature file of this text in virtual time.
fn run(text: &str) -> common::Ran {
    let folder = tempfile::tempdir().unwrap();
    let path = feature(folder.path(), text);
    let out = folder.path().join("out");
    sipfarm(&["run", &path, "--out", out.to_str().unwrap()])
}

const FARM: &str = "Given a farm with servers \"primary\" and \"secondary\"\n    And a phone\n";

#[test]
fn a_misspelt_keyword_is_an_error_and_not_a_description() {
    let ran = run("Feature: F\n  Scenario: S\n    Gven a phone\n    Then the call fails\n");
    assert_eq!(ran.code, 2, "{}{}", ran.out, ran.err);
    assert!(ran.err.contains("a.feature:3"), "{}", ran.err);
}

#[test]
fn an_undefined_step_is_an_error_that_names_the_nearest() {
    let ran = run(
        "Feature: F\n  Scenario: S\n    Given a farm with server \"primary\"\n    When the phone dails the far end\n    Then the call fails\n",
    );
    assert_eq!(ran.code, 2, "{}{}", ran.out, ran.err);
    assert!(ran.err.contains("the phone dials the far end"), "{}", ran.err);
}

#[test]
fn an_empty_scenario_is_an_error() {
    let ran = run("Feature: F\n  Scenario: S\n");
    assert_eq!(ran.code, 2, "{}{}", ran.out, ran.err);
}

#[test]
fn nothing_selected_is_not_success() {
    let ran = sipfarm(&["run", "--tags", "@no-such-tag"]);
    assert_eq!(ran.code, 3, "{}{}", ran.out, ran.err);
}

#[test]
fn a_path_that_leads_nowhere_is_an_error() {
    let ran = sipfarm(&["run", "no/such/folder"]);
    assert_eq!(ran.code, 2, "{}{}", ran.out, ran.err);
    assert!(ran.err.contains("no/such/folder"), "{}", ran.err);
}

#[test]
fn an_unknown_node_is_the_authors_error() {
    let ran = run(&format!(
        "Feature: F\n  Scenario: S\n    {FARM}    When the phone dials the far end\n    Then the phone sends INVITE to \"secundary\"\n"
    ));
    assert_eq!(ran.code, 2, "{}{}", ran.out, ran.err);
    assert!(ran.err.contains("secundary") || ran.out.contains("secundary"), "{}{}", ran.out, ran.err);
}

#[test]
fn an_unknown_fault_is_the_authors_error_with_a_hint() {
    let ran = run(&format!(
        "Feature: F\n  Scenario: S\n    {FARM}    And \"primary\" has fault \"silence\"\n    When the phone dials the far end\n    Then the call fails\n"
    ));
    assert_eq!(ran.code, 2, "{}{}", ran.out, ran.err);
    assert!(format!("{}{}", ran.out, ran.err).contains("silent"), "{}{}", ran.out, ran.err);
}

#[test]
fn a_wrong_expectation_accuses_the_phone_in_full() {
    let ran = run(&format!(
        "Feature: F\n  Scenario: S\n    {FARM}    And the far end answers\n    When the phone dials the far end\n    Then the phone sends INVITE to \"secondary\" within 2 s\n"
    ));
    assert_eq!(ran.code, 1, "{}{}", ran.out, ran.err);
    for part in ["a.feature:7", "expected", "nearest", "other target", "sipfarm run"] {
        assert!(ran.out.contains(part), "{part} is missing in:\n{}", ran.out);
    }
}

#[test]
fn a_refused_command_is_not_exercised_and_not_a_failure() {
    let ran = run(&format!(
        "Feature: F\n  Scenario: S\n    {FARM}    When the phone answers\n    Then the call fails\n"
    ));
    assert_eq!(ran.code, 4, "{}{}", ran.out, ran.err);
}

#[test]
fn garbage_is_no_capture() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("garbage.pcapng");
    std::fs::write(&path, b"this is no capture").unwrap();
    let ran = sipfarm(&["audit", path.to_str().unwrap()]);
    assert_eq!(ran.code, 2, "{}{}", ran.out, ran.err);
    assert!(ran.err.contains("garbage.pcapng"), "{}", ran.err);
}

#[test]
fn the_list_runs_nothing() {
    let ran = sipfarm(&["run", "--list", "--tags", "@YL-04"]);
    assert_eq!(ran.code, 0, "{}{}", ran.out, ran.err);
    assert!(ran.out.contains("features/failover/order.feature"), "{}", ran.out);
}
