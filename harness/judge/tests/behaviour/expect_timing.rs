//! Expectations about schedules: `moves-on`, `complete-timeout`, `transmissions`, `repeats-response`,
//! `acknowledges-every`, `registration-rounds`.
use crate::common::{Story, span};
use sipfarm_core::profile::RetryRule;
use sipfarm_core::sip::Method;
use sipfarm_judge::timeline::TcpStep;
use sipfarm_judge::{Expectation, Verdict};

const INVITE: [f64; 7] = [0.0, 0.5, 1.5, 3.5, 7.5, 15.5, 31.5];
const OTHER: [f64; 11] = [0.0, 0.5, 1.5, 3.5, 7.5, 11.5, 15.5, 19.5, 23.5, 27.5, 31.5];

fn sends_at(story: &mut Story, method: &str, node: &str, times: &[f64]) {
    story.at(times[0]).phone().sends(method, node);
    for at in &times[1..] {
        story.at(*at).phone().repeats(method, node);
    }
}

fn moves_on() -> Expectation {
    Expectation::MovesOn { method: Method::Invite, from: "primary".into(), to: "secondary".into() }
}

#[track_caller]
fn moves(mut story: Story, times: &[f64], next: f64) -> Verdict {
    let expected = story.expect(0.0, moves_on());
    sends_at(&mut story, "INVITE", "primary", times);
    story.at(next).phone().sends("INVITE", "secondary");
    story.run(&expected, 100.0).verdict
}

#[test]
fn timer_b_moves_the_phone_on() {
    assert_eq!(moves(Story::new(), &INVITE, 32.0), Verdict::Pass);
    assert_eq!(moves(Story::new(), &INVITE, 33.9), Verdict::Pass);
    assert_eq!(moves(Story::new(), &INVITE, 34.1), Verdict::Fail);
    assert_eq!(moves(Story::new(), &INVITE[..6], 31.4), Verdict::Fail);
    assert_eq!(moves(Story::new(), &INVITE[..3], 3.5), Verdict::Fail);
}

#[test]
fn a_retry_count_moves_the_phone_on_by_either_reading() {
    // YL-11, F-03: k in {n, n+1}; the switch not later than the next instant of the ladder + 2 s.
    for (n, sends, next, verdict) in [
        (0, 1, 0.5, Verdict::Pass),
        (0, 2, 1.5, Verdict::Fail),
        (1, 1, 0.5, Verdict::Pass),
        (1, 2, 1.5, Verdict::Pass),
        (3, 2, 1.5, Verdict::Fail),
        (3, 3, 1.6, Verdict::Pass),
        (3, 3, 5.4, Verdict::Pass),
        (3, 3, 5.6, Verdict::Fail),
        (3, 4, 7.5, Verdict::Pass),
        (3, 4, 9.6, Verdict::Fail),
        (3, 5, 15.5, Verdict::Fail),
        (5, 5, 15.5, Verdict::Pass),
        (20, 7, 32.0, Verdict::Pass),
        (20, 6, 31.5, Verdict::Fail),
    ] {
        let story = Story::with_retry_count(n);
        assert_eq!(moves(story, &INVITE[..sends], next), verdict, "n={n}: {sends} sends, then at {next}");
    }
}

#[test]
fn a_stricter_reading_of_the_retry_count_is_the_profiles() {
    use sipfarm_core::profile::Counts;
    for (counts, sends, verdict) in [
        (Counts::Sends, 3, Verdict::Pass),
        (Counts::Sends, 4, Verdict::Fail),
        (Counts::Retransmissions, 3, Verdict::Fail),
        (Counts::Retransmissions, 4, Verdict::Pass),
    ] {
        let mut story = Story::with_retry_count(3);
        story.profile.failover.retry_count.counts = counts;
        assert_eq!(moves(story, &INVITE[..sends], INVITE[sends]), verdict, "{counts:?} {sends}");
    }
}

#[test]
fn invite_may_have_a_count_of_its_own() {
    let mut story = Story::with_retry_count(5);
    let mut count = story.profile.failover.retry_count.clone();
    count.value = 1;
    story.profile.failover.invite_retry_count = Some(count);
    assert_eq!(moves(story, &INVITE[..2], 1.5), Verdict::Pass);
}

