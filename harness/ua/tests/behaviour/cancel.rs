//! CANCEL from both sides (RFC 3261 section 9).

use crate::common::*;
use sipfarm_core::machine::Transport;
use sipfarm_core::profile::Profile;
use sipfarm_core::sip::{Message, Method};

fn dialled() -> Bench {
    let mut bench = Bench::with_servers(Profile::default(), 2, Transport::Udp);
    bench.tell(|phone, now| phone.dial("1002", now)).unwrap();
    bench
}

fn hang_up(bench: &mut Bench) {
    bench.tell(|phone, now| phone.hang_up(now)).unwrap();
}

fn invite_of(bench: &Bench) -> Message {
    bench.requests("INVITE", "primary")[0].message.clone()
}

#[test]
fn it_waits_for_a_provisional_response() {
    let mut bench = dialled();
    bench.run(1.0);
    hang_up(&mut bench);
    bench.run(1.0);
    assert!(bench.requests("CANCEL", "primary").is_empty());
    let invite = invite_of(&bench);
    bench.deliver(0, &reply(&invite, 100));
    assert_eq!(bench.times("CANCEL", "primary"), [2.0]);
    bench.deliver(0, &reply(&invite, 180));
    assert_eq!(bench.times("CANCEL", "primary"), [2.0], "one is enough");
}

#[test]
fn it_is_the_invite_again_with_another_method() {
    let mut bench = dialled();
    let invite = invite_of(&bench);
    bench.deliver(0, &reply(&invite, 180));
    hang_up(&mut bench);
    let cancel = &bench.requests("CANCEL", "primary")[0].message;
    assert_eq!(cancel.values("Via"), invite.values("Via"));
    assert_eq!(cancel.request_uri(), invite.request_uri());
    for name in ["Call-ID", "From", "To"] {
        assert_eq!(cancel.header(name), invite.header(name), "{name}");
    }
    assert_eq!(cancel.header("CSeq"), Some("1 CANCEL"));
    assert!(cancel.header("Require").is_none() && cancel.body.is_empty());
    assert_eq!(cancel.to().unwrap().tag(), None, "To as in the INVITE");
}

#[test]
fn the_487_is_acknowledged_and_the_call_is_over() {
    let mut bench = dialled();
    let invite = invite_of(&bench);
    bench.deliver(0, &reply(&invite, 180));
    hang_up(&mut bench);
    let cancel = bench.requests("CANCEL", "primary")[0].message.clone();
    bench.deliver(0, &reply(&cancel, 200));
    bench.deliver(0, &reply(&invite, 487));
    bench.run(100.0);
    let methods: Vec<_> = bench.sent.iter().map(|sent| sent.message.method().unwrap().as_str()).collect();
    assert_eq!(methods, ["INVITE", "CANCEL", "ACK"]);
    assert_eq!(bench.reports(), ["alerting", "call ended"]);
}

#[test]
fn it_is_repeated_like_any_request() {
    let mut bench = dialled();
    let invite = invite_of(&bench);
    bench.deliver(0, &reply(&invite, 180));
    hang_up(&mut bench);
    bench.run(100.0);
    let expected = [0.0, 0.5, 1.5, 3.5, 7.5, 11.5, 15.5, 19.5, 23.5, 27.5, 31.5];
    assert_eq!(bench.times("CANCEL", "primary"), expected);
}

#[test]
fn an_invite_without_a_final_response_is_forgotten_after_64_t1() {
    let mut bench = dialled();
    let invite = invite_of(&bench);
    bench.deliver(0, &reply(&invite, 180));
    hang_up(&mut bench);
    bench.run(32.0);
    let before = bench.sent.len();
    bench.deliver(0, &reply(&invite, 487));
    assert_eq!(bench.sent.len(), before, "no ACK: the transaction is destroyed");
}

#[test]
fn a_2xx_that_crosses_is_acknowledged_and_ended() {
    let mut bench = dialled();
    let invite = invite_of(&bench);
    bench.deliver(0, &reply(&invite, 180));
    hang_up(&mut bench);
    bench.deliver(0, &accepted(&invite, "callee"));
    let order: Vec<_> =
        bench.sent.iter().skip(1).map(|sent| sent.message.header("CSeq").unwrap().to_owned()).collect();
    assert_eq!(order, ["1 CANCEL", "1 ACK", "2 BYE"]);
    assert_eq!(bench.reports(), ["alerting", "call ended"]);
}

#[test]
fn without_any_response_nothing_is_cancelled_and_no_other_server_tried() {
    let mut bench = dialled();
    hang_up(&mut bench);
    bench.run(100.0);
    assert_eq!(bench.sent.len(), 7, "the INVITE and its repetitions");
    let mut bench = dialled();
    hang_up(&mut bench);
    let invite = invite_of(&bench);
    bench.deliver(0, &reply(&invite, 503));
    bench.run(100.0);
    assert_eq!(bench.sent.len(), 2, "the INVITE and the ACK");
}

#[test]
fn the_user_can_dial_again_meanwhile() {
    let mut bench = dialled();
    hang_up(&mut bench);
    assert!(bench.tell(|phone, now| phone.hang_up(now)).is_err());
    bench.tell(|phone, now| phone.dial("1003", now)).unwrap();
    let first = invite_of(&bench);
    bench.deliver(0, &reply(&first, 180));
    assert_eq!(bench.requests("CANCEL", "primary")[0].message.call_id(), first.call_id());
}

#[test]
fn a_far_end_that_rings_for_ever_is_given_up() {
    let mut bench = dialled();
    let invite = invite_of(&bench);
    bench.deliver(0, &reply(&invite, 180));
    bench.run(180.0);
    assert_eq!(bench.times("CANCEL", "primary"), [180.0]);
    assert_eq!(bench.reports(), ["alerting", "call failed: no answer"]);
}

#[test]
fn a_cancelled_call_stops_ringing() {
    let mut bench = dialled_in();
    bench.deliver(0, &request("CANCEL", "a", 1));
    let responses: Vec<_> = bench
        .sent
        .iter()
        .map(|sent| (sent.message.status().unwrap(), sent.message.cseq().unwrap().method))
        .collect();
    assert_eq!(responses, [(180, Method::Invite), (200, Method::Cancel), (487, Method::Invite)]);
    let tags: Vec<_> =
        bench.sent.iter().map(|sent| sent.message.to().unwrap().tag().map(str::to_owned)).collect();
    assert!(tags[0] == tags[1] && tags[1] == tags[2], "one tag for the INVITE and its CANCEL");
    assert_eq!(bench.reports().last().unwrap(), "call ended");
    assert!(bench.tell(|phone, now| phone.answer(now)).is_err());
}

#[test]
fn a_cancel_that_comes_too_late_changes_nothing() {
    let mut bench = dialled_in();
    bench.tell(|phone, now| phone.answer(now)).unwrap();
    bench.deliver(0, &request("CANCEL", "a", 1));
    assert_eq!(bench.responses(), [(0.0, 180), (0.0, 200), (0.0, 200)]);
    assert_eq!(bench.last_response().cseq().unwrap().method, Method::Cancel);
    let ack = within(&bench, "ACK", "ack", 1);
    bench.deliver(0, &ack);
    assert_eq!(bench.reports().last().unwrap(), "call established");
}

fn dialled_in() -> Bench {
    let mut bench = Bench::with_servers(Profile::default(), 1, Transport::Udp);
    bench.deliver(0, &invite("a"));
    bench
}
