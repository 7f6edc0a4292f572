//! Two bindings at once and the way back: `both-registrations`, `failback`, `idle-failback`, and what
//! two bindings mean for `server-order` and `registration-refresh`.
use crate::common::Story;
use sipfarm_core::profile::{FailbackMode, Keepalive, KeepaliveForm, RegistrationMethod};
use sipfarm_judge::Verdict;

fn concurrent() -> Story {
    let mut story = Story::new();
    story.profile.registration.method = RegistrationMethod::Concurrent;
    story.at(0.0).command("register");
    story
}

/// A REGISTER that is granted so many seconds.
fn binds(story: &mut Story, at: f64, node: &str, expires: u32) {
    story.at(at).phone().sends_with("REGISTER", node, |b| b.set("Expires", expires));
    story.at(at + 0.1).node(node).answers("REGISTER", 200);
}

/// A REGISTER that is refused.
fn refused(story: &mut Story, at: f64, node: &str) {
    story.at(at).phone().sends("REGISTER", node);
    story.at(at + 0.1).node(node).answers("REGISTER", 503);
}

#[test]
fn both_registers_go_out_within_two_seconds() {
    let verdict = |fallback_at: Option<f64>| {
        let mut story = concurrent();
        binds(&mut story, 0.0, "primary", 3600);
        if let Some(at) = fallback_at {
            binds(&mut story, at, "fallback", 3600);
        }
        story.verdict("both-registrations", 10.0)
    };
    assert_eq!(verdict(Some(0.2)), Verdict::Pass);
    assert_eq!(verdict(Some(1.9)), Verdict::Pass);
    assert_eq!(verdict(Some(4.0)), Verdict::Fail);
    assert_eq!(verdict(None), Verdict::Fail);
}

#[test]
fn nobody_is_held_to_two_bindings_who_was_not_told_to_register_or_has_one_only() {
    let rule = "both-registrations";
    let mut story = Story::new();
    story.profile.registration.method = RegistrationMethod::Concurrent;
    binds(&mut story, 0.0, "primary", 3600);
    assert_eq!(story.verdict(rule, 10.0), Verdict::NotExercised);

    let mut story = concurrent();
    story.profile.servers.outbound_proxy = true;
    binds(&mut story, 0.0, "primary", 3600);
    assert_eq!(story.verdict(rule, 10.0), Verdict::NotExercised);

    let mut story = concurrent();
    binds(&mut story, 0.0, "primary", 3600);
    assert_eq!(story.verdict(rule, 1.0), Verdict::NotExercised, "there is time yet");

    let mut story = concurrent();
    binds(&mut story, 0.0, "primary", 3600);
    story.at(0.5).command("reboot");
    binds(&mut story, 1.0, "primary", 3600);
    binds(&mut story, 1.2, "fallback", 3600);
    assert_eq!(story.verdict(rule, 10.0), Verdict::Pass, "the first was interrupted");
}

#[test]
fn of_two_bindings_each_is_refreshed_by_itself() {
    let rule = "registration-refresh";
    let mut story = concurrent();
    binds(&mut story, 0.0, "primary", 60);
    binds(&mut story, 0.2, "fallback", 60);
    binds(&mut story, 40.0, "fallback", 60);
    assert_eq!(story.verdict(rule, 70.0), Verdict::Fail, "the fallback's refresh is none of the primary's");
    binds(&mut story, 45.0, "primary", 60);
    assert_eq!(story.verdict(rule, 70.0), Verdict::Pass);
}

#[test]
fn of_two_bindings_calls_use_the_first_in_any_mode() {
    let verdict = |mode, node: &str| {
        let mut story = concurrent();
        story.profile.failback.mode = mode;
        binds(&mut story, 0.0, "primary", 3600);
        binds(&mut story, 1.0, "fallback", 3600);
        story.at(20.0).phone().sends("INVITE", node);
        story.at(20.1).node(node).answers("INVITE", 200);
        story.verdict("server-order", 30.0)
    };
    for mode in [FailbackMode::NewRequests, FailbackMode::Registration] {
        assert_eq!(verdict(mode, "primary"), Verdict::Pass, "{mode:?}");
        assert_eq!(verdict(mode, "fallback"), Verdict::Fail, "{mode:?}");
    }
}

