//! Audio in captures: how much room it takes, and whether Wireshark counts the same.
#![allow(missing_docs, clippy::unwrap_used)]

use std::collections::BTreeMap;
use std::net::SocketAddr;
use std::path::{Path, PathBuf};

use sipfarm::capture::read::read;

mod common;
#[path = "support/skip.rs"]
mod skip;
#[path = "support/tshark.rs"]
mod tshark;

use common::{captures, feature, sipfarm};

/// The capture of a call that lasts for so many seconds.
fn call(folder: &Path, secs: u32) -> PathBuf {
    let text = format!(
        "Feature: F\n  Scenario: S\n    Given a farm with servers \"primary\"\n    And a phone\n    \
         And the far end answers\n    When the phone dials the far end\n    \
         Then audio keeps flowing both ways for {secs} s\n    When the phone hangs up\n    \
         Then the call ends through \"primary\"\n"
    );
    let out = folder.join("out");
    let ran = sipfarm(&["run", &feature(folder, &text), "--out", out.to_str().unwrap()]);
    assert_eq!(ran.code, 0, "{}{}", ran.out, ran.err);
    captures(&out).remove(0)
}

#[test]
fn a_call_of_two_hours_takes_less_than_60_mb() {
    let folder = tempfile::tempdir().unwrap();
    let capture = call(folder.path(), 7_200);
    assert!(std::fs::metadata(&capture).unwrap().len() < 60_000_000);
    let timeline = read(&capture).unwrap().timeline;
    let counts: Vec<u64> = timeline.audio().map(|stream| stream.count).collect();
    assert_eq!(counts.len(), 2, "{counts:?}");
    // 50 packets a second, and what was said before the step and until the key was pressed.
    assert!(counts.iter().all(|count| (360_000..360_050).contains(count)), "{counts:?}");
    assert!(timeline.audio().all(|stream| stream.stretches.len() == 1), "without a pause");
}

/// AM-17 without a shorter limit: a preserved call lasts two hours, as quickly judged as any other.
#[test]
fn a_preserved_call_ends_after_two_hours() {
    let folder = tempfile::tempdir().unwrap();
    let text = "Feature: F\n  Scenario: S\n    Given a farm with servers \"primary\" and \"secondary\"\n    \
                And a phone with settings\n      | mcp.supported | true |\n      | mcp.restart_after_end_s | 92 |\n      \
                | call_in_progress.failover | forbidden |\n      \
                | call_in_progress.on_signalling_loss | preserve |\n    \
                And registrations last 60 s\n    And the phone is registered with \"primary\"\n    \
                When the phone dials the far end\n    Then the call is established through \"primary\"\n    \
                When \"primary\" has fault \"silent\"\n    \
                Then the phone sends BYE to \"primary\" within 7300 s\n    \
                And the phone sends REGISTER to \"secondary\" within 7500 s\n";
    let out = folder.path().join("out").display().to_string();
    let ran = sipfarm(&["run", &feature(folder.path(), text), "--out", &out]);
    assert_eq!(ran.code, 0, "{}{}", ran.out, ran.err);
    let told = std::fs::read_to_string(Path::new(&out).join("events.ndjson")).unwrap();
    assert!(told.contains("\"preservation-limit\""), "{}", ran.out);
}

/// Sender, receiver, source.
type Key = (SocketAddr, SocketAddr, u32);

#[test]
fn wireshark_counts_the_same_packets_in_the_same_streams() {
    if !tshark::is_installed() {
        return;
    }
    let folder = tempfile::tempdir().unwrap();
    let capture = call(folder.path(), 3);
    let ours: BTreeMap<Key, u64> = read(&capture)
        .unwrap()
        .timeline
        .audio()
        .map(|stream| ((stream.src, stream.dst, stream.ssrc), stream.count))
        .collect();
    let fields = ["ip.src", "udp.srcport", "ip.dst", "udp.dstport", "rtp.ssrc", "frame.len"];
    let mut theirs: BTreeMap<Key, u64> = BTreeMap::new();
    for row in tshark::fields(&capture, "rtp", &fields) {
        let addr = |ip: &str, port: &str| format!("{ip}:{port}").parse().unwrap();
        let ssrc = u32::from_str_radix(row[4].trim_start_matches("0x"), 16).unwrap();
        *theirs.entry((addr(&row[0], &row[1]), addr(&row[2], &row[3]), ssrc)).or_default() += 1;
        assert_eq!(row[5], "200", "IP, UDP and RTP headers and 160 octets of G.711, as they were");
    }
    assert_eq!(ours.len(), 2, "{ours:?}");
    assert_eq!(ours, theirs);
    let goodbyes = tshark::fields(&capture, "rtcp.pt == 203", &["rtcp.ssrc.identifier"]);
    assert_eq!(goodbyes.len(), 2, "each side takes its leave: {goodbyes:?}");
}
