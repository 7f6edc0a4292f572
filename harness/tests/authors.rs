//! What authors of scenarios write in vain: refused with a hint, and never held against the phone.
#![allow(missing_docs, clippy::unwrap_used)]

mod common;

use std::path::Path;

use common::{feature, sipfarm};
use sipfarm::lint::{StepCatalogue, Vocabulary};
use sipfarm::world::World;
use sipfarm_core::Topic;

/// Runs one scenario of these steps, with more arguments.
fn run(steps: &[&str], more: &[&str]) -> common::Ran {
    let folder = tempfile::tempdir().unwrap();
    let steps: String = steps.iter().map(|step| format!("    {step}\n")).collect();
    let path = feature(folder.path(), &format!("Feature: F\n  Scenario: S\n{steps}"));
    let out = folder.path().join("out").display().to_string();
    sipfarm(&[&["run", &path, "--out", &out][..], more].concat())
}

const FARM: &str = "Given a farm with servers \"primary\", \"secondary\" and \"backup\"";
const DIALS: &str = "When the phone dials the far end";

#[test]
fn steps_that_say_nothing_are_refused_before_anything_runs() {
    for (steps, line, said) in [
        (&[DIALS, "Then the phone sends INVIT to \"primary\""][..], 6, "did you mean INVITE?"),
        (&[DIALS, "Then the phone sends no INVIT for 5 s"], 6, "did you mean INVITE?"),
        (&[DIALS, "| a | b |", "Then the call fails"], 5, "nobody reads the table below this step"),
        (&[DIALS, "Then the phone sends INVITE to \"primary\" exactly 0 times"], 6, "count from 1"),
        (&["Then the phone sends INVITE to \"primary\"", DIALS], 5, "write a When before it"),
        (
            &[DIALS, "Then the person at the phone sees that the display shows no cal"],
            6,
            "did you mean  the display shows no call",
        ),
    ] {
        let ran = run(&[&[FARM, "And a phone"], steps].concat(), &[]);
        assert_eq!(ran.code, 2, "{steps:?}: {}{}", ran.out, ran.err);
        assert!(ran.err.contains(said), "{steps:?}: {}", ran.err);
        assert!(ran.err.contains(&format!("a.feature:{line}")), "{steps:?}: {}", ran.err);
        assert!(ran.err.contains("nothing was run"), "{steps:?}: {}", ran.err);
    }
}

#[test]
fn a_server_that_the_phone_does_not_know_is_nobodys_failure() {
    let steps = [FARM, "And a phone", DIALS, "Then the phone sends INVITE to \"backup\""];
    let unknown = "the phone does not know \"backup\": its profile has servers.order: [primary, secondary]";
    // The author wrote the scenario for the reference phone …
    let ran = run(&steps, &[]);
    assert_eq!(ran.code, 2, "{}{}", ran.out, ran.err);
    assert!(ran.out.contains(unknown) && ran.out.contains("a.feature:6"), "{}", ran.out);
    // … and not for the phone that somebody else chooses.
    let ran = run(&steps, &["--phone", "yealink-t5x"]);
    assert_eq!(ran.code, 4, "{}{}", ran.out, ran.err);
    assert!(ran.out.contains(unknown) && ran.out.contains("1 not exercised"), "{}", ran.out);
}

/// Two phones have one user, so nobody can say which of them a node is to reach.
#[test]
fn what_is_done_to_the_phone_is_done_to_the_only_one() {
    for step in ["\"primary\" resets the phone", "the far end calls the phone through \"primary\""] {
        let step = format!("When {step}");
        let then = "Then the phone sends REGISTER to \"primary\"";
        let ran = run(&[FARM, "And a phone", "And a second phone", &step, then], &[]);
        assert_eq!(ran.code, 2, "{step}: {}{}", ran.out, ran.err);
        assert!(ran.out.contains("which of the two this is for"), "{step}: {}", ran.out);
    }
}

