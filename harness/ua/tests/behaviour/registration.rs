//! Registration: refresh, expiry, retry, the way back to the primary, several registrations
//! (RFC 3261 section 10, YL-13 to YL-23).

use crate::common::*;
use sipfarm_core::profile::{
    DuringCall, FailbackMode, Profile, RegistrationMethod, RegistrationRetry, RetryKind,
};
use sipfarm_core::sip::Method;

fn registering(profile: Profile, set_up: impl FnOnce(&mut Bench)) -> Bench {
    let mut bench = Bench::new(profile);
    set_up(&mut bench);
    bench.tell(|phone, now| phone.register(now));
    bench
}

/// Grants that many seconds.
fn registrar(bench: &mut Bench, server: usize, expires_s: u32) {
    bench.script(server, move |request| vec![registered(request, expires_s)]);
}

fn with_failback(mode: FailbackMode) -> Profile {
    let mut profile = Profile::default();
    profile.failback.mode = mode;
    profile
}

#[test]
fn nothing_happens_before_the_first_command() {
    let mut bench = Bench::new(Profile::default());
    bench.run(10_000.0);
    assert!(bench.sent.is_empty());
    assert_eq!(bench.other.len(), 2, "both ports are opened");
}

#[test]
fn a_register_carries_what_section_10_2_asks() {
    let bench = registering(Profile::default(), |bench| registrar(bench, 0, 3600));
    let register = &bench.sent[0].message;
    assert_eq!(register.request_uri(), Some("sip:example.org"));
    assert_eq!(register.to().unwrap().uri, "sip:1001@example.org");
    assert_eq!(register.from().unwrap().uri, "sip:1001@example.org");
    assert_eq!(register.contact().unwrap().uri, "sip:1001@192.0.2.100:5060");
    assert_eq!(register.number("Expires"), Some(3600));
    assert_eq!(register.number("Max-Forwards"), Some(70));
    assert!(register.top_via().unwrap().params.has("rport"));
    assert_eq!(bench.reports(), ["registered with primary"]);
}

#[test]
fn it_is_refreshed_within_the_window_of_what_was_granted() {
    for granted in [60_u32, 600] {
        let mut bench = registering(Profile::default(), |bench| registrar(bench, 0, granted));
        bench.run(f64::from(granted) * 20.0);
        let times = bench.times("REGISTER", "primary");
        assert!(times.len() >= 20);
        for gap in times.windows(2).map(|pair| pair[1] - pair[0]) {
            let share = gap / f64::from(granted);
            assert!((0.5..1.0).contains(&share), "{share} of {granted} s");
        }
        let numbers: Vec<_> = bench.sent.iter().map(|sent| sent.message.cseq().unwrap().number).collect();
        assert!(numbers.windows(2).all(|pair| pair[1] == pair[0] + 1));
        assert!(bench.sent.iter().all(|sent| sent.message.call_id() == bench.sent[0].message.call_id()));
        assert_eq!(bench.reports().len(), 1, "a refresh is no news");
    }
}

#[test]
fn the_profile_narrows_the_window() {
    let mut profile = Profile::default();
    (profile.registration.refresh_lo, profile.registration.refresh_hi) = (0.8, 0.9);
    let mut bench = registering(profile, |bench| registrar(bench, 0, 100));
    bench.run(100.0);
    let again = bench.times("REGISTER", "primary")[1];
    assert!((80.0..90.0).contains(&again), "{again}");
}

#[test]
fn a_brief_interval_is_made_as_long_as_the_registrar_wants() {
    let mut bench = registering(Profile::default(), |bench| {
        bench.script(0, |request| match request.number("Expires").unwrap() {
            ..7200 => vec![reply(request, 423).header("Min-Expires", 7200)],
            _ => vec![registered(request, 7200)],
        });
    });
    let asked: Vec<_> = bench.sent.iter().map(|sent| sent.message.number("Expires").unwrap()).collect();
    assert_eq!(asked, [3600, 7200]);
    assert_eq!(bench.sent[1].message.header("CSeq"), Some("2 REGISTER"));
    bench.run(7200.0);
    assert_eq!(bench.sent[2].message.number("Expires"), Some(7200), "it stays so");
}

