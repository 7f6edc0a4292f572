#![allow(clippy::unwrap_used)]
use super::*;
use crate::error::Exit;

const OUTLINE: &str = "\
@whole
Feature: Numbers

  Background:
    Given a farm

  @one
  Scenario: plain
    Given x

  # The rows follow.
  @many
  Scenario Outline: row <n>
    Given <n>

    @small
    Examples: small
      # a comment

      | n |
      | 1 |

      | 2 |

    Examples:
      | n |
      | 3 |

  @ruled
  Rule: r
    Scenario: under the rule
      Given x
";

fn folder(files: &[(&str, &str)]) -> tempfile::TempDir {
    let folder = tempfile::tempdir().unwrap();
    for (name, text) in files {
        let path = folder.path().join(name);
        fs::create_dir_all(path.parent().unwrap()).unwrap();
        fs::write(path, text).unwrap();
    }
    folder
}

fn select(paths: &[String], tags: Option<&str>, text: Option<&str>) -> Result<Selected> {
    let selection = Selection {
        paths: paths.to_vec(),
        tags: tags.map(|tags| tags.parse().unwrap()),
        text: text.map(str::to_owned),
    };
    let reading = selection.read()?;
    assert_eq!(reading.problems, []);
    selection.choose(&reading)
}

fn names(selected: &Selected) -> Vec<&str> {
    selected.scenarios.iter().map(|scenario| scenario.name.as_str()).collect()
}

#[test]
fn outlines_are_expanded_and_stand_at_their_rows() {
    let folder = folder(&[("n.feature", OUTLINE)]);
    let selected = select(&[folder.path().display().to_string()], None, None).unwrap();
    let listed: Vec<_> =
        selected.scenarios.iter().map(|s| (s.id, s.name.as_str(), s.line, s.tags.join(" "))).collect();
    assert_eq!(
        listed,
        [
            (1, "plain", 8, "whole one".to_owned()),
            (2, "row 1", 21, "whole many small".to_owned()),
            (3, "row 2", 23, "whole many small".to_owned()),
            (4, "row 3", 27, "whole many".to_owned()),
            (5, "under the rule", 31, "whole ruled".to_owned()),
        ]
    );
    assert_eq!(selected.scenarios[4].rule.as_deref(), Some("r"));
    let feature = &selected.features[0];
    assert_eq!(feature.scenarios.iter().map(|s| s.position.line).collect::<Vec<_>>(), [8, 21, 23, 27]);
    assert_eq!(feature.scenarios[2].steps[0].value, "2");
}

#[test]
fn a_line_selects_the_block_it_stands_in() {
    let folder = folder(&[("n.feature", OUTLINE)]);
    let at = |line: usize| {
        let path = format!("{}:{line}", folder.path().join("n.feature").display());
        select(&[path], None, None).map(|selected| names(&selected).join(", ")).unwrap()
    };
    let all = "plain, row 1, row 2, row 3, under the rule";
    for (line, expected) in [
        (1, all),
        (2, all),
        (7, "plain"),
        (9, "plain"),
        (11, "row 1, row 2, row 3"),
        (14, "row 1, row 2, row 3"),
        (16, "row 1, row 2"),
        (17, "row 1, row 2"),
        (21, "row 1"),
        (23, "row 2"),
        (25, "row 3"),
        (29, "under the rule"),
        (32, "under the rule"),
    ] {
        assert_eq!(at(line), expected, "line {line}");
    }
    let with_column = format!("{}:9:5", folder.path().join("n.feature").display());
    assert_eq!(names(&select(&[with_column], None, None).unwrap()), ["plain"]);
}

#[test]
fn a_line_above_the_feature_selects_nothing() {
    let folder = folder(&[("n.feature", &format!("\n\n{OUTLINE}"))]);
    let path = format!("{}:1", folder.path().join("n.feature").display());
    let error = select(&[path], None, None).unwrap_err();
    assert!(matches!(error, Error::NoScenarioAtLine { line: 1, .. }), "{error}");
}

