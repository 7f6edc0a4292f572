//! `seen-at-phone`: what no packet shows, as somebody at the phone says.
use sipfarm_core::profile::CallAction;
use sipfarm_core::{Answer, Fact, Topic};
use sipfarm_judge::mark::Witness;
use sipfarm_judge::{Expectation, Finding, Mark, Verdict};

use crate::common::Story;
use crate::preservation::{keeps, lost};

/// A step that asks at `at`, and what came of it.
fn asked(mut story: Story, at: f64, (fact, is): (Topic, bool), answer: Option<Answer>) -> Finding {
    let value = fact.sentence(true).contains("{}").then(|| "7".to_owned());
    let fact = Fact { topic: fact, value };
    let expected = story.expect(at, Expectation::Sees { fact: fact.clone(), is });
    if let Some(answer) = answer {
        let by = Witness::Person;
        story.at(at).mark(Mark::Observed { expected: expected.id, fact, answer, by });
    }
    story.run(&expected, at + 60.0)
}

fn verdict(story: Story, at: f64, what: (Topic, bool), answer: Answer) -> Verdict {
    asked(story, at, what, Some(answer)).verdict
}

#[test]
fn the_answer_decides_and_the_finding_says_that_no_packet_does() {
    let shown = (Topic::Call, true);
    assert_eq!(verdict(Story::new(), 1.0, shown, Answer::Yes), Verdict::Pass);
    assert_eq!(verdict(Story::new(), 1.0, (Topic::Call, false), Answer::No), Verdict::Pass);
    assert_eq!(verdict(Story::new(), 1.0, (Topic::Call, false), Answer::Yes), Verdict::Fail);
    let finding = asked(Story::new(), 1.0, shown, Some(Answer::No));
    assert_eq!(finding.verdict, Verdict::Fail);
    assert!(finding.expected.starts_with("the display shows a call"), "{}", finding.expected);
    for part in ["the person at the phone said \"no\"", "no packet", "Does the display show a call?"] {
        assert!(finding.seen.contains(part), "{part}: {}", finding.seen);
    }
}

#[test]
fn who_has_no_answer_accuses_nobody() {
    let shown = (Topic::Call, true);
    assert_eq!(verdict(Story::new(), 1.0, shown, Answer::Skipped), Verdict::NotExercised);
    let not_asked = Answer::NotAsked { why: "there is no terminal".to_owned() };
    assert_eq!(verdict(Story::new(), 1.0, shown, not_asked), Verdict::NotExercised);
    let silence = Answer::Silence { waited_s: 60 };
    assert_eq!(verdict(Story::new(), 1.0, shown, silence), Verdict::Inconclusive);
    assert_eq!(asked(Story::new(), 1.0, shown, None).verdict, Verdict::Inconclusive);
}

#[test]
fn an_answer_is_that_to_its_own_question() {
    let mut story = Story::new();
    let (fact, by) = (Fact::from(Topic::Call), Witness::ReferencePhone);
    let mut ask = |is: bool| {
        let expected = story.expect(1.0, Expectation::Sees { fact: fact.clone(), is });
        let answer = Answer::from(is);
        story.at(1.0).mark(Mark::Observed { expected: expected.id, fact: fact.clone(), answer, by });
        expected
    };
    let (first, second) = (ask(true), ask(false));
    assert_eq!(story.run(&first, 9.0).verdict, Verdict::Pass);
    assert_eq!(story.run(&second, 9.0).verdict, Verdict::Pass);
}

#[test]
fn keys_that_live_accuse_a_phone_only_while_it_preserves_a_call() {
    for fact in [Topic::Softkeys, Topic::Menus] {
        let dead = (fact, false);
        assert_eq!(verdict(lost(keeps(), 200.0), 120.0, dead, Answer::No), Verdict::Pass);
        assert_eq!(verdict(lost(keeps(), 200.0), 120.0, dead, Answer::Yes), Verdict::Fail);
        // It has asked its server at 50 s, and cannot know of the loss before the time-out.
        assert_eq!(verdict(lost(keeps(), 200.0), 60.0, dead, Answer::Yes), Verdict::Inconclusive);
        assert_eq!(verdict(lost(keeps(), 200.0), 230.0, dead, Answer::Yes), Verdict::Inconclusive, "over");
        assert_eq!(verdict(Story::new(), 120.0, dead, Answer::Yes), Verdict::Inconclusive, "no call");
    }
    let mut lets_hold = keeps();
    lets_hold.profile.mcp.allowed_actions.push(CallAction::Hold);
    let alive = verdict(lost(lets_hold, 200.0), 120.0, (Topic::Softkeys, false), Answer::Yes);
    assert_eq!(alive, Verdict::NotExercised, "the profile lets it");
}

/// A call that rings from second 1 on, perhaps with another that is up since second 0.
fn rings(other_is_up: bool) -> Story {
    let mut story = Story::new();
    if other_is_up {
        story.at(0.0).phone().new_call().sends("INVITE", "primary");
        story.at(0.1).node("primary").answers("INVITE", 200);
        story.at(0.2).phone().acks("primary");
    }
    story.at(1.0).node("primary").sends("INVITE");
    story.at(1.1).phone().answers(180);
    story
}

#[test]
fn how_a_call_rings_accuses_a_phone_only_while_one_rings() {
    for topic in [Topic::RingType, Topic::FastRing] {
        assert_eq!(verdict(rings(false), 2.0, (topic, true), Answer::Yes), Verdict::Pass);
        assert_eq!(verdict(rings(false), 2.0, (topic, true), Answer::No), Verdict::Fail);
        assert_eq!(verdict(Story::new(), 2.0, (topic, true), Answer::No), Verdict::Inconclusive);
    }
    for topic in [Topic::WaitingTone, Topic::SpeakerRings, Topic::ThreeTones] {
        assert_eq!(verdict(rings(true), 2.0, (topic, true), Answer::Yes), Verdict::Pass);
        assert_eq!(verdict(rings(true), 2.0, (topic, true), Answer::No), Verdict::Fail);
        assert_eq!(verdict(rings(false), 2.0, (topic, true), Answer::No), Verdict::Inconclusive);
    }
    assert_eq!(verdict(rings(true), 2.0, (Topic::HighestOnTop, true), Answer::No), Verdict::Inconclusive);
    assert_eq!(verdict(Story::new(), 2.0, (Topic::Text, true), Answer::No), Verdict::Fail);
}
