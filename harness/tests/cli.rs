//! What can be got wrong, and what the program says then: never green, never a panic.
#![allow(clippy::unwrap_used)]

mod common;

use std::io::{BufRead, BufReader};
use std::process::Stdio;
use std::sync::mpsc;
use std::thread;
use std::time::Duration;

use common::{feature, program, sipfarm};

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
    let ran = run(
        "Feature: F\n  Scenario: S\n    Gven a phone\n    When the phone reboots\n    Then the call fails\n",
    );
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

#[test]
fn without_a_folder_of_features_the_program_brings_its_own() {
    let folder = tempfile::tempdir().unwrap();
    let run = |arguments: &[&str]| {
        common::Ran::from(common::program().current_dir(folder.path()).args(arguments).output().unwrap())
    };
    let all = run(&["run"]);
    assert_eq!(all.code, 0, "{}{}", all.out, all.err);
    assert!(all.err.contains("that sipfarm brings along"), "{}", all.err);
    let here = sipfarm(&["run", "--list"]);
    let there = run(&["run", "--list"]);
    assert_eq!(there.out, here.out, "the same scenarios, by the same names");
    assert!(!here.err.contains("brings along"), "{}", here.err);
    let one = run(&["run", "features/calls/basic.feature", "--list"]);
    assert_eq!(one.code, 0, "what a repeat command names is found: {}", one.err);
    assert_eq!(run(&["lint"]).code, 0);
    assert_eq!(run(&["run", "features/nothing.feature"]).code, 2);
}

#[test]
fn the_far_end_hangs_up_calls_only() {
    let ran = run(&format!(
        "Feature: F\n  Scenario: S\n    {FARM}    And the far end stays silent\n    When the phone dials the far end\n    And the far end hangs up\n    Then the phone sends INVITE to \"primary\"\n"
    ));
    assert_eq!(ran.code, 4, "{}{}", ran.out, ran.err);
    assert!(ran.out.contains("the far end has no answered call to hang up"), "{}", ran.out);
}

#[test]
fn lint_goes_on_after_a_file_that_it_cannot_read() {
    let folder = tempfile::tempdir().unwrap();
    feature(
        folder.path(),
        "Feature: F\n  YL-04\n  Scenario: S\n    Gven a phone\n    When the phone reboots\n    Then the call fails\n",
    );
    std::fs::write(folder.path().join("b.feature"), [0xff, 0xfe]).unwrap();
    let path = folder.path().to_str().unwrap();
    let ran = sipfarm(&["lint", path, "--format", "json"]);
    assert_eq!(ran.code, 2, "{}{}", ran.out, ran.err);
    let problems: serde_json::Value = serde_json::from_str(&ran.out).unwrap();
    let codes: Vec<&str> =
        problems.as_array().unwrap().iter().map(|problem| problem["code"].as_str().unwrap()).collect();
    assert_eq!(codes, ["tag-without-at", "keyword-in-description", "unreadable"]);
    let ran = sipfarm(&["lint", path]);
    assert!(ran.out.contains("2 files, 3 errors, 0 warnings"), "{}", ran.out);
}

/// One scenario in which the phone repeats its INVITE, and two in which it need not.
const SILENT_AND_WELL: &str = "Feature: F
  Background:
    Given a farm with servers \"primary\" and \"secondary\"
    And a phone
    And the far end answers
  Scenario: The primary answers
    When the phone dials the far end
    Then the call is established through \"primary\"
  Scenario: The primary is silent
    Given \"primary\" has fault \"silent\"
    When the phone dials the far end
    Then the phone sends INVITE to \"primary\", then \"secondary\"
  Scenario: The primary is silent at first
    Given \"primary\" has fault \"drop first=2\"
    When the phone dials the far end
    Then the call is established through \"primary\"
";

/// Runs [`SILENT_AND_WELL`] with a phone whose profile knows these rules to be broken.
fn run_with_known_issues(rules: &[&str], more: &[&str]) -> (common::Ran, tempfile::TempDir) {
    let folder = tempfile::tempdir().unwrap();
    let path = feature(folder.path(), SILENT_AND_WELL);
    let profile = folder.path().join("mine.yaml");
    let issues: String = rules.iter().map(|rule| format!("  {rule}: it counts wrongly\n")).collect();
    let text = format!("schema: sipfarm.profile/1\nid: mine\nknown_issues:\n{issues}");
    std::fs::write(&profile, text).unwrap();
    let (profile, out) = (profile.display().to_string(), folder.path().join("out").display().to_string());
    let run = ["run", &path, "--phone", &profile, "--out", &out];
    (sipfarm(&[&run[..], more].concat()), folder)
}