#[test]
fn the_fallback_has_calls_when_the_first_binding_is_lost() {
    let mut story = concurrent();
    story.profile.failback.mode = FailbackMode::Registration;
    binds(&mut story, 0.0, "primary", 60);
    binds(&mut story, 0.2, "fallback", 3600);
    refused(&mut story, 40.0, "primary");
    refused(&mut story, 40.2, "secondary");
    story.at(50.0).phone().sends("INVITE", "fallback");
    story.at(50.1).node("fallback").answers("INVITE", 200);
    assert_eq!(story.verdict("server-order", 60.0), Verdict::Pass);
}

#[test]
fn each_binding_goes_along_its_own_servers() {
    let mut story = concurrent();
    binds(&mut story, 0.0, "primary", 3600);
    binds(&mut story, 0.1, "fallback", 3600);
    assert_eq!(story.verdict("server-order", 10.0), Verdict::Pass);

    let mut story = concurrent();
    binds(&mut story, 0.0, "secondary", 3600);
    binds(&mut story, 0.1, "fallback", 3600);
    assert_eq!(story.verdict("server-order", 10.0), Verdict::Fail, "without a try at the primary");
}

/// Registered with the secondary since 1 s, as the primary refused.
fn away(mode: FailbackMode, expires: u32) -> Story {
    let mut story = Story::new();
    story.profile.failback.mode = mode;
    refused(&mut story, 0.0, "primary");
    binds(&mut story, 1.0, "secondary", expires);
    story
}

#[test]
fn mode_registration_asks_the_primary_with_each_refresh() {
    let rule = "failback";
    let mut story = away(FailbackMode::Registration, 60);
    binds(&mut story, 40.0, "secondary", 60);
    assert_eq!(story.verdict(rule, 50.0), Verdict::Fail);

    let mut story = away(FailbackMode::Registration, 60);
    refused(&mut story, 39.0, "primary");
    binds(&mut story, 40.0, "secondary", 60);
    assert_eq!(story.verdict(rule, 50.0), Verdict::Pass);

    let mut story = away(FailbackMode::Registration, 60);
    binds(&mut story, 40.0, "primary", 60);
    assert_eq!(story.verdict(rule, 50.0), Verdict::Pass);
}

#[test]
fn a_call_puts_the_primary_off_and_a_command_explains_much() {
    let rule = "failback";
    let mut story = away(FailbackMode::Registration, 60);
    story.at(30.0).phone().sends("INVITE", "secondary");
    story.at(30.1).node("secondary").answers("INVITE", 200);
    binds(&mut story, 40.0, "secondary", 60);
    assert_eq!(story.verdict(rule, 50.0), Verdict::NotExercised);

    let mut story = away(FailbackMode::Registration, 60);
    story.at(40.0).command("reboot");
    binds(&mut story, 40.0, "secondary", 60);
    assert_eq!(story.verdict(rule, 50.0), Verdict::NotExercised);
}

#[test]
fn mode_duration_has_a_time_of_its_own() {
    let verdict = |timeout_s, primary_at: Option<f64>, until| {
        let mut story = away(FailbackMode::Duration, 3600);
        story.profile.failback.timeout_s = timeout_s;
        if let Some(at) = primary_at {
            binds(&mut story, at, "primary", 3600);
        }
        story.verdict("failback", until)
    };
    assert_eq!(verdict(120, Some(122.0), 200.0), Verdict::Pass);
    assert_eq!(verdict(120, Some(126.0), 200.0), Verdict::Pass);
    assert_eq!(verdict(120, Some(130.0), 200.0), Verdict::Fail);
    assert_eq!(verdict(120, Some(60.0), 200.0), Verdict::Fail);
    assert_eq!(verdict(120, None, 200.0), Verdict::Fail);
    assert_eq!(verdict(120, None, 125.0), Verdict::NotExercised, "there is time yet");
    assert_eq!(verdict(0, None, 8_000.0), Verdict::NotExercised, "0 is never");
    assert_eq!(verdict(10, Some(62.0), 100.0), Verdict::Pass, "less than 60 is 60");
    assert_eq!(verdict(10, Some(11.0), 100.0), Verdict::Fail);
}

