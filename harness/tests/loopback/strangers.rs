//! SIP from an address that is not the phone's neither satisfies nor breaks an expectation.

use std::net::{SocketAddr, UdpSocket};
use std::process::Stdio;
use std::time::{Duration, Instant};

use sipfarm::capture::read::read;
use sipfarm::net::Slice;
use sipfarm_judge::mark::Scene;

use super::common::{Ran, captures, feature, program, results};
use super::interruptions::until;
use super::{may_watch_packets, scene_of, text};

/// In the one the stranger would be to blame, in the other it would help the phone.
const FEATURE: &str = "Feature: F
  Background:
    Given a farm with servers \"primary\" and \"secondary\"
    And a phone
  Scenario: A phone that is quiet stays innocent
    Given the phone is registered with \"primary\"
    When the phone dials the far end
    Then the call is established through \"primary\"
    And the phone sends no INVITE to \"secondary\" for 2 s
    And the phone sends no REGISTER to \"secondary\" for 2 s
  Scenario: A phone that is quiet stays guilty
    When the phone dials the far end
    Then the phone sends INVITE to \"secondary\" within 2 s
";

#[test]
fn a_strangers_messages_are_not_the_phones() {
    if !may_watch_packets() {
        return;
    }
    let folder = tempfile::tempdir().unwrap();
    let bundle = folder.path().join("out");
    let path = feature(folder.path(), FEATURE);
    let mut child = program()
        .args(["run", &path, "--net", "loopback", "--out", bundle.to_str().unwrap()])
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .unwrap();
    let slice = Slice::claim().unwrap();
    let stranger = UdpSocket::bind((slice.ip(1), 5060)).unwrap();
    let mut number = 0;
    while child.try_wait().unwrap().is_none() {
        for scene in scenes(&bundle) {
            for node in scene.nodes.iter().filter(|node| node.server) {
                number += 1;
                for method in ["INVITE", "REGISTER"] {
                    let message = message(method, stranger.local_addr().unwrap(), number);
                    stranger.send_to(message.as_bytes(), node.addr).unwrap();
                }
            }
        }
        std::thread::sleep(Duration::from_millis(100));
    }
    let ran = Ran::from(child.wait_with_output().unwrap());
    assert_eq!(ran.code, 1, "{}{}", ran.out, ran.err);
    let results = results(&bundle);
    let verdict =
        |name: &str| results.iter().find(|result| result["name"] == name).unwrap()["verdict"].clone();
    assert_eq!(verdict("A phone that is quiet stays innocent"), "pass", "{}", ran.out);
    assert_eq!(verdict("A phone that is quiet stays guilty"), "fail", "{}", ran.out);
    for capture in captures(&bundle) {
        let timeline = read(&capture).unwrap().timeline;
        let secondary = scene_of(&timeline).unwrap().nodes[1].addr;
        let heard = timeline.sip().filter(|(_, sip)| slice.contains(sip.src.ip()) && sip.dst == secondary);
        assert!(heard.count() > 2, "the stranger was there, in {}", capture.display());
    }
}

/// How often, and how many at a time, a flood comes: 10,000 a second.
const TICK: Duration = Duration::from_millis(10);
const AT_A_TICK: u32 = 100;
/// For two seconds, while both scenarios are judged.
const TICKS: u32 = 200;

#[test]
fn a_flood_of_a_strangers_registers_turns_no_verdict_round() {
    if !may_watch_packets() {
        return;
    }
    let folder = tempfile::tempdir().unwrap();
    let bundle = folder.path().join("out");
    let path = feature(folder.path(), FEATURE);
    let run = ["run", &path, "--net", "loopback", "--out", bundle.to_str().unwrap()];
    let child = program().args(run).stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().unwrap();
    let scenes = until("both scenarios have begun", || Some(scenes(&bundle)).filter(|all| all.len() == 2));
    let slice = Slice::claim().unwrap();
    let stranger = UdpSocket::bind((slice.ip(1), 5060)).unwrap();
    let nodes: Vec<SocketAddr> = scenes
        .iter()
        .flat_map(|scene| scene.nodes.iter().filter(|node| node.server).map(|node| node.addr))
        .collect();
    flood(&stranger, &nodes);
    let ran = Ran::from(child.wait_with_output().unwrap());
    let results = results(&bundle);
    // With a processor for the flood and one for the harness, each has its verdict. Other tests run beside
    // this one: where they take the processors away, the harness must say so itself, and accuse nobody.
    let stays = |name: &str, wanted: &str| {
        let result = results.iter().find(|result| result["name"] == name).unwrap();
        let findings = result["findings"].as_array().unwrap();
        let mut doubts = findings.iter().filter(|finding| finding["verdict"] == "inconclusive");
        let too_busy = |finding: &serde_json::Value| {
            let seen = text(&finding["seen"]);
            seen.contains("late by this machine") || seen.contains("the tap did not catch up")
        };
        let is_excused = result["verdict"] == "inconclusive" && doubts.all(too_busy);
        assert!(result["verdict"] == wanted || is_excused, "{result:#}\n{}{}", ran.out, ran.err);
    };
    stays("A phone that is quiet stays innocent", "pass");
    stays("A phone that is quiet stays guilty", "fail");
    for capture in captures(&bundle) {
        let timeline = read(&capture).unwrap().timeline;
        let heard = timeline.sip().filter(|(_, sip)| slice.contains(sip.src.ip())).count();
        assert!(heard > 1_000, "the stranger was there {heard} times, in {}", capture.display());
    }
}

/// REGISTERs to these in turn. A machine that is too slow for the rate gets fewer a second.
fn flood(stranger: &UdpSocket, nodes: &[SocketAddr]) {
    let (from, start) = (stranger.local_addr().unwrap(), Instant::now());
    for tick in 0..TICKS {
        for n in 0..AT_A_TICK {
            let number = tick * AT_A_TICK + n;
            let message = message("REGISTER", from, number);
            stranger.send_to(message.as_bytes(), nodes[number as usize % nodes.len()]).unwrap();
        }
        std::thread::sleep((TICK * (tick + 1)).saturating_sub(start.elapsed()));
    }
}

/// Of the scenarios that have begun.
fn scenes(bundle: &std::path::Path) -> Vec<Scene> {
    let timelines = (1..=2).filter_map(|n| read(&bundle.join(format!("{n:03}.pcapng"))).ok());
    timelines.filter_map(|recording| scene_of(&recording.timeline)).collect()
}

/// As the phone itself would put it, but for where it comes from.
fn message(method: &str, from: SocketAddr, number: u32) -> String {
    let uri = if method == "INVITE" { "sip:1002@lab.example" } else { "sip:lab.example" };
    format!(
        "{method} {uri} SIP/2.0\r\nVia: SIP/2.0/UDP {from};branch=z9hG4bK{method}{number};rport\r\n\
         Max-Forwards: 70\r\nFrom: <sip:1001@lab.example>;tag=stranger{number}\r\nTo: <{uri}>\r\n\
         Call-ID: {method}{number}@stranger\r\nCSeq: 1 {method}\r\nContact: <sip:1001@{from}>\r\n\
         Content-Length: 0\r\n\r\n"
    )
}
