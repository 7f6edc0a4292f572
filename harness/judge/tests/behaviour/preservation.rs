//! Calls that outlive their server: `preserved-registration`, `preserved-failover`, `standby-left-alone`,
//! `bye-after-loss`, `held-call-lost`, `recovery`, `preservation-limit`, `preserved-keys`, and what counts as
//! the instant at which the phone knows.
use crate::audio::{EAR, FAR_EAR, call, description, talking};
use crate::common::Story;
use sipfarm_core::machine::Transport;
use sipfarm_core::profile::{CallAction, CallKind, SignallingLoss};
use sipfarm_core::sip::MessageBuilder;
use sipfarm_judge::Verdict;
use sipfarm_judge::timeline::TcpStep;

pub const REGISTERS: &str = "preserved-registration";
pub const MOVES: &str = "preserved-failover";

/// A phone that keeps its calls.
pub fn keeps() -> Story {
    let mut story = Story::new();
    story.profile.call_in_progress.on_signalling_loss = SignallingLoss::Preserve;
    story.profile.mcp.supported = true;
    story.profile.mcp.max_s = Some(300);
    story.profile.mcp.allowed_actions = vec![CallAction::End];
    story.profile.mcp.not_preserve = vec![CallKind::Held];
    story.profile.mcp.restart_after_end_s = Some(92);
    story
}

/// It is registered with the primary, talks from 1 s on until `end`, and its refresh at 50 s is not answered.
pub fn lost(story: Story, end: f64) -> Story {
    let mut story = talking(story, end);
    story.at(0.1).phone().sends_with("REGISTER", "primary", |b| b.set("Expires", 60));
    story.at(0.2).node("primary").answers("REGISTER", 200);
    story.at(50.0).phone().sends("REGISTER", "primary");
    story
}

#[test]
fn a_phone_that_leaves_every_server_alone_is_left_alone() {
    let story = lost(keeps(), 200.0);
    for rule in [REGISTERS, MOVES, "standby-left-alone", "bye-after-loss"] {
        assert_eq!(story.verdict(rule, 210.0), Verdict::Pass, "{rule}");
    }
}

#[test]
fn another_register_to_the_lost_server_breaks_it() {
    let verdict = |story: Story, at: f64| {
        let mut story = lost(story, 200.0);
        story.at(at).phone().sends("REGISTER", "primary");
        story.verdict(REGISTERS, 210.0)
    };
    assert_eq!(verdict(keeps(), 120.0), Verdict::Fail);
    assert_eq!(verdict(keeps(), 82.0), Verdict::Fail, "at the time-out itself");
    assert_eq!(verdict(keeps().lossy(), 120.0), Verdict::Inconclusive);
    assert_eq!(verdict(keeps(), 205.0), Verdict::Pass, "after the end");
    assert_eq!(verdict(Story::new(), 120.0), Verdict::NotExercised, "the profile promises nothing");
}

/// The table of classes: repetitions, queries and REGISTERs without time are no attempts.
#[test]
fn what_is_no_attempt_to_register_breaks_nothing() {
    let verdict = |change: fn(&mut Story)| {
        let mut story = lost(keeps(), 200.0);
        change(&mut story);
        story.verdict(REGISTERS, 210.0)
    };
    let plain = |b: MessageBuilder| b.remove("Contact").remove("Expires");
    assert_eq!(verdict(|story| story.at(81.5).phone().repeats("REGISTER", "primary")), Verdict::Pass);
    let mut story = lost(keeps(), 200.0);
    story.at(120.0).phone().sends_with("REGISTER", "primary", plain);
    assert_eq!(story.verdict(REGISTERS, 210.0), Verdict::Pass, "a query");
    let mut story = lost(keeps(), 200.0);
    story.at(120.0).phone().sends_with("REGISTER", "primary", |b| b.set("Expires", 0));
    assert_eq!(story.verdict(REGISTERS, 210.0), Verdict::Pass, "a keep-alive");
    let mut story = lost(keeps(), 200.0);
    story.at(119.0).command("register");
    story.at(120.0).phone().sends("REGISTER", "primary");
    assert_eq!(story.verdict(REGISTERS, 210.0), Verdict::Pass, "the user's wish");
}

