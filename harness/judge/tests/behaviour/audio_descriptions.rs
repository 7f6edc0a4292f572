//! Session descriptions that say more than one address, or none: other media, several parts, names, ICE.
use crate::audio::{EAR, FAR_EAR, description};
use crate::common::{Story, span};
use sipfarm_judge::{Expectation, Verdict};

const VIDEO_EAR: &str = "10.0.0.5:4004";
const FAR_VIDEO: &str = "10.0.1.4:40004";
const WRONG: &str = "10.0.1.4:40002";

/// A call that is accepted after 1 s with a body of that type.
fn answered(kind: &str, body: String) -> Story {
    let mut story = Story::new();
    story.at(0.0).command("dial sip:1002@example.com");
    story.at(0.0).phone().sends("INVITE", "primary");
    story.at(1.0).node("primary").answers_with("INVITE", 200, |ok| ok.body(kind, body));
    story.at(1.0).phone().acks("primary");
    story
}

fn with(more: &str) -> Story {
    answered("application/sdp", description(FAR_EAR, "sendrecv") + more)
}

/// The verdict of `audio-address` when the phone sends to that address.
fn sends_to(mut story: Story, to: &str) -> Verdict {
    story.audio(EAR, to, 1.0, 5.0);
    story.verdict("audio-address", 10.0)
}

const VIDEO: &str = "m=video 40004 RTP/AVP 96\r\n";
const CANDIDATE: &str = "a=candidate:1 1 UDP 1 10.0.1.4 40002 typ host\r\n";

#[test]
fn video_goes_where_its_own_line_says() {
    assert_eq!(sends_to(with(VIDEO), FAR_VIDEO), Verdict::Pass);
    assert_eq!(sends_to(with(VIDEO), FAR_EAR), Verdict::Pass);
    assert_eq!(sends_to(with(VIDEO), WRONG), Verdict::Fail);
    assert_eq!(sends_to(with(""), FAR_VIDEO), Verdict::Fail, "nobody asked for video");
}

#[test]
fn video_is_no_audio() {
    let flows = |mut story: Story| {
        let expected = story.expect(1.0, Expectation::AudioFlows { within: Some(span(2.0)) });
        story.run(&expected, 30.0).verdict
    };
    let mut story = with(VIDEO);
    story.audio(FAR_EAR, EAR, 1.0, 5.0);
    story.audio(VIDEO_EAR, FAR_VIDEO, 1.0, 5.0);
    assert_eq!(flows(story.clone()), Verdict::Fail);
    story.audio(EAR, FAR_EAR, 1.0, 5.0);
    assert_eq!(flows(story), Verdict::Pass);
}

#[test]
fn a_description_may_be_one_part_of_several() {
    let parts = |boundary: &str, kind: &str| {
        let sdp = description(FAR_EAR, "sendrecv");
        format!(
            "--{boundary}\r\nContent-Type: application/isup;version=x\r\n\r\n--{boundary}x\r\n\
             --{boundary}\r\nContent-Disposition: session\r\ncontent-type: {kind}\r\n\r\n{sdp}\r\n\
             --{boundary}--\r\n"
        )
    };
    for kind in ["multipart/mixed;boundary=b1", "multipart/mixed; boundary=\"b1\"; x=y"] {
        let story = || answered(kind, parts("b1", "application/sdp"));
        assert_eq!(sends_to(story(), FAR_EAR), Verdict::Pass, "{kind}");
        assert_eq!(sends_to(story(), WRONG), Verdict::Fail, "{kind}");
    }
    let inner = parts("in", "application/sdp");
    let outer =
        format!("--out\r\nContent-Type: multipart/mixed;\r\n boundary=in\r\n\r\n{inner}\r\n--out--\r\n");
    let nested = || answered("multipart/mixed;boundary=out", outer.clone());
    assert_eq!(sends_to(nested(), FAR_EAR), Verdict::Pass);
    assert_eq!(sends_to(nested(), WRONG), Verdict::Fail);
    let text = || answered("multipart/mixed;boundary=b1", parts("b1", "text/plain"));
    assert_eq!(sends_to(text(), FAR_EAR), Verdict::Fail, "a description is one by its type");
}

