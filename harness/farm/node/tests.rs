//! The registrar, and what a node does with requests that it cannot serve.

#![allow(clippy::unwrap_used)]

use std::net::SocketAddr;

use sipfarm_core::machine::{Input, Machine, Output, StreamId, Transport};
use sipfarm_core::sip::{Message, MessageBuilder, Method};
use sipfarm_core::{Instant, Span};

use super::{Account, Node, NodeConfig};
use crate::farm::testing::{
    Lab, NODE, PHONE, authorization, authorization_of, in_dialog, invite, over_tcp, register, request,
};
use crate::farm::{Behaviour, CallOrder};

/// The response to a request, sent in a transaction of its own.
fn response_to(lab: &mut Lab, request: &MessageBuilder) -> Message {
    lab.forget();
    lab.say(request);
    lab.run_ms(10);
    lab.last()
}

fn code(lab: &mut Lab, request: &MessageBuilder) -> u16 {
    response_to(lab, request).status().unwrap()
}

fn contacts(response: &Message) -> Vec<String> {
    response.values("Contact").into_iter().map(str::to_owned).collect()
}

#[test]
fn a_binding_is_made_refreshed_and_taken_away() {
    let mut lab = Lab::new();
    let ok = response_to(&mut lab, &register(1));
    assert_eq!(contacts(&ok), ["<sip:1001@10.0.0.9:5060>;expires=600"]);
    lab.run_s(100);
    let query = response_to(&mut lab, &register(2).remove("Contact").remove("Expires"));
    assert_eq!(
        contacts(&query),
        ["<sip:1001@10.0.0.9:5060>;expires=500"],
        "what is left, begun seconds whole"
    );
    let refreshed = response_to(&mut lab, &register(3).set("Expires", 300));
    assert_eq!(contacts(&refreshed), ["<sip:1001@10.0.0.9:5060>;expires=300"]);
    let gone = response_to(&mut lab, &register(4).set("Contact", format!("<sip:1001@{PHONE}>;expires=0")));
    assert_eq!((gone.status(), contacts(&gone).len()), (Some(200), 0));
}

#[test]
fn a_binding_ends_by_itself() {
    let mut lab = Lab::new();
    response_to(&mut lab, &register(1).set("Expires", 60));
    lab.run_ms(59_900);
    assert_eq!(lab.node(|node, _| node.bindings().len()), 1);
    lab.run_ms(200);
    assert_eq!(lab.node(|node, _| node.bindings().len()), 0);
}

#[test]
fn the_expiry_granted_is_what_was_asked_within_the_limit() {
    for (limit, asked, granted) in
        [(None, 600, 600), (None, 7200, 3600), (Some(60), 600, 60), (Some(60), 30, 30)]
    {
        let mut lab = Lab::with(|config| config.expires_s = limit);
        let ok = response_to(&mut lab, &register(1).set("Expires", asked));
        assert_eq!(contacts(&ok), [format!("<sip:1001@10.0.0.9:5060>;expires={granted}")]);
    }
    let mut lab = Lab::new();
    lab.node(|node, _| node.set_expires(90));
    assert_eq!(contacts(&response_to(&mut lab, &register(1))), ["<sip:1001@10.0.0.9:5060>;expires=90"]);
}

#[test]
fn too_short_an_expiry_gets_423_with_the_least_one() {
    let mut lab = Lab::new();
    lab.node(|node, _| node.set_min_expires(120));
    let brief = response_to(&mut lab, &register(1).set("Expires", 119));
    assert_eq!((brief.status(), brief.number("Min-Expires")), (Some(423), Some(120)));
    assert_eq!(code(&mut lab, &register(2).set("Expires", 120)), 200);
    assert_eq!(code(&mut lab, &register(3).set("Expires", 0)), 200, "zero is never too brief");
}

