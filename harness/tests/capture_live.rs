//! The live tap beside dumpcap on the loopback interface: the same packets, at the same nanosecond
//! where the kernel has one time for both.
#![allow(missing_docs, clippy::unwrap_used)]

use std::io::{BufRead, BufReader, Read, Write};
use std::net::{TcpListener, TcpStream, UdpSocket};
use std::path::Path;
use std::process::{Child, Command, Stdio};
use std::sync::mpsc;
use std::thread;
use std::time::Duration;

use sipfarm::capture::read::read;
use sipfarm::capture::recorder::{Mode, Recorder};
use sipfarm::capture::tap::{Tap, TapError};
use sipfarm_core::{Instant, Span};
use sipfarm_judge::timeline::Timeline;

#[path = "support/skip.rs"]
mod skip;
#[path = "support/tshark.rs"]
mod tshark;

const PHONE: &str = "127.99.17.1:5060";
const PRIMARY: &str = "127.99.17.2:5060";
/// Requests over each transport; each is answered.
const ROUNDS: usize = 500;
const PATIENCE: Duration = Duration::from_secs(20);
/// A UDP datagram is stamped once, when it enters the loopback interface. A TCP segment bears the
/// time when it was to leave in that place, so Linux (since 5.18) stamps it for each capturing
/// socket by itself, one after the other: a fraction of a microsecond, unless something comes
/// between.
const TCP_STAMPS_APART: Span = Span::from_millis(20);

/// dumpcap on our two addresses, as soon as it listens.
fn dumpcap() -> Option<Child> {
    let command = Command::new("dumpcap")
        .args(["-q", "-i", "lo", "-B", "64", "-a", "duration:60", "-w", "-"])
        .args(["-f", "host 127.99.17.1 and host 127.99.17.2"])
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn();
    let Ok(mut child) = command else {
        skip::tool("dumpcap is not installed (Debian: apt-get install wireshark-common)");
        return None;
    };
    // It names its file when it listens.
    let mut lines = BufReader::new(child.stderr.take().unwrap()).lines().map_while(Result::ok);
    let said: Vec<String> = lines.by_ref().take_while(|line| !line.starts_with("File: ")).collect();
    if let Some(status) = child.try_wait().unwrap() {
        panic!("dumpcap ended with {status}: {said:?}");
    }
    thread::spawn(move || lines.count());
    Some(child)
}

/// What dumpcap captures until the answer to the last request.
fn captured(mut dumpcap: Child) -> Vec<u8> {
    let last = format!("Call-ID: {}\r\nCSeq: {} OPTIONS\r\nTo: answer", 2 * ROUNDS, 2 * ROUNDS);
    let mut output = dumpcap.stdout.take().unwrap();
    let mut file = Vec::new();
    let mut chunk = [0; 65_536];
    let mut seen = 0;
    while let Ok(octets @ 1..) = output.read(&mut chunk) {
        file.extend_from_slice(&chunk[..octets]);
        if file[seen..].windows(last.len()).any(|window| window == last.as_bytes()) {
            let interrupt = Command::new("kill").args(["-INT", &dumpcap.id().to_string()]).status();
            assert!(interrupt.unwrap().success());
            seen = file.len();
        }
        seen = seen.max(file.len().saturating_sub(last.len()));
    }
    assert!(dumpcap.wait().unwrap().success());
    file
}

fn request(n: usize) -> Vec<u8> {
    format!("OPTIONS sip:primary SIP/2.0\r\nCall-ID: {n}\r\nCSeq: {n} OPTIONS\r\nContent-Length: 0\r\n\r\n")
        .into()
}

fn response(n: usize) -> Vec<u8> {
    format!("SIP/2.0 200 OK\r\nCall-ID: {n}\r\nCSeq: {n} OPTIONS\r\nTo: answer\r\nContent-Length: 0\r\n\r\n")
        .into()
}

