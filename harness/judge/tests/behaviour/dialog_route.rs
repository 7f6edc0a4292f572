//! `dialog-route`.

use crate::common::Story;
use sipfarm_core::sip::MessageBuilder;
use sipfarm_judge::Verdict;

const RULE: &str = "dialog-route";
/// Two proxies have recorded themselves: the one next to the phone first in what reaches the far end
/// last, so that the caller meets them in reverse.
const RECORDED: [&str; 2] = ["<sip:10.0.1.9;lr>", "<sip:10.0.1.1;lr>"];

fn record(builder: MessageBuilder) -> MessageBuilder {
    RECORDED.iter().fold(builder, |builder, route| builder.header("Record-Route", route))
}

fn route(builder: MessageBuilder, routes: &[&str]) -> MessageBuilder {
    routes.iter().fold(builder, |builder, route| builder.header("Route", route))
}

/// A call that the phone has dialled, accepted by a 2xx with these changes.
fn accepted(change: impl FnOnce(MessageBuilder) -> MessageBuilder) -> Story {
    let mut story = Story::new();
    story.at(0.0).phone().sends("INVITE", "primary");
    story.at(1.0).node("primary").answers_with("INVITE", 200, change);
    story
}

#[test]
fn who_calls_goes_to_the_contact_along_the_reversed_record_route() {
    let right = [RECORDED[1], RECORDED[0]];
    for (routes, verdict) in [
        (&right[..], Verdict::Pass),
        (&["<sip:10.0.1.1;lr>, <sip:10.0.1.9;lr>"], Verdict::Pass),
        (&RECORDED, Verdict::Fail),
        (&right[..1], Verdict::Fail),
        (&[], Verdict::Fail),
        (&[right[0], right[1], "<sip:10.0.1.8;lr>"], Verdict::Fail),
    ] {
        let mut story = accepted(record);
        story.at(1.1).phone().acks_with("primary", "primary", |b| route(b, routes));
        assert_eq!(story.verdict(RULE, 2.0), verdict, "ACK along {routes:?}");
        let mut story = accepted(record);
        story.at(1.1).phone().acks_with("primary", "primary", |b| route(b, &right));
        story.at(5.0).phone().sends_with("BYE", "primary", |b| route(b, routes));
        assert_eq!(story.verdict(RULE, 6.0), verdict, "BYE along {routes:?}");
        // No lost packet changes a route set.
        assert_eq!(story.lossy().verdict(RULE, 6.0), verdict, "BYE along {routes:?}");
    }
}

#[test]
fn without_record_route_there_is_no_route() {
    let mut story = accepted(|b| b);
    story.at(1.1).phone().acks("primary");
    assert_eq!(story.verdict(RULE, 2.0), Verdict::Pass);
    story.at(5.0).phone().sends_with("BYE", "primary", |b| route(b, &["<sip:10.0.1.1;lr>"]));
    assert_eq!(story.verdict(RULE, 6.0), Verdict::Fail);
}

#[test]
fn a_request_uri_other_than_the_contact_is_told_once() {
    let aor = "sip:1002@example.com";
    let mut story = accepted(|b| b);
    story.at(1.1).phone().acks_with("primary", "primary", |b| b.set_uri(aor));
    story.at(5.0).phone().sends_with("BYE", "primary", |b| b.set_uri(aor));
    let findings = story.findings(RULE, 6.0);
    assert_eq!((findings.len(), findings[0].verdict, &findings[0].packets[..]), (1, Verdict::Fail, &[3][..]));
    assert_eq!(findings[0].expected, "ACK to sip:1002@10.0.1.1:5060, no Route");
    // The 2xx that an ACK answers has come, whatever else is lost.
    assert_eq!(story.clone().lossy().verdict(RULE, 6.0), Verdict::Fail);
    assert_eq!(story.foreign().verdict(RULE, 6.0), Verdict::Fail);
}

#[test]
fn the_same_uri_may_be_written_in_another_way() {
    let contact = "<sip:1002@Gate.example.com;transport=UDP?subject=x>";
    for (uri, verdict) in [
        ("sip:%31002@gate.EXAMPLE.com;transport=udp", Verdict::Pass),
        ("sip:1002@gate.example.com", Verdict::Fail),
        ("sip:1002@gate.example.com:5060;transport=udp", Verdict::Fail),
    ] {
        let mut story = accepted(|b| b.set("Contact", contact));
        story.at(1.1).phone().acks_with("primary", "primary", |b| b.set_uri(uri));
        assert_eq!(story.verdict(RULE, 2.0), verdict, "{uri}");
    }
}

#[test]
fn a_strict_router_takes_the_place_of_the_request_uri() {
    let strict = "<sip:10.0.1.1>";
    let story = || accepted(|b| b.header("Record-Route", "<sip:10.0.1.9;lr>").header("Record-Route", strict));
    let rest = ["<sip:10.0.1.9;lr>", "<sip:1002@10.0.1.1:5060>"];
    let mut kept = story();
    kept.at(1.1).phone().acks_with("primary", "primary", |b| route(b.set_uri("sip:10.0.1.1"), &rest));
    assert_eq!(kept.verdict(RULE, 2.0), Verdict::Pass);
    let mut broken = story();
    broken.at(1.1).phone().acks_with("primary", "primary", |b| route(b, &[strict, rest[0]]));
    assert_eq!(broken.verdict(RULE, 2.0), Verdict::Fail);
}

