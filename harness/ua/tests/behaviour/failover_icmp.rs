//! A fatal ICMP error moves the request to the next server at once (RFC 3261 sections 8.1.3.1 and
//! 18.4, YL-08).

use crate::common::*;
use sipfarm_core::machine::IcmpKind;
use sipfarm_core::profile::{Profile, Trigger};

fn dialled(profile: Profile, kind: u8, code: u8) -> Bench {
    let mut bench = Bench::new(profile);
    bench.close_udp(0, IcmpKind { v6: false, kind, code });
    bench.tell(|phone, now| phone.dial("1002", now)).unwrap();
    bench.run(1.0);
    bench
}

#[test]
fn unreachable_moves_on_at_once() {
    for (kind, code) in [(3, 0), (3, 1), (3, 2), (3, 3), (12, 0)] {
        let bench = dialled(Profile::default(), kind, code);
        assert_eq!(bench.times("INVITE", "primary"), [0.0], "{kind}/{code}");
        assert_eq!(bench.times("INVITE", "secondary"), [0.0, 0.5], "{kind}/{code}");
    }
}

#[test]
fn quench_and_exceeded_are_ignored() {
    for (kind, code) in [(4, 0), (11, 0), (3, 4)] {
        let bench = dialled(Profile::default(), kind, code);
        assert_eq!(bench.times("INVITE", "primary"), [0.0, 0.5], "{kind}/{code}");
        assert!(bench.times("INVITE", "secondary").is_empty(), "{kind}/{code}");
    }
}

#[test]
fn a_phone_that_does_not_hear_icmp_waits_for_its_timers() {
    let mut profile = Profile::default();
    profile.transport.icmp_sensitive = Some(false);
    let bench = dialled(profile, 3, 3);
    assert_eq!(bench.times("INVITE", "primary"), [0.0, 0.5]);
}

#[test]
fn without_the_trigger_the_call_fails() {
    let mut profile = Profile::default();
    profile.failover.triggers.retain(|trigger| *trigger != Trigger::Icmp);
    let bench = dialled(profile, 3, 3);
    assert_eq!(bench.sent.len(), 1);
    assert_eq!(bench.reports(), ["call failed: no answer"]);
}

#[test]
fn when_all_ports_are_closed_the_call_fails_at_once() {
    let mut bench = Bench::new(Profile::default());
    for server in 0..3 {
        bench.close_udp(server, IcmpKind { v6: false, kind: 3, code: 3 });
    }
    bench.tell(|phone, now| phone.dial("1002", now)).unwrap();
    assert_eq!(bench.sent.len(), 3);
    assert_eq!(bench.reports(), ["call failed: no answer"]);
}

#[test]
fn it_does_not_end_a_call_that_was_heard_of() {
    let mut bench = Bench::new(Profile::default());
    bench.always(0, 180);
    bench.tell(|phone, now| phone.dial("1002", now)).unwrap();
    bench.hear(sipfarm_core::machine::Input::Icmp {
        local: phone_addr(),
        remote: addr(0),
        kind: IcmpKind { v6: false, kind: 3, code: 3 },
    });
    bench.run(10.0);
    assert_eq!(bench.sent.len(), 1);
    assert_eq!(bench.reports(), ["alerting"]);
}

#[test]
fn a_registration_moves_on_too() {
    let mut bench = Bench::new(Profile::default());
    bench.close_udp(0, IcmpKind { v6: false, kind: 3, code: 3 });
    bench.healthy(1);
    bench.tell(|phone, now| phone.register(now));
    assert_eq!(bench.reports(), ["registered with secondary"]);
}
