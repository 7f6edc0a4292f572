//! The order of the servers behind a name: priority, weight, several addresses of one host
//! (RFC 2782, RFC 3263 section 4.2), and all of them before the next of the list (YL-12).

use std::collections::BTreeMap;

use crate::common::dns::*;
use crate::common::*;
use sipfarm_core::machine::Transport;
use sipfarm_core::profile::{Profile, SrvWeight};
use sipfarm_ua::Server;

/// The path of an INVITE for which every server has 503.
fn path(srv_weight: SrvWeight, zone: &[&str], seed: u64) -> Vec<String> {
    let mut profile = Profile::default();
    profile.servers.srv_weight = srv_weight;
    let server = Server { transport: Some(Transport::Udp), ..named("main=pbx.test") };
    let mut bench = Bench::with_dns(profile, vec![server, at("fallback", addr(9))], 1, seed);
    bench.zone(0, zone);
    for n in 0..=9 {
        bench.always(n, 503);
    }
    bench.tell(|phone, now| phone.dial("1002", now)).unwrap();
    bench.path("INVITE").iter().map(|hop| hop.trim_start_matches("UDP ").to_owned()).collect()
}

fn is(path: &[String], servers: &[usize]) {
    let expected: Vec<String> = servers.iter().map(|n| addr(*n).to_string()).collect();
    assert_eq!(path, expected);
}

#[test]
fn the_lowest_priority_comes_first_and_the_list_goes_on_after_the_last() {
    let zone = [
        "_sip._udp.pbx.test 60 SRV 30 900 5060 c.pbx.test",
        "_sip._udp.pbx.test 60 SRV 10 0 5060 a.pbx.test",
        "_sip._udp.pbx.test 60 SRV 20 5 5060 b.pbx.test",
        "a.pbx.test 60 A 192.0.2.10",
        "b.pbx.test 60 A 192.0.2.11",
        "b.pbx.test 60 A 192.0.2.12",
        "c.pbx.test 60 A 192.0.2.13",
    ];
    for srv_weight in [SrvWeight::Random, SrvWeight::HighestFirst] {
        is(&path(srv_weight, &zone, 1), &[0, 1, 2, 3, 9]);
    }
}

#[test]
fn one_address_of_two_hosts_is_tried_once() {
    let zone = [
        "_sip._udp.pbx.test 60 SRV 10 0 5060 a.pbx.test",
        "_sip._udp.pbx.test 60 SRV 20 0 5060 b.pbx.test",
        "a.pbx.test 60 A 192.0.2.10",
        "b.pbx.test 60 A 192.0.2.10",
    ];
    is(&path(SrvWeight::Random, &zone, 1), &[0, 9]);
}

const WEIGHTS: [&str; 6] = [
    "_sip._udp.pbx.test 60 SRV 10 10 5060 a.pbx.test",
    "_sip._udp.pbx.test 60 SRV 10 0 5060 b.pbx.test",
    "_sip._udp.pbx.test 60 SRV 10 30 5060 c.pbx.test",
    "a.pbx.test 60 A 192.0.2.10",
    "b.pbx.test 60 A 192.0.2.11",
    "c.pbx.test 60 A 192.0.2.12",
];

#[test]
fn the_highest_weight_comes_first_where_the_profile_says_so() {
    for seed in 0..20 {
        is(&path(SrvWeight::HighestFirst, &WEIGHTS, seed), &[2, 0, 1, 9]);
    }
}

/// Weights 0, 10 and 30: a number from 0 to 40, both included, points at the first for 0, at the
/// second for 1 to 10 and at the third for 11 to 40.
#[test]
fn weights_are_shares_of_a_random_draw() {
    const DRAWS: u64 = 500;
    let mut first: BTreeMap<String, u64> = BTreeMap::new();
    for seed in 0..DRAWS {
        let path = path(SrvWeight::Random, &WEIGHTS, seed);
        assert_eq!(path.len(), 4);
        assert_eq!(path[3], addr(9).to_string());
        *first.entry(path[0].clone()).or_default() += 1;
    }
    // Four standard deviations to either side of the share of the draws.
    for (server, share) in [(1, 1.0 / 41.0), (0, 10.0 / 41.0), (2, 30.0 / 41.0)] {
        let (mean, draws) = (share * DRAWS as f64, DRAWS as f64);
        let width = 4.0 * (draws * share * (1.0 - share)).sqrt();
        let count = first.get(&addr(server).to_string()).copied().unwrap_or(0) as f64;
        assert!((count - mean).abs() <= width, "server {server}: {count} draws, not {mean} ± {width}");
    }
}

#[test]
fn the_order_stays_while_the_answer_lives() {
    let server = Server { transport: Some(Transport::Udp), ..named("main=pbx.test") };
    let mut bench = Bench::with_dns(Profile::default(), vec![server], 1, 3);
    bench.zone(0, &WEIGHTS);
    for n in 0..3 {
        bench.always(n, 486);
    }
    for _ in 0..10 {
        bench.tell(|phone, now| phone.dial("1002", now)).unwrap();
        bench.run(1.0);
    }
    assert_eq!(bench.path("INVITE").len(), 1);
}
