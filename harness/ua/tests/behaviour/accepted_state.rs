//! After a 2xx: the ACK for each repetition, timer M, forks, and the requests of the dialog
//! (RFC 3261 sections 12.2 and 13.2.2.4, RFC 6026 section 7.2).

use crate::common::*;
use sipfarm_core::machine::Transport;
use sipfarm_core::profile::Profile;
use sipfarm_core::sip::{Message, MessageBuilder};

fn accepted_call() -> (Bench, Message) {
    let mut bench = Bench::with_servers(Profile::default(), 2, Transport::Udp);
    bench.tell(|phone, now| phone.dial("1002", now)).unwrap();
    let invite = bench.sent[0].message.clone();
    bench.deliver(0, &accepted(&invite, "callee"));
    (bench, invite)
}

const ROUTE: &str = "192.0.2.77:5060";

#[test]
fn each_repetition_of_the_2xx_gets_the_same_ack() {
    let (mut bench, invite) = accepted_call();
    for _ in 0..5 {
        bench.run(6.0);
        bench.deliver(0, &accepted(&invite, "callee"));
    }
    let acks = bench.requests("ACK", ROUTE);
    assert_eq!(acks.len(), 6);
    assert!(acks.iter().all(|ack| ack.message.raw == acks[0].message.raw));
    assert_eq!(bench.reports(), ["call established"]);
}

#[test]
fn until_timer_m() {
    let (mut bench, invite) = accepted_call();
    bench.run(31.999);
    bench.deliver(0, &accepted(&invite, "callee"));
    assert_eq!(bench.requests("ACK", ROUTE).len(), 2);
    bench.run(0.001);
    bench.deliver(0, &accepted(&invite, "callee"));
    assert_eq!(bench.requests("ACK", ROUTE).len(), 2);
}

#[test]
fn the_ack_follows_the_dialog() {
    let (bench, invite) = accepted_call();
    let ack = &bench.requests("ACK", ROUTE)[0].message;
    assert_ne!(ack.branch(), invite.branch(), "a transaction of its own");
    assert_eq!(ack.request_uri(), Some("sip:callee@192.0.2.50:5060"));
    assert_eq!(ack.values("Route"), ["<sip:192.0.2.77:5060;lr>"]);
    assert_eq!(ack.header("CSeq"), Some("1 ACK"));
    assert_eq!(ack.to().unwrap().tag(), Some("callee"));
    assert_eq!(ack.header("From"), invite.header("From"));
}

#[test]
fn a_second_dialog_from_a_fork_is_acknowledged_and_ended() {
    let (mut bench, invite) = accepted_call();
    bench.deliver(0, &accepted(&invite, "other"));
    let of_other = |sent: &&crate::common::Sent| sent.message.to().unwrap().tag() == Some("other");
    let other: Vec<_> =
        bench.sent.iter().filter(of_other).map(|sent| sent.message.header("CSeq").unwrap()).collect();
    assert_eq!(other, ["1 ACK", "2 BYE"]);
    bench.deliver(0, &accepted(&invite, "other"));
    let again =
        bench.sent.iter().filter(of_other).filter(|sent| sent.message.header("CSeq") == Some("1 ACK"));
    assert_eq!(again.count(), 2);
    assert_eq!(bench.requests("BYE", ROUTE).len(), 1);
    assert_eq!(bench.reports(), ["call established"]);
}

#[test]
fn bye_goes_along_the_route_and_ends_the_call() {
    let (mut bench, _) = accepted_call();
    bench.tell(|phone, now| phone.hang_up(now)).unwrap();
    let bye = bench.requests("BYE", ROUTE)[0].message.clone();
    assert_eq!(bye.header("CSeq"), Some("2 BYE"));
    assert_eq!(bye.values("Route"), ["<sip:192.0.2.77:5060;lr>"]);
    bench.run(0.1);
    bench.deliver(0, &reply(&bye, 200));
    bench.run(100.0);
    assert_eq!(bench.requests("BYE", ROUTE).len(), 1);
    assert_eq!(bench.reports(), ["call established", "call ended"]);
}