#[test]
fn a_known_issue_that_shows_in_one_scenario_is_not_missed_in_the_others() {
    let (ran, _) =
        run_with_known_issues(&["invite-schedule", "transmission-count"], &["--defect", "caps-invite-at-t2"]);
    assert_eq!(ran.code, 0, "{}{}", ran.out, ran.err);
    assert!(ran.out.contains("2 passed  1 known issue"), "{}", ran.out);
    assert!(!ran.out.contains("FIXED"), "{}", ran.out);
}

#[test]
fn a_known_issue_that_no_scenario_shows_fails_the_run_and_no_capture() {
    let (ran, folder) = run_with_known_issues(&["invite-schedule"], &[]);
    assert_eq!(ran.code, 6, "{}{}", ran.out, ran.err);
    for part in ["3 passed", "FIXED invite-schedule   (mine)", "it counts wrongly", "kept in 2 scenarios"] {
        assert!(ran.out.contains(part), "{part} is missing in:\n{}", ran.out);
    }
    for capture in common::captures(&folder.path().join("out")) {
        let audit = sipfarm(&["audit", capture.to_str().unwrap()]);
        assert_eq!(audit.code, 0, "one capture cannot tell: {}{}", audit.out, audit.err);
    }
}

#[test]
fn a_known_issue_without_occasion_is_not_missed() {
    let (ran, _) = run_with_known_issues(&["icmp-reaction"], &[]);
    assert_eq!(ran.code, 0, "{}{}", ran.out, ran.err);
}

/// An empty capture: its section header and nothing else.
fn empty_capture() -> Vec<u8> {
    let block = [0x0a0d_0d0a_u32, 28, 0x1a2b_3c4d, 0x0000_0001, u32::MAX, u32::MAX, 28];
    block.iter().flat_map(|word| word.to_le_bytes()).collect()
}

#[test]
fn a_known_issue_of_no_rule_is_an_error_wherever_a_profile_is_read() {
    let (ran, folder) = run_with_known_issues(&["invite-shedule"], &[]);
    let (profile, path) = (folder.path().join("mine.yaml"), folder.path().join("a.feature"));
    let (profile, path) = (profile.to_str().unwrap(), path.to_str().unwrap());
    let asks = format!(
        "Feature: F\n  Scenario: S\n    Given a farm with servers \"primary\"\n    And a phone with profile \"{profile}\"\n    When the phone dials the far end\n    Then the call fails\n"
    );
    let asking = tempfile::tempdir().unwrap();
    let asking_path = feature(asking.path(), &asks);
    let capture = folder.path().join("a.pcapng");
    std::fs::write(&capture, empty_capture()).unwrap();
    for ran in [
        ran,
        sipfarm(&["run", path, "--phone", profile, "--list"]),
        sipfarm(&["audit", capture.to_str().unwrap(), "--profile", profile]),
        sipfarm(&["phone", "--profile", profile, "--server", "primary=127.0.0.9:5060"]),
        sipfarm(&["lint", &asking_path]),
        sipfarm(&["mutants", &asking_path]),
    ] {
        assert_eq!(ran.code, 2, "{}{}", ran.out, ran.err);
        let said = ran.out + &ran.err;
        assert!(said.contains("mine.yaml:4:19") && said.contains("did you mean `invite-schedule`"), "{said}");
    }
}

#[test]
fn a_report_that_cannot_be_written_is_not_success() {
    let folder = tempfile::tempdir().unwrap();
    let out = folder.path().join("out").display().to_string();
    let full = || std::fs::OpenOptions::new().write(true).open("/dev/full").unwrap();
    for (arguments, said) in [
        (&["run", "features/calls", "--out", &out][..], "events.ndjson"),
        (&["run", "features/calls", "--list"], "No space left on device"),
        (&["lint", "features/calls"], "No space left on device"),
    ] {
        let ran = common::Ran::from(common::program().args(arguments).stdout(full()).output().unwrap());
        assert_eq!(ran.code, 5, "{arguments:?}: {}", ran.err);
        assert!(ran.err.contains(said), "{arguments:?}: {}", ran.err);
    }
}

