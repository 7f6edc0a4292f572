//! INVITE over UDP: seven sends, timer A doubling without a cap, timer B after 64×T1
//! (RFC 3261 section 17.1.1.2).

use crate::common::*;
use sipfarm_core::machine::Transport;
use sipfarm_core::profile::{Profile, RetryRule};

fn lone_server(profile: Profile) -> Bench {
    Bench::with_servers(profile, 1, Transport::Udp)
}

#[test]
fn seven_sends_and_the_end_after_32_seconds() {
    let mut bench = lone_server(Profile::default());
    bench.tell(|phone, now| phone.dial("1002", now)).unwrap();
    bench.run(31.999_999_999);
    assert_eq!(bench.times("INVITE", "primary"), [0.0, 0.5, 1.5, 3.5, 7.5, 15.5, 31.5]);
    assert!(bench.reports().is_empty());
    bench.run(0.000_000_001);
    assert_eq!(bench.reports(), ["call failed: no answer"]);
    bench.run(100.0);
    assert_eq!(bench.sent.len(), 7, "nothing after the end, no CANCEL and no ACK");
    let first = &bench.sent[0].message.raw;
    assert!(bench.sent.iter().all(|sent| sent.message.raw == *first), "a repetition is the same octets");
}

#[test]
fn t1_scales_all_but_nothing_caps_it() {
    let mut profile = Profile::default();
    profile.timers.t1_ms = 1_000;
    let mut bench = lone_server(profile);
    bench.tell(|phone, now| phone.dial("1002", now)).unwrap();
    bench.run(200.0);
    assert_eq!(bench.times("INVITE", "primary"), [0.0, 1.0, 3.0, 7.0, 15.0, 31.0, 63.0]);
    assert_eq!(bench.reports(), ["call failed: no answer"]);
}

#[test]
fn a_provisional_response_ends_repetition_and_timer_b() {
    let mut bench = lone_server(Profile::default());
    bench.tell(|phone, now| phone.dial("1002", now)).unwrap();
    bench.run(1.0);
    let invite = bench.sent[0].message.clone();
    bench.deliver(0, &reply(&invite, 100));
    bench.run(100.0);
    assert_eq!(bench.times("INVITE", "primary"), [0.0, 0.5]);
    assert!(bench.reports().is_empty());
}

#[test]
fn the_last_server_has_the_whole_schedule_whatever_the_retry_count() {
    let mut profile = Profile::default();
    profile.failover.retry_rule = RetryRule::RetryCount;
    let mut bench = lone_server(profile);
    bench.tell(|phone, now| phone.dial("1002", now)).unwrap();
    bench.run(200.0);
    assert_eq!(bench.times("INVITE", "primary").len(), 7);
}