#[test]
fn a_refresh_that_is_answered_loses_nothing() {
    let mut story = lost(keeps(), 200.0);
    story.at(60.0).node("primary").answers("REGISTER", 200);
    story.at(100.0).phone().sends("REGISTER", "primary");
    story.at(100.1).node("primary").answers("REGISTER", 200);
    assert_eq!(story.verdict(REGISTERS, 110.0), Verdict::NotExercised);
}

#[test]
fn going_over_to_another_server_breaks_it() {
    let verdict = |method: &str, at: f64| {
        let mut story = lost(keeps(), 200.0);
        story.at(at).phone().new_call().sends(method, "secondary");
        story.verdict(MOVES, 210.0)
    };
    assert_eq!(verdict("REGISTER", 82.0), Verdict::Fail);
    assert_eq!(verdict("INVITE", 120.0), Verdict::Fail);
    assert_eq!(verdict("REGISTER", 205.0), Verdict::Pass, "after the end");
    assert_eq!(verdict("REGISTER", 40.0), Verdict::Pass, "before the loss");
}

#[test]
fn looking_at_another_server_earns_a_warning() {
    let rule = "standby-left-alone";
    let mut story = lost(keeps(), 200.0);
    story.at(120.0).phone().new_call().sends("OPTIONS", "secondary");
    assert_eq!(story.verdict(rule, 210.0), Verdict::Warn);
    let mut story = lost(keeps(), 200.0);
    story.at(120.0).syn("secondary");
    assert_eq!(story.verdict(rule, 210.0), Verdict::Warn);
    let mut story = lost(keeps(), 200.0);
    story.at(120.0).phone().new_call().sends("OPTIONS", "primary");
    assert_eq!(story.verdict(rule, 210.0), Verdict::Pass, "that is the lost one");
}

/// What tells the phone: a connection that ends, an ICMP error, 408 and 481, no answer. From then on a
/// REGISTER is one too many, and not before.
#[test]
fn the_loss_is_found_out_by_the_first_thing_that_fails() {
    let over = |transport: Transport| {
        let mut story = keeps();
        story.transport = transport;
        let mut story = talking(story, 200.0);
        story.at(0.1).phone().sends_with("REGISTER", "primary", |b| b.set("Expires", 60));
        story.at(0.2).node("primary").answers("REGISTER", 200);
        story
    };
    let story = || over(Transport::Udp);
    let verdict = |mut story: Story, at: f64| {
        story.at(at).phone().sends("REGISTER", "primary");
        story.verdict(REGISTERS, 210.0)
    };
    let icmp = || {
        let mut story = story();
        story.at(40.0).icmp("primary");
        story
    };
    assert_eq!(verdict(icmp(), 50.0), Verdict::Fail);
    assert_eq!(verdict(icmp(), 39.0), Verdict::Pass);
    let mut closed = over(Transport::Tcp);
    closed.at(40.0).tcp_from("primary", TcpStep::Rst);
    assert_eq!(verdict(closed, 50.0), Verdict::Fail);
    for code in [408, 481] {
        let mut refused = story();
        refused.at(45.0).phone().sends("UPDATE", "primary");
        refused.at(45.1).node("primary").answers("UPDATE", code);
        assert_eq!(verdict(refused, 50.0), Verdict::Fail, "{code}");
    }
    let mut refused = story();
    refused.at(45.0).phone().sends("UPDATE", "primary");
    refused.at(45.1).node("primary").answers("UPDATE", 503);
    assert_eq!(verdict(refused, 50.0), Verdict::Pass, "503 is an answer, and this REGISTER tells the loss");
    let unanswered = || {
        let mut story = story();
        story.at(45.0).phone().sends("UPDATE", "primary");
        story
    };
    assert_eq!(verdict(unanswered(), 60.0), Verdict::Pass, "it may be answered yet");
    assert_eq!(verdict(unanswered(), 90.0), Verdict::Fail);
}

