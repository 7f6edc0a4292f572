//! Every fault that is about the wire, on real sockets: what the kernel and the node really send,
//! frame by frame, as the tap sees it.
#![allow(missing_docs, clippy::unwrap_used)]

use std::io::{self, ErrorKind, Read, Write};
use std::net::{IpAddr, Shutdown, SocketAddr, TcpStream, UdpSocket};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use sipfarm::capture::tap::{Subscription, Tap, TapError};
use sipfarm::farm::{FaultSpec, Node, NodeConfig};
use sipfarm::net::{MachineId, RealLab, RealOptions, Slice};
use sipfarm_core::frame::Frame;

#[path = "wire/dig.rs"]
mod dig;
#[path = "support/skip.rs"]
mod skip;

/// How long the phone waits for what must come.
const PATIENCE: Duration = Duration::from_secs(10);
/// How long it listens for what must not come. The kernel answers within microseconds.
const QUIET: Duration = Duration::from_millis(300);
/// Datagrams to a node that misbehaves.
const DATAGRAMS: usize = 50;

/// A node and a phone made by hand in a slice of their own, with the tap on what passes between
/// them.
struct Wire {
    lab: RealLab,
    node: MachineId,
    at: SocketAddr,
    phone: UdpSocket,
    tap: Tap,
    frames: Arc<Mutex<Vec<Frame>>>,
    _subscription: Subscription,
    _slice: Arc<Slice>,
}

impl Wire {
    /// `None` where packets may not be watched, which it says.
    fn new() -> Option<Wire> {
        let tap = match Tap::open("lo") {
            Err(error @ TapError::NotPermitted { .. }) => {
                skip::right(error);
                return None;
            }
            tap => tap.unwrap(),
        };
        let slice = Arc::new(Slice::claim().unwrap());
        let [at, phone] = [11, 200].map(|host| SocketAddr::new(slice.ip(host), 5060));
        let frames = Arc::new(Mutex::new(Vec::new()));
        let (ours, sink) = (Arc::clone(&slice), Arc::clone(&frames));
        let subscription = tap.subscribe(
            move |from, to| ours.contains(from) || ours.contains(to),
            move |frame| sink.lock().unwrap().push(frame),
        );
        let lab = RealLab::start(RealOptions::default()).unwrap();
        let config = NodeConfig::alone(at, SocketAddr::new(slice.ip(100), 5060));
        let node = lab.try_add(Box::new(Node::new(config))).unwrap();
        let phone = UdpSocket::bind(phone).unwrap();
        // Connected, so that the kernel tells it of ICMP errors.
        phone.connect(at).unwrap();
        phone.set_read_timeout(Some(PATIENCE)).unwrap();
        Some(Wire { lab, node, at, phone, tap, frames, _subscription: subscription, _slice: slice })
    }

    fn fault_on(&self, words: &str) {
        let fault: FaultSpec = words.parse().unwrap();
        self.lab.command(self.node, move |node: &mut Node, now| node.fault_on(&fault, now)).unwrap();
    }

    /// Ends all faults and forgets what was on the wire.
    fn faults_off(&self) {
        self.lab.command(self.node, |node: &mut Node, now| node.faults_off(now));
        self.sent_by_the_node();
    }

    /// What has left the node since this was asked last, in order: `UDP`, `ICMP 3/3`, `RST`, …
    fn sent_by_the_node(&self) -> Vec<String> {
        self.tap.settle(PATIENCE).unwrap();
        let IpAddr::V4(node) = self.at.ip() else { unreachable!() };
        let frames = std::mem::take(&mut *self.frames.lock().unwrap());
        frames.iter().filter(|frame| frame.data[26..30] == node.octets()).map(layers).collect()
    }

