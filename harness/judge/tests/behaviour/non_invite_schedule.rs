//! `non-invite-schedule`: timer E, and what must not be taken for a breach of it.

use crate::common::Story;
use sipfarm_judge::Verdict;

const RULE: &str = "non-invite-schedule";
const LADDER: [f64; 11] = [0.0, 0.5, 1.5, 3.5, 7.5, 11.5, 15.5, 19.5, 23.5, 27.5, 31.5];

fn sends_at(story: &mut Story, times: &[f64]) {
    story.at(times[0]).phone().sends("REGISTER", "primary");
    for at in &times[1..] {
        story.at(*at).phone().repeats("REGISTER", "primary");
    }
}

#[test]
fn eleven_sends_on_the_ladder_pass() {
    let mut story = Story::new().servers(&["primary"]);
    sends_at(&mut story, &LADDER);
    assert_eq!(story.verdict(RULE, 60.0), Verdict::Pass);
}

#[test]
fn late_ticks_do_not_add_up_to_a_breach() {
    let mut story = Story::new().servers(&["primary"]);
    let late: Vec<f64> = LADDER.iter().enumerate().map(|(n, at)| at + 0.1 * n as f64).collect();
    sends_at(&mut story, &late);
    assert_eq!(story.verdict(RULE, 60.0), Verdict::Pass);
}

#[test]
fn doubling_past_t2_fails() {
    let mut story = Story::new().servers(&["primary"]);
    sends_at(&mut story, &[0.0, 0.5, 1.5, 3.5, 7.5, 15.5, 31.5]);
    assert_eq!(story.verdict(RULE, 60.0), Verdict::Fail);
}

#[test]
fn a_send_left_out_fails_unless_it_may_be_lost() {
    let mut left_out = LADDER.to_vec();
    left_out.remove(8);
    let mut story = Story::new().servers(&["primary"]);
    sends_at(&mut story, &left_out);
    assert_eq!(story.verdict(RULE, 60.0), Verdict::Fail);
    let mut story = Story::new().servers(&["primary"]).lossy();
    sends_at(&mut story, &left_out);
    assert_eq!(story.verdict(RULE, 60.0), Verdict::Pass);
}

#[test]
fn after_a_provisional_response_it_is_every_t2() {
    // Timer E was running when the 100 came at 0.1: it fires at 0.5, then every 4 s.
    let mut story = Story::new().servers(&["primary"]);
    story.at(0.0).phone().sends("REGISTER", "primary");
    story.at(0.1).node("primary").answers("REGISTER", 100);
    for n in 0..8 {
        story.at(0.5 + 4.0 * f64::from(n)).phone().repeats("REGISTER", "primary");
    }
    assert_eq!(story.verdict(RULE, 60.0), Verdict::Pass);
    // Or the interval starts with the response.
    let mut story = Story::new().servers(&["primary"]);
    story.at(0.0).phone().sends("REGISTER", "primary");
    story.at(0.1).node("primary").answers("REGISTER", 100);
    for n in 1..8 {
        story.at(0.1 + 4.0 * f64::from(n)).phone().repeats("REGISTER", "primary");
    }
    assert_eq!(story.verdict(RULE, 60.0), Verdict::Pass);
}

#[test]
fn going_on_as_if_there_were_no_provisional_response_fails() {
    let with_100 = |story: &mut Story| {
        story.at(0.0).phone().sends("REGISTER", "primary");
        story.at(0.1).node("primary").answers("REGISTER", 100);
        for at in &LADDER[1..] {
            story.at(*at).phone().repeats("REGISTER", "primary");
        }
    };
    let mut story = Story::new().servers(&["primary"]);
    with_100(&mut story);
    assert_eq!(story.verdict(RULE, 60.0), Verdict::Fail);
    // On a lossy tap the 100 may never have arrived.
    let mut story = Story::new().servers(&["primary"]).lossy();
    with_100(&mut story);
    assert_eq!(story.verdict(RULE, 60.0), Verdict::Pass);
}

#[test]
fn falling_silent_after_a_provisional_response_fails() {
    let mut story = Story::new().servers(&["primary"]);
    story.at(0.0).phone().sends("REGISTER", "primary");
    story.at(0.1).node("primary").answers("REGISTER", 100);
    assert_eq!(story.verdict(RULE, 60.0), Verdict::Fail);
}

#[test]
fn a_final_response_ends_it() {
    let mut story = Story::new().servers(&["primary"]);
    sends_at(&mut story, &[0.0, 0.5]);
    story.at(0.6).node("primary").answers("REGISTER", 200);
    assert_eq!(story.verdict(RULE, 60.0), Verdict::Pass);
}

#[test]
fn a_response_from_elsewhere_may_be_ignored_or_not() {
    // RFC 3261 section 18.1.2 matches by branch, and a careful phone by source, too.
    for sends in [&LADDER[..2], &LADDER[..]] {
        let mut story = Story::new();
        story.at(0.1).phone().sends("OPTIONS", "fallback");
        let mut story = Story::new().servers(&["primary", "secondary"]);
        sends_at(&mut story, &sends[..2]);
        story.response_from_elsewhere(0.6, "REGISTER", "primary", "secondary", 200);
        for at in &sends[2..] {
            story.at(*at).phone().repeats("REGISTER", "primary");
        }
        assert_eq!(story.verdict(RULE, 60.0), Verdict::Pass, "{} sends", sends.len());
    }
}
