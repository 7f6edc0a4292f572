//! Several calls at once: appearances, lines, conferences (PA-09, AM-18, AM-22).

use crate::common::*;
use sipfarm_core::profile::{CallKind, Profile, SignallingLoss};
use sipfarm_core::sip::{Message, Method};
use sipfarm_ua::Refusal;

fn phone_with(appearances: u8) -> Bench {
    let mut profile = Profile::default();
    profile.lines.appearances = appearances;
    Bench::for_calls(profile)
}

/// Two calls, of which `b` is active and `a` on hold.
fn with_two_calls() -> Bench {
    let mut bench = phone_with(3);
    bench.answered_call("a", &[]);
    bench.run(1.0);
    bench.answered_call("b", &[]);
    bench.run(1.0);
    bench
}

fn body(message: &Message) -> &str {
    std::str::from_utf8(&message.body).unwrap()
}

#[test]
fn a_further_call_rings_while_there_is_an_appearance() {
    let mut bench = phone_with(2);
    bench.answered_call("a", &[]);
    bench.ring("b", "1001", &[]);
    bench.ring("c", "1001", &[]);
    assert_eq!(bench.said_of("b"), ["180"]);
    assert_eq!(bench.said_of("c"), ["486"]);
    bench.tell(|phone, now| phone.reject(603, now)).unwrap();
    bench.ring("d", "1001", &[]);
    assert_eq!(bench.said_of("d"), ["180"], "the appearance is free again");
}

#[test]
fn who_answers_a_second_call_holds_the_first() {
    let bench = with_two_calls();
    assert_eq!(bench.said_of("a"), ["180", "200", "INVITE"]);
    let hold = bench.sent_for("a").into_iter().find(|sent| sent.message.is_request(&Method::Invite)).unwrap();
    assert!(!body(&hold.message).contains("sendrecv"));
    let accept = bench.sent_for("b").into_iter().find(|sent| sent.message.status() == Some(200)).unwrap();
    assert!(body(&accept.message).contains("m=audio 4002"), "each call has its own port");
}

#[test]
fn keys_act_on_the_active_call_or_on_the_selected_one() {
    let mut bench = with_two_calls();
    bench.tell(|phone, now| {
        phone.select("a").unwrap();
        phone.hold(false, now).unwrap();
    });
    bench.run(1.0);
    assert_eq!(bench.said_of("b"), ["180", "200", "INVITE"], "the other one is put on hold");
    bench.tell(|phone, now| phone.hang_up(now)).unwrap();
    assert_eq!(bench.said_of("a").last().unwrap(), "BYE");
    bench.tell(|phone, now| phone.hang_up(now)).unwrap();
    assert_eq!(bench.said_of("b").last().unwrap(), "BYE");
    assert_eq!(bench.tell(|phone, now| phone.hang_up(now)), Err(Refusal::NoCall));
    assert!(bench.tell(|phone, _| phone.select("a")).is_err());
}

#[test]
fn who_dials_holds_the_active_call() {
    let mut bench = phone_with(2);
    bench.answered_call("a", &[]);
    bench.tell(|phone, now| phone.dial("1002", now)).unwrap();
    assert_eq!(bench.said_of("a"), ["180", "200", "INVITE"]);
    let invite = bench.dialled();
    assert!(body(bench.last_of(&invite)).contains("m=audio 4002"));
    assert_eq!(bench.tell(|phone, now| phone.dial("1003", now)), Err(Refusal::Busy));
}

#[test]
fn each_leg_of_a_conference_is_talked_to_and_hung_up() {
    let mut bench = with_two_calls();
    bench.tell(|phone, now| phone.join(now)).unwrap();
    bench.run(1.0);
    let last =
        bench.sent_for("a").into_iter().rfind(|sent| sent.message.is_request(&Method::Invite)).unwrap();
    assert!(body(&last.message).contains("sendrecv"), "it is off hold");
    bench.tell(|phone, now| phone.hang_up(now)).unwrap();
    assert_eq!(bench.said_of("a").last().unwrap(), "BYE");
    assert_eq!(bench.said_of("b").last().unwrap(), "BYE");
}

