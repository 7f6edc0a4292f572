//! Runs on real sockets, with the reference phone as its own process. Times are judged from the
//! captures alone: this machine may be busy with other things.
#![allow(missing_docs, clippy::unwrap_used)]

use std::collections::BTreeMap;
use std::net::IpAddr;
use std::path::{Path, PathBuf};
use std::process::Command;

use sipfarm::capture::read::read;
use sipfarm::capture::tap::{Tap, TapError};
use sipfarm_core::Instant;
use sipfarm_core::machine::Transport;
use sipfarm_judge::mark::{Mark, Scene};
use sipfarm_judge::timeline::Timeline;

mod common;
#[path = "support/dumpcap.rs"]
mod dumpcap;
#[path = "support/skip.rs"]
mod skip;
#[path = "support/tshark.rs"]
mod tshark;

use common::{Ran, captures, feature, program, results, sipfarm};

#[path = "loopback/icmp.rs"]
mod icmp;
#[path = "loopback/interruptions.rs"]
mod interruptions;
#[path = "loopback/ipv6.rs"]
mod ipv6;
#[path = "loopback/lateness.rs"]
mod lateness;
#[path = "loopback/program.rs"]
mod program_phone;
#[path = "loopback/strangers.rs"]
mod strangers;
#[path = "loopback/tries.rs"]
mod tries;

/// Leaves out what takes long because it waits for nothing to happen.
const SHORT: &str = "not @YL-02b and not @YL-02c";

#[test]
fn all_pass_and_wireshark_sees_the_same_packets() {
    if !may_watch_packets() {
        return;
    }
    let folder = tempfile::tempdir().unwrap();
    let (out, theirs) = (folder.path().join("out"), folder.path().join("theirs.pcapng"));
    let beside = dumpcap::Dumpcap::start("net 127.0.0.0/8 and port 5060", &theirs);
    let ran = sipfarm(&[
        "run",
        "features/calls/basic.feature",
        "features/calls/reset.feature",
        "features/failover/503.feature",
        "--tags",
        SHORT,
        "--net",
        "loopback",
        "--out",
        out.to_str().unwrap(),
    ]);
    nothing_stands_against_the_phone(&ran, &out);
    let captures = captures(&out);
    assert_eq!(captures.len(), results(&out).len());
    all_ran_at_once(&captures);
    an_audit_agrees(&out);
    if let Some(beside) = beside {
        beside.stop();
        the_same_packets(&captures, &theirs);
    }
}

#[test]
fn all_pass_without_the_privilege_but_for_what_sockets_cannot_show() {
    let folder = tempfile::tempdir().unwrap();
    let run = |name: &str, args: &[&str]| -> Option<(Ran, PathBuf)> {
        let out = folder.path().join(name);
        let mut command = unprivileged()?;
        command.args(["run", "--net", "loopback", "--out", out.to_str().unwrap()]).args(args);
        Some((Ran::from(command.output().unwrap()), out))
    };
    let args = ["features/calls/basic.feature", "features/failover/503.feature", "--tags", SHORT];
    let Some((ran, out)) = run("observable", &args) else { return };
    nothing_stands_against_the_phone(&ran, &out);
    for part in
        ["CAP_NET_RAW", "evidence comes from the sockets", "ICMP and TCP handshakes are not observable"]
    {
        assert!(ran.err.contains(part), "{part} is missing in:\n{}", ran.err);
    }
    assert!(captures(&out).iter().all(|capture| !scene(capture).1.sight.frames));

    let unseen = feature(
        folder.path(),
        "Feature: F\n\
         Background:\n    Given a farm with servers \"primary\" and \"secondary\"\n\
         Scenario: ICMP\n    Given a phone with profile \"yealink-t5x\"\n    And \"primary\" has fault \"closed\"\n\
             When the phone dials the far end\n\
             Then the phone sends INVITE to \"primary\", then \"secondary\"\n\
         Scenario: RST\n    Given a phone that speaks TCP\n    And \"primary\" has fault \"tcp-refuse\"\n\
             When the phone dials the far end\n\
             Then the phone moves INVITE from \"primary\" to \"secondary\" in time\n\
         Scenario: Neither\n    Given a phone\n    When the phone dials the far end\n\
             Then the call is established through \"primary\"\n",
    );
    let Some((ran, out)) = run("unobservable", &[&unseen]) else { return };
    assert_eq!(ran.code, 4, "{}{}", ran.out, ran.err);
    let verdicts: BTreeMap<String, String> =
        results(&out).iter().map(|result| (text(&result["name"]), text(&result["verdict"]))).collect();
    let expected = [("ICMP", "inconclusive"), ("Neither", "pass"), ("RST", "inconclusive")];
    assert!(verdicts.iter().map(|(name, verdict)| (&**name, &**verdict)).eq(expected), "{verdicts:?}");
    an_audit_agrees(&out);
}

