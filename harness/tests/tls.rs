//! SIP over TLS as others see it: Wireshark reads our capture, OpenSSL speaks to our farm.
#![allow(missing_docs, clippy::unwrap_used)]

mod common;
#[path = "support/skip.rs"]
mod skip;
#[path = "support/tshark.rs"]
mod tshark;

use std::io::{BufRead, BufReader, Write};
use std::net::SocketAddr;
use std::process::{Command, Stdio};

use common::{captures, sipfarm};
use sipfarm::capture::read::read;
use sipfarm::farm::{FaultSpec, Node, NodeConfig};
use sipfarm::net::{MachineId, RealLab, RealOptions, Slice};
use sipfarm_core::machine::Transport;

/// The captures of some scenarios over TLS.
fn calls_over_tls(folder: &std::path::Path) -> Vec<std::path::PathBuf> {
    let out = folder.join("out");
    let ran = sipfarm(&["run", "features/tls/calls.feature", "--out", out.to_str().unwrap()]);
    assert_eq!(ran.code, 0, "{}{}", ran.out, ran.err);
    captures(&out)
}

#[test]
fn wireshark_reads_the_sip_of_a_capture_with_tls_without_further_help() {
    if !tshark::is_installed() {
        return;
    }
    let folder = tempfile::tempdir().unwrap();
    for capture in calls_over_tls(folder.path()) {
        assert_eq!(tshark::complaints(&capture), "");
        let what = ["frame.number", "sip.CSeq.method", "sip.Status-Code"];
        let theirs = tshark::fields(&capture, "tls && sip", &what);
        let recording = read(&capture).unwrap();
        let over_tls = recording.timeline.sip().filter(|(_, sip)| sip.transport == Transport::Tls);
        let ours: Vec<Vec<String>> = over_tls
            .map(|(event, sip)| {
                let packet = event.packets.last().unwrap().to_string();
                let method = sip.message.cseq().unwrap().method.to_string();
                vec![packet, method, sip.message.status().map_or(String::new(), |code| code.to_string())]
            })
            .collect();
        assert!(ours.len() >= 4, "{}: only {ours:?}", capture.display());
        assert_eq!(theirs, ours, "{}", capture.display());
    }
}

#[test]
fn without_its_secrets_a_capture_with_tls_shows_no_sip_and_says_why() {
    let folder = tempfile::tempdir().unwrap();
    let capture = calls_over_tls(folder.path()).remove(0);
    let mut octets = std::fs::read(&capture).unwrap();
    // Under labels that nobody knows the secrets say nothing.
    let places: Vec<usize> =
        octets.windows(8).enumerate().filter(|(_, eight)| *eight == b"_TRAFFIC").map(|(at, _)| at).collect();
    assert!(!places.is_empty());
    places.into_iter().for_each(|at| octets[at + 1] = b'X');
    std::fs::write(&capture, octets).unwrap();
    let recording = read(&capture).unwrap();
    assert!(!recording.timeline.sip().any(|(_, sip)| sip.transport == Transport::Tls));
    let marks: Vec<String> = recording.timeline.marks().map(|(_, mark)| format!("{mark:?}")).collect();
    assert!(marks.iter().any(|mark| mark.contains("the capture has no secret of it")), "{marks:?}");
}

#[test]
fn a_broken_capture_with_tls_gives_no_more_sip_and_no_panic() {
    let folder = tempfile::tempdir().unwrap();
    let capture = calls_over_tls(folder.path()).remove(1);
    let whole = std::fs::read(&capture).unwrap();
    let secured = |octets: &[u8]| {
        std::fs::write(&capture, octets).unwrap();
        let recording = read(&capture).ok()?;
        Some(recording.timeline.sip().filter(|(_, sip)| sip.transport == Transport::Tls).count())
    };
    let all = secured(&whole).unwrap();
    let mut rng = fastrand::Rng::with_seed(7);
    let mut fewer = 0;
    for _ in 0..300 {
        let mut octets = whole.clone();
        for _ in 0..rng.usize(1..20) {
            let at = rng.usize(..octets.len());
            octets[at] ^= 1 << rng.u32(..8);
        }
        octets.truncate(rng.usize(octets.len() / 2..=octets.len()));
        let found = secured(&octets).unwrap_or(0);
        assert!(found <= all, "{found} messages of {all}");
        fewer += usize::from(found < all);
    }
    assert!(fewer > 100, "only {fewer} of 300 captures were broken where it counts");
}