#[test]
fn bye_of_the_phones_own_accord_breaks_it() {
    let rule = "bye-after-loss";
    let refreshed = |code: u16| {
        let mut story = talking(keeps(), 200.0);
        story.at(45.0).phone().sends("UPDATE", "primary");
        story.at(45.1).node("primary").answers("UPDATE", code);
        story
    };
    for code in [408, 481, 503] {
        assert_eq!(refreshed(code).verdict(rule, 210.0), Verdict::Pass, "{code}");
        for at in [45.1, 45.2] {
            let mut story = refreshed(code);
            story.at(at).phone().sends("BYE", "primary");
            assert_eq!(story.verdict(rule, 210.0), Verdict::Fail, "{code}, at {at}");
        }
        let mut story = refreshed(code);
        story.at(60.0).command("hang up");
        story.at(60.0).phone().sends("BYE", "primary");
        assert_eq!(story.verdict(rule, 210.0), Verdict::Pass, "{code}: the user ended it");
    }
    let mut story = refreshed(481);
    story.at(45.2).phone().sends("BYE", "primary");
    assert_eq!(
        story.clone().foreign().verdict(rule, 210.0),
        Verdict::NotExercised,
        "whose wish it was nobody knows"
    );
    assert_eq!(refreshed(200).verdict(rule, 210.0), Verdict::NotExercised);
    let mut story = lost(keeps(), 340.0);
    story.at(350.0).phone().sends("BYE", "primary");
    assert_eq!(story.verdict(rule, 360.0), Verdict::Pass, "its time was over");
}

/// The way of the audio is cut from 100 s to 130 s: what the phone does then is its own affair, and what it
/// does when it hears the far end again is not (AM-06).
#[test]
fn a_phone_that_hears_nothing_may_end_the_call() {
    let cut = |bye: Option<f64>| {
        let end = bye.unwrap_or(200.0);
        let mut story = call(keeps());
        story.at(50.0).phone().sends("REGISTER", "primary");
        story.audio(EAR, FAR_EAR, 1.0, end);
        story.audio(FAR_EAR, EAR, 1.01, 100.0);
        story.audio(FAR_EAR, EAR, 130.0, 200.0);
        if let Some(at) = bye {
            story.at(at).phone().sends("BYE", "primary");
        }
        story.verdict("bye-after-loss", 210.0)
    };
    assert_eq!(cut(None), Verdict::Pass, "it keeps the call");
    assert_eq!(cut(Some(95.0)), Verdict::Fail, "it still hears the far end");
    assert_eq!(cut(Some(100.1)), Verdict::Fail, "no gap yet");
    assert_eq!(cut(Some(101.0)), Verdict::NotExercised);
    assert_eq!(cut(Some(129.9)), Verdict::NotExercised);
    assert_eq!(cut(Some(130.05)), Verdict::NotExercised, "it had made up its mind");
    assert_eq!(cut(Some(135.0)), Verdict::Fail, "it hears the far end again");
}

#[test]
fn a_call_on_hold_is_given_up() {
    let rule = "held-call-lost";
    let held = || {
        let mut story = talking(keeps(), 20.0);
        story.at(20.0).phone().sends_with("INVITE", "primary", |invite| {
            invite.remove("Content-Type").body("application/sdp", description(EAR, "sendonly"))
        });
        story
            .at(20.1)
            .node("primary")
            .answers_with("INVITE", 200, |ok| ok.body("application/sdp", description(FAR_EAR, "recvonly")));
        story.at(20.1).phone().acks("primary");
        story.at(50.0).phone().sends("REGISTER", "primary");
        story
    };
    let mut story = held();
    story.at(82.0).phone().sends("REGISTER", "secondary");
    assert_eq!(story.verdict(rule, 200.0), Verdict::Pass);
    assert_eq!(story.verdict(MOVES, 200.0), Verdict::NotExercised, "it is not preserved");
    assert_eq!(held().verdict(rule, 200.0), Verdict::Fail);
    assert_eq!(held().verdict(rule, 150.0), Verdict::NotExercised, "there is time yet");
    assert_eq!(lost(keeps(), 200.0).verdict(rule, 300.0), Verdict::NotExercised, "not on hold");
}

