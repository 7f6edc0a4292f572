//! Calls between the phone and the far end through a node.

#![allow(clippy::unwrap_used)]

use std::net::SocketAddr;

use sipfarm_core::Span;
use sipfarm_core::machine::Output;
use sipfarm_core::sip::{Message, MessageBuilder, Method, StartLine};

use crate::farm::testing::{
    FAR_END, Lab, NODE, PHONE, ack_to, in_dialog, invite, over_tcp, register, request,
};
use crate::farm::{Behaviour, CallOrder};

const ANSWER_AFTER_2_S: Behaviour = Behaviour::Answer { after: Span::from_secs(2) };

/// The lines of a part of the wire, from where the last one ended.
fn lines(lab: &mut Lab) -> Vec<String> {
    let lines = lab.lines();
    lab.forget();
    lines
}

/// A call of the phone's that is established; the 200.
fn established(lab: &mut Lab) -> Message {
    lab.say(&invite(1));
    lab.run_ms(10);
    let ok = lab.last();
    assert_eq!(ok.status(), Some(200));
    lab.say(&in_dialog(&Method::Ack, &ok, 1));
    lab.run_ms(10);
    lab.forget();
    ok
}

/// A call to the phone that rings there; the INVITE.
fn offered(lab: &mut Lab) -> Message {
    lab.far_end(|far_end, now| far_end.call(&CallOrder::to("1001", NODE), now));
    lab.run_ms(10);
    lab.last()
}

/// The phone's response to a request that it was sent.
fn answer(request: &Message, code: u16) -> MessageBuilder {
    let response = MessageBuilder::response_to(request, code, "Whatever", Some("phone"));
    let routes: Vec<String> = request.values("Record-Route").into_iter().map(str::to_owned).collect();
    let response = routes.iter().fold(response, |response, route| response.header("Record-Route", route));
    response.header("Contact", "<sip:1001@10.0.0.9:5060>")
}

/// A phone that knows its proxy by name puts the name into Route; a zone may have names for each server.
#[test]
fn a_route_with_a_name_of_the_zone_is_the_nodes_own() {
    for (route, code) in [
        ("<sip:lab.test;lr>", 200),
        ("<sip:Primary.LAB.test.;transport=udp;lr>", 200),
        ("<sip:notlab.test;lr>", 404),
        ("<sip:elsewhere.test;lr>", 404),
    ] {
        let mut lab = Lab::with(|config| config.zone = Some("lab.test".to_owned()));
        lab.say(&invite(1).header("Route", route));
        lab.run_s(1);
        assert_eq!(lab.last().status(), Some(code), "{route}");
    }
}

#[test]
fn a_call_is_made_and_ended_by_the_phone() {
    let mut lab = Lab::new();
    lab.far_end(|far_end, _| far_end.behave(ANSWER_AFTER_2_S));
    lab.say(&invite(1));
    lab.run_s(3);
    assert_eq!(
        lab.lines()[..7],
        [
            "phone > node: INVITE",
            "node > phone: 100 INVITE",
            "node > far end: INVITE",
            "far end > node: 180 INVITE",
            "node > phone: 180 INVITE",
            "far end > node: 200 INVITE",
            "node > phone: 200 INVITE",
        ]
    );
    let ok = lab.last();
    assert!(ok.header("Record-Route").unwrap().contains("sip:10.0.0.1:5060;lr"));
    assert!(String::from_utf8(ok.body.clone()).unwrap().contains("c=IN IP4 10.0.0.50"));
    lab.forget();
    lab.say(&in_dialog(&Method::Ack, &ok, 1));
    lab.run_s(40);
    assert_eq!(lines(&mut lab), ["phone > node: ACK", "node > far end: ACK"], "the 200 is not repeated");
    assert_eq!(lab.far_end(|far_end, _| far_end.calls()), 1);
    lab.say(&in_dialog(&Method::Bye, &ok, 2));
    lab.run_s(1);
    assert_eq!(
        lines(&mut lab),
        ["phone > node: BYE", "node > far end: BYE", "far end > node: 200 BYE", "node > phone: 200 BYE"]
    );
    assert_eq!(lab.far_end(|far_end, _| far_end.calls()), 0);
}