#[test]
fn a_phone_that_never_moves_on_fails_at_the_latest_instant() {
    let mut story = Story::new();
    let expected = story.expect(0.0, moves_on());
    sends_at(&mut story, "INVITE", "primary", &INVITE);
    let finding = story.live(&expected, 33.0);
    assert_eq!((finding.verdict, finding.until), (Verdict::Pending, Some(crate::common::just_after(34.0))));
    assert_eq!(story.run(&expected, 100.0).verdict, Verdict::Fail);
}

#[test]
fn a_move_is_judged_from_the_server_that_is_left() {
    let from_secondary =
        || Expectation::MovesOn { method: Method::Invite, from: "secondary".into(), to: "fallback".into() };
    for (next, verdict) in [(7.1, Verdict::Pass), (5.2, Verdict::Fail)] {
        let mut story = Story::with_retry_count(3);
        let expected = story.expect(0.0, from_secondary());
        sends_at(&mut story, "INVITE", "primary", &INVITE[..3]);
        let times = [3.5, 4.0, 5.0];
        sends_at(&mut story, "INVITE", "secondary", if next > 7.0 { &times } else { &times[..2] });
        story.at(next).phone().sends("INVITE", "fallback");
        assert_eq!(story.run(&expected, 100.0).verdict, verdict, "at {next}");
    }
}

#[test]
fn a_registration_on_its_own_account_is_no_move() {
    let moves =
        || Expectation::MovesOn { method: Method::Register, from: "primary".into(), to: "secondary".into() };
    let mut story = Story::with_retry_count(3);
    story.profile.registration.method = sipfarm_core::profile::RegistrationMethod::Concurrent;
    let expected = story.expect(0.0, moves());
    sends_at(&mut story, "REGISTER", "primary", &INVITE[..3]);
    story.at(0.01).phone().sends("REGISTER", "fallback");
    story.at(3.5).phone().sends("REGISTER", "secondary");
    assert_eq!(story.run(&expected, 100.0).verdict, Verdict::Pass);
}

#[test]
fn a_printed_window_is_never_upside_down() {
    for n in [1, 3, 5, 20] {
        for sends in 1..7 {
            let mut story = Story::with_retry_count(n);
            let expected = story.expect(0.0, moves_on());
            sends_at(&mut story, "INVITE", "primary", &INVITE[..sends]);
            story.at(INVITE[sends]).phone().sends("INVITE", "secondary");
            let window = story.run(&expected, 100.0).window.unwrap();
            assert!(window.from <= window.to, "{n} {sends}: {window:?}");
        }
    }
}

#[test]
fn the_wrong_next_server_fails() {
    let mut story = Story::new();
    let expected = story.expect(0.0, moves_on());
    sends_at(&mut story, "INVITE", "primary", &INVITE);
    story.at(32.0).phone().sends("INVITE", "fallback");
    assert_eq!(story.run(&expected, 100.0).verdict, Verdict::Fail);
}

#[test]
fn a_server_that_answers_is_not_silent() {
    let mut story = Story::new();
    let expected = story.expect(0.0, moves_on());
    story.at(0.0).phone().sends("INVITE", "primary");
    story.at(0.1).node("primary").answers("INVITE", 503);
    story.at(0.2).phone().sends("INVITE", "secondary");
    assert_eq!(story.run(&expected, 100.0).verdict, Verdict::Inconclusive);
}

#[test]
fn an_icmp_error_moves_the_phone_on_at_once() {
    for (next, verdict) in [(0.5, Verdict::Pass), (5.0, Verdict::Fail), (32.0, Verdict::Fail)] {
        let mut story = Story::new();
        let expected = story.expect(0.0, moves_on());
        story.at(0.0).phone().sends("INVITE", "primary");
        story.at(0.01).icmp("primary");
        story.at(next).phone().sends("INVITE", "secondary");
        assert_eq!(story.run(&expected, 100.0).verdict, verdict, "at {next}");
    }
    // Blind to ICMP, but on the whole schedule: poor, not wrong (F-24).
    let mut story = Story::new();
    story.at(0.01).icmp("primary");
    assert_eq!(moves(story, &INVITE, 32.0), Verdict::Warn);
}

#[test]
fn an_early_move_without_frames_or_on_a_lossy_tap_is_inconclusive() {
    assert_eq!(moves(Story::new().without_frames(), &INVITE[..1], 0.2), Verdict::Inconclusive);
    assert_eq!(moves(Story::new().lossy(), &INVITE[..1], 0.2), Verdict::Inconclusive);
}

