//! Timelines written by hand: `story.at(1.5).phone().sends("INVITE", "primary")`.
#![allow(clippy::unwrap_used)]

mod phone;

use std::net::SocketAddr;
use std::sync::Arc;

use sipfarm_core::dns::DnsMessage;
use sipfarm_core::machine::{IcmpKind, Transport};
use sipfarm_core::profile::Profile;
use sipfarm_core::rtp::{PACKET, RtpHeader};
use sipfarm_core::sip::Message;
use sipfarm_core::{Instant, Span};
use sipfarm_judge::audio::RtpPacket;
use sipfarm_judge::mark::{Expected, Node, Scene, Sight, Which};
use sipfarm_judge::timeline::{DnsEvent, IcmpEvent, SipEvent, TcpEvent, TcpStep, TlsEvent, TlsStep};
use sipfarm_judge::{Event, EventKind, Expectation, Finding, Mark, Timeline, Verdict, judge, judge_one};

pub use phone::Dialled;

/// The phone's address.
pub const PHONE: &str = "10.0.0.5:5060";
/// The address of the other phone, where there are two.
pub const OTHER_PHONE: &str = "10.0.0.6:5060";
/// Where the story begins, in seconds since the epoch.
const START: i64 = 1_000_000;

/// A timeline in the making, with the memory that later messages need.
#[derive(Clone)]
pub struct Story {
    pub profile: Profile,
    pub sight: Sight,
    pub transport: Transport,
    /// The network of the scene.
    pub net: &'static str,
    /// The phone's lines in the scene.
    pub lines: Vec<sipfarm_judge::mark::Line>,
    /// Dialogs, CSeq numbers, last messages.
    pub memory: Dialled,
    nodes: Vec<(&'static str, bool)>,
    /// What the phone was told to use; with a name among it there is a DNS server.
    listed: Vec<&'static str>,
    scene: bool,
    events: Vec<Event>,
    audio: Vec<RtpPacket>,
    expected: u32,
}

/// A point in time of a story.
pub struct Moment<'s> {
    pub story: &'s mut Story,
    pub at: f64,
}

/// `secs` seconds after the story began.
pub fn when(secs: f64) -> Instant {
    Instant::from_nanos(START * 1_000_000_000) + Span::from_secs_f64(secs)
}

/// The first instant at which something with that deadline can be decided.
pub fn just_after(secs: f64) -> Instant {
    when(secs) + Span::from_nanos(1)
}

pub fn span(secs: f64) -> Span {
    Span::from_secs_f64(secs)
}

impl Story {
    /// A phone after RFC 3261 with three servers, seen by a tap that sees everything.
    pub fn new() -> Self {
        Story {
            profile: Profile::default(),
            sight: Sight { frames: true, lossy: false, latency: Span::ZERO },
            transport: Transport::Udp,
            net: "virtual",
            lines: Vec::new(),
            memory: Dialled::default(),
            nodes: vec![("primary", true), ("secondary", true), ("fallback", true), ("far-end", false)],
            listed: Vec::new(),
            scene: true,
            events: Vec::new(),
            audio: Vec::new(),
            expected: 0,
        }
    }

    /// A phone that leaves a silent server after so many sends.
    pub fn with_retry_count(count: u32) -> Self {
        let mut story = Story::new();
        story.profile.failover.retry_rule = sipfarm_core::profile::RetryRule::RetryCount;
        story.profile.failover.retry_count.value = count;
        story
    }

    pub fn lossy(mut self) -> Self {
        self.sight.lossy = true;
        self
    }

    pub fn without_frames(mut self) -> Self {
        self.sight.frames = false;
        self
    }

    pub fn latency(mut self, secs: f64) -> Self {
        self.sight.latency = span(secs);
        self
    }

    pub fn tcp(mut self) -> Self {
        self.transport = Transport::Tcp;
        self
    }

