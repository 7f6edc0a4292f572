//! From a timeline to findings, and from findings to a verdict.

use std::collections::BTreeSet;

use sipfarm_core::Instant;
use sipfarm_core::profile::Profile;

use crate::case::Case;
use crate::finding::{Finding, Verdict};
use crate::mark::Expected;
use crate::rules::{expectations, occasion, standing};
use crate::timeline::Timeline;

/// Judges a whole capture: every standing rule, then every [`crate::Mark::Expect`] on the timeline,
/// then what kept the scenario from going on.
///
/// `now` is the time until which the wire is known: the end of the capture, if it has no
/// [`crate::Mark::End`]. Nothing is pending here; what would need a longer capture is inconclusive.
/// A finding that was definite when [`judge_one`] gave it comes out the same again, as a definite
/// verdict rests only on packets that had been seen by then; only trouble of ours that was noted
/// later can make it inconclusive.
pub fn judge(timeline: &Timeline, profile: &Profile, now: Instant) -> Vec<Finding> {
    let case = Case::new(timeline, profile, now, false);
    let standing = standing::ALL.iter().flat_map(|rule| rule.judge(&case));
    let asked = case.notes.expected.iter().map(|(_, expected)| expectations::judge(&case, expected));
    let mut findings: Vec<_> = standing.chain(asked).chain(occasion::findings(&case)).collect();
    accept_known_issues(&mut findings, profile);
    expect_known_issues(&mut findings, profile);
    findings
}

/// Judges one expectation for a step that waits: [`Verdict::Pending`] says in `until` when to ask
/// again at the latest, if no packet comes before. `now` must not be ahead of what the tap has
/// delivered.
pub fn judge_one(timeline: &Timeline, profile: &Profile, expected: &Expected, now: Instant) -> Finding {
    let case = Case::new(timeline, profile, now, true);
    let mut finding = [expectations::judge(&case, expected)];
    accept_known_issues(&mut finding, profile);
    let [finding] = finding;
    finding
}

/// The verdict on a whole scenario: the first of these that any finding has.
///
/// 1. *fail*: an accusation stands, whatever else is in doubt.
/// 2. *pending*: only while live.
/// 3. *inconclusive*: something that had to be decided was not; a pass beside it proves too little.
/// 4. *not exercised*: a step was never put to the test, which a finding with a line tells. A
///    standing rule that had no occasion is no gap: nobody asked for it.
/// 5. *unexpected pass*: all is well, but the profile is out of date.
/// 6. *known issue*, then *warn*: it passes, with a remark.
/// 7. *pass*: at least one rule was kept.
/// 8. *not applicable*: the profile says so of everything that was asked.
///
/// Nothing judged at all is *not exercised*, so that an empty scenario is never green.
pub fn verdict(findings: &[Finding]) -> Verdict {
    let has = |verdict| findings.iter().any(|finding| finding.verdict == verdict);
    let not_exercised = findings.iter().any(|f| f.verdict == Verdict::NotExercised && f.line.is_some());
    match () {
        () if has(Verdict::Fail) => Verdict::Fail,
        () if has(Verdict::Pending) => Verdict::Pending,
        () if has(Verdict::Inconclusive) => Verdict::Inconclusive,
        () if not_exercised => Verdict::NotExercised,
        () if has(Verdict::UnexpectedPass) => Verdict::UnexpectedPass,
        () if has(Verdict::KnownIssue) => Verdict::KnownIssue,
        () if has(Verdict::Warn) => Verdict::Warn,
        () if has(Verdict::Pass) => Verdict::Pass,
        () if has(Verdict::NotApplicable) => Verdict::NotApplicable,
        () => Verdict::NotExercised,
    }
}

/// For a run of several scenarios: a known issue that showed itself in one of them is not
/// unexpectedly gone in the others, which merely gave it no chance.
pub fn reconcile_known_issues(scenarios: &mut [Vec<Finding>]) {
    let shown: BTreeSet<String> = scenarios
        .iter()
        .flatten()
        .filter(|finding| finding.verdict == Verdict::KnownIssue)
        .map(|finding| finding.rule.clone())
        .collect();
    for finding in scenarios.iter_mut().flatten() {
        if finding.verdict == Verdict::UnexpectedPass && shown.contains(&finding.rule) {
            finding.verdict = Verdict::Pass;
        }
    }
}

/// A fail that the profile knows of accuses nobody.
fn accept_known_issues(findings: &mut [Finding], profile: &Profile) {
    for finding in findings.iter_mut().filter(|finding| finding.verdict == Verdict::Fail) {
        if let Some(reason) = profile.known_issues.get(&finding.rule) {
            finding.verdict = Verdict::KnownIssue;
            finding.seen = format!("{}; known issue: {reason}", finding.seen);
        }
    }
}

/// A rule that the profile says is broken, that had its occasion and was kept every time.
fn expect_known_issues(findings: &mut [Finding], profile: &Profile) {
    for (rule, reason) in &profile.known_issues {
        let of_rule = |finding: &&mut Finding| finding.rule == *rule;
        let kept = findings.iter_mut().filter(of_rule).all(|finding| {
            matches!(finding.verdict, Verdict::Pass | Verdict::NotExercised | Verdict::NotApplicable)
        });
        for finding in findings.iter_mut().filter(of_rule).filter(|f| kept && f.verdict == Verdict::Pass) {
            finding.verdict = Verdict::UnexpectedPass;
            finding.seen = format!("{}; the profile says it is broken: {reason}", finding.seen);
        }
    }
}
