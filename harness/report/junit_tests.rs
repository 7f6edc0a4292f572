#![allow(clippy::unwrap_used)]
use std::collections::BTreeSet;

use sipfarm_core::Instant;

use super::*;
use crate::run::events::tests::result;
use crate::run::events::{RunEvent, ScenarioResult, Started, Summary, Trouble};
use crate::run::record::Header;

const BUNDLE: &str = "captures/run-7";

/// The bundle of a run of so many scenarios that came to these results; without a summary when it was killed.
fn recorded(selected: usize, results: &[ScenarioResult], killed: bool) -> Recorded {
    let bundle = Path::new(BUNDLE);
    let mut events = vec![RunEvent::Started(Started::new(7, "virtual", selected))];
    for result in results {
        // What does not apply to the phone ends without having begun.
        if result.verdict != Verdict::NotApplicable {
            events.push(RunEvent::ScenarioStarted { id: result.id, name: result.name.clone() });
        }
        events.push(RunEvent::ScenarioFinished(Box::new(result.clone())));
    }
    if !killed {
        events.push(RunEvent::Finished(Summary::of(selected, results, None, Span::from_millis(20))));
    }
    let started = Instant::from_nanos(1_790_000_000_000_000_000);
    let mut header = Header::new(7, "virtual", "reference", started);
    header.commit = None;
    let events = events.iter().map(|event| Event::of(event, bundle)).collect();
    Recorded { folder: bundle.to_owned(), header, events }
}

/// One result of every kind that there is.
fn all_kinds() -> Vec<ScenarioResult> {
    use Verdict::*;
    let verdicts =
        [Pass, Warn, Fail, Inconclusive, Pending, NotApplicable, NotExercised, KnownIssue, UnexpectedPass];
    let mut results: Vec<ScenarioResult> =
        (1..).zip(verdicts).map(|(id, verdict)| result(id, &[verdict])).collect();
    for (id, blame, verdict) in
        [(20, Blame::Lab, Pass), (21, Blame::Author, Pass), (22, Blame::Ours, Fail), (23, Blame::Lab, Fail)]
    {
        let mut result = result(id, &[verdict]);
        result.feature = "features/b.c/d.feature".into();
        result.feature_name = "d".into();
        result.trouble = Some(Trouble { blame, message: "m".into(), hint: None });
        result.conclude();
        results.push(result);
    }
    results
}

/// Of each case its name and the element and type that tell how it ended.
fn outcomes(document: &str) -> Vec<(String, String)> {
    let document = roxmltree::Document::parse(document).unwrap();
    let cases = document.descendants().filter(|node| node.has_tag_name("testcase"));
    let outcome = |case: roxmltree::Node<'_, '_>| {
        let told = case.children().find(|node| node.is_element() && !node.has_tag_name("system-out"));
        let told = told.map(|told| format!("{} {}", told.tag_name().name(), told.attribute("type").unwrap()));
        (case.attribute("name").unwrap().to_owned(), told.unwrap_or_default())
    };
    cases.map(outcome).collect()
}

#[test]
fn only_an_accusation_is_a_failure_and_every_other_trouble_has_a_type_of_its_own() {
    let mut document = outcomes(&render(&recorded(13, &all_kinds(), false)));
    document.retain(|(name, _)| name.starts_with("scenario"));
    let told: Vec<&str> = document.iter().map(|(_, told)| &**told).collect();
    let expected = [
        "",
        "",
        "failure rule",
        "error inconclusive",
        "error inconclusive",
        "skipped not-applicable",
        "skipped not-exercised",
        "skipped known-issue",
        "error known-issue-passed",
        "error lab",
        "error author",
        "error bug",
        "failure rule",
    ];
    assert_eq!(told, expected);
}

#[test]
fn a_flaky_scenario_is_a_failure_unless_the_run_was_told_otherwise() {
    for (flaky_passes, told) in [(false, "failure flaky"), (true, "skipped flaky")] {
        let mut flaky = result(1, &[Verdict::Fail]);
        flaky.tried(&result(1, &[Verdict::Fail]));
        flaky.tried(&result(1, &[Verdict::Pass]));
        flaky.tries[1].capture = Some(format!("{BUNDLE}/001-try-2.pcapng").into());
        flaky.flaky_passes = flaky_passes;
        let document = render(&recorded(1, &[flaky], false));
        assert_eq!(outcomes(&document)[0].1, told);
        assert!(document.contains("message=\"flaky: fail, then pass\""), "{document}");
        assert!(document.contains("[[ATTACHMENT|captures/run-7/001-try-2.pcapng]]"), "{document}");
    }
}

