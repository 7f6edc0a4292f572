//! Audio: where it goes, when it flows, when it ends.
use crate::common::{PHONE, Story, span};
use sipfarm_judge::{Expectation, Finding, Verdict};

/// Where the phone hears, where the far end does, and a port that nobody named.
pub const EAR: &str = "10.0.0.5:4000";
pub const FAR_EAR: &str = "10.0.1.4:40000";
const WRONG: &str = "10.0.1.4:40002";

pub fn description(address: &str, direction: &str) -> String {
    let (ip, port) = address.split_once(':').unwrap();
    format!(
        "v=0\r\no=- 1 1 IN IP4 {ip}\r\ns=-\r\nc=IN IP4 {ip}\r\nt=0 0\r\nm=audio {port} RTP/AVP 0\r\n\
         a={direction}\r\n"
    )
}

/// A call that is up from 1 s on, before any audio.
pub fn call(mut story: Story) -> Story {
    story.at(0.0).command("dial sip:1002@example.com");
    story.at(0.0).phone().sends("INVITE", "primary");
    story
        .at(1.0)
        .node("primary")
        .answers_with("INVITE", 200, |ok| ok.body("application/sdp", description(FAR_EAR, "sendrecv")));
    story.at(1.0).phone().acks("primary");
    story
}

/// The same with audio both ways until `end`.
pub fn talking(story: Story, end: f64) -> Story {
    let mut story = call(story);
    story.audio(EAR, FAR_EAR, 1.0, end);
    story.audio(FAR_EAR, EAR, 1.01, end);
    story
}

fn flows(mut story: Story, since: f64) -> Finding {
    let expected = story.expect(since, Expectation::AudioFlows { within: Some(span(2.0)) });
    story.run(&expected, 30.0)
}

fn keeps_flowing(mut story: Story, since: f64, during: f64) -> Finding {
    let expected = story.expect(since, Expectation::AudioKeepsFlowing { during: span(during) });
    story.run(&expected, 30.0)
}

#[test]
fn audio_that_begins_in_time_flows() {
    assert_eq!(flows(talking(Story::new(), 5.0), 0.0).verdict, Verdict::Pass);
    assert_eq!(flows(talking(Story::new(), 5.0), 2.0).verdict, Verdict::Pass, "it goes on");
}

#[test]
fn a_phone_that_says_nothing_fails() {
    let mut story = call(Story::new());
    story.audio(FAR_EAR, EAR, 1.0, 5.0);
    let finding = flows(story, 0.0);
    assert_eq!(finding.verdict, Verdict::Fail);
    assert!(finding.seen.starts_with("none from the phone"), "{}", finding.seen);
}

#[test]
fn audio_that_has_ended_does_not_flow() {
    assert_eq!(flows(talking(Story::new(), 3.0), 4.0).verdict, Verdict::Fail);
}

#[test]
fn a_silent_far_end_accuses_nobody() {
    let mut story = call(Story::new());
    story.audio(EAR, FAR_EAR, 1.0, 20.0);
    assert_eq!(flows(story.clone(), 0.0).verdict, Verdict::Inconclusive);
    assert_eq!(keeps_flowing(story, 2.0, 10.0).verdict, Verdict::Inconclusive);
}

#[test]
fn a_single_packet_is_no_audio() {
    let mut story = call(Story::new());
    story.audio(FAR_EAR, EAR, 1.0, 5.0);
    story.audio(EAR, FAR_EAR, 1.0, 1.01);
    assert_eq!(flows(story, 0.0).verdict, Verdict::Fail);
}

#[test]
fn audio_without_a_gap_keeps_flowing() {
    assert_eq!(keeps_flowing(talking(Story::new(), 20.0), 2.0, 10.0).verdict, Verdict::Pass);
}

#[test]
fn a_gap_of_the_phone_is_a_fail_and_shows_its_packets() {
    let mut story = talking(Story::new(), 5.0);
    story.audio(EAR, FAR_EAR, 5.5, 20.0);
    story.audio(FAR_EAR, EAR, 5.0, 20.0);
    let finding = keeps_flowing(story.clone(), 2.0, 10.0);
    assert_eq!(finding.verdict, Verdict::Fail);
    assert_eq!(finding.packets.len(), 1, "the last before it, for nothing else had come: {finding:#?}");
    assert_eq!(keeps_flowing(story, 6.0, 10.0).verdict, Verdict::Pass, "afterwards there is none");
}

#[test]
fn audio_that_stops_for_good_is_a_gap_too() {
    assert_eq!(keeps_flowing(talking(Story::new(), 5.0), 2.0, 10.0).verdict, Verdict::Fail);
}

#[test]
fn a_pause_within_the_tolerance_is_no_gap() {
    let mut story = talking(Story::new(), 5.0);
    story.audio(EAR, FAR_EAR, 5.15, 20.0);
    story.audio(FAR_EAR, EAR, 5.0, 20.0);
    assert_eq!(keeps_flowing(story.clone(), 2.0, 10.0).verdict, Verdict::Pass);
    story.profile.tolerance.rtp_gap_ms = 120;
    assert_eq!(keeps_flowing(story, 2.0, 10.0).verdict, Verdict::Fail);
}

#[test]
fn on_a_lossy_tap_a_gap_proves_nothing() {
    assert_eq!(keeps_flowing(talking(Story::new().lossy(), 5.0), 2.0, 10.0).verdict, Verdict::Inconclusive);
}

#[test]
fn audio_goes_where_the_description_says() {
    assert_eq!(talking(Story::new(), 5.0).verdict("audio-address", 10.0), Verdict::Pass);
}