#[test]
fn the_2xx_makes_the_way_anew() {
    let mut early = Story::new();
    early.at(0.0).phone().sends("INVITE", "primary");
    early.at(0.5).node("primary").answers_with("INVITE", 180, |b| b.set("Contact", "<sip:early@10.0.1.7>"));
    let tag = |b: MessageBuilder| b.set("To", "<sip:1002@example.com>;tag=primary-tag");
    early.at(1.0).node("primary").answers_with("INVITE", 200, |b| record(tag(b)));
    let mut kept = early.clone();
    kept.at(1.1).phone().acks_with("primary", "primary", |b| route(b, &[RECORDED[1], RECORDED[0]]));
    assert_eq!(kept.verdict(RULE, 2.0), Verdict::Pass);
    early.at(1.1).phone().acks_with("primary", "primary", |b| b.set_uri("sip:early@10.0.1.7"));
    assert_eq!(early.verdict(RULE, 2.0), Verdict::Fail);
}

#[test]
fn who_is_called_goes_along_record_route_as_it_stands() {
    for (routes, verdict) in
        [(&RECORDED[..], Verdict::Pass), (&[RECORDED[1], RECORDED[0]], Verdict::Fail), (&[], Verdict::Fail)]
    {
        let mut story = Story::new();
        story.at(0.0).node("primary").sends_with("INVITE", record);
        story.at(1.0).phone().answers_with(200, record);
        story.at(1.1).node("primary").acks();
        story.at(5.0).phone().sends_with("BYE", "primary", |b| {
            let (from, to) = ("<sip:1001@example.com>;tag=phone-tag", "<sip:1002@10.0.1.1:5060>;tag=caller");
            let ids = b.set("Call-ID", "in-0").set("From", from).set("To", to);
            route(ids.set_uri("sip:1002@10.0.1.1:5060"), routes)
        });
        assert_eq!(story.verdict(RULE, 6.0), verdict, "{routes:?}");
    }
}

/// A call in which the other side moves to another Contact by a re-INVITE at 3 s, which the phone
/// accepts at 3.1 s.
fn moved() -> Story {
    let mut story = accepted(|b| b);
    story.at(1.1).phone().acks("primary");
    story.at(3.0).node("primary").sends_with("INVITE", |b| {
        b.set("Call-ID", "call-0")
            .set("From", "<sip:1002@example.com>;tag=primary-tag")
            .set("To", "<sip:1001@example.com>;tag=from-call-0")
            .set("Contact", "<sip:1002@10.0.1.77>")
    });
    story.at(3.1).phone().answers(200);
    story
}

#[test]
fn the_remote_target_moves_with_the_other_side() {
    let (old, new) = ("sip:1002@10.0.1.1:5060", "sip:1002@10.0.1.77");
    for (at, uri, verdict) in [
        (5.0, new, Verdict::Pass),
        (5.0, old, Verdict::Fail),
        // Both are right while the phone is at it.
        (3.05, old, Verdict::Pass),
        (3.05, new, Verdict::Pass),
        (2.0, new, Verdict::Fail),
    ] {
        let mut story = moved();
        story.at(at).phone().sends_with("BYE", "primary", |b| b.set_uri(uri));
        assert_eq!(story.verdict(RULE, 6.0), verdict, "BYE at {at} to {uri}");
    }
    // A re-INVITE that was lost would explain a target that nobody is seen to have given.
    let mut story = moved().lossy();
    story.at(5.0).phone().sends_with("BYE", "primary", |b| b.set_uri("sip:1002@10.0.1.99"));
    assert_eq!(story.verdict(RULE, 6.0), Verdict::Inconclusive);
}

#[test]
fn what_packets_cannot_decide_accuses_nobody() {
    let nowhere = "sip:1002@10.0.1.99";
    // A Contact that cannot be read.
    let mut story = accepted(|b| b.set("Contact", "<sip:1002@"));
    story.at(1.1).phone().acks_with("primary", "primary", |b| b.set_uri(nowhere));
    assert_eq!(story.verdict(RULE, 2.0), Verdict::NotExercised);
    // A redirection within the dialog.
    let mut story = accepted(|b| b);
    story.at(1.1).phone().acks("primary");
    story.at(5.0).phone().sends("BYE", "primary");
    story.at(5.1).node("primary").answers("BYE", 302);
    story.at(5.2).phone().sends_with("BYE", "primary", |b| b.set_uri(nowhere));
    assert_eq!(story.verdict(RULE, 6.0), Verdict::Pass);
    // A dialog from before the capture.
    let mut story = Story::new();
    story.memory.remote_tag = Some("before".to_owned());
    story.at(5.0).phone().sends_with("BYE", "primary", |b| b.set_uri(nowhere));
    assert_eq!(story.verdict(RULE, 6.0), Verdict::NotExercised);
}

#[test]
fn a_reliable_provisional_response_may_move_the_target() {
    let (old, new) = ("sip:1002@10.0.1.1:5060", "sip:1002@10.0.1.4:5070");
    let asks = |reliable: bool, uri: &str| {
        let mut story = accepted(|b| b);
        story.at(1.1).phone().acks("primary");
        story.at(3.0).phone().sends("INVITE", "primary");
        story.at(3.1).node("primary").answers_with("INVITE", 183, |b| {
            let b = b.set("Contact", format!("<{new}>"));
            if reliable { b.header("Require", "100rel").header("RSeq", 1) } else { b }
        });
        story.at(3.2).phone().sends_with("PRACK", "primary", |b| b.set_uri(uri).header("RAck", "1 2 INVITE"));
        story.verdict(RULE, 20.0)
    };
    assert_eq!(asks(true, new), Verdict::Pass, "RFC 6141 section 4.7");
    assert_eq!(asks(true, old), Verdict::Pass, "a phone that knows RFC 3261 only");
    assert_eq!(asks(true, "sip:1002@10.0.1.99"), Verdict::Fail);
    assert_eq!(asks(false, new), Verdict::Fail);
}
