//! The live tap beside dumpcap on the loopback interface: the same packets at the same nanosecond.
#![allow(missing_docs, clippy::unwrap_used)]

use std::io::{BufRead, BufReader};
use std::net::UdpSocket;
use std::path::Path;
use std::process::{Child, Command, Stdio};
use std::sync::mpsc;
use std::time::Duration;

use sipfarm::capture::read::read;
use sipfarm::capture::recorder::{Mode, Recorder};
use sipfarm::capture::tap::{Tap, TapError};
use sipfarm_core::Instant;
use sipfarm_judge::timeline::Timeline;

#[path = "support/tshark.rs"]
mod tshark;

const PHONE: &str = "127.99.17.1:5060";
const PRIMARY: &str = "127.99.17.2:5060";
/// Requests; each is answered.
const ROUNDS: usize = 1_000;
const PATIENCE: Duration = Duration::from_secs(20);

/// dumpcap that writes `count` packets of our two addresses and then ends by itself.
fn dumpcap(file: &Path, count: usize) -> Option<Child> {
    let command = Command::new("dumpcap")
        .args(["-q", "-i", "lo", "-B", "64", "-f", "host 127.99.17.1 and host 127.99.17.2"])
        .args(["-c", &count.to_string(), "-a", "duration:60", "-w"])
        .arg(file)
        .stderr(Stdio::piped())
        .spawn();
    let Ok(mut child) = command else {
        println!("SKIPPED: dumpcap is not installed");
        return None;
    };
    // It names its file when it listens.
    let lines = BufReader::new(child.stderr.take().unwrap()).lines().map_while(Result::ok);
    let said: Vec<String> = lines.take_while(|line| !line.starts_with("File: ")).collect();
    if let Some(status) = child.try_wait().unwrap() {
        panic!("dumpcap ended with {status}: {said:?}");
    }
    Some(child)
}

/// Requests and responses between the two addresses.
fn talk() {
    let (phone, primary) = (UdpSocket::bind(PHONE).unwrap(), UdpSocket::bind(PRIMARY).unwrap());
    primary.set_read_timeout(Some(PATIENCE)).unwrap();
    let rest = |n| format!("Call-ID: {n}\r\nCSeq: {n} OPTIONS\r\nContent-Length: 0\r\n\r\n");
    for n in 1..=ROUNDS {
        let request = format!("OPTIONS sip:primary SIP/2.0\r\n{}", rest(n));
        phone.send_to(request.as_bytes(), PRIMARY).unwrap();
        primary.recv_from(&mut [0; 2_000]).unwrap();
        primary.send_to(format!("SIP/2.0 200 OK\r\n{}", rest(n)).as_bytes(), PHONE).unwrap();
    }
}

/// The SIP messages: time, method or status, Call-ID.
fn messages(timeline: &Timeline) -> Vec<(Instant, String, String)> {
    let what = timeline.sip().map(|(event, sip)| {
        let status = sip.message.status().map(|code| code.to_string());
        let what = status.or(sip.message.method().map(ToString::to_string)).unwrap();
        (event.at, what, sip.message.call_id().unwrap().to_owned())
    });
    what.collect()
}

fn messages_by_tshark(file: &Path) -> Vec<(Instant, String, String)> {
    let fields = ["frame.time_epoch", "sip.Method", "sip.Status-Code", "sip.Call-ID"];
    let rows = tshark::fields(file, "sip", &fields).into_iter();
    rows.map(|row| (tshark::instant(&row[0]), row[1..3].concat(), row[3].clone())).collect()
}

#[test]
fn the_tap_and_dumpcap_see_the_same_packets_at_the_same_nanosecond() {
    if !tshark::is_installed() {
        return;
    }
    let tap = match Tap::open("lo") {
        Err(error @ TapError::NotPermitted { .. }) => return println!("SKIPPED: {error}"),
        tap => tap.unwrap(),
    };
    let folder = tempfile::tempdir().unwrap();
    let (our_file, their_file) = (folder.path().join("ours.pcapng"), folder.path().join("theirs.pcapng"));
    let Some(mut dumpcap) = dumpcap(&their_file, 2 * ROUNDS) else { return };

    let (sender, frames) = mpsc::channel();
    let [phone, primary] = [PHONE, PRIMARY].map(|addr| addr.parse::<std::net::SocketAddr>().unwrap().ip());
    let ours = move |src, dst| [(phone, primary), (primary, phone)].contains(&(src, dst));
    let subscription = tap.subscribe(ours, move |frame| sender.send(frame).unwrap());
    talk();
    let settled = tap.settle(PATIENCE).unwrap();
    drop(subscription);
    let mut recorder = Recorder::new(Some(our_file.clone()), Mode::Streamed).unwrap();
    for frame in frames {
        recorder.frame(frame);
    }
    recorder.drops(tap.drops(), settled);
    let live = messages(recorder.timeline());
    recorder.finish().unwrap();
    assert!(dumpcap.wait().unwrap().success());

    assert_eq!(live.len(), 2 * ROUNDS);
    assert_eq!(live, messages(&read(&our_file).unwrap().timeline), "our file, by us");
    assert_eq!(live, messages_by_tshark(&our_file), "our file, by tshark");
    assert_eq!(live, messages(&read(&their_file).unwrap().timeline), "their file, by us");
    assert_eq!(live, messages_by_tshark(&their_file), "their file, by tshark");
}
