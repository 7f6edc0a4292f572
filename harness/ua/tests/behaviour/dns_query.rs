//! How the phone asks DNS servers: whom, how often, and which answers it believes (RFC 1035 section
//! 4.2, RFC 5452 section 9).

use std::collections::BTreeSet;

use crate::common::dns::*;
use crate::common::*;
use sipfarm_core::dns::{DnsMessage, RecordKind, ResponseCode};
use sipfarm_core::machine::{Output, Transport};
use sipfarm_core::profile::Profile;

const ADDRESS: [&str; 1] = ["pbx.test 60 A 192.0.2.10"];

/// A phone that asks for the address of `pbx.test` only.
fn phone(dns: u8) -> Bench {
    let mut bench = Bench::with_dns(Profile::default(), vec![named("main=pbx.test:5060")], dns, 1);
    bench.healthy(0);
    bench
}

fn dialled(mut bench: Bench, seconds: f64) -> Bench {
    bench.tell(|phone, now| phone.dial("1002", now)).unwrap();
    bench.run(seconds);
    bench
}

fn tries(bench: &Bench) -> Vec<(f64, bool)> {
    bench.dns.asked.iter().map(|asked| (asked.at, asked.to == dns_addr(1))).collect()
}

#[test]
fn each_server_is_asked_twice_for_five_seconds() {
    let bench = dialled(phone(2), 60.0);
    assert_eq!(tries(&bench), [(0.0, false), (5.0, true), (10.0, false), (15.0, true)]);
    assert_eq!(bench.reports(), ["cannot find main: no DNS server answers", "call failed: no answer"]);
    assert!(bench.sent.is_empty());
    let ids: BTreeSet<u16> = bench.dns.asked.iter().map(|asked| asked.message.id).collect();
    assert_eq!(ids.len(), 4, "each try has an id of its own");
}

#[test]
fn a_request_waits_for_the_second_server() {
    let mut bench = phone(2);
    bench.zone(1, &ADDRESS);
    let bench = dialled(bench, 60.0);
    assert_eq!(bench.times("INVITE", "primary"), [5.0]);
    assert_eq!(bench.reports(), ["alerting", "call established"]);
}

#[test]
fn a_server_that_cannot_tell_is_left_at_once() {
    for code in [ResponseCode::ServFail, ResponseCode::Refused, ResponseCode::NotImp, ResponseCode::FormErr] {
        let mut bench = phone(2);
        bench.dns_script(0, move |query, _| vec![query.answer(code, vec![], vec![])]);
        bench.zone(1, &ADDRESS);
        let bench = dialled(bench, 60.0);
        assert_eq!(tries(&bench), [(0.0, false), (0.0, true)], "{code}");
        assert_eq!(bench.times("INVITE", "primary"), [0.0], "{code}");
    }
}

#[test]
fn a_server_that_cannot_tell_is_not_asked_again() {
    let mut bench = phone(2);
    bench.dns_script(0, |query, _| vec![query.answer(ResponseCode::ServFail, vec![], vec![])]);
    let bench = dialled(bench, 60.0);
    assert_eq!(tries(&bench), [(0.0, false), (0.0, true), (5.0, true)]);
    assert_eq!(bench.reports()[0], "cannot find main: the DNS server says SERVFAIL");
}

#[test]
fn a_closed_port_is_left_at_once() {
    let mut bench = phone(2);
    bench.dns.closed.push(dns_addr(0));
    bench.zone(1, &ADDRESS);
    let bench = dialled(bench, 60.0);
    assert_eq!(tries(&bench), [(0.0, false), (0.0, true)]);
    assert_eq!(bench.times("INVITE", "primary"), [0.0]);
}

#[test]
fn each_question_has_a_port_of_its_own_and_gives_it_back() {
    let mut bench = Bench::named(Profile::default(), &ADDRESS);
    bench.healthy(0);
    let bench = dialled(bench, 60.0);
    let ports: BTreeSet<_> = bench.dns.asked.iter().map(|asked| asked.local.unwrap()).collect();
    assert_eq!(ports.len(), bench.dns.asked.len());
    assert!(ports.iter().all(|port| port.port() >= 49_152 && port.ip() == phone_addr().ip()));
    // Open from the beginning are that of SIP, and from the first call on two for audio.
    for (state, count) in [("Open", ports.len() + 1 + 2), ("Closed", ports.len())] {
        let is_it = |output: &Output| matches!(output, Output::SetPort { transport: Transport::Udp, state: s, .. } if format!("{s:?}") == state);
        assert_eq!(bench.other.iter().filter(|(_, output)| is_it(output)).count(), count, "{state}");
    }
}

#[test]
fn one_seed_draws_the_same_ids_and_ports_and_another_seed_others() {
    let drawn = |seed| {
        let mut bench = Bench::with_dns(Profile::default(), vec![named("main=pbx.test")], 1, seed);
        bench.zone(0, &ADDRESS);
        let bench = dialled(bench, 60.0);
        bench.dns.asked.iter().map(|asked| (asked.message.id, asked.local)).collect::<Vec<_>>()
    };
    assert_eq!(drawn(7), drawn(7));
    assert_ne!(drawn(7), drawn(8));
}