#[test]
fn a_star_takes_all_bindings_away_and_stands_alone() {
    let mut lab = Lab::new();
    response_to(&mut lab, &register(1).header("Contact", "<sip:1001@10.0.0.9:5070>"));
    assert_eq!(lab.node(|node, _| node.bindings().len()), 2);
    assert_eq!(code(&mut lab, &register(2).set("Contact", "*")), 400, "without Expires: 0");
    let both = register(3).set("Expires", 0).set("Contact", "*").header("Contact", "<sip:1001@10.0.0.9>");
    assert_eq!(code(&mut lab, &both), 400);
    let gone = response_to(&mut lab, &register(4).set("Contact", "*").set("Expires", 0));
    assert_eq!((gone.status(), contacts(&gone).len()), (Some(200), 0));
}

/// RFC 3261 section 10.3: with the same Call-ID, CSeq has to grow; and all or nothing changes.
#[test]
fn an_overtaken_register_changes_nothing() {
    let mut lab = Lab::new();
    response_to(&mut lab, &register(5));
    let late = register(4).header("Contact", "<sip:1001@10.0.0.9:5070>").set("Expires", 100);
    assert_eq!(code(&mut lab, &late), 500);
    assert_eq!(lab.node(|node, _| node.bindings().len()), 1);
    let other = register(3).set("Call-ID", "another");
    assert_eq!(code(&mut lab, &other), 200, "another Call-ID may count as it likes");
}

#[test]
fn the_contact_comes_back_with_its_parameters() {
    let mut lab = Lab::new();
    let contact = "<sip:1001@10.0.0.9:5060>;+sip.instance=\"<urn:uuid:f81d>\";reg-id=1";
    let ok = response_to(&mut lab, &register(1).set("Contact", contact));
    assert_eq!(contacts(&ok), [format!("{contact};expires=600")]);
}

#[test]
fn a_challenge_is_answered_with_the_password() {
    let mut lab = Lab::with(|config| config.challenge = true);
    let challenge = response_to(&mut lab, &register(1));
    assert_eq!(challenge.status(), Some(401));
    assert!(challenge.header("WWW-Authenticate").unwrap().contains("realm=\"example.test\""));
    let good = register(2).header("Authorization", authorization(&challenge, "secret"));
    assert_eq!(code(&mut lab, &good), 200);

    let again =
        response_to(&mut lab, &register(3).header("Authorization", authorization(&challenge, "wrong")));
    assert_eq!(again.status(), Some(401));
    assert!(!again.header("WWW-Authenticate").unwrap().contains("stale"));
}

#[test]
fn an_old_nonce_is_stale_and_a_foreign_one_too() {
    let mut lab = Lab::with(|config| config.challenge = true);
    let challenge = response_to(&mut lab, &register(1));
    lab.run_s(301);
    let old =
        response_to(&mut lab, &register(2).header("Authorization", authorization(&challenge, "secret")));
    assert_eq!(old.status(), Some(401));
    assert!(old.header("WWW-Authenticate").unwrap().contains("stale=true"));
    let fresh = register(3).header("Authorization", authorization(&old, "secret"));
    assert_eq!(code(&mut lab, &fresh), 200);

    let mut other = Lab::with(|config| (config.challenge, config.seed) = (true, 99));
    let foreign = register(1).header("Authorization", authorization(&old, "secret"));
    let refused = response_to(&mut other, &foreign);
    assert!(refused.header("WWW-Authenticate").unwrap().contains("stale=true"));
}

#[test]
fn somebody_else_is_refused() {
    let mut lab = Lab::new();
    assert_eq!(code(&mut lab, &register(1).set("To", "<sip:1003@example.test>")), 404);
    assert_eq!(code(&mut lab, &register(2).set("To", "<tel:+1555>")), 400);
    let extended = response_to(&mut lab, &register(3).header("Require", "gruu, path"));
    assert_eq!((extended.status(), extended.header("Unsupported")), (Some(420), Some("gruu, path")));
    assert_eq!(lab.node(|node, _| node.bindings().len()), 0);
}