#[test]
fn a_423_that_would_change_nothing_is_a_failure() {
    let bench = registering(Profile::default(), |bench| {
        bench.script(0, |request| vec![reply(request, 423).header("Min-Expires", 60)]);
    });
    assert_eq!(bench.sent.len(), 1);
    assert_eq!(bench.reports(), ["registration failed: 423 from primary"]);
}

#[test]
fn all_refuse_and_it_starts_over_again_and_again() {
    let mut bench = registering(Profile::default(), |bench| (0..3).for_each(|n| bench.always(n, 503)));
    bench.run(95.0);
    for name in NAMES {
        assert_eq!(bench.times("REGISTER", name), [0.0, 30.0, 60.0, 90.0]);
    }
}

#[test]
fn a_registrar_that_asks_for_time_gets_it() {
    let mut bench = registering(Profile::default(), |bench| {
        (0..3).for_each(|n| {
            bench.script(n, |request| vec![reply(request, 503).header("Retry-After", 100)]);
        });
    });
    bench.run(150.0);
    assert_eq!(bench.times("REGISTER", "primary"), [0.0, 100.0]);
    let mut bench = registering(Profile::default(), |bench| {
        bench.script(0, |request| vec![reply(request, 480).header("Retry-After", 45)]);
    });
    bench.run(50.0);
    assert_eq!(bench.times("REGISTER", "primary"), [0.0, 45.0]);
    assert!(bench.times("REGISTER", "secondary").is_empty(), "480 is no reason to move on");
}

#[test]
fn rounds_may_be_spaced_at_random_or_as_rfc_5626_says() {
    let gaps = |kind, base_s, max_s, seconds| {
        let mut profile = Profile::default();
        profile.registration.retry = RegistrationRetry { kind, base_s, max_s, jitter: 0.0 };
        let mut bench = registering(profile, |bench| (0..3).for_each(|n| bench.always(n, 503)));
        bench.run(seconds);
        let times = bench.times("REGISTER", "primary");
        times.windows(2).map(|pair| pair[1] - pair[0]).collect::<Vec<f64>>()
    };
    let random = gaps(RetryKind::RandomRange, 10, 20, 1_000.0);
    assert!(random.len() > 40 && random.iter().all(|gap| (10.0..=20.0).contains(gap)), "{random:?}");
    // Section 4.5: half to all of min(max, base × 2^failures).
    let backoff = gaps(RetryKind::Rfc5626, 30, 1_800, 20_000.0);
    for (nth, gap) in backoff.iter().enumerate() {
        let limit = (30.0 * 2f64.powi(nth as i32 + 1)).min(1_800.0);
        assert!((limit / 2.0..=limit).contains(gap), "{nth}: {gap} of {limit}");
    }
    assert!(backoff.len() > 10);
}

#[test]
fn unregister_takes_the_binding_away_and_stops() {
    let mut bench = registering(Profile::default(), |bench| registrar(bench, 0, 60));
    bench.run(10.0);
    bench.tell(|phone, now| phone.unregister(now));
    let last = &bench.sent.last().unwrap().message;
    assert_eq!((last.number("Expires"), last.header("CSeq")), (Some(0), Some("2 REGISTER")));
    assert_eq!(last.contact().unwrap().uri, "sip:1001@192.0.2.100:5060");
    bench.run(1_000.0);
    assert_eq!(bench.sent.len(), 2);
    assert_eq!(bench.reports(), ["registered with primary", "unregistered at primary"]);
}