#[test]
fn only_the_answer_to_its_question_is_believed() {
    type Forge = fn(&mut DnsMessage);
    let forgeries: [(&str, Forge); 4] = [
        ("another id", |answer| answer.id = answer.id.wrapping_add(1)),
        ("another question", |answer| answer.questions[0].name = "else.test".to_owned()),
        ("another kind", |answer| answer.questions[0].kind = RecordKind::Aaaa),
        ("a query", |answer| answer.is_response = false),
    ];
    for (what, forge) in forgeries {
        let mut bench = dialled(phone(1), 1.0);
        let query = bench.dns.asked[0].message.clone();
        let mut answer = query.answer(ResponseCode::NoError, vec![record(ADDRESS[0])], vec![]);
        let genuine = answer.clone();
        forge(&mut answer);
        bench.answer(dns_addr(0), &answer);
        assert!(bench.sent.is_empty(), "{what}");
        bench.answer(dns_addr(0), &genuine);
        assert_eq!(bench.times("INVITE", "primary"), [1.0], "{what}");
    }
}

#[test]
fn an_answer_from_elsewhere_is_not_believed() {
    let mut bench = dialled(phone(2), 1.0);
    let query = bench.dns.asked[0].message.clone();
    let answer = query.answer(ResponseCode::NoError, vec![record(ADDRESS[0])], vec![]);
    for elsewhere in [dns_addr(1), "192.0.2.50:5353".parse().unwrap()] {
        bench.answer(elsewhere, &answer);
        assert!(bench.sent.is_empty(), "{elsewhere}");
    }
}

#[test]
fn records_of_other_names_are_not_believed() {
    let mut bench = phone(1);
    bench.dns_script(0, |query, _| {
        let strange = vec![record("else.test 60 A 192.0.2.66")];
        vec![query.answer(ResponseCode::NoError, strange.clone(), strange)]
    });
    let bench = dialled(bench, 60.0);
    assert!(bench.sent.is_empty());
    assert_eq!(bench.reports()[0], "cannot find main: DNS has no address for it");
}

#[test]
fn a_truncated_answer_is_asked_for_over_tcp() {
    let mut bench = phone(1);
    let records = [record(ADDRESS[0])];
    bench.dns_script(0, move |query, transport| {
        let answer = look_up(query, &records);
        let cut = DnsMessage { truncated: true, answers: vec![], ..answer.clone() };
        vec![if transport == Transport::Udp { cut } else { answer }]
    });
    let bench = dialled(bench, 60.0);
    let over_tcp: Vec<bool> = bench.dns.asked.iter().map(|asked| asked.local.is_none()).collect();
    assert_eq!(over_tcp, [false, true]);
    assert_eq!(bench.times("INVITE", "primary"), [0.0]);
    assert!(bench.other.iter().any(|(_, output)| matches!(output, Output::CloseStream { .. })));
}

#[test]
fn a_truncated_answer_without_tcp_leads_to_the_next_server() {
    for (tcp, at) in [(Tcp::Refuse, 0.0), (Tcp::Ignore, 5.0)] {
        let mut bench = phone(2);
        bench.dns_script(0, |query, _| {
            vec![DnsMessage { truncated: true, ..query.answer(ResponseCode::NoError, vec![], vec![]) }]
        });
        bench.tcp.insert(dns_addr(0), tcp);
        bench.zone(1, &ADDRESS);
        let bench = dialled(bench, 60.0);
        assert_eq!(bench.times("INVITE", "primary"), [at], "{tcp:?}");
    }
}

#[test]
fn without_dns_servers_a_name_is_found_nowhere() {
    let bench = dialled(phone(0), 60.0);
    assert_eq!(
        bench.reports(),
        ["cannot find main: there is no DNS server to ask", "call failed: no answer"]
    );
}

#[test]
fn what_is_no_domain_name_is_found_nowhere() {
    let server = named(&format!("main={}.test", "x".repeat(64)));
    let bench = dialled(Bench::with_dns(Profile::default(), vec![server], 1, 1), 60.0);
    assert_eq!(bench.reports()[0], "cannot find main: DNS has no such name");
}

#[test]
fn garbage_is_passed_over() {
    let mut bench = dialled(phone(1), 1.0);
    let local = bench.dns.asked[0].local.unwrap();
    for payload in [b"".to_vec(), vec![0; 12], vec![0xff; 600], b"SIP/2.0 200 OK\r\n\r\n".to_vec()] {
        bench.hear(sipfarm_core::machine::Input::Datagram { local, remote: dns_addr(0), payload });
    }
    bench.zone(0, &ADDRESS);
    bench.run(5.0);
    assert_eq!(bench.times("INVITE", "primary"), [5.0]);
}

#[test]
fn a_thousand_records_are_no_more_than_a_few_servers() {
    let mut bench = phone(1);
    let many: Vec<_> = (0..200).map(|n| record(&format!("pbx.test 60 A 192.0.3.{n}"))).collect();
    bench.dns_script(0, move |query, _| vec![look_up(query, &many)]);
    bench.tell(|phone, now| phone.dial("1002", now)).unwrap();
    bench.run(3600.0);
    assert_eq!(bench.path("INVITE").len(), 32);
}
