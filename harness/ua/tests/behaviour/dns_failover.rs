//! What the phone does when DNS fails, and how requests along the servers behind a name behave
//! (RFC 3263 sections 4.3 and 4.4, YL-12).

use crate::common::dns::*;
use crate::common::*;
use sipfarm_core::dns::ResponseCode;
use sipfarm_core::machine::Transport;
use sipfarm_core::profile::{FailbackMode, Profile, Trigger};
use sipfarm_core::sip::Method;

const PAIR: [&str; 4] = [
    "_sip._udp.pbx.test 60 SRV 10 0 5060 a.pbx.test",
    "_sip._udp.pbx.test 60 SRV 20 0 5060 b.pbx.test",
    "a.pbx.test 60 A 192.0.2.10",
    "b.pbx.test 60 A 192.0.2.11",
];

/// `pbx.test` first, then the fallback at an address.
fn phone(profile: Profile) -> Bench {
    let mut bench = Bench::with_dns(profile, vec![named("main=pbx.test"), at("fallback", addr(2))], 1, 1);
    bench.healthy(2);
    bench
}

fn with_trigger(trigger: Option<Trigger>) -> Profile {
    let mut profile = Profile::default();
    profile.failover.triggers.extend(trigger);
    profile
}

#[test]
fn a_failure_of_dns_leads_on_where_the_profile_says_so() {
    for code in [ResponseCode::ServFail, ResponseCode::NxDomain] {
        let mut bench = phone(with_trigger(Some(Trigger::Dns)));
        bench.dns_script(0, move |query, _| vec![query.answer(code, vec![], vec![])]);
        bench.tell(|phone, now| phone.register(now));
        bench.tell(|phone, now| phone.dial("1002", now)).unwrap();
        assert_eq!(bench.path("REGISTER"), ["UDP 192.0.2.12:5060"], "{code}");
        assert_eq!(bench.path("INVITE"), ["UDP 192.0.2.12:5060"], "{code}");
    }
}

#[test]
fn a_failure_of_dns_fails_the_request_where_it_is_no_trigger() {
    let mut bench = phone(with_trigger(None));
    bench.dns_script(0, |query, _| vec![query.answer(ResponseCode::NxDomain, vec![], vec![])]);
    bench.tell(|phone, now| phone.register(now));
    bench.tell(|phone, now| phone.dial("1002", now)).unwrap();
    assert!(bench.sent.is_empty());
    let failed = ["registration failed: no answer from main", "call failed: no answer"];
    let reports = bench.reports();
    assert!(failed.iter().all(|report| reports.contains(&(*report).to_owned())), "{reports:?}");
}

#[test]
fn a_registration_asks_dns_again_after_its_pause() {
    let mut bench = phone(with_trigger(None));
    bench.dns_script(0, |query, _| vec![query.answer(ResponseCode::NxDomain, vec![], vec![])]);
    bench.tell(|phone, now| phone.register(now));
    bench.zone(0, &PAIR);
    bench.healthy(0);
    bench.run(29.0);
    assert!(bench.sent.is_empty());
    bench.run(2.0);
    assert_eq!(bench.path("REGISTER"), ["UDP 192.0.2.10:5060"]);
}

#[test]
fn registration_and_call_wait_for_one_search() {
    let mut bench = phone(Profile::default());
    bench.tell(|phone, now| phone.register(now));
    bench.tell(|phone, now| phone.dial("1002", now)).unwrap();
    bench.run(4.0);
    assert_eq!(bench.questions(), ["NAPTR pbx.test"]);
    assert!(bench.sent.is_empty());
    bench.zone(0, &PAIR);
    bench.healthy(0);
    bench.run(4.0);
    assert_eq!(bench.times("REGISTER", "primary"), [5.0]);
    assert_eq!(bench.times("INVITE", "primary"), [5.0]);
}

#[test]
fn every_address_of_the_name_is_tried_before_the_next_server() {
    let mut bench = phone(Profile::default());
    bench.zone(0, &PAIR);
    bench.always(0, 503);
    bench.tell(|phone, now| phone.register(now));
    bench.run(40.0);
    let path = ["UDP 192.0.2.10:5060", "UDP 192.0.2.11:5060", "UDP 192.0.2.12:5060"];
    assert_eq!(bench.path("REGISTER"), path);
    assert_eq!(bench.times("REGISTER", "fallback"), [32.0], "the second is silent for the time of timer F");
    assert_eq!(bench.reports(), ["registered with fallback"]);
}

