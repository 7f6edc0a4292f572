//! Policy times that are shortened: the story stays, the verdict stays, and the audit knows.
#![allow(missing_docs, clippy::unwrap_used)]

mod common;

use std::path::Path;

use common::{captures, feature, results, sipfarm};
use serde_json::Value;

/// Every server refuses; the rounds are spaced by the profile, 30 s.
const ROUNDS: &str = "Feature: Rounds
  @time-scale
  Scenario: Shortened
    Given a farm with servers \"primary\" and \"secondary\"
    And a phone with profile \"yealink-t5x\"
    And \"primary\" answers REGISTER with 503
    And \"secondary\" answers REGISTER with 503
    When the phone registers
    Then the phone sends REGISTER to \"primary\", then \"secondary\", in 3 rounds

  Scenario: As long as ever
    Given a farm with servers \"primary\" and \"secondary\"
    And a phone with profile \"yealink-t5x\"
    And \"primary\" answers REGISTER with 503
    And \"secondary\" answers REGISTER with 503
    When the phone registers
    Then the phone sends REGISTER to \"primary\", then \"secondary\", in 3 rounds
";

fn seconds(result: &Value) -> f64 {
    result["virtual_time_ns"].as_i64().unwrap() as f64 / 1e9
}

/// Runs a feature; gives the exit code and the results.
fn run(folder: &Path, path: &str, more: &[&str]) -> (i32, Vec<Value>) {
    let out = folder.join("out");
    let ran = sipfarm(&[&["run", path, "--out", out.to_str().unwrap()], more].concat());
    assert!(out.join("events.ndjson").exists(), "{}{}", ran.out, ran.err);
    (ran.code, results(&out))
}

#[test]
fn every_scenario_that_may_be_scaled_passes_so_and_an_audit_says_the_same() {
    for scale in ["0.1", "0.3"] {
        let folder = tempfile::tempdir().unwrap();
        let (code, results) =
            run(folder.path(), "features", &["--tags", "@time-scale", "--time-scale", scale]);
        assert_eq!(code, 0);
        assert!(results.len() > 10);
        for result in results {
            assert_eq!(result["time_scale"].as_f64().unwrap(), scale.parse::<f64>().unwrap());
            let audit = sipfarm(&["audit", result["capture"].as_str().unwrap(), "--format", "json"]);
            let audit: Value = serde_json::from_str(&audit.out).unwrap();
            assert_eq!((&audit["verdict"], &audit["findings"]), (&result["verdict"], &result["findings"]));
        }
    }
}

#[test]
fn only_the_scenario_with_the_tag_is_scaled() {
    let folder = tempfile::tempdir().unwrap();
    let path = feature(folder.path(), ROUNDS);
    let (code, results) = run(folder.path(), &path, &["--time-scale", "0.1"]);
    assert_eq!(code, 0);
    assert!((6.0..10.0).contains(&seconds(&results[0])), "{results:?}");
    assert!((60.0..70.0).contains(&seconds(&results[1])), "{results:?}");
    assert!(results[1].get("time_scale").is_none());
}

#[test]
fn on_real_sockets_nobody_needs_to_ask_for_it() {
    let folder = tempfile::tempdir().unwrap();
    let path = feature(folder.path(), ROUNDS);
    let (code, results) = run(folder.path(), &path, &["--net", "loopback", "--tags", "@time-scale"]);
    assert_eq!((code, results.len()), (0, 1), "{results:?}");
    assert_eq!(results[0]["time_scale"].as_f64(), Some(0.1));
    let audit = sipfarm(&["audit", results[0]["capture"].as_str().unwrap()]);
    assert_eq!(audit.code, 0, "{}", audit.out);
}

#[test]
fn an_audit_by_a_profile_takes_its_times_at_the_scale_of_the_scenario() {
    let folder = tempfile::tempdir().unwrap();
    let path = feature(folder.path(), ROUNDS);
    run(folder.path(), &path, &["--time-scale", "0.1"]);
    for capture in captures(&folder.path().join("out")) {
        let audit = sipfarm(&["audit", capture.to_str().unwrap(), "--profile", "yealink-t5x"]);
        assert_eq!(audit.code, 0, "{}", audit.out);
    }
}

#[test]
fn what_a_phone_does_wrong_is_caught_at_any_scale() {
    let folder = tempfile::tempdir().unwrap();
    let path = feature(folder.path(), ROUNDS);
    let (code, results) =
        run(folder.path(), &path, &["--time-scale", "0.1", "--defect", "hammers-dead-server"]);
    assert_eq!(code, 1);
    for result in results {
        let findings = result["findings"].as_array().unwrap();
        let broken =
            |finding: &&Value| finding["verdict"] == "fail" && finding["rule"] == "registration-rounds";
        assert_eq!(findings.iter().filter(broken).count(), 1, "{}", result["name"]);
    }
}

#[test]
fn a_profile_has_a_scale_of_its_own_unless_the_run_says_another() {
    let folder = tempfile::tempdir().unwrap();
    let profile = folder.path().join("quick.yaml");
    let text = "schema: sipfarm.profile/1\nid: quick\nextends: yealink-t5x\ntime_scale: 0.5\n";
    std::fs::write(&profile, text).unwrap();
    let text = ROUNDS.replace("yealink-t5x", profile.to_str().unwrap());
    let path = feature(folder.path(), &text);
    for (more, scale) in [(&[][..], 0.5), (&["--time-scale", "0.2"][..], 0.2)] {
        let folder = tempfile::tempdir().unwrap();
        let (code, results) = run(folder.path(), &path, more);
        assert_eq!((code, results[0]["time_scale"].as_f64()), (0, Some(scale)));
        assert!((60.0..70.0).contains(&seconds(&results[1])), "{results:?}");
    }
}

#[test]
fn a_scale_that_is_none_is_a_mistake() {
    for (scale, hint) in [("0.01", "from 0.1 to 1"), ("2", "from 0.1 to 1"), ("fast", "a number such as 0.1")]
    {
        let ran = sipfarm(&["run", "features/calls", "--time-scale", scale]);
        assert_eq!(ran.code, 2);
        assert!(ran.err.contains(hint), "{}", ran.err);
    }
    let ran =
        sipfarm(&["run", "features/calls", "--net", "loopback", "--phone", "baresip", "--time-scale", "0.1"]);
    assert_eq!(ran.code, 2);
    assert!(ran.err.contains("time_scale"), "{}", ran.err);
}
