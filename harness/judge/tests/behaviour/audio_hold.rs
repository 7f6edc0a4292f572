//! Hold: who says so, who answers what, and who is heard meanwhile.
use crate::audio::{EAR, FAR_EAR, call, description, talking};
use crate::common::{Story, span};
use sipfarm_judge::{Expectation, Finding, Verdict};

/// The phone offers a direction at `at`, and the far end answers another a tenth of a second later.
fn phone_offers(story: &mut Story, at: f64, offer: &str, answer: &str) {
    story.at(at).phone().sends_with("INVITE", "primary", |invite| {
        invite.remove("Content-Type").body("application/sdp", description(EAR, offer))
    });
    story
        .at(at + 0.1)
        .node("primary")
        .answers_with("INVITE", 200, |ok| ok.body("application/sdp", description(FAR_EAR, answer)));
    story.at(at + 0.1).phone().acks("primary");
}

/// The far end offers a direction at `at`, and the phone answers another.
fn far_end_offers(story: &mut Story, at: f64, offer: &str, answer: &str) {
    story.at(at).node("primary").sends_with("INVITE", |invite| {
        let invite = invite.set("To", "<sip:1001@example.com>;tag=from-call-0");
        let invite = invite.set("From", "<sip:1002@example.com>;tag=primary-tag").set("Call-ID", "call-0");
        invite
            .set("CSeq", format!("{} INVITE", at as u32))
            .body("application/sdp", description(FAR_EAR, offer))
    });
    story.at(at + 0.1).phone().answers_with(200, |ok| ok.body("application/sdp", description(EAR, answer)));
    story.at(at + 0.2).node("primary").acks();
}

fn held(story: &mut Story, since: f64, hold: bool) -> Finding {
    let expected = story.expect(since, Expectation::Held { hold, within: Some(span(2.0)) });
    story.run(&expected, 60.0)
}

#[test]
fn an_offer_that_does_not_receive_holds() {
    for direction in ["sendonly", "inactive"] {
        let mut story = call(Story::new());
        phone_offers(&mut story, 5.0, direction, "inactive");
        assert_eq!(held(&mut story, 4.0, true).verdict, Verdict::Pass);
    }
}

#[test]
fn an_offer_that_receives_holds_nothing() {
    let mut story = call(Story::new());
    phone_offers(&mut story, 5.0, "sendrecv", "sendrecv");
    assert_eq!(held(&mut story, 4.0, true).verdict, Verdict::Fail);
    assert_eq!(held(&mut story.clone(), 4.0, false).verdict, Verdict::Pass);
}

#[test]
fn a_phone_that_offers_nothing_does_not_hold() {
    let mut story = call(Story::new());
    assert_eq!(held(&mut story, 4.0, true).verdict, Verdict::Fail);
    let mut story = call(Story::new());
    far_end_offers(&mut story, 5.0, "sendonly", "recvonly");
    assert_eq!(held(&mut story, 4.0, true).verdict, Verdict::Fail, "the far end does");
}

#[test]
fn on_hold_the_phone_is_silent() {
    let mut story = talking(Story::new(), 5.1);
    far_end_offers(&mut story, 5.0, "sendonly", "recvonly");
    assert_eq!(story.verdict("audio-direction", 20.0), Verdict::Pass);
    assert_eq!(story.verdict("answer-direction", 20.0), Verdict::Pass);
}

#[test]
fn a_phone_that_is_heard_while_on_hold_fails() {
    for offer in ["sendonly", "inactive"] {
        let mut story = talking(Story::new(), 15.0);
        far_end_offers(&mut story, 5.0, offer, if offer == "sendonly" { "recvonly" } else { "inactive" });
        assert_eq!(story.verdict("audio-direction", 20.0), Verdict::Fail);
    }
}

#[test]
fn hold_ends_with_the_next_offer() {
    let mut story = talking(Story::new(), 5.1);
    far_end_offers(&mut story, 5.0, "sendonly", "recvonly");
    far_end_offers(&mut story, 10.0, "sendrecv", "sendrecv");
    story.audio(EAR, FAR_EAR, 10.0, 20.0);
    assert_eq!(story.verdict("audio-direction", 30.0), Verdict::Pass);
    assert_eq!(talking(Story::new(), 20.0).verdict("audio-direction", 30.0), Verdict::NotExercised);
}

#[test]
fn a_phone_that_holds_may_play_music() {
    let mut story = talking(Story::new(), 20.0);
    phone_offers(&mut story, 5.0, "sendonly", "recvonly");
    assert_eq!(story.verdict("audio-direction", 30.0), Verdict::NotExercised);
    let mut story = talking(Story::new(), 20.0);
    phone_offers(&mut story, 5.0, "inactive", "inactive");
    assert_eq!(story.verdict("audio-direction", 30.0), Verdict::Fail, "but not where it says inactive");
}

#[test]
fn an_answer_fits_its_offer() {
    for (offer, fit) in [
        ("sendrecv", vec!["sendrecv", "sendonly", "recvonly", "inactive"]),
        ("sendonly", vec!["recvonly", "inactive"]),
        ("recvonly", vec!["sendonly", "inactive"]),
        ("inactive", vec!["inactive"]),
    ] {
        for answer in ["sendrecv", "sendonly", "recvonly", "inactive"] {
            let mut story = call(Story::new());
            far_end_offers(&mut story, 5.0, offer, answer);
            let expected = if fit.contains(&answer) { Verdict::Pass } else { Verdict::Fail };
            assert_eq!(story.verdict("answer-direction", 10.0), expected, "{answer} to {offer}");
        }
    }
}

#[test]
fn silence_is_watched_from_the_step_on() {
    let silent = |mut story: Story| {
        let expected = story.expect(6.0, Expectation::SendsNoAudio { during: span(5.0) });
        story.run(&expected, 60.0).verdict
    };
    assert_eq!(silent(talking(Story::new(), 5.0)), Verdict::Pass);
    assert_eq!(silent(talking(Story::new(), 8.0)), Verdict::Fail);
    let mut later = talking(Story::new(), 5.0);
    later.audio(EAR, FAR_EAR, 10.0, 12.0);
    assert_eq!(silent(later), Verdict::Fail);
    let mut heard = call(Story::new());
    heard.audio(FAR_EAR, EAR, 1.0, 20.0);
    assert_eq!(silent(heard), Verdict::Pass, "the far end may be heard");
}

#[test]
fn audio_runs_past_a_node() {
    let past = |mut story: Story| {
        let expected = story.expect(6.0, Expectation::AudioPast { node: "primary".to_owned() });
        story.run(&expected, 60.0).verdict
    };
    assert_eq!(past(talking(Story::new(), 20.0)), Verdict::Pass);
    let mut wrong = talking(Story::new(), 20.0);
    wrong.audio(EAR, "10.0.1.1:40000", 5.0, 20.0);
    assert_eq!(past(wrong), Verdict::Fail);
    let mut anchored = Story::new();
    anchored.at(0.0).phone().sends("INVITE", "primary");
    anchored.at(1.0).node("primary").answers_with("INVITE", 200, |ok| {
        ok.body("application/sdp", description("10.0.1.1:30000", "sendrecv"))
    });
    anchored.audio(EAR, "10.0.1.1:30000", 1.0, 20.0);
    assert_eq!(past(anchored), Verdict::Inconclusive, "the farm wants it so");
}
