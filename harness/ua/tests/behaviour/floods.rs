//! Whoever floods the phone meets a limit: it keeps so much and no more, and goes on.

use crate::common::*;
use sipfarm_core::machine::{Input, Output, StreamEnd, StreamId, Transport};
use sipfarm_core::profile::Profile;
use sipfarm_core::sip::Method;

fn bench() -> Bench {
    Bench::with_servers(Profile::default(), 1, Transport::Udp)
}

/// A request in a transaction, a call and a dialog of its own.
fn options(number: usize) -> sipfarm_core::sip::MessageBuilder {
    request("OPTIONS", &format!("flood{number}"), 1).set("Call-ID", format!("flood{number}"))
}

#[test]
fn requests_beyond_those_that_are_known_are_dropped_until_there_is_room() {
    let mut bench = bench();
    for number in 0..1_500 {
        bench.deliver(0, &options(number));
    }
    assert_eq!(bench.responses().len(), 1_024);
    bench.deliver(0, &options(7));
    assert_eq!(bench.responses().len(), 1_025, "a repetition of a known one is answered as ever");
    bench.run(33.0);
    bench.deliver(0, &options(1_499));
    assert_eq!(bench.responses().len(), 1_026, "timer J has fired for the others");
}

#[test]
fn a_server_that_invents_realms_gets_few_credentials() {
    let mut bench = bench();
    bench.script(0, |request| {
        let mut challenge = reply(request, 401);
        for number in 0..100 {
            let asked = format!("Digest realm=\"r{number:03}\", nonce=\"n\", algorithm=MD5, qop=\"auth\"");
            challenge = challenge.header("WWW-Authenticate", asked);
        }
        vec![challenge]
    });
    bench.tell(|phone, now| phone.register(now));
    let credentials = bench.sent.iter().map(|sent| sent.message.fields("Authorization").count()).max();
    assert_eq!(credentials, Some(16));
}

#[test]
fn of_a_fork_without_end_some_dialogs_are_ended() {
    let mut bench = bench();
    bench.script(0, |request| match request.method() {
        Some(Method::Invite) => (0..200).map(|number| accepted(request, &format!("fork{number}"))).collect(),
        _ => vec![],
    });
    bench.tell(|phone, now| phone.dial("1002", now)).unwrap();
    let count = |method: Method| bench.sent.iter().filter(|sent| sent.message.is_request(&method)).count();
    assert_eq!((count(Method::Ack), count(Method::Bye)), (33, 32), "the call and 32 others");
    assert_eq!(bench.reports(), ["call established"]);
}

#[test]
fn reports_that_nobody_reads_make_room_for_newer_ones() {
    let mut bench = bench();
    for _ in 0..2_000 {
        bench.phone.reboot(bench.now);
    }
    bench.phone.dial("1002", bench.now).unwrap();
    bench.phone.hang_up(bench.now).unwrap();
    let reports: Vec<_> = std::iter::from_fn(|| bench.phone.poll_report()).collect();
    assert_eq!(reports.len(), 1_024);
    assert_ne!(reports.first(), reports.last(), "the newest is kept");
}

#[test]
fn responses_to_senders_that_hang_up_open_few_streams() {
    let mut bench = bench();
    for number in 0..300_u16 {
        let port = 10_000 + number;
        let via = format!("SIP/2.0/TCP 192.0.2.10:{port};branch=z9hG4bKflood{number}");
        let invite = invite("flood").set("Via", via).set("Call-ID", format!("flood{number}")).to_bytes();
        // The response to the repetition goes where Via says: its stream is gone.
        for turn in 0..2 {
            let stream = StreamId(StreamId::ACCEPTED | u64::from(2 * number + turn));
            bench.accept(stream, format!("192.0.2.10:{port}").parse().unwrap());
            bench.hear(Input::StreamData { stream, data: invite.clone() });
            bench.close_stream(stream, StreamEnd::Fin);
        }
    }
    let count = |wanted: fn(&Output) -> bool| bench.other.iter().filter(|(_, output)| wanted(output)).count();
    let opened = count(|output| matches!(output, Output::Connect { .. }));
    let closed = count(|output| matches!(output, Output::CloseStream { .. }));
    assert_eq!((opened, opened - closed), (300, 64));
}