/// A preserved call needs audio that runs past the server that dies.
#[test]
fn a_call_cannot_outlive_the_server_that_its_audio_runs_through() {
    let settings = ["And a phone with settings", "| mcp.supported | true |"];
    let dies = [
        DIALS,
        "Then audio flows both ways within 1 s",
        "When \"primary\" has fault \"silent\"",
        "Then audio keeps flowing both ways for 5 s",
    ];
    let anchored = "And \"primary\" anchors the audio";
    let ran = run(&[&[FARM][..], &settings, &[anchored], &dies].concat(), &[]);
    assert_eq!(ran.code, 2, "{}{}", ran.out, ran.err);
    let said = "no call can outlive \"primary\", as its audio runs through it: leave out";
    assert!(ran.out.contains(said) && ran.out.contains("a.feature:9"), "{}", ran.out);
    let ran = run(&[&[FARM][..], &settings, &dies].concat(), &[]);
    assert_eq!(ran.code, 0, "{}{}", ran.out, ran.err);
}

/// Each step has its words in the table for authors, and each of the table is a step. A phrase may leave
/// away how the one before it begins, all of it after `…`.
#[test]
fn the_readme_of_the_steps_says_every_step_and_no_other() {
    let catalogue = StepCatalogue::of::<World>();
    let Vocabulary { meanings, unknown } = Vocabulary::of(&catalogue);
    assert!(unknown.is_empty(), "harness/steps/README.md: no step says {unknown:?}");
    let silent = catalogue.steps.iter().zip(&meanings).filter(|(_, meaning)| meaning.is_none());
    let silent: Vec<String> =
        silent.map(|(step, _)| format!("{}   ({})", step.readable, step.place())).collect();
    assert!(silent.is_empty(), "harness/steps/README.md has no row for:\n{}", silent.join("\n"));
    for (step, meaning) in catalogue.steps.iter().zip(meanings.iter().flatten()) {
        let others = catalogue.matching(step.ty, &meaning.example).len();
        assert_eq!(others, 1, "{}: as many steps take its example: {}", step.readable, meaning.example);
        assert!(!meaning.meaning.is_empty(), "{}", step.readable);
    }
}

/// A word finds its steps, and a misspelt one the word.
#[test]
fn steps_are_found_by_a_word() {
    let ran = sipfarm(&["steps", "retry-after"]);
    assert_eq!(ran.code, 0, "{}", ran.err);
    assert!(ran.out.contains("answers INVITE with 503 and Retry-After"), "{}", ran.out);
    let ran = sipfarm(&["steps", "registars"]);
    assert_eq!(ran.code, 2, "{}", ran.out);
    assert!(ran.err.contains("did you mean regist"), "{}", ran.err);
}

/// What somebody at the phone can be asked stands there, too.
#[test]
fn the_readme_of_the_steps_says_what_somebody_at_the_phone_is_asked() {
    let readme = include_str!("../steps/README.md");
    for sentence in Topic::ALL.iter().flat_map(|topic| [topic.sentence(true), topic.sentence(false)]) {
        let sentence = sentence.replace("{}", "…");
        assert!(readme.contains(&format!("`{sentence}`")), "harness/steps/README.md: {sentence}");
    }
}

