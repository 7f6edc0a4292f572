//! `invite-schedule`: timer A, and what must not be taken for a breach of it.

use crate::common::Story;
use sipfarm_judge::Verdict;

const RULE: &str = "invite-schedule";
const LADDER: [f64; 7] = [0.0, 0.5, 1.5, 3.5, 7.5, 15.5, 31.5];

fn sends_at(story: &mut Story, times: &[f64]) {
    story.at(times[0]).phone().sends("INVITE", "primary");
    for at in &times[1..] {
        story.at(*at).phone().repeats("INVITE", "primary");
    }
}

#[test]
fn seven_sends_on_the_ladder_pass() {
    let mut story = Story::new().servers(&["primary"]);
    sends_at(&mut story, &LADDER);
    assert_eq!(story.verdict(RULE, 60.0), Verdict::Pass);
}

#[test]
fn late_ticks_do_not_add_up_to_a_breach() {
    let mut story = Story::new().servers(&["primary"]);
    // Each timer 100 ms late, so that every send carries the delays of those before it.
    let late: Vec<f64> = LADDER.iter().enumerate().map(|(n, at)| at + 0.1 * n as f64).collect();
    sends_at(&mut story, &late);
    assert_eq!(story.verdict(RULE, 60.0), Verdict::Pass);
}

#[test]
fn one_late_send_does_not_excuse_the_next_and_does_not_accuse_it() {
    // 0.7 is late but allowed; 1.5 is due on the absolute schedule, although the gap is 0.8 only.
    let mut story = Story::new().servers(&["primary"]);
    sends_at(&mut story, &[0.0, 0.7, 1.5, 3.5, 7.5, 15.5, 31.5]);
    assert_eq!(story.verdict(RULE, 60.0), Verdict::Pass);
}

#[test]
fn constant_intervals_fail() {
    let mut story = Story::new().servers(&["primary"]);
    sends_at(&mut story, &[0.0, 0.5, 1.0, 1.5, 2.0]);
    assert_eq!(story.verdict(RULE, 60.0), Verdict::Fail);
}

#[test]
fn intervals_capped_at_t2_fail() {
    let mut story = Story::new().servers(&["primary"]);
    sends_at(&mut story, &[0.0, 0.5, 1.5, 3.5, 7.5, 11.5, 15.5]);
    assert_eq!(story.verdict(RULE, 60.0), Verdict::Fail);
}

#[test]
fn the_edges_of_the_first_window_are_those_of_the_profile() {
    // 0.5 × 0.90 − 0.02 = 0.43 and 0.5 × 1.25 + 0.1 = 0.725.
    for (at, verdict) in
        [(0.431, Verdict::Pass), (0.429, Verdict::Fail), (0.724, Verdict::Pass), (0.726, Verdict::Fail)]
    {
        let mut story = Story::new().servers(&["primary"]);
        sends_at(&mut story, &[0.0, at]);
        assert_eq!(story.verdict(RULE, 1.0), verdict, "second send at {at}");
    }
}

#[test]
fn a_custom_t1_scales_the_ladder() {
    let mut story = Story::new().servers(&["primary"]);
    story.profile.timers.t1_ms = 250;
    sends_at(&mut story, &LADDER.map(|at| at / 2.0));
    assert_eq!(story.verdict(RULE, 60.0), Verdict::Pass);
    let mut story = Story::new().servers(&["primary"]);
    story.profile.timers.t1_ms = 250;
    sends_at(&mut story, &LADDER);
    assert_eq!(story.verdict(RULE, 60.0), Verdict::Fail);
}

#[test]
fn stopping_for_no_reason_fails() {
    let mut story = Story::new().servers(&["primary"]);
    sends_at(&mut story, &[0.0, 0.5, 1.5]);
    assert_eq!(story.verdict(RULE, 60.0), Verdict::Fail);
}

#[test]
fn stopping_at_the_end_of_the_capture_is_no_breach() {
    let mut story = Story::new().servers(&["primary"]);
    sends_at(&mut story, &[0.0, 0.5, 1.5]);
    assert_eq!(story.verdict(RULE, 3.6), Verdict::Pass);
}

