//! `one-active-server`, `keepalive`, `token`, `idle-failover`, `idle-failback` and `reset`: phones of call managers
//! (CC-02 to CC-09).
use crate::common::Story;
use sipfarm_core::profile::{DuringCall, FailbackMode, FailbackToken, KeepaliveForm, RegistrationMethod};
use sipfarm_judge::Verdict;

pub const TOKEN: &str = "<urn:X-cisco-remotecc:token-registration>";

/// A phone with keep-alives every 60 s that returns with a token.
pub fn managed() -> Story {
    let mut story = Story::new();
    let profile = &mut story.profile;
    profile.registration.method = RegistrationMethod::ActivePlusKeepalive;
    profile.registration.keepalive.form = KeepaliveForm::RegisterExpires0;
    profile.registration.keepalive.period_s = Some(60);
    profile.failback.mode = FailbackMode::Token;
    profile.failback.token = Some(FailbackToken::default());
    profile.call_in_progress.failover = Some(DuringCall::Deferred);
    profile.call_in_progress.reset = Some(DuringCall::Deferred);
    profile.control.check_sync = true;
    story
}

/// REGISTER with a Call-ID of that server's, and that answer.
pub fn registers(story: &mut Story, at: f64, node: &str, code: u16, expires_s: u32) {
    registers_as(story, at, node, code, expires_s, &format!("reg-{node}"));
}

pub fn registers_as(story: &mut Story, at: f64, node: &str, code: u16, expires_s: u32, call_id: &str) {
    let phone = story.at(at).phone();
    phone.sends_with("REGISTER", node, |b| b.set("Expires", expires_s).set("Call-ID", call_id));
    story.at(at + 0.1).node(node).answers("REGISTER", code);
}

/// The phone asks that server for a token, which answers so.
pub fn asks(story: &mut Story, at: f64, node: &str, code: u16, retry_after: Option<u32>) {
    let phone = story.at(at).phone().new_call();
    phone.sends_with("REFER", node, |b| b.header("Refer-To", TOKEN));
    story.at(at + 0.1).node(node).answers_with("REFER", code, |b| b.header_opt("Retry-After", retry_after));
}

/// The primary refuses, and the phone stands with the secondary from second 0 on.
pub fn away() -> Story {
    let mut story = managed();
    registers(&mut story, 0.0, "primary", 503, 3600);
    registers(&mut story, 0.2, "secondary", 200, 3600);
    story
}

/// A call from second 20 on, through that server, until then.
pub fn call(story: &mut Story, node: &str, until: f64) {
    story.at(20.0).phone().new_call().sends("INVITE", node);
    story.at(20.1).node(node).answers("INVITE", 200);
    story.at(20.2).phone().acks(node);
    story.at(until).phone().sends("BYE", node);
}

#[test]
fn a_second_binding_fails_and_one_after_a_failure_does_not() {
    let mut both = managed();
    registers(&mut both, 0.0, "primary", 200, 3600);
    registers(&mut both, 1.0, "secondary", 200, 3600);
    assert_eq!(both.verdict("one-active-server", 10.0), Verdict::Fail);

    let mut failed = managed();
    registers(&mut failed, 0.0, "primary", 200, 3600);
    registers(&mut failed, 1.0, "primary", 503, 3600);
    registers(&mut failed, 1.2, "secondary", 200, 3600);
    assert_eq!(failed.verdict("one-active-server", 10.0), Verdict::Pass);

    let mut alive = managed();
    registers(&mut alive, 0.0, "primary", 200, 3600);
    registers(&mut alive, 60.0, "secondary", 200, 0);
    assert_ne!(alive.verdict("one-active-server", 70.0), Verdict::Fail);
}

#[test]
fn another_server_gets_another_call_id() {
    let mut story = managed();
    registers_as(&mut story, 0.0, "primary", 200, 3600, "reg");
    registers_as(&mut story, 1.0, "primary", 503, 3600, "reg");
    registers_as(&mut story, 1.2, "secondary", 200, 3600, "reg");
    assert_eq!(story.verdict("one-active-server", 10.0), Verdict::Fail);
}

#[test]
fn the_old_binding_is_taken_back_after_the_way_home() {
    let story = |takes_back: bool| {
        let mut story = away();
        registers(&mut story, 60.2, "primary", 200, 0);
        asks(&mut story, 60.4, "primary", 202, None);
        registers(&mut story, 60.6, "primary", 200, 3600);
        if takes_back {
            registers(&mut story, 60.8, "secondary", 200, 0);
        }
        story
    };
    assert_eq!(story(true).verdict("one-active-server", 80.0), Verdict::Pass);
    assert_eq!(story(false).verdict("one-active-server", 80.0), Verdict::Fail);
    assert_eq!(story(true).verdict("token", 80.0), Verdict::Pass);
}

#[test]
fn keepalives_are_due_at_one_server_that_stands_by() {
    let story = |times: &[f64], nodes: &[&str]| {
        let mut story = managed();
        registers(&mut story, 0.0, "primary", 200, 3600);
        for at in times {
            for node in nodes {
                registers(&mut story, *at, node, 200, 0);
            }
        }
        story.verdict("keepalive", 200.0)
    };
    assert_eq!(story(&[60.0, 121.0, 178.0], &["secondary"]), Verdict::Pass);
    assert_eq!(story(&[60.0], &["secondary"]), Verdict::Fail);
    assert_eq!(story(&[], &[]), Verdict::Fail);
    assert_eq!(story(&[60.0, 90.0, 120.0, 180.0], &["secondary"]), Verdict::Fail);
    assert_eq!(story(&[60.0, 120.0, 180.0], &["secondary", "fallback"]), Verdict::Fail);
}

