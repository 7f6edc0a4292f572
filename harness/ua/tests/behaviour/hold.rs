//! Audio and hold (RFC 3264 section 8.4, RFC 3261 section 14.1, RFC 3551 section 4).

use crate::common::*;
use sipfarm_core::machine::Transport;
use sipfarm_core::profile::Profile;
use sipfarm_core::rtp::{RtpHeader, rtcp_goodbyes};
use sipfarm_core::sip::{Message, MessageBuilder, Method};
use sipfarm_ua::Refusal;

/// Where the caller hears.
const EAR: &str = "192.0.2.50:9000";

/// A call that came in and was answered; INVITEs of the phone's get these codes in turn, 200 from then
/// on, and 200 answers with that direction.
fn in_call(codes: &'static [u16], direction: &'static str) -> Bench {
    let mut bench = Bench::with_servers(Profile::default(), 1, Transport::Udp);
    let mut codes = codes.iter().copied();
    bench.script(0, move |request| match request.method() {
        Some(Method::Ack) => vec![],
        Some(Method::Invite) => vec![answer(request, codes.next().unwrap_or(200), direction)],
        _ => vec![reply(request, 200)],
    });
    bench.deliver(0, &invite("a"));
    bench.tell(|phone, now| phone.answer(now)).unwrap();
    let ack = within(&bench, "ACK", "ack", 1);
    bench.deliver(0, &ack);
    bench.run(0.99);
    bench
}

fn answer(request: &Message, code: u16, direction: &str) -> MessageBuilder {
    let response = MessageBuilder::response_to(request, code, "Reason", None);
    match code {
        200 => response
            .header("Contact", "<sip:caller@192.0.2.10:5060>")
            .body("application/sdp", SDP.replace("sendrecv", direction)),
        _ => response,
    }
}

fn hold(bench: &mut Bench, hold: bool) -> Result<(), Refusal> {
    bench.tell(|phone, now| phone.hold(hold, now))
}

/// Times and sequence numbers of the audio.
fn said(bench: &Bench) -> Vec<(f64, u16)> {
    let read = |(at, _, packet): &(f64, _, Vec<u8>)| Some((*at, RtpHeader::read(packet)?.sequence));
    bench.audio.iter().filter_map(read).collect()
}

/// What the phone's offers say.
fn offered(bench: &Bench) -> Vec<&str> {
    let invites = bench.sent.iter().filter(|sent| sent.message.is_request(&Method::Invite));
    let bodies = invites.map(|sent| std::str::from_utf8(&sent.message.body).unwrap());
    bodies.map(|body| body.lines().last().unwrap()).collect()
}

#[test]
fn a_phone_talks_every_20_ms_to_where_it_is_told() {
    let bench = in_call(&[], "sendrecv");
    let said = said(&bench);
    assert_eq!(said.len(), 50, "a second");
    assert!(said.windows(2).all(|pair| pair[1].1 == pair[0].1.wrapping_add(1)), "{said:?}");
    assert!(said.windows(2).all(|pair| (pair[1].0 - pair[0].0 - 0.02).abs() < 1e-9), "{said:?}");
    assert!(bench.audio.iter().all(|(_, to, _)| to.to_string() == EAR));
}

#[test]
fn it_takes_its_leave_at_the_end() {
    let mut bench = in_call(&[], "sendrecv");
    let before = said(&bench).len();
    bench.tell(|phone, now| phone.hang_up(now)).unwrap();
    bench.run(5.0);
    assert_eq!(said(&bench).len(), before);
    let (_, to, goodbye) = bench.audio.last().unwrap();
    assert_eq!(to.to_string(), "192.0.2.50:9001");
    assert_eq!(rtcp_goodbyes(goodbye).unwrap().len(), 1);
}

#[test]
fn hold_offers_sendonly_and_says_nothing_and_resume_goes_on() {
    let mut bench = in_call(&[], "sendrecv");
    let before = said(&bench);
    hold(&mut bench, true).unwrap();
    bench.run(2.0);
    assert_eq!(offered(&bench), ["a=sendonly"]);
    assert_eq!(bench.requests("ACK", "primary").len(), 1);
    assert_eq!(said(&bench).len(), before.len());
    assert_eq!(hold(&mut bench, true), Err(Refusal::CannotHold), "it is on hold already");
    hold(&mut bench, false).unwrap();
    bench.run(0.99);
    assert_eq!(offered(&bench), ["a=sendonly", "a=sendrecv"]);
    let after = said(&bench);
    assert_eq!(after.len(), before.len() + 50);
    assert_eq!(after[before.len()].1, before.last().unwrap().1.wrapping_add(1), "one stream");
}

#[test]
fn a_call_that_is_held_already_becomes_inactive() {
    let mut bench = in_call(&[], "inactive");
    let held = SDP.replace("sendrecv", "sendonly");
    let reinvite = within(&bench, "INVITE", "b", 2).header("Contact", "<sip:caller@192.0.2.10:5060>");
    bench.deliver(0, &reinvite.body("application/sdp", held));
    assert!(String::from_utf8_lossy(&bench.last_response().body).contains("a=recvonly"));
    let before = said(&bench).len();
    let ack = within(&bench, "ACK", "ack2", 2);
    bench.deliver(0, &ack);
    bench.run(1.0);
    assert_eq!(said(&bench).len(), before, "it is on hold");
    hold(&mut bench, true).unwrap();
    bench.run(1.0);
    assert_eq!(offered(&bench), ["a=inactive"]);
}

#[test]
fn both_at_once_tries_again_after_a_while() {
    let mut bench = in_call(&[491], "recvonly");
    hold(&mut bench, true).unwrap();
    let first = bench.time();
    bench.run(5.0);
    let times = bench.times("INVITE", "primary");
    assert_eq!(times.len(), 2);
    // The callee waits at most two seconds, in steps of 10 ms (RFC 3261 section 14.1).
    assert!(times[1] - first <= 2.0, "{times:?}");
    assert_eq!(offered(&bench), ["a=sendonly", "a=sendonly"]);
}

#[test]
fn a_refusal_leaves_the_session_as_it_was_and_silence_ends_the_call() {
    let mut bench = in_call(&[488], "recvonly");
    hold(&mut bench, true).unwrap();
    bench.run(1.0);
    assert!(bench.requests("BYE", "primary").is_empty());
    assert!(bench.time() - said(&bench).last().unwrap().0 < 0.021, "it goes on talking");
    assert_eq!(hold(&mut bench, false), Err(Refusal::CannotResume), "it is not on hold");
    let mut bench = in_call(&[408], "recvonly");
    hold(&mut bench, true).unwrap();
    bench.run(1.0);
    assert_eq!(bench.requests("BYE", "primary").len(), 1, "RFC 3261 section 12.2.1.2");
}

#[test]
fn without_a_call_there_is_nothing_to_hold() {
    let mut bench = Bench::with_servers(Profile::default(), 1, Transport::Udp);
    assert_eq!(hold(&mut bench, true), Err(Refusal::NoCall));
    bench.deliver(0, &invite("a"));
    assert_eq!(hold(&mut bench, true), Err(Refusal::CannotHold), "it rings");
}
