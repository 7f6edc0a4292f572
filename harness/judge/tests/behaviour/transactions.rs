//! `branch`, `ack-refusal`, `ack-transaction`, `ack-acceptance`, `cancel-timing`, `cancel-transaction`.

use crate::common::Story;
use sipfarm_judge::Verdict;

fn refused() -> Story {
    let mut story = Story::new();
    story.at(0.0).phone().sends("INVITE", "primary");
    story.at(0.1).node("primary").answers("INVITE", 503);
    story
}

fn ringing() -> Story {
    let mut story = Story::new();
    story.at(0.0).phone().sends("INVITE", "primary");
    story.at(0.1).node("primary").answers("INVITE", 180);
    story
}

fn accepted() -> Story {
    let mut story = Story::new();
    story.at(0.0).phone().sends("INVITE", "primary");
    story.at(0.1).node("primary").answers("INVITE", 200);
    story
}

#[test]
fn the_next_server_gets_a_new_branch() {
    let mut story = refused();
    story.at(0.12).phone().acks("primary");
    story.at(0.2).phone().sends("INVITE", "secondary");
    assert_eq!(story.verdict("branch", 1.0), Verdict::Pass);

    let mut story = refused();
    let via = story.via("INVITE", "primary");
    story.at(0.12).phone().acks("primary");
    story.at(0.2).phone().sends_with("INVITE", "secondary", |b| b.set("Via", via));
    assert_eq!(story.verdict("branch", 1.0), Verdict::Fail);
    assert!(story.findings("branch", 1.0)[0].seen.contains("at another server"));
}

#[test]
fn the_answer_to_a_challenge_gets_a_new_branch() {
    let mut story = Story::new();
    story.at(0.0).phone().sends("REGISTER", "primary");
    story.at(0.1).node("primary").answers("REGISTER", 401);
    let via = story.via("REGISTER", "primary");
    story
        .at(0.2)
        .phone()
        .sends_with("REGISTER", "primary", |b| b.set("Via", via).header("Authorization", "Digest"));
    assert_eq!(story.verdict("branch", 1.0), Verdict::Fail);
}

#[test]
fn a_branch_needs_the_cookie() {
    let mut story = Story::new();
    story
        .at(0.0)
        .phone()
        .sends_with("INVITE", "primary", |b| b.set("Via", "SIP/2.0/UDP 10.0.0.5:5060;branch=1"));
    assert_eq!(story.verdict("branch", 1.0), Verdict::Fail);
}

#[test]
fn a_repetition_keeps_its_branch() {
    let mut story = Story::new();
    story.at(0.0).phone().sends("INVITE", "primary");
    story
        .at(0.5)
        .phone()
        .repeats_with("INVITE", "primary", |b| b.set("Via", "SIP/2.0/UDP 10.0.0.5:5060;branch=z9hG4bKother"));
    assert_eq!(story.verdict("branch", 1.0), Verdict::Fail);
}

#[test]
fn cancel_and_the_ack_to_a_refusal_share_the_branch_but_the_ack_to_a_2xx_does_not() {
    let mut story = ringing();
    story.at(0.3).phone().cancels("primary");
    story.at(0.4).node("primary").answers("INVITE", 487);
    story.at(0.5).phone().acks("primary");
    assert_eq!(story.verdict("branch", 1.0), Verdict::Pass);

    let mut story = accepted();
    let via = story.via("INVITE", "primary");
    story.at(0.2).phone().acks_with("primary", "primary", |b| b.set("Via", via));
    assert_eq!(story.verdict("branch", 1.0), Verdict::Fail);
}

#[test]
fn a_refusal_is_acknowledged() {
    let mut story = refused();
    story.at(0.12).phone().acks("primary");
    assert_eq!(story.verdict("ack-refusal", 10.0), Verdict::Pass);
    assert_eq!(refused().verdict("ack-refusal", 10.0), Verdict::Fail);
    // Nothing is missing while it may still come.
    assert_eq!(refused().verdict("ack-refusal", 1.0), Verdict::NotExercised);
}

#[test]
fn a_phone_that_goes_on_at_once_owes_the_ack_all_the_same() {
    let mut story = refused();
    story.at(0.101).phone().sends("INVITE", "secondary");
    assert_eq!(story.verdict("ack-refusal", 10.0), Verdict::Fail);
}

#[test]
fn each_repetition_of_a_refusal_is_acknowledged_while_timer_d_runs() {
    let mut story = refused();
    story.at(0.12).phone().acks("primary");
    story.at(0.6).node("primary").repeats_answer();
    assert_eq!(story.verdict("ack-refusal", 10.0), Verdict::Fail);
    story.at(0.62).phone().acks("primary");
    assert_eq!(story.verdict("ack-refusal", 10.0), Verdict::Pass);
    // 32 s later the transaction is gone.
    story.at(33.0).node("primary").repeats_answer();
    assert_eq!(story.verdict("ack-refusal", 60.0), Verdict::Pass);
}

#[test]
fn a_refusal_that_comes_after_the_phone_left_needs_no_ack() {
    let mut story = Story::with_retry_count(1);
    story.at(0.0).phone().sends("INVITE", "primary");
    story.at(0.5).phone().sends("INVITE", "secondary");
    story.at(5.0).node("primary").answers("INVITE", 503);
    assert_eq!(story.verdict("ack-refusal", 60.0), Verdict::NotExercised);
    // After timer B, too.
    let mut story = Story::new();
    story.at(0.0).phone().sends("INVITE", "primary");
    story.at(32.5).node("primary").answers("INVITE", 503);
    assert_eq!(story.verdict("ack-refusal", 60.0), Verdict::NotExercised);
}

