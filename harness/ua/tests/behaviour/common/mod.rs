//! A phone and scripted servers on one virtual clock. The clock jumps from deadline to deadline;
//! nothing takes time but what the phone waits for.

#![allow(clippy::unwrap_used, missing_docs)]

mod calls;
pub mod dns;

use std::collections::{BTreeMap, VecDeque};
use std::net::SocketAddr;

use self::dns::Resolvers;
use sipfarm_core::machine::{ConnectError, IcmpKind, Input, Machine, Output, StreamEnd, StreamId, Transport};
use sipfarm_core::profile::Profile;
use sipfarm_core::sip::{Defect, DefectKind, Message, MessageBuilder, Method};
use sipfarm_core::{Instant, Span};
use sipfarm_ua::{Defects, Destination, Line, Phone, PhoneConfig, Report, Server};

pub const NAMES: [&str; 3] = ["primary", "secondary", "fallback"];

/// What a server does with a request: nothing, or responses in order.
pub type Script = Box<dyn FnMut(&Message) -> Vec<MessageBuilder>>;

/// A message that the phone sent.
#[derive(Debug, Clone)]
pub struct Sent {
    /// Seconds since the start.
    pub at: f64,
    /// The name of the server, or its address.
    pub to: String,
    pub addr: SocketAddr,
    pub transport: Transport,
    pub stream: Option<StreamId>,
    pub message: Message,
}

impl Sent {
    pub fn is(&self, method: &str, to: &str) -> bool {
        self.to == to && self.message.method().is_some_and(|m| m.as_str() == method)
    }
}

/// How a server treats TCP connections.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Tcp {
    Accept,
    Refuse,
    Ignore,
}

pub struct Bench {
    pub phone: Phone,
    pub now: Instant,
    pub sent: Vec<Sent>,
    /// RTP and RTCP that the phone sent.
    pub audio: Vec<(f64, SocketAddr, Vec<u8>)>,
    pub reports: Vec<Report>,
    /// Everything else that the phone asked of the network.
    pub other: Vec<(f64, Output)>,
    scripts: BTreeMap<SocketAddr, Script>,
    /// UDP ports that are closed: every datagram is answered by that ICMP error.
    icmp: BTreeMap<SocketAddr, IcmpKind>,
    pub tcp: BTreeMap<SocketAddr, Tcp>,
    streams: BTreeMap<StreamId, SocketAddr>,
    pub dns: Resolvers,
    /// Bare CRLF that the phone sent on streams.
    pub pongs: usize,
}

pub const EPOCH: Instant = Instant::from_nanos(1_700_000_000_000_000_000);

pub fn addr(server: usize) -> SocketAddr {
    format!("192.0.2.{}:5060", 10 + server).parse().unwrap()
}

pub fn phone_addr() -> SocketAddr {
    "192.0.2.100:5060".parse().unwrap()
}

impl Bench {
    /// A phone of that profile with the servers primary, secondary and fallback over UDP, which
    /// stay silent.
    pub fn new(profile: Profile) -> Bench {
        Bench::with_servers(profile, 3, Transport::Udp)
    }

    pub fn with_servers(profile: Profile, count: usize, transport: Transport) -> Bench {
        Bench::of(Bench::config_over(profile, count, transport))
    }

    /// What a phone with that many servers is told.
    pub fn config(profile: Profile, count: usize) -> PhoneConfig {
        Bench::config_over(profile, count, Transport::Udp)
    }

    fn config_over(profile: Profile, count: usize, transport: Transport) -> PhoneConfig {
        let appearances = profile.lines.appearances;
        let server = |n: usize| Server {
            name: NAMES[n].to_owned(),
            at: Destination::Address(addr(n)),
            transport: Some(transport),
        };
        PhoneConfig {
            profile,
            servers: (0..count).map(server).collect(),
            dns: Vec::new(),
            local: phone_addr(),
            lines: vec![Line { user: "1001".to_owned(), password: "secret".to_owned(), appearances }],
            domain: "example.org".to_owned(),
            defects: Defects::default(),
            seed: 1,
        }
    }

    pub fn of(config: PhoneConfig) -> Bench {
        let phone = Phone::new(config);
        let mut bench = Bench {
            phone,
            now: EPOCH,
            sent: Vec::new(),
            audio: Vec::new(),
            reports: Vec::new(),
            other: Vec::new(),
            scripts: BTreeMap::new(),
            icmp: BTreeMap::new(),
            tcp: BTreeMap::new(),
            streams: BTreeMap::new(),
            dns: Resolvers::default(),
            pongs: 0,
        };
        bench.drain();
        bench
    }

    /// Gives a server its script.
    pub fn script(&mut self, server: usize, script: impl FnMut(&Message) -> Vec<MessageBuilder> + 'static) {
        self.scripts.insert(addr(server), Box::new(script));
    }

