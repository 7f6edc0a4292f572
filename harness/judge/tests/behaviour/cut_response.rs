//! A response that was cut short counts for nothing: `cut-response`.
use crate::common::{Story, credentials};
use sipfarm_core::sip::MessageBuilder;
use sipfarm_judge::Verdict;

const CHALLENGE: &str = "Digest realm=\"r\", nonce=\"n1\", qop=\"auth\"";

fn challenged(builder: MessageBuilder) -> MessageBuilder {
    builder.header("WWW-Authenticate", CHALLENGE)
}

fn same(builder: MessageBuilder) -> MessageBuilder {
    builder
}

/// A REGISTER whose first answer is cut.
fn cut_at(at: f64, code: u16) -> Story {
    let mut story = Story::new();
    story.at(0.0).phone().sends("REGISTER", "primary");
    story.at(at).node("primary").answers_cut("REGISTER", code, challenged);
    story
}

#[test]
fn who_goes_on_repeating_keeps_it() {
    let mut story = cut_at(0.1, 200);
    story.at(0.5).phone().repeats("REGISTER", "primary");
    story.at(0.6).node("primary").answers("REGISTER", 200);
    assert_eq!(story.verdict("cut-response", 20.0), Verdict::Pass);
}

#[test]
fn who_stops_repeating_has_taken_it() {
    let story = cut_at(0.1, 200);
    assert_eq!(story.verdict("cut-response", 20.0), Verdict::Fail);
    // A repetition may still come.
    assert_eq!(story.verdict("cut-response", 0.4), Verdict::NotExercised);
}

#[test]
fn credentials_for_a_cut_challenge_are_an_answer_to_it() {
    let again = |at: f64, whole: Option<f64>| {
        let mut story = cut_at(0.1, 401);
        if let Some(whole) = whole {
            story.at(whole).node("primary").answers_with("REGISTER", 401, challenged);
        }
        let authorization = credentials("n1", 1, "sip:example.test");
        story.at(at).phone().sends_with("REGISTER", "primary", |b| b.header("Authorization", authorization));
        story.at(at + 0.1).node("primary").answers("REGISTER", 200);
        story.verdict("cut-response", 20.0)
    };
    assert_eq!(again(0.2, None), Verdict::Fail);
    // The challenge came whole as well: twice over, as a network may have it.
    assert_ne!(again(0.2, Some(0.15)), Verdict::Fail);
}

#[test]
fn a_new_registration_with_known_credentials_is_no_answer() {
    let mut story = cut_at(0.1, 401);
    story.at(0.15).command("register");
    let authorization = credentials("n1", 1, "sip:example.test");
    story.at(0.2).phone().sends_with("REGISTER", "primary", |b| b.header("Authorization", authorization));
    story.at(0.3).node("primary").answers("REGISTER", 200);
    assert_ne!(story.verdict("cut-response", 0.4), Verdict::Fail);
}

#[test]
fn the_ack_of_a_cut_refusal_is_an_answer_to_it() {
    let acked = |whole: bool| {
        let mut story = Story::new();
        story.at(0.0).phone().sends("INVITE", "primary");
        story.at(0.1).node("primary").answers_cut("INVITE", 486, same);
        if whole {
            story.at(0.12).node("primary").answers("INVITE", 486);
        }
        story.at(0.2).phone().acks("primary");
        story.verdict("cut-response", 20.0)
    };
    assert_eq!(acked(false), Verdict::Fail);
    assert_ne!(acked(true), Verdict::Fail);
}

#[test]
fn a_cut_ringing_stops_no_invite() {
    let mut story = Story::new();
    story.at(0.0).phone().sends("INVITE", "primary");
    story.at(0.1).node("primary").answers_cut("INVITE", 180, same);
    assert_eq!(story.verdict("cut-response", 20.0), Verdict::Fail);
    story.at(0.3).command("hang up");
    assert_ne!(story.verdict("cut-response", 20.0), Verdict::Fail);
}

#[test]
fn who_may_have_left_by_the_profile_or_was_told_of_a_failure_is_not_accused() {
    let mut story = Story::with_retry_count(1);
    story.at(0.0).phone().sends("REGISTER", "primary");
    story.at(0.1).node("primary").answers_cut("REGISTER", 503, same);
    assert_ne!(story.verdict("cut-response", 20.0), Verdict::Fail);
    let mut story = cut_at(0.1, 503);
    story.at(0.2).icmp("primary");
    assert_ne!(story.verdict("cut-response", 20.0), Verdict::Fail);
    let mut story = cut_at(0.1, 503).lossy();
    story.at(10.0).end();
    assert_eq!(story.verdict("cut-response", 20.0), Verdict::Inconclusive);
}

#[test]
fn a_whole_response_before_decides() {
    let mut story = Story::new();
    story.at(0.0).phone().sends("REGISTER", "primary");
    story.at(0.1).node("primary").answers("REGISTER", 200);
    story.at(0.11).node("primary").answers_cut("REGISTER", 200, same);
    assert_eq!(story.verdict("cut-response", 20.0), Verdict::NotExercised);
}

/// Who discards every answer of a server has been left without one, and goes on to the next.
#[test]
fn a_server_whose_answers_are_all_cut_has_failed() {
    let mut story = Story::new();
    story.at(0.0).phone().sends("REGISTER", "primary");
    story.at(0.1).node("primary").answers_cut("REGISTER", 200, same);
    for at in [0.5, 1.5, 3.5, 7.5, 11.5, 15.5, 19.5, 23.5, 27.5, 31.5] {
        story.at(at).phone().repeats("REGISTER", "primary");
        story.at(at + 0.1).node("primary").answers_cut("REGISTER", 200, same);
    }
    story.at(32.0).phone().sends("REGISTER", "secondary");
    story.at(32.1).node("secondary").answers("REGISTER", 200);
    for rule in ["server-order", "failback", "failover-cause", "give-up"] {
        assert_ne!(story.verdict(rule, 100.0), Verdict::Fail, "{rule}");
    }
    assert_eq!(story.verdict("cut-response", 100.0), Verdict::Pass);
}
