//! Session timers: `session-refresh`, `session-expiry`, `dead-dialog`.
use crate::common::Story;
use sipfarm_core::profile::SignallingLoss;
use sipfarm_core::sip::MessageBuilder;
use sipfarm_judge::Verdict;
use sipfarm_judge::timeline::TcpStep;

fn lasts(expires: &'static str) -> impl Fn(MessageBuilder) -> MessageBuilder {
    move |ok| ok.header("Session-Expires", expires)
}

/// A call of the phone's whose session is as that Session-Expires says.
fn call(mut story: Story, expires: &'static str) -> Story {
    story.at(0.0).phone().sends_with("INVITE", "primary", |b| b.header("Supported", "timer"));
    story.at(0.1).node("primary").answers_with("INVITE", 200, lasts(expires));
    story.at(0.1).phone().acks("primary");
    story
}

/// A refresh of the phone's that is answered so.
fn refresh(story: &mut Story, at: f64, method: &str, code: u16) {
    story.at(at).phone().sends(method, "primary");
    story.at(at + 0.1).node("primary").answers_with(method, code, lasts("90;refresher=uac"));
    if method == "INVITE" {
        story.at(at + 0.1).phone().acks("primary");
    }
}

fn ends(story: &mut Story, at: f64) {
    story.at(at).phone().sends("BYE", "primary");
    story.at(at + 0.1).node("primary").answers("BYE", 200);
}

#[test]
fn who_is_to_refresh_a_session_does_so_in_time() {
    let verdict = |at: Option<f64>| {
        let mut story = call(Story::new(), "90;refresher=uac");
        if let Some(at) = at {
            refresh(&mut story, at, "UPDATE", 200);
        }
        story.verdict("session-refresh", 95.0)
    };
    assert_eq!(verdict(Some(45.0)), Verdict::Pass);
    assert_eq!(verdict(Some(60.0)), Verdict::Pass, "a third of the time before its end");
    assert_eq!(verdict(Some(75.0)), Verdict::Warn, "the other side may have ended it by then");
    assert_eq!(verdict(None), Verdict::Fail);
}

#[test]
fn nobody_is_to_refresh_what_is_not_his_or_has_ended() {
    let rule = "session-refresh";
    assert_eq!(call(Story::new(), "90;refresher=uas").verdict(rule, 200.0), Verdict::NotExercised);
    let story = call(Story::new(), "90;refresher=uac");
    assert_eq!(story.verdict(rule, 80.0), Verdict::NotExercised, "there is time yet");

    let mut story = call(Story::new(), "90;refresher=uac");
    ends(&mut story, 30.0);
    assert_ne!(story.verdict(rule, 200.0), Verdict::Fail);

    let mut story = call(Story::new(), "90;refresher=uac");
    story.at(30.0).command("hang up");
    assert_eq!(story.verdict(rule, 200.0), Verdict::NotExercised, "BYE was not seen");

    assert_eq!(call(Story::new().lossy(), "90;refresher=uac").verdict(rule, 200.0), Verdict::Inconclusive);
}

/// RFC 4028 section 7.2: a 2xx without Session-Expires ends the timer.
#[test]
fn a_session_without_an_end_needs_no_refresh() {
    let mut story = call(Story::new(), "90;refresher=uac");
    story.at(45.0).phone().sends("UPDATE", "primary");
    story.at(45.1).node("primary").answers("UPDATE", 200);
    assert_eq!(story.verdict("session-refresh", 300.0), Verdict::Pass);
}

#[test]
fn a_session_that_was_not_refreshed_ends_with_bye() {
    let rule = "session-expiry";
    let verdict = |bye: Option<f64>| {
        let mut story = call(Story::new(), "90;refresher=uas");
        if let Some(at) = bye {
            ends(&mut story, at);
        }
        story.verdict(rule, 120.0)
    };
    assert_eq!(verdict(Some(60.1)), Verdict::Pass);
    assert_eq!(verdict(Some(90.1)), Verdict::Pass);
    assert_eq!(verdict(None), Verdict::Warn, "RFC 4028 says SHOULD");
    assert_eq!(call(Story::new().lossy(), "90;refresher=uas").verdict(rule, 120.0), Verdict::Inconclusive);
    assert_eq!(call(Story::new(), "90;refresher=uac").verdict(rule, 120.0), Verdict::NotExercised);
}

#[test]
fn a_profile_that_keeps_calls_ends_none() {
    let mut story = Story::new();
    story.profile.call_in_progress.on_signalling_loss = SignallingLoss::Preserve;
    let mut story = call(story, "90;refresher=uas");
    refresh(&mut story, 45.0, "UPDATE", 481);
    assert_eq!(story.verdict("session-expiry", 120.0), Verdict::NotApplicable);
    assert_eq!(story.verdict("dead-dialog", 120.0), Verdict::NotApplicable);
}