#[test]
fn when_the_call_has_ended_the_phone_registers_again() {
    let rule = "recovery";
    let ended = |register: Option<f64>| {
        let mut story = lost(keeps(), 150.0);
        story.at(150.0).command("hang up");
        if let Some(at) = register {
            story.at(at).phone().sends("REGISTER", "primary");
        }
        story
    };
    assert_eq!(ended(Some(190.0)).verdict(rule, 300.0), Verdict::Pass);
    assert_eq!(ended(Some(243.0)).verdict(rule, 300.0), Verdict::Pass);
    assert_eq!(ended(Some(260.0)).verdict(rule, 300.0), Verdict::Fail);
    assert_eq!(ended(None).verdict(rule, 300.0), Verdict::Fail);
    assert_eq!(ended(None).verdict(rule, 200.0), Verdict::NotExercised, "there is time yet");
    assert_eq!(lost(keeps(), 300.0).verdict(rule, 300.0), Verdict::NotExercised, "it lives");
}

/// A loss at 50 to 84 s and a limit of 300 s, give or take 5 s.
#[test]
fn a_preserved_call_ends_when_its_time_is_over() {
    let rule = "preservation-limit";
    let until = |end: f64| lost(keeps(), end).verdict(rule, 500.0);
    assert_eq!(until(382.0), Verdict::Pass);
    assert_eq!(until(388.0), Verdict::Pass);
    assert_eq!(until(391.0), Verdict::Fail);
    assert_eq!(until(200.0), Verdict::NotExercised, "the user may have ended it");
    let mut story = keeps();
    story.profile.mcp.max_s = None;
    assert_eq!(lost(story, 450.0).verdict(rule, 500.0), Verdict::NotExercised);
}

#[test]
fn a_dead_key_sends_nothing() {
    let rule = "preserved-keys";
    let pressed = |key: &str, sends: bool| {
        let mut story = lost(keeps(), 200.0);
        story.at(120.0).command(key);
        if sends {
            story.at(120.0).phone().sends("INVITE", "primary");
        }
        story
    };
    assert_eq!(pressed("hold", false).verdict(rule, 210.0), Verdict::Pass);
    assert_eq!(pressed("hold", true).verdict(rule, 210.0), Verdict::Fail);
    assert_eq!(pressed("dial 1002", true).verdict(rule, 210.0), Verdict::Fail);
    let mut story = pressed("hold", true);
    story.profile.mcp.allowed_actions.push(CallAction::Hold);
    assert_eq!(story.verdict(rule, 210.0), Verdict::NotExercised, "the profile names it");
    let mut story = lost(keeps(), 200.0);
    story.at(30.0).command("hold");
    story.at(30.0).phone().sends("INVITE", "primary");
    assert_eq!(story.verdict(rule, 210.0), Verdict::NotExercised, "before the loss");
}

/// A call whose audio runs through its server cannot outlive it (F-25).
#[test]
fn audio_through_the_server_is_no_occasion() {
    let mut story = keeps();
    story.at(0.0).phone().sends("INVITE", "primary");
    let ear = "10.0.1.1:30000";
    story
        .at(1.0)
        .node("primary")
        .answers_with("INVITE", 200, |ok| ok.body("application/sdp", description(ear, "sendrecv")));
    story.at(1.0).phone().acks("primary");
    story.audio(EAR, ear, 1.0, 200.0);
    story.at(50.0).phone().sends("REGISTER", "primary");
    story.at(120.0).phone().sends("REGISTER", "secondary");
    assert_eq!(story.verdict(MOVES, 210.0), Verdict::NotExercised);
}