#[test]
fn a_conference_takes_one_appearance_until_it_is_split() {
    let mut bench = phone_with(2);
    bench.answered_call("a", &[]);
    bench.answered_call("b", &[]);
    bench.tell(|phone, now| phone.join(now)).unwrap();
    bench.run(1.0);
    bench.ring("c", "1001", &[]);
    assert_eq!(bench.said_of("c"), ["180"]);
    bench.tell(|phone, now| phone.reject(486, now)).unwrap();
    bench.tell(|phone, now| phone.split(now)).unwrap();
    bench.run(1.0);
    let last =
        bench.sent_for("a").into_iter().rfind(|sent| sent.message.is_request(&Method::Invite)).unwrap();
    assert!(!body(&last.message).contains("sendrecv"), "the other one is on hold again");
    bench.ring("d", "1001", &[]);
    assert_eq!(bench.said_of("d"), ["486"]);
    assert_eq!(bench.tell(|phone, now| phone.split(now)), Err(Refusal::NoConference));
}

#[test]
fn each_line_has_its_address_and_its_room() {
    let mut config = Bench::config(Profile::default(), 1);
    config.lines.push(sipfarm_ua::Line { user: "2001".to_owned(), ..config.lines[0].clone() });
    let mut bench = Bench::of(config);
    bench.answer_within_calls();
    bench.tell(|phone, now| phone.register(now));
    let users: Vec<String> = bench
        .requests("REGISTER", "primary")
        .iter()
        .map(|sent| sent.message.to().unwrap().sip_uri().unwrap().user.unwrap())
        .collect();
    assert_eq!(users, ["1001", "2001"]);
    let ids: Vec<_> = bench.requests("REGISTER", "primary").iter().map(|s| s.message.call_id()).collect();
    assert_ne!(ids[0], ids[1]);
    bench.answered_call("a", &[]);
    bench.ring("b", "2001", &[]);
    assert_eq!(bench.said_of("b"), ["180"]);
    assert!(bench.last_of("b").header("Contact").unwrap().contains("sip:2001@"));
    bench.ring("c", "1001", &[]);
    assert_eq!(bench.said_of("c"), ["486"]);
    bench.ring("d", "3001", &[]);
    assert_eq!(bench.said_of("d"), ["404"]);
    bench.tell(|phone, now| phone.reject(486, now)).unwrap();
    bench.tell(|phone, _| phone.use_line(2)).unwrap();
    bench.tell(|phone, now| phone.dial("1002", now)).unwrap();
    let dialled = bench.dialled();
    assert!(bench.last_of(&dialled).header("From").unwrap().contains("sip:2001@"));
    assert_eq!(bench.tell(|phone, _| phone.use_line(3)), Err(Refusal::NoLine(3)));
}

/// A phone that keeps calls when their signalling is lost, with a call on hold and one that is active; its server
/// is silent from then on.
fn losing(not_preserve: Vec<CallKind>, join: bool) -> Bench {
    let mut profile = Profile::default();
    profile.lines.appearances = 2;
    profile.mcp.supported = true;
    profile.mcp.not_preserve = not_preserve;
    profile.call_in_progress.on_signalling_loss = SignallingLoss::Preserve;
    profile.registration.expires_s = 60;
    let mut bench = Bench::for_calls(profile);
    bench.script(0, |request| match request.method() {
        Some(Method::Register) => vec![registered(request, 60)],
        _ => vec![],
    });
    bench.tell(|phone, now| phone.register(now));
    bench.answer_within_calls();
    for call in ["a", "b"] {
        bench.ring_with(call, "1001", &[], "sendrecv");
        bench.tell(|phone, now| phone.answer(now)).unwrap();
        bench.acknowledge(call);
    }
    if join {
        bench.tell(|phone, now| phone.join(now)).unwrap();
    }
    bench.run(1.0);
    bench.silent(0);
    bench.tell(|phone, now| phone.register(now));
    bench.run(40.0);
    bench
}

#[test]
fn a_held_call_is_dropped_and_an_active_one_kept() {
    let bench = losing(vec![CallKind::Held], false);
    assert!(bench.said_of("a").contains(&"BYE".to_owned()));
    assert!(!bench.said_of("b").contains(&"BYE".to_owned()));
    assert_eq!(bench.reports().iter().filter(|report| *report == "call preserved").count(), 1);
}

#[test]
fn a_conference_is_kept_with_all_legs_or_not_at_all() {
    let bench = losing(vec![CallKind::Held], true);
    assert_eq!(bench.reports().iter().filter(|report| *report == "call preserved").count(), 2);
    let bench = losing(vec![CallKind::Conference], true);
    assert_eq!(bench.reports().iter().filter(|report| *report == "call preserved").count(), 0);
}
