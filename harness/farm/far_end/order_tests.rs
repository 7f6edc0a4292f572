//! Several calls of the far end's at once.

#![allow(clippy::unwrap_used)]

use sipfarm_core::sip::{Message, MessageBuilder, Method};

use super::CallOrder;
use crate::farm::testing::{Lab, NODE, in_dialog, invite, request};

const OFFER: &[u8] = b"v=0\r\no=- 1 1 IN IP4 10.0.0.9\r\ns=-\r\nc=IN IP4 10.0.0.9\r\nt=0 0\r\n\
    m=audio 30000 RTP/AVP 0\r\n";

fn order() -> CallOrder {
    CallOrder::to("1001", NODE)
}

/// Places a call that rings at the phone; the INVITE as it arrives there.
fn placed(lab: &mut Lab, order: CallOrder) -> (String, Message) {
    let call_id = lab.far_end(move |far_end, now| far_end.call(&order, now)).unwrap();
    lab.run_ms(10);
    let invite = lab.last();
    assert_eq!(invite.call_id(), Some(call_id.as_str()));
    (call_id, invite)
}

/// The phone's response to what it was sent.
fn answer(request: &Message, code: u16) -> MessageBuilder {
    let response = MessageBuilder::response_to(request, code, "Whatever", Some("phone"));
    let routes: Vec<String> = request.values("Record-Route").into_iter().map(str::to_owned).collect();
    let response = routes.iter().fold(response, |response, route| response.header("Record-Route", route));
    response.header("Contact", "<sip:1001@10.0.0.9:5060>")
}

/// Places a call that the phone takes.
fn taken(lab: &mut Lab, order: CallOrder) -> (String, Message) {
    let (call_id, invite) = placed(lab, order);
    lab.say(&answer(&invite, 200).body("application/sdp", OFFER));
    lab.run_ms(50);
    (call_id, invite)
}

/// The phone's BYE in a call that the far end has placed.
fn bye(invite: &Message, n: u32) -> MessageBuilder {
    let target = invite.contact().unwrap().uri;
    request(&Method::Bye, &target, n)
        .set("From", format!("{};tag=phone", invite.header("To").unwrap()))
        .set("To", invite.header("From").unwrap())
        .set("Call-ID", invite.call_id().unwrap())
        .header("Route", "<sip:10.0.0.1:5060;lr>")
}

fn lab() -> Lab {
    let mut lab = Lab::new();
    lab.register();
    lab
}

#[test]
fn two_calls_at_once_flow_on_two_ports() {
    let mut lab = lab();
    let (_, first) = taken(&mut lab, order());
    taken(&mut lab, order());
    // And one that the phone places.
    lab.say(&invite(7));
    lab.run_ms(10);
    let ok = lab.last();
    lab.say(&in_dialog(&Method::Ack, &ok, 7));
    lab.run_ms(100);
    lab.forget();
    lab.run_ms(100);
    assert_eq!(lab.audio_ports("far end"), [40_000, 40_002, 40_004]);
    lab.say(&bye(&first, 1));
    lab.run_ms(50);
    lab.forget();
    lab.run_ms(100);
    assert_eq!(lab.audio_ports("far end"), [40_002, 40_004]);
    taken(&mut lab, order());
    lab.run_ms(100);
    assert_eq!(lab.audio_ports("far end"), [40_000, 40_002, 40_004], "the port is free again");
}

#[test]
fn an_order_stands_in_the_invite_word_for_word() {
    let mut lab = lab();
    let (_, invite) = placed(
        &mut lab,
        CallOrder {
            caller: Some("4711".to_owned()),
            resource_priority: vec!["DSN.Flash".to_owned(), "nonsense".to_owned()],
            require: true,
            alert_info: Some("<urn:alert:service:normal>".to_owned()),
            ..order()
        },
    );
    assert_eq!(invite.values("Resource-Priority"), ["DSN.Flash", "nonsense"]);
    assert_eq!(invite.header("Require"), Some("resource-priority"));
    assert_eq!(invite.header("Alert-Info"), Some("<urn:alert:service:normal>"));
    assert!(invite.header("From").unwrap().starts_with("<sip:4711@example.test>"));
    assert_eq!(invite.header("Contact"), Some("<sip:4711@10.0.0.50:5060>"));
    let (_, plain) = placed(&mut lab, order());
    for field in ["Resource-Priority", "Require", "Alert-Info"] {
        assert_eq!(plain.header(field), None);
    }
}

