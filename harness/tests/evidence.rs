//! A capture as evidence: what the judge said stands at the packets, which keep their numbers, and Wireshark shows it.
#![allow(missing_docs, clippy::unwrap_used)]

mod common;
#[path = "support/frames.rs"]
mod frames;
#[path = "support/skip.rs"]
mod skip;
#[path = "support/tshark.rs"]
mod tshark;

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

use common::{results, sipfarm};
use sipfarm::capture::comments::Comments;
use sipfarm::capture::read::read;
use sipfarm::capture::recorder::{Mode, Recorder};
use sipfarm::phone::profiles;
use sipfarm_core::Instant;
use sipfarm_core::frame::Frame;
use sipfarm_judge::mark::{Mark, Scene, Which};
use sipfarm_judge::{Finding, Verdict, Window};

const SCENARIO: &str = "features/failover/503.feature:11";
const START: i64 = 1_790_000_000_123_456_789;

fn at(ms: i64) -> Instant {
    Instant::from_nanos(START + ms * 1_000_000)
}

fn frame(ms: i64) -> Frame {
    let message = b"OPTIONS sip:primary SIP/2.0\r\nContent-Length: 0\r\n\r\n";
    frames::datagram(at(ms).as_nanos(), "127.0.1.1:5060", "127.0.1.2:5060", message)
}

/// A finding on packets 1 (a mark, with a comment of its own) and 3.
fn finding() -> Finding {
    Finding {
        rule: "retransmission-schedule".into(),
        requirements: vec!["RFC3261-17.1.2.2".into()],
        verdict: Verdict::Fail,
        phone: Which::First,
        expected_id: None,
        line: None,
        expected: "OPTIONS again".into(),
        window: Some(Window { from: at(450), to: at(550) }),
        window_kind: sipfarm_judge::WindowKind::Allowed,
        seen: "nothing until then".into(),
        packets: vec![1, 3],
        shown_from: None,
        decided: Some(at(700)),
        nearest: Vec::new(),
        until: None,
    }
}

fn recorded(folder: &Path, mode: Mode, findings: &[Finding]) -> PathBuf {
    let target = folder.join("001.pcapng");
    let mut recorder = Recorder::new(Some(target.clone()), mode).unwrap();
    let fault = Mark::Fault { node: "primary".into(), fault: "silence".into(), on: true };
    assert_eq!(recorder.mark(fault, at(0)), 1);
    assert_eq!([recorder.frame(frame(1)), recorder.frame(frame(700))], [2, 3]);
    recorder.finish_with(&Comments::of(findings, at(0))).unwrap();
    assert_eq!(std::fs::read_dir(folder).unwrap().count(), 1, "nothing else is left");
    target
}

#[test]
fn comments_change_neither_the_numbers_of_packets_nor_what_an_audit_sees() {
    let folders: [_; 4] = std::array::from_fn(|_| tempfile::tempdir().unwrap());
    let plain = recorded(folders[0].path(), Mode::Streamed, &[]);
    let commented = recorded(folders[1].path(), Mode::Streamed, &[finding()]);
    let [a, b] = [&plain, &commented].map(|file| read(file).unwrap());
    assert_eq!((a.timeline.events(), a.packets), (b.timeline.events(), b.packets));
    assert_eq!(b.notes, []);
    let [plain, commented] = [plain, commented].map(|file| std::fs::read(file).unwrap());
    assert!(commented.len() > plain.len());
    let buffered = recorded(folders[2].path(), Mode::Buffered, &[finding()]);
    assert_eq!(std::fs::read(buffered).unwrap(), commented);
    let buffered = recorded(folders[3].path(), Mode::Buffered, &[]);
    assert_eq!(std::fs::read(buffered).unwrap(), plain);
}