    /// A request over UDP; whatever comes of it.
    fn ask(&self, number: usize) -> io::Result<String> {
        // An ICMP error for an earlier datagram may be reported in place of sending this one.
        let request = request("UDP", self.phone.local_addr()?, number);
        self.phone.send(request.as_bytes()).or_else(|_| self.phone.send(request.as_bytes()))?;
        let mut answer = [0; 2_000];
        let length = self.phone.recv(&mut answer)?;
        Ok(status_line(&answer[..length]))
    }

    fn connect(&self) -> io::Result<TcpStream> {
        let stream = TcpStream::connect_timeout(&self.at, QUIET)?;
        stream.set_read_timeout(Some(PATIENCE))?;
        Ok(stream)
    }

    /// A request over TCP; whatever comes of it.
    fn ask_over(&self, stream: &mut TcpStream, number: usize) -> io::Result<String> {
        stream.write_all(request("TCP", stream.local_addr()?, number).as_bytes())?;
        let mut answer = [0; 2_000];
        let length = stream.read(&mut answer)?;
        Ok(status_line(&answer[..length]))
    }

    /// Asks over UDP and over a new connection, and is answered.
    fn is_served(&self) {
        assert_eq!(self.ask(1_001).unwrap(), "SIP/2.0 200 OK");
        let mut stream = self.connect().unwrap();
        assert_eq!(self.ask_over(&mut stream, 1_002).unwrap(), "SIP/2.0 200 OK");
        // Until the node has closed it, too, so that its FIN is not taken for something later.
        stream.shutdown(Shutdown::Write).unwrap();
        assert_eq!(stream.read(&mut [0; 100]).unwrap(), 0);
    }
}

fn request(transport: &str, from: SocketAddr, number: usize) -> String {
    format!(
        "OPTIONS sip:lab.example SIP/2.0\r\nVia: SIP/2.0/{transport} {from};branch=z9hG4bK{number};rport\r\n\
         Max-Forwards: 70\r\nFrom: <sip:1001@lab.example>;tag=1\r\nTo: <sip:lab.example>\r\n\
         Call-ID: {number}@{from}\r\nCSeq: {number} OPTIONS\r\nContent-Length: 0\r\n\r\n"
    )
}

fn status_line(message: &[u8]) -> String {
    String::from_utf8_lossy(message).lines().next().unwrap_or_default().to_owned()
}

/// What an IPv4 packet in an Ethernet frame is.
fn layers(frame: &Frame) -> String {
    let ip = &frame.data[14..];
    let body = &ip[usize::from(ip[0] & 15) * 4..];
    let word = match ip[9] {
        1 => return format!("ICMP {}/{}", body[0], body[1]),
        17 => "UDP",
        6 => {
            let total = usize::from(u16::from_be_bytes([ip[2], ip[3]])) - usize::from(ip[0] & 15) * 4;
            let has_data = total > usize::from(body[12] >> 4) * 4;
            match body[13] & 0b1_0111 {
                0b1_0000 if has_data => "data",
                0b1_0000 => "ACK",
                0b1_0010 => "SYN-ACK",
                0b1_0001 => "FIN",
                flags if flags & 0b100 != 0 => "RST",
                _ => "another TCP segment",
            }
        }
        _ => "another protocol",
    };
    word.to_owned()
}

