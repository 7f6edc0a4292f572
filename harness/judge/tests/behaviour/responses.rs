//! The phone as a server: `refusal-repetition`, `acceptance-repetition`, `non-invite-responses`, and
//! `well-formed`.
use crate::common::Story;
use sipfarm_judge::Verdict;

const LADDER: [f64; 11] = [0.0, 0.5, 1.5, 3.5, 7.5, 11.5, 15.5, 19.5, 23.5, 27.5, 31.5];

fn answered(mut story: Story, code: u16, times: &[f64]) -> Story {
    story.at(-0.1).node("primary").sends("INVITE");
    story.at(times[0]).phone().answers(code);
    for at in &times[1..] {
        story.at(*at).phone().repeats_answer();
    }
    story
}

#[test]
fn an_unacknowledged_refusal_is_repeated_on_the_schedule_of_timer_g() {
    let rule = "refusal-repetition";
    assert_eq!(answered(Story::new(), 486, &LADDER).verdict(rule, 60.0), Verdict::Pass);
    // Without the cap of T2.
    let doubling = [0.0, 0.5, 1.5, 3.5, 7.5, 15.5, 31.5];
    assert_eq!(answered(Story::new(), 486, &doubling).verdict(rule, 60.0), Verdict::Fail);
    // Not at all.
    assert_eq!(answered(Story::new(), 486, &LADDER[..1]).verdict(rule, 60.0), Verdict::Fail);
    // The rest may still come.
    assert_eq!(answered(Story::new(), 486, &LADDER[..3]).verdict(rule, 3.0), Verdict::Pass);
}

/// On a lossy tap the first send may be the one that is missing.
#[test]
fn a_refusal_whose_first_send_was_lost_is_not_out_of_time() {
    let seen = &LADDER[1..];
    assert_ne!(answered(Story::new().lossy(), 486, seen).verdict("refusal-repetition", 60.0), Verdict::Fail);
    assert_eq!(answered(Story::new(), 486, seen).verdict("refusal-repetition", 60.0), Verdict::Fail);
}

#[test]
fn an_acknowledgement_ends_the_repetitions() {
    let rule = "refusal-repetition";
    let mut story = answered(Story::new(), 486, &LADDER[..3]);
    story.at(2.0).node("primary").acks();
    assert_eq!(story.verdict(rule, 60.0), Verdict::Pass);
    story.at(3.5).phone().repeats_answer();
    assert_eq!(story.verdict(rule, 60.0), Verdict::Fail);
    story.sight.lossy = true;
    assert_eq!(story.verdict(rule, 60.0), Verdict::Inconclusive);
}

#[test]
fn over_tcp_a_refusal_is_sent_once() {
    let rule = "refusal-repetition";
    assert_eq!(answered(Story::new().tcp(), 486, &LADDER[..1]).verdict(rule, 60.0), Verdict::Pass);
    assert_eq!(answered(Story::new().tcp(), 486, &LADDER[..2]).verdict(rule, 60.0), Verdict::Fail);
}

#[test]
fn a_repeated_request_is_answered_out_of_turn() {
    let mut story = answered(Story::new(), 486, &LADDER[..2]);
    story.at(0.9).node("primary").repeats();
    story.at(0.91).phone().repeats_answer();
    for at in &LADDER[2..] {
        story.at(*at).phone().repeats_answer();
    }
    assert_eq!(story.verdict("refusal-repetition", 60.0), Verdict::Pass);
}

#[test]
fn an_unacknowledged_2xx_is_repeated_on_any_transport() {
    let rule = "acceptance-repetition";
    for story in [Story::new, || Story::new().tcp()] {
        assert_eq!(answered(story(), 200, &LADDER).verdict(rule, 60.0), Verdict::Pass);
        assert_eq!(answered(story(), 200, &LADDER[..1]).verdict(rule, 60.0), Verdict::Fail);
        assert_eq!(answered(story(), 200, &[0.0, 0.5, 1.0, 1.5]).verdict(rule, 60.0), Verdict::Fail);
    }
}

#[test]
fn the_end_of_the_call_ends_the_repetitions() {
    let mut story = answered(Story::new(), 200, &LADDER[..3]);
    story.at(2.0).node("primary").sends("BYE");
    assert_eq!(story.verdict("acceptance-repetition", 60.0), Verdict::Pass);
}

