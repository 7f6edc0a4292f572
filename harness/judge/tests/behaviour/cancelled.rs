//! `cancelled-call`: CANCEL and a 2xx that cross.
use crate::common::Story;
use sipfarm_judge::Verdict;

const RULE: &str = "cancelled-call";

/// The phone gives its call up at 5 s, which is answered at that time.
fn crossed(mut story: Story, answered: f64) -> Story {
    story.at(0.0).phone().sends("INVITE", "primary");
    story.at(0.1).node("primary").answers("INVITE", 180);
    story.at(5.0).phone().cancels("primary");
    story.at(answered).node("primary").answers("INVITE", 200);
    story.at(answered).phone().acks("primary");
    story
}

fn ends(mut story: Story, at: f64) -> Story {
    story.at(at).phone().sends("BYE", "primary");
    story
}

#[test]
fn a_call_that_was_answered_all_the_same_is_ended() {
    for answered in [4.99, 5.1, 12.0] {
        let story = crossed(Story::new(), answered);
        assert_eq!(
            ends(story.clone(), answered.max(5.0) + 0.1).verdict(RULE, 60.0),
            Verdict::Pass,
            "{answered}"
        );
        assert_eq!(story.verdict(RULE, 60.0), Verdict::Warn, "{answered}");
        assert_eq!(ends(story.clone(), 30.0).verdict(RULE, 60.0), Verdict::Warn, "{answered}, late");
        assert_eq!(
            story.verdict(RULE, answered + 1.0),
            Verdict::NotExercised,
            "{answered}: there is time yet"
        );
    }
}

#[test]
fn who_may_have_forgotten_the_call_or_cannot_end_it_is_left_alone() {
    assert_eq!(crossed(Story::new(), 38.0).verdict(RULE, 60.0), Verdict::NotExercised, "64 T1 after CANCEL");
    assert_eq!(crossed(Story::new().lossy(), 5.1).verdict(RULE, 60.0), Verdict::Inconclusive);
    assert_eq!(crossed(Story::new().tcp().without_frames(), 5.1).verdict(RULE, 60.0), Verdict::NotExercised);
    let mut off = crossed(Story::new(), 5.1);
    off.at(5.2).command("reboot");
    assert_eq!(off.verdict(RULE, 60.0), Verdict::NotExercised);
}

#[test]
fn a_cancel_that_is_heeded_leaves_nothing_to_end() {
    let mut story = Story::new();
    story.at(0.0).phone().sends("INVITE", "primary");
    story.at(0.1).node("primary").answers("INVITE", 180);
    story.at(5.0).phone().cancels("primary");
    story.at(5.1).node("primary").answers("INVITE", 487);
    story.at(5.1).phone().acks("primary");
    assert_eq!(story.verdict(RULE, 60.0), Verdict::NotExercised);
}