/// Says so and gives false where packets may not be watched.
fn may_watch_packets() -> bool {
    match Tap::open("lo") {
        Ok(_) => true,
        Err(error @ TapError::NotPermitted { .. }) => {
            skip::right(error);
            false
        }
        Err(error) => panic!("{error}"),
    }
}

/// The program without the privilege to watch packets; `None`, which it says, where it cannot be
/// taken away.
fn unprivileged() -> Option<Command> {
    if matches!(Tap::open("lo"), Err(TapError::NotPermitted { .. })) {
        return Some(program());
    }
    let drop = ["--bounding-set=-net_raw", "--inh-caps=-net_raw"];
    if !Command::new("setpriv").args(drop).arg("true").output().is_ok_and(|output| output.status.success()) {
        skip::right("setpriv cannot take CAP_NET_RAW away");
        return None;
    }
    let mut command = Command::new("setpriv");
    let program = program();
    command.args(drop).arg(program.get_program()).current_dir(program.get_current_dir().unwrap());
    Some(command)
}

fn scene(capture: &Path) -> (Timeline, Scene) {
    let timeline = read(capture).unwrap().timeline;
    let scene = scene_of(&timeline).unwrap();
    (timeline, scene)
}

fn scene_of(timeline: &Timeline) -> Option<Scene> {
    timeline.marks().find_map(|(_, mark)| match mark {
        Mark::Scenario(scene) => Some((**scene).clone()),
        _ => None,
    })
}

fn text(value: &serde_json::Value) -> String {
    value.as_str().unwrap_or_default().to_owned()
}

/// All passed, or this machine says itself that it was too busy to tell.
fn nothing_stands_against_the_phone(ran: &Ran, bundle: &Path) {
    let late = |finding: &serde_json::Value| text(&finding["seen"]).contains("late by this machine");
    let doubts = |result: &serde_json::Value| {
        let findings = result["findings"].as_array().unwrap().clone();
        findings.into_iter().filter(|finding| finding["verdict"] == "inconclusive").collect::<Vec<_>>()
    };
    let results = results(bundle);
    let passed = |result: &serde_json::Value| result["verdict"] == "pass";
    let too_busy = |result: &serde_json::Value| {
        result["verdict"] == "inconclusive" && result["trouble"].is_null() && doubts(result).iter().all(late)
    };
    let well = results.iter().all(|result| passed(result) || too_busy(result));
    let code = if results.iter().all(passed) { 0 } else { 4 };
    assert!(well && ran.code == code, "exit {}\n{}{}", ran.code, ran.out, ran.err);
}

/// Every scenario had begun before any of the long ones ended.
fn all_ran_at_once(captures: &[PathBuf]) {
    let extents: Vec<(Instant, Instant)> = captures
        .iter()
        .map(|capture| {
            let timeline = scene(capture).0;
            let time = |wanted: fn(&Mark) -> bool| timeline.marks().find(|(_, mark)| wanted(mark)).unwrap().0;
            (time(|mark| matches!(mark, Mark::Scenario(_))), time(|mark| *mark == Mark::End))
        })
        .collect();
    let last_begin = extents.iter().map(|(begin, _)| *begin).max().unwrap();
    let longest = extents.iter().max_by_key(|(begin, end)| *end - *begin).unwrap();
    assert!(last_begin < longest.1, "one after the other: {extents:?}");
}

/// An audit of each capture repeats the findings of the run.
fn an_audit_agrees(bundle: &Path) {
    let audit = |result: serde_json::Value| {
        let capture = result["capture"].as_str().unwrap();
        let audit = sipfarm(&["audit", capture, "--format", "json"]);
        let audited: serde_json::Value = serde_json::from_str(&audit.out).unwrap();
        assert_eq!(audited["verdict"], result["verdict"], "{capture}: {}", audit.out);
        assert_eq!(audited["findings"], result["findings"], "{capture}");
    };
    std::thread::scope(|scope| {
        results(bundle).into_iter().for_each(|result| _ = scope.spawn(move || audit(result)))
    });
}

