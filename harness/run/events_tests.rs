#![allow(clippy::unwrap_used)]
use std::path::Path;

use sipfarm_judge::mark::Which;

use super::*;
use crate::run::record::Event;

/// A finding of that verdict; of an expectation when `expected_id` is given.
pub(crate) fn finding(verdict: Verdict, expected_id: Option<u32>) -> Finding {
    Finding {
        rule: "rule".into(),
        requirements: Vec::new(),
        verdict,
        phone: Which::First,
        expected_id,
        line: expected_id.map(|_| 3),
        expected: "something".into(),
        window: None,
        window_kind: sipfarm_judge::WindowKind::Allowed,
        seen: "something else".into(),
        packets: Vec::new(),
        shown_from: None,
        decided: None,
        nearest: Vec::new(),
        until: None,
    }
}

/// A scenario that ended with these findings.
pub(crate) fn result(id: ScenarioId, verdicts: &[Verdict]) -> ScenarioResult {
    let mut result = ScenarioResult {
        id,
        feature: "features/a.feature".into(),
        feature_name: "a".into(),
        example: Vec::new(),
        tries: Vec::new(),
        flaky_passes: false,
        source: Vec::new(),
        line: 3,
        name: format!("scenario {id}"),
        tags: Vec::new(),
        phone: "rfc3261".into(),
        time_scale: None,
        known_issues: BTreeMap::new(),
        verdict: Verdict::Pending,
        findings: verdicts.iter().map(|verdict| finding(*verdict, Some(1))).collect(),
        started: Instant::EPOCH,
        steps: Vec::new(),
        expected: Vec::new(),
        failed_step: None,
        virtual_time: Some(Span::from_secs(id.into())),
        real_time: Span::from_millis(2),
        capture: None,
        repeat: "sipfarm run features/a.feature:3 --seed 1".into(),
        calls_up: Vec::new(),
        trouble: None,
    };
    result.conclude();
    result
}

#[test]
fn a_scenario_is_as_good_as_its_worst_finding() {
    use Verdict::*;
    let table: [(&[Verdict], Verdict); 10] = [
        (&[Pass, Pass], Pass),
        (&[Pass, NotApplicable], Pass),
        (&[NotApplicable], NotApplicable),
        (&[Pass, Warn], Warn),
        (&[Warn, KnownIssue], KnownIssue),
        (&[KnownIssue, UnexpectedPass], UnexpectedPass),
        (&[UnexpectedPass, Inconclusive], Inconclusive),
        (&[Pass, NotExercised], NotExercised),
        (&[Inconclusive, Fail, NotExercised], Fail),
        (&[], NotExercised),
    ];
    for (verdicts, whole) in table {
        assert_eq!(result(1, verdicts).verdict, whole, "{verdicts:?}");
    }
}

#[test]
fn trouble_never_passes_and_never_hides_an_accusation() {
    let trouble = |blame| Some(Trouble { blame, message: "m".into(), hint: None });
    let mut passed = result(1, &[Verdict::Pass]);
    passed.trouble = trouble(Blame::Lab);
    passed.conclude();
    assert_eq!((passed.verdict, passed.exit()), (Verdict::Inconclusive, Exit::LabUnfit));

    let mut failed = result(1, &[Verdict::Fail]);
    failed.trouble = trouble(Blame::Lab);
    failed.conclude();
    assert_eq!((failed.verdict, failed.exit()), (Verdict::Fail, Exit::LabUnfit));

    failed.trouble = trouble(Blame::Ours);
    assert_eq!(failed.exit(), Exit::Bug);
}

#[test]
fn a_scenario_that_stopped_does_not_pass() {
    use Verdict::*;
    for (verdict, whole) in [
        (Pass, Inconclusive),
        (UnexpectedPass, Inconclusive),
        (NotApplicable, Inconclusive),
        (Fail, Fail),
        (KnownIssue, KnownIssue),
        (NotExercised, NotExercised),
    ] {
        let mut stopped = result(1, &[verdict]);
        stopped.failed_step =
            Some(FailedStep { keyword: "When".into(), text: "t".into(), line: 1, message: "m".into() });
        stopped.conclude();
        assert_eq!(stopped.verdict, whole);
    }
}

