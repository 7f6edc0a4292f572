//! `--retries`: what does not end well is tried again, and every try is kept and told.
use super::*;

#[test]
fn what_fails_every_time_has_failed_and_every_try_is_kept() {
    let folder = tempfile::tempdir().unwrap();
    let wrong = feature(
        folder.path(),
        "Feature: F\n  Scenario: The phone goes to the wrong server\n    Given a farm with servers \"primary\" and \"secondary\"\n    \
         And a phone\n    And the far end answers\n    When the phone dials the far end\n    \
         Then the phone sends INVITE to \"secondary\" within 1 s\n  Scenario: The phone goes to the right one\n    \
         Given a farm with servers \"primary\" and \"secondary\"\n    And a phone\n    And the far end answers\n    \
         When the phone dials the far end\n    Then the phone sends INVITE to \"primary\" within 1 s\n",
    );
    let out = folder.path().join("out");
    let args = ["run", &wrong, "--net", "loopback", "--retries", "2", "--flaky", "pass", "--out"];
    let ran = program().args(args).arg(&out).output().unwrap();
    let ran = Ran::from(ran);
    if ran.out.contains("late by this machine") {
        return; // A machine that was late has judged nothing.
    }
    assert_eq!(ran.code, 1, "{}{}", ran.out, ran.err);
    assert!(ran.out.contains("1 passed  1 failed"), "{}", ran.out);
    assert!(ran.out.contains("tried again: fail, then fail, then fail"), "{}", ran.out);
    let names: Vec<String> =
        captures(&out).iter().map(|path| path.file_name().unwrap().to_string_lossy().into_owned()).collect();
    assert_eq!(names, ["001-try-2.pcapng", "001-try-3.pcapng", "001.pcapng", "002.pcapng"]);
    let results = results(&out);
    let failed: Vec<&serde_json::Value> =
        results.iter().filter(|result| result["verdict"] == "fail").collect();
    assert_eq!(failed.len(), 1, "the tries of one scenario are one result");
    assert_eq!(failed[0]["tries"].as_array().map(Vec::len), Some(3));
    for name in names {
        let audit = sipfarm(&["audit", out.join(&name).to_str().unwrap()]);
        let expected = if name == "002.pcapng" { 0 } else { 1 };
        assert!(
            audit.code == expected || audit.out.contains("late by this machine"),
            "{name}: {}",
            audit.out
        );
    }
}
