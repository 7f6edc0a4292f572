//! `dns-order`, `dns-ttl`, `dns-truncation`, `dns-hammering` and the expectation `asks-dns`.
#![allow(clippy::unwrap_used)]

use std::net::IpAddr;

use sipfarm_core::dns::{DnsMessage, Record, RecordData, RecordKind, ResponseCode, Srv};
use sipfarm_core::machine::Transport;
use sipfarm_core::profile::{FailbackMode, OnExhausted, SrvWeight};
use sipfarm_core::sip::MessageBuilder;
use sipfarm_judge::timeline::TcpStep;
use sipfarm_judge::{Expectation, Verdict};

use crate::common::{Story, credentials, span};

const NAME: &str = "example.test";
const SERVICE: &str = "_sip._udp.example.test";

/// A phone that knows primary and secondary by one name, and the fallback by its address.
fn story() -> Story {
    Story::new().by_name(&[NAME, "fallback"])
}

fn srv(ttl_s: u32, priority: u16, weight: u16, target: &str) -> Record {
    let srv = Srv { priority, weight, port: 5060, target: format!("{target}.{NAME}") };
    Record { name: SERVICE.to_owned(), ttl_s, data: RecordData::Srv(srv) }
}

fn address(story: &Story, ttl_s: u32, node: &str) -> Record {
    let IpAddr::V4(ip) = story.addr(node).ip() else { unreachable!() };
    Record { name: format!("{node}.{NAME}"), ttl_s, data: RecordData::A(ip) }
}

/// The phone asks for the service and is told these records at once, with the addresses of all.
fn told(story: &mut Story, at: f64, records: &[(u32, u16, u16, &str)]) {
    let query = DnsMessage::query((at * 10.0) as u16, SERVICE, RecordKind::Srv);
    let services = records.iter().map(|&(ttl, priority, weight, node)| srv(ttl, priority, weight, node));
    let addresses = records.iter().map(|&(ttl, _, _, node)| address(story, ttl, node)).collect();
    let answer = query.answer(ResponseCode::NoError, services.collect(), addresses);
    story.at(at).asks_dns(Transport::Udp, query);
    story.at(at + 0.01).dns_says(Transport::Udp, answer);
}

const PAIR: [(u32, u16, u16, &str); 2] = [(60, 10, 0, "primary"), (60, 20, 0, "secondary")];

/// A call that is refused with 503 at each of these nodes and goes on to the next at once.
fn refused_at(story: &mut Story, from: f64, nodes: &[&str]) {
    for (n, node) in nodes.iter().enumerate() {
        let at = from + 0.1 * n as f64;
        story.at(at).phone().sends("INVITE", node);
        story.at(at + 0.02).node(node).answers("INVITE", 503);
        story.at(at + 0.03).phone().acks(node);
    }
}

/// YL-12.
#[test]
fn all_addresses_by_priority_and_then_the_next_server_pass() {
    let mut story = story();
    told(&mut story, 0.0, &PAIR);
    refused_at(&mut story, 1.0, &["primary", "secondary", "fallback"]);
    assert_eq!(story.verdict("dns-order", 10.0), Verdict::Pass);
    assert_eq!(story.verdict("dns-ttl", 10.0), Verdict::Pass);
    assert_eq!(story.verdict("server-order", 10.0), Verdict::NotApplicable);
}

/// A connection that is refused comes before the first request of its call, and is a try all the same.
#[test]
fn an_address_that_refuses_the_connection_before_the_first_request_is_not_left_out() {
    let verdict = |refused: bool| {
        let mut story = story();
        told(&mut story, 0.0, &PAIR);
        story.at(0.5).syn("primary");
        story.at(0.6).tcp_from("primary", if refused { TcpStep::Rst } else { TcpStep::SynAck });
        refused_at(&mut story, 1.0, &["secondary", "fallback"]);
        story.verdict("dns-order", 10.0)
    };
    assert_eq!(verdict(true), Verdict::Pass);
    assert_eq!(verdict(false), Verdict::Fail);
}