#[test]
fn what_is_sent_on_has_our_via_and_one_hop_less() {
    let mut lab = Lab::new();
    lab.say(&invite(1));
    lab.run_ms(10);
    let at_far_end = lab.wire().into_iter().find(|packet| packet.to == "far end").unwrap().message.unwrap();
    assert_eq!(at_far_end.number("Max-Forwards"), Some(69));
    let vias = at_far_end.vias();
    assert_eq!((vias.len(), vias[0].host.to_string()), (2, "10.0.0.1".to_owned()));
    assert!(vias[0].branch().unwrap().starts_with("z9hG4bK"));
    assert_ne!(vias[0].branch(), vias[1].branch());
    assert_eq!(at_far_end.request_uri(), Some("sip:1002@10.0.0.50:5060"));
    let at_phone = lab.last();
    assert_eq!(at_phone.vias().len(), 1, "and back without it");
}

/// RFC 3261 section 13.3.1.4: the callee repeats its 200 until the ACK comes, T1 doubling to T2,
/// over any transport; then it ends the session.
#[test]
fn without_ack_the_200_is_repeated_end_to_end_and_then_the_call_ends() {
    for tcp in [false, true] {
        let mut lab = Lab::new();
        if tcp {
            lab.connect();
            lab.say_tcp(&over_tcp(invite(1)));
        } else {
            lab.say(&invite(1));
        }
        lab.run_s(33);
        let schedule = [0.0, 0.5, 1.5, 3.5, 7.5, 11.5, 15.5, 19.5, 23.5, 27.5, 31.5];
        assert_eq!(lab.times("200 INVITE"), schedule);
        assert_eq!(lab.times("BYE").len(), if tcp { 1 } else { 2 }, "the phone does not answer it");
    }
}

/// RFC 6026 section 7.1: once a 2xx has passed, a late copy of the INVITE is absorbed.
#[test]
fn an_invite_repeated_after_its_200_is_absorbed() {
    let mut lab = Lab::new();
    established(&mut lab);
    lab.say(&invite(1));
    lab.run_s(1);
    assert_eq!(lab.lines(), ["phone > node: INVITE"]);
}

#[test]
fn the_far_end_hangs_up() {
    let mut lab = Lab::new();
    established(&mut lab);
    lab.far_end(|far_end, now| far_end.hang_up(now));
    lab.run_ms(10);
    assert_eq!(lab.lines(), ["far end > node: BYE", "node > phone: BYE"]);
    let bye = lab.last();
    assert_eq!(bye.request_uri(), Some("sip:1001@10.0.0.9:5060"), "routed by the phone's Contact");
    lab.say(&answer(&bye, 200));
    lab.run_s(40);
    assert_eq!(lab.lines()[2..], ["phone > node: 200 BYE", "node > far end: 200 BYE"]);
}

#[test]
fn the_phone_takes_its_call_back() {
    let mut lab = Lab::new();
    lab.far_end(|far_end, _| far_end.behave(Behaviour::Ring));
    lab.say(&invite(1));
    lab.run_s(1);
    lab.forget();
    let cancel = request(&Method::Cancel, "sip:1002@example.test", 1);
    lab.say(&cancel.set("Via", invite(1).build().header("Via").unwrap()));
    lab.run_ms(10);
    assert_eq!(
        lab.lines(),
        [
            "phone > node: CANCEL",
            "node > phone: 200 CANCEL",
            "node > far end: CANCEL",
            "far end > node: 200 CANCEL",
            "far end > node: 487 INVITE",
            "node > far end: ACK",
            "node > phone: 487 INVITE",
        ]
    );
    let terminated = lab.last();
    lab.say(&ack_to(&invite(1), &terminated));
    lab.run_s(60);
    assert_eq!(lab.times("487 INVITE"), [0.0]);
}

#[test]
fn a_cancel_without_invite_gets_481() {
    let mut lab = Lab::new();
    lab.say(&request(&Method::Cancel, "sip:1002@example.test", 1));
    lab.run_ms(10);
    assert_eq!(lab.lines(), ["phone > node: CANCEL", "node > phone: 481 CANCEL"]);
}

