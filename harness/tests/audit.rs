//! Captures that are not ours, or not one scenario: who is who, and what is refused.
#![allow(missing_docs, clippy::unwrap_used)]

mod common;
#[path = "support/frames.rs"]
mod frames;

use std::path::{Path, PathBuf};

use common::{captures, sipfarm};
use sipfarm::capture::read::read;
use sipfarm_judge::Mark;

const SCENARIO: &str = "features/failover/503.feature:11";
const BUILT_IN: &str = "fixtures/captures/sipp-built-in.pcapng";

/// Our capture of a scenario in which the primary says 503.
fn own(folder: &Path, more: &[&str]) -> PathBuf {
    let out = folder.join("out").display().to_string();
    sipfarm(&[&["run", SCENARIO, "--out", &out][..], more].concat());
    captures(Path::new(&out)).remove(0)
}

/// The same SIP as somebody else would have captured it, and whom the scenario calls phone and servers.
fn foreign(own: &Path) -> (String, Vec<String>) {
    let timeline = read(own).unwrap().timeline;
    let scene = timeline.marks().find_map(|(_, mark)| match mark {
        Mark::Scenario(scene) => Some(scene.clone()),
        _ => None,
    });
    let scene = scene.unwrap();
    // The header of a pcap file with nanoseconds, of Ethernet frames.
    let header = [0xa1b2_3c4d_u32, 0x0004_0002, 0, 0, 0x0004_0000, 1];
    let mut file: Vec<u8> = header.iter().flat_map(|word| word.to_le_bytes()).collect();
    for (event, sip) in timeline.sip() {
        let at = event.at.as_nanos();
        let frame = frames::datagram(at, &sip.src.to_string(), &sip.dst.to_string(), &sip.message.raw);
        let length = frame.data.len() as u32;
        let (secs, nanos) = ((at / 1_000_000_000) as u32, (at % 1_000_000_000) as u32);
        [secs, nanos, length, length].iter().for_each(|word| file.extend(word.to_le_bytes()));
        file.extend(&frame.data);
    }
    let path = own.with_file_name("foreign.pcap");
    std::fs::write(&path, file).unwrap();
    let servers = scene.nodes.iter().filter(|node| node.server);
    let told = servers.flat_map(|node| ["--server".to_owned(), format!("{}={}", node.name, node.addr)]);
    (path.display().to_string(), told.chain(["--complete".to_owned()]).collect())
}

fn audit(file: &str, told: &[String]) -> common::Ran {
    let told: Vec<&str> = told.iter().map(String::as_str).collect();
    sipfarm(&[&["audit", file], &told[..]].concat())
}

#[test]
fn rules_of_order_judge_a_foreign_capture_once_they_are_told_the_servers() {
    for (defect, code, verdict) in [(&[][..], 0, "pass"), (&["--defect", "skips-secondary"], 1, "fail")] {
        let folder = tempfile::tempdir().unwrap();
        let (file, told) = foreign(&own(folder.path(), defect));
        let untold = audit(&file, &[]);
        assert!(untold.out.contains("(sends the first INVITE with no Via but its own)"), "{}", untold.out);
        assert!(untold.out.contains("rules of order need --server"), "{}", untold.out);
        assert!(!untold.out.contains(" server-order "), "{}", untold.out);
        let ran = audit(&file, &told);
        assert_eq!(ran.code, code, "{}{}", ran.out, ran.err);
        assert!(ran.out.contains("(as --server says, in this order)"), "{}", ran.out);
        let line = format!("  {verdict:<14} server-order ");
        assert!(ran.out.contains(&line), "{}", ran.out);
    }
}

#[test]
fn a_failure_without_a_scenario_has_no_place_and_can_be_repeated() {
    let ran = audit(BUILT_IN, &["--phone-address".to_owned(), "127.0.85.200".to_owned()]);
    assert_eq!(ran.code, 1, "{}{}", ran.out, ran.err);
    assert!(ran.out.contains("phone: 127.0.85.200 (as --phone-address says)"), "{}", ran.out);
    assert!(!ran.out.lines().any(|line| line.trim() == ":0"), "{}", ran.out);
    let repeat = format!("repeat     sipfarm audit {BUILT_IN} --phone-address 127.0.85.200\n");
    assert!(ran.out.contains(&repeat), "{}", ran.out);
}

