//! `server-order`, `failover-cause`, `give-up`, `same-request`, `retry-after`, `icmp-reaction`.
use crate::common::Story;
use sipfarm_core::profile::{FailbackMode, HonourRetryAfter, RegistrationMethod, RetryRule, Trigger};
use sipfarm_judge::mark::{Cast, Node};
use sipfarm_judge::timeline::TcpStep;
use sipfarm_judge::{Mark, Verdict};

/// A call that is refused at each of these nodes and goes on to the next at once.
fn refused_at(story: &mut Story, from: f64, nodes: &[&str], code: u16) {
    for (n, node) in nodes.iter().enumerate() {
        let at = from + 0.1 * n as f64;
        story.at(at).phone().sends("INVITE", node);
        story.at(at + 0.02).node(node).answers("INVITE", code);
        story.at(at + 0.03).phone().acks(node);
    }
}

#[test]
fn the_order_of_the_profile_passes() {
    let mut story = Story::new();
    refused_at(&mut story, 0.0, &["primary", "secondary", "fallback"], 503);
    for rule in ["server-order", "failover-cause", "same-request"] {
        assert_eq!(story.verdict(rule, 10.0), Verdict::Pass);
    }
}

#[test]
fn a_skipped_server_fails() {
    let mut story = Story::new();
    refused_at(&mut story, 0.0, &["primary", "fallback"], 503);
    assert_eq!(story.verdict("server-order", 10.0), Verdict::Fail);
    story.sight.lossy = true;
    assert_eq!(story.verdict("server-order", 10.0), Verdict::Inconclusive);
}

#[test]
fn a_foreign_capture_is_judged_by_the_servers_that_somebody_tells() {
    let judged = |nodes: &[&str], cast: Option<(&[&str], bool)>| {
        let mut story = Story::new().foreign();
        refused_at(&mut story, 0.0, nodes, 503);
        if let Some((names, complete)) = cast {
            let node = |name: &&str| Node {
                name: (*name).to_owned(),
                addr: story.addr(name),
                tls: None,
                server: true,
                dns: false,
            };
            let servers = names.iter().map(node).collect();
            story.at(-1.0).mark(Mark::Cast(Cast { phone: Vec::new(), servers, complete }));
        }
        story.verdict("server-order", 10.0)
    };
    let (list, skipping) = (["primary", "secondary", "fallback"], ["primary", "fallback"]);
    assert_eq!(judged(&skipping, None), Verdict::NotExercised);
    assert_eq!(judged(&list, Some((&list, false))), Verdict::Pass);
    assert_eq!(judged(&skipping, Some((&list, false))), Verdict::Inconclusive);
    assert_eq!(judged(&skipping, Some((&list, true))), Verdict::Fail);
    // The order is the one that is told.
    assert_eq!(judged(&skipping, Some((&["primary", "fallback", "secondary"], true))), Verdict::Pass);
}

#[test]
fn a_call_that_begins_elsewhere_fails() {
    let mut story = Story::new();
    refused_at(&mut story, 0.0, &["secondary", "fallback"], 503);
    assert_eq!(story.verdict("server-order", 10.0), Verdict::Fail);
}

#[test]
fn a_server_tried_twice_or_returned_to_fails() {
    let mut story = Story::new();
    refused_at(&mut story, 0.0, &["primary", "primary"], 503);
    assert_eq!(story.verdict("server-order", 10.0), Verdict::Fail);
    let mut story = Story::new();
    refused_at(&mut story, 0.0, &["primary", "secondary", "fallback", "primary"], 503);
    assert_eq!(story.verdict("server-order", 10.0), Verdict::Fail);
}

#[test]
fn a_refused_connect_is_a_try() {
    let mut story = Story::new().tcp();
    story.at(0.0).syn("primary");
    story.at(0.01).tcp_from("primary", TcpStep::Rst);
    story.at(0.1).phone().sends("INVITE", "secondary");
    assert_eq!(story.verdict("server-order", 10.0), Verdict::Pass);
    // Without frames it cannot be seen, and not be excluded.
    let mut story = Story::new().tcp().without_frames();
    story.at(0.1).phone().sends("INVITE", "secondary");
    assert_eq!(story.verdict("server-order", 10.0), Verdict::Inconclusive);
}

