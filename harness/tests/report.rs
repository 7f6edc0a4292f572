//! The views of a run: made at its end, and again from the bundle alone.
#![allow(clippy::unwrap_used)]

mod common;

use std::fs;

use common::{feature, sipfarm};

const STEPS: &str = "Given a farm with servers \"primary\" and \"secondary\"\n    And a phone\n    And the far end answers\n    When the phone dials the far end\n";

#[test]
fn the_report_is_made_again_from_the_bundle_alone() {
    let folder = tempfile::tempdir().unwrap();
    let path = feature(
        folder.path(),
        &format!(
            "Feature: F\n  Scenario: A <b>bold</b> name\n    {STEPS}    Then the phone sends INVITE to \"primary\"\n"
        ),
    );
    let bundle = folder.path().join("out");
    let ran = sipfarm(&["run", &path, "--out", bundle.to_str().unwrap()]);
    assert_eq!(ran.code, 0, "{}{}", ran.out, ran.err);
    let made = fs::read_to_string(bundle.join("report.html")).unwrap();
    assert!(made.contains("A &lt;b&gt;bold&lt;/b&gt; name") && !made.contains("<b>bold"), "{made}");

    assert!(made.contains("href=\"./001.pcapng\"") && made.contains(">INVITE</text>"), "no ladder: {made}");

    let elsewhere = folder.path().join("elsewhere");
    fs::rename(&bundle, &elsewhere).unwrap();
    fs::remove_file(elsewhere.join("report.html")).unwrap();
    fs::remove_file(&path).unwrap();
    let told = sipfarm(&["report", elsewhere.to_str().unwrap()]);
    assert_eq!(told.code, 0, "{}{}", told.out, told.err);
    assert!(told.out.lines().any(|line| line.ends_with("elsewhere/report.html")), "{}", told.out);
    assert_eq!(fs::read_to_string(elsewhere.join("report.html")).unwrap(), made);
    let junit = fs::read_to_string(elsewhere.join("junit.xml")).unwrap();
    assert!(junit.contains("A &lt;b&gt;bold&lt;/b&gt; name"), "{junit}");
    assert!(junit.contains(&format!("[[ATTACHMENT|{}/001.pcapng]]", elsewhere.display())), "{junit}");
}

#[test]
fn a_folder_without_a_bundle_has_no_report() {
    let folder = tempfile::tempdir().unwrap();
    let told = sipfarm(&["report", folder.path().to_str().unwrap()]);
    assert_eq!(told.code, 2, "{}{}", told.out, told.err);
    assert!(told.err.contains("is no bundle of sipfarm: it has no run.json"), "{}", told.err);
    assert_eq!(fs::read_dir(folder.path()).unwrap().count(), 0, "nothing is written into it");
}
