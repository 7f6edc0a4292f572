//! 503 from one server sends the request to the next (RFC 3263 section 4.3, YL-02, YL-04).

use crate::common::*;
use sipfarm_core::profile::{HonourRetryAfter, Profile};

fn dialled(mut bench: Bench) -> Bench {
    bench.tell(|phone, now| phone.dial("1002", now)).unwrap();
    bench.run(60.0);
    bench
}

#[test]
fn the_next_server_gets_the_same_request_with_a_new_branch() {
    let mut bench = Bench::new(Profile::default());
    bench.always(0, 503);
    bench.healthy(1);
    let bench = dialled(bench);
    let (first, second) = (bench.requests("INVITE", "primary")[0], bench.requests("INVITE", "secondary")[0]);
    assert_eq!((first.at, second.at), (0.0, 0.0));
    assert_ne!(first.message.branch(), second.message.branch());
    for name in ["Call-ID", "CSeq", "From", "To"] {
        assert_eq!(first.message.header(name), second.message.header(name), "{name}");
    }
    assert_eq!(first.message.body, second.message.body);
    let order: Vec<_> =
        bench.sent.iter().map(|sent| (sent.to.as_str(), sent.message.method().unwrap().as_str())).collect();
    let expected =
        [("primary", "INVITE"), ("primary", "ACK"), ("secondary", "INVITE"), ("192.0.2.77:5060", "ACK")];
    assert_eq!(order, expected, "the 503 is acknowledged where it came from, the 2xx along its route");
    assert_eq!(bench.reports(), ["alerting", "call established"]);
}

#[test]
fn the_ack_of_the_503_is_the_transactions_own() {
    let mut bench = Bench::new(Profile::default());
    bench.always(0, 503);
    let bench = dialled(bench);
    let (invite, ack) =
        (&bench.requests("INVITE", "primary")[0].message, &bench.requests("ACK", "primary")[0].message);
    assert_eq!(ack.values("Via"), invite.values("Via"));
    assert_eq!(ack.header("CSeq"), Some("1 ACK"));
    assert_eq!(ack.request_uri(), invite.request_uri());
    assert_eq!(ack.to().unwrap().tag(), Some("srv"));
    assert!(ack.body.is_empty());
}

#[test]
fn when_all_have_failed_the_call_fails_and_nothing_more_is_tried() {
    let mut bench = Bench::new(Profile::default());
    for server in 0..3 {
        bench.always(server, 503);
    }
    let bench = dialled(bench);
    let tried: Vec<_> = bench
        .sent
        .iter()
        .filter(|sent| sent.message.header("CSeq") == Some("1 INVITE"))
        .map(|sent| sent.to.as_str())
        .collect();
    assert_eq!(tried, ["primary", "secondary", "fallback"]);
    assert_eq!(bench.reports(), ["call failed: 503"]);
}

#[test]
fn other_codes_do_not_fail_over() {
    for code in [302, 403, 404, 408, 480, 486, 488, 500, 504, 600, 603] {
        let mut bench = Bench::new(Profile::default());
        bench.always(0, code);
        bench.healthy(1);
        let bench = dialled(bench);
        assert!(bench.requests("INVITE", "secondary").is_empty(), "{code}");
        assert_eq!(bench.reports(), [format!("call failed: {code}")]);
    }
}

#[test]
fn each_call_tries_the_primary_first() {
    let mut bench = Bench::new(Profile::default());
    bench.always(0, 503);
    bench.healthy(1);
    let mut bench = dialled(bench);
    bench.tell(|phone, now| phone.hang_up(now)).unwrap();
    bench.healthy(0);
    let mut bench = dialled(bench);
    assert_eq!(bench.times("INVITE", "primary"), [0.0, 60.0]);
    assert_eq!(bench.times("INVITE", "secondary"), [0.0]);
    assert!(bench.tell(|phone, now| phone.dial("1003", now)).is_err(), "one call at a time");
}

#[test]
fn a_server_that_asked_for_time_is_left_alone_for_that_long() {
    let run = |honour: HonourRetryAfter| {
        let mut profile = Profile::default();
        profile.failover.honour_retry_after = honour;
        let mut bench = Bench::new(profile);
        bench.script(0, |request| match request.method().unwrap().as_str() {
            "ACK" => vec![],
            _ => vec![reply(request, 503).header("Retry-After", "120 (maintenance)")],
        });
        bench.always(1, 486);
        for _ in 0..3 {
            bench.tell(|phone, now| phone.dial("1002", now)).unwrap();
            bench.run(60.0);
        }
        bench.times("INVITE", "primary")
    };
    assert_eq!(run(HonourRetryAfter::Must), [0.0, 120.0]);
    assert_eq!(run(HonourRetryAfter::Never), [0.0, 60.0, 120.0]);
}

#[test]
fn a_registration_fails_over_too_and_calls_still_try_the_primary() {
    let mut bench = Bench::new(Profile::default());
    bench.always(0, 503);
    bench.healthy(1);
    bench.tell(|phone, now| phone.register(now));
    assert_eq!(bench.reports(), ["registered with secondary"]);
    let (first, second) = (
        &bench.requests("REGISTER", "primary")[0].message,
        &bench.requests("REGISTER", "secondary")[0].message,
    );
    assert_ne!(first.branch(), second.branch());
    assert_eq!(first.header("CSeq"), second.header("CSeq"));
}

#[test]
fn every_repetition_of_the_503_is_acknowledged_for_the_life_of_timer_d() {
    let mut bench = Bench::new(Profile::default());
    bench.always(0, 503);
    bench.healthy(1);
    bench.tell(|phone, now| phone.dial("1002", now)).unwrap();
    let invite = bench.requests("INVITE", "primary")[0].message.clone();
    bench.run(31.999);
    bench.deliver(0, &reply(&invite, 503));
    bench.run(0.001);
    bench.deliver(0, &reply(&invite, 503));
    let acks = bench.requests("ACK", "primary");
    assert_eq!(acks.iter().map(|ack| ack.at).collect::<Vec<_>>(), [0.0, 31.999]);
    assert_eq!(acks[0].message.raw, acks[1].message.raw);
    assert_eq!(bench.requests("INVITE", "secondary").len(), 1, "and moves nothing on");
}