#[test]
fn no_second_register_before_the_first_has_ended() {
    let mut bench = registering(Profile::default(), |_| ());
    bench.run(1.0);
    bench.tell(|phone, now| phone.register(now));
    bench.tell(|phone, now| phone.unregister(now));
    assert_eq!(bench.times("REGISTER", "primary"), [0.0, 0.5], "only its repetition");
    let register = bench.sent[0].message.clone();
    bench.deliver(0, &registered(&register, 3600));
    assert_eq!(bench.sent.last().unwrap().message.number("Expires"), Some(0));
}

#[test]
fn without_any_answer_unregistering_ends_the_attempts() {
    let mut bench = registering(Profile::default(), |_| ());
    bench.run(96.0 + 29.0);
    let before = bench.sent.len();
    bench.tell(|phone, now| phone.unregister(now));
    bench.run(1_000.0);
    assert_eq!(bench.sent.len(), before);
}

#[test]
fn every_refresh_tries_the_primary_first_when_new_requests_do() {
    let mut bench = registering(with_failback(FailbackMode::NewRequests), |bench| {
        bench.always(0, 503);
        registrar(bench, 1, 60);
    });
    bench.run(50.0);
    assert_eq!(bench.times("REGISTER", "primary").len(), 2);
    registrar(&mut bench, 0, 60);
    bench.run(60.0);
    assert_eq!(bench.reports(), ["registered with secondary", "registered with primary"]);
}

#[test]
fn in_other_modes_calls_go_to_the_working_server() {
    for mode in [FailbackMode::Registration, FailbackMode::Duration, FailbackMode::Never] {
        let mut bench = registering(with_failback(mode), |bench| {
            bench.always(0, 503);
            bench.healthy(1);
        });
        bench.healthy(0);
        bench.tell(|phone, now| phone.dial("1002", now)).unwrap();
        assert!(bench.requests("INVITE", "primary").is_empty(), "{mode:?}");
        assert_eq!(bench.requests("INVITE", "secondary").len(), 1, "{mode:?}");
    }
}

#[test]
fn after_the_profiles_duration_the_primary_is_tried() {
    let mut profile = with_failback(FailbackMode::Duration);
    profile.failback.timeout_s = 600;
    let mut bench = registering(profile, |bench| {
        bench.always(0, 503);
        registrar(bench, 1, 10_000);
    });
    registrar(&mut bench, 0, 10_000);
    bench.run(599.0);
    assert_eq!(bench.times("REGISTER", "primary"), [0.0]);
    bench.run(1.0);
    assert_eq!(bench.times("REGISTER", "primary"), [0.0, 600.0]);
    assert_eq!(bench.reports().last().unwrap(), "registered with primary");
}

#[test]
fn but_not_while_a_call_is_up() {
    let mut profile = with_failback(FailbackMode::Duration);
    profile.failback.timeout_s = 600;
    let mut bench = registering(profile, |bench| {
        bench.always(0, 503);
        bench.healthy(1);
    });
    bench.run(590.0);
    bench.tell(|phone, now| phone.dial("1002", now)).unwrap();
    bench.run(100.0);
    assert_eq!(bench.times("REGISTER", "primary"), [0.0]);
    bench.tell(|phone, now| phone.hang_up(now)).unwrap();
    assert_eq!(bench.times("REGISTER", "primary"), [0.0, 690.0]);
}

#[test]
fn on_the_fallback_the_primary_is_probed_and_the_binding_kept_meanwhile() {
    let mut bench = registering(Profile::default(), |bench| {
        bench.always(0, 503);
        bench.always(1, 503);
        registrar(bench, 2, 10_000);
    });
    bench.run(250.0);
    assert_eq!(bench.times("REGISTER", "primary"), [0.0, 120.0, 240.0]);
    assert_eq!(bench.times("REGISTER", "secondary"), [0.0, 120.0, 240.0]);
    assert_eq!(bench.times("REGISTER", "fallback"), [0.0]);
    assert_eq!(bench.reports(), ["registered with fallback"]);
    registrar(&mut bench, 1, 10_000);
    bench.run(120.0);
    assert_eq!(bench.reports().last().unwrap(), "registered with secondary");
}

