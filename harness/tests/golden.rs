//! Captures of software that we did not write, audited. What is expected of each was read from
//! tshark's output and held against the RFC by hand; `fixtures/captures/README.md` tells how.
#![allow(missing_docs, clippy::unwrap_used)]

use std::collections::BTreeSet;
use std::path::{Path, PathBuf};

use sipfarm::capture::read::read;
use sipfarm_core::Instant;
use sipfarm_core::profile::Profile;
use sipfarm_judge::{Finding, Verdict, judge};

#[path = "support/skip.rs"]
mod skip;
#[path = "support/tshark.rs"]
mod tshark;

/// What must be found in a capture.
struct Golden {
    file: &'static str,
    /// Its SIP messages, and the time of the first: the column `frame.time_epoch`.
    messages: usize,
    begins: &'static str,
    /// The rule that the phone breaks, and the packet that breaks it.
    broken: Option<(&'static str, u32)>,
    /// Rules that it was put to, and kept.
    kept: &'static [&'static str],
}

const GOLDEN: &[Golden] = &[
    Golden {
        file: "sipp-call-us.pcap",
        messages: 6,
        begins: "1795336054.138151000",
        broken: None,
        kept: &["branch", "ack-acceptance", "cseq", "dialog-identifiers", "dialog-route", "well-formed"],
    },
    Golden {
        file: "sipp-call-us-big-endian.pcap",
        messages: 6,
        begins: "1795336054.138151000",
        broken: None,
        kept: &["branch", "ack-acceptance", "cseq", "dialog-identifiers", "dialog-route", "well-formed"],
    },
    Golden {
        file: "sipp-call-tcp.pcapng",
        messages: 11,
        begins: "1795336304.826178409",
        broken: None,
        kept: &["branch", "ack-acceptance", "cseq", "dialog-identifiers", "dialog-route", "well-formed"],
    },
    Golden {
        file: "sipp-refused-ns.pcap",
        messages: 3,
        begins: "1795336329.049156474",
        broken: None,
        kept: &["branch", "ack-refusal", "ack-transaction", "well-formed"],
    },
    Golden {
        file: "sipp-refused-ns-big-endian.pcap",
        messages: 3,
        begins: "1795336329.049156474",
        broken: None,
        kept: &["branch", "ack-refusal", "ack-transaction", "well-formed"],
    },
    Golden {
        file: "sipp-silence.pcapng",
        messages: 6,
        begins: "1795336054.149545965",
        broken: None,
        kept: &["invite-schedule", "transmission-count", "identical-repetition", "branch", "well-formed"],
    },
    Golden {
        file: "sipp-wrong-ack.pcapng",
        messages: 3,
        begins: "1795336054.149187891",
        broken: Some(("ack-transaction", 3)),
        kept: &["branch", "ack-refusal", "well-formed"],
    },
    Golden {
        file: "sipp-wrong-digest.pcapng",
        messages: 6,
        begins: "1795336299.577614083",
        broken: Some(("digest", 3)),
        kept: &["branch", "register-identity", "well-formed"],
    },
    Golden {
        file: "sipp-built-in.pcapng",
        messages: 6,
        begins: "1795340782.626215189",
        broken: Some(("dialog-route", 4)),
        kept: &["branch", "ack-acceptance", "cseq", "dialog-identifiers", "well-formed"],
    },
    Golden {
        file: "baresip-call.pcapng",
        messages: 19,
        begins: "1795336288.570755482",
        broken: None,
        kept: &[
            "branch",
            "ack-acceptance",
            "cseq",
            "dialog-identifiers",
            "dialog-route",
            "digest",
            "register-identity",
        ],
    },
    Golden {
        file: "baresip-refused-us.pcap",
        messages: 11,
        begins: "1795336293.945650000",
        broken: None,
        kept: &["branch", "ack-refusal", "ack-transaction", "digest", "register-identity", "well-formed"],
    },
    Golden {
        file: "baresip-silence.pcapng",
        messages: 18,
        begins: "1795336054.075325698",
        broken: None,
        kept: &["invite-schedule", "non-invite-schedule", "transmission-count", "identical-repetition"],
    },
];

fn folder() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("fixtures/captures")
}

fn findings(file: &Path) -> Vec<Finding> {
    let timeline = read(file).unwrap().timeline;
    judge(&timeline, &Profile::default(), timeline.end().unwrap())
}

#[test]
fn the_phone_is_accused_of_what_it_does_wrong_and_of_nothing_else() {
    for golden in GOLDEN {
        let findings = findings(&folder().join(golden.file));
        let unsaid = |verdict| matches!(verdict, Verdict::Pass | Verdict::NotExercised);
        let against: Vec<&Finding> = findings.iter().filter(|finding| !unsaid(finding.verdict)).collect();
        match (golden.broken, &against[..]) {
            (None, []) => {}
            (Some((rule, packet)), [finding]) => {
                assert_eq!((&*finding.rule, finding.verdict), (rule, Verdict::Fail), "{}", golden.file);
                assert!(finding.packets.contains(&packet), "{}: {finding:?}", golden.file);
            }
            _ => panic!("{}: {against:#?}", golden.file),
        }
        for rule in golden.kept {
            let verdict = findings.iter().find(|finding| finding.rule == *rule).unwrap().verdict;
            assert_eq!(verdict, Verdict::Pass, "{}: {rule}", golden.file);
        }
    }
}

#[test]
fn every_message_is_read_with_its_time() {
    for golden in GOLDEN {
        let recording = read(&folder().join(golden.file)).unwrap();
        assert_eq!(recording.notes.len(), 0, "{}: {:?}", golden.file, recording.notes);
        assert_eq!(recording.timeline.sip().count(), golden.messages, "{}", golden.file);
        let (first, _) = recording.timeline.sip().next().unwrap();
        assert_eq!(first.at, tshark::instant(golden.begins), "{}", golden.file);
    }
}

#[test]
fn tshark_reads_the_same_messages_at_the_same_nanosecond() {
    if !tshark::is_installed() {
        return;
    }
    for golden in GOLDEN {
        let file = folder().join(golden.file);
        let timeline = read(&file).unwrap().timeline;
        let ours: Vec<(u32, Instant)> =
            timeline.sip().map(|(event, _)| (*event.packets.last().unwrap(), event.at)).collect();
        let rows = tshark::fields(&file, "sip and not icmp", &["frame.number", "frame.time_epoch"]);
        let theirs: Vec<(u32, Instant)> =
            rows.iter().map(|row| (row[0].parse().unwrap(), tshark::instant(&row[1]))).collect();
        assert_eq!(ours, theirs, "{}", golden.file);
    }
}

#[test]
fn every_capture_is_expected_and_explained() {
    let files = std::fs::read_dir(folder()).unwrap().map(|entry| entry.unwrap().file_name());
    let files: BTreeSet<String> = files.map(|name| name.into_string().unwrap()).collect();
    let captures: BTreeSet<&str> = files.iter().map(|name| &**name).filter(|n| n.contains(".pcap")).collect();
    assert_eq!(captures, GOLDEN.iter().map(|golden| golden.file).collect());
    let readme = std::fs::read_to_string(folder().join("README.md")).unwrap();
    for file in captures {
        assert!(readme.contains(&format!("| `{file}` |")), "README.md has no row for {file}");
    }
}
