//! From a name to its servers: NAPTR, SRV, addresses, and what is done without (RFC 3263 section 4).

use crate::common::dns::*;
use crate::common::*;
use sipfarm_core::machine::Transport;
use sipfarm_core::profile::Profile;
use sipfarm_ua::Server;

/// Where a phone with that server goes, and what it asks on the way.
fn asked_and_found(profile: Profile, server: Server, zone: &[&str]) -> (Vec<String>, Vec<String>) {
    let mut bench = Bench::with_dns(profile, vec![server], 1, 1);
    bench.zone(0, zone);
    bench.tell(|phone, now| phone.dial("1002", now)).unwrap();
    (bench.questions(), bench.path("INVITE"))
}

fn over(transport: Transport, server: &str) -> Server {
    Server { transport: Some(transport), ..named(server) }
}

const WHOLE: [&str; 6] = [
    "pbx.test 60 NAPTR 50 10 s SIPS+D2T _sips._tcp.pbx.test",
    "pbx.test 60 NAPTR 90 10 s SIP+D2T _sip._tcp.pbx.test",
    "pbx.test 60 NAPTR 100 10 s SIP+D2U _sip._udp.pbx.test",
    "_sip._tcp.pbx.test 60 SRV 0 1 5080 one.pbx.test",
    "_sip._udp.pbx.test 60 SRV 0 1 5090 one.pbx.test",
    "one.pbx.test 60 A 192.0.2.10",
];

#[test]
fn naptr_says_which_transport_srv_which_host_and_port() {
    let (asked, path) = asked_and_found(Profile::default(), named("main=pbx.test"), &WHOLE);
    assert_eq!(asked, ["NAPTR pbx.test", "SRV _sip._tcp.pbx.test", "A one.pbx.test"]);
    assert_eq!(path, ["TCP 192.0.2.10:5080"]);
}

#[test]
fn a_transport_that_the_phone_may_not_use_is_passed_over() {
    let mut profile = Profile::default();
    profile.transport.allowed = vec![Transport::Udp];
    let (_, path) = asked_and_found(profile, named("main=pbx.test"), &WHOLE);
    assert_eq!(path, ["UDP 192.0.2.10:5090"]);
}

#[test]
fn at_equal_order_the_lower_preference_comes_first() {
    let zone = [
        "pbx.test 60 NAPTR 10 20 s SIP+D2T _sip._tcp.pbx.test",
        "pbx.test 60 NAPTR 10 10 s SIP+D2U _sip._udp.pbx.test",
        WHOLE[3],
        WHOLE[4],
        WHOLE[5],
    ];
    let (_, path) = asked_and_found(Profile::default(), named("main=pbx.test"), &zone);
    assert_eq!(path, ["UDP 192.0.2.10:5090"]);
}

#[test]
fn naptr_records_for_something_else_are_passed_over() {
    let zone = [
        "pbx.test 60 NAPTR 1 1 u E2U+SIP _sip._tcp.pbx.test",
        "pbx.test 60 NAPTR 2 1 a SIP+D2T one.pbx.test",
        "pbx.test 60 NAPTR 3 1 s SIP+D2U _sip._udp.else.test",
        "_sip._udp.else.test 60 SRV 0 0 5091 one.pbx.test",
        WHOLE[3],
        WHOLE[5],
    ];
    let (_, path) = asked_and_found(Profile::default(), named("main=pbx.test"), &zone);
    assert_eq!(path, ["UDP 192.0.2.10:5091"]);
}

#[test]
fn without_naptr_srv_is_asked_for_each_transport() {
    let (asked, path) = asked_and_found(Profile::default(), named("main=pbx.test"), &WHOLE[3..]);
    let expected = ["NAPTR pbx.test", "SRV _sip._udp.pbx.test", "SRV _sip._tcp.pbx.test", "A one.pbx.test"];
    assert_eq!((asked, path), (expected.map(str::to_owned).to_vec(), vec!["UDP 192.0.2.10:5090".to_owned()]));
    let only_tcp = [WHOLE[3], WHOLE[5]];
    let (_, path) = asked_and_found(Profile::default(), named("main=pbx.test"), &only_tcp);
    assert_eq!(path, ["TCP 192.0.2.10:5080"]);
}

#[test]
fn without_naptr_and_srv_the_name_itself_is_a_host() {
    let zone = ["pbx.test 60 A 192.0.2.10"];
    let (asked, path) = asked_and_found(Profile::default(), named("main=pbx.test"), &zone);
    assert_eq!(asked.last().map(String::as_str), Some("A pbx.test"));
    assert_eq!(path, ["UDP 192.0.2.10:5060"]);
}

