//! The callee repeats its 2xx itself, on any transport, until the ACK comes; without one it ends
//! the call after 64×T1 (RFC 3261 section 13.3.1.4, RFC 6026 section 8.1).

use crate::common::*;
use sipfarm_core::machine::{Input, StreamId, Transport};
use sipfarm_core::profile::Profile;

fn answered() -> Bench {
    let mut bench = Bench::with_servers(Profile::default(), 1, Transport::Udp);
    bench.deliver(0, &invite("a"));
    bench.run(2.0);
    bench.tell(|phone, now| phone.answer(now)).unwrap();
    bench
}

const LADDER: [f64; 11] = [0.0, 0.5, 1.5, 3.5, 7.5, 11.5, 15.5, 19.5, 23.5, 27.5, 31.5];

fn oks(bench: &Bench) -> Vec<f64> {
    bench.responses().into_iter().filter(|(_, code)| *code == 200).map(|(at, _)| at).collect()
}

#[test]
fn without_an_ack_it_is_repeated_and_then_the_call_is_ended() {
    let mut bench = answered();
    bench.run(31.999);
    assert_eq!(oks(&bench), LADDER.map(|at| at + 2.0));
    assert!(bench.requests("BYE", "primary").is_empty());
    bench.run(0.001);
    assert_eq!(bench.times("BYE", "primary"), [34.0]);
    assert_eq!(bench.reports().last().unwrap(), "call ended");
    bench.run(100.0);
    assert_eq!(oks(&bench).len(), 11);
}

#[test]
fn the_ack_ends_it() {
    let mut bench = answered();
    bench.run(1.0);
    let ack = within(&bench, "ACK", "ack", 1);
    bench.deliver(0, &ack);
    bench.run(100.0);
    assert_eq!(oks(&bench), [2.0, 2.5]);
    assert_eq!(bench.reports(), ["ringing: call from sip:caller@example.org", "call established"]);
}

#[test]
fn repetitions_of_the_invite_are_absorbed_until_timer_l() {
    let mut bench = answered();
    let ack = within(&bench, "ACK", "ack", 1);
    bench.deliver(0, &ack);
    bench.run(31.999);
    bench.deliver(0, &invite("a"));
    assert_eq!(oks(&bench), [2.0], "not even the 2xx again: that is the user's to do");
    bench.run(0.001);
    bench.deliver(0, &invite("a"));
    assert_eq!(bench.last_response().status(), Some(486), "a new INVITE now, and a call is up");
}

#[test]
fn it_carries_an_answer_and_a_contact() {
    let bench = answered();
    let ok = bench.last_response();
    assert_eq!(ok.contact().unwrap().uri, "sip:1001@192.0.2.100:5060");
    assert_eq!(ok.header("Content-Type"), Some("application/sdp"));
    let body = String::from_utf8(ok.body.clone()).unwrap();
    assert!(body.contains("c=IN IP4 192.0.2.100") && body.contains("m=audio 4000 RTP/AVP 0 8"), "{body}");
    assert_eq!(ok.to().unwrap().tag(), bench.sent[0].message.to().unwrap().tag(), "the tag of the 180");
}

#[test]
fn without_an_offer_it_carries_one() {
    let mut bench = Bench::with_servers(Profile::default(), 1, Transport::Udp);
    bench.deliver(0, &request("INVITE", "a", 1).header("Contact", "<sip:caller@192.0.2.10:5060>"));
    bench.tell(|phone, now| phone.answer(now)).unwrap();
    assert!(String::from_utf8_lossy(&bench.last_response().body).contains("m=audio"));
}

#[test]
fn hanging_up_waits_for_the_ack() {
    let mut bench = answered();
    bench.tell(|phone, now| phone.hang_up(now)).unwrap();
    bench.run(1.0);
    assert!(bench.requests("BYE", "primary").is_empty(), "section 15");
    let ack = within(&bench, "ACK", "ack", 1);
    bench.deliver(0, &ack);
    assert_eq!(bench.times("BYE", "primary"), [3.0]);
    let bye = &bench.requests("BYE", "primary")[0].message;
    assert_eq!(bye.request_uri(), Some("sip:caller@192.0.2.10:5060"));
    assert_eq!(bye.to().unwrap().tag(), Some("far"));
    assert_eq!(bye.from().unwrap().tag(), bench.sent[0].message.to().unwrap().tag());
}

#[test]
fn or_for_the_end_of_waiting() {
    let mut bench = answered();
    bench.tell(|phone, now| phone.hang_up(now)).unwrap();
    bench.run(100.0);
    assert_eq!(oks(&bench), LADDER.map(|at| at + 2.0));
    assert_eq!(bench.times("BYE", "primary")[0], 34.0);
}

#[test]
fn over_tcp_it_is_repeated_all_the_same() {
    let mut bench = Bench::with_servers(Profile::default(), 1, Transport::Tcp);
    let stream = StreamId(StreamId::ACCEPTED | 1);
    bench.accept(stream, "192.0.2.10:33333".parse().unwrap());
    let invite = invite("a").set("Via", "SIP/2.0/TCP 192.0.2.10:5060;branch=z9hG4bKa");
    bench.hear(Input::StreamData { stream, data: invite.to_bytes() });
    bench.tell(|phone, now| phone.answer(now)).unwrap();
    bench.run(31.9);
    assert_eq!(oks(&bench), LADDER);
}

#[test]
fn a_bye_ends_it_too() {
    let mut bench = answered();
    let bye = within(&bench, "BYE", "bye", 2);
    bench.deliver(0, &bye);
    bench.run(100.0);
    assert_eq!(oks(&bench), [2.0, 2.0], "the INVITE's and the BYE's");
    assert_eq!(bench.reports().last().unwrap(), "call ended");
}