/// A packet that completed SIP messages.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
struct Packet {
    at: Instant,
    over: Transport,
    from: IpAddr,
    to: IpAddr,
    /// Methods and status codes.
    said: Vec<String>,
}

/// Wireshark saw the same packets beside us, and sees in our captures what we see in them.
fn the_same_packets(captures: &[PathBuf], theirs: &Path) {
    let (by_them, by_us) = (by_tshark(theirs), by_us(&read(theirs).unwrap().timeline));
    std::thread::scope(|scope| {
        for capture in captures {
            scope.spawn(|| the_same_packets_in(capture, &by_them, &by_us));
        }
    });
}

/// `by_them` and `by_us` are what was captured beside us, in the eyes of tshark and in ours.
fn the_same_packets_in(capture: &Path, by_them: &[Packet], by_us: &[Packet]) {
    let place = capture.display();
    let (timeline, scene) = scene(capture);
    let of_slice = |packets: &[Packet]| -> Vec<Packet> {
        let ours = |ip: IpAddr| network(ip) == network(scene.phone[0]);
        packets.iter().filter(|packet| ours(packet.from) || ours(packet.to)).cloned().collect()
    };
    let over = |wanted: Transport, packets: &[Packet]| -> Vec<Packet> {
        packets.iter().filter(|packet| packet.over == wanted).cloned().collect()
    };
    let (ours, beside) = (self::by_us(&timeline), of_slice(by_them));
    assert!(ours.len() > 2, "{place}");
    assert_eq!(ours, by_tshark(capture), "{place}, by us and by tshark");
    assert_eq!(of_slice(by_us), beside, "what passed beside us in {place}, by us and by tshark");
    let [udp, tcp] = [Transport::Udp, Transport::Tcp];
    assert_eq!(over(udp, &ours), over(udp, &beside), "{place}, and what passed beside us");
    assert_eq!(
        untimed(&over(tcp, &ours)),
        untimed(&over(tcp, &beside)),
        "{place}, and what passed beside us"
    );
}

/// Without times: on the loopback interface Linux 5.18 and later stamp a TCP segment for each tap
/// when they hand it over, so that even two dumpcaps differ by microseconds.
fn untimed(packets: &[Packet]) -> Vec<Packet> {
    packets.iter().map(|packet| Packet { at: Instant::EPOCH, ..packet.clone() }).collect()
}

fn network(ip: IpAddr) -> Option<[u8; 3]> {
    match ip {
        IpAddr::V4(ip) => ip.octets().first_chunk().copied(),
        IpAddr::V6(_) => None,
    }
}

fn by_us(timeline: &Timeline) -> Vec<Packet> {
    let mut packets: Vec<Packet> = Vec::new();
    for (event, sip) in timeline.sip() {
        let said = match sip.message.status() {
            Some(code) => code.to_string(),
            None => sip.message.method().map(ToString::to_string).unwrap_or_default(),
        };
        match packets.last_mut() {
            // Two messages of one segment.
            Some(last) if (last.at, last.from, last.to) == (event.at, sip.src.ip(), sip.dst.ip()) => {
                last.said.push(said);
            }
            _ => packets.push(Packet {
                at: event.at,
                over: sip.transport,
                from: sip.src.ip(),
                to: sip.dst.ip(),
                said: vec![said],
            }),
        }
    }
    packets.sort();
    packets
}

fn by_tshark(file: &Path) -> Vec<Packet> {
    let fields = ["frame.time_epoch", "ip.proto", "ip.src", "ip.dst", "sip.Method", "sip.Status-Code"];
    let rows = tshark::fields(file, "(sip.Method or sip.Status-Code) and not icmp", &fields);
    let packet = |row: &Vec<String>| {
        let words = row[4..].iter().flat_map(|values| values.split(',')).filter(|value| !value.is_empty());
        Packet {
            at: tshark::instant(&row[0]),
            over: if row[1] == "6" { Transport::Tcp } else { Transport::Udp },
            from: row[2].parse().unwrap(),
            to: row[3].parse().unwrap(),
            said: words.map(str::to_owned).collect(),
        }
    };
    let mut packets: Vec<Packet> = rows.iter().map(packet).collect();
    packets.sort();
    packets
}