#[test]
fn a_response_an_icmp_error_and_a_hang_up_are_reasons_to_stop() {
    let mut story = Story::new().servers(&["primary"]);
    sends_at(&mut story, &[0.0, 0.5]);
    story.at(0.6).node("primary").answers("INVITE", 100);
    assert_eq!(story.verdict(RULE, 60.0), Verdict::Pass);

    let mut story = Story::new().servers(&["primary"]);
    sends_at(&mut story, &[0.0, 0.5]);
    story.at(0.6).icmp("primary");
    assert_eq!(story.verdict(RULE, 60.0), Verdict::Pass);

    let mut story = Story::new().servers(&["primary"]);
    sends_at(&mut story, &[0.0, 0.5]);
    story.at(0.6).command("hang up");
    assert_eq!(story.verdict(RULE, 60.0), Verdict::Pass);
}

#[test]
fn the_retry_count_is_a_reason_to_stop_but_not_at_the_last_server() {
    let mut story = Story::with_retry_count(3);
    sends_at(&mut story, &[0.0, 0.5, 1.5]);
    assert_eq!(story.verdict(RULE, 60.0), Verdict::Pass);

    let mut story = Story::with_retry_count(3).servers(&["primary"]);
    sends_at(&mut story, &[0.0, 0.5, 1.5]);
    assert_eq!(story.verdict(RULE, 60.0), Verdict::Fail);
}

#[test]
fn without_frames_an_early_stop_is_inconclusive() {
    let mut story = Story::new().servers(&["primary"]).without_frames();
    sends_at(&mut story, &[0.0, 0.5, 1.5]);
    assert_eq!(story.verdict(RULE, 60.0), Verdict::Inconclusive);
}

#[test]
fn a_lossy_tap_explains_gaps_but_not_a_wrong_rhythm() {
    // The send at 3.5 s was lost.
    let mut story = Story::new().servers(&["primary"]).lossy();
    sends_at(&mut story, &[0.0, 0.5, 1.5, 7.5, 15.5, 31.5]);
    assert_eq!(story.verdict(RULE, 60.0), Verdict::Pass);
    // The first two were lost: the intervals seen are 2, 4, 8, 16.
    let mut story = Story::new().servers(&["primary"]).lossy();
    sends_at(&mut story, &[0.0, 2.0, 6.0, 14.0, 30.0]);
    assert_eq!(story.verdict(RULE, 60.0), Verdict::Pass);
    // The end was lost, or a response stopped the phone.
    let mut story = Story::new().servers(&["primary"]).lossy();
    sends_at(&mut story, &[0.0, 0.5, 1.5]);
    assert_eq!(story.verdict(RULE, 60.0), Verdict::Inconclusive);
    // No loss explains this.
    let mut story = Story::new().servers(&["primary"]).lossy();
    sends_at(&mut story, &[0.0, 0.5, 0.8, 1.1]);
    assert_eq!(story.verdict(RULE, 60.0), Verdict::Fail);
}

#[test]
fn latency_between_phone_and_tap_is_no_breach() {
    // The first packet took 0 ms to the tap, the second 150 ms, the third 0 again.
    let mut story = Story::new().servers(&["primary"]).latency(0.15);
    sends_at(&mut story, &[0.0, 0.87, 1.4, 3.5, 7.5, 15.5, 31.5]);
    assert_eq!(story.verdict(RULE, 60.0), Verdict::Pass);
    let mut story = Story::new().servers(&["primary"]);
    sends_at(&mut story, &[0.0, 0.87, 1.4, 3.5, 7.5, 15.5, 31.5]);
    assert_eq!(story.verdict(RULE, 60.0), Verdict::Fail);
}

#[test]
fn trouble_turns_an_accusation_into_doubt() {
    let mut story = Story::new().servers(&["primary"]);
    sends_at(&mut story, &[0.0, 0.5, 1.0, 1.5]);
    story.at(1.2).trouble(0.9);
    assert_eq!(story.verdict(RULE, 60.0), Verdict::Inconclusive);
}

#[test]
fn a_single_send_is_no_occasion() {
    let mut story = Story::new();
    story.at(0.0).phone().sends("INVITE", "primary");
    story.at(0.1).node("primary").answers("INVITE", 200);
    story.at(0.2).phone().acks("primary");
    assert_eq!(story.verdict(RULE, 60.0), Verdict::NotExercised);
}

#[test]
fn a_foreign_capture_is_judged_with_the_phone_inferred() {
    let mut story = Story::new().foreign();
    sends_at(&mut story, &[0.0, 0.5, 0.8, 1.1]);
    assert_eq!(story.verdict(RULE, 60.0), Verdict::Fail);
    let mut story = Story::new().foreign();
    sends_at(&mut story, &LADDER);
    assert_eq!(story.verdict(RULE, 60.0), Verdict::Pass);
}