/// The answer decides, not the order of the farm.
#[test]
fn the_priority_of_the_answer_decides() {
    let swapped = [(60, 20, 0, "primary"), (60, 10, 0, "secondary")];
    let mut right = story();
    told(&mut right, 0.0, &swapped);
    refused_at(&mut right, 1.0, &["secondary", "primary", "fallback"]);
    assert_eq!(right.verdict("dns-order", 10.0), Verdict::Pass);
    let mut wrong = story();
    told(&mut wrong, 0.0, &swapped);
    refused_at(&mut wrong, 1.0, &["primary", "secondary", "fallback"]);
    assert_eq!(wrong.verdict("dns-order", 10.0), Verdict::Fail);
    wrong.sight.lossy = true;
    assert_eq!(wrong.verdict("dns-order", 10.0), Verdict::Inconclusive);
}

#[test]
fn an_address_left_out_before_the_next_server_fails() {
    let mut story = story();
    told(&mut story, 0.0, &PAIR);
    refused_at(&mut story, 1.0, &["primary", "fallback"]);
    let findings = story.findings("dns-order", 10.0);
    assert_eq!(findings[0].verdict, Verdict::Fail);
    assert!(findings[0].seen.contains("\"secondary\""), "{}", findings[0].seen);
}

/// YL-04: one try for each address in one call, whatever came in between.
#[test]
fn an_address_tried_again_in_the_same_call_fails() {
    let verdict = |order: &[&str]| {
        let mut story = story();
        told(&mut story, 0.0, &PAIR);
        refused_at(&mut story, 1.0, order);
        let again = story.verdict("dns-order", 10.0);
        story.profile.failover.on_exhausted = OnExhausted::RestartList;
        (again, story.verdict("dns-order", 10.0))
    };
    let both = (Verdict::Fail, Verdict::Pass);
    assert_eq!(verdict(&["primary", "primary"]), both);
    assert_eq!(verdict(&["primary", "secondary", "primary"]), both);
    assert_eq!(verdict(&["primary", "secondary", "fallback", "primary"]), both);
    assert_eq!(verdict(&["primary", "secondary", "fallback", "fallback"]), both);
}

/// An address that stands for two servers is tried for each.
#[test]
fn an_address_that_dns_names_twice_may_be_tried_twice() {
    let twice = |order: &[&str]| {
        let mut story = story();
        let query = DnsMessage::query(7, SERVICE, RecordKind::Srv);
        let services = [(10, "primary"), (20, "secondary"), (30, "primary")];
        let services = services.map(|(priority, node)| srv(60, priority, 0, node)).to_vec();
        let addresses = ["primary", "secondary"].map(|node| address(&story, 60, node)).to_vec();
        story.at(0.0).asks_dns(Transport::Udp, query.clone());
        story.at(0.1).dns_says(Transport::Udp, query.answer(ResponseCode::NoError, services, addresses));
        refused_at(&mut story, 1.0, order);
        story.verdict("dns-order", 10.0)
    };
    assert_eq!(twice(&["primary", "secondary", "primary", "fallback"]), Verdict::Pass);
    assert_eq!(twice(&["primary", "secondary", "primary", "primary"]), Verdict::Fail);
}

/// Credentials are no second try, another call is another call, and a registration starts over (YL-14).
#[test]
fn an_address_that_comes_again_for_a_reason_passes() {
    let mut challenged = story();
    told(&mut challenged, 0.0, &PAIR);
    challenged.at(1.0).phone().sends("INVITE", "primary");
    challenged.at(1.1).node("primary").answers("INVITE", 401);
    challenged.at(1.1).phone().acks("primary");
    let authorized = |builder: MessageBuilder| {
        builder.set("CSeq", "2 INVITE").header("Authorization", credentials("n", 1, "sip:1002@example.com"))
    };
    challenged.at(1.2).phone().sends_with("INVITE", "primary", authorized);
    challenged.at(1.3).node("primary").answers("INVITE", 200);
    assert_eq!(challenged.verdict("dns-order", 10.0), Verdict::Pass);
    let mut calls = story();
    told(&mut calls, 0.0, &PAIR);
    for at in [1.0, 5.0] {
        calls.at(at - 0.1).command("dial");
        calls.at(at - 0.1).phone().new_call();
        refused_at(&mut calls, at, &["primary", "secondary", "fallback"]);
    }
    assert_eq!(calls.verdict("dns-order", 10.0), Verdict::Pass);
    let mut rounds = story();
    told(&mut rounds, 0.0, &PAIR);
    for at in [1.0, 31.0] {
        for (n, node) in ["primary", "secondary", "fallback"].into_iter().enumerate() {
            rounds.at(at + 0.1 * n as f64).phone().sends("REGISTER", node);
            rounds.at(at + 0.1 * n as f64 + 0.05).node(node).answers("REGISTER", 503);
        }
    }
    assert_eq!(rounds.verdict("dns-order", 40.0), Verdict::Pass);
}