#[test]
fn audio_to_another_port_fails() {
    let mut story = call(Story::new());
    story.audio(EAR, WRONG, 1.0, 5.0);
    assert_eq!(story.verdict("audio-address", 10.0), Verdict::Fail);
    assert_eq!(call(Story::new()).verdict("audio-address", 10.0), Verdict::NotExercised);
}

#[test]
fn audio_before_anybody_says_where_to_fails() {
    let mut story = talking(Story::new(), 5.0);
    story.audio(EAR, FAR_EAR, 0.2, 0.9);
    assert_eq!(story.verdict("audio-address", 10.0), Verdict::Fail);
}

#[test]
fn with_candidates_the_description_does_not_say_where_audio_goes() {
    let mut story = Story::new();
    story.at(0.0).phone().sends("INVITE", "primary");
    let body = description(FAR_EAR, "sendrecv") + "a=candidate:1 1 UDP 1 10.0.1.4 40002 typ host\r\n";
    story.at(1.0).node("primary").answers_with("INVITE", 200, |ok| ok.body("application/sdp", body));
    story.at(1.0).phone().acks("primary");
    story.audio(EAR, WRONG, 1.0, 5.0);
    assert_eq!(story.verdict("audio-address", 10.0), Verdict::NotExercised);
}

/// The phone hangs up at 5 s and talks until `end`.
fn hung_up(end: f64) -> Story {
    let mut story = talking(Story::new(), end);
    story.at(5.0).phone().sends("BYE", "primary");
    story.at(5.1).node("primary").answers("BYE", 200);
    story
}

#[test]
fn audio_ends_with_the_call() {
    assert_eq!(hung_up(5.0).verdict("audio-end", 30.0), Verdict::Pass);
    assert_eq!(hung_up(6.5).verdict("audio-end", 30.0), Verdict::Pass, "AM-23 gives it 2 s");
    assert_eq!(hung_up(9.0).verdict("audio-end", 30.0), Verdict::Fail);
}

#[test]
fn a_call_that_goes_on_has_no_end() {
    assert_eq!(talking(Story::new(), 20.0).verdict("audio-end", 30.0), Verdict::NotExercised);
}

#[test]
fn a_bye_that_the_phone_has_not_answered_ends_nothing() {
    let mut story = talking(Story::new(), 20.0);
    story.at(5.0).node("primary").sends_with("BYE", |bye| {
        let to = "<sip:1001@example.com>;tag=from-call-0";
        bye.set("To", to).set("From", "<sip:1002@example.com>;tag=primary-tag").set("Call-ID", "call-0")
    });
    assert_eq!(story.verdict("audio-end", 30.0), Verdict::NotExercised);
    story.at(5.1).phone().answers(200);
    assert_eq!(story.verdict("audio-end", 30.0), Verdict::Fail);
}

#[test]
fn audio_of_the_next_call_to_the_same_address_accuses_nobody() {
    let mut story = hung_up(5.0);
    story.at(6.0).phone().new_call().sends("INVITE", "primary");
    story
        .at(7.0)
        .node("primary")
        .answers_with("INVITE", 200, |ok| ok.body("application/sdp", description(FAR_EAR, "sendrecv")));
    story.at(7.0).phone().acks("primary");
    story.audio(EAR, FAR_EAR, 7.0, 20.0);
    assert_eq!(story.verdict("audio-end", 30.0), Verdict::Pass);
    assert_eq!(story.verdict("audio-address", 30.0), Verdict::Pass);
}

#[test]
fn audio_between_others_is_none_of_the_phone() {
    let mut story = call(Story::new());
    story.audio("10.0.1.1:30000", WRONG, 1.0, 5.0);
    assert_eq!(story.verdict("audio-address", 10.0), Verdict::NotExercised);
    assert!(PHONE.starts_with("10.0.0.5"), "and the phone is another");
}

/// The phone's audio pauses at 5 s for a quarter of a second, and the far end's for that long a time.
fn pausing(net: &'static str, ours: f64) -> Story {
    let mut story = talking(Story::new(), 5.0);
    story.net = net;
    story.audio(EAR, FAR_EAR, 5.25, 20.0);
    story.audio(FAR_EAR, EAR, 5.0 + ours, 20.0);
    story
}

#[test]
fn a_machine_that_was_late_itself_accuses_no_phone_on_it() {
    assert_eq!(keeps_flowing(pausing("loopback", 0.22), 2.0, 10.0).verdict, Verdict::Inconclusive);
    assert_eq!(keeps_flowing(pausing("loopback", 0.02), 2.0, 10.0).verdict, Verdict::Fail);
    assert_eq!(keeps_flowing(pausing("loopback", 0.08), 2.0, 10.0).verdict, Verdict::Fail, "not comparable");
    assert_eq!(
        keeps_flowing(pausing("virtual", 0.22), 2.0, 10.0).verdict,
        Verdict::Fail,
        "no machine is late"
    );
}

#[test]
fn a_machine_that_was_late_at_another_time_excuses_nobody() {
    let mut story = talking(Story::new(), 5.0);
    story.net = "loopback";
    story.audio(EAR, FAR_EAR, 5.25, 20.0);
    story.audio(FAR_EAR, EAR, 5.0, 8.0);
    story.audio(FAR_EAR, EAR, 8.25, 20.0);
    assert_eq!(keeps_flowing(story, 2.0, 10.0).verdict, Verdict::Fail);
    let mut story = talking(Story::new(), 5.0);
    story.net = "loopback";
    assert_eq!(keeps_flowing(story.clone(), 2.0, 10.0).verdict, Verdict::Fail, "both have stopped");
    story.audio(FAR_EAR, EAR, 5.25, 20.0);
    assert_eq!(keeps_flowing(story, 2.0, 10.0).verdict, Verdict::Fail, "only we have gone on");
}