#[test]
fn on_a_lossy_tap_a_missing_ack_proves_nothing() {
    let story = refused().lossy();
    assert_eq!(story.verdict("ack-refusal", 10.0), Verdict::Inconclusive);
    let story = accepted().lossy();
    assert_eq!(story.verdict("ack-acceptance", 10.0), Verdict::Inconclusive);
}

#[test]
fn the_ack_to_a_refusal_belongs_to_the_transaction() {
    let rule = "ack-transaction";
    let mut story = refused();
    story.at(0.12).phone().acks("primary");
    assert_eq!(story.verdict(rule, 1.0), Verdict::Pass);

    let mut story = refused();
    story.at(0.12).phone().acks_with("primary", "secondary", |b| b);
    assert_eq!(story.verdict(rule, 1.0), Verdict::Fail);

    let mut story = refused();
    story
        .at(0.12)
        .phone()
        .acks_with("primary", "primary", |b| b.set("Via", "SIP/2.0/UDP 10.0.0.5:5060;branch=z9hG4bKother"));
    assert_eq!(story.verdict(rule, 1.0), Verdict::Fail);

    let mut story = refused();
    story.at(0.12).phone().acks_with("primary", "primary", |b| b.set("CSeq", "2 ACK"));
    assert_eq!(story.verdict(rule, 1.0), Verdict::Fail);

    let mut story = refused();
    story.at(0.12).phone().acks_with("primary", "primary", |b| b.set("To", "<sip:1002@example.com>"));
    assert_eq!(story.verdict(rule, 1.0), Verdict::Fail);
}

#[test]
fn an_ack_before_any_final_response_fails() {
    let mut story = Story::new();
    story.at(0.0).phone().sends("INVITE", "primary");
    story.at(0.3).node("primary").answers("INVITE", 486);
    story.at(0.2).phone().acks("primary");
    assert_eq!(story.verdict("ack-transaction", 1.0), Verdict::Fail);
}

#[test]
fn a_2xx_is_acknowledged_each_time() {
    let rule = "ack-acceptance";
    assert_eq!(accepted().verdict(rule, 10.0), Verdict::Fail);
    let mut story = accepted();
    story.at(0.2).phone().acks("primary");
    assert_eq!(story.verdict(rule, 10.0), Verdict::Pass);
    story.at(0.6).node("primary").repeats_answer();
    assert_eq!(story.verdict(rule, 10.0), Verdict::Fail);
    story.at(0.7).phone().acks("primary");
    assert_eq!(story.verdict(rule, 10.0), Verdict::Pass);
}

#[test]
fn cancel_waits_for_a_provisional_response() {
    let rule = "cancel-timing";
    let mut story = ringing();
    story.at(0.3).phone().cancels("primary");
    assert_eq!(story.verdict(rule, 1.0), Verdict::Pass);

    let mut story = Story::new();
    story.at(0.0).phone().sends("INVITE", "primary");
    story.at(0.3).phone().cancels("primary");
    assert_eq!(story.verdict(rule, 1.0), Verdict::Fail);
    // The response may have passed behind the tap.
    story.sight.lossy = true;
    assert_eq!(story.verdict(rule, 1.0), Verdict::Inconclusive);
}

#[test]
fn cancel_after_a_final_response_is_poor_unless_they_crossed() {
    let rule = "cancel-timing";
    let mut story = ringing();
    story.at(0.3).node("primary").answers("INVITE", 486);
    story.at(0.35).phone().cancels("primary");
    assert_eq!(story.verdict(rule, 1.0), Verdict::Pass);
    let mut story = ringing();
    story.at(0.3).node("primary").answers("INVITE", 486);
    story.at(0.9).phone().cancels("primary");
    assert_eq!(story.verdict(rule, 1.0), Verdict::Warn);
}

#[test]
fn cancel_is_as_its_invite() {
    let rule = "cancel-transaction";
    let mut story = ringing();
    story.at(0.3).phone().cancels("primary");
    assert_eq!(story.verdict(rule, 1.0), Verdict::Pass);

    let mut story = ringing();
    story.at(0.3).phone().cancels_with("INVITE", "primary", "secondary", |b| b);
    assert_eq!(story.verdict(rule, 1.0), Verdict::Fail);

    let mut story = ringing();
    story.at(0.3).phone().cancels_with("INVITE", "primary", "primary", |b| b.set("CSeq", "2 CANCEL"));
    assert_eq!(story.verdict(rule, 1.0), Verdict::Fail);

    let mut story = ringing();
    story.at(0.3).phone().cancels_with("INVITE", "primary", "primary", |b| {
        b.set("Via", "SIP/2.0/UDP 10.0.0.5:5060;branch=z9hG4bKother")
    });
    assert_eq!(story.verdict(rule, 1.0), Verdict::Fail);
}

#[test]
fn only_an_invite_is_cancelled() {
    let mut story = Story::new();
    story.at(0.0).phone().sends("REGISTER", "primary");
    story.at(0.3).phone().cancels_with("REGISTER", "primary", "primary", |b| b);
    assert_eq!(story.verdict("cancel-transaction", 1.0), Verdict::Fail);
}