/// The same question so many times, so far apart; each with an id of its own, as RFC 5452 wants it, or not.
fn asks(story: &mut Story, times: u16, gap: f64, renewed: bool) {
    for n in 0..times {
        let id = if renewed { 100 + n } else { 100 };
        let query = DnsMessage::query(id, SERVICE, RecordKind::Srv);
        story.at(gap * f64::from(n)).asks_dns(Transport::Udp, query);
    }
}

/// RFC 1035 4.2.1: 2 to 5 s between two sends; ten in ten seconds are twice as many.
#[test]
fn a_dns_server_that_is_asked_the_same_again_and_again_fails() {
    for renewed in [true, false] {
        let verdict = |times, gap| {
            let mut story = story();
            asks(&mut story, times, gap, renewed);
            story.verdict("dns-hammering", 60.0)
        };
        assert_eq!(verdict(2, 5.0), Verdict::Pass);
        assert_eq!(verdict(20, 2.0), Verdict::Pass);
        assert_eq!(verdict(10, 0.5), Verdict::Pass);
        assert_eq!(verdict(11, 0.5), Verdict::Fail);
        assert_eq!(verdict(11, 1.1), Verdict::Pass, "ten of them in ten seconds");
    }
    let mut lossy = story();
    asks(&mut lossy, 20, 0.25, true);
    lossy.sight.lossy = true;
    assert_eq!(lossy.verdict("dns-hammering", 60.0), Verdict::Inconclusive);
}

/// Commands, requests and answers that may not be kept are reasons to ask again; other questions are others.
#[test]
fn a_dns_server_that_is_asked_for_a_reason_is_not_hammered() {
    let mut commanded = story();
    asks(&mut commanded, 11, 0.5, true);
    commanded.at(1.0).command("dial");
    assert_eq!(commanded.verdict("dns-hammering", 60.0), Verdict::Pass);
    let mut called = story();
    asks(&mut called, 11, 0.5, true);
    called.at(1.0).phone().sends("INVITE", "fallback");
    assert_eq!(called.verdict("dns-hammering", 60.0), Verdict::Pass);
    let mut short = story();
    for n in 0..30 {
        told(&mut short, 0.2 * f64::from(n), &[(0, 10, 0, "primary")]);
    }
    assert_eq!(short.verdict("dns-hammering", 60.0), Verdict::NotExercised);
    let mut kept = story();
    for n in 0..30 {
        told(&mut kept, 0.2 * f64::from(n), &PAIR);
    }
    assert_eq!(kept.verdict("dns-hammering", 60.0), Verdict::Fail, "though it has the answer");
    let mut names = story();
    for n in 0..30 {
        let query = DnsMessage::query(n, &format!("host{n}.{NAME}"), RecordKind::A);
        names.at(0.1 * f64::from(n)).asks_dns(Transport::Udp, query);
    }
    assert_eq!(names.verdict("dns-hammering", 60.0), Verdict::NotExercised);
}

/// RFC 2782: any order is right where weights are drawn; F-07: the highest first.
#[test]
fn weights_are_read_as_the_profile_says() {
    let weighted = [(60, 10, 10, "primary"), (60, 10, 90, "secondary")];
    let verdict = |reading, order: &[&str]| {
        let mut story = story();
        story.profile.servers.srv_weight = reading;
        told(&mut story, 0.0, &weighted);
        refused_at(&mut story, 1.0, order);
        story.verdict("dns-order", 10.0)
    };
    let (light, heavy) = (["primary", "secondary", "fallback"], ["secondary", "primary", "fallback"]);
    assert_eq!(verdict(SrvWeight::Random, &light), Verdict::Pass);
    assert_eq!(verdict(SrvWeight::Random, &heavy), Verdict::Pass);
    assert_eq!(verdict(SrvWeight::HighestFirst, &heavy), Verdict::Pass);
    assert_eq!(verdict(SrvWeight::HighestFirst, &light), Verdict::Fail);
    assert_eq!(verdict(SrvWeight::Random, &["primary", "fallback"]), Verdict::Fail);
}