#[test]
fn one_call_ends_and_the_others_stay() {
    let mut lab = lab();
    let (first, _) = taken(&mut lab, order());
    let (_, _) = taken(&mut lab, order());
    let (ringing, invite) = placed(&mut lab, order());
    lab.say(&answer(&invite, 180));
    lab.run_ms(10);
    let id = first.clone();
    let reason = "preemption;cause=1;text=\"UA Preemption\"";
    assert!(lab.far_end(move |far_end, now| far_end.hang_up_call(&id, Some(reason), now)));
    lab.run_ms(10);
    let bye = lab.last();
    assert!(bye.is_request(&Method::Bye));
    assert_eq!((bye.call_id(), bye.header("Reason")), (Some(first.as_str()), Some(reason)));
    assert_eq!(lab.far_end(|far_end, _| far_end.calls()), 1);
    let id = ringing.clone();
    assert!(lab.far_end(move |far_end, now| far_end.hang_up_call(&id, None, now)));
    lab.run_ms(10);
    assert!(lab.last().is_request(&Method::Cancel));
    assert_eq!(lab.last().call_id(), Some(ringing.as_str()));
    assert!(!lab.far_end(|far_end, now| far_end.hang_up_call("none", None, now)));
}

#[test]
fn a_changed_level_stands_in_the_reinvite_and_in_all_that_follows() {
    let mut lab = lab();
    let flash = vec!["dsn.flash".to_owned()];
    let (call, _) =
        taken(&mut lab, CallOrder { resource_priority: vec!["dsn.routine".to_owned()], ..order() });
    let (other, _) =
        taken(&mut lab, CallOrder { resource_priority: vec!["dsn.routine".to_owned()], ..order() });
    let (id, level) = (call.clone(), flash.clone());
    assert!(lab.far_end(move |far_end, now| far_end.change_level(&id, level, now)));
    let id = call.clone();
    assert!(!lab.far_end(move |far_end, now| far_end.change_level(&id, flash, now)), "one at a time");
    lab.run_ms(10);
    let reinvite = lab.last();
    assert!(reinvite.is_request(&Method::Invite));
    assert_eq!(reinvite.values("Resource-Priority"), ["dsn.flash"]);
    lab.say(&answer(&reinvite, 200).body("application/sdp", OFFER));
    lab.run_ms(10);
    let ack = lab.last();
    assert!(ack.is_request(&Method::Ack));
    assert_eq!(ack.values("Resource-Priority"), ["dsn.flash"]);
    let id = other.clone();
    lab.far_end(move |far_end, now| far_end.hang_up_call(&id, None, now));
    lab.run_ms(10);
    assert_eq!(lab.last().values("Resource-Priority"), ["dsn.routine"], "the other keeps its own");
}

#[test]
fn a_call_is_held_and_resumed_by_itself() {
    let mut lab = lab();
    let (call, _) = taken(&mut lab, order());
    taken(&mut lab, order());
    for (hold, said) in [(true, "a=sendonly"), (false, "a=sendrecv")] {
        lab.forget();
        let id = call.clone();
        assert!(lab.far_end(move |far_end, now| far_end.hold_call(&id, hold, now)));
        lab.run_ms(10);
        let offers = lab.heard();
        assert_eq!((offers.len(), offers[0].call_id()), (1, Some(call.as_str())));
        assert!(String::from_utf8(offers[0].body.clone()).unwrap().contains(said));
        lab.say(&answer(&offers[0], 200).body("application/sdp", OFFER));
        lab.run_ms(10);
    }
}

#[test]
fn a_bye_is_left_unanswered_where_that_is_asked_for() {
    let mut lab = lab();
    let (call, first) = taken(&mut lab, order());
    let (_, second) = taken(&mut lab, order());
    assert!(lab.far_end(move |far_end, _| far_end.ignore_bye(&call)));
    lab.run_ms(100);
    lab.forget();
    for _ in 0..3 {
        lab.say(&bye(&first, 1));
        lab.run_ms(500);
    }
    assert!(
        lab.lines().iter().all(|line| !line.contains("200") && !line.contains("481")),
        "{:?}",
        lab.lines()
    );
    lab.forget();
    lab.run_ms(100);
    assert_eq!(lab.audio_ports("far end"), [40_002], "it is over all the same");
    lab.say(&bye(&second, 2));
    lab.run_ms(10);
    assert_eq!(lab.last().status(), Some(200));
}