#[test]
fn over_tcp_timer_b_moves_the_phone_on_and_a_refused_connect_at_once() {
    assert_eq!(moves(Story::new().tcp(), &INVITE[..1], 32.0), Verdict::Pass);
    assert_eq!(moves(Story::new().tcp(), &INVITE[..1], 5.0), Verdict::Fail);
    for (next, verdict) in [(0.5, Verdict::Pass), (5.0, Verdict::Fail)] {
        let mut story = Story::new().tcp();
        let expected = story.expect(0.0, moves_on());
        story.at(0.0).syn("primary");
        story.at(0.01).tcp_from("primary", TcpStep::Rst);
        story.at(next).phone().sends("INVITE", "secondary");
        assert_eq!(story.run(&expected, 200.0).verdict, verdict, "at {next}");
    }
}

#[test]
fn skipping_the_first_server_is_no_move() {
    let mut story = Story::new();
    let expected = story.expect(0.0, moves_on());
    story.at(0.5).phone().sends("INVITE", "secondary");
    assert_eq!(story.run(&expected, 200.0).verdict, Verdict::Fail);
}

fn whole(method: Method) -> Expectation {
    Expectation::CompleteTimeout { method, node: "primary".into() }
}

#[test]
fn the_complete_schedule_and_then_nothing() {
    for (method, ladder) in [(Method::Invite, &INVITE[..]), (Method::Register, &OTHER[..])] {
        let mut story = Story::new();
        let expected = story.expect(0.0, whole(method.clone()));
        sends_at(&mut story, method.as_str(), "primary", ladder);
        assert_eq!(story.run(&expected, 100.0).verdict, Verdict::Pass);
        // One send short.
        let mut story = Story::new();
        let expected = story.expect(0.0, whole(method.clone()));
        sends_at(&mut story, method.as_str(), "primary", &ladder[..ladder.len() - 1]);
        assert_eq!(story.run(&expected, 100.0).verdict, Verdict::Fail);
        story.sight.lossy = true;
        assert_eq!(story.run(&expected, 100.0).verdict, Verdict::Inconclusive);
        // One too many.
        let mut story = Story::new();
        let expected = story.expect(0.0, whole(method.clone()));
        let more: Vec<f64> = ladder.iter().copied().chain([33.0]).collect();
        sends_at(&mut story, method.as_str(), "primary", &more);
        assert_eq!(story.run(&expected, 100.0).verdict, Verdict::Fail);
        // Another server.
        let mut story = Story::new();
        let expected = story.expect(0.0, whole(method.clone()));
        sends_at(&mut story, method.as_str(), "primary", ladder);
        story.at(32.0).phone().sends(method.as_str(), "secondary");
        assert_eq!(story.run(&expected, 100.0).verdict, Verdict::Fail);
    }
}

#[test]
fn a_provisional_response_slows_the_complete_schedule_but_spoils_invites() {
    let mut story = Story::new();
    let expected = story.expect(0.0, whole(Method::Register));
    story.at(0.0).phone().sends("REGISTER", "primary");
    story.at(0.1).node("primary").answers("REGISTER", 100);
    for n in 0..8 {
        story.at(0.5 + 4.0 * f64::from(n)).phone().repeats("REGISTER", "primary");
    }
    assert_eq!(story.run(&expected, 100.0).verdict, Verdict::Pass);

    let mut story = Story::new();
    let expected = story.expect(0.0, whole(Method::Invite));
    story.at(0.0).phone().sends("INVITE", "primary");
    story.at(0.1).node("primary").answers("INVITE", 100);
    assert_eq!(story.run(&expected, 100.0).verdict, Verdict::Inconclusive);
}

#[test]
fn over_tcp_the_complete_schedule_is_one_send() {
    let mut story = Story::new().tcp();
    let expected = story.expect(0.0, whole(Method::Invite));
    story.at(0.0).phone().sends("INVITE", "primary");
    assert_eq!(story.run(&expected, 100.0).verdict, Verdict::Pass);
}