#[test]
fn other_requests_get_a_late_100_or_none_and_no_408() {
    let rule = "non-invite-responses";
    for (at, code, verdict) in [
        (0.1, 200, Verdict::Pass),
        (0.1, 100, Verdict::Fail),
        (3.5, 100, Verdict::Pass),
        (5.0, 180, Verdict::Fail),
        (31.0, 408, Verdict::Fail),
    ] {
        let mut story = Story::new();
        story.at(0.0).node("primary").sends("OPTIONS");
        story.at(at).phone().answers(code);
        assert_eq!(story.verdict(rule, 60.0), verdict, "{code} at {at}");
    }
    // Over TCP a 100 may come at any time.
    let mut story = Story::new().tcp();
    story.at(0.0).node("primary").sends("OPTIONS");
    story.at(0.1).phone().answers(100);
    assert_eq!(story.verdict(rule, 60.0), Verdict::Pass);
}

#[test]
fn the_phones_messages_are_well_formed() {
    let rule = "well-formed";
    for (contact, verdict) in [
        ("<sip:1001@192.0.2.1>", Verdict::Pass),
        ("<sip:1001@192.0.2.1>, <sip:1001@192.0.2.2>", Verdict::Fail),
    ] {
        let mut story = Story::new();
        story.at(0.0).phone().sends_with("INVITE", "primary", |b| b.set("Contact", contact));
        assert_eq!(story.verdict(rule, 1.0), verdict, "{contact}");
    }
    let mut story = Story::new();
    story.at(0.0).phone().sends("INVITE", "primary");
    assert_eq!(story.verdict(rule, 1.0), Verdict::Pass);
    for header in ["Max-Forwards", "CSeq", "From", "Contact"] {
        let mut story = Story::new();
        story.at(0.0).phone().sends_with("INVITE", "primary", |b| b.remove(header));
        story.at(0.5).phone().repeats("INVITE", "primary");
        assert_eq!(story.verdict(rule, 1.0), Verdict::Fail, "without {header}");
        assert_eq!(story.findings(rule, 1.0).len(), 1, "one finding for the same defect");
    }
}

#[test]
fn the_farms_defects_are_not_the_phones() {
    let mut story = Story::new();
    story.at(0.0).node("primary").sends_with("OPTIONS", |b| b.remove("CSeq").remove("From"));
    story.at(0.1).phone().sends("OPTIONS", "primary");
    assert_eq!(story.verdict("well-formed", 1.0), Verdict::Pass);
}

#[test]
fn a_response_repeats_what_identifies_the_request() {
    let mut story = Story::new();
    story.at(0.0).node("primary").sends("OPTIONS");
    story.at(0.1).phone().answers_with(200, |b| b.set("From", "<sip:1002@example.com>;tag=other"));
    assert_eq!(story.verdict("well-formed", 1.0), Verdict::Fail);
}

#[test]
fn a_phone_that_is_called_waits_for_the_ack_before_bye() {
    let rule = "bye-timing";
    let hung_up = |acknowledged: Option<f64>, at: f64| {
        let mut story = answered(Story::new(), 200, &LADDER[..2]);
        if let Some(acknowledged) = acknowledged {
            story.at(acknowledged).node("primary").acks();
        }
        story.at(at).phone().sends_with("BYE", "primary", |b| {
            let (from, to) = ("<sip:1001@example.com>;tag=phone-tag", "<sip:1002@example.com>;tag=caller");
            b.set("Call-ID", "in-0").set("From", from).set("To", to)
        });
        story
    };
    assert_eq!(hung_up(Some(0.6), 1.0).verdict(rule, 60.0), Verdict::Pass);
    assert_eq!(hung_up(None, 32.0).verdict(rule, 60.0), Verdict::Pass);
    assert_eq!(hung_up(None, 1.0).verdict(rule, 60.0), Verdict::Fail);
    assert_eq!(hung_up(Some(1.5), 1.0).verdict(rule, 60.0), Verdict::Fail);
    assert_eq!(hung_up(None, 1.0).lossy().verdict(rule, 60.0), Verdict::Inconclusive);
}

#[test]
fn a_cseq_may_be_written_in_another_way() {
    let answered = |cseq: &str| {
        let mut story = Story::new();
        story.at(0.0).node("primary").sends_with("OPTIONS", |b| b.set("CSeq", "0009  OPTIONS"));
        story.at(0.1).phone().answers_with(200, |b| b.set("CSeq", cseq));
        story.verdict("well-formed", 1.0)
    };
    assert_eq!(answered("9 OPTIONS"), Verdict::Pass);
    assert_eq!(answered("10 OPTIONS"), Verdict::Fail);
}
