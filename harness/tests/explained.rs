//! Every code of `sipfarm lint` is explained, its wrong example is found and its right one is not.
#![allow(missing_docs, clippy::unwrap_used)]

mod common;

use std::collections::BTreeSet;
use std::path::Path;

use common::{Ran, sipfarm};
use regex::Regex;
use sipfarm::lint::codes::{Code, codes};

/// What no file that is alone and can be read shows: two files, no file, a mistake of ours.
const WITHOUT_EXAMPLE: [&str; 3] = ["unreadable", "duplicate-feature", "step-ambiguous"];

fn lint(source: &str, format: &str) -> Ran {
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("x.feature");
    std::fs::write(&file, source).unwrap();
    let mut ran = sipfarm(&["lint", file.to_str().unwrap(), "--format", format]);
    ran.out = ran.out.replace(file.to_str().unwrap(), "x.feature");
    ran
}

fn found(source: &str) -> Vec<String> {
    let ran = lint(source, "json");
    let problems: serde_json::Value = serde_json::from_str(&ran.out).unwrap();
    problems.as_array().unwrap().iter().map(|p| p["code"].as_str().unwrap().to_owned()).collect()
}

#[test]
fn each_wrong_example_is_found_and_each_right_one_is_sound() {
    for code in codes() {
        let Code { name, .. } = code;
        assert_eq!(code.wrong().is_none(), WITHOUT_EXAMPLE.contains(&name), "{name}");
        let (Some(wrong), Some(right)) = (code.wrong(), code.right()) else { continue };
        let at_wrong = found(&wrong);
        assert!(at_wrong.iter().any(|found| found == name), "{name}: {at_wrong:?} in\n{wrong}");
        assert_eq!(found(&right), Vec::<String>::new(), "{name}, which is right:\n{right}");
    }
}

/// The page and the code know the same codes.
#[test]
fn no_code_is_without_an_explanation_and_no_explanation_without_its_code() {
    let lint = Path::new(env!("CARGO_MANIFEST_DIR")).join("harness");
    let sources = [
        "lint/mod.rs",
        "lint/file.rs",
        "lint/lines.rs",
        "lint/sense.rs",
        "lint/steps.rs",
        "lint/tables.rs",
        "lint/tags.rs",
        "run/select.rs",
    ];
    let used = Regex::new(
        r#"(?:code: |self\.add\(\s*|at_step\(step, |at_line\([^"]*|(?:line|at|position\.line), |=> \(|Some\(\(\s*|\|complaint\| \()"([a-z]+(?:-[a-z]+)*)"[,).]"#,
    )
    .unwrap();
    let in_code: BTreeSet<String> = sources
        .iter()
        .flat_map(|source| {
            let text = std::fs::read_to_string(lint.join(source)).unwrap();
            used.captures_iter(&text).map(|found| found[1].to_owned()).collect::<Vec<_>>()
        })
        .collect();
    let explained: BTreeSet<String> = codes().map(|code| code.name.to_owned()).collect();
    assert_eq!(in_code, explained);
}

#[test]
fn the_words_of_every_problem() {
    let text: Vec<String> =
        codes().filter_map(|code| code.wrong()).map(|wrong| lint(&wrong, "text").out).collect();
    insta::assert_snapshot!(text.join("\n"));
}

#[test]
fn a_code_is_explained_as_it_was_printed_and_a_wrong_one_is_answered_with_the_nearest() {
    let explained = sipfarm(&["explain", "error[vacuous]"]);
    assert_eq!(explained.code, 0, "{}", explained.err);
    assert!(explained.out.starts_with("vacuous\n\nA time or a count of 0") && !explained.out.contains("```"));
    let mistaken = sipfarm(&["explain", "vacous"]);
    assert_eq!(mistaken.code, 2);
    assert!(mistaken.err.contains("did you mean  sipfarm explain vacuous"), "{}", mistaken.err);
    let listed = sipfarm(&["explain"]).out;
    assert_eq!(listed.lines().count(), codes().count());
}