/// The table of a line and the names of calls say what is wrong with them before anybody is judged.
#[test]
fn calls_by_name_are_refused_with_what_to_write_instead() {
    let phone = "And a phone with profile \"polycom-vvx-ucs58\"";
    let occupied = "And line 1 has 1 call appearance occupied by";
    let head = "| call | precedence | state | age |";
    let row = "| a | routine | active | 5 s |";
    let (arrives, then) = ("When a flash call \"x\" arrives", "Then call \"x\" alerts");
    // Before anything runs …
    for (steps, said) in [
        (&[occupied, head, row, arrives, "Then call \"y\" alerts"][..], "no call is named \"y\""),
        (&[occupied, arrives, then], "this step needs a table"),
        (&[occupied, "| call | level | state | age |", row, arrives, then], "the headings are"),
        (&[occupied, head, row, arrives, "Then call \"x\" is refused with 200"], "200 is no such response"),
        (&[occupied, head, "| a | routine | activ | 5 s |", arrives, then], "did you mean active?"),
        (&[occupied, head, "| a | routine | active | 5 |", arrives, then], "as in  60 s"),
        (&[occupied, head, "| a | rutine | active | 5 s |", arrives, then], "did you mean routine?"),
        (&[occupied, head, row, "When a flush call \"x\" arrives", then], "did you mean flash?"),
        (&[occupied, head, row, row, arrives, then], "two rows name a call \"a\""),
        (&[occupied, head, row, "| b | flash | held | 3 s |", arrives, then], "these calls take 2"),
        (
            &["And line 1 has 2 call appearances occupied by", head, row, arrives, then],
            "line 1 has the calls",
        ),
    ] {
        let ran = run(&[&[FARM, phone], steps].concat(), &[]);
        assert_eq!(ran.code, 2, "{steps:?}: {}{}", ran.out, ran.err);
        assert!(ran.err.contains(said) && ran.err.contains("nothing was run"), "{steps:?}: {}", ran.err);
    }
    // … or as soon as the step is reached.
    for (steps, said) in [
        (&[occupied, head, row, "When a flash call \"a\" arrives", "Then call \"a\" alerts"][..], "already"),
        (
            &[occupied, head, row, "When a flash call \"x\" arrives on line 2", then],
            "the phone has no line 2",
        ),
        (&[arrives, then], "nobody knows yet where the phone can be reached"),
    ] {
        let ran = run(&[&[FARM, phone], steps].concat(), &[]);
        assert_eq!(ran.code, 2, "{steps:?}: {}{}", ran.out, ran.err);
        assert!(ran.out.contains(said), "{steps:?}: {}", ran.out);
    }
}

/// Precedence is for phones whose profile has it: otherwise the author has chosen the wrong one, or nobody has.
#[test]
fn precedence_of_a_phone_without_it_is_nobodys_failure() {
    let steps = [
        FARM,
        "And a phone",
        "And the phone is registered with \"primary\"",
        "When a flash call \"x\" arrives",
        "Then call \"x\" alerts",
    ];
    let ran = run(&steps, &[]);
    assert_eq!(ran.code, 2, "{}{}", ran.out, ran.err);
    assert!(ran.out.contains("mlpp.enabled"), "{}", ran.out);
    let ran = run(&steps, &["--phone", "yealink-t5x"]);
    assert_eq!(ran.code, 4, "{}{}", ran.out, ran.err);
    assert!(ran.out.contains("1 not exercised"), "{}", ran.out);
}

/// A situation that does not come about accuses nobody.
#[test]
fn a_line_that_cannot_be_occupied_is_inconclusive() {
    let steps = [
        FARM,
        "And a phone with profile \"polycom-vvx-ucs58\" and settings",
        "| incoming.contacts | [{user: \"1002\", divert_to: \"1009\"}] |",
        "And line 1 has 1 call appearance occupied by",
        "| call | precedence | state  | age |",
        "| a    | none       | active | 5 s |",
        "When a flash call \"x\" arrives",
        "Then call \"a\" is preempted",
    ];
    let ran = run(&steps, &[]);
    assert_eq!(ran.code, 4, "{}{}", ran.out, ran.err);
    assert!(ran.out.contains("call \"a\" is ringing") && ran.out.contains("1 inconclusive"), "{}", ran.out);
}

/// What `sipfarm new` says in an empty folder.
fn new_in(folder: &std::path::Path, args: &[&str]) -> common::Ran {
    common::program().current_dir(folder).arg("new").args(args).output().unwrap().into()
}

#[test]
fn a_new_scenario_is_sound_and_passes_as_it_stands() {
    let folder = tempfile::tempdir().unwrap();
    let made = new_in(folder.path(), &["scenario", "The primary refuses"]);
    assert_eq!(made.code, 0, "{}", made.err);
    let file = folder.path().join("the-primary-refuses.feature");
    let file = file.to_str().unwrap();
    let lint = sipfarm(&["lint", file]);
    assert!(lint.out.starts_with("1 file, 0 errors, 0 warnings"), "{}", lint.out);
    let out = folder.path().join("out");
    let ran = sipfarm(&["run", file, "--out", out.to_str().unwrap()]);
    assert!(ran.code == 0 && ran.out.contains("1 passed"), "{}{}", ran.out, ran.err);
    let again = new_in(folder.path(), &["scenario", "The primary refuses"]);
    assert!(again.code == 2 && again.err.contains("is there already; nothing was written"), "{}", again.err);
}