#[test]
fn a_working_server_is_asked_first_only_where_the_profile_says_so() {
    let registered = |story: &mut Story| {
        story.at(0.0).phone().sends("REGISTER", "primary");
        story.at(0.1).node("primary").answers("REGISTER", 503);
        story.at(0.2).phone().sends("REGISTER", "secondary");
        story.at(0.3).node("secondary").answers("REGISTER", 200);
        story.at(5.0).phone().sends("INVITE", "secondary");
        story.at(5.1).node("secondary").answers("INVITE", 200);
    };
    let mut story = Story::new();
    registered(&mut story);
    assert_eq!(story.verdict("server-order", 10.0), Verdict::Fail);
    let mut story = Story::new();
    story.profile.failback.mode = FailbackMode::Registration;
    registered(&mut story);
    assert_eq!(story.verdict("server-order", 10.0), Verdict::Pass);
}

#[test]
fn a_server_that_failed_lately_is_passed_over_only_while_it_is_disturbed() {
    let story = |ended: Option<f64>| {
        let mut story = Story::new();
        story.at(0.0).fault("primary", "silent", true);
        story.at(1.0).phone().sends("REGISTER", "primary");
        if let Some(at) = ended {
            story.at(at).fault("primary", "all", false);
        }
        refused_at(&mut story, 50.0, &["secondary", "fallback"], 503);
        story.verdict("server-order", 60.0)
    };
    assert_eq!(story(None), Verdict::Pass);
    assert_eq!(story(Some(55.0)), Verdict::Pass);
    assert_eq!(story(Some(45.0)), Verdict::Fail);
}

#[test]
fn retry_after_is_a_reason_to_pass_a_server_over() {
    let mut story = Story::new();
    story.at(0.0).phone().sends("INVITE", "primary");
    story.at(0.1).node("primary").answers_with("INVITE", 503, |b| b.header("Retry-After", 120));
    story.at(0.2).phone().sends("INVITE", "secondary");
    story.at(0.3).node("secondary").answers("INVITE", 486);
    story.at(30.0).command("dial 1002");
    story.at(30.1).phone().new_call().sends("INVITE", "secondary");
    assert_eq!(story.verdict("server-order", 40.0), Verdict::Pass);
    story.profile.failover.honour_retry_after = HonourRetryAfter::Never;
    assert_eq!(story.verdict("server-order", 40.0), Verdict::Fail);
}

#[test]
fn a_phone_that_watches_a_second_server_by_register_has_no_order_there() {
    let story = |expires: u32| {
        let mut story = Story::new();
        story.profile.registration.method = RegistrationMethod::ActivePlusKeepalive;
        story.at(0.0).phone().sends("REGISTER", "primary");
        story.at(0.1).node("primary").answers("REGISTER", 200);
        story.at(0.2).phone().sends_with("REGISTER", "fallback", |b| b.set("Expires", expires));
        story.verdict("server-order", 1.0)
    };
    assert_eq!(story(0), Verdict::Pass);
    assert_eq!(story(3600), Verdict::Fail);
}

#[test]
fn a_refusal_is_an_answer() {
    for code in [404, 480, 486, 403, 603] {
        let mut story = Story::new();
        refused_at(&mut story, 0.0, &["primary"], code);
        assert_eq!(story.verdict("failover-cause", 10.0), Verdict::Pass);
        let mut story = Story::new();
        refused_at(&mut story, 0.0, &["primary", "secondary"], code);
        assert_eq!(story.verdict("failover-cause", 10.0), Verdict::Fail, "{code}");
    }
}