#[test]
fn nobody_returns_without_a_token_unless_the_server_failed() {
    let mut bold = away();
    registers(&mut bold, 60.2, "primary", 200, 0);
    registers(&mut bold, 60.4, "primary", 200, 3600);
    assert_eq!(bold.verdict("token", 80.0), Verdict::Fail);

    let mut driven = away();
    registers(&mut driven, 60.2, "secondary", 503, 3600);
    registers(&mut driven, 60.4, "primary", 200, 3600);
    assert_ne!(driven.verdict("token", 80.0), Verdict::Fail);
}

#[test]
fn who_is_told_to_queue_waits_as_long_as_it_is_told() {
    let again = |at: f64| {
        let mut story = away();
        registers(&mut story, 60.2, "primary", 200, 0);
        asks(&mut story, 60.4, "primary", 486, Some(20));
        asks(&mut story, at, "primary", 202, None);
        registers(&mut story, at + 0.2, "primary", 200, 3600);
        registers(&mut story, at + 0.4, "secondary", 200, 0);
        story.verdict("token", at + 30.0)
    };
    assert_eq!(again(80.6), Verdict::Pass);
    assert_eq!(again(65.0), Verdict::Fail);
    assert_eq!(again(95.0), Verdict::Fail);
}

#[test]
fn a_token_that_is_granted_is_used() {
    let mut story = away();
    registers(&mut story, 60.2, "primary", 200, 0);
    asks(&mut story, 60.4, "primary", 202, None);
    assert_eq!(story.verdict("token", 80.0), Verdict::Fail);
}

#[test]
fn a_call_holds_the_phone_where_it_is() {
    let story = |moves_at: f64| {
        let mut story = managed();
        registers(&mut story, 0.0, "primary", 200, 3600);
        call(&mut story, "primary", 60.0);
        registers(&mut story, 40.0, "primary", 503, 3600);
        registers(&mut story, moves_at, "secondary", 200, 3600);
        story.verdict("idle-failover", 90.0)
    };
    assert_eq!(story(62.0), Verdict::Pass);
    assert_eq!(story(41.0), Verdict::Fail);
    assert_eq!(story(75.0), Verdict::Fail);
}

/// The BYE may still be on its way when the capture ends, overtaken by what the phone sent after it.
#[test]
fn what_comes_last_may_have_overtaken_the_end_of_the_call() {
    let story = |until: f64| {
        let mut story = managed().latency(0.05);
        registers(&mut story, 0.0, "primary", 200, 3600);
        call(&mut story, "primary", 95.0);
        registers(&mut story, 40.0, "primary", 503, 3600);
        registers(&mut story, 80.0, "secondary", 200, 3600);
        story.verdict("idle-failover", until)
    };
    assert_ne!(story(80.09), Verdict::Fail);
    assert_eq!(story(80.2), Verdict::Fail);
}

#[test]
fn only_keepalives_go_home_during_a_call() {
    let story = |asks_at: f64| {
        let mut story = away();
        call(&mut story, "secondary", 80.0);
        registers(&mut story, 60.2, "primary", 200, 0);
        asks(&mut story, asks_at, "primary", 202, None);
        story.verdict("idle-failback", asks_at + 1.0)
    };
    assert_eq!(story(60.4), Verdict::Fail);
    assert_eq!(story(120.4), Verdict::Pass);
}

#[test]
fn a_reset_waits_for_the_end_of_the_call() {
    let story = |story: Story, call_up: bool, restarts_at: Option<f64>| {
        let mut story = story;
        registers_as(&mut story, 0.0, "primary", 200, 3600, "first-life");
        if call_up {
            call(&mut story, "primary", 60.0);
        }
        let reset = story.at(30.0).node("primary");
        reset.sends_with("NOTIFY", |b| b.header("Event", "check-sync").set("Call-ID", "reset"));
        story.at(30.1).phone().answers(200);
        if let Some(at) = restarts_at {
            registers_as(&mut story, at, "primary", 200, 3600, "second-life");
        }
        story.verdict("reset", 200.0)
    };
    for start in [managed, || managed().tcp()] {
        assert_eq!(story(start(), false, Some(35.0)), Verdict::Pass);
        assert_eq!(story(start(), true, Some(40.0)), Verdict::Fail);
        assert_eq!(story(start(), true, Some(70.0)), Verdict::Pass);
    }
    assert_eq!(story(managed().tcp(), false, None), Verdict::Fail);
    assert_eq!(story(managed().tcp(), true, Some(190.0)), Verdict::Fail);
    // Over UDP nobody sees when the phone was switched off.
    assert_eq!(story(managed(), false, None), Verdict::Inconclusive);
    assert_eq!(story(managed(), true, Some(190.0)), Verdict::Inconclusive);
}

/// What a phone with two bindings at once does about the one at the fallback is no failover of the other.
#[test]
fn a_binding_at_another_group_of_servers_is_kept_up_during_a_call() {
    let story = |node: &str| {
        let mut story = managed();
        story.profile.registration.method = RegistrationMethod::Concurrent;
        story.profile.call_in_progress.failover = Some(DuringCall::Forbidden);
        registers(&mut story, 0.0, "primary", 200, 3600);
        registers(&mut story, 0.2, "fallback", 200, 60);
        call(&mut story, "primary", 90.0);
        registers(&mut story, 40.0, "primary", 503, 3600);
        registers(&mut story, 45.0, node, 200, 60);
        story.verdict("idle-failover", 85.0)
    };
    assert_ne!(story("fallback"), Verdict::Fail);
    assert_eq!(story("secondary"), Verdict::Fail);
}
