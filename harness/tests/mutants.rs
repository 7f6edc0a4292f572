//! Every rule can fail, and none accuses a phone that does everything right.
#![allow(clippy::unwrap_used)]

mod common;

use std::collections::BTreeSet;

use common::sipfarm;
use sipfarm_judge::rules::catalogue;
use sipfarm_ua::Defect;

#[test]
fn every_defect_is_caught_by_the_rules_that_it_names_and_nobody_else_is_accused() {
    let ran = sipfarm(&["mutants", "--format", "json"]);
    assert_eq!(ran.code, 0, "{}{}", ran.out, ran.err);
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
fn every_rule_has_a_defect_and_every_defect_names_rules_that_there_are() {
    let rules: BTreeSet<&str> = catalogue().iter().map(|rule| rule.id).collect();
    let caught: BTreeSet<&str> = Defect::ALL.iter().flat_map(|defect| defect.rules()).copied().collect();
    assert_eq!(caught.difference(&rules).collect::<Vec<_>>(), Vec::<&&str>::new(), "no such rules");
    let names: BTreeSet<&str> = Defect::ALL.iter().map(|defect| defect.name()).collect();
    assert_eq!(names.len(), Defect::ALL.len(), "a name is there twice");
}
