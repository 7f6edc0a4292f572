//! A lab for tests, in virtual time: a node, a far end, and a phone made by hand that says what a
//! test makes it say and answers nothing by itself. What happened is read from the frames.

#![allow(clippy::unwrap_used)]

use std::any::Any;
use std::collections::{BTreeSet, VecDeque};
use std::fmt;
use std::net::{IpAddr, Ipv4Addr, SocketAddr};
use std::sync::{Arc, Mutex};

use sipfarm_core::digest::{Challenge, ClientNonce, Covered, Credentials};
use sipfarm_core::frame::Frame;
use sipfarm_core::machine::{Input, Machine, Output, PortState, StreamEnd, StreamId, TlsName, Transport};
use sipfarm_core::sip::{Message, MessageBuilder, Method};
use sipfarm_core::{Instant, Span};
use sipfarm_judge::timeline::{Event, EventKind, TcpStep, TlsStep};

use super::{FarEnd, FarEndConfig, FarEndKind, FaultSpec, Node, NodeConfig};
use crate::capture::decode::Decoder;
use crate::net::{Driver, MachineId, SecretSink, TlsOptions, VirtualNet};

const EPOCH: Instant = Instant::from_nanos(1_700_000_000_000_000_000);

pub const NODE: SocketAddr = at(1);
pub const FAR_END: SocketAddr = at(50);
pub const PHONE: SocketAddr = at(9);
/// Where the phone hears audio, as its offer says.
const AUDIO_PORT: u16 = 30_000;
/// The phone's one TCP connection.
const STREAM: StreamId = StreamId(1);

const fn at(host: u8) -> SocketAddr {
    SocketAddr::new(IpAddr::V4(Ipv4Addr::new(10, 0, 0, host)), 5060)
}

pub struct Lab {
    pub driver: Driver<VirtualNet>,
    phone: MachineId,
    node: MachineId,
    far_end: MachineId,
    frames: Vec<Frame>,
    /// Connections with TLS so far.
    secured: u64,
    secrets: Arc<Mutex<String>>,
}

/// Something on the wire: seconds since the last [`Lab::forget`], who to whom, what.
#[derive(Debug, Clone)]
pub struct Packet {
    pub at: f64,
    pub from: &'static str,
    pub to: &'static str,
    pub what: String,
    pub message: Option<Message>,
}

impl fmt::Display for Packet {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} > {}: {}", self.from, self.to, self.what)
    }
}

impl Lab {
    /// With a registrar that challenges nobody.
    pub fn new() -> Lab {
        Lab::with(|_| ())
    }

    pub fn with(change: impl FnOnce(&mut NodeConfig)) -> Lab {
        Lab::build(change, FarEndKind::Phone)
    }

    /// With a far end of that kind.
    pub fn with_far_end(kind: FarEndKind) -> Lab {
        Lab::build(|_| (), kind)
    }

    fn build(change: impl FnOnce(&mut NodeConfig), kind: FarEndKind) -> Lab {
        let mut config =
            NodeConfig { domain: "example.test".to_owned(), seed: 7, ..NodeConfig::alone(NODE, FAR_END) };
        change(&mut config);
        let far_end = FarEndConfig {
            addr: FAR_END,
            domain: "example.test".to_owned(),
            user: "1002".to_owned(),
            kind,
            seed: 8,
        };
        let secrets = Arc::new(Mutex::new(String::new()));
        let sink = Arc::clone(&secrets);
        let sink: SecretSink = Arc::new(move |line| sink.lock().unwrap().push_str(line));
        let tls = TlsOptions { seed: 1, secrets: Some(sink) };
        let mut driver = Driver::with_tls(VirtualNet::new(1, EPOCH), tls);
        let phone = driver.add(Box::new(Phone::new()));
        let node = driver.add(Box::new(Node::new(config)));
        let far_end = driver.add(Box::new(FarEnd::new(far_end)));
        Lab { driver, phone, node, far_end, frames: Vec::new(), secured: 0, secrets }
    }

