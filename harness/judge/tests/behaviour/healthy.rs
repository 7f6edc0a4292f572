//! A phone that does everything right is accused of nothing, on any tap.

use crate::common::Story;
use sipfarm_judge::{Verdict, catalogue};

/// Registers with a challenge, calls, hangs up, is called, refuses, is called, accepts.
fn day(mut story: Story) -> Story {
    story.at(0.0).phone().sends("REGISTER", "primary");
    story.at(0.01).node("primary").answers_with("REGISTER", 401, |b| {
        b.header("WWW-Authenticate", "Digest realm=\"r\", nonce=\"n1\", qop=\"auth\"")
    });
    story.at(0.02).phone().sends_with("REGISTER", "primary", |b| {
        b.header("Authorization", crate::common::credentials("n1", 1, "sip:example.com"))
    });
    story.at(0.03).node("primary").answers("REGISTER", 200);

    story.at(10.0).phone().sends("INVITE", "primary");
    story.at(10.01).node("primary").answers("INVITE", 100);
    story.at(11.0).node("primary").answers("INVITE", 180);
    story.at(12.0).node("primary").answers("INVITE", 200);
    story.at(12.01).phone().acks("primary");
    story.at(20.0).phone().sends("BYE", "primary");
    story.at(20.01).node("primary").answers("BYE", 200);

    story.at(30.0).node("primary").sends("INVITE");
    story.at(30.01).phone().answers(180);
    story.at(31.0).phone().answers(486);
    story.at(31.01).node("primary").acks();
    story.at(40.0).phone().new_call().sends("INVITE", "primary");
    story.at(40.1).node("primary").answers("INVITE", 180);
    story.at(41.0).phone().cancels("primary");
    story.at(41.1).node("primary").answers("CANCEL", 200);
    story.at(41.2).node("primary").answers("INVITE", 487);
    story.at(41.21).phone().acks("primary");
    story.at(50.0).node("primary").sends("INVITE");
    story.at(50.01).phone().answers(200);
    story.at(50.02).node("primary").acks();
    story.at(51.0).node("primary").sends_with("BYE", |b| b.set("To", "<sip:1001@example.com>;tag=phone-tag"));
    story.at(51.01).phone().answers(200);
    story.at(1810.0).phone().sends_with("REGISTER", "primary", |b| {
        b.header("Authorization", crate::common::credentials("n1", 2, "sip:example.com"))
    });
    story.at(1810.1).node("primary").answers("REGISTER", 200);
    story.at(1899.0).end();
    story
}

#[track_caller]
fn blameless(story: &Story) {
    for finding in story.judge_at(1900.0) {
        assert!(
            matches!(finding.verdict, Verdict::Pass | Verdict::NotExercised | Verdict::NotApplicable),
            "{finding:#?}"
        );
    }
}

#[test]
fn over_udp() {
    blameless(&day(Story::new()));
}

#[test]
fn over_tcp() {
    blameless(&day(Story::new().tcp()));
}

#[test]
fn on_a_lossy_tap_far_away() {
    blameless(&day(Story::new().lossy().latency(0.2)));
}

#[test]
fn without_frames() {
    blameless(&day(Story::new().without_frames()));
}

#[test]
fn in_a_foreign_capture() {
    blameless(&day(Story::new().foreign()));
}

#[test]
fn the_catalogue_names_every_rule_once() {
    let mut ids: Vec<_> = catalogue().iter().map(|rule| rule.id).collect();
    assert!(catalogue().iter().all(|rule| rule.about.ends_with('.')));
    let rests_on_nothing = |rule: &&sipfarm_judge::RuleInfo| rule.requirements.is_empty();
    let harness_only: Vec<_> = catalogue().iter().filter(rests_on_nothing).map(|rule| rule.id).collect();
    assert_eq!(harness_only, ["precondition", "command", "complete"]);
    let count = ids.len();
    ids.sort_unstable();
    ids.dedup();
    assert_eq!(ids.len(), count);
    // Every id that a finding can carry is in it.
    let story = day(Story::new());
    assert!(story.judge_at(1900.0).iter().all(|finding| ids.contains(&finding.rule.as_str())));
}

#[test]
fn the_readme_lists_the_rules_that_there_are() {
    let readme = include_str!("../../src/rules/README.md");
    let listed: Vec<&str> =
        readme.lines().filter_map(|line| line.strip_prefix("| `")?.split('`').next()).collect();
    let place = "harness/judge/src/rules/README.md";
    for (before, rule) in std::iter::once(None).chain(catalogue().iter().map(Some)).zip(catalogue()) {
        let place = before.map_or(place.to_owned(), |before| format!("{place}, below `{}`", before.id));
        let (id, requirements) = (rule.id, rule.requirements.join("; "));
        assert!(
            listed.contains(&id),
            "no row in {place}: | `{id}` | {requirements} | what it says | when it is inconclusive, or – | its defects |"
        );
    }
    let ids: Vec<&str> = catalogue().iter().map(|rule| rule.id).collect();
    assert_eq!(listed, ids, "{place} has rows of rules that there are not, or in another order");
}