#[test]
fn a_number_that_makes_no_sense_is_answered_in_plain_words() {
    for arguments in [["--jobs", "0"], ["--scenario-limit", "0"], ["--jobs", "many"]] {
        let ran = sipfarm(&[&["run"][..], &arguments].concat());
        assert_eq!(ran.code, 2, "{}{}", ran.out, ran.err);
        assert!(ran.err.contains("write a whole number from 1 to"), "{}", ran.err);
    }
    let ran = sipfarm(&["run", "--seed", "x"]);
    assert!(ran.code == 2 && ran.err.contains("write a whole number from 0 to"), "{}", ran.err);
}

#[test]
fn a_list_of_one_is_no_plural_and_its_phone_is_checked_too() {
    let folder = tempfile::tempdir().unwrap();
    let path = feature(folder.path(), SILENT_AND_WELL);
    let ran = sipfarm(&["run", "--list", &format!("{path}:6")]);
    assert!(ran.code == 0 && ran.out.ends_with("\n1 scenario\n"), "{}{}", ran.out, ran.err);
    let ran = sipfarm(&["run", "--list", &path, "--phone", "yealink-t5"]);
    assert!(ran.code == 2 && ran.err.contains("did you mean `yealink-t5x`"), "{}", ran.err);
}

/// What a shell and `man` are told names every command.
#[test]
fn completions_and_the_manual_know_every_command() {
    let commands = sipfarm(&["help"]).out;
    let commands: Vec<&str> = commands
        .lines()
        .skip_while(|line| *line != "Commands:")
        .skip(1)
        .take_while(|line| !line.is_empty())
        .map(|line| line.split_whitespace().next().unwrap())
        .filter(|command| *command != "help")
        .collect();
    assert!(commands.contains(&"audit"), "{commands:?}");
    let (bash, man) = (sipfarm(&["completions", "bash"]), sipfarm(&["man"]));
    assert_eq!((bash.code, man.code), (0, 0), "{}{}", bash.err, man.err);
    for command in commands {
        assert!(bash.out.contains(&format!("sipfarm__subcmd__{command}")), "{command} in the completions");
        assert!(man.out.contains(&format!("sipfarm\\-{command} \\-")), "{command} in the manual");
    }
}

#[test]
fn a_watch_runs_again_when_a_file_is_saved() {
    let folder = tempfile::tempdir().unwrap();
    let steps = "  Scenario: S\n    Given a farm with servers \"primary\"\n    And a phone\n    \
                 When the phone registers\n    Then the phone sends REGISTER to \"primary\" within 1 s\n";
    feature(folder.path(), &format!("Feature: F\n{steps}"));
    let mut watch = program();
    watch.current_dir(folder.path()).args(["watch", "a.feature"]);
    let mut watch = watch.stdout(Stdio::piped()).stderr(Stdio::null()).spawn().unwrap();
    let out = BufReader::new(watch.stdout.take().unwrap());
    let (line, lines) = mpsc::channel();
    thread::spawn(move || out.lines().map_while(Result::ok).try_for_each(|text| line.send(text)));
    let until = |text: &str| {
        let next = || lines.recv_timeout(Duration::from_secs(60)).ok();
        std::iter::from_fn(next).any(|line| line.contains(text))
    };
    assert!(until("1 passed") && until("waiting for a file"));
    feature(folder.path(), &format!("Feature: F\n{}", steps.replace("primary", "main")));
    assert!(until("1 passed") && until("waiting for a file"));
    watch.kill().unwrap();
    watch.wait().unwrap();
    let text = std::fs::read_to_string(folder.path().join("captures/watch/events.ndjson")).unwrap();
    assert!(text.contains("REGISTER to \\\"main\\\""), "{text}");
    assert_eq!(std::fs::read_dir(folder.path().join("captures")).unwrap().count(), 1, "one bundle is left");
}

#[test]
fn reporters_that_would_write_into_each_others_lines_are_refused() {
    let ran = sipfarm(&["run", "features/calls", "--reporter", "list,dot"]);
    assert_eq!(ran.code, 2, "{}{}", ran.out, ran.err);
    assert!(ran.err.contains("--reporter list,dot: dot writes into the lines of the other"), "{}", ran.err);
}