    pub fn node<R>(&mut self, f: impl FnOnce(&mut Node, Instant) -> R) -> R {
        self.driver.command(self.node, f)
    }

    pub fn far_end<R>(&mut self, f: impl FnOnce(&mut FarEnd, Instant) -> R) -> R {
        self.driver.command(self.far_end, f)
    }

    pub fn fault_on(&mut self, words: &str) {
        let spec: FaultSpec = words.parse().unwrap();
        self.node(|node, now| node.fault_on(&spec, now)).unwrap();
    }

    /// Switches off the only fault that is on.
    pub fn fault_off(&mut self, name: &'static str) {
        self.node(|node, now| {
            let on: Vec<_> = node.faults().map(|(_, spec)| spec.name()).collect();
            assert_eq!(on, [name]);
            node.faults_off(now);
        });
    }

    /// Lets the phone send a message over UDP.
    pub fn say(&mut self, message: &MessageBuilder) {
        let output = Output::Datagram { local: PHONE, remote: NODE, payload: message.to_bytes() };
        self.output(output);
    }

    /// Lets it open a TCP connection and waits for what comes of that.
    pub fn connect(&mut self) {
        self.output(Output::Connect { stream: STREAM, local: PHONE.ip(), remote: NODE, tls: None });
        self.run_ms(10);
    }

    /// With a registrar that listens for TLS, too.
    pub fn with_tls() -> Lab {
        Lab::with(|config| config.tls = true)
    }

    /// Lets the phone open one more connection with TLS and waits for what comes of that.
    pub fn connect_tls(&mut self) {
        self.secured += 1;
        let tls = Some(TlsName::Address(NODE.ip()));
        let (stream, remote) = (StreamId(100 + self.secured), Transport::Tls.beside(NODE));
        self.output(Output::Connect { stream, local: PHONE.ip(), remote, tls });
        self.run_ms(20);
    }

    /// Lets it send over the TCP connection.
    pub fn say_tcp(&mut self, message: &MessageBuilder) {
        self.output(Output::StreamData { stream: STREAM, data: message.to_bytes() });
    }

    pub fn output(&mut self, output: Output) {
        self.driver.command(self.phone, |phone: &mut Phone, _| phone.outputs.push_back(output));
    }

    pub fn run_s(&mut self, secs: i64) {
        self.run_ms(secs * 1_000);
    }

    pub fn run_ms(&mut self, millis: i64) {
        let until = self.driver.now() + Span::from_millis(millis);
        while self.driver.step(until) {}
        self.frames.extend(self.driver.net().take_frames());
    }

    /// How the TCP connection ended for the phone, if it has.
    pub fn stream_end(&mut self) -> Option<StreamEnd> {
        self.driver.command(self.phone, |phone: &mut Phone, _| phone.stream_end)
    }

    /// What was on the wire since the last [`Lab::forget`]: SIP, ICMP errors, TCP handshakes and ends.
    /// Time zero is that of the first of them.
    pub fn wire(&self) -> Vec<Packet> {
        let mut decoder = self.decoder();
        let events = self.frames.iter().enumerate().flat_map(|(n, frame)| decoder.push(n as u32 + 1, frame));
        let mut packets: Vec<(Instant, Packet)> = Vec::new();
        for event in events {
            let (from, to, what, message) = match event.kind {
                EventKind::Sip(sip) => {
                    let message = (*sip.message).clone();
                    (sip.src.ip(), sip.dst.ip(), short(&message), Some(message))
                }
                EventKind::Icmp(icmp) => {
                    (icmp.src, icmp.dst, format!("ICMP {}/{}", icmp.kind.kind, icmp.kind.code), None)
                }
                EventKind::Tcp(tcp) => (tcp.src.ip(), tcp.dst.ip(), tcp_word(tcp.what), None),
                EventKind::Tls(tls) => (tls.src.ip(), tls.dst.ip(), tls_word(tls.what), None),
                EventKind::Goodbye(_) | EventKind::Dns(_) | EventKind::Mark(_) => continue,
            };
            let packet = Packet { at: 0.0, from: name(from), to: name(to), what, message };
            packets.push((event.at, packet));
        }
        let zero = packets.first().map_or(EPOCH, |(at, _)| *at);
        let timed = |(at, packet): (Instant, Packet)| Packet { at: at.since(zero).as_secs_f64(), ..packet };
        packets.into_iter().map(timed).collect()
    }

