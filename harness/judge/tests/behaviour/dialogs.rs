//! `cseq`, `dialog-identifiers`, `digest`.

use crate::common::{Story, credentials};
use sipfarm_core::sip::MessageBuilder;
use sipfarm_judge::Verdict;

fn talking() -> Story {
    let mut story = Story::new();
    story.at(0.0).phone().sends("INVITE", "primary");
    story.at(0.1).node("primary").answers("INVITE", 200);
    story.at(0.2).phone().acks("primary");
    story
}

fn challenged(nonce: &str) -> Story {
    let mut story = Story::new();
    story.at(0.0).phone().sends("REGISTER", "primary");
    challenge(&mut story, 0.1, nonce);
    story
}

fn challenge(story: &mut Story, at: f64, nonce: &str) {
    let challenge = format!("Digest realm=\"r\", nonce=\"{nonce}\", qop=\"auth\"");
    story.at(at).node("primary").answers_with("REGISTER", 401, |b| b.header("WWW-Authenticate", challenge));
}

fn register(story: &mut Story, at: f64, nonce: &str, nc: u32, uri: &str) {
    let value = credentials(nonce, nc, uri);
    story.at(at).phone().sends_with("REGISTER", "primary", |b| b.header("Authorization", value));
}

#[test]
fn cseq_grows_within_a_dialog() {
    let mut story = talking();
    story.at(5.0).phone().sends("BYE", "primary");
    assert_eq!(story.verdict("cseq", 6.0), Verdict::Pass);
    for number in [1, 0] {
        let mut story = talking();
        story.at(5.0).phone().sends_with("BYE", "primary", |b| b.set("CSeq", format!("{number} BYE")));
        assert_eq!(story.verdict("cseq", 6.0), Verdict::Fail);
    }
}

/// On a tap that loses packets two requests may have changed places; one number is one too many all the same.
#[test]
fn one_number_for_two_requests_is_wrong_in_any_order() {
    for (lossy, number, verdict) in [
        (true, 1, Verdict::Fail),
        (true, 0, Verdict::Fail),
        (false, 1, Verdict::Fail),
        (true, 2, Verdict::Pass),
    ] {
        let mut story = if lossy { talking().lossy() } else { talking() };
        story.at(5.0).phone().sends_with("BYE", "primary", |b| b.set("CSeq", format!("{number} BYE")));
        assert_eq!(story.verdict("cseq", 6.0), verdict, "{number} {lossy}");
    }
}

#[test]
fn a_gap_in_cseq_accuses_nobody() {
    let mut story = talking();
    story.at(5.0).phone().sends_with("BYE", "primary", |b| b.set("CSeq", "7 BYE"));
    assert_eq!(story.verdict("cseq", 6.0), Verdict::Pass);
}

#[test]
fn the_same_request_at_the_next_server_keeps_its_cseq() {
    let mut story = talking();
    story.at(5.0).phone().sends("BYE", "primary");
    story.at(5.1).node("primary").answers("BYE", 503);
    story.at(5.2).phone().sends_with("BYE", "secondary", |b| b.set("CSeq", "2 BYE"));
    assert_eq!(story.verdict("cseq", 6.0), Verdict::Pass);
}

#[test]
fn forked_dialogs_count_for_themselves() {
    let mut story = talking();
    story
        .at(0.3)
        .node("primary")
        .answers_with("INVITE", 200, |b| b.set("To", "<sip:1002@example.com>;tag=fork"));
    story.at(0.4).phone().acks("primary");
    story.at(5.0).phone().sends_with("BYE", "primary", |b| b.set("CSeq", "2 BYE"));
    story.at(5.1).phone().sends_with("BYE", "primary", |b| {
        b.set("CSeq", "2 BYE").set("To", "<sip:1002@example.com>;tag=fork")
    });
    assert_eq!(story.verdict("cseq", 6.0), Verdict::Pass);
    assert_eq!(story.verdict("dialog-identifiers", 6.0), Verdict::Pass);
}

#[test]
fn an_answer_to_a_challenge_has_a_greater_cseq() {
    for (cseq, verdict) in [("2 INVITE", Verdict::Pass), ("1 INVITE", Verdict::Fail)] {
        let mut story = Story::new();
        story.at(0.0).phone().sends("INVITE", "primary");
        story.at(0.1).node("primary").answers("INVITE", 401);
        story
            .at(0.2)
            .phone()
            .sends_with("INVITE", "primary", |b| b.set("CSeq", cseq).header("Authorization", "Digest"));
        assert_eq!(story.verdict("cseq", 1.0), verdict);
    }
}