    /// That server answers every request but ACK with this code.
    pub fn always(&mut self, server: usize, code: u16) {
        self.script(server, move |request| {
            if request.is_request(&Method::Ack) { vec![] } else { vec![reply(request, code)] }
        });
    }

    /// That server is a registrar and a proxy to somebody who answers at once.
    pub fn healthy(&mut self, server: usize) {
        self.script(server, |request| match request.method() {
            Some(Method::Ack) => vec![],
            Some(Method::Register) => vec![registered(request, 3600)],
            Some(Method::Invite) => {
                vec![reply(request, 100), reply(request, 180), accepted(request, "callee")]
            }
            _ => vec![reply(request, 200)],
        });
    }

    pub fn silent(&mut self, server: usize) {
        self.scripts.remove(&addr(server));
    }

    pub fn close_udp(&mut self, server: usize, kind: IcmpKind) {
        self.icmp.insert(addr(server), kind);
    }

    /// Seconds since the start.
    pub fn time(&self) -> f64 {
        (self.now - EPOCH).as_secs_f64()
    }

    /// A command to the phone.
    pub fn tell<T>(&mut self, command: impl FnOnce(&mut Phone, Instant) -> T) -> T {
        let result = command(&mut self.phone, self.now);
        self.drain();
        result
    }

    pub fn hear(&mut self, input: Input) {
        self.phone.handle(input, self.now);
        self.drain();
    }

    /// A datagram from a server.
    pub fn deliver(&mut self, server: usize, message: &MessageBuilder) {
        self.deliver_bytes(server, message.to_bytes());
    }

    pub fn deliver_bytes(&mut self, server: usize, payload: Vec<u8>) {
        self.hear(Input::Datagram { local: phone_addr(), remote: addr(server), payload });
    }

    /// Runs for so many seconds.
    pub fn run(&mut self, seconds: f64) {
        let until = self.now + Span::from_secs_f64(seconds);
        while let Some(at) = self.phone.deadline().filter(|at| *at <= until) {
            self.now = self.now.max(at);
            self.hear(Input::Wake);
        }
        self.now = until;
    }

    /// Whether no timer of the phone runs.
    pub fn phone_is_at_rest(&self) -> bool {
        self.phone.deadline().is_none()
    }

    /// Times, in seconds, at which requests of that method went to that server.
    pub fn times(&self, method: &str, to: &str) -> Vec<f64> {
        self.requests(method, to).iter().map(|sent| sent.at).collect()
    }

    pub fn requests(&self, method: &str, to: &str) -> Vec<&Sent> {
        self.sent.iter().filter(|sent| sent.is(method, to)).collect()
    }

    /// The responses that the phone sent, as (time, code).
    pub fn responses(&self) -> Vec<(f64, u16)> {
        self.sent.iter().filter_map(|sent| Some((sent.at, sent.message.status()?))).collect()
    }

    pub fn last_response(&self) -> &Message {
        &self.sent.iter().rev().find(|sent| sent.message.status().is_some()).expect("a response").message
    }

    pub fn reports(&self) -> Vec<String> {
        self.reports.iter().map(Report::to_string).collect()
    }

    pub fn drain(&mut self) {
        let mut replies: VecDeque<(SocketAddr, Option<StreamId>, Vec<u8>)> = VecDeque::new();
        loop {
            while let Some(output) = self.phone.poll_output() {
                match output {
                    Output::Datagram { local, remote, payload } if (4000..4100).contains(&local.port()) => {
                        self.audio.push((self.time(), remote, payload));
                    }
                    Output::Datagram { local, remote, payload } if local != phone_addr() => {
                        for input in self.dns.on_datagram(self.now, local, remote, &payload) {
                            self.phone.handle(input, self.now);
                        }
                    }
                    Output::Datagram { remote, payload, .. } => {
                        self.on_sent(remote, None, &payload, &mut replies);
                    }
                    Output::StreamData { stream, data } if self.dns.serves(self.streams[&stream]) => {
                        let remote = self.streams[&stream];
                        for input in self.dns.on_stream(self.now, stream, remote, &data) {
                            self.phone.handle(input, self.now);
                        }
                    }
                    Output::StreamData { stream, data } => {
                        let remote = self.streams[&stream];
                        self.on_sent(remote, Some(stream), &data, &mut replies);
                    }
                    Output::Connect { stream, remote, .. } => {
                        self.other.push((self.time(), output));
                        self.streams.insert(stream, remote);
                        match self.tcp.get(&remote).copied().unwrap_or(Tcp::Accept) {
                            Tcp::Accept => {
                                let local = SocketAddr::new(phone_addr().ip(), 40_000 + stream.0 as u16);
                                self.phone.handle(Input::Connected { stream, local }, self.now);
                            }
                            Tcp::Refuse => {
                                let error = ConnectError::Refused;
                                self.phone.handle(Input::ConnectFailed { stream, error }, self.now);
                            }
                            Tcp::Ignore => {}
                        }
                    }
                    other => self.other.push((self.time(), other)),
                }
            }
            while let Some(report) = self.phone.poll_report() {
                self.reports.push(report);
            }
            match replies.pop_front() {
                Some((remote, None, payload)) => {
                    let input = Input::Datagram { local: phone_addr(), remote, payload };
                    self.phone.handle(input, self.now);
                }
                Some((_, Some(stream), data)) => {
                    self.phone.handle(Input::StreamData { stream, data }, self.now);
                }
                None => return,
            }
        }
    }

