//! `no-hammering`: what a registrar refused, and who may ask again at once. Phones with several lines are
//! in `lines.rs`.
use crate::common::Story;
use sipfarm_judge::Verdict;

const RULE: &str = "no-hammering";

/// Timer E's schedule after the first send.
const REPEATED: [f64; 10] = [0.5, 1.5, 3.5, 7.5, 11.5, 15.5, 19.5, 23.5, 27.5, 31.5];

/// A REGISTER without an answer, repeated to the end, and the next one at that time.
fn silent(again: f64) -> Story {
    let mut story = Story::new().servers(&["primary"]);
    story.at(0.0).phone().sends("REGISTER", "primary");
    for at in REPEATED.into_iter().filter(|at| *at < again) {
        story.at(at).phone().repeats("REGISTER", "primary");
    }
    story.at(again).phone().sends("REGISTER", "primary");
    story
}

#[test]
fn what_was_sent_before_the_failure_is_no_answer_to_it() {
    assert_eq!(silent(5.0).verdict(RULE, 5.4), Verdict::NotExercised);
    assert_eq!(silent(32.1).verdict(RULE, 40.0), Verdict::Fail);

    for (again, verdict) in [(0.1, Verdict::NotExercised), (0.3, Verdict::Fail)] {
        let mut story = Story::new();
        story.at(0.0).phone().sends("REGISTER", "primary");
        story.at(0.2).node("primary").answers("REGISTER", 503);
        story.at(again).phone().sends("REGISTER", "primary");
        assert_eq!(story.verdict(RULE, 1.0), verdict, "again at {again}");
    }
}