#[test]
fn a_challenge_of_the_far_end_is_not_answered_in_the_field_for_proxies() {
    let story = |fields: &[&str]| {
        let mut story = Story::new();
        story.at(0.0).phone().sends("REGISTER", "primary");
        challenge(&mut story, 0.1, "n1");
        let value = credentials("n1", 1, "sip:example.com");
        story.at(0.2).phone().sends_with("REGISTER", "primary", |b| {
            fields.iter().fold(b, |b, field| b.header(field, value.clone()))
        });
        story.verdict("digest", 1.0)
    };
    assert_eq!(story(&["Authorization"]), Verdict::Pass);
    assert_eq!(story(&["Proxy-Authorization"]), Verdict::Fail);
    // Who says both has said it.
    assert_eq!(story(&["Authorization", "Proxy-Authorization"]), Verdict::Pass);
}

#[test]
fn in_dialog_requests_keep_the_tags() {
    let rule = "dialog-identifiers";
    let mut story = talking();
    story.at(5.0).phone().sends("BYE", "primary");
    assert_eq!(story.verdict(rule, 6.0), Verdict::Pass);

    let mut story = talking();
    story.at(5.0).phone().sends_with("BYE", "primary", |b| b.set("To", "<sip:1002@example.com>;tag=other"));
    assert_eq!(story.verdict(rule, 6.0), Verdict::Fail);

    let mut story = talking();
    story.at(5.0).phone().sends_with("BYE", "primary", |b| b.set("To", "<sip:1002@example.com>"));
    assert_eq!(story.verdict(rule, 6.0), Verdict::Fail);

    let mut story = talking();
    story.at(5.0).phone().sends_with("BYE", "primary", |b| b.set("From", "<sip:1001@example.com>;tag=other"));
    assert_eq!(story.verdict(rule, 6.0), Verdict::Fail);
}

#[test]
fn the_ack_to_a_2xx_keeps_the_tags() {
    let mut story = Story::new();
    story.at(0.0).phone().sends("INVITE", "primary");
    story.at(0.1).node("primary").answers("INVITE", 200);
    story
        .at(0.2)
        .phone()
        .acks_with("primary", "primary", |b| b.set("To", "<sip:1002@example.com>;tag=other"));
    assert_eq!(story.verdict("dialog-identifiers", 6.0), Verdict::Fail);
}

#[test]
fn a_dialog_from_before_the_capture_is_not_known() {
    let mut story = Story::new();
    story.memory.remote_tag = Some("before".to_owned());
    story.at(5.0).phone().sends("BYE", "primary");
    assert_eq!(story.verdict("dialog-identifiers", 6.0), Verdict::NotExercised);
}

#[test]
fn the_phone_keeps_its_own_tag_in_responses() {
    let rule = "dialog-identifiers";
    let mut story = Story::new();
    story.at(0.0).node("primary").sends("INVITE");
    story.at(0.1).phone().answers(180);
    story.at(2.0).phone().answers(200);
    assert_eq!(story.verdict(rule, 3.0), Verdict::Pass);
    let mut story = Story::new();
    story.at(0.0).node("primary").sends("INVITE");
    story.at(0.1).phone().answers(180);
    story.at(2.0).phone().answers_with(200, |b| b.set("To", "<sip:1001@example.com>;tag=other"));
    assert_eq!(story.verdict(rule, 3.0), Verdict::Fail);
}

#[test]
fn the_nonce_count_grows() {
    let mut story = challenged("n");
    register(&mut story, 0.2, "n", 1, "sip:example.com");
    story.at(0.3).node("primary").answers("REGISTER", 200);
    register(&mut story, 40.0, "n", 2, "sip:example.com");
    assert_eq!(story.verdict("digest", 50.0), Verdict::Pass);

    let mut story = challenged("n");
    register(&mut story, 0.2, "n", 1, "sip:example.com");
    story.at(0.3).node("primary").answers("REGISTER", 200);
    register(&mut story, 40.0, "n", 1, "sip:example.com");
    assert_eq!(story.verdict("digest", 50.0), Verdict::Fail);
}

#[test]
fn a_fast_phone_counts_its_nonce_on_all_the_same() {
    let mut story = challenged("n").latency(0.005);
    register(&mut story, 0.200, "n", 1, "sip:example.com");
    story.at(0.201).node("primary").answers("REGISTER", 423);
    register(&mut story, 0.202, "n", 1, "sip:example.com");
    assert_eq!(story.verdict("digest", 50.0), Verdict::Fail);
}

#[test]
fn the_nonce_count_starts_at_one_where_all_is_seen() {
    let mut story = challenged("n");
    register(&mut story, 0.2, "n", 2, "sip:example.com");
    assert_eq!(story.verdict("digest", 50.0), Verdict::Fail);
    story.sight.lossy = true;
    assert_eq!(story.verdict("digest", 50.0), Verdict::Pass);
}