fn routed(record_route: Option<&str>, contact: &str) -> (String, Message) {
    let mut bench = Bench::with_servers(Profile::default(), 2, Transport::Udp);
    bench.tell(|phone, now| phone.dial("1002", now)).unwrap();
    let invite = bench.sent[0].message.clone();
    let mut ok: MessageBuilder = accepted(&invite, "callee").remove("Record-Route").set("Contact", contact);
    if let Some(route) = record_route {
        ok = ok.header("Record-Route", route);
    }
    bench.deliver(0, &ok);
    let ack = &bench.sent[1];
    (ack.addr.to_string(), ack.message.clone())
}

#[test]
fn without_a_route_the_contact_is_the_target() {
    let (to, ack) = routed(None, "<sip:callee@192.0.2.50:5062>");
    assert_eq!(to, "192.0.2.50:5062");
    assert!(ack.header("Route").is_none());
}

#[test]
fn a_route_set_is_turned_round_for_the_caller() {
    let (to, ack) = routed(Some("<sip:192.0.2.2;lr>, <sip:192.0.2.1:5070;lr>"), "<sip:callee@192.0.2.50>");
    assert_eq!(to, "192.0.2.1:5070");
    assert_eq!(ack.values("Route"), ["<sip:192.0.2.1:5070;lr>", "<sip:192.0.2.2;lr>"]);
    assert_eq!(ack.request_uri(), Some("sip:callee@192.0.2.50"));
}

#[test]
fn a_strict_router_takes_the_place_of_the_target() {
    let (to, ack) = routed(Some("<sip:192.0.2.2;lr>, <sip:192.0.2.1:5070>"), "<sip:callee@192.0.2.50>");
    assert_eq!(to, "192.0.2.1:5070");
    assert_eq!(ack.request_uri(), Some("sip:192.0.2.1:5070"));
    assert_eq!(ack.values("Route"), ["<sip:192.0.2.2;lr>", "<sip:callee@192.0.2.50>"]);
}

#[test]
fn a_name_is_reached_through_the_server_that_answered() {
    let (to, _) = routed(None, "<sip:callee@phones.example.net>");
    assert_eq!(to, addr(0).to_string());
}

#[test]
fn after_failover_the_dialog_stays_with_the_server_that_answered() {
    let mut bench = Bench::with_servers(Profile::default(), 2, Transport::Udp);
    bench.always(0, 503);
    bench.script(1, |request| match request.method().unwrap().as_str() {
        "INVITE" => vec![
            accepted(request, "callee").remove("Record-Route").set("Contact", "<sip:b2bua@edge.example.net>"),
        ],
        "ACK" => vec![],
        _ => vec![reply(request, 200)],
    });
    bench.tell(|phone, now| phone.dial("1002", now)).unwrap();
    bench.tell(|phone, now| phone.hang_up(now)).unwrap();
    assert_eq!(bench.requests("ACK", "secondary").len(), 1);
    assert_eq!(bench.requests("BYE", "secondary").len(), 1);
}

#[test]
fn the_far_end_can_end_and_change_the_call() {
    let (mut bench, invite) = accepted_call();
    let within = |method: &str, cseq: u32| {
        request(method, &format!("{method}{cseq}"), cseq)
            .set("From", format!("{};tag=callee", invite.header("To").unwrap()))
            .set("To", invite.header("From").unwrap())
            .set("Call-ID", invite.call_id().unwrap())
    };
    let reinvite = within("INVITE", 7)
        .header("Contact", "<sip:moved@192.0.2.51:5060>")
        .body("application/sdp", SDP.replace("sendrecv", "sendonly"));
    bench.deliver(0, &reinvite);
    assert_eq!(bench.last_response().status(), Some(200));
    let answer = String::from_utf8(bench.last_response().body.clone()).unwrap();
    assert!(answer.contains("a=recvonly"), "{answer}");
    bench.run(0.5);
    assert_eq!(bench.responses().len(), 2, "its 2xx is repeated until the ACK");
    bench.deliver(0, &within("ACK", 7));
    bench.deliver(0, &within("INFO", 8));
    assert_eq!(bench.last_response().status(), Some(405));
    bench.deliver(0, &within("OPTIONS", 3));
    assert_eq!(bench.last_response().status(), Some(500), "CSeq goes up only (section 12.2.2)");
    bench.deliver(0, &within("BYE", 9));
    assert_eq!(bench.last_response().status(), Some(200));
    bench.run(100.0);
    assert_eq!(bench.reports(), ["call established", "call ended"]);
    bench.deliver(0, &within("BYE", 10));
    assert_eq!(bench.last_response().status(), Some(481));
}