#[test]
fn who_is_who_is_told_rightly_or_not_at_all() {
    let folder = tempfile::tempdir().unwrap();
    let own = own(folder.path(), &[]).display().to_string();
    for (file, told, said) in [
        (&*own, &["--phone-address", "127.0.0.1"][..], "says itself who is who"),
        (&own, &["--server", "primary=127.0.0.1"], "says itself who is who"),
        (BUILT_IN, &["--phone-address", "192.0.2.1"], "SIP goes to or from 127.0.85.11, 127.0.85.200"),
        (BUILT_IN, &["--server", "a=127.0.85.11", "--server", "a=127.0.85.12"], "stands twice"),
        (BUILT_IN, &["--server", "a=127.0.85.11", "--server", "b=127.0.85.11:5060"], "stands twice"),
        (BUILT_IN, &["--server", "127.0.85.11"], "primary=192.0.2.11"),
        (BUILT_IN, &["--server", "a=127.0.85.99"], "--server a=127.0.85.99:5060: no SIP goes there"),
    ] {
        let ran = sipfarm(&[&["audit", file], told].concat());
        assert_eq!(ran.code, 2, "{told:?}: {}{}", ran.out, ran.err);
        assert!(ran.err.contains(said), "{told:?}: {}", ran.err);
    }
}

#[test]
fn a_capture_of_a_scenario_that_stopped_is_no_pass() {
    let folder = tempfile::tempdir().unwrap();
    let text = "Feature: F\n  Scenario: S\n    Given a farm with server \"primary\"\n    And a phone\n    \
                When the phone dials the far end\n    And a flash call \"x\" arrives\n    Then call \"x\" alerts\n";
    let path = common::feature(folder.path(), text);
    let out = folder.path().join("out");
    let ran = sipfarm(&["run", &path, "--out", out.to_str().unwrap()]);
    assert_eq!(ran.code, 2, "{}{}", ran.out, ran.err);
    assert_eq!(ran.out.matches("mlpp.enabled").count(), 2, "once in the line and once in full: {}", ran.out);
    let audited = audit(captures(&out)[0].to_str().unwrap(), &[]);
    assert_eq!(audited.code, 4, "{}{}", audited.out, audited.err);
    assert!(
        audited.out.contains("the scenario goes on: ") && audited.out.contains("mlpp.enabled"),
        "{}",
        audited.out
    );
}

#[test]
fn a_server_that_does_not_show_is_told_of() {
    let told = ["--server", "a=127.0.85.11", "--server", "b=127.0.85.99"].map(str::to_owned);
    let ran = audit(BUILT_IN, &told);
    let note = "note: no SIP goes to \"b\" 127.0.85.99:5060 or comes from there";
    assert!(ran.out.contains(note), "{}{}", ran.out, ran.err);
    assert!(!ran.out.contains("goes to \"a\""), "{}", ran.out);
}

#[test]
fn scenarios_that_were_merged_into_one_file_are_not_judged_together() {
    let folder = tempfile::tempdir().unwrap();
    let out = folder.path().join("out");
    sipfarm(&["run", "features/failover/503.feature", "--out", out.to_str().unwrap()]);
    let both: Vec<u8> = captures(&out)[..2].iter().flat_map(|path| std::fs::read(path).unwrap()).collect();
    let merged = folder.path().join("merged.pcapng");
    std::fs::write(&merged, both).unwrap();
    let ran = audit(merged.to_str().unwrap(), &[]);
    assert_eq!(ran.code, 2, "{}{}", ran.out, ran.err);
    for part in ["2 scenarios", "\"503 from the primary\"", "503.feature:12", "each capture by itself"] {
        assert!(ran.err.contains(part), "{part}: {}", ran.err);
    }
}

/// A pcap file with nanoseconds, of that link type.
fn pcap(link: u32, packets: &[(i64, Vec<u8>)]) -> Vec<u8> {
    let header = [0xa1b2_3c4d_u32, 0x0004_0002, 0, 0, 0x0004_0000, link];
    let mut file: Vec<u8> = header.iter().flat_map(|word| word.to_le_bytes()).collect();
    for (at, data) in packets {
        let length = data.len() as u32;
        let (secs, nanos) = ((at / 1_000_000_000) as u32, (at % 1_000_000_000) as u32);
        [secs, nanos, length, length].iter().for_each(|word| file.extend(word.to_le_bytes()));
        file.extend(data);
    }
    file
}

/// An INVITE into silence, by the schedule of RFC 3261 section 17.1.1.2 up to timer B.
fn unanswered() -> Vec<(i64, Vec<u8>)> {
    let invite = "INVITE sip:1002@192.0.2.11 SIP/2.0\r\nVia: SIP/2.0/UDP 192.0.2.200;branch=z9hG4bK1\r\nMax-Forwards: 70\r\n\
                  From: <sip:1001@192.0.2.11>;tag=1\r\nTo: <sip:1002@192.0.2.11>\r\nCall-ID: 1\r\nCSeq: 1 INVITE\r\n\
                  Contact: <sip:1001@192.0.2.200>\r\nContent-Length: 0\r\n\r\n";
    let sends = [0_i64, 500, 1_500, 3_500, 7_500, 15_500, 31_500];
    let at = sends.map(|ms| 1_790_000_000_000_000_000 + ms * 1_000_000);
    let sent = at
        .map(|at| (at, frames::datagram(at, "192.0.2.200:5060", "192.0.2.11:5060", invite.as_bytes()).data));
    sent.to_vec()
}