#[test]
fn totals_add_up() {
    let document = render(&recorded(15, &all_kinds(), true));
    let document = roxmltree::Document::parse(&document).unwrap();
    let number =
        |node: roxmltree::Node<'_, '_>, name: &str| -> f64 { node.attribute(name).unwrap().parse().unwrap() };
    let elements = |node: roxmltree::Node<'_, '_>, name: &str| {
        node.descendants().filter(|node| node.has_tag_name(name)).count() as f64
    };
    let heads = document.descendants().filter(|node| node.has_attribute("tests"));
    let heads: Vec<_> = heads.collect();
    assert_eq!(heads.len(), 4, "the whole, two features and the run");
    for head in heads {
        for (total, element) in
            [("tests", "testcase"), ("failures", "failure"), ("errors", "error"), ("skipped", "skipped")]
        {
            assert_eq!(number(head, total), elements(head, element), "{total} of {head:?}");
        }
        let cases = head.descendants().filter(|node| node.has_tag_name("testcase"));
        let time: f64 = cases.map(|case| number(case, "time")).sum();
        assert!((number(head, "time") - time).abs() < 1e-9);
    }
}

#[test]
fn no_two_cases_have_one_name() {
    let mut rows: Vec<ScenarioResult> = (1..=5).map(|id| result(id, &[Verdict::Pass])).collect();
    for row in &mut rows {
        row.name = "Order".into();
    }
    rows[0].example = vec![("status".into(), "503".into())];
    rows[1].example = vec![("status".into(), "500".into())];
    rows[4].name = "Order [rfc3261] #2".into();
    rows[4].phone = String::new();
    let outcomes = outcomes(&render(&recorded(5, &rows, false)));
    let names: Vec<&str> = outcomes.iter().map(|(name, _)| &**name).collect();
    assert_eq!(
        names[..3],
        ["Order (status=503) [rfc3261]", "Order (status=500) [rfc3261]", "Order [rfc3261]"]
    );
    assert_eq!(names.iter().collect::<BTreeSet<_>>().len(), 5, "{names:?}");
}

#[test]
fn a_run_that_was_killed_is_not_green() {
    let passed = result(1, &[Verdict::Pass]);
    let mut recorded = recorded(12, &[passed], true);
    recorded.events.push(Event::ScenarioStarted { id: 2, name: "under way".into() });
    let outcomes = outcomes(&render(&recorded));
    let told: Vec<(&str, &str)> = outcomes.iter().map(|(name, told)| (&**name, &**told)).collect();
    assert_eq!(
        told,
        [
            ("under way", "error interrupted"),
            ("every scenario was run", "error interrupted"),
            ("scenario 1 [rfc3261]", "")
        ]
    );
}

#[test]
fn a_known_issue_that_is_gone_is_no_success() {
    let mut passed = result(1, &[Verdict::Pass]);
    passed.known_issues.insert("rule".into(), "the timer is wrong".into());
    let outcomes = outcomes(&render(&recorded(1, &[passed], false)));
    let issue =
        ("the known issue rule still shows [rfc3261]".to_owned(), "error known-issue-passed".to_owned());
    assert!(outcomes.contains(&issue), "{outcomes:?}");
}

#[test]
fn a_class_is_the_path_of_the_feature() {
    for (path, class) in [
        ("features/failover/rfc3263/4.3_silence.feature", "features.failover.rfc3263.4_3_silence"),
        ("../phone/./a.feature", "phone.a"),
        ("", "sipfarm"),
    ] {
        assert_eq!(class_of(path), class);
    }
}

#[test]
fn a_failure_is_told_whole_with_its_capture() {
    let mut failed = result(1, &[Verdict::Fail]);
    failed.name = "A & <B>\u{1b}".into();
    failed.capture = Some(format!("{BUNDLE}/001.pcapng").into());
    let document = render(&recorded(1, &[failed], false)).replace(env!("CARGO_PKG_VERSION"), "VERSION");
    insta::assert_snapshot!(document, @r#"
    <?xml version="1.0" encoding="UTF-8"?>
    <testsuites name="sipfarm" tests="1" failures="1" errors="0" skipped="0" time="0.002000" timestamp="2026-09-21T14:13:20Z">
      <testsuite name="a" tests="1" failures="1" errors="0" skipped="0" time="0.002000" timestamp="2026-09-21T14:13:20Z">
        <properties>
          <property name="version" value="VERSION"/>
          <property name="seed" value="7"/>
          <property name="net" value="virtual"/>
          <property name="lab" value="virtual"/>
          <property name="phone" value="reference"/>
        </properties>
        <testcase name="A &amp; &lt;B&gt;  [rfc3261]" classname="features.a" time="0.002000" file="features/a.feature" line="3">
          <failure message="something else; expected something" type="rule">FAIL  A &amp; &lt;B&gt;    (rfc3261)
          features/a.feature:3
          expected   something
          seen       something else
          rule       rule
          evidence   captures/run-7/001.pcapng
          judge      sipfarm audit captures/run-7/001.pcapng
          look       sipfarm open captures/run-7 001
          repeat     sipfarm run features/a.feature:3 --seed 1
    </failure>
          <system-out>[[ATTACHMENT|captures/run-7/001.pcapng]]
    [[ATTACHMENT|captures/run-7/report.html]]
    virtual time 1 s
    repeat sipfarm run features/a.feature:3 --seed 1
    </system-out>
        </testcase>
      </testsuite>
    </testsuites>
    "#);
}