#[test]
fn queries_that_are_not_in_the_capture_accuse_nobody() {
    let mut story = story();
    refused_at(&mut story, 1.0, &["secondary", "fallback"]);
    for rule in ["dns-order", "dns-ttl"] {
        assert_eq!(story.verdict(rule, 200.0), Verdict::NotExercised, "{rule}");
    }
}

#[test]
fn a_name_that_dns_does_not_resolve_leaves_the_next_server() {
    let mut story = story();
    let query = DnsMessage::query(7, SERVICE, RecordKind::Srv);
    story.at(0.0).asks_dns(Transport::Udp, query.clone());
    story.at(0.1).dns_says(Transport::Udp, query.answer(ResponseCode::ServFail, Vec::new(), Vec::new()));
    refused_at(&mut story, 1.0, &["fallback"]);
    assert_eq!(story.verdict("dns-order", 10.0), Verdict::Pass);
    assert_eq!(story.verdict("dns-ttl", 200.0), Verdict::NotExercised);
}

/// An older answer that still holds may be used as well as a newer one.
#[test]
fn an_answer_that_still_holds_may_be_used_beside_a_newer_one() {
    let two = |order: &[&str]| {
        let mut story = story();
        told(&mut story, 0.0, &PAIR);
        told(&mut story, 20.0, &[(60, 20, 0, "primary"), (60, 10, 0, "secondary")]);
        refused_at(&mut story, 30.0, order);
        story.verdict("dns-order", 40.0)
    };
    assert_eq!(two(&["primary", "secondary", "fallback"]), Verdict::Pass);
    assert_eq!(two(&["secondary", "primary", "fallback"]), Verdict::Pass);
    assert_eq!(two(&["fallback"]), Verdict::Fail);
}

#[test]
fn the_server_that_it_is_registered_with_may_come_first_where_the_profile_says_so() {
    let verdict = |mode| {
        let mut story = story();
        story.profile.failback.mode = mode;
        told(&mut story, 0.0, &PAIR);
        story.at(0.5).phone().sends("REGISTER", "primary");
        story.at(0.6).node("primary").answers("REGISTER", 503);
        story.at(0.7).phone().sends("REGISTER", "secondary");
        story.at(0.8).node("secondary").answers("REGISTER", 200);
        refused_at(&mut story, 5.0, &["secondary", "fallback"]);
        story.verdict("dns-order", 10.0)
    };
    assert_eq!(verdict(FailbackMode::NewRequests), Verdict::Fail);
    assert_eq!(verdict(FailbackMode::Registration), Verdict::Pass);
}

/// A request after the TTL: 60 s, and a second of grace.
#[test]
fn an_expired_answer_must_be_asked_again() {
    let verdict = |ask_again: bool, at: f64| {
        let mut story = story();
        told(&mut story, 0.0, &PAIR);
        if ask_again {
            told(&mut story, at - 0.1, &PAIR);
        }
        refused_at(&mut story, at, &["primary", "secondary", "fallback"]);
        story.verdict("dns-ttl", at + 10.0)
    };
    assert_eq!(verdict(false, 59.0), Verdict::Pass);
    assert_eq!(verdict(false, 65.0), Verdict::Fail);
    assert_eq!(verdict(true, 65.0), Verdict::Pass);
}

#[test]
fn an_address_that_the_fresh_answer_no_longer_holds_fails() {
    let fallback = [(60, 10, 0, "secondary")];
    let mut story = story();
    told(&mut story, 0.0, &PAIR);
    told(&mut story, 65.0, &fallback);
    refused_at(&mut story, 66.0, &["primary"]);
    assert_eq!(story.verdict("dns-ttl", 80.0), Verdict::Fail);
}

