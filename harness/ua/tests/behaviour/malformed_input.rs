//! Broken messages are refused with 400 or dropped; whatever arrives, the phone goes on.

use crate::common::*;
use sipfarm_core::machine::{Input, StreamId, Transport};
use sipfarm_core::profile::Profile;

fn bench() -> Bench {
    Bench::with_servers(Profile::default(), 1, Transport::Udp)
}

/// It still works: a call comes about.
fn assert_alive(bench: &mut Bench) {
    bench.healthy(0);
    bench.tell(|phone, now| phone.dial("1002", now)).unwrap();
    assert_eq!(bench.reports().last().unwrap(), "call established");
}

#[test]
fn requests_that_cannot_be_understood_get_400() {
    let good = String::from_utf8(invite("a").to_bytes()).unwrap();
    for (from, to) in [
        ("CSeq: 1 INVITE", "CSeq: 99999999999 INVITE"),
        ("CSeq: 1 INVITE", "CSeq: one INVITE"),
        ("Call-ID: incoming-call\r\n", ""),
        ("From: <sip:caller@example.org>;tag=far", "From: <sip:caller@example.org;tag=far"),
        ("To: <sip:1001@example.org>\r\n", ""),
        ("Max-Forwards: 70", "Max-Forwards: 7000"),
        ("Max-Forwards: 70", "Max-Forwards 70"),
        ("INVITE sip:1001@192.0.2.100:5060 SIP/2.0", "INVITE <sip:1001@192.0.2.100:5060> SIP/2.0"),
    ] {
        assert!(good.contains(from), "{from}");
        let mut bench = bench();
        bench.deliver_bytes(0, good.replacen(from, to, 1).into_bytes());
        assert_eq!(bench.responses().first().map(|(_, code)| *code), Some(400), "{from} -> {to}");
        assert_eq!(bench.responses().len(), 1);
        assert!(bench.reports().is_empty());
        assert_alive(&mut bench);
    }
}

#[test]
fn a_body_cut_off_gets_400() {
    let mut bench = bench();
    let mut octets = invite("a").to_bytes();
    octets.truncate(octets.len() - 20);
    bench.deliver_bytes(0, octets);
    assert_eq!(bench.responses(), [(0.0, 400)]);
}

#[test]
fn another_version_gets_505() {
    let mut bench = bench();
    let octets = String::from_utf8(invite("a").to_bytes()).unwrap().replacen("SIP/2.0\r\n", "SIP/7.0\r\n", 1);
    bench.deliver_bytes(0, octets.into_bytes());
    assert_eq!(bench.responses(), [(0.0, 505)]);
}

#[test]
fn octets_after_the_body_are_ignored() {
    let mut bench = bench();
    let mut octets = invite("a").to_bytes();
    octets.extend_from_slice(b"more than was said");
    bench.deliver_bytes(0, octets);
    assert_eq!(bench.responses(), [(0.0, 180)]);
}

#[test]
fn a_broken_ack_is_never_answered() {
    let mut bench = bench();
    bench.deliver(0, &request("ACK", "x", 1).set("CSeq", "x ACK"));
    bench.deliver(0, &request("ACK", "x", 1).remove("From"));
    assert!(bench.sent.is_empty());
}

#[test]
fn a_broken_response_is_dropped_and_the_request_repeated() {
    let mut bench = bench();
    bench.tell(|phone, now| phone.dial("1002", now)).unwrap();
    let invite = bench.sent[0].message.clone();
    for broken in [
        reply(&invite, 200).remove("CSeq"),
        reply(&invite, 200).remove("Via"),
        reply(&invite, 200).set("CSeq", "1 BYE"),
        reply(&invite, 200).set("Via", "nonsense"),
    ] {
        bench.deliver(0, &broken);
    }
    bench.run(0.5);
    assert_eq!(bench.times("INVITE", "primary"), [0.0, 0.5]);
    assert!(bench.reports().is_empty());
}

#[test]
fn any_octet_of_a_message_may_be_wrong() {
    let mut bench = bench();
    bench.tell(|phone, now| phone.dial("1002", now)).unwrap();
    let ours = bench.sent[0].message.clone();
    let samples = [
        invite("a").to_bytes(),
        request("CANCEL", "a", 1).to_bytes(),
        within_nothing("BYE").to_bytes(),
        reply(&ours, 183).to_bytes(),
        accepted(&ours, "callee").to_bytes(),
        reply(&ours, 401).header("WWW-Authenticate", "Digest realm=\"a\", nonce=\"b\"").to_bytes(),
    ];
    let mut rng = fastrand::Rng::with_seed(7);
    for sample in samples {
        for _ in 0..2_000 {
            let mut octets = sample.clone();
            for _ in 0..rng.usize(1..4) {
                let at = rng.usize(..octets.len().max(1));
                match rng.u8(..3) {
                    _ if octets.is_empty() => {}
                    0 => octets[at] = rng.u8(..),
                    1 => drop(octets.remove(at)),
                    _ => octets.truncate(at.max(1)),
                }
            }
            bench.deliver_bytes(0, octets);
        }
        bench.run(1.0);
        bench.sent.clear();
    }
    bench.tell(|phone, now| phone.reboot(now));
    assert_alive(&mut bench);
}

fn within_nothing(method: &str) -> sipfarm_core::sip::MessageBuilder {
    request(method, "w", 5).set("To", "<sip:1001@example.org>;tag=x")
}

#[test]
fn noise_on_a_stream_closes_it_and_nothing_else() {
    let mut bench = bench();
    let mut rng = fastrand::Rng::with_seed(3);
    for number in 1..=50 {
        let stream = StreamId(StreamId::ACCEPTED | number);
        bench.accept(stream, "192.0.2.10:33333".parse().unwrap());
        let data: Vec<u8> = (0..2_000).map(|_| rng.u8(..)).collect();
        bench.hear(Input::StreamData { stream, data });
    }
    assert_alive(&mut bench);
}

#[test]
fn events_of_unknown_streams_are_ignored() {
    let mut bench = bench();
    let stream = StreamId(99);
    bench.hear(Input::StreamData { stream, data: b"OPTIONS".to_vec() });
    bench.hear(Input::Connected { stream, local: phone_addr() });
    bench.hear(Input::ConnectFailed { stream, error: sipfarm_core::machine::ConnectError::Refused });
    bench.hear(Input::StreamClosed { stream, end: sipfarm_core::machine::StreamEnd::Reset });
    assert_alive(&mut bench);
}
