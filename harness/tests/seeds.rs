//! The whole suite under many seeds, over a good link and over a rough one: a phone that does
//! everything right is accused by nobody.
#![allow(clippy::unwrap_used)]

mod common;

use std::path::Path;

use common::{captures, feature, results, sipfarm};
use serde_json::Value;

const SEEDS: &str = "20";

/// What `repeat.json` says of each scenario.
fn scenarios(bundle: &Path) -> Vec<Value> {
    let text = std::fs::read_to_string(bundle.join("repeat.json")).unwrap();
    let repeats: Value = serde_json::from_str(&text).unwrap();
    assert_eq!(repeats["seeds"].to_string(), SEEDS);
    repeats["scenarios"].as_object().unwrap().values().cloned().collect()
}

/// How often any scenario ended so.
fn count(scenarios: &[Value], verdict: &str) -> u64 {
    scenarios.iter().map(|scenario| scenario["counts"][verdict].as_u64().unwrap_or(0)).sum()
}

#[test]
fn no_verdict_depends_on_the_seed() {
    let folder = tempfile::tempdir().unwrap();
    let out = folder.path().join("out");
    let ran = sipfarm(&["run", "--repeat", SEEDS, "--seed", "2000", "--out", out.to_str().unwrap()]);
    assert_eq!(ran.code, 0, "{}{}", ran.out, ran.err);
    assert!(ran.out.contains("seeds    2000 to 2019"), "{}", ran.out);
    assert!(ran.out.contains("same verdict under every seed"), "{}", ran.out);
    let scenarios = scenarios(&out);
    assert_eq!(scenarios.len(), captures(&out).len(), "the captures of the first seed");
    assert_eq!(count(&scenarios, "pass"), scenarios.len() as u64 * 20);
    assert!(std::fs::read_dir(&out).unwrap().all(|entry| entry.unwrap().path().is_file()), "and no others");
}

#[test]
fn delay_jitter_and_reordering_change_no_verdict() {
    let folder = tempfile::tempdir().unwrap();
    let out = folder.path().join("out");
    let link = "delay=40ms,jitter=20ms,reorder=5%";
    let ran = sipfarm(&["run", "--repeat", SEEDS, "--link", link, "--out", out.to_str().unwrap()]);
    assert_eq!(ran.code, 0, "{}{}", ran.out, ran.err);
    assert!(ran.out.contains("same verdict under every seed"), "{}", ran.out);
}

#[test]
fn loss_and_doubling_accuse_nobody() {
    let folder = tempfile::tempdir().unwrap();
    let out = folder.path().join("out");
    let link = "delay=20ms,jitter=10ms,loss=2%,duplicate=3%,reorder=2%";
    let ran = sipfarm(&["run", "--repeat", SEEDS, "--link", link, "--out", out.to_str().unwrap()]);
    assert_eq!(ran.code, 4, "{}{}", ran.out, ran.err);
    let scenarios = scenarios(&out);
    // A key that the phone cannot take yet, for a packet was lost, leaves its scenario not exercised.
    let in_doubt = count(&scenarios, "inconclusive") + count(&scenarios, "not-exercised");
    let passed = count(&scenarios, "pass");
    assert_eq!(passed + in_doubt, scenarios.len() as u64 * 20, "{}", ran.out);
    assert!(in_doubt * 5 < passed, "{in_doubt} in doubt, {passed} passed");
    // Each doubt names its command, which shows it again.
    let doubt = scenarios.iter().find_map(|s| s["told"].as_object()?.values().next().cloned()).unwrap();
    let again = doubt["repeat"].as_str().unwrap().to_owned();
    let words: Vec<&str> = again.split(' ').skip(1).collect();
    let repeated = folder.path().join("again");
    let ran = sipfarm(&[&words[..], &["--out", repeated.to_str().unwrap()]].concat());
    assert_eq!(ran.code, 4, "{again}: {}{}", ran.out, ran.err);
    let capture = doubt["capture"].as_str().unwrap();
    assert_eq!(
        std::fs::read(out.join(capture)).unwrap(),
        std::fs::read(&captures(&repeated)[0]).unwrap(),
        "{again}"
    );
}

const CALL: &str = "Feature: F\n  Scenario: S\n    Given a farm with servers \"primary\"\n    And a phone\n    \
    And the link has 300 ms delay, 2.5 ms jitter and 1 % reordering\n    When the phone dials the far end\n    \
    Then the call is established through \"primary\"\n";

#[test]
fn a_scenario_may_make_the_link_worse_and_its_capture_says_so() {
    let folder = tempfile::tempdir().unwrap();
    let (path, out) = (feature(folder.path(), CALL), folder.path().join("out"));
    let ran = sipfarm(&["run", &path, "--out", out.to_str().unwrap()]);
    assert_eq!(ran.code, 0, "{}{}", ran.out, ran.err);
    let timeline = sipfarm::capture::read::read(&captures(&out)[0]).unwrap().timeline;
    let link = timeline.marks().find_map(|(_, mark)| match mark {
        sipfarm_judge::Mark::Link { delay, loss, .. } => Some((delay.as_millis(), *loss)),
        _ => None,
    });
    assert_eq!(link, Some((300, 0.0)));
    let took = timeline.end().unwrap() - timeline.events()[0].at;
    assert!(took.as_millis() >= 3 * 300, "INVITE, 200 and ACK cross it: {took}");
}

#[test]
fn the_loopback_interface_has_no_worse_link() {
    let folder = tempfile::tempdir().unwrap();
    let (path, out) = (feature(folder.path(), CALL), folder.path().join("out"));
    let ran = sipfarm(&["run", &path, "--net", "loopback", "--out", out.to_str().unwrap()]);
    assert_eq!(ran.code, 4, "{}{}", ran.out, ran.err);
    assert_eq!(results(&out)[0]["verdict"], "not-exercised");
    assert!(ran.out.contains("in the simulated network only"), "{}", ran.out);
    let ran = sipfarm(&["run", &path, "--net", "loopback", "--link", "loss=5%"]);
    assert_eq!(ran.code, 2, "{}{}", ran.out, ran.err);
    assert!(ran.err.contains("--net virtual"), "{}", ran.err);
    let ran = sipfarm(&["run", &path, "--link", "loss=5"]);
    assert_eq!(ran.code, 2, "{}{}", ran.out, ran.err);
    assert!(ran.err.contains("loss=5%"), "{}", ran.err);
}