#[test]
fn a_repetition_repeats_its_nonce_count() {
    let mut story = challenged("n");
    register(&mut story, 0.2, "n", 1, "sip:example.com");
    story.at(0.7).phone().repeats("REGISTER", "primary");
    assert_eq!(story.verdict("digest", 1.0), Verdict::Pass);
}

#[test]
fn the_digest_uri_is_the_request_uri() {
    let mut story = challenged("n");
    register(&mut story, 0.2, "n", 1, "sip:other.example.com");
    assert_eq!(story.verdict("digest", 50.0), Verdict::Fail);
}

#[test]
fn a_challenge_is_answered_with_its_own_nonce() {
    let mut story = challenged("new");
    register(&mut story, 0.2, "old", 1, "sip:example.com");
    assert_eq!(story.verdict("digest", 50.0), Verdict::Fail);
}

#[test]
fn refused_credentials_are_not_tried_again() {
    let mut story = challenged("n1");
    register(&mut story, 0.2, "n1", 1, "sip:example.com");
    challenge(&mut story, 0.3, "n2");
    assert_eq!(story.verdict("digest", 50.0), Verdict::Pass);
    register(&mut story, 0.4, "n2", 1, "sip:example.com");
    assert_eq!(story.verdict("digest", 50.0), Verdict::Fail);

    // A stale nonce refuses nobody.
    let mut story = challenged("n1");
    register(&mut story, 0.2, "n1", 1, "sip:example.com");
    story.at(0.3).node("primary").answers_with("REGISTER", 401, |b| {
        b.header("WWW-Authenticate", "Digest realm=\"r\", nonce=\"n2\", qop=\"auth\", stale=true")
    });
    register(&mut story, 0.4, "n2", 1, "sip:example.com");
    assert_eq!(story.verdict("digest", 50.0), Verdict::Pass);
}

/// A proxy challenges an INVITE and the far end the next; the third try answers both, with these nonces.
fn challenged_twice(proxy: (&str, u32), far_end: (&str, u32)) -> Verdict {
    let uri = "sip:1002@example.com";
    let ask = |nonce: &str| format!("Digest realm=\"r\", nonce=\"{nonce}\", qop=\"auth\"");
    let mut story = Story::new();
    story.at(0.0).phone().sends("INVITE", "primary");
    story.at(0.1).node("primary").answers_with("INVITE", 407, |b| b.header("Proxy-Authenticate", ask("np")));
    story.at(0.1).phone().acks("primary");
    story.at(0.2).phone().sends_with("INVITE", "primary", |b| {
        b.set("CSeq", "2 INVITE").header("Proxy-Authorization", credentials("np", 1, uri))
    });
    story.at(0.3).node("primary").answers_with("INVITE", 401, |b| b.header("WWW-Authenticate", ask("nw")));
    story.at(0.3).phone().acks("primary");
    story.at(0.4).phone().sends_with("INVITE", "primary", |b| {
        b.set("CSeq", "3 INVITE")
            .header("Proxy-Authorization", credentials(proxy.0, proxy.1, uri))
            .header("Authorization", credentials(far_end.0, far_end.1, uri))
    });
    story.verdict("digest", 10.0)
}

#[test]
fn a_proxy_and_the_far_end_may_both_challenge() {
    assert_eq!(challenged_twice(("np", 2), ("nw", 1)), Verdict::Pass);
    assert_eq!(challenged_twice(("np", 1), ("nw", 1)), Verdict::Fail, "the proxy's count stands still");
    assert_eq!(challenged_twice(("np", 2), ("np", 3)), Verdict::Fail, "the far end's nonce is another");
}

#[test]
fn each_user_counts_its_own_uses_of_a_nonce() {
    let second = |user: &str| {
        let mut story = challenged("n");
        register(&mut story, 0.2, "n", 1, "sip:example.com");
        story.at(0.3).node("primary").answers("REGISTER", 200);
        let line = |b: MessageBuilder| {
            b.set("From", "<sip:1009@example.com>;tag=l2")
                .set("To", "<sip:1009@example.com>")
                .set("Call-ID", "l2")
        };
        story.at(0.4).phone().sends_with("REGISTER", "primary", line);
        challenge(&mut story, 0.5, "n");
        let value = credentials("n", 1, "sip:example.com").replace("1001", user);
        story.at(0.6).phone().sends_with("REGISTER", "primary", |b| line(b).header("Authorization", value));
        story.verdict("digest", 10.0)
    };
    assert_eq!(second("1009"), Verdict::Pass);
    assert_eq!(second("1001"), Verdict::Fail);
}
