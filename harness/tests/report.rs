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

/// Tells what is put to the test in a folder of its own, and runs it with further options.
fn run(folder: &std::path::Path, name: &str, text: &str, more: &[&str]) -> (String, common::Ran) {
    let path = feature(folder, text);
    let bundle = folder.join(name).display().to_string();
    let ran = sipfarm(&[&["run", &path, "--out", &bundle], more].concat());
    (bundle, ran)
}

#[test]
fn what_failed_runs_again_as_it_ran() {
    let folder = tempfile::tempdir().unwrap();
    let text =
        format!("Feature: F\n  Scenario: S\n    {STEPS}    Then the phone sends INVITE to \"primary\"\n");
    let (bundle, ran) = run(folder.path(), "first", &text, &["--defect", "wrong-order", "--seed", "7"]);
    assert_eq!(ran.code, 1, "{}{}", ran.out, ran.err);
    let again = |name: &str, more: &[&str]| {
        let out = folder.path().join(name).display().to_string();
        sipfarm(&[&["run", "--failed", &bundle, "--out", &out], more].concat())
    };
    let ran = again("again", &[]);
    assert_eq!(ran.code, 1, "the phone has its defect still: {}{}", ran.out, ran.err);
    assert!(ran.out.contains("--defect wrong-order --seed 7\n"), "{}", ran.out);
    let ran = again("other", &["--phone", "rfc3261"]);
    assert_eq!(ran.code, 0, "{}{}", ran.out, ran.err);
    assert!(ran.err.contains("runs with the options given now"), "{}", ran.err);
    let wrong = sipfarm(&["run", "--failed", folder.path().join("a.feature").to_str().unwrap()]);
    assert_eq!(wrong.code, 2, "{}{}", wrong.out, wrong.err);
    assert!(wrong.err.contains("is no bundle of sipfarm"), "{}", wrong.err);
}

#[test]
fn a_time_in_which_something_is_forbidden_is_not_called_allowed() {
    let folder = tempfile::tempdir().unwrap();
    let text = format!(
        "Feature: F\n  Scenario: S\n    {STEPS}    Then the phone sends no INVITE to \"primary\" for 40 s\n"
    );
    let (bundle, ran) = run(folder.path(), "out", &text, &[]);
    assert_eq!(ran.code, 1, "{}{}", ran.out, ran.err);
    assert!(
        ran.out.contains("forbidden  +0 s to +40 s, counted from line 6: When the phone dials"),
        "{}",
        ran.out
    );
    assert!(!ran.out.contains("allowed"), "{}", ran.out);
    let page = fs::read_to_string(std::path::Path::new(&bundle).join("report.html")).unwrap();
    assert!(page.contains("<rect class=\"forbidden\"") && page.contains("<dt>forbidden</dt>"), "{page}");
}