#[test]
fn a_fast_phone_is_held_to_the_answer_it_got() {
    let mut story = Story::new().latency(0.02);
    story.at(0.0).phone().sends("INVITE", "primary");
    story.at(0.010).node("primary").answers("INVITE", 404);
    story.at(0.011).phone().acks("primary");
    story.at(0.012).phone().sends("INVITE", "secondary");
    assert_eq!(story.verdict("failover-cause", 10.0), Verdict::Fail);
}

#[test]
fn a_500_earns_a_warning_unless_the_profile_counts_it_as_failure() {
    let mut story = Story::new();
    refused_at(&mut story, 0.0, &["primary", "secondary"], 500);
    assert_eq!(story.verdict("failover-cause", 10.0), Verdict::Warn);
    story.profile.failover.triggers.push(Trigger::ServerError);
    assert_eq!(story.verdict("failover-cause", 10.0), Verdict::Pass);
}

#[test]
fn a_provisional_response_binds_the_call_to_its_server() {
    let mut story = Story::new();
    story.at(0.0).phone().sends("INVITE", "primary");
    story.at(0.1).node("primary").answers("INVITE", 100);
    assert_eq!(story.verdict("failover-cause", 60.0), Verdict::Pass);
    story.at(32.0).phone().sends("INVITE", "secondary");
    assert_eq!(story.verdict("failover-cause", 60.0), Verdict::Fail);
    story.sight.lossy = true;
    assert_eq!(story.verdict("failover-cause", 60.0), Verdict::Inconclusive);
}

#[test]
fn a_response_that_crossed_the_failover_binds_nobody() {
    let mut story = Story::with_retry_count(1).latency(0.05);
    story.at(0.0).phone().sends("INVITE", "primary");
    story.at(0.48).node("primary").answers("INVITE", 100);
    story.at(0.5).phone().sends("INVITE", "secondary");
    assert_eq!(story.verdict("failover-cause", 60.0), Verdict::Pass);
}

#[test]
fn a_challenge_and_a_new_call_are_no_failover() {
    let mut story = Story::new();
    refused_at(&mut story, 0.0, &["primary"], 486);
    story.at(1.0).command("dial 1002");
    story.at(1.1).phone().new_call().sends("INVITE", "primary");
    story.at(1.2).node("primary").answers("INVITE", 503);
    story.at(1.3).phone().sends("INVITE", "secondary");
    assert_eq!(story.verdict("failover-cause", 10.0), Verdict::Pass);
}

fn silent(story: &mut Story, sends: &[f64], next: f64) {
    story.at(sends[0]).phone().sends("INVITE", "primary");
    for at in &sends[1..] {
        story.at(*at).phone().repeats("INVITE", "primary");
    }
    story.at(next).phone().sends("INVITE", "secondary");
}

#[test]
fn timer_b_must_run_out_where_the_profile_says_so() {
    let ladder = [0.0, 0.5, 1.5, 3.5, 7.5, 15.5, 31.5];
    let mut story = Story::new();
    silent(&mut story, &ladder, 32.0);
    assert_eq!(story.verdict("give-up", 60.0), Verdict::Pass);
    let mut story = Story::new();
    silent(&mut story, &ladder[..5], 15.5);
    assert_eq!(story.verdict("give-up", 60.0), Verdict::Fail);
}

/// A vendor's own 4 s for all servers but the last, which has timer B.
fn fixed() -> Story {
    let mut story = Story::new();
    story.profile.failover.retry_rule = RetryRule::FixedTimeout;
    story.profile.timers.invite_timeout_ms = Some(4_000);
    story
}

#[test]
fn a_fixed_time_must_run_out_where_the_profile_says_so() {
    let mut story = fixed();
    silent(&mut story, &[0.0, 0.5, 1.5, 3.5], 4.0);
    assert_eq!(story.verdict("give-up", 60.0), Verdict::Pass);
    assert_eq!(story.verdict("transmission-count", 60.0), Verdict::Pass);
    let mut story = fixed();
    silent(&mut story, &[0.0, 0.5, 1.5], 1.6);
    assert_eq!(story.verdict("give-up", 60.0), Verdict::Fail);
    let mut story = fixed();
    silent(&mut story, &[0.0, 0.5, 1.5, 3.5, 7.5], 8.0);
    assert_eq!(story.verdict("transmission-count", 60.0), Verdict::Fail);
}