/// The lines of a phone: each has bindings of its own, and a call finds the one that it is for.
#[test]
fn each_of_several_users_is_reached_where_he_has_registered() {
    let mut lab = Lab::with(|config| {
        config.further_accounts = vec![Account { user: "2001".to_owned(), password: "other".to_owned() }];
        config.challenge = true;
    });
    let as_second =
        |n: u32| register(n).set("To", "<sip:2001@example.test>").set("Contact", "<sip:2001@10.0.0.9:5060>");
    let challenge = response_to(&mut lab, &register(1));
    let first = register(2).header("Authorization", authorization(&challenge, "secret"));
    assert_eq!(code(&mut lab, &first), 200);
    assert_eq!(code(&mut lab, &request(&Method::Invite, "sip:2001@example.test", 3)), 480, "not yet");
    let stolen = as_second(4).header("Authorization", authorization(&challenge, "secret"));
    assert_eq!(code(&mut lab, &stolen), 403, "with the name of the first");

    let own = authorization_of("2001", &challenge, "other");
    let ok = response_to(&mut lab, &as_second(5).header("Authorization", own));
    assert_eq!((ok.status(), contacts(&ok).len()), (Some(200), 1), "its own binding only");
    assert_eq!(lab.node(|node, _| node.bindings().len()), 2);
    for user in ["2001", "1001"] {
        lab.forget();
        lab.far_end(move |far_end, now| far_end.call(&CallOrder::to(user, NODE), now));
        lab.run_ms(10);
        let uri = lab.last().request_uri().unwrap().to_owned();
        assert_eq!(uri, format!("sip:{user}@10.0.0.9:5060"));
    }
    let own = authorization_of("2001", &challenge, "other");
    let gone = as_second(6).set("Expires", 0).set("Contact", "*").header("Authorization", own);
    assert_eq!(code(&mut lab, &gone), 200);
    assert_eq!(lab.node(|node, _| node.bindings().remove(0).contact), "sip:1001@10.0.0.9:5060");
}

#[test]
fn the_via_of_the_response_tells_where_the_request_came_from() {
    let mut lab = Lab::new();
    let via = response_to(&mut lab, &register(1)).top_via().unwrap();
    assert_eq!(via.params.value("rport"), Some("5060"));
    assert_eq!(via.params.value("received"), Some("10.0.0.9"), "with rport even when it is the same");

    let plain = register(2).set("Via", format!("SIP/2.0/UDP {PHONE};branch=z9hG4bKplain"));
    let via = response_to(&mut lab, &plain).top_via().unwrap();
    assert!(!via.params.has("rport") && !via.params.has("received"));

    let named = register(3).set("Via", "SIP/2.0/UDP phone.example.test:5060;branch=z9hG4bKnamed");
    let via = response_to(&mut lab, &named).top_via().unwrap();
    assert_eq!(via.params.value("received"), Some("10.0.0.9"));
}

/// RFC 3581 section 4: to the source port with `rport`, else to the port of sent-by.
#[test]
fn a_response_goes_where_via_says() {
    let mut lab = Lab::new();
    lab.say(&register(1).set("Via", "SIP/2.0/UDP 10.0.0.9:5099;branch=z9hG4bKa"));
    lab.say(&register(2).set("Via", "SIP/2.0/UDP 10.0.0.9:5099;branch=z9hG4bKb;rport"));
    lab.run_ms(10);
    let lines: Vec<String> =
        lab.lines().into_iter().filter(|line| line.starts_with("node") || line.contains("ICMP")).collect();
    assert_eq!(
        lines,
        ["node > phone: 200 REGISTER", "node > phone: 200 REGISTER", "phone > node: ICMP 3/3"],
        "nobody listens at 5099, where the first one goes"
    );
}

#[test]
fn options_to_the_node_is_answered_by_the_node() {
    let mut lab = Lab::new();
    let ok = response_to(&mut lab, &request(&Method::Options, "sip:10.0.0.1:5060", 1));
    assert_eq!(ok.status(), Some(200));
    assert!(ok.header("Allow").unwrap().contains("INVITE"));
    assert_eq!(code(&mut lab, &request(&Method::Options, "sip:example.test", 2)), 200);
}

