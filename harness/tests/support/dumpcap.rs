//! dumpcap beside us: a second witness of what passes on the loopback interface.
#![allow(dead_code, missing_docs, clippy::unwrap_used)]

use std::io::{BufRead, BufReader};
use std::net::UdpSocket;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

/// How long it may take to write what it has seen.
const PATIENCE: Duration = Duration::from_secs(20);
/// The last packet that it has to see; nobody listens there.
const LAST: (&str, &str, &[u8]) = ("127.0.0.1:0", "127.255.0.1:5060", b"this is the last packet");

pub struct Dumpcap {
    child: Child,
    file: PathBuf,
}

impl Dumpcap {
    /// Starts it; `None`, which it says, where it is not installed or not permitted. The filter
    /// must let packets to port 5060 of 127.0.0.0/8 pass.
    pub fn start(filter: &str, file: &Path) -> Option<Dumpcap> {
        let command = Command::new("dumpcap")
            .args(["-q", "-i", "lo", "-B", "64", "-f", filter, "-w"])
            .arg(file)
            .stderr(Stdio::piped())
            .spawn();
        let Ok(mut child) = command else {
            crate::skip::tool("dumpcap is not installed (Debian: apt-get install wireshark-common)");
            return None;
        };
        // It names its file when it listens.
        let lines = BufReader::new(child.stderr.take().unwrap()).lines().map_while(Result::ok);
        let said: Vec<String> = lines.take_while(|line| !line.starts_with("File: ")).collect();
        if let Some(status) = child.try_wait().unwrap() {
            crate::skip::right(format!("dumpcap ended with {status}: {said:?}"));
            return None;
        }
        Some(Dumpcap { child, file: file.to_owned() })
    }

    /// Ends it when it has written all that passed before.
    pub fn stop(mut self) {
        let (from, to, last) = LAST;
        UdpSocket::bind(from).unwrap().send_to(last, to).unwrap();
        let until = Instant::now() + PATIENCE;
        while !std::fs::read(&self.file).unwrap().windows(last.len()).any(|octets| octets == last) {
            assert!(Instant::now() < until, "dumpcap does not write what it sees");
            std::thread::sleep(Duration::from_millis(50));
        }
        self.child.kill().unwrap();
        self.child.wait().unwrap();
    }
}

impl Drop for Dumpcap {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}