#[test]
fn beside_a_fixed_time_the_last_server_has_the_timer_b_of_the_rfc() {
    let last = |sends: &[f64]| {
        let mut story = fixed().servers(&["primary"]);
        story.at(sends[0]).phone().sends("INVITE", "primary");
        for at in &sends[1..] {
            story.at(*at).phone().repeats("INVITE", "primary");
        }
        story
    };
    let whole = last(&[0.0, 0.5, 1.5, 3.5, 7.5, 15.5, 31.5]);
    assert_eq!(whole.verdict("transmission-count", 60.0), Verdict::Pass);
    assert_eq!(whole.verdict("invite-schedule", 60.0), Verdict::Pass);
    let short = last(&[0.0, 0.5, 1.5, 3.5]);
    assert_eq!(short.verdict("invite-schedule", 60.0), Verdict::Fail);
    let beyond = last(&[0.0, 0.5, 1.5, 3.5, 7.5, 15.5, 31.5, 63.5]);
    assert_eq!(beyond.verdict("transmission-count", 100.0), Verdict::Fail);
}

/// A server before the last of the order may be the only one that a phone has: the others want to be left
/// alone, or a binding goes along it only. Then timer B holds as well as the vendor's own time.
#[test]
fn beside_a_fixed_time_a_server_that_nobody_follows_may_have_either() {
    for sends in [&[0.0, 0.5, 1.5, 3.5][..], &[0.0, 0.5, 1.5, 3.5, 7.5, 15.5, 31.5]] {
        let mut story = fixed();
        story.at(0.0).phone().sends("INVITE", "primary");
        sends[1..].iter().for_each(|at| story.at(*at).phone().repeats("INVITE", "primary"));
        for rule in ["transmission-count", "invite-schedule"] {
            assert_eq!(story.verdict(rule, 60.0), Verdict::Pass, "{rule} {}", sends.len());
        }
    }
}

/// A phone that works with the last of its servers goes on from there, and leaves it like any other.
#[test]
fn the_last_of_the_order_is_left_like_any_other_when_it_comes_first() {
    let mut story = Story::with_retry_count(3);
    story.at(0.0).phone().sends("INVITE", "fallback");
    story.at(0.5).phone().repeats("INVITE", "fallback");
    story.at(1.5).phone().repeats("INVITE", "fallback");
    story.at(3.5).phone().sends("INVITE", "primary");
    assert_eq!(story.verdict("give-up", 60.0), Verdict::Pass);
}

/// Timer F, or what the phone makes of its vendor's time: no text speaks of BYE and CANCEL.
#[test]
fn beside_a_fixed_time_requests_that_choose_no_server_may_have_either() {
    let ladder = [0.0, 0.5, 1.5, 3.5, 7.5, 11.5, 15.5, 19.5, 23.5, 27.5, 31.5];
    let verdicts = |method: &str, rule, sends: &[f64]| {
        let mut story = fixed();
        story.profile.failover.retry_rule = rule;
        story.profile.timers.non_invite_timeout_ms = Some(4_000);
        story.at(0.0).phone().sends("INVITE", "primary");
        story.at(0.1).node("primary").answers("INVITE", if method == "BYE" { 200 } else { 180 });
        match method {
            "BYE" => {
                story.at(0.2).phone().acks("primary");
                story.at(1.0).phone().sends(method, "primary");
            }
            _ => story.at(1.0).phone().cancels("primary"),
        }
        sends[1..].iter().for_each(|at| story.at(1.0 + at).phone().repeats(method, "primary"));
        ["transmission-count", "non-invite-schedule"].map(|rule| story.verdict(rule, 60.0))
    };
    for method in ["BYE", "CANCEL"] {
        for sends in [&ladder[..4], &ladder] {
            let both = [Verdict::Pass; 2];
            assert_eq!(verdicts(method, RetryRule::FixedTimeout, sends), both, "{method} {}", sends.len());
        }
        let short = verdicts(method, RetryRule::FixedTimeout, &ladder[..3]);
        assert_eq!(short, [Verdict::Pass, Verdict::Fail], "{method}");
        // Without a fixed time, the profile's time is timer F itself.
        let long = verdicts(method, RetryRule::TimerB, &ladder);
        assert_eq!(long[0], Verdict::Fail, "{method}");
        assert_eq!(verdicts(method, RetryRule::TimerB, &ladder[..4]), [Verdict::Pass; 2], "{method}");
    }
}