    /// What the first ICMP error quotes: transport, source and destination.
    pub fn quoted(&self) -> Option<(Transport, SocketAddr, SocketAddr)> {
        self.events().into_iter().find_map(|event| match event.kind {
            EventKind::Icmp(icmp) => icmp.quoted,
            _ => None,
        })
    }

    fn decoder(&self) -> Decoder {
        let mut decoder = Decoder::default();
        decoder.secrets(&self.secrets.lock().unwrap());
        decoder
    }

    /// What was on the wire since the last [`Lab::forget`], decoded.
    fn events(&self) -> Vec<Event> {
        let mut decoder = self.decoder();
        self.frames.iter().enumerate().flat_map(|(n, frame)| decoder.push(n as u32 + 1, frame)).collect()
    }

    /// From whom to whom audio went.
    pub fn audio(&self) -> BTreeSet<String> {
        let decoder = Decoder::default();
        let packets = self.frames.iter().filter_map(|frame| Some(decoder.audio(1, frame)?.packet));
        packets.map(|packet| format!("{} > {}", name(packet.src.ip()), name(packet.dst.ip()))).collect()
    }

    /// From which of its ports somebody sends audio, the lowest first.
    pub fn audio_ports(&self, who: &str) -> Vec<u16> {
        let decoder = Decoder::default();
        let packets = self.frames.iter().filter_map(|frame| Some(decoder.audio(1, frame)?.packet));
        let sent = packets.filter(|packet| name(packet.src.ip()) == who);
        sent.map(|packet| packet.src.port()).collect::<BTreeSet<u16>>().into_iter().collect()
    }

    /// Lets the phone send a packet of audio to a host's port.
    pub fn talk(&mut self, remote: SocketAddr) {
        let local = SocketAddr::new(PHONE.ip(), AUDIO_PORT);
        let payload = [&[0x80, 0, 0, 1, 0, 0, 0, 0, 1, 2, 3, 4][..], &[0xff; 160]].concat();
        self.output(Output::Datagram { local, remote, payload });
    }

    /// The same as lines of text.
    pub fn lines(&self) -> Vec<String> {
        self.wire().iter().map(Packet::to_string).collect()
    }

    /// The messages that the phone was sent.
    pub fn heard(&self) -> Vec<Message> {
        let to_phone = |packet: Packet| packet.message.filter(|_| packet.to == "phone");
        self.wire().into_iter().filter_map(to_phone).collect()
    }

    /// The last message that the phone was sent.
    pub fn last(&self) -> Message {
        self.heard().pop().expect("a message to the phone")
    }

    /// When the phone was sent what looks like that, from the first time on, in seconds.
    pub fn times(&self, what: &str) -> Vec<f64> {
        let packets = self.wire();
        let mut times: Vec<f64> =
            packets.iter().filter(|p| p.to == "phone" && p.what == what).map(|p| p.at).collect();
        let first = times.first().copied().unwrap_or_default();
        times.iter_mut().for_each(|at| *at = ((*at - first) * 1e6).round() / 1e6);
        times
    }

    /// What left the node: one line per frame, bare TCP acknowledgements as such.
    pub fn left_the_node(&self) -> Vec<String> {
        let IpAddr::V4(node) = NODE.ip() else { unreachable!() };
        let from_node = |frame: &&Frame| frame.data[26..30] == node.octets();
        self.frames.iter().filter(from_node).map(|frame| layers(&frame.data)).collect()
    }