#[test]
fn wireshark_shows_a_comment_beside_the_one_that_was_there() {
    if !tshark::is_installed() {
        return;
    }
    let folder = tempfile::tempdir().unwrap();
    let file = recorded(folder.path(), Mode::Streamed, &[finding()]);
    let words = "fail: retransmission-schedule (RFC3261-17.1.2.2): OPTIONS again; allowed from 0.450 s to 0.550 s of \
                 the capture; seen: nothing until then";
    let marked = format!("fault on at primary: silence,{words}");
    assert_eq!(tshark::fields(&file, "frame", &["frame.comment"]), [[marked.as_str()], [""], [words]]);
    assert_eq!(tshark::complaints(&file), "");
}

/// Comments by packet, as tshark has them.
fn comments(file: &Path) -> BTreeMap<u64, String> {
    let rows = tshark::fields(file, "frame.comment", &["frame.number", "frame.comment"]);
    rows.into_iter().map(|row| (row[0].parse().unwrap(), row[1].clone())).collect()
}

#[test]
fn each_judged_packet_of_a_scenario_says_which_rule_judged_it_how() {
    if !tshark::is_installed() {
        return;
    }
    let folder = tempfile::tempdir().unwrap();
    let out = folder.path().join("out");
    let ran = sipfarm(&["run", SCENARIO, "--defect", "skips-secondary", "--out", out.to_str().unwrap()]);
    assert_eq!(ran.code, 1, "{}{}", ran.out, ran.err);
    let result = results(&out).remove(0);
    let file = PathBuf::from(result["capture"].as_str().unwrap());
    let comments = comments(&file);
    let mut failed = 0;
    for finding in result["findings"].as_array().unwrap() {
        let verdict = finding["verdict"].as_str().unwrap();
        if matches!(verdict, "not-applicable" | "not-exercised") {
            continue;
        }
        for packet in finding["packets"].as_array().unwrap() {
            let said = &comments[&packet.as_u64().unwrap()];
            let rule = finding["rule"].as_str().unwrap();
            assert!(said.contains(&format!("{verdict}: {rule}")), "packet {packet}: {said}");
            failed += usize::from(verdict == "fail");
        }
    }
    assert!(failed > 0, "the defect shows in no packet");
    let rows = tshark::named(&file, "sip", &["frame.packet_flags_direction", "ip.src_host", "ip.dst_host"]);
    let [mut sent, mut heard] = [0, 0];
    for row in rows {
        let flags = u32::from_str_radix(row[0].trim_start_matches("0x"), 16).ok();
        let expected = match (row[1].as_str(), row[2].as_str()) {
            ("phone", _) => Some(1),
            (_, "phone") => Some(2),
            _ => None,
        };
        assert_eq!(flags, expected, "{row:?}");
        sent += usize::from(flags == Some(1));
        heard += usize::from(flags == Some(2));
    }
    assert!(sent > 0 && heard > 0);
}

/// A capture of ours as somebody else would have made it: without the interface of the marks.
fn without_marks(file: &Path) -> PathBuf {
    let octets = std::fs::read(file).unwrap();
    let number = |at: usize| u32::from_le_bytes(octets[at..at + 4].try_into().unwrap());
    let (mut stripped, mut at) = (Vec::new(), 0);
    while at < octets.len() {
        let end = at + number(at + 4) as usize;
        let is_mark = number(at) == 6 && number(at + 8) == 1;
        if !is_mark {
            stripped.extend_from_slice(&octets[at..end]);
        }
        at = end;
    }
    let path = file.with_extension("stripped");
    std::fs::write(&path, stripped).unwrap();
    path
}

fn scene(file: &Path) -> Scene {
    let timeline = read(file).unwrap().timeline;
    let scene = timeline.marks().find_map(|(_, mark)| match mark {
        Mark::Scenario(scene) => Some(*scene.clone()),
        _ => None,
    });
    scene.unwrap()
}