/// One binding at a time, with the fallback since 2 s.
fn at_the_fallback() -> Story {
    let mut story = Story::new();
    refused(&mut story, 0.0, "primary");
    refused(&mut story, 1.0, "secondary");
    binds(&mut story, 1.9, "fallback", 3600);
    story
}

#[test]
fn from_the_fallback_the_primary_is_probed_again_and_again() {
    let verdict = |probes: &[f64], until| {
        let mut story = at_the_fallback();
        for at in probes {
            refused(&mut story, *at, "primary");
            refused(&mut story, at + 0.2, "secondary");
        }
        story.verdict("failback", until)
    };
    assert_eq!(verdict(&[122.0, 242.0, 362.0], 370.0), Verdict::Pass);
    assert_eq!(verdict(&[112.0, 230.0, 360.0], 370.0), Verdict::Pass, "ten per cent either way");
    assert_eq!(verdict(&[122.0, 300.0], 370.0), Verdict::Fail);
    assert_eq!(verdict(&[122.0, 150.0], 200.0), Verdict::Fail);
    assert_eq!(verdict(&[122.0], 300.0), Verdict::Fail);
}

#[test]
fn the_time_of_a_probe_may_run_on_beside_refreshes_that_are_tried_at_home() {
    let verdict = |probe: f64| {
        let mut story = Story::new();
        story.profile.failback.mode = FailbackMode::NewRequests;
        refused(&mut story, 0.0, "primary");
        refused(&mut story, 1.0, "secondary");
        binds(&mut story, 1.9, "fallback", 60);
        for at in [47.0, 92.0] {
            refused(&mut story, at, "primary");
            refused(&mut story, at + 0.2, "secondary");
            binds(&mut story, at + 0.4, "fallback", 60);
        }
        refused(&mut story, probe, "primary");
        refused(&mut story, probe + 0.2, "secondary");
        story.verdict("failback", 125.0)
    };
    assert_eq!(verdict(121.9), Verdict::Pass, "120 s after it came there");
    assert_eq!(verdict(100.0), Verdict::Fail, "120 s after nothing, and no refresh is due");
}

#[test]
fn a_lossy_tap_accuses_nobody_of_a_missing_probe() {
    let mut story = at_the_fallback().lossy();
    story.at(3.0);
    assert_eq!(story.verdict("failback", 300.0), Verdict::Inconclusive);
}

#[test]
fn no_way_back_while_a_call_is_up() {
    let rule = "idle-failback";
    let call = |mode, primary_at: f64| {
        let mut story = away(mode, 60);
        story.profile.failback.timeout_s = 60;
        story.at(20.0).phone().sends("INVITE", "secondary");
        story.at(20.1).node("secondary").answers("INVITE", 200);
        story.at(20.2).phone().acks("secondary");
        binds(&mut story, primary_at, "primary", 60);
        story.at(100.0).phone().sends("BYE", "secondary");
        story
    };
    for mode in [FailbackMode::Registration, FailbackMode::Duration] {
        assert_eq!(call(mode, 40.0).verdict(rule, 120.0), Verdict::Fail, "{mode:?}");
        assert_eq!(call(mode, 101.0).verdict(rule, 120.0), Verdict::Pass, "{mode:?}");
    }
    assert_eq!(call(FailbackMode::NewRequests, 40.0).verdict(rule, 120.0), Verdict::NotExercised);

    let mut story = call(FailbackMode::Registration, 101.0);
    story.profile.failback.only_when_idle = Some(false);
    assert_eq!(story.verdict(rule, 120.0), Verdict::NotExercised);
}

#[test]
fn a_failover_during_a_call_is_no_way_back() {
    let mut story = away(FailbackMode::Registration, 60);
    story.at(20.0).phone().sends("INVITE", "secondary");
    story.at(20.1).node("secondary").answers("INVITE", 200);
    refused(&mut story, 40.0, "secondary");
    binds(&mut story, 40.2, "primary", 60);
    assert_ne!(story.verdict("idle-failback", 120.0), Verdict::Fail);
}