#[test]
fn retransmissions_ack_and_cancel_stay_with_their_server() {
    let mut bench = phone(Profile::default());
    let short: Vec<String> = PAIR.iter().map(|line| line.replace(" 60 ", " 1 ")).collect();
    bench.zone(0, &short.iter().map(String::as_str).collect::<Vec<_>>());
    bench.tell(|phone, now| phone.dial("1002", now)).unwrap();
    bench.zone(0, &["pbx.test 60 A 192.0.2.66"]);
    bench.run(4.0);
    assert_eq!(bench.times("INVITE", "primary"), [0.0, 0.5, 1.5, 3.5], "the record ran out after 1 s");
    let invite = bench.requests("INVITE", "primary")[0].message.clone();
    bench.deliver(0, &reply(&invite, 180));
    bench.tell(|phone, now| phone.hang_up(now)).unwrap();
    assert_eq!(bench.times("CANCEL", "primary"), [4.0]);
    bench.deliver(0, &reply(&invite, 487));
    assert_eq!(bench.times("ACK", "primary"), [4.0]);
}

#[test]
fn a_challenge_is_answered_where_it_came_from() {
    let mut bench = phone(Profile::default());
    bench.zone(0, &PAIR);
    bench.script(0, |request| match request.header("Authorization") {
        _ if request.is_request(&Method::Ack) => vec![],
        Some(_) => vec![registered(request, 3600)],
        None => vec![reply(request, 401).header("WWW-Authenticate", "Digest realm=\"r\", nonce=\"n\"")],
    });
    bench.tell(|phone, now| phone.register(now));
    assert_eq!(bench.requests("REGISTER", "primary").len(), 2);
    assert_eq!(bench.reports(), ["registered with main"]);
}

#[test]
fn the_working_address_of_a_name_comes_first_where_requests_stay_with_it() {
    let mut profile = Profile::default();
    profile.failback.mode = FailbackMode::Never;
    let mut bench = phone(profile);
    bench.zone(0, &PAIR);
    bench.always(0, 503);
    bench.healthy(1);
    bench.tell(|phone, now| phone.register(now));
    bench.tell(|phone, now| phone.dial("1002", now)).unwrap();
    assert_eq!(bench.path("REGISTER"), ["UDP 192.0.2.10:5060", "UDP 192.0.2.11:5060"]);
    assert_eq!(bench.path("INVITE"), ["UDP 192.0.2.11:5060"]);
}

#[test]
fn a_server_that_asked_to_be_left_alone_stays_known_by_its_address() {
    let mut bench = phone(Profile::default());
    bench.zone(0, &PAIR);
    bench.script(0, |request| match request.is_request(&Method::Ack) {
        true => vec![],
        false => vec![reply(request, 503).header("Retry-After", 3000)],
    });
    bench.always(1, 486);
    for _ in 0..2 {
        bench.tell(|phone, now| phone.dial("1002", now)).unwrap();
        bench.run(100.0);
    }
    assert_eq!(bench.requests("INVITE", "primary").len(), 1, "the name was asked for again in between");
    assert_eq!(bench.requests("INVITE", "secondary").len(), 2);
}

#[test]
fn a_phone_registers_with_an_address_of_the_name_before_it_calls_there() {
    let mut profile = Profile::default();
    profile.failover.register_before_invite = true;
    let mut bench = phone(profile);
    bench.zone(0, &PAIR);
    bench.always(0, 503);
    bench.healthy(1);
    bench.tell(|phone, now| phone.dial("1002", now)).unwrap();
    let order: Vec<String> = bench
        .sent
        .iter()
        .map(|sent| format!("{} {}", sent.message.method().unwrap().as_str(), sent.to))
        .filter(|sent| !sent.starts_with("ACK"))
        .collect();
    assert_eq!(order, ["INVITE primary", "REGISTER secondary", "INVITE secondary"]);
}

#[test]
fn who_hangs_up_while_dns_is_asked_calls_nobody() {
    let mut bench = phone(Profile::default());
    bench.tell(|phone, now| phone.dial("1002", now)).unwrap();
    bench.tell(|phone, now| phone.hang_up(now)).unwrap();
    bench.zone(0, &PAIR);
    bench.run(60.0);
    assert!(bench.sent.is_empty());
}

#[test]
fn a_reboot_asks_dns_anew() {
    let mut bench = phone(Profile::default());
    bench.zone(0, &PAIR);
    bench.healthy(0);
    bench.tell(|phone, now| phone.register(now));
    let before = bench.questions();
    bench.tell(|phone, now| phone.reboot(now));
    assert_eq!(bench.questions(), [before.clone(), before].concat());
}

#[test]
fn tcp_to_a_name_uses_the_transport_that_dns_says() {
    let mut bench = phone(Profile::default());
    bench.zone(0, &["_sip._tcp.pbx.test 60 SRV 10 0 5060 a.pbx.test", PAIR[2]]);
    bench.healthy(0);
    bench.tell(|phone, now| phone.register(now));
    let register = bench.requests("REGISTER", "primary")[0];
    assert_eq!(register.transport, Transport::Tcp);
    assert!(register.message.header("Contact").unwrap().contains("transport=tcp"));
}
