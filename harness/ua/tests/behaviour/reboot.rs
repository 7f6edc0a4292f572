//! A reboot forgets everything, draws new identifiers and registers (YL-13); the seed decides all.

use crate::common::*;
use sipfarm_core::machine::{Output, StreamId, Transport};
use sipfarm_core::profile::{FailbackMode, Profile};

#[test]
fn it_registers_with_the_primary_first_and_with_new_identifiers() {
    let mut profile = Profile::default();
    profile.failback.mode = FailbackMode::Never;
    let mut bench = Bench::new(profile);
    bench.always(0, 503);
    bench.healthy(1);
    bench.tell(|phone, now| phone.register(now));
    bench.healthy(0);
    bench.tell(|phone, now| phone.reboot(now));
    let (before, after) = (
        &bench.requests("REGISTER", "primary")[0].message,
        &bench.requests("REGISTER", "primary")[1].message,
    );
    assert_ne!(before.call_id(), after.call_id());
    assert_ne!(before.from().unwrap().tag(), after.from().unwrap().tag());
    assert_eq!(after.header("CSeq"), Some("1 REGISTER"));
    assert_eq!(bench.reports(), ["registered with secondary", "rebooted", "registered with primary"]);
}

#[test]
fn a_call_is_forgotten_without_a_word() {
    let mut bench = Bench::new(Profile::default());
    bench.healthy(0);
    bench.tell(|phone, now| phone.dial("1002", now)).unwrap();
    let invite = bench.sent[0].message.clone();
    let before = bench.sent.len();
    bench.tell(|phone, now| phone.reboot(now));
    bench.deliver(0, &accepted(&invite, "callee"));
    let after: Vec<_> =
        bench.sent[before..].iter().map(|sent| sent.message.method().unwrap().as_str()).collect();
    assert_eq!(after, ["REGISTER"]);
    assert!(bench.tell(|phone, now| phone.hang_up(now)).is_err());
}

#[test]
fn connections_are_reset() {
    let mut bench = Bench::with_servers(Profile::default(), 1, Transport::Tcp);
    bench.healthy(0);
    bench.tell(|phone, now| phone.register(now));
    bench.tell(|phone, now| phone.reboot(now));
    assert!(bench.other.contains(&(0.0, Output::CloseStream { stream: StreamId(1), reset: true })));
    assert_eq!(bench.requests("REGISTER", "primary")[1].stream, Some(StreamId(2)));
}

#[test]
fn the_same_seed_gives_the_same_octets() {
    let run = || {
        let mut bench = Bench::new(Profile::default());
        bench.always(0, 503);
        bench.healthy(1);
        bench.tell(|phone, now| phone.register(now));
        bench.tell(|phone, now| phone.dial("1002", now)).unwrap();
        bench.tell(|phone, now| phone.hang_up(now)).unwrap();
        bench.run(10_000.0);
        bench.sent.into_iter().map(|sent| (sent.at, sent.message.raw)).collect::<Vec<_>>()
    };
    let first = run();
    assert!(first.len() > 8);
    assert_eq!(first, run());
}