#[test]
fn with_a_port_only_addresses_are_asked_for() {
    let zone = [&WHOLE[..], &["pbx.test 60 A 192.0.2.11"]].concat();
    let (asked, path) = asked_and_found(Profile::default(), named("main=pbx.test:5070"), &zone);
    assert_eq!(asked, ["A pbx.test"]);
    assert_eq!(path, ["UDP 192.0.2.11:5070"]);
}

#[test]
fn with_a_transport_naptr_is_not_asked_for() {
    let server = over(Transport::Udp, "main=pbx.test");
    let (asked, path) = asked_and_found(Profile::default(), server, &WHOLE);
    assert_eq!(asked, ["SRV _sip._udp.pbx.test", "A one.pbx.test"]);
    assert_eq!(path, ["UDP 192.0.2.10:5090"]);
    let server = over(Transport::Tcp, "main=pbx.test");
    let (_, path) = asked_and_found(Profile::default(), server, &["pbx.test 60 A 192.0.2.10"]);
    assert_eq!(path, ["TCP 192.0.2.10:5060"]);
    let server = over(Transport::Tcp, "main=pbx.test:5070");
    let (_, path) = asked_and_found(Profile::default(), server, &["pbx.test 60 A 192.0.2.10"]);
    assert_eq!(path, ["TCP 192.0.2.10:5070"]);
}

#[test]
fn an_address_is_asked_for_nowhere() {
    for (server, expected) in
        [("main=192.0.2.10", "UDP 192.0.2.10:5060"), ("main=192.0.2.10:5070", "UDP 192.0.2.10:5070")]
    {
        let (asked, path) = asked_and_found(Profile::default(), named(server), &WHOLE);
        assert_eq!((asked.len(), path), (0, vec![expected.to_owned()]));
    }
}

#[test]
fn other_names_are_followed_within_an_answer_and_from_one_to_the_next() {
    let zone = [
        "pbx.test 60 CNAME a.test",
        "a.test 60 CNAME b.test",
        "b.test 60 CNAME c.test",
        "c.test 60 A 192.0.2.10",
    ];
    let (asked, path) = asked_and_found(Profile::default(), named("main=pbx.test:5060"), &zone);
    assert_eq!(asked, ["A pbx.test", "A a.test", "A b.test"]);
    assert_eq!(path, ["UDP 192.0.2.10:5060"]);
}

#[test]
fn other_names_in_a_circle_lead_nowhere() {
    let mut bench = Bench::with_dns(Profile::default(), vec![named("main=pbx.test:5060")], 1, 1);
    bench.zone(0, &["pbx.test 60 CNAME a.test", "a.test 60 CNAME pbx.test"]);
    bench.tell(|phone, now| phone.dial("1002", now)).unwrap();
    assert_eq!(bench.reports(), ["cannot find main: its other names lead nowhere", "call failed: no answer"]);
}

#[test]
fn a_service_that_is_not_offered_is_not_looked_for_elsewhere() {
    let zone = ["_sip._udp.pbx.test 60 SRV 0 0 0 .", "pbx.test 60 A 192.0.2.10"];
    let server = over(Transport::Udp, "main=pbx.test");
    let mut bench = Bench::with_dns(Profile::default(), vec![server], 1, 1);
    bench.zone(0, &zone);
    bench.tell(|phone, now| phone.dial("1002", now)).unwrap();
    assert!(bench.sent.is_empty());
    assert_eq!(bench.questions(), ["SRV _sip._udp.pbx.test"]);
    assert_eq!(bench.reports()[0], "cannot find main: the domain does not offer SIP");
}

#[test]
fn hosts_without_an_address_are_left_out() {
    let zone = [
        "_sip._udp.pbx.test 60 SRV 0 0 5060 gone.pbx.test",
        "_sip._udp.pbx.test 60 SRV 1 0 5060 one.pbx.test",
        WHOLE[5],
    ];
    let server = over(Transport::Udp, "main=pbx.test");
    let (_, path) = asked_and_found(Profile::default(), server, &zone);
    assert_eq!(path, ["UDP 192.0.2.10:5060"]);
}

#[test]
fn the_outcomes_of_a_search_are_told_apart() {
    for (zone, expected) in [
        (&["else.test 60 A 192.0.2.10"], "DNS has no such name"),
        (&["pbx.test 60 NAPTR 1 1 u E2U+SIP x.test"], "DNS has no address for it"),
    ] {
        let mut bench = Bench::named(Profile::default(), zone);
        bench.tell(|phone, now| phone.dial("1002", now)).unwrap();
        assert_eq!(bench.reports()[0], format!("cannot find main: {expected}"));
    }
}