#[test]
fn a_rejection_comes_back_and_is_acknowledged_hop_by_hop() {
    let mut lab = Lab::new();
    lab.far_end(|far_end, _| far_end.behave(Behaviour::Reject { code: 486 }));
    lab.say(&invite(1));
    lab.run_ms(10);
    let busy = lab.last();
    assert_eq!(busy.status(), Some(486));
    lab.say(&ack_to(&invite(1), &busy));
    lab.run_s(60);
    let lines = lab.lines();
    assert_eq!(lines.iter().filter(|line| *line == "node > far end: ACK").count(), 1);
    assert_eq!(lab.times("486 INVITE"), [0.0]);
}

/// RFC 3261 section 16.7: that the far end is overloaded does not make this node so.
#[test]
fn a_503_from_behind_the_node_becomes_500() {
    let mut lab = Lab::new();
    lab.far_end(|far_end, _| far_end.behave(Behaviour::Reject { code: 503 }));
    lab.say(&invite(1));
    lab.run_ms(10);
    assert_eq!(lab.last().status(), Some(500));
}

#[test]
fn a_silent_far_end_becomes_408_after_timer_b() {
    let mut lab = Lab::new();
    lab.far_end(|far_end, _| far_end.behave(Behaviour::Silent));
    lab.say(&invite(1));
    lab.run_s(31);
    let sent: Vec<f64> = lab
        .wire()
        .iter()
        .filter(|packet| packet.to == "far end")
        .map(|packet| (packet.at * 1e3).round() / 1e3)
        .collect();
    assert_eq!(sent, [0.0, 0.5, 1.5, 3.5, 7.5, 15.5], "RFC 3261 section 17.1.1.2, Timer A");
    assert_eq!(lab.last().status(), Some(100));
    lab.run_s(2);
    assert_eq!(lab.last().status(), Some(408));
}

#[test]
fn the_far_end_calls_the_phone_and_the_phone_hangs_up() {
    let mut lab = Lab::new();
    lab.register();
    let invite = offered(&mut lab);
    assert_eq!(invite.request_uri(), Some("sip:1001@10.0.0.9:5060"), "the contact that was registered");
    lab.say(&answer(&invite, 180));
    lab.say(&answer(&invite, 200).body("application/sdp", invite.body.clone()));
    lab.run_s(1);
    assert_eq!(
        lines(&mut lab),
        [
            "far end > node: INVITE",
            "node > far end: 100 INVITE",
            "node > phone: INVITE",
            "phone > node: 180 INVITE",
            "phone > node: 200 INVITE",
            "node > far end: 180 INVITE",
            "node > far end: 200 INVITE",
            "far end > node: ACK",
            "node > phone: ACK",
        ]
    );
    assert_eq!(lab.far_end(|far_end, _| far_end.calls()), 1);
    let contact = "sip:1002@10.0.0.50:5060";
    let bye =
        request(&Method::Bye, contact, 1).set("From", format!("{};tag=phone", invite.header("To").unwrap()));
    let bye = bye.set("To", invite.header("From").unwrap()).set("Call-ID", invite.call_id().unwrap());
    lab.say(&bye.header("Route", "<sip:10.0.0.1:5060;lr>"));
    lab.run_s(1);
    assert_eq!(lab.last().status(), Some(200));
    assert_eq!(lab.far_end(|far_end, _| far_end.calls()), 0);
}

#[test]
fn a_lost_ack_of_the_far_end_is_sent_again_for_the_repeated_200() {
    let mut lab = Lab::new();
    lab.register();
    lab.fault_on("drop method=ACK direction=out first=1");
    let invite = offered(&mut lab);
    let ok = answer(&invite, 200).body("application/sdp", invite.body.clone());
    lab.say(&ok);
    lab.run_ms(500);
    assert!(lab.times("ACK").is_empty());
    lab.say(&ok);
    lab.run_ms(500);
    assert_eq!(lab.times("ACK").len(), 1);
}

#[test]
fn the_far_end_takes_its_call_back() {
    let mut lab = Lab::new();
    lab.register();
    let invite = offered(&mut lab);
    lab.far_end(|far_end, now| far_end.cancel(now));
    lab.run_ms(400);
    // The node has answered with 100, so CANCEL may be sent there; the phone has said nothing yet,
    // so the node may not send it on.
    assert!(lab.times("CANCEL").is_empty());
    lab.say(&answer(&invite, 180));
    lab.run_ms(10);
    let cancel = lab.last();
    assert!(cancel.is_request(&Method::Cancel));
    assert_eq!(cancel.branch(), invite.branch(), "RFC 3261 section 9.1");
    lab.say(&answer(&cancel, 200));
    lab.say(&answer(&invite, 487));
    lab.run_ms(10);
    assert!(lab.last().is_request(&Method::Ack));
    assert!(
        lab.lines().ends_with(&["node > far end: 487 INVITE".to_owned(), "far end > node: ACK".to_owned()])
    );
}