/// A node on real sockets that listens for TLS.
struct Farm {
    lab: RealLab,
    node: MachineId,
    at: SocketAddr,
    _slice: Slice,
}

impl Farm {
    fn new() -> Farm {
        let slice = Slice::claim().unwrap();
        let at = SocketAddr::new(slice.ip(11), 5060);
        let lab = RealLab::start(RealOptions::default()).unwrap();
        let config = NodeConfig { tls: true, ..NodeConfig::alone(at, SocketAddr::new(slice.ip(100), 5060)) };
        let node = lab.try_add(Box::new(Node::new(config))).unwrap();
        Farm { lab, node, at: Transport::Tls.beside(at), _slice: slice }
    }

    /// The first line of SIP that OpenSSL is answered over TLS.
    fn asked_by_openssl(&self) -> Option<String> {
        let authority = concat!(env!("CARGO_MANIFEST_DIR"), "/fixtures/tls/authority.pem");
        let (at, ip) = (self.at.to_string(), self.at.ip().to_string());
        let checks = ["-verify_return_error", "-verify_ip", &ip, "-CAfile", authority];
        let mut child = Command::new("timeout")
            .args(["20", "openssl", "s_client", "-quiet", "-connect", &at])
            .args(checks)
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .stderr(Stdio::null())
            .spawn()
            .unwrap();
        let request = format!(
            "OPTIONS sip:{at} SIP/2.0\r\nVia: SIP/2.0/TLS 127.0.0.1:5061;branch=z9hG4bKopenssl\r\n\
             Max-Forwards: 70\r\nFrom: <sip:a@127.0.0.1>;tag=1\r\nTo: <sip:{at}>\r\n\
             Call-ID: openssl\r\nCSeq: 1 OPTIONS\r\nContent-Length: 0\r\n\r\n"
        );
        let mut stdin = child.stdin.take().unwrap();
        // It may have hung up already.
        let _ = stdin.write_all(request.as_bytes());
        let lines = BufReader::new(child.stdout.take().unwrap()).lines().map_while(Result::ok);
        let answer = lines.into_iter().find(|line| line.starts_with("SIP/2.0"));
        drop(stdin);
        let _ = child.kill();
        child.wait().unwrap();
        answer
    }
}

#[test]
fn openssl_trusts_a_node_by_the_authority_in_fixtures_and_refuses_a_wrong_certificate() {
    let found = Command::new("openssl").arg("version").output().is_ok_and(|output| output.status.success());
    if !found {
        return skip::tool("openssl is not installed (Debian: apt-get install openssl)");
    }
    let farm = Farm::new();
    assert_eq!(farm.asked_by_openssl().as_deref(), Some("SIP/2.0 200 OK"));
    for fault in ["tls-wrong-ca", "tls-self-signed", "tls-expired", "tls-wrong-name", "tls-alert"] {
        let spec: FaultSpec = fault.parse().unwrap();
        farm.lab.command(farm.node, move |node: &mut Node, now| node.fault_on(&spec, now)).unwrap();
        assert_eq!(farm.asked_by_openssl(), None, "{fault}");
        farm.lab.command(farm.node, |node: &mut Node, now| node.faults_off(now));
    }
    assert_eq!(farm.asked_by_openssl().as_deref(), Some("SIP/2.0 200 OK"));
}
