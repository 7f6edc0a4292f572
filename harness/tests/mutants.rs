//! Every rule can fail, and none accuses a phone that does everything right.
#![allow(clippy::unwrap_used)]

mod common;

use std::collections::BTreeSet;

use common::sipfarm;
use sipfarm_judge::rules::catalogue;
use sipfarm_ua::Defect;

/// That each is caught takes the whole suite for each of them: `cargo run --release -- mutants`, a check of its own.
#[test]
fn every_defect_has_its_turn() {
    let ran = sipfarm(&["mutants", "features/calls/basic.feature", "--format", "json"]);
    let mutants: serde_json::Value = serde_json::from_str(&ran.out).unwrap();
    let names: Vec<&str> =
        mutants["defects"].as_array().unwrap().iter().map(|m| m["defect"].as_str().unwrap()).collect();
    assert_eq!(names, Defect::ALL.iter().map(|defect| defect.name()).collect::<Vec<_>>());
}

#[test]
fn a_defect_that_no_scenario_shows_is_an_error() {
    let path = "features/calls/basic.feature";
    let ran = sipfarm(&["mutants", path, "--defect", "skips-secondary"]);
    assert_eq!(ran.code, 1, "{}{}", ran.out, ran.err);
    assert!(ran.out.contains("MISSED server-order"), "{}", ran.out);
}

#[test]
fn a_run_with_a_defect_accuses_the_phone_and_says_how_to_repeat_it() {
    let folder = tempfile::tempdir().unwrap();
    let out = folder.path().join("out");
    let arguments = ["run", "features/failover/503.feature", "--defect", "wrong-order", "--out"];
    let ran = sipfarm(&[&arguments[..], &[out.to_str().unwrap()]].concat());
    assert_eq!(ran.code, 1, "{}{}", ran.out, ran.err);
    assert!(ran.out.contains("--defect wrong-order --seed 1"), "{}", ran.out);
}

#[test]
fn a_misspelt_defect_names_the_nearest() {
    let ran = sipfarm(&["run", "--defect", "wrong-oder"]);
    assert_eq!(ran.code, 2, "{}{}", ran.out, ran.err);
    assert!(ran.err.contains("wrong-order"), "{}", ran.err);
}

#[test]
fn every_defect_names_rules_that_there_are_and_every_rule_has_a_defect() {
    let rules: BTreeSet<&str> = catalogue().iter().map(|rule| rule.id).collect();
    let caught: BTreeSet<&str> = Defect::ALL.iter().flat_map(|defect| defect.rules()).copied().collect();
    assert_eq!(caught.difference(&rules).collect::<Vec<_>>(), Vec::<&&str>::new(), "no such rules");
    // What keeps a scenario from going on is nothing that a phone can do wrong.
    let unbroken: Vec<&str> = rules.difference(&caught).copied().collect();
    assert_eq!(unbroken, ["command", "complete", "precondition"], "left: every rule that no defect names");
    let names: BTreeSet<&str> = Defect::ALL.iter().map(|defect| defect.name()).collect();
    assert_eq!(names.len(), Defect::ALL.len(), "a name is there twice");
}

#[test]
fn the_readme_of_the_rules_names_the_defects_that_each_catches() {
    for line in include_str!("../judge/src/rules/README.md").lines() {
        let Some(row) = line.strip_prefix("| `").and_then(|row| row.strip_suffix(" |")) else { continue };
        let rule = row.split('`').next().unwrap();
        let told: Vec<&str> = row.rsplit(" | ").next().unwrap().split('`').skip(1).step_by(2).collect();
        let breaks = Defect::ALL.iter().filter(|defect| defect.rules().contains(&rule));
        let breaks: Vec<&str> = breaks.map(|defect| defect.name()).collect();
        let place =
            "harness/judge/src/rules/README.md (left), in the order of harness/ua/src/defect.rs (right)";
        assert_eq!(told, breaks, "the last column of `{rule}` in {place}");
    }
}