#[test]
fn what_cannot_be_judged_is_refused_in_a_sentence() {
    let folder = tempfile::tempdir().unwrap();
    let audio = frames::datagram(5, "192.0.2.1:4000", "192.0.2.2:4000", &[0x80; 172]).data;
    let cases: [(&str, Option<Vec<u8>>, &str); 5] = [
        ("empty.pcapng", Some(Vec::new()), "is empty"),
        ("folder", None, "is a folder; name a capture in it"),
        ("audio.pcap", Some(pcap(1, &[(5, audio)])), "there is no SIP in its 1 packets"),
        (
            "wlan.pcap",
            Some(pcap(105, &unanswered())),
            "7 packets of link type 105, which sipfarm does not read",
        ),
        ("words.pcap", Some(b"Dear Sir or Madam".to_vec()), "is not a pcapng or pcap file"),
    ];
    for (name, octets, expected) in cases {
        let path = folder.path().join(name);
        match octets {
            Some(octets) => std::fs::write(&path, octets).unwrap(),
            None => std::fs::create_dir(&path).unwrap(),
        }
        let ran = audit(path.to_str().unwrap(), &[]);
        assert_eq!((ran.code, ran.out.as_str()), (2, ""), "{name}: {}", ran.err);
        assert_eq!(ran.err.lines().filter(|line| line.starts_with("error")).count(), 1, "{}", ran.err);
        assert!(ran.err.contains(expected), "{name}: {}", ran.err);
    }
}

/// What one audit says of one rule.
fn verdict_on(rule: &str, file: &Path) -> (String, i32, String) {
    let ran = sipfarm(&["audit", file.to_str().unwrap(), "--complete", "--format", "json"]);
    let audited: serde_json::Value = serde_json::from_str(&ran.out).unwrap();
    let finding =
        audited["findings"].as_array().unwrap().iter().find(|finding| finding["rule"] == rule).unwrap();
    let said = |named: &serde_json::Value| named["rule"] == rule && named["reason"] == finding["seen"];
    let silent = matches!(finding["verdict"].as_str().unwrap(), "inconclusive" | "not-exercised");
    assert_eq!(audited["not_judged"].as_array().unwrap().iter().any(said), silent, "{audited}");
    (finding["verdict"].as_str().unwrap().to_owned(), ran.code, audited["notes"].to_string())
}

#[test]
fn a_capture_that_is_cut_or_whose_clock_goes_back_accuses_nobody() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("a.pcap");
    let rule = "invite-schedule";
    let mut packets = unanswered();
    std::fs::write(&path, pcap(1, &packets)).unwrap();
    assert_eq!(verdict_on(rule, &path), ("pass".into(), 0, "[]".into()));

    // The control: without the third of the seven, the schedule is broken.
    let third = packets.remove(2);
    std::fs::write(&path, pcap(1, &packets)).unwrap();
    assert_eq!(verdict_on(rule, &path).0, "fail");

    // The same, where the clock goes back an hour before the end: times prove nothing.
    packets.push((third.0 - 3_600_000_000_000, third.1));
    std::fs::write(&path, pcap(1, &packets)).unwrap();
    let (verdict, code, notes) = verdict_on(rule, &path);
    assert_ne!(verdict, "fail", "{notes}");
    assert_eq!(code, 4, "{notes}");
    assert!(notes.contains("the clock goes back by 3630.000 s at packet 7"), "{notes}");

    // Cut within the fourth: three are judged, and that no more came accuses nobody.
    let whole = pcap(1, &unanswered());
    std::fs::write(&path, &whole[..24 + 3 * (whole.len() - 24) / 7 + 30]).unwrap();
    let (verdict, code, notes) = verdict_on(rule, &path);
    assert_eq!(verdict, "pass", "three keep the schedule: {notes}");
    assert_ne!(code, 1, "{notes}");
    assert!(notes.contains("the file ends within a packet"), "{notes}");
}

#[test]
fn an_audit_is_a_page_too() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("a.pcap");
    std::fs::write(&path, pcap(1, &unanswered())).unwrap();
    let page = sipfarm(&["audit", path.to_str().unwrap(), "--complete", "--format", "html"]);
    assert_eq!(page.code, 0, "{}", page.err);
    assert!(page.out.starts_with("<!doctype html>") && page.out.contains("a capture without a scenario"));
}