#[test]
fn a_retry_count_counts_sends_or_repetitions() {
    for (count, sends, next, verdict) in [
        (3, &[0.0, 0.5][..], 1.5, Verdict::Fail),
        (3, &[0.0, 0.5, 1.5][..], 3.5, Verdict::Pass),
        (3, &[0.0, 0.5, 1.5, 3.5][..], 7.5, Verdict::Pass),
        (0, &[0.0][..], 0.5, Verdict::Pass),
        (1, &[0.0][..], 0.5, Verdict::Pass),
    ] {
        let mut story = Story::with_retry_count(count);
        silent(&mut story, sends, next);
        assert_eq!(story.verdict("give-up", 60.0), verdict, "{count} {sends:?}");
    }
}

#[test]
fn leaving_early_is_doubtful_where_its_reason_may_be_hidden() {
    let mut story = Story::new().without_frames();
    silent(&mut story, &[0.0], 0.1);
    assert_eq!(story.verdict("give-up", 60.0), Verdict::Inconclusive);
    let mut story = Story::new().lossy();
    silent(&mut story, &[0.0], 0.1);
    assert_eq!(story.verdict("give-up", 60.0), Verdict::Inconclusive);
}

#[test]
fn an_icmp_error_is_a_reason_to_leave() {
    let mut story = Story::new();
    story.at(0.01).icmp("primary");
    silent(&mut story, &[0.0], 0.1);
    assert_eq!(story.verdict("give-up", 60.0), Verdict::NotExercised);
    assert_eq!(story.verdict("failover-cause", 60.0), Verdict::Pass);
    assert_eq!(story.verdict("icmp-reaction", 60.0), Verdict::Pass);
}

#[test]
fn a_phone_blind_to_icmp_earns_a_warning() {
    let mut story = Story::new();
    story.at(0.01).icmp("primary");
    silent(&mut story, &[0.0, 0.5, 1.5, 3.5, 7.5, 15.5, 31.5], 32.0);
    assert_eq!(story.verdict("icmp-reaction", 60.0), Verdict::Warn);
    story.profile.transport.icmp_sensitive = None;
    assert_eq!(story.verdict("icmp-reaction", 60.0), Verdict::NotApplicable);
}

#[test]
fn the_next_server_gets_the_same_body() {
    let mut story = Story::new();
    refused_at(&mut story, 0.0, &["primary"], 503);
    story
        .at(0.2)
        .phone()
        .sends_with("INVITE", "secondary", |b| b.remove("Content-Type").body("application/sdp", "v=1"));
    assert_eq!(story.verdict("same-request", 10.0), Verdict::Fail);
    // Another Call-ID makes it another request.
    let mut story = Story::new();
    refused_at(&mut story, 0.0, &["primary"], 503);
    story
        .at(0.2)
        .phone()
        .new_call()
        .sends_with("INVITE", "secondary", |b| b.remove("Content-Type").body("application/sdp", "v=1"));
    assert_eq!(story.verdict("same-request", 10.0), Verdict::NotExercised);
}