#[test]
fn requests_that_cannot_be_served_are_refused() {
    let mut lab = Lab::new();
    let options = |n| request(&Method::Options, "sip:1002@example.test", n);
    assert_eq!(code(&mut lab, &options(1).set("Max-Forwards", 0)), 483);
    assert_eq!(code(&mut lab, &options(2).remove("Call-ID")), 400);
    assert_eq!(code(&mut lab, &options(3).set("CSeq", "3 INVITE")), 400);
    assert_eq!(code(&mut lab, &options(4).set("CSeq", "99999999999 OPTIONS")), 400);
    assert_eq!(code(&mut lab, &options(5).remove("From")), 400);
    assert_eq!(code(&mut lab, &options(6).set_uri("mailto:a@b")), 416);
    let foreign = request(&Method::Options, "sip:1002@elsewhere.test", 7);
    assert_eq!(code(&mut lab, &foreign), 404, "no relay to the rest of the world");
    assert_eq!(code(&mut lab, &options(8).header("Proxy-Require", "foo")), 420);
    assert_eq!(code(&mut lab, &request(&Method::Invite, "sip:1001@example.test", 9)), 480, "not registered");
}

#[test]
fn no_octets_make_it_panic_or_leave_state() {
    let mut lab = Lab::new();
    let whole = invite(1).to_bytes();
    for cut in 0..whole.len() {
        let payload = whole[..cut].to_vec();
        lab.output(Output::Datagram { local: PHONE, remote: NODE, payload });
    }
    for octet in [0_u8, 10, 13, 32, 58, 255] {
        for at in 0..whole.len() {
            let mut payload = whole.clone();
            payload[at] = octet;
            lab.output(Output::Datagram { local: PHONE, remote: NODE, payload });
        }
    }
    lab.run_s(4_000);
    assert_eq!(lab.node(|node, _| node.transactions()), 0, "after an hour everything has timed out");
    lab.forget();
    assert_eq!(code(&mut lab, &register(2)), 200);
}

#[test]
fn a_flood_of_foreign_registers_does_not_grow_without_bound() {
    let mut lab = Lab::with(|config| config.challenge = true);
    for n in 0..6_000 {
        let foreign =
            register(n).set("To", format!("<sip:{n}@example.test>")).set("Call-ID", format!("flood{n}"));
        lab.say(&foreign);
        if n % 500 == 0 {
            lab.run_ms(1);
        }
    }
    lab.run_ms(10);
    assert!(lab.node(|node, _| node.transactions()) <= 4_096);
    let challenge = response_to(&mut lab, &register(7_000));
    assert_eq!(challenge.status(), Some(401), "the phone is still served");
    lab.run_s(60);
    assert_eq!(lab.node(|node, _| node.transactions()), 0);
}

/// What a stranger sends does not drive out the phone's calls, nor the way to the phone.
#[test]
fn a_flood_of_a_strangers_invites_is_bounded_and_does_not_weigh_on_the_phone() {
    let mut lab = Lab::new();
    lab.far_end(|far_end, _| far_end.behave(Behaviour::Answer { after: Span::from_secs(20) }));
    lab.say(&invite(1));
    lab.run_ms(10);
    assert_eq!(lab.last().status(), Some(180));
    lab.far_end(|far_end, _| far_end.behave(Behaviour::Silent));
    let stranger: SocketAddr = "10.0.0.66:5060".parse().unwrap();
    for n in 0..6_000 {
        let foreign = invite(n)
            .set("Via", format!("SIP/2.0/UDP {stranger};branch=z9hG4bKflood{n}"))
            .set("Contact", format!("<sip:{n}@{stranger}>"))
            .set("Call-ID", format!("flood{n}"));
        let input = Input::Datagram { local: NODE, remote: stranger, payload: foreign.to_bytes() };
        lab.node(|node, now| node.handle(input, now));
        if n % 1_000 == 0 {
            lab.run_ms(1);
        }
    }
    lab.run_ms(10);
    assert!(lab.node(|node, _| node.transactions()) <= 4_096 + 2_048);

    lab.far_end(|far_end, _| far_end.behave(Behaviour::Answer { after: Span::ZERO }));
    let ok = response_to(&mut lab, &invite(2));
    assert_eq!(ok.status(), Some(200), "the phone makes a call all the same");
    lab.say(&in_dialog(&Method::Ack, &ok, 2));
    lab.run_ms(10);
    lab.forget();
    lab.far_end(|far_end, now| far_end.hang_up(now));
    lab.run_ms(10);
    assert!(lab.lines().contains(&"node > phone: BYE".to_owned()), "the way to it is known");
    lab.forget();
    lab.run_s(21);
    assert!(!lab.times("200 INVITE").is_empty(), "the call that rang before is answered");
    lab.run_s(200);
    assert_eq!(lab.node(|node, _| node.transactions()), 0);
}