/// Who is told that it is unknown is registered there no longer, and has no time to count from; who is told to come
/// back later, or nothing, has that of its rounds.
#[test]
fn a_phone_whose_refresh_was_refused_stands_nowhere() {
    let story = |code: u16| {
        let mut story = at_the_fallback();
        story.at(60.0).phone().sends("REGISTER", "fallback");
        story.at(60.1).node("fallback").answers("REGISTER", code);
        story.verdict("failback", 200.0)
    };
    for code in [404, 503] {
        assert_eq!(story(code), Verdict::NotExercised, "{code}");
    }
    assert_eq!(story(200), Verdict::Fail);

    let mut rounds = at_the_fallback();
    rounds.profile.registration.retry.max_s = 300;
    refused(&mut rounds, 60.0, "fallback");
    for at in [90.0, 390.0] {
        refused(&mut rounds, at, "primary");
        refused(&mut rounds, at + 0.2, "secondary");
        refused(&mut rounds, at + 0.4, "fallback");
    }
    assert_ne!(rounds.verdict("failback", 400.0), Verdict::Fail, "503 from all");
}

/// The primary refuses, and the phone stands with the secondary from second 0 on; every 60 s it asks whether the
/// primary is back.
fn monitors() -> Story {
    let mut story = Story::new();
    story.profile.failback.mode = FailbackMode::OnPrimaryUp;
    story.profile.failback.only_when_idle = Some(true);
    story.profile.registration.method = RegistrationMethod::ActiveOnly;
    story.profile.registration.keepalive = Keepalive { form: KeepaliveForm::Query, period_s: Some(60) };
    refused(&mut story, 0.0, "primary");
    binds(&mut story, 0.2, "secondary", 3600);
    story
}

/// A REGISTER without Contact, which asks for nothing, and its answer.
fn questions(story: &mut Story, at: f64, node: &str, code: u16) {
    story.at(at).phone().sends_with("REGISTER", node, |b| b.set("Call-ID", "question").remove("Contact"));
    story.at(at + 0.1).node(node).answers("REGISTER", code);
}

#[test]
fn a_phone_that_hears_that_its_first_server_lives_goes_there() {
    let verdict = |answer: u16, home: Option<f64>| {
        let mut story = monitors();
        questions(&mut story, 60.0, "primary", 503);
        questions(&mut story, 120.0, "primary", answer);
        questions(&mut story, 180.0, "primary", 503);
        if let Some(at) = home {
            binds(&mut story, at, "primary", 3600);
        }
        story.verdict("failback", 190.0)
    };
    assert_eq!(verdict(200, Some(120.2)), Verdict::Pass);
    assert_eq!(verdict(200, Some(175.0)), Verdict::Pass, "within a period");
    assert_eq!(verdict(200, None), Verdict::Fail);
    assert_eq!(verdict(503, None), Verdict::NotExercised, "nobody said that it is back");
}

#[test]
fn a_call_a_command_and_another_mode_excuse_who_stays_away() {
    let mut called = monitors();
    questions(&mut called, 60.0, "primary", 200);
    called.at(50.0).phone().new_call().sends("INVITE", "secondary");
    called.at(50.1).node("secondary").answers("INVITE", 200);
    called.at(50.2).phone().acks("secondary");
    assert_ne!(called.verdict("failback", 180.0), Verdict::Fail, "a call keeps it away");

    let mut manual = monitors();
    manual.profile.failback.mode = FailbackMode::Manual;
    questions(&mut manual, 60.0, "primary", 200);
    assert_eq!(manual.verdict("failback", 180.0), Verdict::NotExercised);

    let mut new = monitors();
    questions(&mut new, 60.0, "primary", 200);
    assert_ne!(new.verdict("failback", 100.0), Verdict::Fail, "there is time yet");
}

#[test]
fn better_servers_are_asked_in_their_time_and_only_away_from_home() {
    let mut kept = monitors();
    questions(&mut kept, 60.0, "primary", 503);
    questions(&mut kept, 120.0, "primary", 503);
    assert_eq!(kept.verdict("keepalive", 170.0), Verdict::Pass);
    let mut early = monitors();
    questions(&mut early, 60.0, "primary", 503);
    questions(&mut early, 80.0, "primary", 503);
    assert_eq!(early.verdict("keepalive", 100.0), Verdict::Fail);
    assert_eq!(monitors().verdict("keepalive", 100.0), Verdict::Fail, "it never asked");

    let mut at_home = Story::new();
    at_home.profile = monitors().profile;
    binds(&mut at_home, 0.0, "primary", 3600);
    assert_eq!(at_home.verdict("keepalive", 300.0), Verdict::NotExercised);
}
