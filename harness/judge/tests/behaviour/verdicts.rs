//! Known issues, and the verdict on a whole scenario.
use crate::common::{Story, span};
use sipfarm_core::sip::Method;
use sipfarm_judge::{Expectation, Finding, Verdict, judge, reconcile_known_issues, verdict};

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
fn a_known_issue_that_is_gone_is_an_unexpected_pass() {
    let mut story = with_known_issue();
    sends_at(&mut story, &[0.0, 0.5, 1.5]);
    assert_eq!(story.verdict(RULE, 1.6), Verdict::UnexpectedPass);
}

#[test]
fn a_known_issue_without_occasion_stays_what_it_is() {
    let mut story = with_known_issue();
    sends_at(&mut story, &[0.0]);
    assert_eq!(story.verdict(RULE, 0.1), Verdict::NotExercised);
}

#[test]
fn an_issue_that_showed_itself_once_is_not_gone_elsewhere() {
    let mut broken = with_known_issue();
    sends_at(&mut broken, &[0.0, 0.5, 1.0]);
    let mut kept = with_known_issue();
    sends_at(&mut kept, &[0.0, 0.5, 1.5]);
    broken.at(1.1).end();
    kept.at(1.6).end();
    let mut run = vec![broken.judge_at(1.2), kept.judge_at(1.6)];
    assert_eq!(verdict(&run[1]), Verdict::UnexpectedPass);
    reconcile_known_issues(&mut run);
    assert_eq!(verdict(&run[0]), Verdict::KnownIssue);
    assert_eq!(verdict(&run[1]), Verdict::Pass);
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