#[test]
fn an_exact_number_of_sends() {
    let exactly = |count| Expectation::Transmissions {
        method: Method::Invite,
        node: "primary".into(),
        count,
        quiet: span(40.0),
    };
    for (sends, count, verdict) in
        [(4, 4, Verdict::Pass), (5, 4, Verdict::Fail), (3, 4, Verdict::Fail), (1, 1, Verdict::Pass)]
    {
        let mut story = Story::new();
        let expected = story.expect(0.0, exactly(count));
        sends_at(&mut story, "INVITE", "primary", &INVITE[..sends]);
        assert_eq!(story.run(&expected, 100.0).verdict, verdict, "{sends} of {count}");
    }
    let mut story = Story::new().lossy();
    let expected = story.expect(0.0, exactly(4));
    sends_at(&mut story, "INVITE", "primary", &INVITE[..3]);
    assert_eq!(story.run(&expected, 100.0).verdict, Verdict::Inconclusive);
}

#[test]
fn a_response_is_repeated_on_its_schedule() {
    for (code, tcp, times, verdict) in [
        (486, false, &OTHER[..], Verdict::Pass),
        (486, false, &OTHER[..10], Verdict::Fail),
        (486, false, &INVITE[..], Verdict::Fail),
        (486, true, &OTHER[..1], Verdict::Pass),
        (486, true, &OTHER[..2], Verdict::Fail),
        (200, true, &OTHER[..], Verdict::Pass),
        (200, false, &OTHER[..1], Verdict::Fail),
    ] {
        let mut story = if tcp { Story::new().tcp() } else { Story::new() };
        story.at(-0.5).node("primary").sends("INVITE");
        story.at(-0.4).phone().answers(180);
        let expected = story.expect(-0.1, Expectation::RepeatsResponse { node: "primary".into(), code });
        story.at(0.0).phone().answers(code);
        for at in &times[1..] {
            story.at(*at).phone().repeats_answer();
        }
        assert_eq!(story.run(&expected, 100.0).verdict, verdict, "{code} tcp={tcp} {}", times.len());
    }
}

#[test]
fn an_acknowledged_response_cannot_show_its_repetitions() {
    let mut story = Story::new();
    story.at(-0.5).node("primary").sends("INVITE");
    let expected = story.expect(-0.1, Expectation::RepeatsResponse { node: "primary".into(), code: 486 });
    story.at(0.0).phone().answers(486);
    story.at(0.1).node("primary").acks();
    assert_eq!(story.run(&expected, 100.0).verdict, Verdict::Inconclusive);
}

/// The first send was lost on the way to the tap, its ACK was not.
#[test]
fn an_ack_before_the_first_send_that_was_seen_acknowledges_another() {
    let mut story = Story::new().lossy();
    story.at(-0.5).node("primary").sends("INVITE");
    let expected = story.expect(-0.1, Expectation::RepeatsResponse { node: "primary".into(), code: 486 });
    story.at(0.0).phone().answers(486);
    story.at(-0.05).node("primary").acks();
    assert_ne!(story.run(&expected, 100.0).verdict, Verdict::Fail);
    for at in [0.5, 1.5, 3.5, 7.5, 11.5, 15.5, 19.5, 23.5, 27.5, 31.5] {
        story.at(at).phone().repeats_answer();
    }
    assert_eq!(story.run(&expected, 100.0).verdict, Verdict::Pass);
}

#[test]
fn every_repetition_is_acknowledged() {
    let every = || Expectation::AcknowledgesEvery { node: "primary".into(), code: 486, at_least: 3 };
    let told = |story: &mut Story, acks: &[f64]| {
        story.at(0.0).phone().sends("INVITE", "primary");
        story.at(1.0).node("primary").answers("INVITE", 486);
        story.at(9.0).node("primary").repeats_answer();
        story.at(17.0).node("primary").repeats_answer();
        for at in acks {
            story.at(*at).phone().acks("primary");
        }
    };
    for (acks, verdict) in [
        (&[1.1, 9.1, 17.1][..], Verdict::Pass),
        (&[1.1, 17.1][..], Verdict::Fail),
        (&[1.1][..], Verdict::Fail),
        (&[][..], Verdict::Fail),
    ] {
        let mut story = Story::new();
        let expected = story.expect(0.0, every());
        told(&mut story, acks);
        assert_eq!(story.run(&expected, 100.0).verdict, verdict, "{acks:?}");
    }
    let mut story = Story::new().lossy();
    let expected = story.expect(0.0, every());
    told(&mut story, &[1.1, 17.1]);
    assert_eq!(story.run(&expected, 100.0).verdict, Verdict::Inconclusive);
    // The node must have repeated it at all.
    let mut story = Story::new();
    let expected = story.expect(0.0, every());
    story.at(0.0).phone().sends("INVITE", "primary");
    story.at(1.0).node("primary").answers("INVITE", 486);
    story.at(1.1).phone().acks("primary");
    assert_eq!(story.run(&expected, 100.0).verdict, Verdict::Inconclusive);
}