#[test]
fn silent_is_mute() {
    let Some(wire) = Wire::new() else { return };
    wire.is_served();
    let mut open = wire.connect().unwrap();
    assert_eq!(wire.ask_over(&mut open, 1).unwrap(), "SIP/2.0 200 OK");
    wire.sent_by_the_node();
    wire.fault_on("silent");

    let from = wire.phone.local_addr().unwrap();
    for number in 2..DATAGRAMS {
        wire.phone.send(request("UDP", from, number).as_bytes()).unwrap();
    }
    wire.phone.send(b"no SIP at all").unwrap();
    wire.phone.send(b"\r\n\r\n").unwrap();
    let mut new = wire.connect().expect("the kernel completes the handshake");
    for stream in [&mut open, &mut new] {
        stream.write_all(request("TCP", from, 1).as_bytes()).unwrap();
        stream.write_all(b"\r\n\r\n").unwrap();
        stream.set_read_timeout(Some(QUIET)).unwrap();
        assert_eq!(stream.read(&mut [0; 100]).unwrap_err().kind(), ErrorKind::WouldBlock);
    }
    wire.phone.set_read_timeout(Some(QUIET)).unwrap();
    assert_eq!(wire.phone.recv(&mut [0; 100]).unwrap_err().kind(), ErrorKind::WouldBlock);

    let sent = wire.sent_by_the_node();
    assert_eq!(sent.iter().filter(|what| *what == "SYN-ACK").count(), 1, "{sent:?}");
    assert!(sent.iter().all(|what| what == "SYN-ACK" || what == "ACK"), "{sent:?}");
    wire.faults_off();
    wire.phone.set_read_timeout(Some(PATIENCE)).unwrap();
    wire.is_served();
    for stream in [&mut open, &mut new] {
        stream.set_read_timeout(Some(PATIENCE)).unwrap();
        assert_eq!(wire.ask_over(stream, 3).unwrap(), "SIP/2.0 200 OK", "it was open all the time");
    }
}

#[test]
fn silent_swallows_even_what_is_no_sip_on_a_stream() {
    let Some(wire) = Wire::new() else { return };
    let mut stream = wire.connect().unwrap();
    wire.sent_by_the_node();
    wire.fault_on("silent");
    stream.set_read_timeout(Some(QUIET)).unwrap();
    // More than any head of a message, in pieces: a node that hung up would reset the later ones.
    for _ in 0..20 {
        stream.write_all(&[b'x'; 10_000]).unwrap();
    }
    assert_eq!(stream.read(&mut [0; 100]).unwrap_err().kind(), ErrorKind::WouldBlock);
    stream.write_all(b"more").unwrap();
    assert_eq!(stream.read(&mut [0; 100]).unwrap_err().kind(), ErrorKind::WouldBlock);
    let sent = wire.sent_by_the_node();
    assert!(!sent.is_empty() && sent.iter().all(|what| what == "ACK"), "{sent:?}");
}

#[test]
fn closed_is_answered_by_the_kernel() {
    let Some(wire) = Wire::new() else { return };
    let mut open = wire.connect().unwrap();
    assert_eq!(wire.ask_over(&mut open, 1).unwrap(), "SIP/2.0 200 OK");
    wire.sent_by_the_node();
    wire.fault_on("closed");
    assert_eq!(open.read(&mut [0; 100]).unwrap_err().kind(), ErrorKind::ConnectionReset);
    assert_eq!(wire.sent_by_the_node(), ["RST"]);
    for number in 0..DATAGRAMS {
        assert_eq!(wire.ask(number).unwrap_err().kind(), ErrorKind::ConnectionRefused);
    }
    assert_eq!(wire.sent_by_the_node(), vec!["ICMP 3/3"; DATAGRAMS]);
    for _ in 0..10 {
        assert_eq!(wire.connect().unwrap_err().kind(), ErrorKind::ConnectionRefused);
    }
    assert_eq!(wire.sent_by_the_node(), vec!["RST"; 10]);
    wire.faults_off();
    wire.is_served();
}

#[test]
fn closed_can_end_open_connections_politely_or_leave_them() {
    let Some(wire) = Wire::new() else { return };
    let mut open = wire.connect().unwrap();
    assert_eq!(wire.ask_over(&mut open, 1).unwrap(), "SIP/2.0 200 OK");
    wire.sent_by_the_node();
    wire.fault_on("closed streams=keep");
    assert_eq!(wire.connect().unwrap_err().kind(), ErrorKind::ConnectionRefused);
    assert_eq!(wire.sent_by_the_node(), ["RST"], "for the new one");
    wire.faults_off();
    assert_eq!(wire.ask_over(&mut open, 2).unwrap(), "SIP/2.0 200 OK");
    wire.sent_by_the_node();
    wire.fault_on("closed streams=fin");
    assert_eq!(open.read(&mut [0; 100]).unwrap(), 0);
    assert_eq!(wire.sent_by_the_node(), ["FIN"]);
    wire.faults_off();
    wire.is_served();
}

