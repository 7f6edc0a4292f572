//! From a timeline to findings, and from findings to a verdict.

use std::collections::BTreeMap;

use sipfarm_core::Instant;
use sipfarm_core::profile::Profile;
use sipfarm_core::sip::Method;

use crate::case::Case;
use crate::finding::{Finding, Verdict};
use crate::mark::{Expected, Which};
use crate::rules::{expectations, occasion, standing};
use crate::timeline::Timeline;

/// Judges a whole capture, each phone of it by itself: every standing rule, then every
/// [`crate::Mark::Expect`] on the timeline, then what kept the scenario from going on.
///
/// `now` is the time until which the wire is known: the end of the capture, if it has no
/// [`crate::Mark::End`]. Nothing is pending here; what would need a longer capture is inconclusive.
/// A finding that was definite when [`judge_one`] gave it comes out the same again, as a definite
/// verdict rests only on packets that had been seen by then; only trouble of ours that was noted
/// later can make it inconclusive.
pub fn judge(timeline: &Timeline, profile: &Profile, now: Instant) -> Vec<Finding> {
    let first = Case::new(timeline, profile, now, false);
    let mut findings = judge_case(&first);
    findings.extend(occasion::findings(&first));
    if !first.notes.second_phone.is_empty() {
        let second = Case::of(Which::Second, timeline, profile, now, false);
        // What keeps the scenario from going on is told once, but for the keys of this phone.
        let occasions = occasion::findings(&second).into_iter();
        let failed_keys = occasions.filter(|finding| finding.rule == occasion::COMMAND.id);
        findings.extend(judge_case(&second).into_iter().chain(failed_keys));
    }
    accept_known_issues(&mut findings, profile);
    findings
}

/// Every standing rule and every expectation for one phone.
fn judge_case(case: &Case<'_>) -> Vec<Finding> {
    let standing = standing::ALL.iter().flat_map(|rule| rule.judge(case));
    let asked = case.notes.expected.iter().map(|(_, expected)| expectations::judge(case, expected));
    standing.chain(asked).collect()
}

/// Judges one expectation for a step that waits: [`Verdict::Pending`] says in `until` when to ask
/// again at the latest, if no packet comes before. `now` must not be ahead of what the tap has
/// delivered.
pub fn judge_one(timeline: &Timeline, profile: &Profile, expected: &Expected, now: Instant) -> Finding {
    judge_one_of(Which::First, timeline, profile, expected, now)
}

/// As [`judge_one`], of either phone.
pub fn judge_one_of(
    which: Which,
    timeline: &Timeline,
    profile: &Profile,
    expected: &Expected,
    now: Instant,
) -> Finding {
    let case = Case::of(which, timeline, profile, now, true);
    let mut finding = [expectations::judge(&case, expected)];
    accept_known_issues(&mut finding, profile);
    let [finding] = finding;
    finding
}

/// The Call-IDs of the phone's calls that are still up at the end: confirmed, and no BYE of either side seen. They
/// say nothing against the phone; whoever uses it next meets them.
pub fn calls_up(timeline: &Timeline, profile: &Profile, now: Instant) -> Vec<String> {
    let case = Case::new(timeline, profile, now, false);
    let is_ended = |call_id: &str| {
        let mut byes = case.messages.iter().filter(|message| message.is_request(&Method::Bye));
        byes.any(|bye| bye.call_id == call_id)
    };
    let up = case.dialogs.iter().filter(|dialog| dialog.confirmed && !is_ended(&dialog.call_id));
    up.map(|dialog| dialog.call_id.clone()).collect()
}

/// The verdict on a whole scenario: the first of these that any finding has.
///
/// 1. *fail*: an accusation stands, whatever else is in doubt.
/// 2. *pending*: only while live.
/// 3. *inconclusive*: something that had to be decided was not; a pass beside it proves too little.
/// 4. *not exercised*: a step was never put to the test, which a finding with a line tells. A
///    standing rule that had no occasion is no gap: nobody asked for it.
/// 5. *unexpected pass*: all is well, but the profile is out of date. Only [`unexpected_passes`] says so,
///    of a whole run.
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

/// A rule that the profile says is broken, and that a whole run has shown to be kept.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct UnexpectedPass {
    /// The rule.
    pub rule: String,
    /// What the profile says of it, in a sentence.
    pub expected: String,
    /// What the run has shown.
    pub seen: String,
}

/// What the profile says is broken and a whole run of scenarios, each with its rules and how they ended, has shown to be
/// kept: a rule that was kept at least once, and that nothing in any scenario speaks against. A rule that had no occasion
/// anywhere is none of them, and no scenario by itself can say so: it may merely have given the issue no chance to show.
pub fn unexpected_passes(
    known_issues: &BTreeMap<String, String>,
    scenarios: &[Vec<(&str, Verdict)>],
) -> Vec<UnexpectedPass> {
    use Verdict::{NotApplicable, NotExercised, Pass};
    let pass = |(rule, reason): (&String, &String)| {
        let of_rule = |scenario: &&Vec<(&str, Verdict)>, is: &dyn Fn(Verdict) -> bool| {
            scenario.iter().any(|(other, verdict)| other == rule && is(*verdict))
        };
        let against = |verdict| !matches!(verdict, Pass | NotExercised | NotApplicable);
        if scenarios.iter().any(|scenario| of_rule(&scenario, &against)) {
            return None;
        }
        let kept = scenarios.iter().filter(|scenario| of_rule(scenario, &|verdict| verdict == Pass)).count();
        let times = match kept {
            0 => return None,
            1 => "1 scenario".to_owned(),
            number => format!("{number} scenarios"),
        };
        Some(UnexpectedPass {
            rule: rule.clone(),
            expected: format!("broken, as the profile says: {reason}"),
            seen: format!("kept in {times}, broken in none"),
        })
    };
    known_issues.iter().filter_map(pass).collect()
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
