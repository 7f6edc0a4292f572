//! A gigabyte of calls with their audio, audited beside what tshark takes to find the SIP in it.

use std::fs::File;
use std::io::{BufWriter, Write};
use std::net::SocketAddr;
use std::path::Path;
use std::process::{Command, Stdio};
use std::time::Instant as Clock;

use sipfarm::net::frames;

use super::Row;

/// How long the file becomes, and how much room there must be.
const OCTETS: u64 = 1_000_000_000;
const ROOM: u64 = 3 * OCTETS;
/// Calls at once, and how long each lasts, in packets of 20 ms one way.
const CALLS: usize = 40;
const PACKETS: u32 = 60 * 50;
/// Ethernet, IP and UDP before a packet of RTP, and where in it the checksum of UDP stands.
const BEFORE_RTP: usize = 14 + 20 + 8;
const UDP_CHECKSUM: usize = 14 + 20 + 6;

pub fn measure() -> Vec<Row> {
    let folder = tempfile::tempdir().unwrap();
    let what = "audit of 1 GB of SIP and RTP";
    if free(folder.path()) < ROOM {
        return vec![Row::new(what, "not measured: less than 3 GB of room for temporary files", "")];
    }
    let file = folder.path().join("calls.pcap");
    let (packets, messages) = calls(&file);
    let what = format!("{what} ({:.1} million packets, {messages} messages)", packets as f64 / 1e6);
    // Once unmeasured, so that both find the file in memory.
    std::io::copy(&mut File::open(&file).unwrap(), &mut std::io::sink()).unwrap();
    let mut audit = Command::new(env!("CARGO_BIN_EXE_sipfarm"));
    let ours = timed(audit.arg("audit").arg(&file));
    let mut tshark = Command::new("tshark");
    let theirs = timed(tshark.arg("-r").arg(&file).args(["-Y", "sip"]));
    let figure = |run: &Option<Run>| match run {
        Some(run) => format!("{:.2} s, at most {} MB of memory", run.seconds, run.peak_mb),
        None => "not installed".to_owned(),
    };
    let ratio = ours.as_ref().zip(theirs.as_ref()).map(|(ours, theirs)| theirs.seconds / ours.seconds);
    let ratio = ratio.map_or(String::new(), |ratio| format!("; that is {ratio:.0} times as long, goal 20"));
    vec![Row::new(what, figure(&ours), format!("`tshark -r FILE -Y sip`: {}{ratio}", figure(&theirs)))]
}

/// How long a program took, and how much memory it had at most.
struct Run {
    seconds: f64,
    peak_mb: i64,
}

/// Runs a program; `None` where there is none.
fn timed(command: &mut Command) -> Option<Run> {
    let start = Clock::now();
    let child = command.stdin(Stdio::null()).stdout(Stdio::null()).stderr(Stdio::null()).spawn().ok()?;
    let mut status = 0;
    // SAFETY: all zeroes are a valid record, and the kernel writes it and the status.
    let usage = unsafe {
        let mut usage: libc::rusage = std::mem::zeroed();
        libc::wait4(child.id() as libc::pid_t, &mut status, 0, &mut usage);
        usage
    };
    Some(Run { seconds: start.elapsed().as_secs_f64(), peak_mb: usage.ru_maxrss / 1024 })
}

/// Octets for temporary files.
fn free(folder: &Path) -> u64 {
    let path = std::ffi::CString::new(folder.to_str().unwrap()).unwrap();
    // SAFETY: all zeroes are a valid record, the path ends with a zero, and the kernel writes the record.
    unsafe {
        let mut room: libc::statvfs = std::mem::zeroed();
        if libc::statvfs(path.as_ptr(), &mut room) == 0 { room.f_bavail * room.f_frsize } else { 0 }
    }
}

/// A pcap file with microseconds, as tcpdump writes it.
struct Pcap {
    file: BufWriter<File>,
    octets: u64,
    packets: u64,
}

impl Pcap {
    fn put(&mut self, at_us: u64, frame: &[u8]) {
        let octets = frame.len() as u32;
        for word in [(at_us / 1_000_000) as u32, (at_us % 1_000_000) as u32, octets, octets] {
            self.file.write_all(&word.to_le_bytes()).unwrap();
        }
        self.file.write_all(frame).unwrap();
        self.octets += 16 + u64::from(octets);
        self.packets += 1;
    }
}