#[test]
fn tcp_refuse_resets_and_leaves_udp_alone() {
    let Some(wire) = Wire::new() else { return };
    wire.fault_on("tcp-refuse");
    for _ in 0..10 {
        assert_eq!(wire.connect().unwrap_err().kind(), ErrorKind::ConnectionRefused);
    }
    assert_eq!(wire.sent_by_the_node(), vec!["RST"; 10]);
    assert_eq!(wire.ask(1).unwrap(), "SIP/2.0 200 OK");
    assert_eq!(wire.sent_by_the_node(), ["UDP"]);
    wire.faults_off();
    wire.is_served();
}

#[test]
fn tcp_blackhole_lets_every_syn_vanish_and_leaves_udp_alone() {
    let Some(wire) = Wire::new() else { return };
    let mut open = wire.connect().unwrap();
    assert_eq!(wire.ask_over(&mut open, 1).unwrap(), "SIP/2.0 200 OK");
    wire.sent_by_the_node();
    wire.fault_on("tcp-blackhole");
    for _ in 0..3 {
        assert_eq!(wire.connect().unwrap_err().kind(), ErrorKind::TimedOut);
    }
    assert_eq!(wire.sent_by_the_node(), Vec::<String>::new());
    assert_eq!(wire.ask(2).unwrap(), "SIP/2.0 200 OK");
    assert_eq!(wire.sent_by_the_node(), ["UDP"]);
    assert_eq!(wire.ask_over(&mut open, 3).unwrap(), "SIP/2.0 200 OK", "what is open works on");
    wire.faults_off();
    wire.is_served();
}

#[test]
fn tcp_reset_ends_a_connection_when_it_is_accepted() {
    let Some(wire) = Wire::new() else { return };
    wire.fault_on("tcp-reset");
    // The reset may come before we have looked at the connection.
    let heard = wire.connect().and_then(|mut stream| stream.read(&mut [0; 100]));
    assert_eq!(heard.unwrap_err().kind(), ErrorKind::ConnectionReset);
    assert_eq!(wire.sent_by_the_node(), ["SYN-ACK", "RST"]);
    assert_eq!(wire.ask(1).unwrap(), "SIP/2.0 200 OK");
    wire.faults_off();
    wire.is_served();
}

#[test]
fn tcp_reset_ends_a_connection_when_a_request_comes() {
    let Some(wire) = Wire::new() else { return };
    wire.fault_on("tcp-reset when=request");
    let mut stream = wire.connect().unwrap();
    assert_eq!(wire.ask_over(&mut stream, 1).unwrap_err().kind(), ErrorKind::ConnectionReset);
    let sent = wire.sent_by_the_node();
    assert_eq!((sent.first(), sent.last()), (Some(&"SYN-ACK".to_owned()), Some(&"RST".to_owned())));
    assert!(sent[1..sent.len() - 1].iter().all(|what| what == "ACK"), "{sent:?}");
    assert_eq!(wire.ask(2).unwrap(), "SIP/2.0 200 OK");
    wire.faults_off();
    wire.is_served();
}

#[test]
fn when_the_lab_ends_its_ports_are_closed() {
    let Some(wire) = Wire::new() else { return };
    wire.fault_on("silent");
    let Wire { lab, at, phone, .. } = wire;
    drop(lab);
    phone.send(b"hello").unwrap();
    assert_eq!(phone.recv(&mut [0; 100]).unwrap_err().kind(), ErrorKind::ConnectionRefused);
    assert_eq!(TcpStream::connect(at).unwrap_err().kind(), ErrorKind::ConnectionRefused);
}