#[test]
fn a_line_below_the_last_names_the_nearest_scenario() {
    let folder = folder(&[("n.feature", OUTLINE)]);
    let path = folder.path().join("n.feature").display().to_string();
    let error = select(&[format!("{path}:99")], None, None).unwrap_err();
    assert_eq!(
        error.to_string(),
        format!(
            "no scenario at line 99 of {path}, which has 32 lines; the nearest is at line 31: under the rule"
        )
    );
    assert_eq!(error.exit(), Exit::Usage);
}

#[test]
fn what_is_not_here_may_be_part_of_the_program() {
    // Tests run where `features/` is, so another way of writing it is needed to find nothing there.
    let selected = select(&["./nowhere/../features/calls".to_owned()], None, None).map(|s| s.built_in);
    assert!(matches!(selected, Err(Error::NoSuchPath { .. })), "paths are compared as they are written");
    let names = |path: &str| built_in::below(Path::new(path)).map(|(name, _)| name).collect::<Vec<_>>();
    assert_eq!(names("features/calls/basic.feature"), ["features/calls/basic.feature"]);
    let calls = names("./features/calls/");
    assert!(calls.contains(&"features/calls/basic.feature"), "{calls:?}");
    assert!(calls.iter().all(|name| name.starts_with("features/calls/")), "{calls:?}");
    assert_eq!(names("features/cal"), Vec::<&str>::new(), "half a name is no folder");
}

#[test]
fn every_feature_file_is_part_of_the_program() {
    let root = Path::new(env!("CARGO_MANIFEST_DIR"));
    let mut files = Vec::new();
    collect(&root.join("features"), &mut files, &mut Vec::new());
    let there: Vec<(String, String)> = files
        .iter()
        .map(|file| {
            let name = file.strip_prefix(root).unwrap().display().to_string();
            (name, fs::read_to_string(file).unwrap())
        })
        .collect();
    let built_in = built_in::below(Path::new("features"));
    let built_in: Vec<_> = built_in.map(|(name, text)| (name.to_owned(), text.to_owned())).collect();
    assert!(!there.is_empty() && there == built_in);
}

#[test]
fn tags_and_text_choose_among_the_scenarios() {
    let folder = folder(&[
        ("n.feature", OUTLINE),
        ("deep/er/z_silence.feature", "Feature: Z\n  Scenario: last\n    Given x\n"),
    ]);
    let path = [folder.path().display().to_string()];
    let by = |tags, text| names(&select(&path, tags, text).unwrap()).join(", ");
    assert_eq!(by(Some("@many and not (@small or @ruled)"), None), "row 3");
    assert_eq!(by(Some("@one or @ruled"), None), "plain, under the rule");
    assert_eq!(by(None, Some("ROW")), "row 1, row 2, row 3");
    assert_eq!(by(None, Some("silence")), "last", "the path counts, too");
    assert_eq!(by(Some("@whole"), Some("row 2")), "row 2");
}

#[test]
fn only_chosen_scenarios_reach_cucumber() {
    let folder =
        folder(&[("n.feature", OUTLINE), ("z.feature", "Feature: Z\n  Scenario: last\n    Given x\n")]);
    let selected = select(&[folder.path().display().to_string()], Some("@small"), None).unwrap();
    assert_eq!(selected.features.len(), 1);
    assert_eq!(selected.features[0].count_scenarios(), 2);
    assert!(selected.features[0].rules.is_empty());
}

#[test]
fn a_file_named_twice_runs_once() {
    let folder = folder(&[("n.feature", OUTLINE), (".hidden/n.feature", OUTLINE), ("readme.md", "no")]);
    let whole = folder.path().display().to_string();
    let line = format!("{whole}/n.feature:9");
    assert_eq!(select(&[line, whole], None, None).unwrap().scenarios.len(), 5);
}

