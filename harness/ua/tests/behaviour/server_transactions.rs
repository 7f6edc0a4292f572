//! The phone as a server: what it answers, and what its transactions repeat and absorb
//! (RFC 3261 sections 8.2 and 17.2).

use crate::common::*;
use sipfarm_core::machine::Transport;
use sipfarm_core::profile::Profile;

fn bench() -> Bench {
    Bench::with_servers(Profile::default(), 1, Transport::Udp)
}

fn ringing() -> Bench {
    let mut bench = bench();
    bench.deliver(0, &invite("a"));
    assert_eq!(bench.responses(), [(0.0, 180)]);
    bench
}

/// The ACK of a non-2xx, in the INVITE's transaction.
fn ack(bench: &Bench, branch: &str) -> sipfarm_core::sip::MessageBuilder {
    within(bench, "ACK", branch, 1)
}

#[test]
fn a_call_rings_and_its_repetition_gets_the_last_provisional_again() {
    let mut bench = ringing();
    assert_eq!(bench.reports(), ["ringing: call from sip:caller@example.org"]);
    let ringing = bench.last_response();
    assert!(ringing.to().unwrap().tag().is_some());
    assert_eq!(ringing.contact().unwrap().uri, "sip:1001@192.0.2.100:5060");
    bench.run(1.0);
    bench.deliver(0, &invite("a"));
    assert_eq!(bench.responses(), [(0.0, 180), (1.0, 180)]);
    assert_eq!(bench.sent[0].message.raw, bench.sent[1].message.raw);
    assert_eq!(bench.reports().len(), 1);
}

#[test]
fn a_rejection_is_repeated_by_timer_g_until_timer_h() {
    let mut bench = ringing();
    bench.tell(|phone, now| phone.reject(486, now)).unwrap();
    bench.run(100.0);
    let times: Vec<_> =
        bench.responses().into_iter().filter(|(_, code)| *code == 486).map(|(at, _)| at).collect();
    assert_eq!(times, [0.0, 0.5, 1.5, 3.5, 7.5, 11.5, 15.5, 19.5, 23.5, 27.5, 31.5]);
}

#[test]
fn until_the_ack_comes() {
    let mut bench = ringing();
    bench.tell(|phone, now| phone.reject(603, now)).unwrap();
    bench.run(2.0);
    let ack = ack(&bench, "a");
    bench.deliver(0, &ack);
    bench.run(1.0);
    bench.deliver(0, &ack);
    bench.deliver(0, &invite("a"));
    bench.run(100.0);
    assert_eq!(bench.responses().len(), 1 + 3, "180, then 603 at 0, 0.5 and 1.5");
}

#[test]
fn a_repeated_invite_gets_the_rejection_at_once() {
    let mut bench = ringing();
    bench.tell(|phone, now| phone.reject(486, now)).unwrap();
    bench.run(0.2);
    bench.deliver(0, &invite("a"));
    assert_eq!(bench.responses(), [(0.0, 180), (0.0, 486), (0.2, 486)]);
}

#[test]
fn after_timer_i_the_same_invite_is_a_new_one() {
    let mut bench = ringing();
    bench.tell(|phone, now| phone.reject(486, now)).unwrap();
    let ack = ack(&bench, "a");
    bench.deliver(0, &ack);
    bench.run(4.999);
    bench.deliver(0, &invite("a"));
    assert_eq!(bench.responses().len(), 2);
    bench.run(0.001);
    bench.deliver(0, &invite("a"));
    assert_eq!(bench.responses().len(), 3);
}

#[test]
fn a_non_invite_answer_is_repeated_on_demand_until_timer_j() {
    let mut bench = bench();
    bench.deliver(0, &request("OPTIONS", "o", 1));
    bench.run(10.0);
    bench.deliver(0, &request("OPTIONS", "o", 1));
    assert_eq!(bench.responses(), [(0.0, 200), (10.0, 200)]);
    assert_eq!(bench.sent[0].message.raw, bench.sent[1].message.raw);
    bench.run(22.0);
    bench.deliver(0, &request("OPTIONS", "o", 1));
    let tag = |nth: usize| bench.sent[nth].message.to().unwrap().tag().map(str::to_owned);
    assert_ne!(tag(2), tag(0), "timer J has fired at 32 s: a new transaction");
}

#[test]
fn options_says_what_the_phone_can() {
    let mut bench = bench();
    bench.deliver(0, &request("OPTIONS", "o", 1));
    let response = bench.last_response();
    assert_eq!(response.header("Allow"), Some("INVITE, ACK, CANCEL, BYE, OPTIONS, NOTIFY"));
    assert_eq!(response.header("Accept"), Some("application/sdp"));
}

#[test]
fn what_is_refused_and_how() {
    let sip = |method: &str| request(method, "x", 1);
    let bye_of_nobody = sip("BYE").set("To", "<sip:1001@example.org>;tag=unknown");
    for (message, code) in [
        (sip("BYE"), 481),
        (bye_of_nobody, 481),
        (sip("NOTIFY"), 481),
        (sip("CANCEL"), 481),
        (sip("MESSAGE"), 405),
        (sip("WIBBLE"), 405),
        (invite("x").header("Require", "100rel, wibble"), 420),
        (invite("x").set("Content-Type", "text/plain"), 415),
        (invite("x").set_uri("tel:+4930123"), 416),
        (invite("x").set_uri("sip:somebody@192.0.2.100"), 404),
        (invite("x").remove("Contact"), 400),
        (invite("x").remove("Max-Forwards"), 400),
        (sip("OPTIONS").set("CSeq", "1 INVITE"), 400),
    ] {
        let mut bench = bench();
        bench.deliver(0, &message);
        assert_eq!(bench.responses(), [(0.0, code)], "{}", String::from_utf8_lossy(&message.to_bytes()));
        assert!(bench.last_response().to().unwrap().tag().is_some());
        assert!(bench.reports().is_empty());
    }
}