    /// Forgets what was on the wire.
    pub fn forget(&mut self) {
        self.frames.extend(self.driver.net().take_frames());
        self.frames.clear();
    }

    /// Registers the phone over UDP and forgets it.
    pub fn register(&mut self) {
        self.say(&register(1));
        self.run_ms(10);
        assert_eq!(self.last().status(), Some(200));
        self.forget();
    }
}

/// Under a fault of its certificate, a node is refused with that alert and hears nothing; when the fault ends
/// it is not.
pub fn refuses_its_certificate(fault: &'static str, alert: u8) {
    let mut lab = Lab::with_tls();
    lab.fault_on(fault);
    lab.connect_tls();
    let lines = lab.lines();
    let refusal = format!("phone > node: alert {alert}");
    assert!(lines.contains(&refusal) && lines.contains(&"node > phone: Finished".to_owned()), "{lines:?}");
    assert!(!lines.contains(&"phone > node: Finished".to_owned()), "{lines:?}");
    lab.forget();
    lab.fault_off(fault);
    lab.connect_tls();
    let lines = lab.lines();
    assert!(lines.contains(&"phone > node: Finished".to_owned()), "{lines:?}");
    assert!(!lines.iter().any(|line| line.contains("alert")), "{lines:?}");
}

/// A REGISTER of the phone's over UDP; the number makes CSeq and branch.
pub fn register(n: u32) -> MessageBuilder {
    request(&Method::Register, "sip:example.test", n)
        .set("To", "<sip:1001@example.test>")
        .header("Expires", 600)
}

/// An INVITE of the phone's over UDP, with an offer.
pub fn invite(n: u32) -> MessageBuilder {
    let offer = "v=0\r\no=- 1 1 IN IP4 10.0.0.9\r\ns=-\r\nc=IN IP4 10.0.0.9\r\nt=0 0\r\n\
                 m=audio 30000 RTP/AVP 0\r\n";
    request(&Method::Invite, "sip:1002@example.test", n).body("application/sdp", offer)
}

/// Any request of the phone's over UDP.
pub fn request(method: &Method, uri: &str, n: u32) -> MessageBuilder {
    MessageBuilder::request(method, uri)
        .header("Via", format!("SIP/2.0/UDP {PHONE};branch=z9hG4bKphone{n}{method};rport"))
        .header("Max-Forwards", 70)
        .header("From", "<sip:1001@example.test>;tag=phone")
        .header("To", format!("<{uri}>"))
        .header("Call-ID", "call-of-the-phone")
        .header("CSeq", format!("{n} {method}"))
        .header("Contact", format!("<sip:1001@{PHONE}>"))
}

/// The same request as a phone would send it over TCP.
pub fn over_tcp(request: MessageBuilder) -> MessageBuilder {
    let via = request.build().header("Via").unwrap().replace("UDP", "TCP");
    let contact = format!("<sip:1001@{PHONE};transport=tcp>");
    request.set("Via", via).set("Contact", contact)
}

/// The ACK for a response that is no 2xx.
pub fn ack_to(invite: &MessageBuilder, response: &Message) -> MessageBuilder {
    let number = response.cseq().unwrap().number;
    let ack = MessageBuilder::request(&Method::Ack, invite.build().request_uri().unwrap());
    let copied = ["Via", "From", "Call-ID"];
    let ack = copied.into_iter().fold(ack, |ack, name| ack.header_opt(name, invite.build().header(name)));
    ack.header_opt("To", response.header("To")).header("CSeq", format!("{number} ACK"))
}

