//! A silent server is left after as many sends as the profile says, the last one never before the
//! RFC's time is over (YL-03, YL-10, YL-11; RFC 3263 section 4.3).

use crate::common::*;
use sipfarm_core::profile::{Counts, OnExhausted, Profile, RetryCount, RetryRule};

fn counting(value: u32, counts: Counts) -> Profile {
    let mut profile = Profile::default();
    profile.failover.retry_rule = RetryRule::RetryCount;
    profile.failover.retry_count = RetryCount { value, counts };
    profile
}

fn dialled(profile: Profile) -> Bench {
    let mut bench = Bench::new(profile);
    bench.tell(|phone, now| phone.dial("1002", now)).unwrap();
    bench.run(200.0);
    bench
}

const LADDER: [f64; 7] = [0.0, 0.5, 1.5, 3.5, 7.5, 15.5, 31.5];

#[test]
fn by_the_rfc_each_server_has_the_whole_schedule() {
    let bench = dialled(Profile::default());
    for (nth, name) in NAMES.iter().enumerate() {
        let expected = LADDER.map(|at| at + 32.0 * nth as f64);
        assert_eq!(bench.times("INVITE", name), expected, "{name}");
    }
    assert_eq!(bench.sent.len(), 21, "no ACK, no CANCEL, no fourth round");
    assert_eq!(bench.reports(), ["call failed: no answer"]);
}

#[test]
fn a_retry_count_moves_on_when_it_would_send_once_more() {
    for (value, sends, moves_at) in [(0, 1, 0.5), (1, 1, 0.5), (3, 3, 3.5), (5, 5, 15.5)] {
        let bench = dialled(counting(value, Counts::Either));
        assert_eq!(bench.times("INVITE", "primary"), LADDER[..sends], "{value}");
        assert_eq!(bench.times("INVITE", "secondary")[0], moves_at, "{value}");
        let expected = LADDER.map(|at| at + 2.0 * moves_at);
        assert_eq!(bench.times("INVITE", "fallback"), expected, "the last has the whole schedule");
    }
}

#[test]
fn no_retry_count_exceeds_the_schedule_of_the_rfc() {
    let bench = dialled(counting(20, Counts::Either));
    assert_eq!(bench.times("INVITE", "primary"), LADDER);
    assert_eq!(bench.times("INVITE", "secondary")[0], 32.0);
}

#[test]
fn retransmissions_are_counted_without_the_first_send() {
    let bench = dialled(counting(3, Counts::Retransmissions));
    assert_eq!(bench.times("INVITE", "primary"), LADDER[..4]);
    assert_eq!(bench.times("INVITE", "secondary")[0], 7.5);
}

#[test]
fn invite_may_have_a_count_of_its_own() {
    let mut profile = counting(3, Counts::Sends);
    profile.failover.invite_retry_count = Some(RetryCount { value: 2, counts: Counts::Sends });
    let mut bench = dialled(profile);
    assert_eq!(bench.times("INVITE", "primary"), LADDER[..2]);
    bench.tell(|phone, now| phone.register(now));
    bench.run(20.0);
    assert_eq!(bench.times("REGISTER", "primary").len(), 3);
}

#[test]
fn a_fixed_time_of_the_vendors_own_holds_for_all_but_the_last() {
    let mut profile = Profile::default();
    profile.failover.retry_rule = RetryRule::FixedTimeout;
    profile.timers.invite_timeout_ms = Some(4_000);
    let bench = dialled(profile);
    assert_eq!(bench.times("INVITE", "primary"), LADDER[..4]);
    assert_eq!(bench.times("INVITE", "secondary"), LADDER.map(|at| at + 4.0)[..4]);
    assert_eq!(bench.times("INVITE", "fallback"), LADDER.map(|at| at + 8.0));
}

#[test]
fn any_provisional_response_keeps_the_call_where_it_is() {
    let mut bench = Bench::new(counting(3, Counts::Either));
    bench.always(0, 100);
    bench.tell(|phone, now| phone.dial("1002", now)).unwrap();
    bench.run(100.0);
    assert_eq!(bench.sent.len(), 1);
}

#[test]
fn without_the_trigger_the_call_fails_at_the_first_server() {
    let mut profile = Profile::default();
    profile.failover.triggers.retain(|trigger| *trigger != sipfarm_core::profile::Trigger::Timeout);
    let bench = dialled(profile);
    assert_eq!(bench.sent.len(), 7);
    assert_eq!(bench.reports(), ["call failed: no answer"]);
}

#[test]
fn the_list_may_start_again_after_a_pause() {
    let mut profile = Profile::default();
    profile.failover.on_exhausted = OnExhausted::RestartList;
    let mut bench = Bench::new(profile);
    for server in 0..3 {
        bench.always(server, 503);
    }
    bench.tell(|phone, now| phone.dial("1002", now)).unwrap();
    bench.run(65.0);
    assert_eq!(bench.times("INVITE", "primary"), [0.0, 30.0, 60.0]);
    assert_eq!(bench.times("INVITE", "fallback"), [0.0, 30.0, 60.0]);
    assert!(bench.reports().is_empty());
    bench.tell(|phone, now| phone.hang_up(now)).unwrap();
    bench.run(100.0);
    assert_eq!(bench.times("INVITE", "primary").len(), 3);
}

#[test]
fn or_the_phone_reboots() {
    let mut profile = Profile::default();
    profile.failover.on_exhausted = OnExhausted::Reboot;
    let mut bench = Bench::new(profile);
    bench.always(0, 503);
    bench.always(1, 503);
    bench.script(2, |request| match request.method().unwrap().as_str() {
        "REGISTER" => vec![registered(request, 60)],
        "ACK" => vec![],
        _ => vec![reply(request, 503)],
    });
    bench.tell(|phone, now| phone.dial("1002", now)).unwrap();
    assert_eq!(bench.reports(), ["call failed: 503", "rebooted", "registered with fallback"]);
}
