//! REGISTER over UDP: eleven sends, timer E capped at T2, timer F after 64×T1
//! (RFC 3261 section 17.1.2.2).

use crate::common::*;
use sipfarm_core::machine::Transport;
use sipfarm_core::profile::{Profile, RetryRule};

fn registering() -> Bench {
    let mut bench = Bench::with_servers(Profile::default(), 1, Transport::Udp);
    bench.tell(|phone, now| phone.register(now));
    bench
}

#[test]
fn eleven_sends_and_the_end_after_32_seconds() {
    let mut bench = registering();
    bench.run(31.999_999_999);
    let expected = [0.0, 0.5, 1.5, 3.5, 7.5, 11.5, 15.5, 19.5, 23.5, 27.5, 31.5];
    assert_eq!(bench.times("REGISTER", "primary"), expected);
    assert!(bench.reports().is_empty());
    bench.run(0.000_000_001);
    assert_eq!(bench.reports(), ["registration failed: no answer from primary"]);
}

#[test]
fn after_a_provisional_response_it_repeats_every_t2_until_timer_f() {
    let mut bench = registering();
    bench.run(0.6);
    let register = bench.sent[0].message.clone();
    bench.deliver(0, &reply(&register, 100));
    bench.run(31.3);
    // Timer E was running for 1.5 s; it fires there, and from then on it is reset with T2.
    let expected = [0.0, 0.5, 1.5, 5.5, 9.5, 13.5, 17.5, 21.5, 25.5, 29.5];
    assert_eq!(bench.times("REGISTER", "primary"), expected);
    bench.run(0.1);
    assert_eq!(bench.reports(), ["registration failed: no answer from primary"]);
}

#[test]
fn a_failed_round_is_followed_by_another_after_the_profiles_time() {
    let mut bench = registering();
    bench.run(32.0 + 30.0);
    let times = bench.times("REGISTER", "primary");
    assert_eq!(times.len(), 12);
    assert_eq!(times[11], 62.0);
    let (first, second) = (&bench.sent[0].message, &bench.sent[11].message);
    assert_eq!(first.call_id(), second.call_id(), "one Call-ID for one boot (section 10.2.4)");
    assert_ne!(first.branch(), second.branch());
    assert_eq!(second.cseq().unwrap().number, first.cseq().unwrap().number + 1);
}

/// The times of BYE, or CANCEL, to a server that does not answer it.
fn unanswered(method: &str, profile: Profile) -> Vec<f64> {
    let mut bench = Bench::with_servers(profile, 2, Transport::Udp);
    bench.script(0, |request| match request.method().map(|method| method.as_str()) {
        Some("INVITE") => vec![reply(request, 180)],
        _ => vec![],
    });
    bench.tell(|phone, now| phone.dial("1002", now)).unwrap();
    if method == "BYE" {
        let invite = bench.requests("INVITE", "primary")[0].message.clone();
        let route = format!("<sip:{};lr>", addr(0));
        bench.deliver(0, &accepted(&invite, "callee").header("Record-Route", route));
    }
    bench.tell(|phone, now| phone.hang_up(now)).unwrap();
    bench.run(100.0);
    bench.times(method, "primary")
}

/// Timer F is the profile's, unless that time is the vendor's own for leaving a server.
#[test]
fn requests_that_choose_no_server_have_timer_f() {
    let mut short = Profile::default();
    short.timers.invite_timeout_ms = Some(4_000);
    short.timers.non_invite_timeout_ms = Some(4_000);
    let mut fixed = short.clone();
    fixed.failover.retry_rule = RetryRule::FixedTimeout;
    for method in ["BYE", "CANCEL"] {
        assert_eq!(unanswered(method, short.clone()), [0.0, 0.5, 1.5, 3.5], "{method}");
        assert_eq!(unanswered(method, fixed.clone()).len(), 11, "{method}");
    }
}
