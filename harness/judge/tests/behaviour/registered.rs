//! `registers-before-invite`, `signals-with-registered`, and what they leave to `server-order`.
use crate::common::Story;
use sipfarm_core::profile::{FailbackMode, KeepaliveForm, RegistrationMethod};
use sipfarm_judge::Verdict;

const BEFORE: &str = "registers-before-invite";
const ONLY: &str = "signals-with-registered";

/// A phone that registers with the next server before a call goes there.
fn registers_first() -> Story {
    let mut story = Story::new();
    story.profile.failover.register_before_invite = true;
    story
}

/// A phone that signals with nobody but the server that it is registered with.
fn signals_with_one() -> Story {
    let mut story = registers_first();
    story.profile.failover.only_signal_with_registered = true;
    story.profile.failback.mode = FailbackMode::Registration;
    story
}

/// REGISTER and that answer, a tenth of a second later.
fn registers(story: &mut Story, at: f64, node: &str, code: u16, expires_s: u32) {
    story.at(at).phone().sends_with("REGISTER", node, |builder| builder.set("Expires", expires_s));
    story.at(at + 0.1).node(node).answers("REGISTER", code);
}

/// INVITE and 503.
fn refused(story: &mut Story, at: f64, node: &str) {
    story.at(at).phone().sends("INVITE", node);
    story.at(at + 0.1).node(node).answers("INVITE", 503);
    story.at(at + 0.1).phone().acks(node);
}

#[test]
fn a_call_that_goes_on_without_a_registration_fails() {
    let mut story = registers_first();
    registers(&mut story, 0.0, "primary", 200, 3600);
    refused(&mut story, 1.0, "primary");
    story.at(1.2).phone().sends("INVITE", "secondary");
    assert_eq!(story.verdict(BEFORE, 10.0), Verdict::Fail);
    story.sight.lossy = true;
    assert_eq!(story.verdict(BEFORE, 10.0), Verdict::Inconclusive);
    story.sight.lossy = false;
    story.profile.failover.register_before_invite = false;
    assert_eq!(story.verdict(BEFORE, 10.0), Verdict::NotExercised);
}

#[test]
fn a_registration_that_was_granted_before_the_call_goes_there_passes() {
    let verdict = |code, expires_s, invite: f64| {
        let mut story = registers_first();
        registers(&mut story, 1.2, "secondary", code, expires_s);
        refused(&mut story, invite - 1.0, "primary");
        story.at(invite).phone().sends("INVITE", "secondary");
        story.verdict(BEFORE, invite + 10.0)
    };
    assert_eq!(verdict(200, 3600, 2.0), Verdict::Pass);
    assert_eq!(verdict(403, 3600, 2.0), Verdict::Fail);
    assert_eq!(verdict(200, 60, 61.0), Verdict::Pass, "it stands until 61.3");
    assert_eq!(verdict(200, 60, 62.0), Verdict::Fail);
}

#[test]
fn the_first_server_of_a_call_needs_no_registration() {
    let mut story = registers_first();
    story.at(0.0).phone().sends("INVITE", "primary");
    story.at(0.1).node("primary").answers("INVITE", 200);
    assert_eq!(story.verdict(BEFORE, 10.0), Verdict::NotExercised);
}

/// The phone may not go where it could not register.
#[test]
fn a_server_that_refuses_the_registration_may_be_passed_over() {
    let verdict = |registers_first| {
        let mut story = Story::new();
        story.profile.failover.register_before_invite = registers_first;
        story.profile.registration.method = RegistrationMethod::Concurrent;
        registers(&mut story, 0.0, "fallback", 200, 3600);
        refused(&mut story, 1.0, "primary");
        registers(&mut story, 1.2, "secondary", 403, 3600);
        story.at(1.4).phone().sends("INVITE", "fallback");
        [story.verdict("server-order", 10.0), story.verdict(BEFORE, 10.0)]
    };
    assert_eq!(verdict(true), [Verdict::Pass; 2]);
    assert_eq!(verdict(false), [Verdict::Fail, Verdict::NotExercised]);
}

/// It is the call that goes on, not a registration that was refused.
#[test]
fn a_registration_for_the_next_server_may_follow_one_that_was_refused() {
    let verdict = |registers_first| {
        let mut story = Story::new();
        story.profile.failover.register_before_invite = registers_first;
        registers(&mut story, 0.0, "primary", 200, 3600);
        refused(&mut story, 1.0, "primary");
        registers(&mut story, 1.2, "secondary", 403, 3600);
        registers(&mut story, 1.4, "fallback", 200, 3600);
        story.at(1.6).phone().sends("INVITE", "fallback");
        ["failover-cause", "server-order"].map(|rule| story.verdict(rule, 10.0))
    };
    assert_eq!(verdict(true), [Verdict::Pass; 2]);
    assert_eq!(verdict(false), [Verdict::Fail; 2]);
}