    pub fn servers(mut self, names: &[&'static str]) -> Self {
        self.nodes = names.iter().map(|name| (*name, true)).collect();
        self
    }

    /// A phone that was told to use these: nodes, and names of DNS.
    pub fn by_name(mut self, listed: &[&'static str]) -> Self {
        self.listed = listed.to_vec();
        self
    }

    /// A capture that we did not make: no scene, no marks.
    pub fn foreign(mut self) -> Self {
        self.scene = false;
        self
    }

    /// `secs` after the beginning.
    pub fn at(&mut self, secs: f64) -> Moment<'_> {
        Moment { story: self, at: secs }
    }

    /// A server's address: 10.0.1.1 is the first.
    pub fn addr(&self, node: &str) -> SocketAddr {
        let place = self.nodes.iter().position(|(name, _)| *name == node).expect("a node of the story");
        format!("10.0.1.{}:5060", place + 1).parse().unwrap()
    }

    /// The topmost Via of the phone's last request of that method to that node.
    pub fn via(&self, method: &str, node: &str) -> String {
        self.memory.requests[&(method.to_owned(), node.to_owned())].header("Via").unwrap().to_owned()
    }

    /// A response to the phone's last request of that method to `of`, which comes from `from`.
    pub fn response_from_elsewhere(&mut self, at: f64, method: &str, of: &str, from: &str, code: u16) {
        let request = &self.memory.requests[&(method.to_owned(), of.to_owned())];
        let message =
            sipfarm_core::sip::MessageBuilder::response_to(request, code, "Because", Some("x")).build();
        let from = self.addr(from);
        self.push_sip(at, from, PHONE.parse().unwrap(), message);
    }

    /// A request between two addresses that are not the phone's.
    pub fn stranger(&mut self, at: f64, src: SocketAddr, dst: SocketAddr, method: &str) {
        self.stranger_named(at, src, dst, method, "1003");
    }

    /// The same in the name of that user.
    pub fn stranger_named(&mut self, at: f64, src: SocketAddr, dst: SocketAddr, method: &str, user: &str) {
        let text = format!(
            "{method} sip:1002@example.com SIP/2.0\r\nVia: SIP/2.0/UDP {src};branch=z9hG4bKstranger\r\n\
             Max-Forwards: 70\r\nFrom: <sip:{user}@example.com>;tag=s\r\nTo: <sip:1002@example.com>\r\n\
             Call-ID: stranger\r\nCSeq: 1 {method}\r\nContent-Length: 0\r\n\r\n"
        );
        self.push_sip(at, src, dst, Message::parse(text.as_bytes()));
    }

    /// A packet of audio every 20 ms, `from` included.
    pub fn audio(&mut self, src: &str, dst: &str, from: f64, to: f64) {
        let ssrc = self.audio.len() as u32;
        let mut at = when(from);
        let mut sequence = 0_u16;
        while at < when(to) {
            let header = RtpHeader { payload_type: 0, marker: false, sequence, timestamp: 0, ssrc };
            let packet = 1_000 + self.audio.len() as u32;
            let (src, dst) = (src.parse().unwrap(), dst.parse().unwrap());
            self.audio.push(RtpPacket { at, packet, src, dst, header });
            at += PACKET;
            sequence = sequence.wrapping_add(1);
        }
    }

    /// Puts a step on the timeline that expects something from `since` on.
    pub fn expect(&mut self, since: f64, expectation: Expectation) -> Expected {
        self.expected += 1;
        let expected = Expected {
            id: self.expected,
            text: "a step".to_owned(),
            line: 7,
            since: when(since),
            since_line: None,
            expectation,
        };
        self.push(since, EventKind::Mark(Mark::Expect(expected.clone())));
        expected
    }

    pub fn timeline(&self) -> Timeline {
        let mut timeline = Timeline::default();
        if self.scene {
            let at = when(-1.0);
            timeline.insert(Event { at, packets: Vec::new(), kind: EventKind::Mark(self.scenario()) });
        }
        let mut events = self.events.clone();
        events.sort_by_key(|event| event.at);
        let mut number = 0;
        for mut event in events {
            if !matches!(event.kind, EventKind::Mark(_)) {
                number += 1;
                event.packets = vec![number];
            }
            timeline.insert(event);
        }
        self.hear(&mut timeline, Instant::FAR_FUTURE);
        timeline
    }

    /// The same where the story's phone is one of two: the first, or the second.
    pub fn beside_another(&self, which: Which) -> Timeline {
        let [phone, other] = [PHONE, OTHER_PHONE].map(|addr| addr.parse::<SocketAddr>().unwrap().ip());
        let (first, second) = if which == Which::First { (phone, other) } else { (other, phone) };
        let mut timeline = Timeline::default();
        for event in self.timeline().events() {
            let of_one = |mark: &Mark| matches!(mark, Mark::Command { .. } | Mark::Expect(_));
            let kind = match event.kind.clone() {
                EventKind::Mark(Mark::Scenario(scene)) => {
                    EventKind::Mark(Mark::Scenario(Box::new(Scene { phone: vec![first], ..*scene })))
                }
                EventKind::Mark(mark) if of_one(&mark) => EventKind::Mark(which.concerned_by(mark)),
                kind => kind,
            };
            timeline.insert(Event { kind, ..event.clone() });
        }
        let kind = EventKind::Mark(Mark::SecondPhone { addresses: vec![second] });
        timeline.insert(Event { at: when(-1.0), packets: Vec::new(), kind });
        self.hear(&mut timeline, Instant::FAR_FUTURE);
        timeline
    }

    /// The audio until then.
    fn hear(&self, timeline: &mut Timeline, until: Instant) {
        let mut audio: Vec<&RtpPacket> = self.audio.iter().filter(|packet| packet.at <= until).collect();
        audio.sort_by_key(|packet| packet.at);
        audio.into_iter().for_each(|packet| timeline.hear(packet));
    }

    /// Judges all of it as a capture that ends at `end`.
    pub fn judge_at(&self, end: f64) -> Vec<Finding> {
        judge(&self.timeline(), &self.profile, when(end))
    }

    /// The findings of one rule in a capture that ends at `end`.
    pub fn findings(&self, rule: &str, end: f64) -> Vec<Finding> {
        self.judge_at(end).into_iter().filter(|finding| finding.rule == rule).collect()
    }

    /// The verdict of one rule in a capture that ends at `end`: the worst of its findings.
    #[track_caller]
    pub fn verdict(&self, rule: &str, end: f64) -> Verdict {
        let findings = self.findings(rule, end);
        assert!(!findings.is_empty(), "no finding of rule {rule}");
        let verdict = worst(&findings);
        println!("{rule}: {verdict}: {findings:#?}");
        verdict
    }

    /// What a live wait for an expectation says at a time.
    pub fn live(&self, expected: &Expected, now: f64) -> Finding {
        judge_one(&self.timeline(), &self.profile, expected, when(now))
    }

    /// Judges an expectation the way a run does: live at every event and whenever it asked to be woken,
    /// until it is definite; then the scenario ends and the capture is audited, which must agree.
    #[track_caller]
    pub fn run(&mut self, expected: &Expected, end: f64) -> Finding {
        let live = self.check(expected, end);
        println!("{live:#?}");
        live
    }

    /// The same without a word.
    #[track_caller]
    pub fn check(&self, expected: &Expected, end: f64) -> Finding {
        let whole = self.timeline();
        let mut times: Vec<Instant> = whole.events().iter().map(|event| event.at).collect();
        times.extend(self.audio.iter().map(|packet| packet.at));
        times.retain(|at| *at >= expected.since);
        times.push(expected.since);
        times.push(when(end));
        times.sort_unstable();
        let mut at = 0;
        let live = loop {
            let now = times[at];
            let mut known = Timeline::default();
            for event in whole.events().iter().filter(|event| event.at <= now) {
                known.insert(event.clone());
            }
            self.hear(&mut known, now);
            let finding = judge_one(&known, &self.profile, expected, now);
            if finding.verdict != Verdict::Pending {
                break finding;
            }
            let until = finding.until.expect("a pending finding says until when");
            assert!(until > now, "a wait that does not move on: {finding:#?}");
            if until < when(end) {
                times.push(until);
                times.sort_unstable();
            }
            at = times
                .iter()
                .position(|time| *time > now)
                .unwrap_or_else(|| panic!("still pending at the end: {finding:#?}"));
        };
        let audit = judge(&whole, &self.profile, when(end));
        let again = audit.iter().find(|finding| finding.expected_id == Some(expected.id)).unwrap();
        assert_eq!(again.verdict, live.verdict, "the audit disagrees\nlive: {live:#?}\naudit: {again:#?}");
        live
    }

    fn scenario(&self) -> Mark {
        let nodes = self.nodes.iter().map(|(name, server)| Node {
            name: (*name).to_owned(),
            addr: self.addr(name),
            tls: None,
            server: *server,
            dns: false,
        });
        let dns = Node { name: "dns".to_owned(), addr: dns(), tls: None, server: false, dns: true };
        let dns = (!self.listed.is_empty()).then_some(dns);
        Mark::Scenario(Box::new(Scene {
            name: "a story".to_owned(),
            feature: "story.feature".to_owned(),
            line: 1,
            tags: Vec::new(),
            seed: 1,
            net: self.net.to_owned(),
            sight: self.sight.clone(),
            phone: vec![PHONE.parse::<SocketAddr>().unwrap().ip()],
            lines: self.lines.clone(),
            nodes: nodes.chain(dns).collect(),
            servers: self.listed.iter().map(|&name| name.to_owned()).collect(),
            profile: self.profile.clone(),
            time_scale: 1.0,
        }))
    }

    fn push(&mut self, at: f64, kind: EventKind) {
        self.events.push(Event { at: when(at), packets: Vec::new(), kind });
    }

    pub fn push_sip(&mut self, at: f64, src: SocketAddr, dst: SocketAddr, message: Message) {
        let transport = self.transport;
        self.push(at, EventKind::Sip(SipEvent { transport, src, dst, message: Arc::new(message) }));
    }
}

impl Moment<'_> {
    pub fn mark(self, mark: Mark) {
        self.story.push(self.at, EventKind::Mark(mark));
    }