fn rounds(story: &mut Story, starts: &[f64]) {
    for start in starts {
        for (n, node) in ["primary", "secondary", "fallback"].into_iter().enumerate() {
            let at = start + 0.1 * n as f64;
            story.at(at).phone().sends("REGISTER", node);
            story.at(at + 0.05).node(node).answers("REGISTER", 503);
        }
    }
}

fn three_rounds() -> Expectation {
    let nodes = ["primary", "secondary", "fallback"].map(str::to_owned).to_vec();
    Expectation::RegistrationRounds { nodes, rounds: 3 }
}

#[test]
fn registration_goes_round_after_the_retry_time() {
    // 30 s ± 20 % between the last failure and the next round.
    for (starts, verdict) in [
        ([0.0, 30.3, 60.6], Verdict::Pass),
        ([0.0, 24.5, 49.0], Verdict::Pass),
        ([0.0, 20.0, 50.0], Verdict::Fail),
        ([0.0, 30.3, 70.0], Verdict::Fail),
    ] {
        let mut story = Story::new();
        let expected = story.expect(0.0, three_rounds());
        rounds(&mut story, &starts);
        assert_eq!(story.run(&expected, 200.0).verdict, verdict, "{starts:?}");
    }
}

#[test]
fn rounds_that_stop_or_go_astray_fail() {
    let mut story = Story::new();
    let expected = story.expect(0.0, three_rounds());
    rounds(&mut story, &[0.0, 30.3]);
    assert_eq!(story.run(&expected, 200.0).verdict, Verdict::Fail);
    let mut story = Story::new();
    let expected = story.expect(0.0, three_rounds());
    rounds(&mut story, &[0.0]);
    story.at(30.3).phone().sends("REGISTER", "secondary");
    assert_eq!(story.run(&expected, 200.0).verdict, Verdict::Fail);
}

#[test]
fn complete_beside_a_fixed_time_is_the_schedule_of_the_rfc_at_the_last_server_only() {
    let fixed = |servers: &[&'static str], sends: &[f64]| {
        let mut story = Story::new().servers(servers);
        story.profile.failover.retry_rule = RetryRule::FixedTimeout;
        story.profile.timers.invite_timeout_ms = Some(4_000);
        let expected = story.expect(0.0, whole(Method::Invite));
        sends_at(&mut story, "INVITE", "primary", sends);
        story.run(&expected, 100.0).verdict
    };
    assert_eq!(fixed(&["primary"], &INVITE), Verdict::Pass);
    assert_eq!(fixed(&["primary"], &INVITE[..4]), Verdict::Fail);
    assert_eq!(fixed(&["primary", "secondary"], &INVITE[..4]), Verdict::Pass);
    assert_eq!(fixed(&["primary", "secondary"], &[0.0, 0.5, 1.5, 3.5, 5.0]), Verdict::Fail);
}

/// No retry rule speaks of requests within a dialog: timer F is all they have.
#[test]
fn complete_for_bye_is_timer_f_beside_a_fixed_time_too() {
    let bye = |rule, sends: &[f64]| {
        let mut story = Story::new();
        story.profile.failover.retry_rule = rule;
        story.profile.timers.invite_timeout_ms = Some(4_000);
        story.profile.timers.non_invite_timeout_ms = Some(4_000);
        story.at(0.0).phone().sends("INVITE", "primary");
        story.at(0.1).node("primary").answers("INVITE", 200);
        story.at(0.2).phone().acks("primary");
        let expected = story.expect(1.0, whole(Method::Bye));
        let sends: Vec<f64> = sends.iter().map(|at| at + 1.0).collect();
        sends_at(&mut story, "BYE", "primary", &sends);
        story.run(&expected, 100.0).verdict
    };
    assert_eq!(bye(RetryRule::TimerB, &OTHER[..4]), Verdict::Pass);
    assert_eq!(bye(RetryRule::TimerB, &[0.0, 0.5, 1.5, 3.5, 5.0]), Verdict::Fail);
    assert_eq!(bye(RetryRule::FixedTimeout, &OTHER), Verdict::Pass);
    assert_eq!(bye(RetryRule::FixedTimeout, &OTHER[..4]), Verdict::Fail);
}
