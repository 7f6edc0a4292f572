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
    ] {
        let ran = sipfarm(&[&["audit", file], told].concat());
        assert_eq!(ran.code, 2, "{told:?}: {}{}", ran.out, ran.err);
        assert!(ran.err.contains(said), "{told:?}: {}", ran.err);
    }
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