#[test]
fn concurrent_registers_with_a_working_server_and_the_fallback_at_once() {
    let mut profile = Profile::default();
    profile.registration.method = RegistrationMethod::Concurrent;
    let mut bench = registering(profile, |bench| {
        bench.always(0, 503);
        bench.healthy(1);
        bench.healthy(2);
    });
    assert_eq!(bench.times("REGISTER", "fallback"), [0.0]);
    let mut reports = bench.reports();
    reports.sort();
    assert_eq!(reports, ["registered with fallback", "registered with secondary"]);
    bench.tell(|phone, now| phone.dial("1002", now)).unwrap();
    assert_eq!(bench.requests("INVITE", "secondary").len(), 1);
    assert!(bench.requests("INVITE", "fallback").is_empty(), "only one works at a time");
}

#[test]
fn with_one_server_concurrent_is_one_registration() {
    let mut profile = Profile::default();
    profile.registration.method = RegistrationMethod::Concurrent;
    let mut bench = Bench::with_servers(profile, 1, sipfarm_core::machine::Transport::Udp);
    registrar(&mut bench, 0, 60);
    bench.tell(|phone, now| phone.register(now));
    assert_eq!(bench.sent.len(), 1);
}

#[test]
fn a_phone_may_have_to_register_where_it_calls() {
    let mut profile = Profile::default();
    profile.failover.register_before_invite = true;
    let mut bench = registering(profile, |bench| {
        bench.healthy(0);
        bench.always(1, 403);
        bench.healthy(2);
    });
    bench.script(0, |request| match request.method().unwrap() {
        Method::Ack => vec![],
        _ => vec![reply(request, 503)],
    });
    bench.tell(|phone, now| phone.dial("1002", now)).unwrap();
    let order: Vec<_> = bench
        .sent
        .iter()
        .skip(1)
        .map(|sent| (sent.message.method().unwrap().as_str(), sent.to.as_str()))
        .collect();
    let expected = [
        ("INVITE", "primary"),
        ("ACK", "primary"),
        ("REGISTER", "secondary"),
        ("REGISTER", "fallback"),
        ("INVITE", "fallback"),
        ("ACK", "192.0.2.77:5060"),
    ];
    assert_eq!(order, expected);
    assert_eq!(bench.reports().last().unwrap(), "call established");
}

#[test]
fn on_primary_up_the_primary_is_probed_from_any_other_server() {
    let mut profile = with_failback(FailbackMode::OnPrimaryUp);
    profile.registration.method = RegistrationMethod::ActiveOnly;
    profile.registration.fallback_probe_s = Some(20);
    let mut bench = registering(profile, |bench| {
        bench.always(0, 503);
        registrar(bench, 1, 10_000);
    });
    bench.run(50.0);
    assert_eq!(bench.times("REGISTER", "primary"), [0.0, 20.0, 40.0]);
    assert_eq!(bench.times("REGISTER", "secondary"), [0.0]);
    registrar(&mut bench, 0, 10_000);
    bench.run(1_000.0);
    assert_eq!(bench.times("REGISTER", "primary"), [0.0, 20.0, 40.0, 60.0], "and no more once it is back");
}

#[test]
fn where_calls_forbid_it_a_refresh_does_not_fail_over() {
    let refreshed = |during_call| {
        let mut profile = Profile::default();
        profile.call_in_progress.failover = Some(during_call);
        let mut bench = Bench::new(profile);
        bench.healthy(0);
        bench.healthy(1);
        bench.tell(|phone, now| phone.register(now));
        bench.tell(|phone, now| phone.dial("1002", now)).unwrap();
        bench.always(0, 503);
        bench.run(3_600.0);
        bench.requests("REGISTER", "secondary").len()
    };
    assert_eq!(refreshed(DuringCall::Forbidden), 0);
    assert_eq!(refreshed(DuringCall::Allowed), 1);
}