#[test]
fn a_capture_without_marks_accuses_no_phone_that_its_scenario_acquits() {
    let folder = tempfile::tempdir().unwrap();
    let out = folder.path().join("out");
    let ran = sipfarm(&["run", "--out", out.to_str().unwrap()]);
    assert_eq!(ran.code, 0, "{}{}", ran.out, ran.err);
    let (mut accused, mut judged) = (Vec::new(), 0);
    for result in results(&out) {
        let own = Path::new(result["capture"].as_str().unwrap());
        let profile = result["phone"].as_str().unwrap();
        if scene(own).profile != profiles::find(profile).unwrap() {
            continue; // A step has changed its timers, which nobody can tell from the packets.
        }
        let stripped = without_marks(own);
        let audit = sipfarm(&["audit", stripped.to_str().unwrap(), "--profile", profile, "--format", "json"]);
        // Where nothing was sent, there is nothing to audit.
        let Ok(audited) = serde_json::from_str::<serde_json::Value>(&audit.out) else { continue };
        let having =
            |verdict| audited["findings"].as_array().unwrap().iter().filter(move |f| f["verdict"] == verdict);
        judged += usize::from(having("pass").count() > 0);
        if audit.code == 1 {
            let failed = having("fail");
            let failed: Vec<_> = failed.map(|f| format!("{}: {}", f["rule"], f["seen"])).collect();
            accused.push(format!("{} ({}): {failed:?}", result["name"], audited["who"]));
        }
    }
    assert_eq!(accused, Vec::<String>::new());
    assert!(judged > 30, "only {judged} captures were judged");
}

/// Everything that a bundle holds, and what the program says while it makes one.
#[test]
fn no_password_is_printed_logged_or_captured() {
    let folder = tempfile::tempdir().unwrap();
    let out = folder.path().join("out");
    let mut command = common::program();
    command
        .args(["run", "features/registration", "--out", out.to_str().unwrap()])
        .env("SIPFARM_LOG", "trace");
    let ran = common::Ran::from(command.output().unwrap());
    assert_eq!(ran.code, 0, "{}", ran.out);
    assert!(ran.err.contains("sipfarm"), "there is a log");
    let authorized = |octets: &[u8]| String::from_utf8_lossy(octets).contains("Authorization: Digest");
    let (mut texts, mut answers) = (vec![ran.out.into_bytes(), ran.err.into_bytes()], 0);
    for entry in std::fs::read_dir(&out).unwrap() {
        let octets = std::fs::read(entry.unwrap().path()).unwrap();
        answers += usize::from(authorized(&octets));
        texts.push(octets);
    }
    assert!(answers > 0, "a password was used");
    for text in texts {
        assert!(
            !String::from_utf8_lossy(&text).contains("correct horse"),
            "the password of the lab's accounts"
        );
    }
}

#[test]
fn a_redacted_bundle_has_no_names_and_the_same_verdicts() {
    let folder = tempfile::tempdir().unwrap();
    let (out, copy) = (folder.path().join("out"), folder.path().join("copy"));
    let [out_text, copy_text] = [&out, &copy].map(|path| path.to_str().unwrap());
    let features = ["features/registration", "features/calls", "features/failover", "features/tls"];
    let ran = sipfarm(&[&["run"], &features[..], &["--out", out_text]].concat());
    assert_eq!(ran.code, 0, "{}{}", ran.out, ran.err);
    let redacted = sipfarm(&["bundle", "--redact", out_text, "--out", copy_text]);
    assert_eq!(redacted.code, 0, "{}{}", redacted.out, redacted.err);
    let (mut same, mut shut) = (0, 0);
    for (before, after) in results(&out).iter().zip(results(&copy)) {
        let [before_file, file] =
            [before, &after].map(|result| PathBuf::from(result["capture"].as_str().unwrap()));
        let [was, is] = [&before_file, &file].map(|file| std::fs::read(file).unwrap());
        let text = String::from_utf8_lossy(&is);
        for secret in
            ["sip:1001", "sip:1002", "username=\"1001\"", "\"user\":\"1001\"", "CLIENT_TRAFFIC_SECRET"]
        {
            assert!(!text.contains(secret), "{secret} in {}", file.display());
        }
        let had_tls = String::from_utf8_lossy(&was).contains("CLIENT_TRAFFIC_SECRET");
        assert_eq!(is.len() == was.len(), !had_tls, "{}", file.display());
        let [a, b] = [&before_file, &file].map(|file| read(file).unwrap());
        assert_eq!(a.packets, b.packets);
        let audit = sipfarm(&["audit", file.to_str().unwrap(), "--format", "json"]);
        let audited: serde_json::Value = serde_json::from_str(&audit.out).unwrap();
        match had_tls {
            true => assert_ne!(audited["verdict"], "fail", "{}: {}", before["name"], audit.out),
            false => assert_eq!(audited["verdict"], before["verdict"], "{}: {}", before["name"], audit.out),
        }
        shut += usize::from(had_tls);
        same += usize::from(!had_tls);
    }
    assert!(same > 20 && shut > 0, "{same} and {shut}");
    if tshark::is_installed() {
        let file = copy.join("001.pcapng");
        let rows = tshark::checked(&file, "sip", &["udp.checksum.status"]);
        assert!(!rows.is_empty() && rows.iter().all(|row| row[0] == "1"), "{rows:?}");
    }
}

