//! `transmission-count`, `repetition-after-response`, `repetition-over-tcp`, `identical-repetition`.

use crate::common::Story;
use sipfarm_judge::Verdict;

const LADDER: [f64; 7] = [0.0, 0.5, 1.5, 3.5, 7.5, 15.5, 31.5];

fn sends_at(story: &mut Story, method: &str, times: &[f64]) {
    story.at(times[0]).phone().sends(method, "primary");
    for at in &times[1..] {
        story.at(*at).phone().repeats(method, "primary");
    }
}

#[test]
fn seven_sends_are_enough_and_eight_too_many() {
    let mut story = Story::new();
    sends_at(&mut story, "INVITE", &LADDER);
    assert_eq!(story.verdict("transmission-count", 60.0), Verdict::Pass);
    let mut story = Story::new();
    sends_at(&mut story, "INVITE", &[0.0, 0.5, 1.5, 3.5, 7.5, 15.5, 31.5, 31.9]);
    assert_eq!(story.verdict("transmission-count", 60.0), Verdict::Fail);
}

#[test]
fn a_slow_clock_is_slow_at_the_end_too() {
    let mut story = Story::new();
    let slow: Vec<f64> = LADDER.iter().map(|at| at * 1.03).collect();
    sends_at(&mut story, "INVITE", &slow);
    assert_eq!(story.verdict("transmission-count", 60.0), Verdict::Pass);
    assert_eq!(story.verdict("invite-schedule", 60.0), Verdict::Pass);
}

#[test]
fn nothing_may_come_after_the_time_out() {
    let mut story = Story::new();
    sends_at(&mut story, "INVITE", &[0.0, 0.5, 1.5, 3.5, 63.5]);
    assert_eq!(story.verdict("transmission-count", 70.0), Verdict::Fail);
}

#[test]
fn a_doubled_datagram_on_a_lossy_tap_is_not_the_phones() {
    let mut story = Story::new().lossy().latency(0.05);
    sends_at(&mut story, "INVITE", &[0.0, 0.01, 0.5, 1.5, 3.5, 7.5, 15.5, 31.5]);
    assert_eq!(story.verdict("transmission-count", 60.0), Verdict::Pass);
    assert_eq!(story.verdict("invite-schedule", 60.0), Verdict::Pass);
}

#[test]
fn invite_is_not_repeated_after_a_provisional_response() {
    let rule = "repetition-after-response";
    let mut story = Story::new();
    sends_at(&mut story, "INVITE", &[0.0, 0.5]);
    story.at(0.6).node("primary").answers("INVITE", 100);
    assert_eq!(story.verdict(rule, 60.0), Verdict::Pass);
    story.at(1.5).phone().repeats("INVITE", "primary");
    assert_eq!(story.verdict(rule, 60.0), Verdict::Fail);
}

#[test]
fn other_requests_are_repeated_after_a_provisional_response_but_not_after_a_final_one() {
    let rule = "repetition-after-response";
    let mut story = Story::new();
    story.at(0.0).phone().sends("REGISTER", "primary");
    story.at(0.1).node("primary").answers("REGISTER", 100);
    story.at(4.1).phone().repeats("REGISTER", "primary");
    story.at(4.2).node("primary").answers("REGISTER", 200);
    assert_eq!(story.verdict(rule, 60.0), Verdict::Pass);
    story.at(8.1).phone().repeats("REGISTER", "primary");
    assert_eq!(story.verdict(rule, 60.0), Verdict::Fail);
}

#[test]
fn a_response_in_flight_stops_nobody() {
    // Seen at the tap 50 ms before the repetition; with 40 ms to the phone they crossed.
    let crossed = |story: &mut Story| {
        story.at(0.0).phone().sends("INVITE", "primary");
        story.at(0.35).node("primary").answers("INVITE", 100);
        story.at(0.5).phone().repeats("INVITE", "primary");
    };
    let mut story = Story::new().latency(0.04);
    crossed(&mut story);
    assert_eq!(story.verdict("repetition-after-response", 60.0), Verdict::Pass);
    let mut story = Story::new();
    crossed(&mut story);
    assert_eq!(story.verdict("repetition-after-response", 60.0), Verdict::Fail);
}

#[test]
fn a_lost_response_explains_a_repetition_but_not_ten() {
    let rule = "repetition-after-response";
    let mut story = Story::new().lossy();
    story.at(0.0).phone().sends("REGISTER", "primary");
    story.at(0.1).node("primary").answers("REGISTER", 200);
    story.at(0.5).phone().repeats("REGISTER", "primary");
    story.at(0.6).node("primary").repeats_answer();
    assert_eq!(story.verdict(rule, 60.0), Verdict::Pass);
    for at in [1.5, 3.5, 7.5] {
        story.at(at).phone().repeats("REGISTER", "primary");
        story.at(at + 0.1).node("primary").repeats_answer();
    }
    assert_eq!(story.verdict(rule, 60.0), Verdict::Inconclusive);
}

#[test]
fn over_tcp_nothing_is_repeated() {
    let rule = "repetition-over-tcp";
    let mut story = Story::new().tcp();
    story.at(0.0).phone().sends("INVITE", "primary");
    assert_eq!(story.verdict(rule, 60.0), Verdict::Pass);
    // An answer before the first repetition would have been due puts nobody to the test.
    assert_eq!(story.verdict(rule, 0.4), Verdict::NotExercised);
    story.at(0.5).phone().repeats("INVITE", "primary");
    assert_eq!(story.verdict(rule, 60.0), Verdict::Fail);
}

#[test]
fn a_repetition_is_the_same_message() {
    let rule = "identical-repetition";
    let mut story = Story::new();
    sends_at(&mut story, "INVITE", &[0.0, 0.5]);
    assert_eq!(story.verdict(rule, 1.0), Verdict::Pass);
    story.at(1.5).phone().repeats_with("INVITE", "primary", |b| b.set("Max-Forwards", 69));
    assert_eq!(story.verdict(rule, 2.0), Verdict::Fail);
    assert!(story.findings(rule, 2.0)[0].seen.contains("Max-Forwards"));
}

#[test]
fn a_new_transaction_is_no_repetition() {
    let mut story = Story::new();
    story.at(0.0).phone().sends("REGISTER", "primary");
    story.at(0.1).node("primary").answers("REGISTER", 200);
    story.at(40.0).phone().sends("REGISTER", "primary");
    assert_eq!(story.verdict("identical-repetition", 60.0), Verdict::NotExercised);
}