    pub fn command(self, command: &str) {
        self.mark(Mark::Command { command: command.to_owned().into(), unconfirmed: false });
    }

    /// A command that is typed, and nobody hears whether the phone takes it.
    pub fn types(self, command: &str) {
        self.mark(Mark::Command { command: command.to_owned().into(), unconfirmed: true });
    }

    pub fn fault(self, node: &str, fault: &str, on: bool) {
        self.mark(Mark::Fault { node: node.to_owned(), fault: fault.to_owned(), on });
    }

    /// The harness was not fit from `since` until now.
    pub fn trouble(self, since: f64) {
        self.mark(Mark::Trouble { what: "packets dropped".to_owned(), since: Some(when(since)) });
    }

    /// The farm was served late from `since` until now.
    pub fn late(self, since: f64) {
        self.mark(Mark::Late { who: "the farm".to_owned(), since: when(since) });
    }

    pub fn end(self) {
        self.mark(Mark::End);
    }

    /// Port unreachable from that node, for a datagram of the phone.
    pub fn icmp(self, node: &str) {
        let (phone, node): (SocketAddr, _) = (PHONE.parse().unwrap(), self.story.addr(node));
        let event = IcmpEvent {
            src: node.ip(),
            dst: phone.ip(),
            kind: IcmpKind { v6: false, kind: 3, code: 3 },
            quoted: Some((self.story.transport, phone, node)),
        };
        self.story.push(self.at, EventKind::Icmp(event));
    }