#[test]
fn a_dialog_that_is_gone_is_ended() {
    let rule = "dead-dialog";
    for (method, code) in [("UPDATE", 481), ("UPDATE", 408), ("INVITE", 481), ("INVITE", 408)] {
        let mut story = call(Story::new(), "90;refresher=uac");
        refresh(&mut story, 45.0, method, code);
        assert_eq!(story.verdict(rule, 60.0), Verdict::Warn, "{method} {code}");
        ends(&mut story, 45.2);
        assert_eq!(story.verdict(rule, 60.0), Verdict::Pass, "{method} {code}");
    }
    let mut story = call(Story::new(), "90;refresher=uac");
    story.at(45.0).phone().sends("UPDATE", "primary");
    assert_eq!(story.verdict(rule, 70.0), Verdict::NotExercised, "it may be answered yet");
    assert_eq!(story.verdict(rule, 90.0), Verdict::Warn);
    ends(&mut story, 77.0);
    assert_eq!(story.verdict(rule, 90.0), Verdict::Pass);
}

/// RFC 3261 section 14.1: any other refusal leaves the session as it was.
#[test]
fn a_dialog_lives_on_after_another_refusal() {
    for code in [500, 503, 488, 491, 422] {
        let mut story = call(Story::new(), "90;refresher=uac");
        refresh(&mut story, 45.0, "INVITE", code);
        assert_eq!(story.verdict("dead-dialog", 60.0), Verdict::NotExercised, "{code}");
    }
}

/// RFC 4028 section 9, table 2: who has not said that it knows the timer is asked for nothing, whatever the other side
/// makes of it; and who is to refresh nobody knows where the 2xx does not say.
#[test]
fn a_phone_that_does_not_know_the_timer_is_held_to_none() {
    for expires in ["90;refresher=uac", "90;refresher=uas"] {
        let mut story = Story::new();
        story.at(0.0).phone().sends("INVITE", "primary");
        story.at(0.1).node("primary").answers_with("INVITE", 200, lasts(expires));
        story.at(0.1).phone().acks("primary");
        for rule in ["session-refresh", "session-expiry"] {
            assert_eq!(story.verdict(rule, 200.0), Verdict::NotExercised, "{rule}, {expires}");
        }
    }
    let story = call(Story::new(), "90");
    for rule in ["session-refresh", "session-expiry"] {
        assert_eq!(story.verdict(rule, 200.0), Verdict::NotExercised, "{rule}");
    }
}

/// What cannot be sent because nobody takes the connection is no omission.
#[test]
fn a_phone_that_reaches_nobody_has_not_forgotten() {
    let refused = |story: &mut Story, at: f64| {
        story.at(at).syn("primary");
        story.at(at + 0.01).tcp_from("primary", TcpStep::Rst);
    };
    let mut story = call(Story::new().tcp(), "90;refresher=uac");
    assert_eq!(story.verdict("session-refresh", 120.0), Verdict::Fail);
    refused(&mut story, 45.0);
    assert_ne!(story.verdict("session-refresh", 120.0), Verdict::Fail);
    assert_ne!(
        call(Story::new().tcp().without_frames(), "90;refresher=uac").verdict("session-refresh", 120.0),
        Verdict::Fail
    );

    let mut story = call(Story::new().tcp(), "90;refresher=uas");
    refused(&mut story, 60.2);
    assert_ne!(story.verdict("session-expiry", 120.0), Verdict::Warn);

    let mut story = call(Story::new().tcp(), "90;refresher=uac");
    refresh(&mut story, 45.0, "UPDATE", 481);
    refused(&mut story, 45.2);
    assert_ne!(story.verdict("dead-dialog", 60.0), Verdict::Warn);
}

/// A phone that keeps calls lets the session go when its server is lost, and not because a server asked it for credentials.
#[test]
fn a_phone_that_keeps_calls_lets_go_what_is_lost() {
    let rule = "session-refresh";
    let preserve = || {
        let mut story = Story::new();
        story.profile.call_in_progress.on_signalling_loss = SignallingLoss::Preserve;
        story
    };
    let mut closed = call(preserve().tcp(), "90;refresher=uac");
    closed.at(20.0).tcp_from("primary", TcpStep::Rst);
    assert_eq!(closed.verdict(rule, 120.0), Verdict::NotExercised);

    let mut icmp = call(preserve(), "90;refresher=uac");
    icmp.at(20.0).icmp("primary");
    assert_eq!(icmp.verdict(rule, 120.0), Verdict::NotExercised);

    let mut silent = call(preserve(), "90;refresher=uac");
    silent.at(20.0).phone().sends("REGISTER", "primary");
    assert_eq!(silent.verdict(rule, 120.0), Verdict::NotExercised);

    let mut challenged = preserve();
    challenged.at(-2.0).phone().sends("REGISTER", "primary");
    challenged.at(-1.9).node("primary").answers("REGISTER", 401);
    let challenged = call(challenged, "90;refresher=uac");
    assert_eq!(challenged.verdict(rule, 120.0), Verdict::Fail);
}
