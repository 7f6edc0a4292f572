//! What the phone lets its user do, and when.

use crate::common::*;
use sipfarm_core::machine::Transport;
use sipfarm_core::profile::Profile;
use sipfarm_ua::Refusal;

fn bench() -> Bench {
    let mut bench = Bench::with_servers(Profile::default(), 1, Transport::Udp);
    bench.healthy(0);
    bench
}

#[test]
fn a_number_is_dialled_in_the_phones_own_domain() {
    for (dialled, uri) in [
        ("1002", "sip:1002@example.org"),
        ("*72#", "sip:*72%23@example.org"),
        ("sip:bob@example.net", "sip:bob@example.net"),
        ("sip:bob@[2001:db8::1]:5070;user=phone", "sip:bob@[2001:db8::1]:5070;user=phone"),
    ] {
        let mut bench = bench();
        let result = bench.tell(|phone, now| phone.dial(dialled, now));
        assert_eq!(result, Ok(()));
        assert_eq!(bench.sent[0].message.request_uri(), Some(uri));
        assert_eq!(bench.sent[0].message.to().unwrap().uri, uri);
    }
}

#[test]
fn what_is_no_sip_uri_cannot_be_dialled() {
    for target in [
        "",
        " ",
        "10 02",
        "tel:+4930",
        "sips:a@b",
        "sip:",
        "sip:@b",
        "sip:a@b?Subject=x",
        "sip:a>b@x",
        "sip:72#@b",
        "a\r\nb",
    ] {
        let refusal = bench().tell(|phone, now| phone.dial(target, now));
        assert_eq!(refusal, Err(Refusal::BadTarget(target.to_owned())));
    }
}

#[test]
fn commands_that_do_not_fit_are_refused() {
    let mut bench = bench();
    assert_eq!(bench.tell(|phone, now| phone.answer(now)), Err(Refusal::NothingRings));
    assert_eq!(bench.tell(|phone, now| phone.reject(486, now)), Err(Refusal::NothingRings));
    assert_eq!(bench.tell(|phone, now| phone.reject(200, now)), Err(Refusal::BadCode(200)));
    assert_eq!(bench.tell(|phone, now| phone.hang_up(now)), Err(Refusal::NoCall));
    bench.tell(|phone, now| phone.dial("1002", now)).unwrap();
    assert_eq!(bench.tell(|phone, now| phone.dial("1003", now)), Err(Refusal::Busy));
    assert_eq!(bench.tell(|phone, now| phone.answer(now)), Err(Refusal::NothingRings));
    let mut bare = Bench::with_servers(Profile::default(), 0, Transport::Udp);
    assert_eq!(bare.tell(|phone, now| phone.dial("1002", now)), Err(Refusal::NoServers));
    bare.tell(|phone, now| phone.register(now));
    assert_eq!(Refusal::Busy.to_string(), "there is a call already");
}

#[test]
fn hanging_up_a_ringing_call_rejects_it() {
    let mut bench = bench();
    bench.deliver(0, &invite("a"));
    bench.tell(|phone, now| phone.hang_up(now)).unwrap();
    assert_eq!(bench.responses(), [(0.0, 180), (0.0, 486)]);
    assert_eq!(bench.reports().last().unwrap(), "call ended");
    bench.deliver(0, &invite("b").set("Call-ID", "another"));
    assert_eq!(bench.responses()[2], (0.0, 180), "free for the next");
}

#[test]
fn a_call_can_follow_a_call() {
    let mut bench = bench();
    for _ in 0..3 {
        bench.tell(|phone, now| phone.dial("1002", now)).unwrap();
        bench.tell(|phone, now| phone.hang_up(now)).unwrap();
    }
    assert_eq!(bench.requests("INVITE", "primary").len(), 3);
    bench.run(100.0);
    assert!(bench.phone_is_at_rest());
}