    /// A query of the phone's.
    pub fn asks_dns(self, transport: Transport, query: DnsMessage) {
        self.dns(transport, resolver(), dns(), query);
    }

    /// A query from an address that is nobody's.
    pub fn somebody_asks_dns(self, transport: Transport, query: DnsMessage) {
        self.dns(transport, "127.0.0.1:40000".parse().unwrap(), dns(), query);
    }

    /// An answer to the phone.
    pub fn dns_says(self, transport: Transport, answer: DnsMessage) {
        self.dns(transport, dns(), resolver(), answer);
    }

    /// The phone's SYN to the DNS server.
    pub fn syn_to_dns(self) {
        let event = TcpEvent { src: resolver(), dst: dns(), what: TcpStep::Syn };
        self.story.push(self.at, EventKind::Tcp(event));
    }

    fn dns(self, transport: Transport, src: SocketAddr, dst: SocketAddr, message: DnsMessage) {
        let event = DnsEvent { transport, src, dst, message: Arc::new(message) };
        self.story.push(self.at, EventKind::Dns(event));
    }

    /// The phone's SYN to that node.
    pub fn syn(self, node: &str) {
        let (phone, node) = (PHONE.parse().unwrap(), self.story.addr(node));
        self.story.push(self.at, EventKind::Tcp(TcpEvent { src: phone, dst: node, what: TcpStep::Syn }));
    }