#[test]
fn a_name_does_not_say_which_address() {
    let named = || {
        let body =
            description(FAR_EAR, "sendrecv").replace("c=IN IP4 10.0.1.4", "c=IN IP4 media.example.com");
        answered("application/sdp", body)
    };
    assert_eq!(sends_to(named(), FAR_EAR), Verdict::NotExercised);
    let mut early = named();
    early.audio(EAR, FAR_EAR, 0.2, 0.9);
    assert_eq!(early.verdict("audio-address", 10.0), Verdict::Fail, "nothing was told by then");
}

#[test]
fn candidates_hide_no_audio_after_the_end() {
    let mut story = with(CANDIDATE);
    story.audio(EAR, FAR_EAR, 1.0, 20.0);
    assert_eq!(story.verdict("audio-end", 30.0), Verdict::NotExercised, "the call is up");
    story.at(5.0).phone().sends("BYE", "primary");
    story.at(5.1).node("primary").answers("BYE", 200);
    assert_eq!(story.verdict("audio-end", 30.0), Verdict::Fail);
}

#[test]
fn candidates_of_one_call_say_nothing_of_the_next() {
    let next = || {
        let mut story = with(CANDIDATE);
        story.audio(EAR, WRONG, 1.0, 5.0);
        story.at(5.0).phone().sends("BYE", "primary");
        story.at(5.1).node("primary").answers("BYE", 200);
        story.at(20.0).phone().new_call().sends("INVITE", "primary");
        let body = description(FAR_EAR, "sendrecv");
        story.at(21.0).node("primary").answers_with("INVITE", 200, |ok| ok.body("application/sdp", body));
        story.at(21.0).phone().acks("primary");
        story
    };
    let mut right = next();
    right.audio(EAR, FAR_EAR, 21.0, 25.0);
    assert_eq!(right.verdict("audio-address", 30.0), Verdict::Pass);
    let mut wrong = next();
    wrong.audio(EAR, WRONG, 21.0, 25.0);
    assert_eq!(wrong.verdict("audio-address", 30.0), Verdict::Fail);
}

#[test]
fn a_refusal_ends_what_was_heard_before() {
    let refused = |until: f64, acks: bool| {
        let mut story = Story::new();
        story.at(0.0).phone().sends("INVITE", "primary");
        let body = description(FAR_EAR, "sendrecv");
        story.at(0.5).node("primary").answers_with("INVITE", 183, |b| b.body("application/sdp", body));
        story.at(3.0).node("primary").answers("INVITE", 486);
        if acks {
            story.at(3.0).phone().acks("primary");
        }
        story.audio(EAR, FAR_EAR, 0.6, until);
        story.verdict("audio-end", 70.0)
    };
    assert_eq!(refused(3.5, true), Verdict::Pass);
    assert_eq!(refused(60.0, true), Verdict::Fail);
    assert_eq!(refused(60.0, false), Verdict::NotExercised, "the refusal may not have reached it");
}

#[test]
fn a_refusal_that_asks_for_another_try_ends_nothing() {
    let mut story = Story::new();
    story.at(0.0).phone().sends("INVITE", "primary");
    let body = description(FAR_EAR, "sendrecv");
    story.at(0.5).node("primary").answers_with("INVITE", 183, |b| b.body("application/sdp", body));
    story.at(1.0).node("primary").answers("INVITE", 407);
    story.at(1.0).phone().acks("primary");
    story.at(1.1).phone().sends_with("INVITE", "primary", |b| {
        b.set("CSeq", "2 INVITE").set("To", "<sip:1002@example.com>").set_uri("sip:1002@example.com")
    });
    story.audio(EAR, FAR_EAR, 0.6, 20.0);
    assert_eq!(story.verdict("audio-end", 30.0), Verdict::NotExercised);
}