#[test]
fn a_new_lab_is_sound_and_its_phones_are_put_to_the_test_by_name() {
    let folder = tempfile::tempdir().unwrap();
    let ran = |args: &[&str]| -> common::Ran {
        common::program().current_dir(folder.path()).args(args).output().unwrap().into()
    };
    let made = ran(&["new", "lab", "berlin"]);
    assert!(made.code == 0 && made.out.contains("sipfarm run --lab berlin.yaml"), "{}{}", made.out, made.err);
    ran(&["new", "scenario", "The primary refuses"]);
    let file = "the-primary-refuses.feature";
    let alone = ran(&["run", file, "--lab", "berlin.yaml", "--out", "alone"]);
    assert!(
        alone.code == 0 && alone.out.contains("lab berlin  virtual network"),
        "{}{}",
        alone.out,
        alone.err
    );
    let head = |bundle: &str| std::fs::read_to_string(folder.path().join(bundle).join("run.json")).unwrap();
    let has = |text: &str, words: &str| assert!(text.contains(words), "{words} is not in {text}");
    has(&head("alone"), "\"lab\": \"berlin\"");
    has(&head("alone"), "\"phone\": \"softphone\"");

    // Two of one model are told apart by their names, in one report, too.
    let two = "schema: sipfarm.lab/1\nid: wall\nnet: virtual\nphones:\n  - { name: desk-1, profile: yealink-t5x }\n  \
               - { name: desk-2, profile: yealink-t5x }\n";
    std::fs::write(folder.path().join("wall.yaml"), two).unwrap();
    let undecided = ran(&["run", file, "--lab", "wall.yaml"]);
    assert_eq!(undecided.code, 2);
    has(&undecided.err, "wall.yaml has 2 phones, and a run puts one to the test: desk-1, desk-2");
    let unknown = ran(&["run", file, "--lab", "wall.yaml", "--phone", "desk-3"]);
    assert_eq!(unknown.code, 2);
    has(&unknown.err, "there is no phone `desk-3` in wall.yaml");
    for desk in ["desk-1", "desk-2"] {
        let one = ran(&["run", file, "--lab", "wall.yaml", "--phone", desk, "--out", desk]);
        assert_eq!(one.code, 0, "{}{}", one.out, one.err);
        let events = std::fs::read_to_string(folder.path().join(desk).join("events.ndjson")).unwrap();
        has(&events, &format!("\"phone\":\"{desk}\""));
        has(&events, &format!("--lab wall.yaml --phone {desk} --seed 1"));
    }
    let merged = ran(&["merge", "desk-1", "desk-2", "--out", "both"]);
    assert_eq!(merged.code, 0, "{}", merged.err);
    let report = std::fs::read_to_string(folder.path().join("both/report.html")).unwrap();
    has(&report, "desk-1");
    has(&report, "desk-2");
}

/// What happened in a capture, ours or not, is drafted in sentences that say it again.
#[test]
fn a_scenario_drafted_from_a_capture_is_sound_and_tells_what_happened() {
    let folder = tempfile::tempdir().unwrap();
    let feature = "features/failover/503.feature";
    let ran = sipfarm(&["run", feature, "--out", &folder.path().join("bundle").display().to_string()]);
    assert_eq!(ran.code, 0, "{}", ran.err);
    let ours = folder.path().join("bundle/001.pcapng");
    let theirs = Path::new(env!("CARGO_MANIFEST_DIR")).join("fixtures/captures/baresip-call.pcapng");
    for (name, capture) in [("Ours", &ours), ("Theirs", &theirs)] {
        let capture = capture.display().to_string();
        let made = new_in(folder.path(), &["scenario", name, "--from", &capture]);
        assert_eq!(made.code, 0, "{}", made.err);
        let file = folder.path().join(format!("{}.feature", name.to_lowercase())).display().to_string();
        let text = std::fs::read_to_string(&file).unwrap().replace(&capture, "CAPTURE");
        insta::assert_snapshot!(format!("drafted_{}", name.to_lowercase()), text);
        let ran = sipfarm(&["run", &file, "--out", &folder.path().join(name).display().to_string()]);
        assert_eq!(ran.code, 0, "{}", ran.out);
    }
    let none = new_in(folder.path(), &["scenario", "None", "--server", "primary=192.0.2.1"]);
    assert!(none.code == 2 && none.err.contains("name the capture with --from"), "{}", none.err);
}