    /// A step of TLS on the phone's connection to that node, by the phone itself or by the node.
    pub fn tls(self, node: &str, by_phone: bool, what: TlsStep) {
        let (phone, node) = (PHONE.parse().unwrap(), self.story.addr(node));
        let (src, dst) = if by_phone { (phone, node) } else { (node, phone) };
        self.story.push(self.at, EventKind::Tls(TlsEvent { src, dst, what }));
    }

    /// A step of TCP from one address to another.
    pub fn tcp(self, src: &str, dst: SocketAddr, what: TcpStep) {
        let src = src.parse().unwrap();
        self.story.push(self.at, EventKind::Tcp(TcpEvent { src, dst, what }));
    }

    /// That node's answer on a TCP connection of the phone.
    pub fn tcp_from(self, node: &str, what: TcpStep) {
        let (phone, node) = (PHONE.parse().unwrap(), self.story.addr(node));
        self.story.push(self.at, EventKind::Tcp(TcpEvent { src: node, dst: phone, what }));
    }
}

/// The DNS server of a story.
fn dns() -> SocketAddr {
    "10.0.1.53:53".parse().unwrap()
}

/// From where the phone asks it.
fn resolver() -> SocketAddr {
    "10.0.0.5:33000".parse().unwrap()
}

/// The worst verdict of some findings, as far as rules are concerned.
pub fn worst(findings: &[Finding]) -> Verdict {
    let rank = |verdict: &Verdict| match verdict {
        Verdict::Fail => 9,
        Verdict::Pending => 8,
        Verdict::Inconclusive => 7,
        Verdict::UnexpectedPass => 6,
        Verdict::KnownIssue => 5,
        Verdict::Warn => 4,
        Verdict::Pass => 3,
        Verdict::NotExercised => 2,
        Verdict::NotApplicable => 1,
    };
    findings.iter().map(|finding| finding.verdict).max_by_key(rank).unwrap()
}

/// The value of an Authorization header.
pub fn credentials(nonce: &str, nc: u32, uri: &str) -> String {
    format!(
        "Digest username=\"1001\", realm=\"r\", nonce=\"{nonce}\", uri=\"{uri}\", qop=auth, \
         cnonce=\"c\", nc={nc:08x}, response=\"{nc:032x}\""
    )
}