#[test]
fn a_phone_registered_over_tcp_is_called_over_its_connection() {
    let mut lab = Lab::new();
    lab.connect();
    lab.say_tcp(&over_tcp(register(1)));
    lab.run_ms(10);
    lab.forget();
    let invite = offered(&mut lab);
    assert_eq!(invite.top_via().unwrap().transport, "TCP");
    assert!(lab.lines().iter().all(|line| !line.contains("SYN")), "no new connection");
    // RFC 5658: a route for each side, the phone's on top.
    assert_eq!(
        invite.values("Record-Route"),
        ["<sip:10.0.0.1:5060;transport=tcp;lr>", "<sip:10.0.0.1:5060;lr>"]
    );
    lab.say_tcp(&answer(&invite, 200).body("application/sdp", invite.body.clone()));
    lab.run_ms(10);
    let ack = lab.last();
    assert!(ack.is_request(&Method::Ack) && ack.top_via().unwrap().transport == "TCP");
}

#[test]
fn in_dialog_requests_strip_both_routes_of_the_node() {
    let mut lab = Lab::new();
    lab.connect();
    lab.say_tcp(&over_tcp(invite(1)));
    lab.run_ms(10);
    let ok = lab.last();
    assert_eq!(ok.values("Record-Route").len(), 2);
    lab.say_tcp(&over_tcp(in_dialog(&Method::Ack, &ok, 1)));
    lab.run_ms(10);
    let ack = lab.wire().pop().unwrap();
    assert_eq!(ack.to, "far end");
    assert_eq!(ack.message.unwrap().values("Route").len(), 0);
}

#[test]
fn a_session_is_changed_inside_its_dialog() {
    let mut lab = Lab::new();
    let ok = established(&mut lab);
    let hold = String::from_utf8(invite(1).build().body).unwrap() + "a=sendonly\r\n";
    lab.say(&in_dialog(&Method::Invite, &ok, 2).body("application/sdp", hold));
    lab.run_ms(10);
    let held = lab.last();
    assert_eq!(held.status(), Some(200));
    assert!(String::from_utf8(held.body.clone()).unwrap().contains("a=recvonly"));
    lab.say(&in_dialog(&Method::Ack, &ok, 2));
    lab.run_s(40);
    assert_eq!(lab.times("200 INVITE"), [0.0]);
}

#[test]
fn a_request_in_no_dialog_gets_481() {
    let mut lab = Lab::new();
    let bye = request(&Method::Bye, "sip:1002@example.test", 1).set("To", "<sip:1002@example.test>;tag=none");
    lab.say(&bye);
    lab.run_ms(10);
    assert_eq!(lab.last().status(), Some(481));
}

#[test]
fn an_offer_without_a_codec_of_ours_gets_488() {
    let mut lab = Lab::new();
    let offer = "v=0\r\no=- 1 1 IN IP4 10.0.0.9\r\ns=-\r\nc=IN IP4 10.0.0.9\r\nt=0 0\r\n\
                 m=audio 30000 RTP/AVP 18\r\n";
    lab.say(&invite(1).remove("Content-Type").body("application/sdp", offer));
    lab.run_ms(10);
    assert_eq!(lab.last().status(), Some(488));
}

/// The audio port and the host in a session description.
fn ear(body: &[u8]) -> (String, String) {
    let body = String::from_utf8(body.to_vec()).unwrap();
    let after = |what: &str| body.split(what).nth(1).unwrap().split([' ', '\r']).next().unwrap().to_owned();
    (after("c=IN IP4 "), after("m=audio "))
}

#[test]
fn audio_runs_past_a_node_unless_it_anchors_it() {
    let mut lab = Lab::new();
    let ok = established(&mut lab);
    assert_eq!(ear(&ok.body), ("10.0.0.50".to_owned(), "40000".to_owned()));
    lab.talk(SocketAddr::new(FAR_END.ip(), 40_000));
    lab.run_ms(50);
    assert_eq!(Vec::from_iter(lab.audio()), ["far end > phone", "phone > far end"]);
}

