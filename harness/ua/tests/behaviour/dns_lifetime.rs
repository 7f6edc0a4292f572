//! What DNS says is used for its time and no longer (RFC 1035 section 3.2.1, RFC 3263 section 4),
//! and the end of that time may bring the phone back (YL-16, failback mode `dns_ttl`).

use crate::common::dns::*;
use crate::common::*;
use sipfarm_core::profile::{FailbackMode, Profile};

fn dial(bench: &mut Bench) {
    bench.tell(|phone, now| phone.dial("1002", now)).unwrap();
}

/// A phone whose calls end at once, at `pbx.test:5060`.
fn phone(zone: &[&str]) -> Bench {
    let mut bench = Bench::with_dns(Profile::default(), vec![named("main=pbx.test:5060")], 1, 1);
    bench.zone(0, zone);
    for n in 0..3 {
        bench.always(n, 486);
    }
    bench
}

#[test]
fn an_answer_is_used_until_it_runs_out() {
    let mut bench = phone(&["pbx.test 60 A 192.0.2.10"]);
    dial(&mut bench);
    bench.zone(0, &["pbx.test 60 A 192.0.2.11"]);
    bench.run(59.9);
    dial(&mut bench);
    assert_eq!(bench.path("INVITE"), ["UDP 192.0.2.10:5060"]);
    assert_eq!(bench.questions().len(), 1);
    bench.run(0.1);
    dial(&mut bench);
    assert_eq!(bench.path("INVITE"), ["UDP 192.0.2.10:5060", "UDP 192.0.2.11:5060"]);
}

#[test]
fn the_shortest_life_on_the_way_counts() {
    let zone = |host: &str| {
        let srv = format!("_sip._udp.pbx.test 20 SRV 1 0 5060 {host}.pbx.test");
        [srv, "a.pbx.test 600 A 192.0.2.10".to_owned(), "b.pbx.test 600 A 192.0.2.11".to_owned()]
    };
    let mut bench = Bench::named(Profile::default(), &zone("a").each_ref().map(String::as_str));
    bench.always(0, 486);
    bench.always(1, 486);
    dial(&mut bench);
    bench.zone(0, &zone("b").each_ref().map(String::as_str));
    let before = bench.questions().len();
    bench.run(20.0);
    dial(&mut bench);
    assert_eq!(bench.path("INVITE"), ["UDP 192.0.2.10:5060", "UDP 192.0.2.11:5060"]);
    let again: Vec<String> = bench.questions().split_off(before);
    assert!(!again.contains(&"A a.pbx.test".to_owned()), "{again:?}");
}

#[test]
fn an_answer_without_life_serves_one_request() {
    let mut bench = phone(&["pbx.test 0 A 192.0.2.10"]);
    for _ in 0..3 {
        dial(&mut bench);
        bench.run(1.0);
    }
    assert_eq!(bench.questions().len(), 3);
    assert_eq!(bench.requests("INVITE", "primary").len(), 3);
}

#[test]
fn a_phone_that_keeps_nothing_asks_for_each_request() {
    let mut profile = Profile::default();
    profile.servers.keeps_dns = false;
    let mut bench = Bench::with_dns(profile, vec![named("main=pbx.test:5060")], 1, 1);
    bench.always(0, 486);
    bench.always(1, 486);
    bench.zone(0, &["pbx.test 60 A 192.0.2.10"]);
    dial(&mut bench);
    bench.zone(0, &["pbx.test 60 A 192.0.2.11"]);
    bench.run(1.0);
    dial(&mut bench);
    assert_eq!(bench.path("INVITE"), ["UDP 192.0.2.10:5060", "UDP 192.0.2.11:5060"]);
    assert_eq!(bench.questions().len(), 2);
}

#[test]
fn a_life_with_the_highest_bit_set_is_none() {
    let mut bench = phone(&["pbx.test 2147483648 A 192.0.2.10"]);
    dial(&mut bench);
    bench.run(1.0);
    dial(&mut bench);
    assert_eq!(bench.questions().len(), 2);
}

#[test]
fn that_there_is_nothing_is_asked_again_each_time() {
    let mut bench = phone(&["else.test 60 A 192.0.2.10"]);
    dial(&mut bench);
    bench.zone(0, &["pbx.test 60 A 192.0.2.10"]);
    bench.run(1.0);
    dial(&mut bench);
    assert_eq!(bench.times("INVITE", "primary"), [1.0]);
}

