//! Two phones in one scenario (AM-30): each is judged by itself, by the same rules, and what one does is not
//! held against the other.
use crate::common::{OTHER_PHONE, Story, when};
use crate::preservation::{keeps, lost};
use sipfarm_judge::mark::Which;
use sipfarm_judge::{Finding, Mark, Verdict, judge};

const REGISTERS: &str = "preserved-registration";
/// The rules that these stories are about.
const RULES: &[&str] = &[REGISTERS, "preserved-failover", "bye-after-loss"];

/// A call that outlives its server, and a REGISTER that it should not have been followed by.
fn re_registers() -> Story {
    let mut story = lost(keeps(), 200.0);
    story.at(120.0).phone().sends("REGISTER", "primary");
    story
}

/// What fails when the story's phone is the first of two, or the second: rules, and of which phone.
fn failing(story: &Story, which: Which) -> Vec<(String, Which)> {
    let findings = judge(&story.beside_another(which), &story.profile, when(210.0));
    // A story leaves out what it is not about, such as repetitions.
    let about = |finding: &Finding| RULES.contains(&finding.rule.as_str());
    let fails = findings.into_iter().filter(|finding| finding.verdict == Verdict::Fail && about(finding));
    fails.map(|finding| (finding.rule, finding.phone)).collect()
}

#[test]
fn each_phone_is_held_to_the_rules_and_the_other_is_not_accused() {
    for which in [Which::First, Which::Second] {
        assert_eq!(failing(&re_registers(), which), [(REGISTERS.to_owned(), which)]);
        assert_eq!(failing(&lost(keeps(), 200.0), which), [], "a phone that leaves the server alone");
    }
}

#[test]
fn a_call_of_the_second_phone_is_seen_to_be_preserved() {
    let story = lost(keeps(), 200.0);
    let findings = judge(&story.beside_another(Which::Second), &story.profile, when(210.0));
    let kept = findings.iter().find(|finding| finding.rule == REGISTERS && finding.verdict == Verdict::Pass);
    assert!(kept.is_some_and(|finding| finding.phone == Which::Second), "{kept:?}");
}

/// They may be of one user.
#[test]
fn what_the_other_phone_sends_is_not_this_ones() {
    let mut story = lost(keeps(), 200.0);
    let (other, primary) = (OTHER_PHONE.parse().unwrap(), story.addr("primary"));
    story.stranger_named(120.0, other, primary, "REGISTER", "1001");
    let own: Vec<_> =
        failing(&story, Which::First).into_iter().filter(|(_, of)| *of == Which::First).collect();
    assert_eq!(own, []);
}

#[test]
fn a_key_of_one_phone_is_no_excuse_for_the_other() {
    let ended = |by: Which| {
        let mut story = lost(keeps(), 120.0);
        let key = Mark::Command { command: "hang up".to_owned().into(), unconfirmed: false };
        match by {
            Which::First => story.at(120.0).mark(key),
            Which::Second => story.at(120.0).mark(Which::Second.concerned_by(key)),
        }
        story.at(120.0).phone().sends("BYE", "primary");
        failing(&story, Which::First).into_iter().any(|(rule, _)| rule == "bye-after-loss")
    };
    assert!(!ended(Which::First));
    assert!(ended(Which::Second));
}