    /// Somebody opens a stream to the phone.
    pub fn accept(&mut self, stream: StreamId, remote: SocketAddr) {
        self.streams.insert(stream, remote);
        self.hear(Input::Accepted { stream, transport: Transport::Tcp, local: phone_addr(), remote });
    }

    pub fn close_stream(&mut self, stream: StreamId, end: StreamEnd) {
        self.hear(Input::StreamClosed { stream, end });
    }

    fn on_sent(
        &mut self,
        remote: SocketAddr,
        stream: Option<StreamId>,
        payload: &[u8],
        replies: &mut VecDeque<(SocketAddr, Option<StreamId>, Vec<u8>)>,
    ) {
        if payload == b"\r\n" {
            self.pongs += 1;
            return;
        }
        let message = Message::parse(payload);
        // Refusals of broken requests copy what is broken, and so do answers to clients of RFC 2543.
        let copies = matches!(message.status(), Some(400 | 505));
        let copied =
            |defect: &Defect| matches!(defect.kind, DefectKind::EmptyBranch | DefectKind::MissingTag);
        let sound = message.defects.iter().all(|defect| message.status().is_some() && copied(defect));
        assert!(copies || sound, "the phone sent a broken message: {:?}", message.defects);
        let name = (0..NAMES.len()).find(|n| addr(*n) == remote);
        let to = name.map_or(remote.to_string(), |n| NAMES[n].to_owned());
        let transport = if stream.is_some() { Transport::Tcp } else { Transport::Udp };
        if message.method().is_some()
            && let Some(script) = self.scripts.get_mut(&remote)
        {
            replies.extend(script(&message).iter().map(|reply| (remote, stream, reply.to_bytes())));
        }
        self.sent.push(Sent { at: self.time(), to, addr: remote, transport, stream, message });
        if stream.is_none()
            && let Some(kind) = self.icmp.get(&remote)
        {
            self.phone.handle(Input::Icmp { local: phone_addr(), remote, kind: *kind }, self.now);
        }
    }
}

/// A response with a To tag, as that server gives it.
pub fn reply(request: &Message, code: u16) -> MessageBuilder {
    let tag = (code > 100).then_some("srv");
    MessageBuilder::response_to(request, code, "Reason", tag)
}

/// A 200 to REGISTER that grants so many seconds.
pub fn registered(request: &Message, expires_s: u32) -> MessageBuilder {
    let contact = request.header("Contact").unwrap_or("<sip:nobody@192.0.2.1>");
    let granted = request.number("Expires").unwrap_or(expires_s).min(expires_s);
    reply(request, 200).header("Contact", format!("{contact};expires={granted}"))
}

/// A 200 to INVITE with a session description, from a far end with that tag.
pub fn accepted(invite: &Message, tag: &str) -> MessageBuilder {
    MessageBuilder::response_to(invite, 200, "OK", Some(tag))
        .header("Contact", "<sip:callee@192.0.2.50:5060>")
        .header("Record-Route", "<sip:192.0.2.77:5060;lr>")
        .body("application/sdp", SDP)
}

pub const SDP: &str = "v=0\r\no=- 5 5 IN IP4 192.0.2.50\r\ns=-\r\nc=IN IP4 192.0.2.50\r\nt=0 0\r\n\
    m=audio 9000 RTP/AVP 0 8\r\na=sendrecv\r\n";

/// An INVITE from a far end through a server.
pub fn invite(branch: &str) -> MessageBuilder {
    request("INVITE", branch, 1)
        .header("Contact", "<sip:caller@192.0.2.10:5060>")
        .body("application/sdp", SDP)
}

/// A request to the phone outside a dialog, from the primary.
pub fn request(method: &str, branch: &str, cseq: u32) -> MessageBuilder {
    MessageBuilder::request(&Method::from(method), "sip:1001@192.0.2.100:5060")
        .header("Via", format!("SIP/2.0/UDP 192.0.2.10:5060;branch=z9hG4bK{branch}"))
        .header("Max-Forwards", 70)
        .header("From", "<sip:caller@example.org>;tag=far")
        .header("To", "<sip:1001@example.org>")
        .header("Call-ID", "incoming-call")
        .header("CSeq", format!("{cseq} {method}"))
}

/// A request to the phone within the dialog of an incoming call.
pub fn within(bench: &Bench, method: &str, branch: &str, cseq: u32) -> MessageBuilder {
    let to = bench.last_response().header("To").unwrap().to_owned();
    request(method, branch, cseq).set("To", to)
}