/// Requests and responses between the two addresses, first over UDP, then over TCP.
fn talk() {
    let (phone, primary) = (UdpSocket::bind(PHONE).unwrap(), UdpSocket::bind(PRIMARY).unwrap());
    primary.set_read_timeout(Some(PATIENCE)).unwrap();
    for n in 1..=ROUNDS {
        phone.send_to(&request(n), PRIMARY).unwrap();
        primary.recv_from(&mut [0; 2_000]).unwrap();
        primary.send_to(&response(n), PHONE).unwrap();
    }
    let listener = TcpListener::bind(PRIMARY).unwrap();
    let mut phone = connect();
    let (mut primary, _) = listener.accept().unwrap();
    for stream in [&phone, &primary] {
        stream.set_nodelay(true).unwrap();
        stream.set_read_timeout(Some(PATIENCE)).unwrap();
    }
    for n in ROUNDS + 1..=2 * ROUNDS {
        phone.write_all(&request(n)).unwrap();
        primary.read_exact(&mut vec![0; request(n).len()]).unwrap();
        primary.write_all(&response(n)).unwrap();
        phone.read_exact(&mut vec![0; response(n).len()]).unwrap();
    }
}

/// From the phone's address, for which std has no call.
fn connect() -> TcpStream {
    let [phone, primary] =
        ["127.99.17.1:0", PRIMARY].map(|addr| addr.parse::<std::net::SocketAddr>().unwrap());
    let socket = socket2::Socket::new(socket2::Domain::IPV4, socket2::Type::STREAM, None).unwrap();
    socket.bind(&phone.into()).unwrap();
    socket.connect(&primary.into()).unwrap();
    socket.into()
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
    let messages = rows.map(|row| (tshark::instant(&row[0]), row[1..3].concat(), row[3].clone()));
    let mut messages: Vec<_> = messages.collect();
    messages.sort_by_key(|(at, ..)| *at); // packets of different processors may overtake each other
    messages
}

#[test]
fn the_tap_and_dumpcap_see_the_same_packets_at_the_same_nanosecond() {
    if !tshark::is_installed() {
        return;
    }
    let tap = match Tap::open("lo") {
        Err(error @ TapError::NotPermitted { .. }) => return skip::right(error),
        tap => tap.unwrap(),
    };
    let folder = tempfile::tempdir().unwrap();
    let (our_file, their_file) = (folder.path().join("ours.pcapng"), folder.path().join("theirs.pcapng"));
    let Some(dumpcap) = dumpcap() else { return };
    let theirs = thread::spawn(|| captured(dumpcap));

    let (sender, frames) = mpsc::channel();
    let [phone, primary] = [PHONE, PRIMARY].map(|addr| addr.parse::<std::net::SocketAddr>().unwrap().ip());
    let ours = move |src, dst| [(phone, primary), (primary, phone)].contains(&(src, dst));
    let subscription = tap.subscribe(ours, move |frame| sender.send(frame).unwrap());
    talk();
    tap.settle(PATIENCE).unwrap();
    drop(subscription);
    let mut recorder = Recorder::new(Some(our_file.clone()), Mode::Streamed).unwrap();
    for frame in frames {
        recorder.frame(frame);
    }
    tap.losses(0).into_iter().for_each(|loss| recorder.lost(loss));
    let live = messages(recorder.timeline());
    recorder.finish().unwrap();
    std::fs::write(&their_file, theirs.join().unwrap()).unwrap();

    assert_eq!(live.len(), 4 * ROUNDS);
    assert_eq!(live, messages(&read(&our_file).unwrap().timeline), "our file, by us");
    assert_eq!(live, messages_by_tshark(&our_file), "our file, by tshark");
    let theirs = messages(&read(&their_file).unwrap().timeline);
    assert_eq!(theirs, messages_by_tshark(&their_file), "their file, by us and by tshark");
    let (udp, tcp) = live.split_at(2 * ROUNDS);
    let (their_udp, their_tcp) = theirs.split_at(2 * ROUNDS);
    assert_eq!(udp, their_udp, "both captures");
    assert_eq!(tcp.len(), their_tcp.len(), "both captures");
    for ((at, what, id), (their_at, their_what, their_id)) in tcp.iter().zip(their_tcp) {
        assert_eq!((what, id), (their_what, their_id), "both captures");
        assert!((*at - *their_at).abs() < TCP_STAMPS_APART, "{id}: {at:?} and {their_at:?}");
    }
}