#[test]
fn an_anchoring_node_is_in_the_way_of_the_audio() {
    let mut lab = Lab::new();
    lab.node(|node, _| node.anchor_audio());
    let ok = established(&mut lab);
    assert_eq!(ear(&ok.body), ("10.0.0.1".to_owned(), "30000".to_owned()), "what the phone is told");
    lab.talk(SocketAddr::new(NODE.ip(), 30_000));
    lab.run_ms(50);
    let all = ["far end > node", "node > far end", "node > phone", "phone > node"];
    assert_eq!(Vec::from_iter(lab.audio()), all);
    lab.fault_on("silent");
    lab.run_ms(50);
    lab.forget();
    lab.talk(SocketAddr::new(NODE.ip(), 30_000));
    lab.run_ms(50);
    assert_eq!(Vec::from_iter(lab.audio()), ["far end > node", "phone > node"], "a dead node relays nothing");
}

#[test]
fn the_far_end_holds_and_resumes() {
    let mut lab = Lab::new();
    lab.register();
    let first = offered(&mut lab);
    let answer_with = |asked: &Message, direction: &str| {
        let sdp = String::from_utf8(invite(1).build().body).unwrap();
        answer(asked, 200).body("application/sdp", format!("{sdp}a={direction}\r\n"))
    };
    lab.say(&answer_with(&first, "sendrecv"));
    lab.run_ms(100);
    assert!(lab.audio().contains("far end > phone"));
    assert!(lab.far_end(|far_end, now| far_end.hold(true, now)));
    lab.run_ms(10);
    let hold = lab.last();
    assert!(String::from_utf8(hold.body.clone()).unwrap().contains("a=sendonly"));
    assert!(!lab.far_end(|far_end, now| far_end.hold(true, now)), "one at a time");
    lab.say(&answer_with(&hold, "inactive"));
    lab.run_ms(100);
    assert!(lab.last().is_request(&Method::Ack));
    lab.forget();
    lab.run_ms(500);
    assert!(lab.audio().is_empty(), "the phone does not want any");
    assert!(lab.far_end(|far_end, now| far_end.hold(false, now)));
    lab.run_ms(10);
    let resume = lab.last();
    assert!(String::from_utf8(resume.body.clone()).unwrap().contains("a=sendrecv"));
    lab.say(&answer_with(&resume, "sendrecv"));
    lab.run_ms(100);
    assert!(lab.audio().contains("far end > phone"));
}

#[test]
fn media_sent_to_the_far_end_vanishes_without_icmp() {
    let mut lab = Lab::new();
    let ok = established(&mut lab);
    let body = String::from_utf8(ok.body).unwrap();
    let port: u16 = body.split("m=audio ").nth(1).unwrap().split(' ').next().unwrap().parse().unwrap();
    let remote = SocketAddr::new(FAR_END.ip(), port);
    lab.output(Output::Datagram { local: PHONE, remote, payload: vec![0x80; 172] });
    lab.run_s(1);
    assert!(lab.lines().is_empty(), "no ICMP");
}

#[test]
fn the_same_seed_gives_the_same_octets() {
    let run = || {
        let mut lab = Lab::new();
        established(&mut lab);
        lab.far_end(|far_end, now| far_end.hang_up(now));
        lab.run_s(40);
        lab.wire().into_iter().filter_map(|packet| Some(packet.message?.raw)).collect::<Vec<_>>()
    };
    assert_eq!(run(), run());
}

#[test]
fn a_message_that_passes_keeps_what_the_node_does_not_understand() {
    let mut lab = Lab::new();
    lab.say(&invite(1).header("X-Custom", "a  \"b\", <c>;d").header("Subject", "päckchen"));
    lab.run_ms(10);
    let at_far_end = lab.wire().into_iter().find(|packet| packet.to == "far end").unwrap().message.unwrap();
    assert_eq!(at_far_end.header("X-Custom"), Some("a  \"b\", <c>;d"));
    assert_eq!(at_far_end.header("Subject"), Some("päckchen"));
    assert_eq!(at_far_end.body, invite(1).build().body);
    assert!(matches!(at_far_end.start, StartLine::Request { .. }));
}
