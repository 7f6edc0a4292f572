//! Captures read and judged again: those of the whole suite, and a long one.

use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use std::time::{Duration, Instant as Clock};

use sipfarm::capture::read::read;
use sipfarm::capture::recorder::{Mode, Recorder};
use sipfarm::net::frames;
use sipfarm_core::profile::Profile;
use sipfarm_core::{Instant, Span};
use sipfarm_judge::{Mark, Timeline, judge};

use super::{Row, suite};

/// Exchanges in the long capture.
const EXCHANGES: usize = 5_000;

pub fn measure() -> Vec<Row> {
    let folder = tempfile::tempdir().unwrap();
    let mut rows =
        vec![audited(format!("audit of one capture with {EXCHANGES} exchanges"), &[long(folder.path())])];
    match suite::run(folder.path()) {
        Ok(_) => {
            let captures = captures(&folder.path().join("out"));
            rows.push(audited(format!("audit of the suite's {} captures", captures.len()), &captures));
        }
        Err(code) => {
            rows.push(Row::new("audit of the suite's captures", format!("the suite ended with {code}"), ""))
        }
    }
    rows
}

fn audited(what: String, files: &[PathBuf]) -> Row {
    let octets: u64 = files.iter().map(|file| std::fs::metadata(file).unwrap().len()).sum();
    let (mut reading, mut judging) = (Duration::ZERO, Duration::ZERO);
    for file in files {
        let start = Clock::now();
        let recording = read(file).unwrap();
        reading += start.elapsed();
        let start = Clock::now();
        judge(&recording.timeline, &profile(&recording.timeline), recording.until);
        judging += start.elapsed();
    }
    let megabytes = octets as f64 / 1e6;
    let rate = |time: Duration| megabytes / time.as_secs_f64().max(1e-9);
    let figure = format!(
        "{:.1} MB/s ({megabytes:.1} MB; reading alone {:.1} MB/s)",
        rate(reading + judging),
        rate(reading)
    );
    Row::new(what, figure, "")
}

/// That of the scenario, as `sipfarm audit` takes it.
fn profile(timeline: &Timeline) -> Profile {
    let scene = timeline.marks().find_map(|(_, mark)| match mark {
        Mark::Scenario(scene) => Some(scene),
        _ => None,
    });
    scene.map(|scene| scene.profile.clone()).unwrap_or_default()
}

fn captures(folder: &Path) -> Vec<PathBuf> {
    let files = std::fs::read_dir(folder).unwrap().map(|entry| entry.unwrap().path());
    let mut files: Vec<PathBuf> =
        files.filter(|file| file.extension().is_some_and(|end| end == "pcapng")).collect();
    files.sort();
    files
}

/// A second apart, a REGISTER of another phone and its 200.
fn long(folder: &Path) -> PathBuf {
    let file = folder.join("long.pcapng");
    let mut recorder = Recorder::new(Some(file.clone()), Mode::Streamed).unwrap();
    let server = SocketAddr::from(([10, 0, 0, 1], 5060));
    for number in 0..EXCHANGES {
        let phone = SocketAddr::from(([10, 1, (number / 200) as u8, (number % 200) as u8 + 1], 5060));
        let at = Instant::EPOCH + Span::from_secs(number as i64);
        let fields = format!(
            "Via: SIP/2.0/UDP {phone};branch=z9hG4bK{number}\r\nMax-Forwards: 70\r\n\
             From: <sip:{number}@lab.example>;tag=1\r\nTo: <sip:{number}@lab.example>;tag=2\r\n\
             Call-ID: {number}@{phone}\r\nCSeq: 1 REGISTER\r\nContact: <sip:{number}@{phone}>;expires=600\r\n\
             Content-Length: 0\r\n\r\n"
        );
        let request = format!("REGISTER sip:lab.example SIP/2.0\r\n{}", fields.replacen(";tag=2", "", 1));
        let answer = format!("SIP/2.0 200 OK\r\n{fields}");
        for (at, from, to, message) in
            [(at, phone, server, request), (at + Span::from_millis(1), server, phone, answer)]
        {
            recorder.frame(frames::ethernet(at, &frames::udp_packet(from, to, 1, message.as_bytes())));
        }
    }
    recorder.finish().unwrap();
    file
}