#[test]
fn a_request_that_moves_on_asks_again_when_the_answer_has_run_out() {
    let mut bench = phone(&["pbx.test 10 A 192.0.2.10", "pbx.test 10 A 192.0.2.11"]);
    bench.silent(0);
    dial(&mut bench);
    bench.zone(0, &["pbx.test 10 A 192.0.2.10", "pbx.test 10 A 192.0.2.12"]);
    bench.run(40.0);
    assert_eq!(bench.path("INVITE"), ["UDP 192.0.2.10:5060", "UDP 192.0.2.12:5060"]);
    assert_eq!(bench.times("INVITE", "fallback"), [32.0]);
}

#[test]
fn a_refresh_goes_where_the_name_is_now() {
    let mut profile = Profile::default();
    profile.failback.mode = FailbackMode::Never;
    let mut bench = Bench::with_dns(profile, vec![named("main=pbx.test:5060")], 1, 1);
    bench.zone(0, &["pbx.test 60 A 192.0.2.10"]);
    bench.healthy(0);
    bench.healthy(1);
    bench.tell(|phone, now| phone.register(now));
    bench.zone(0, &["pbx.test 60 A 192.0.2.11"]);
    bench.run(3600.0);
    assert_eq!(bench.path("REGISTER"), ["UDP 192.0.2.10:5060", "UDP 192.0.2.11:5060"]);
}

#[test]
fn a_server_that_appears_with_each_answer_does_not_lead_a_request_on_for_ever() {
    let mut bench = phone(&[]);
    let mut count = 0;
    bench.dns_script(0, move |query, _| {
        count += 1;
        let line = format!("pbx.test 0 A 192.0.3.{count}");
        vec![query.answer(sipfarm_core::dns::ResponseCode::NoError, vec![record(&line)], vec![])]
    });
    dial(&mut bench);
    bench.run(3600.0);
    assert_eq!(bench.path("INVITE").len(), 1, "nobody else stood in the answer that was followed");
}

const PAIR: [&str; 4] = [
    "_sip._udp.pbx.test 300 SRV 10 0 5060 a.pbx.test",
    "_sip._udp.pbx.test 300 SRV 20 0 5060 b.pbx.test",
    "a.pbx.test 300 A 192.0.2.10",
    "b.pbx.test 300 A 192.0.2.11",
];

/// A phone of mode `dns_ttl` that stands with the second of two servers; the first is back.
fn away() -> Bench {
    let mut profile = Profile::default();
    profile.failback.mode = FailbackMode::DnsTtl;
    let mut bench = Bench::named(profile, &PAIR);
    bench.always(0, 503);
    bench.healthy(1);
    bench.tell(|phone, now| phone.register(now));
    assert_eq!(bench.path("REGISTER"), ["UDP 192.0.2.10:5060", "UDP 192.0.2.11:5060"]);
    bench.healthy(0);
    bench.run(0.0);
    bench
}

#[test]
fn the_end_of_the_answer_brings_the_phone_back() {
    let mut bench = away();
    bench.run(330.0);
    let back = bench.times("REGISTER", "primary")[1];
    assert!((300.0..=330.0).contains(&back), "{back}: YL-16 says TTL to TTL + 10 %");
    bench.run(600.0);
    assert_eq!(bench.requests("REGISTER", "primary").len(), 2, "it is where it belongs");
}

#[test]
fn a_server_that_is_still_down_is_tried_once_for_each_answer() {
    let mut bench = away();
    bench.always(0, 503);
    bench.run(1000.0);
    let times = bench.times("REGISTER", "primary");
    assert_eq!(times.len(), 4, "{times:?}");
    for (n, at) in times.iter().enumerate().skip(1) {
        let (least, most) = (300.0 * n as f64, 330.0 * n as f64);
        assert!((least..=most).contains(at), "{at} is not within {least} to {most}");
    }
    assert_eq!(bench.requests("REGISTER", "secondary").len(), 1);
}

#[test]
fn a_call_keeps_the_phone_where_it_is() {
    let mut bench = away();
    bench.run(200.0);
    dial(&mut bench);
    bench.run(200.0);
    assert_eq!(bench.requests("REGISTER", "primary").len(), 1);
    bench.tell(|phone, now| phone.hang_up(now)).unwrap();
    assert_eq!(bench.times("REGISTER", "primary")[1..], [400.0]);
}

#[test]
fn the_phone_finds_the_addresses_that_the_name_has_then() {
    let mut bench = away();
    bench.zone(0, &["_sip._udp.pbx.test 300 SRV 10 0 5060 c.pbx.test", "c.pbx.test 300 A 192.0.2.12"]);
    bench.healthy(2);
    bench.run(330.0);
    assert_eq!(bench.path("REGISTER").last().unwrap(), "UDP 192.0.2.12:5060");
}
