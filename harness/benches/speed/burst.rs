//! A burst of SIP messages, as fast as one thread can send them, and what of it is in the capture.

use std::net::UdpSocket;
use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant};

use sipfarm::capture::read::read;
use sipfarm::capture::recorder::{Mode, Recorder};
use sipfarm::capture::tap::Tap;
use sipfarm::net::Slice;

use super::Row;

const FRAMES: usize = 50_000;
const OCTETS: usize = 500;

pub fn measure() -> Vec<Row> {
    let what = format!("a burst of {FRAMES} messages of {OCTETS} octets: tapped, decoded, written to a file");
    let tap = match Tap::open("lo") {
        Ok(tap) => tap,
        Err(error) => return vec![Row::new(what, format!("not measured: {error}"), "")],
    };
    let folder = tempfile::tempdir().unwrap();
    let recorder = Recorder::new(Some(folder.path().join("burst.pcapng")), Mode::Streamed).unwrap();
    let recorder = Arc::new(Mutex::new(recorder));
    let slice = Arc::new(Slice::claim().unwrap());
    let [from, to] = [1, 2].map(|host| UdpSocket::bind((slice.ip(host), 5060)).unwrap());
    from.connect(to.local_addr().unwrap()).unwrap();
    let (ours, sink) = (Arc::clone(&slice), Arc::clone(&recorder));
    let subscription = tap.subscribe(
        move |from, to| ours.contains(from) && ours.contains(to),
        move |frame| _ = sink.lock().unwrap().frame(frame),
    );
    let message = message();
    let start = Instant::now();
    // Nobody reads them: the kernel drops them behind the tap.
    let sent = (0..FRAMES).filter(|_| from.send(&message).is_ok()).count();
    let time = start.elapsed();
    let settled = tap.settle(Duration::from_secs(10));
    let caught_up = start.elapsed();
    let lost: u64 = tap.losses(0).iter().map(|loss| loss.count).sum();
    drop(subscription);
    let recorder = Arc::into_inner(recorder).unwrap().into_inner().unwrap();
    let captured = read(&recorder.finish().unwrap().unwrap()).unwrap().timeline.sip().count();
    let unsettled = settled.err().map_or_else(String::new, |error| format!("; {error}"));
    let figure = format!(
        "{captured} of {sent} in the capture, {lost} lost; sent in {:.0} ms = {:.0}/s, all written after {:.0} ms{unsettled}",
        time.as_secs_f64() * 1e3,
        sent as f64 / time.as_secs_f64(),
        caught_up.as_secs_f64() * 1e3,
    );
    vec![Row::new(what, figure, "none lost")]
}

fn message() -> Vec<u8> {
    let head = "OPTIONS sip:lab.example SIP/2.0\r\nVia: SIP/2.0/UDP 192.0.2.1;branch=z9hG4bK1\r\n\
                Max-Forwards: 70\r\nFrom: <sip:1001@lab.example>;tag=1\r\nTo: <sip:lab.example>\r\n\
                Call-ID: burst\r\nCSeq: 1 OPTIONS\r\nSubject: ";
    let end = "\r\nContent-Length: 0\r\n\r\n";
    format!("{head}{}{end}", "x".repeat(OCTETS - head.len() - end.len())).into_bytes()
}