#[test]
fn nothing_selected_is_its_own_error() {
    let folder = folder(&[("n.feature", OUTLINE)]);
    let path = folder.path().display().to_string();
    let error = select(&[path], Some("@nothing"), Some("row")).unwrap_err();
    assert_eq!(error.exit(), Exit::NothingSelected);
    assert_eq!(
        error.to_string(),
        "nothing selected: none of 5 scenarios has the tags `@nothing` and has `row` in its name or path"
    );
}

#[test]
fn paths_that_lead_nowhere_are_usage_errors() {
    let empty = folder(&[("readme.md", "no")]);
    let missing = select(&["/no/such.feature:3".to_owned()], None, None).unwrap_err();
    assert!(
        matches!(&missing, Error::NoSuchPath { path } if path == Path::new("/no/such.feature")),
        "{missing}"
    );
    let none = select(&[empty.path().display().to_string()], None, None).unwrap_err();
    assert!(matches!(none, Error::NoFeatureFile { .. }), "{none}");
    assert_eq!((missing.exit(), none.exit()), (Exit::Usage, Exit::Usage));
}

#[test]
fn a_file_that_is_no_text_is_an_error_with_a_hint() {
    let folder = folder(&[]);
    let path = folder.path().join("x.feature");
    fs::write(&path, [0xff, 0xfe, 0x00]).unwrap();
    fs::write(folder.path().join("y.feature"), OUTLINE).unwrap();
    let paths = vec![folder.path().display().to_string()];
    let reading = Selection { paths, ..Selection::default() }.read().unwrap();
    let [problem] = &reading.problems[..] else { panic!("{:?}", reading.problems) };
    assert_eq!((problem.code.as_str(), &problem.place.path), ("unreadable", &path));
    assert_eq!(problem.help, ["save the file as UTF-8"]);
    assert_eq!(reading.files.len(), 1, "the other is read all the same");
}

#[test]
fn a_wrong_tag_expression_is_an_error_with_its_column() {
    for (text, at) in [("@a nad @b", 4), ("failover", 1), ("@a and", 7), ("(@a or @b", 10), ("", 1)] {
        let error = text.parse::<TagExpression>().unwrap_err();
        assert_eq!(error.exit(), Exit::Usage);
        assert!(matches!(error, Error::TagExpression { column, .. } if column == at), "{text}: {error}");
    }
    assert!(" @a and not(@b) ".parse::<TagExpression>().is_ok());
}

#[test]
fn the_gate_lets_nothing_through_with_an_error_anywhere() {
    let sound = "Feature: F\n  Scenario: s\n    Given a farm with servers \"primary\"\n    When the phone dials the far end\n    \
                 Then the phone sends INVITE to \"primary\"\n";
    let broken = "Feature: G\n  Scenario: s\n    Given x\n    Wen y\n";
    let folder = folder(&[("a.feature", sound), ("b.feature", broken)]);
    let yes: lint::Check<'_> = &|_| Ok(());
    let facts = Facts {
        requirement: yes,
        fault: yes,
        fault_at: &|_, _| Ok(()),
        level: &|_, _| Ok(()),
        profile: yes,
        settings: &|_, _| Ok(()),
        group: &|_| Ok(()),
        note: yes,
    };
    let steps = StepCatalogue::of::<lint::catalogue::tests::SmallWorld>();
    let path = |name: &str| folder.path().join(name).display().to_string();
    let selection = |path| Selection { paths: vec![path], ..Selection::default() };

    let (selected, warnings) = selection(path("a.feature")).gate(&steps, &facts).unwrap();
    assert_eq!((selected.scenarios.len(), warnings.len()), (1, 0));

    let error = selection(path("")).gate(&steps, &facts).unwrap_err();
    assert_eq!(error.exit(), Exit::Usage);
    assert!(matches!(&error, Error::Features(found) if found[0].code == "not-a-step"), "{}", error.explain());
}