fn banned(honour: HonourRetryAfter, again: f64) -> Story {
    let mut story = Story::new();
    story.profile.failover.honour_retry_after = honour;
    story.at(0.0).phone().sends("REGISTER", "primary");
    story.at(0.1).node("primary").answers_with("REGISTER", 503, |b| b.header("Retry-After", 120));
    story.at(0.2).phone().sends("REGISTER", "secondary");
    story.at(0.3).node("secondary").answers("REGISTER", 200);
    story.at(again).phone().sends("REGISTER", "primary");
    story
}

#[test]
fn retry_after_is_as_binding_as_the_profile_says() {
    use HonourRetryAfter::{Any, Must, Never};
    assert_eq!(banned(Must, 60.0).verdict("retry-after", 200.0), Verdict::Fail);
    assert_eq!(banned(Any, 60.0).verdict("retry-after", 200.0), Verdict::Warn);
    assert_eq!(banned(Never, 60.0).verdict("retry-after", 200.0), Verdict::NotApplicable);
    assert_eq!(banned(Must, 120.2).verdict("retry-after", 200.0), Verdict::Pass);
    let story = banned(Must, 60.0).lossy();
    assert_eq!(story.verdict("retry-after", 200.0), Verdict::Inconclusive);
}

#[test]
fn a_request_on_its_way_when_the_503_came_is_no_breach() {
    let story = banned(HonourRetryAfter::Must, 0.15);
    assert_eq!(story.verdict("retry-after", 200.0), Verdict::Pass);
}

/// REGISTER with 100 and nothing after it; its repetitions, and the next server at that time.
fn tried_in_vain(method: &str, next: f64) -> Story {
    let mut story = Story::new();
    story.at(0.0).phone().sends(method, "primary");
    story.at(0.02).node("primary").answers(method, 100);
    for n in (1..8).filter(|n| 4.0 * f64::from(*n) < next) {
        story.at(4.0 * f64::from(n)).phone().repeats(method, "primary");
    }
    story.at(next).phone().sends(method, "secondary");
    story
}

#[test]
fn a_provisional_response_does_not_stop_timer_f() {
    assert_eq!(tried_in_vain("REGISTER", 32.0).verdict("failover-cause", 60.0), Verdict::Pass);
    assert_eq!(tried_in_vain("REGISTER", 5.0).verdict("failover-cause", 60.0), Verdict::Fail);
    assert_eq!(tried_in_vain("INVITE", 32.0).verdict("failover-cause", 60.0), Verdict::Fail, "timer B");
}

#[test]
fn a_redirection_leads_past_servers() {
    let redirected = |code: u16, contact: &str, to: &str| {
        let mut story = Story::new();
        story.at(0.0).phone().sends("INVITE", "primary");
        story.at(0.1).node("primary").answers_with("INVITE", code, |b| b.header("Contact", contact));
        story.at(0.1).phone().acks("primary");
        story.at(0.2).phone().sends_with("INVITE", to, |b| b.set("CSeq", "2 INVITE"));
        story.verdict("server-order", 10.0)
    };
    for contact in ["<sip:1003@10.0.1.3:5060>", "<sip:10.0.1.3>", "<sip:1003@example.net>"] {
        assert_eq!(redirected(302, contact, "fallback"), Verdict::Pass, "{contact}");
        assert_eq!(redirected(503, contact, "fallback"), Verdict::Fail, "503 redirects nobody");
    }
    assert_eq!(redirected(302, "<sip:1003@10.0.1.2>", "fallback"), Verdict::Fail, "to another server");
}

#[test]
fn a_registration_may_be_redirected_too() {
    let mut story = Story::new();
    story.at(0.0).phone().sends("REGISTER", "primary");
    story.at(0.1).node("primary").answers_with("REGISTER", 302, |b| b.header("Contact", "<sip:10.0.1.3>"));
    story.at(0.2).phone().sends("REGISTER", "fallback");
    story.at(0.3).node("fallback").answers("REGISTER", 200);
    assert_eq!(story.verdict("server-order", 10.0), Verdict::Pass);
}