#[test]
fn the_exit_code_of_a_run() {
    use Verdict::*;
    let table: [(&[Verdict], usize, bool, Exit); 14] = [
        (&[Pass, Pass], 2, false, Exit::Passed),
        (&[Pass, KnownIssue, Warn, NotApplicable], 4, false, Exit::Passed),
        (&[Pass, Fail], 2, false, Exit::Finding),
        (&[Fail, Inconclusive, UnexpectedPass], 3, false, Exit::Finding),
        (&[Pass, Inconclusive], 2, false, Exit::Inconclusive),
        (&[Pass, NotExercised], 2, false, Exit::Inconclusive),
        (&[Inconclusive, UnexpectedPass], 2, false, Exit::Inconclusive),
        (&[Pass, UnexpectedPass], 2, false, Exit::KnownIssuePassed),
        (&[], 0, false, Exit::NothingSelected),
        (&[NotApplicable], 1, false, Exit::NothingSelected),
        (&[Pass], 2, true, Exit::Interrupted),
        (&[Fail], 2, true, Exit::Interrupted),
        (&[], 2, true, Exit::Interrupted),
        (&[Pass], 2, false, Exit::Bug),
    ];
    for (verdicts, selected, interrupted, exit) in table {
        let results: Vec<_> = verdicts.iter().map(|verdict| result(1, &[*verdict])).collect();
        let summary = Summary::of(selected, &results, interrupted.then_some(1), Span::ZERO);
        assert_eq!(summary.exit, exit, "{verdicts:?} of {selected}, interrupted: {interrupted}");
    }
}

#[test]
fn a_known_issue_is_missed_by_the_run_and_not_by_a_scenario() {
    use Verdict::*;
    let of = |phone: &str, verdict| {
        let mut result = result(1, &[verdict]);
        result.phone = phone.into();
        result.known_issues.insert("rule".into(), "it is broken".into());
        result
    };
    let table = [
        (vec![of("a", Pass)], 1, false, vec!["a"], Exit::KnownIssuePassed),
        (vec![of("a", Pass), of("a", KnownIssue)], 2, false, vec![], Exit::Passed),
        (vec![of("a", NotApplicable), result(1, &[Pass])], 2, false, vec![], Exit::Passed),
        (vec![of("a", KnownIssue), of("b", Pass)], 2, false, vec!["b"], Exit::KnownIssuePassed),
        (vec![of("a", Pass), result(1, &[Fail])], 2, false, vec!["a"], Exit::Finding),
        (vec![of("a", Pass)], 2, true, vec![], Exit::Interrupted),
    ];
    for (results, selected, interrupted, phones, exit) in table {
        let summary = Summary::of(selected, &results, interrupted.then_some(1), Span::ZERO);
        let passes: Vec<&str> = summary.unexpected_passes.iter().map(|pass| &*pass.phone).collect();
        assert_eq!((passes, summary.exit), (phones, exit), "{results:?}");
        let part = Summary::of_part(selected, &results, interrupted.then_some(1), Span::ZERO);
        assert_eq!((part.unexpected_passes.len(), part.exit == Exit::KnownIssuePassed), (0, false));
    }
}

#[test]
fn the_slowest_come_first_and_are_five() {
    let results: Vec<_> = (1..=7).map(|id| result(id, &[Verdict::Pass])).collect();
    let summary = Summary::of(7, &results, None, Span::ZERO);
    assert_eq!(summary.slowest.iter().map(|slow| slow.id).collect::<Vec<_>>(), [7, 6, 5, 4, 3]);
    assert_eq!(summary.count(Verdict::Pass), 7);
}

#[test]
fn events_survive_being_written_and_read() {
    let finished = result(1, &[Verdict::Pass]);
    let events = [
        RunEvent::Started(Started::new(7, "virtual", 1)),
        RunEvent::ScenarioStarted { id: 1, name: "n".into() },
        RunEvent::Waiting {
            id: 1,
            waiting: Waiting {
                phone: "rfc3261".into(),
                what: "REGISTER to \"secondary\"".into(),
                elapsed: Span::from_secs(1),
                window: Some(Span::from_secs(32)),
                last: Some(LastMessage { packet: 3, what: "503".into(), elapsed: Span::from_millis(900) }),
                faults: vec!["\"primary\": silent".into()],
            },
        },
        RunEvent::ScenarioFinished(Box::new(finished.clone())),
        RunEvent::ScenarioInterrupted {
            id: 2,
            name: "n".into(),
            feature: "features/a.feature".into(),
            line: 3,
            real_time: Span::from_secs(1),
        },
        RunEvent::Finished(Summary::of(1, &[finished], None, Span::from_millis(5))),
    ];
    for event in events {
        let event = Event::of(&event, Path::new("bundle"));
        let text = serde_json::to_string(&event).unwrap();
        assert_eq!(serde_json::from_str::<Event>(&text).unwrap(), event, "{text}");
    }
}