#[test]
fn over_tcp_it_answers_on_the_same_connection() {
    let mut lab = Lab::new();
    lab.connect();
    lab.say_tcp(&over_tcp(register(1)));
    lab.run_ms(10);
    assert_eq!(lab.last().status(), Some(200));
    let binding = lab.node(|node, _| node.bindings().remove(0));
    assert_eq!(
        (binding.transport, binding.contact.as_str()),
        (Transport::Tcp, "sip:1001@10.0.0.9:5060;transport=tcp")
    );
}

#[test]
fn a_ping_over_tcp_gets_its_pong() {
    let mut lab = Lab::new();
    lab.connect();
    lab.forget();
    lab.output(Output::StreamData { stream: StreamId(1), data: b"\r\n\r\n".to_vec() });
    lab.run_ms(10);
    assert!(lab.left_the_node().contains(&"TCP data".to_owned()));
}

#[test]
fn over_ipv6_it_serves_the_same() {
    let mut node = Node::new(NodeConfig {
        domain: "example.test".to_owned(),
        ..NodeConfig::alone("[fd00::1]:5060".parse().unwrap(), "[fd00::50]:5060".parse().unwrap())
    });
    let (local, remote) = ("[fd00::1]:5060".parse().unwrap(), "[fd00::9]:5090".parse().unwrap());
    let via = "SIP/2.0/UDP [fd00::9]:5060;branch=z9hG4bK6;rport";
    let contact = "<sip:1001@[fd00::9]:5060>";
    let payload = register(1).set("Via", via).set("Contact", contact).to_bytes();
    node.handle(Input::Datagram { local, remote, payload }, Instant::EPOCH);
    let outputs: Vec<Output> = std::iter::from_fn(|| node.poll_output()).collect();
    let Some(Output::Datagram { remote: to, payload, .. }) = outputs.last() else { panic!("{outputs:?}") };
    let ok = Message::parse(payload);
    assert_eq!((*to, ok.status()), (remote, Some(200)));
    assert_eq!(ok.top_via().unwrap().received(), Some(remote.ip()));
    assert_eq!(contacts(&ok), ["<sip:1001@[fd00::9]:5060>;expires=600"]);
}

/// RFC 4320: a request that is no INVITE gets its 100 only when its client would by now wait T2.
#[test]
fn a_slow_answer_to_another_request_is_announced_after_3_5_s() {
    let mut lab = Lab::new();
    lab.far_end(|far_end, _| far_end.behave(Behaviour::Silent));
    lab.say(&request(&Method::Message, "sip:1002@example.test", 1));
    lab.run_s(60);
    let to_phone: Vec<(f64, String)> = lab
        .wire()
        .into_iter()
        .filter(|packet| packet.to == "phone")
        .map(|packet| ((packet.at * 1e3).round() / 1e3, packet.what))
        .collect();
    assert_eq!(to_phone, [(3.5, "100 MESSAGE".to_owned())], "and never a 408");
}