#[test]
fn a_new_profile_is_a_phone_that_passes() {
    let folder = tempfile::tempdir().unwrap();
    let made = new_in(folder.path(), &["profile", "acme-9000"]);
    assert_eq!(made.code, 0, "{}", made.err);
    let (file, out) = (folder.path().join("acme-9000.yaml"), folder.path().join("out"));
    let (file, out) = (file.to_str().unwrap(), out.to_str().unwrap());
    let ran = sipfarm(&["run", "features/failover/503.feature", "--phone", file, "--out", out]);
    assert_eq!(ran.code, 0, "{}{}", ran.out, ran.err);
    let wrong = new_in(folder.path(), &["profile", "ACME 9000"]);
    assert!(wrong.code == 2 && wrong.err.contains("such as acme-9000"), "{}", wrong.err);
}

#[test]
fn a_new_fault_and_a_new_rule_want_a_checkout_and_are_its_templates_under_their_names() {
    let folder = tempfile::tempdir().unwrap();
    for (kind, at, of_type) in [
        ("fault", "harness/farm/faults", "pub struct AnswersLate = \"answers-late\""),
        ("rule", "harness/judge/src/rules/standing", "pub struct AnswersLate;"),
    ] {
        let refused = new_in(folder.path(), &[kind, "answers-late"]);
        assert!(refused.code == 2 && refused.err.contains("no checkout of sipfarm"), "{}", refused.err);
        std::fs::create_dir_all(folder.path().join(at)).unwrap();
        std::fs::write(folder.path().join(at).join("mod.rs"), "").unwrap();
        let made = new_in(folder.path(), &[kind, "answers-late"]);
        assert_eq!(made.code, 0, "{}", made.err);
        let text = std::fs::read_to_string(folder.path().join(at).join("answers_late.rs")).unwrap();
        assert!(text.contains(of_type) && !text.to_lowercase().contains("template"), "{text}");
    }
}

/// What the farm does not bring to the phone says nothing of it.
#[test]
fn a_far_end_that_answers_late_is_not_the_phones_failure() {
    let ran = run(
        &[
            "Given a farm with servers \"primary\" and \"secondary\"",
            "And a phone",
            "And the far end answers after 5 s",
            "When the phone dials the far end",
            "Then the call is established through \"primary\" within 2 s",
        ],
        &[],
    );
    assert_eq!(ran.code, 4, "{}{}", ran.out, ran.err);
    assert!(
        ran.out.contains("waits since +0.00 s for an answer, which the phone cannot hasten"),
        "{}",
        ran.out
    );
}

#[test]
fn a_call_that_does_not_reach_the_phone_accuses_nobody() {
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("x.feature");
    let source = r#"Feature: A call through a server where the phone is not
  Scenario: Nobody is torn down for it
    Given a farm with servers "primary" and "secondary"
    And a phone with profile "ascip-ucr"
    And line 1 has 1 call appearance occupied by
      | call | precedence | state  | age |
      | a    | routine    | active | 5 s |
    When a flash call "x" arrives through "secondary"
    Then call "a" is preempted with BYE and Reason preemption cause 1 within 2 s
"#;
    std::fs::write(&file, source).unwrap();
    let out = folder.path().join("out");
    let ran = sipfarm(&["run", file.to_str().unwrap(), "--out", out.to_str().unwrap()]);
    assert_eq!(ran.code, 4, "{}{}", ran.out, ran.err);
    assert!(ran.out.contains("call \"x\" reaches the phone: not until 10"), "{}", ran.out);
}