/// A request inside the dialog that a 2xx to INVITE made.
pub fn in_dialog(method: &Method, ok: &Message, n: u32) -> MessageBuilder {
    let builder = request(method, &ok.contact().unwrap().uri, n);
    let builder = builder.set("To", ok.header("To").unwrap());
    let routes: Vec<String> = ok.values("Record-Route").into_iter().rev().map(str::to_owned).collect();
    routes.iter().fold(builder, |builder, route| builder.header("Route", route))
}

/// The answer of 1001 to the challenge in a 401.
pub fn authorization(challenge: &Message, password: &str) -> String {
    authorization_of("1001", challenge, password)
}

/// The same of another user.
pub fn authorization_of(user: &str, challenge: &Message, password: &str) -> String {
    let challenge = Challenge::parse(challenge.header("WWW-Authenticate").unwrap()).unwrap();
    let who = Credentials { user, password };
    let what = Covered { method: &Method::Register, uri: "sip:example.test", body: b"" };
    challenge.respond(who, what, ClientNonce { cnonce: "0a1b", nc: 1 }).unwrap().to_string()
}

/// Sends what it is told to, and keeps how its connection ended.
struct Phone {
    outputs: VecDeque<Output>,
    stream_end: Option<StreamEnd>,
}

impl Phone {
    fn new() -> Self {
        let open = |transport| Output::SetPort { transport, local: PHONE, state: PortState::Open };
        let mut outputs: VecDeque<Output> = [Transport::Udp, Transport::Tcp].map(open).into();
        outputs.extend([AUDIO_PORT, AUDIO_PORT + 1].map(|port| Output::SetPort {
            transport: Transport::Udp,
            local: SocketAddr::new(PHONE.ip(), port),
            state: PortState::Open,
        }));
        Phone { outputs, stream_end: None }
    }
}

impl Machine for Phone {
    fn handle(&mut self, input: Input, _: Instant) {
        if let Input::StreamClosed { end, .. } = input {
            self.stream_end = Some(end);
        }
    }

    fn poll_output(&mut self) -> Option<Output> {
        self.outputs.pop_front()
    }

    fn deadline(&self) -> Option<Instant> {
        None
    }

    fn as_any_mut(&mut self) -> &mut dyn Any {
        self
    }
}

fn name(ip: IpAddr) -> &'static str {
    match ip {
        _ if ip == NODE.ip() => "node",
        _ if ip == FAR_END.ip() => "far end",
        _ if ip == PHONE.ip() => "phone",
        _ => "stranger",
    }
}

fn short(message: &Message) -> String {
    match (message.method(), message.status(), message.cseq()) {
        (Some(method), ..) => method.to_string(),
        (_, Some(code), Some(cseq)) => format!("{code} {}", cseq.method),
        _ => "broken".to_owned(),
    }
}

fn tcp_word(step: TcpStep) -> String {
    match step {
        TcpStep::Syn => "SYN",
        TcpStep::SynAck => "SYN-ACK",
        TcpStep::Fin => "FIN",
        TcpStep::Rst => "RST",
    }
    .to_owned()
}

/// What an IPv4 packet in an Ethernet frame is.
fn layers(frame: &[u8]) -> String {
    let ip = &frame[14..];
    let body = &ip[usize::from(ip[0] & 15) * 4..];
    match ip[9] {
        1 => "ICMP".to_owned(),
        17 => "UDP".to_owned(),
        6 => {
            let has_data = body.len() > usize::from(body[12] >> 4) * 4;
            match body[13] & 0b10111 {
                0b10000 if has_data => "TCP data".to_owned(),
                0b10000 => "TCP ACK".to_owned(),
                0b10010 => "TCP SYN-ACK".to_owned(),
                flags => format!("TCP flags {flags:05b}"),
            }
        }
        protocol => format!("protocol {protocol}"),
    }
}

fn tls_word(step: TlsStep) -> String {
    match step {
        TlsStep::ClientHello => "ClientHello".to_owned(),
        TlsStep::Finished => "Finished".to_owned(),
        TlsStep::Alert(code) => format!("alert {code}"),
    }
}