/// RFC 8767: what has expired is better than nothing.
#[test]
fn an_expired_answer_may_be_used_while_dns_is_down() {
    for answered in [false, true] {
        let mut story = story();
        told(&mut story, 0.0, &PAIR);
        let query = DnsMessage::query(700, SERVICE, RecordKind::Srv);
        story.at(65.0).asks_dns(Transport::Udp, query.clone());
        if answered {
            let failure = query.answer(ResponseCode::ServFail, Vec::new(), Vec::new());
            story.at(65.1).dns_says(Transport::Udp, failure);
        }
        refused_at(&mut story, 70.0, &["primary"]);
        assert_ne!(story.verdict("dns-ttl", 80.0), Verdict::Fail, "answered: {answered}");
    }
}

#[test]
fn a_literal_address_never_expires() {
    let mut story = story();
    told(&mut story, 0.0, &[(5, 10, 0, "fallback")]);
    refused_at(&mut story, 70.0, &["fallback"]);
    assert_eq!(story.verdict("dns-ttl", 80.0), Verdict::NotExercised);
}

fn truncated(story: &mut Story, at: f64) {
    let query = DnsMessage::query(9, SERVICE, RecordKind::Srv);
    let cut = query.answer(ResponseCode::NoError, Vec::new(), Vec::new());
    story.at(at).asks_dns(Transport::Udp, query);
    story.at(at + 0.01).dns_says(Transport::Udp, DnsMessage { truncated: true, ..cut });
}

#[test]
fn a_truncated_answer_must_be_asked_over_tcp() {
    let mut silent = story();
    truncated(&mut silent, 0.0);
    assert_eq!(silent.verdict("dns-truncation", 1.0), Verdict::NotExercised, "it may still come");
    assert_eq!(silent.verdict("dns-truncation", 10.0), Verdict::Fail);
    let mut again = story();
    truncated(&mut again, 0.0);
    again.at(1.0).asks_dns(Transport::Udp, DnsMessage::query(10, SERVICE, RecordKind::Srv));
    assert_eq!(again.verdict("dns-truncation", 10.0), Verdict::Fail);
    let mut right = story();
    truncated(&mut right, 0.0);
    right.at(0.1).asks_dns(Transport::Tcp, DnsMessage::query(10, SERVICE, RecordKind::Srv));
    assert_eq!(right.verdict("dns-truncation", 10.0), Verdict::Pass);
    let mut refused = story();
    truncated(&mut refused, 0.0);
    refused.at(0.1).syn_to_dns();
    assert_eq!(refused.verdict("dns-truncation", 10.0), Verdict::Pass);
    silent.sight.frames = false;
    assert_eq!(silent.verdict("dns-truncation", 10.0), Verdict::Inconclusive);
}

#[test]
fn a_query_is_expected_from_the_trigger_on() {
    let expectation = |name: &str| Expectation::AsksDns {
        kind: RecordKind::Srv,
        name: name.to_owned(),
        within: Some(span(2.0)),
    };
    let mut story = story();
    let expected = story.expect(0.5, expectation("_SIP._udp.example.test."));
    told(&mut story, 1.0, &PAIR);
    assert_eq!(story.run(&expected, 10.0).verdict, Verdict::Pass);
    let mut early = self::story();
    told(&mut early, 0.0, &PAIR);
    let expected = early.expect(0.5, expectation(SERVICE));
    let finding = early.run(&expected, 10.0);
    assert_eq!(finding.verdict, Verdict::Fail);
    assert_eq!(finding.nearest[0].what, "DNS SRV _sip._udp.example.test");
    assert_eq!(finding.nearest[0].why, "before the trigger");
}

/// A program may bind its address for SIP and ask DNS from whatever address the system gives it.
#[test]
fn a_query_of_nobody_knows_whom_keeps_the_phone_from_being_accused() {
    let query = |name: &str| DnsMessage::query(9, name, RecordKind::Srv);
    for (asked, at, verdict) in [
        (SERVICE, 1.0, Verdict::Inconclusive),
        ("_sip._udp.elsewhere.test", 1.0, Verdict::Fail),
        (SERVICE, 0.1, Verdict::Fail),
        (SERVICE, 5.0, Verdict::Fail),
    ] {
        let mut story = story();
        let name = SERVICE.to_owned();
        let expectation = Expectation::AsksDns { kind: RecordKind::Srv, name, within: Some(span(2.0)) };
        let expected = story.expect(0.5, expectation);
        story.at(at).somebody_asks_dns(Transport::Udp, query(asked));
        assert_eq!(story.run(&expected, 10.0).verdict, verdict, "{asked} at {at}");
    }
}