/// What only TLS has said stands in clear in marks, comments and records.
#[test]
fn names_that_only_tls_has_said_go_too() {
    let folder = tempfile::tempdir().unwrap();
    let (out, copy) = (folder.path().join("out"), folder.path().join("copy"));
    let [out_text, copy_text] = [&out, &copy].map(|path| path.to_str().unwrap());
    let ran = sipfarm(&["run", "features/tls", "--out", out_text]);
    assert_eq!(ran.code, 0, "{}{}", ran.out, ran.err);
    let redacted = sipfarm(&["bundle", "--redact", out_text, "--out", copy_text]);
    assert_eq!(redacted.code, 0, "{}{}", redacted.out, redacted.err);
    let named = |folder: &Path, file: &str| {
        let text = std::fs::read(folder.join(file)).unwrap();
        String::from_utf8_lossy(&text).contains("dial 1002")
    };
    for file in ["002.pcapng", "events.ndjson"] {
        assert!(named(&out, file) && !named(&copy, file), "{file}");
    }
}

#[test]
fn a_scenario_is_opened_by_number_name_or_place_at_the_packet_that_decided() {
    let folder = tempfile::tempdir().unwrap();
    let out = folder.path().join("out");
    let bundle = out.to_str().unwrap();
    let feature = SCENARIO.split(':').next().unwrap();
    let ran = sipfarm(&["run", feature, "--defect", "skips-secondary", "--out", bundle]);
    assert_eq!(ran.code, 1, "{}{}", ran.out, ran.err);
    let results = results(&out);
    let result = results.iter().find(|result| result["verdict"] == "fail").unwrap();
    let failed = result["findings"].as_array().unwrap().iter().find(|f| f["verdict"] == "fail").unwrap();
    let packet = failed["packets"].as_array().unwrap().last().unwrap();
    let capture = result["capture"].as_str().unwrap();
    let place = format!("{}:{}", result["feature"].as_str().unwrap(), result["line"]);
    let number = result["id"].to_string();
    for wanted in [&number, result["name"].as_str().unwrap(), &place] {
        let printed = sipfarm(&["open", bundle, wanted, "--print"]);
        assert_eq!(
            (printed.code, printed.out),
            (0, format!("wireshark -r {capture} -g {packet}\n")),
            "{wanted}"
        );
    }
    let printed = sipfarm(&["open", bundle, &number, "--packet", "7", "--print"]);
    assert_eq!(printed.out, format!("wireshark -r {capture} -g 7\n"));
    for (wanted, words) in [("no such name", "none of the"), ("e", "may be")] {
        let refused = sipfarm(&["open", bundle, wanted, "--print"]);
        assert_eq!(refused.code, 2, "{wanted}: {}", refused.out);
        assert!(refused.err.contains(words), "{}", refused.err);
    }
    let mut command = common::program();
    command.args(["open", bundle, &number]).env("PATH", "");
    let without = common::Ran::from(command.output().unwrap());
    assert_eq!(without.code, 5);
    assert!(
        without.err.contains("Wireshark is not installed here; the command is: wireshark -r"),
        "{}",
        without.err
    );
}
