//! Known issues, and the verdict on a whole scenario.
use crate::common::{Story, span};
use sipfarm_core::sip::Method;
use sipfarm_judge::{Expectation, Finding, Verdict, judge, unexpected_passes, verdict};

const RULE: &str = "invite-schedule";

fn sends_at(story: &mut Story, times: &[f64]) {
    story.at(times[0]).phone().sends("INVITE", "primary");
    for at in &times[1..] {
        story.at(*at).phone().repeats("INVITE", "primary");
    }
}

fn with_known_issue() -> Story {
    let mut story = Story::new();
    story.profile.known_issues.insert(RULE.to_owned(), "the timer is wrong".to_owned());
    story
}

#[test]
fn a_known_issue_accuses_nobody() {
    let mut story = with_known_issue();
    sends_at(&mut story, &[0.0, 0.5, 1.0]);
    assert_eq!(story.verdict(RULE, 1.2), Verdict::KnownIssue);
    assert!(story.findings(RULE, 1.2)[0].seen.contains("the timer is wrong"));
}

#[test]
fn one_scenario_in_which_a_known_issue_does_not_show_simply_passes() {
    let mut story = with_known_issue();
    sends_at(&mut story, &[0.0, 0.5, 1.5]);
    assert_eq!(story.verdict(RULE, 1.6), Verdict::Pass);
}

#[test]
fn a_known_issue_without_occasion_stays_what_it_is() {
    let mut story = with_known_issue();
    sends_at(&mut story, &[0.0]);
    assert_eq!(story.verdict(RULE, 0.1), Verdict::NotExercised);
}

/// What one scenario says of a phone that sends INVITE at these times.
fn scenario(times: &[f64], end: f64) -> Vec<Finding> {
    let mut story = with_known_issue();
    sends_at(&mut story, times);
    story.at(end).end();
    story.judge_at(end)
}

/// The unexpected passes of a run of these scenarios: rule and what was seen.
fn unexpected(scenarios: &[Vec<Finding>]) -> Vec<(String, String)> {
    let verdicts = |findings: &Vec<Finding>| -> Vec<(String, Verdict)> {
        findings.iter().map(|finding| (finding.rule.clone(), finding.verdict)).collect()
    };
    let scenarios: Vec<_> = scenarios.iter().map(verdicts).collect();
    let scenarios: Vec<Vec<(&str, Verdict)>> = scenarios
        .iter()
        .map(|s| s.iter().map(|(rule, verdict)| (rule.as_str(), *verdict)).collect())
        .collect();
    let found = unexpected_passes(&with_known_issue().profile.known_issues, &scenarios);
    found.into_iter().map(|pass| (pass.rule, pass.seen)).collect()
}

#[test]
fn a_known_issue_is_gone_when_a_whole_run_does_not_show_it() {
    let (kept, broken, idle) =
        (scenario(&[0.0, 0.5, 1.5], 1.6), scenario(&[0.0, 0.5, 1.0], 1.2), scenario(&[0.0], 0.1));
    let gone = |seen: &str| vec![(RULE.to_owned(), seen.to_owned())];
    assert_eq!(unexpected(std::slice::from_ref(&kept)), gone("kept in 1 scenario, broken in none"));
    assert_eq!(
        unexpected(&[kept.clone(), idle.clone(), kept.clone()]),
        gone("kept in 2 scenarios, broken in none")
    );
    assert_eq!(unexpected(&[kept.clone(), broken.clone()]), [], "it showed in one of them");
    assert_eq!((verdict(&broken), verdict(&kept)), (Verdict::KnownIssue, Verdict::Pass));
    assert_eq!(unexpected(&[idle]), [], "nobody pressed the key");
    assert_eq!(unexpected(&[]), []);
}

#[test]
fn a_known_issue_is_not_gone_while_a_scenario_could_not_tell() {
    let kept = scenario(&[0.0, 0.5, 1.5], 1.6);
    for doubt in [Verdict::Inconclusive, Verdict::Warn] {
        let mut doubtful = kept.clone();
        doubtful.iter_mut().filter(|finding| finding.rule == RULE).for_each(|f| f.verdict = doubt);
        assert_eq!(unexpected(&[kept.clone(), doubtful]), [], "{doubt}");
    }
}

#[test]
fn known_issues_hold_for_expectations_too() {
    let mut story = Story::new();
    story.profile.known_issues.insert("sends".to_owned(), "it is slow".to_owned());
    let node = "primary".to_owned();
    let within = Some(span(1.0));
    let expected = story.expect(0.0, Expectation::Sends { method: Method::Invite, node, within });
    assert_eq!(story.run(&expected, 5.0).verdict, Verdict::KnownIssue);
}

fn finding(verdict: Verdict, line: Option<u32>) -> Finding {
    let mut finding =
        judge(&Story::new().timeline(), &Story::new().profile, crate::common::when(0.0)).remove(0);
    finding.verdict = verdict;
    finding.line = line;
    finding
}

#[test]
fn the_first_of_the_list_wins() {
    use Verdict::*;
    let order = [Fail, Pending, Inconclusive, NotExercised, UnexpectedPass, KnownIssue, Warn, Pass];
    for (at, expected) in order.iter().enumerate() {
        let findings: Vec<_> = order[at..].iter().map(|verdict| finding(*verdict, Some(1))).collect();
        assert_eq!(verdict(&findings), *expected);
    }
}

#[test]
fn a_standing_rule_without_occasion_is_no_gap_but_nothing_at_all_is_never_green() {
    use Verdict::*;
    assert_eq!(verdict(&[finding(NotExercised, None), finding(Pass, None)]), Pass);
    assert_eq!(verdict(&[finding(NotExercised, None)]), NotExercised);
    assert_eq!(verdict(&[]), NotExercised);
}

#[test]
fn a_capture_of_nothing_gives_no_verdict() {
    let mut story = Story::new();
    story.at(1.0).end();
    assert_eq!(verdict(&story.judge_at(10.0)), Verdict::NotExercised);
}

#[test]
fn findings_survive_json() {
    let mut story = Story::new();
    sends_at(&mut story, &[0.0, 0.5, 1.0]);
    let findings = story.judge_at(1.2);
    let text = serde_json::to_string(&findings).unwrap();
    let back: Vec<Finding> = serde_json::from_str(&text).unwrap();
    assert_eq!(findings, back);
}