/// Rounds of calls that each phone makes through one server, until the file is long enough. Gives how many
/// packets there are, and how many messages of SIP.
fn calls(path: &Path) -> (u64, u64) {
    let mut pcap = Pcap { file: BufWriter::new(File::create(path).unwrap()), octets: 24, packets: 0 };
    for word in [0xa1b2_c3d4_u32, 0x0004_0002, 0, 0, 0x0004_0000, 1] {
        pcap.file.write_all(&word.to_le_bytes()).unwrap();
    }
    let mut messages = 0;
    let mut at_us = 1_790_000_000_000_000;
    let mut round = 0;
    while pcap.octets < OCTETS {
        let calls: Vec<Call> = (0..CALLS).map(|number| Call::new(number, round)).collect();
        for call in &calls {
            messages += call.say(&mut pcap, at_us, &["INVITE", "100 Trying", "180 Ringing", "200 OK", "ACK"]);
            at_us += 50_000;
        }
        let mut audio: Vec<[Vec<u8>; 2]> = calls.iter().map(Call::audio).collect();
        for packet in 0..PACKETS {
            for frames in &mut audio {
                for frame in frames {
                    frame[BEFORE_RTP + 2..BEFORE_RTP + 4].copy_from_slice(&(packet as u16).to_be_bytes());
                    frame[BEFORE_RTP + 4..BEFORE_RTP + 8].copy_from_slice(&(packet * 160).to_be_bytes());
                    pcap.put(at_us, frame);
                    at_us += 20_000 / (2 * CALLS as u64);
                }
            }
        }
        for call in &calls {
            messages += call.say(&mut pcap, at_us, &["BYE", "200 OK"]);
            at_us += 50_000;
        }
        round += 1;
    }
    pcap.file.flush().unwrap();
    (pcap.packets, messages)
}

struct Call {
    number: usize,
    round: usize,
    phone: SocketAddr,
    server: SocketAddr,
}

impl Call {
    fn new(number: usize, round: usize) -> Call {
        let phone = SocketAddr::from(([10, 1, 0, number as u8 + 1], 5060));
        Call { number, round, phone, server: SocketAddr::from(([10, 0, 0, 1], 5060)) }
    }

    /// The messages one after the other, 5 ms apart: responses from the server, requests from the phone.
    fn say(&self, pcap: &mut Pcap, at_us: u64, starts: &[&str]) -> u64 {
        for (start, n) in starts.iter().zip(0..) {
            let is_response = start.starts_with(|c: char| c.is_ascii_digit());
            let (from, to) = if is_response { (self.server, self.phone) } else { (self.phone, self.server) };
            let datagram = frames::udp_packet(from, to, 1, self.message(start, starts[0]).as_bytes());
            let frame = frames::ethernet(sipfarm_core::Instant::EPOCH, &datagram);
            pcap.put(at_us + n * 5_000, &frame.data);
        }
        starts.len() as u64
    }

    fn message(&self, start: &str, method: &str) -> String {
        let Call { number, round, phone, server } = self;
        let is_response = start.starts_with(|c: char| c.is_ascii_digit());
        let line = match is_response {
            true => format!("SIP/2.0 {start}"),
            false => format!("{start} sip:{number}@{server} SIP/2.0"),
        };
        let tag = if start == "INVITE" || start == "100 Trying" { "" } else { ";tag=far" };
        let cseq = match (is_response, method) {
            (true, method) => method,
            (false, _) => start,
        };
        let (branch, sequence) = if cseq == "BYE" { ("bye", 2) } else { (cseq, 1) };
        let with_sdp = start == "INVITE" || (start == "200 OK" && method == "INVITE");
        let (owner, port) = if is_response { (server, 20_000) } else { (phone, 10_000) };
        let sdp = match with_sdp {
            true => format!(
                "v=0\r\no=- 1 1 IN IP4 {ip}\r\ns=-\r\nc=IN IP4 {ip}\r\nt=0 0\r\nm=audio {port} RTP/AVP 0\r\n",
                ip = owner.ip(),
                port = port + number * 2
            ),
            false => String::new(),
        };
        format!(
            "{line}\r\nVia: SIP/2.0/UDP {phone};branch=z9hG4bK{branch}-{number}-{round}\r\nMax-Forwards: 70\r\n\
             From: <sip:{number}@lab.example>;tag={number}\r\nTo: <sip:9@lab.example>{tag}\r\n\
             Call-ID: {number}-{round}@{phone}\r\nCSeq: {sequence} {cseq}\r\nContact: <sip:{number}@{owner}>\r\n\
             Content-Type: application/sdp\r\nContent-Length: {}\r\n\r\n{sdp}",
            sdp.len()
        )
    }

    /// A packet of G.711 each way, without a checksum of UDP, which IPv4 permits.
    fn audio(&self) -> [Vec<u8>; 2] {
        let phone = SocketAddr::new(self.phone.ip(), 10_000 + self.number as u16 * 2);
        let server = SocketAddr::new(self.server.ip(), 20_000 + self.number as u16 * 2);
        let mut payload = vec![0xff_u8; 12 + 160];
        payload[..12].copy_from_slice(&[
            0x80,
            0,
            0,
            0,
            0,
            0,
            0,
            0,
            0,
            0,
            self.round as u8,
            self.number as u8,
        ]);
        [(phone, server), (server, phone)].map(|(from, to)| {
            let datagram = frames::udp_packet(from, to, 1, &payload);
            let mut frame = frames::ethernet(sipfarm_core::Instant::EPOCH, &datagram).data;
            frame[UDP_CHECKSUM..UDP_CHECKSUM + 2].fill(0);
            frame
        })
    }
}