#[test]
fn refusals_name_what_would_do() {
    let mut bench = bench();
    bench.deliver(0, &request("MESSAGE", "x", 1));
    assert!(bench.last_response().header("Allow").is_some());
    bench.deliver(0, &invite("y").header("Require", "100rel, wibble"));
    assert_eq!(bench.last_response().values("Unsupported"), ["100rel", "wibble"]);
    bench.deliver(0, &invite("z").set("Call-ID", "another").set("Content-Type", "text/plain"));
    assert_eq!(bench.last_response().header("Accept"), Some("application/sdp"));
}

#[test]
fn an_offer_with_nothing_in_common_is_refused() {
    let mut bench = bench();
    let body = SDP.replace("RTP/AVP 0 8", "RTP/AVP 18");
    bench.deliver(0, &invite("a").remove("Content-Type").body("application/sdp", body));
    assert_eq!(bench.responses(), [(0.0, 488)]);
}

#[test]
fn a_second_call_finds_the_phone_busy() {
    let mut bench = ringing();
    bench.deliver(0, &invite("b").set("Call-ID", "another"));
    assert_eq!(bench.responses(), [(0.0, 180), (0.0, 486)]);
}

#[test]
fn the_same_request_by_another_way_is_merged() {
    let mut bench = ringing();
    bench.deliver(0, &invite("b"));
    assert_eq!(bench.responses(), [(0.0, 180), (0.0, 482)]);
}

#[test]
fn a_ringing_phone_says_so_every_minute_and_stops_when_the_invite_expires() {
    let mut bench = bench();
    bench.deliver(0, &invite("a").header("Expires", 150));
    bench.run(149.0);
    assert_eq!(bench.responses(), [(0.0, 180), (60.0, 180), (120.0, 180)]);
    bench.run(1.0);
    assert_eq!(bench.responses()[3], (150.0, 487));
}

#[test]
fn responses_go_where_via_says() {
    let sent_to = |via: &str| {
        let mut bench = bench();
        bench.deliver(0, &request("OPTIONS", "x", 1).set("Via", via));
        (bench.sent[0].addr.to_string(), bench.last_response().header("Via").unwrap().to_owned())
    };
    let (to, via) = sent_to("SIP/2.0/UDP 192.0.2.10:5070;branch=z9hG4bKx");
    assert_eq!(
        (to.as_str(), via.as_str()),
        ("192.0.2.10:5070", "SIP/2.0/UDP 192.0.2.10:5070;branch=z9hG4bKx")
    );
    // Another sent-by than the source: received (section 18.2.1).
    let (to, via) = sent_to("SIP/2.0/UDP proxy.example.org:5070;branch=z9hG4bKx");
    assert_eq!(to, "192.0.2.10:5070");
    assert!(via.contains(";received=192.0.2.10"), "{via}");
    // rport: the source port (RFC 3581 section 4), and received even where it is the same.
    let (to, via) = sent_to("SIP/2.0/UDP 192.0.2.10:5070;rport;branch=z9hG4bKx");
    assert_eq!(to, "192.0.2.10:5060");
    assert!(via.contains(";rport=5060") && via.contains(";received=192.0.2.10"), "{via}");
    let (to, _) = sent_to("SIP/2.0/UDP 192.0.2.10;branch=z9hG4bKx");
    assert_eq!(to, "192.0.2.10:5060");
}

#[test]
fn all_vias_and_the_record_route_come_back() {
    let mut bench = bench();
    let lower = "SIP/2.0/UDP 198.51.100.7:5060;branch=z9hG4bKlower";
    let message = invite("a").header("Via", lower).header("Record-Route", "<sip:192.0.2.10:5060;lr>");
    bench.deliver(0, &message);
    let vias = bench.last_response().values("Via").len();
    assert_eq!((vias, bench.last_response().values("Via")[1]), (2, lower));
    assert_eq!(bench.last_response().header("Record-Route"), Some("<sip:192.0.2.10:5060;lr>"));
}

#[test]
fn a_client_of_rfc_2543_is_matched_without_a_branch() {
    let mut bench = bench();
    let old = |method: &str| {
        let body = if method == "INVITE" { invite("x") } else { within_if_known(method) };
        body.set("Via", "SIP/2.0/UDP 192.0.2.10:5060")
    };
    bench.deliver(0, &old("INVITE"));
    bench.deliver(0, &old("INVITE"));
    assert_eq!(bench.responses(), [(0.0, 180), (0.0, 180)]);
    bench.tell(|phone, now| phone.reject(486, now)).unwrap();
    let ack = within(&bench, "ACK", "x", 1).set("Via", "SIP/2.0/UDP 192.0.2.10:5060");
    bench.deliver(0, &ack);
    bench.run(40.0);
    assert_eq!(bench.responses().len(), 3, "the ACK was matched: no repetition");
}

fn within_if_known(method: &str) -> sipfarm_core::sip::MessageBuilder {
    request(method, "x", 1)
}

#[test]
fn keep_alives_and_strays_are_ignored() {
    let mut bench = bench();
    for payload in [&b"\r\n\r\n"[..], b"", b"\0\0\0\0"] {
        bench.deliver_bytes(0, payload.to_vec());
    }
    let stray = request("INVITE", "mine", 1).build();
    bench.deliver(0, &reply(&stray, 200));
    bench.deliver(0, &reply(&stray, 503));
    bench.deliver(0, &request("ACK", "nobody", 1));
    assert!(bench.sent.is_empty());
}
