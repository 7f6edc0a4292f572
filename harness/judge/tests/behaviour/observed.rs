//! `seen-at-phone`: what no packet shows, as somebody at the phone says.
use sipfarm_core::profile::CallAction;
use sipfarm_core::{Answer, Fact};
use sipfarm_judge::mark::Witness;
use sipfarm_judge::{Expectation, Finding, Mark, Verdict};

use crate::common::Story;
use crate::preservation::{keeps, lost};

/// A step that asks at `at`, and what came of it.
fn asked(mut story: Story, at: f64, (fact, is): (Fact, bool), answer: Option<Answer>) -> Finding {
    let expected = story.expect(at, Expectation::Sees { fact, is });
    if let Some(answer) = answer {
        let by = Witness::Person;
        story.at(at).mark(Mark::Observed { expected: expected.id, fact, answer, by });
    }
    story.run(&expected, at + 60.0)
}

fn verdict(story: Story, at: f64, what: (Fact, bool), answer: Answer) -> Verdict {
    asked(story, at, what, Some(answer)).verdict
}

#[test]
fn the_answer_decides_and_the_finding_says_that_no_packet_does() {
    let shown = (Fact::Call, true);
    assert_eq!(verdict(Story::new(), 1.0, shown, Answer::Yes), Verdict::Pass);
    assert_eq!(verdict(Story::new(), 1.0, (Fact::Call, false), Answer::No), Verdict::Pass);
    assert_eq!(verdict(Story::new(), 1.0, (Fact::Call, false), Answer::Yes), Verdict::Fail);
    let finding = asked(Story::new(), 1.0, shown, Some(Answer::No));
    assert_eq!(finding.verdict, Verdict::Fail);
    assert!(finding.expected.starts_with("the display shows a call"), "{}", finding.expected);
    for part in ["the person at the phone said \"no\"", "no packet", "Does the display show a call?"] {
        assert!(finding.seen.contains(part), "{part}: {}", finding.seen);
    }
}

#[test]
fn who_has_no_answer_accuses_nobody() {
    let shown = (Fact::Call, true);
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
    let (fact, by) = (Fact::Call, Witness::ReferencePhone);
    let first = story.expect(1.0, Expectation::Sees { fact, is: true });
    story.at(1.0).mark(Mark::Observed { expected: first.id, fact, answer: Answer::Yes, by });
    let second = story.expect(1.0, Expectation::Sees { fact, is: false });
    story.at(1.0).mark(Mark::Observed { expected: second.id, fact, answer: Answer::No, by });
    assert_eq!(story.run(&first, 9.0).verdict, Verdict::Pass);
    assert_eq!(story.run(&second, 9.0).verdict, Verdict::Pass);
}

#[test]
fn keys_that_live_accuse_a_phone_only_while_it_preserves_a_call() {
    for fact in [Fact::Softkeys, Fact::Menus] {
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
    let alive = verdict(lost(lets_hold, 200.0), 120.0, (Fact::Softkeys, false), Answer::Yes);
    assert_eq!(alive, Verdict::NotExercised, "the profile lets it");
}