#[test]
fn requests_to_a_server_without_a_registration_fail() {
    for method in ["INVITE", "SUBSCRIBE", "OPTIONS"] {
        let mut story = signals_with_one();
        story.at(1.0).phone().sends(method, "primary");
        assert_eq!(story.verdict(ONLY, 10.0), Verdict::Fail, "{method}");
        story.sight.lossy = true;
        assert_eq!(story.verdict(ONLY, 10.0), Verdict::Inconclusive, "{method}");
        story.sight.lossy = false;
        registers(&mut story, 0.0, "primary", 200, 3600);
        assert_eq!(story.verdict(ONLY, 10.0), Verdict::Pass, "{method}");
        story.profile.failover.only_signal_with_registered = false;
        assert_eq!(story.verdict(ONLY, 10.0), Verdict::NotExercised, "{method}");
    }
}

/// REGISTER changes where the phone is registered; ACK and CANCEL belong to what is under way.
#[test]
fn what_belongs_to_a_request_under_way_may_go_anywhere() {
    let mut story = signals_with_one();
    registers(&mut story, 0.0, "primary", 200, 3600);
    story.at(1.0).phone().sends("INVITE", "primary");
    story.at(1.1).node("primary").answers("INVITE", 180);
    registers(&mut story, 2.0, "secondary", 200, 3600);
    story.at(5.0).phone().cancels("primary");
    story.at(5.1).node("primary").answers("INVITE", 487);
    story.at(5.2).phone().acks("primary");
    assert_eq!(story.verdict(ONLY, 10.0), Verdict::Pass);
}

#[test]
fn a_call_whose_server_is_not_the_registered_one_any_more_ends_without_bye() {
    let verdict = |moves_at: f64, back_at: Option<f64>| {
        let mut story = signals_with_one();
        registers(&mut story, 0.0, "primary", 200, 3600);
        story.at(1.0).phone().sends("INVITE", "primary");
        story.at(1.1).node("primary").answers("INVITE", 200);
        story.at(1.2).phone().acks("primary");
        registers(&mut story, moves_at, "secondary", 200, 3600);
        if let Some(at) = back_at {
            registers(&mut story, at, "primary", 200, 3600);
        }
        story.at(5.0).phone().sends("BYE", "primary");
        story.verdict(ONLY, 10.0)
    };
    assert_eq!(verdict(2.0, None), Verdict::Fail);
    assert_eq!(verdict(4.89, None), Verdict::Pass, "the 2xx comes as the BYE goes");
    assert_eq!(verdict(6.0, None), Verdict::Pass);
    assert_eq!(verdict(2.0, Some(3.0)), Verdict::Pass);
}

/// Of two bindings at once, the fallback's does not take the other away.
#[test]
fn two_bindings_at_once_both_count() {
    let verdict = |method| {
        let mut story = signals_with_one();
        story.profile.registration.method = method;
        registers(&mut story, 0.0, "primary", 200, 3600);
        registers(&mut story, 0.5, "fallback", 200, 3600);
        story.at(5.0).phone().sends("INVITE", "primary");
        story.verdict(ONLY, 10.0)
    };
    assert_eq!(verdict(RegistrationMethod::Concurrent), Verdict::Pass);
    assert_eq!(verdict(RegistrationMethod::Successive), Verdict::Fail);
}

#[test]
fn a_registration_that_was_taken_back_does_not_count() {
    let mut story = signals_with_one();
    registers(&mut story, 0.0, "primary", 200, 3600);
    registers(&mut story, 2.0, "primary", 200, 0);
    story.at(5.0).phone().sends("INVITE", "primary");
    assert_eq!(story.verdict(ONLY, 10.0), Verdict::Fail);
}

/// Only the phone's servers are meant: a far end has an address of its own.
#[test]
fn requests_to_others_than_the_servers_are_not_meant() {
    let mut story = signals_with_one();
    registers(&mut story, 0.0, "primary", 200, 3600);
    story.at(1.0).phone().sends("OPTIONS", "far-end");
    assert_eq!(story.verdict(ONLY, 10.0), Verdict::NotExercised);
}

#[test]
fn a_keepalive_that_the_profile_asks_for_is_no_signalling() {
    let asks = |form, method: &str| {
        let mut story = signals_with_one();
        story.profile.registration.keepalive.form = form;
        registers(&mut story, 0.0, "primary", 200, 3600);
        story.at(5.0).phone().sends_with(method, "secondary", |b| b.set("Call-ID", "alive"));
        story.verdict(ONLY, 10.0)
    };
    assert_eq!(asks(KeepaliveForm::Options, "OPTIONS"), Verdict::NotExercised);
    assert_eq!(asks(KeepaliveForm::Options, "SUBSCRIBE"), Verdict::Fail);
    assert_eq!(asks(KeepaliveForm::None, "OPTIONS"), Verdict::Fail);
}
