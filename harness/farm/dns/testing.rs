//! A lab for tests, in virtual time: a DNS node with a zone, and somebody who asks it. What it
//! answers is read from the frames, by the decoder of captures.

#![allow(clippy::unwrap_used)]

use std::net::{IpAddr, Ipv4Addr, SocketAddr};

use sipfarm_core::dns::{DnsMessage, Record, RecordData, RecordKind, to_stream};
use sipfarm_core::frame::Frame;
use sipfarm_core::machine::{ConnectError, Input, StreamId};
use sipfarm_core::{Instant, Span};
use sipfarm_judge::timeline::{DnsEvent, EventKind};

use super::{DnsConfig, DnsNode, Row};
use crate::capture::decode::Decoder;
use crate::farm::FaultSpec;
use crate::net::testing::Puppet;
use crate::net::{Driver, MachineId, VirtualNet};

const EPOCH: Instant = Instant::from_nanos(1_700_000_000_000_000_000);
pub const NODE: SocketAddr = at(10, 53);
pub const PHONE: SocketAddr = at(200, 40_000);

const fn at(host: u8, port: u16) -> SocketAddr {
    SocketAddr::new(IpAddr::V4(Ipv4Addr::new(192, 0, 2, host)), port)
}

pub struct Lab {
    pub driver: Driver<VirtualNet>,
    phone: MachineId,
    node: MachineId,
    frames: Vec<Frame>,
    /// Frames before that one were looked at.
    seen: usize,
    asked: u16,
    streams: u64,
}

/// The zone of the tests: two servers by priority, and a host with two addresses.
pub fn records() -> Vec<Row> {
    [
        "@ 60 NAPTR 10 10 s SIP+D2U \"\" _sip._udp",
        "_sip._udp 60 SRV 10 0 5060 p",
        "_sip._udp 60 SRV 20 0 5060 q",
        "p 60 A primary",
        "q 60 A secondary",
        "r 60 A 192.0.2.13",
        "r 60 A 192.0.2.14",
        "six 60 AAAA 2001:db8::1",
        "www 60 CNAME p",
        "away 60 CNAME elsewhere.example.org.",
        "loop 60 CNAME loop",
        "dead 60 CNAME nowhere",
    ]
    .map(|row| row.parse().unwrap())
    .into()
}

pub fn config() -> DnsConfig {
    let host = |name: &str, number| (name.to_owned(), at(number, 0).ip());
    DnsConfig {
        name: "dns".to_owned(),
        addr: NODE,
        origin: "example.test".to_owned(),
        records: records(),
        hosts: [host("primary", 11), host("secondary", 12)].into(),
        seed: 7,
    }
}

impl Lab {
    pub fn new() -> Lab {
        Lab::with(config())
    }

    pub fn with(config: DnsConfig) -> Lab {
        let mut driver = Driver::new(VirtualNet::new(1, EPOCH));
        let phone = driver.add(Puppet::at(PHONE));
        let node = driver.add(Box::new(DnsNode::new(config).unwrap()));
        Lab { driver, phone, node, frames: Vec::new(), seen: 0, asked: 0, streams: 0 }
    }

    pub fn fault_on(&mut self, words: &str) {
        assert_eq!(self.try_fault(words), "");
    }

    /// What stands against the fault; nothing when it is on.
    pub fn try_fault(&mut self, words: &str) -> String {
        let spec: FaultSpec = words.parse().unwrap();
        let on = self.driver.command(self.node, |node: &mut DnsNode, now| node.fault_on(&spec, now));
        on.err().map_or(String::new(), |error| error.to_string())
    }

    pub fn faults_off(&mut self) {
        self.driver.command(self.node, |node: &mut DnsNode, now| node.faults_off(now));
    }

    /// Asks over UDP: `SRV _sip._udp.example.test`.
    pub fn ask(&mut self, question: &str) {
        let query = self.query(question).encode().unwrap();
        self.say(&query);
    }

    /// Sends octets over UDP.
    pub fn say(&mut self, payload: &[u8]) {
        self.driver.command(self.phone, |phone: &mut Puppet, _| phone.send(PHONE, NODE, payload));
        self.run_ms(20);
    }

    /// Asks over a new TCP connection, in two pieces.
    pub fn ask_tcp(&mut self, question: &str) {
        assert_eq!(self.connect(), None);
        let query = self.query(question).encode().unwrap();
        let octets = to_stream(&query).unwrap();
        let (head, tail) = octets.split_at(5);
        for piece in [head, tail] {
            self.write(piece);
        }
    }

    /// Writes on the connection opened last.
    pub fn write(&mut self, data: &[u8]) {
        let stream = StreamId(self.streams);
        self.driver.command(self.phone, |phone: &mut Puppet, _| phone.write(stream, data));
        self.run_ms(20);
    }

    /// Opens a connection, and says why it was not opened.
    pub fn connect(&mut self) -> Option<ConnectError> {
        self.streams += 1;
        let stream = self.streams;
        self.driver.command(self.phone, |phone: &mut Puppet, _| phone.connect(stream, PHONE.ip(), NODE));
        self.run_ms(20);
        let heard = self.driver.command(self.phone, |phone: &mut Puppet, _| phone.inputs());
        heard.into_iter().find_map(|input| match input {
            Input::ConnectFailed { stream: StreamId(failed), error } if failed == stream => Some(error),
            _ => None,
        })
    }

    pub fn run_ms(&mut self, millis: i64) {
        let until = self.driver.now() + Span::from_millis(millis);
        while self.driver.step(until) {}
        self.frames.extend(self.driver.net().take_frames());
    }

    /// The answers since the last look, as the captures' decoder reads them.
    pub fn events(&mut self) -> Vec<DnsEvent> {
        let mut decoder = Decoder::default();
        let events: Vec<_> =
            self.frames.iter().enumerate().flat_map(|(n, frame)| decoder.push(n as u32 + 1, frame)).collect();
        let fresh = events.into_iter().filter(|event| event.packets.last() > Some(&(self.seen as u32)));
        let answers = fresh.filter_map(|event| match event.kind {
            EventKind::Dns(dns) if dns.src == NODE => Some(dns),
            _ => None,
        });
        let answers = answers.collect();
        self.seen = self.frames.len();
        answers
    }

    /// The same in words: over what, then the answers, or the code where there are none.
    pub fn answers(&mut self) -> Vec<String> {
        let words = |event: DnsEvent| {
            let records: Vec<String> = event.message.answers.iter().map(words).collect();
            let said = if records.is_empty() { event.message.code.to_string() } else { records.join(", ") };
            let cut = if event.message.truncated { "TC " } else { "" };
            format!("{} {cut}{said}", event.transport)
        };
        self.events().into_iter().map(words).collect()
    }

    /// How many frames have left the node since the last look at the answers.
    pub fn left_the_node(&self) -> usize {
        let IpAddr::V4(node) = NODE.ip() else { unreachable!() };
        self.frames[self.seen..].iter().filter(|frame| frame.data[26..30] == node.octets()).count()
    }

    fn query(&mut self, question: &str) -> DnsMessage {
        let (kind, name) = question.split_once(' ').unwrap();
        let kind = match kind {
            "A" => RecordKind::A,
            "AAAA" => RecordKind::Aaaa,
            "SRV" => RecordKind::Srv,
            "NAPTR" => RecordKind::Naptr,
            _ => RecordKind::Other(16),
        };
        self.asked += 1;
        DnsMessage::query(self.asked, name, kind)
    }
}

/// A record as a zone file has it.
pub fn words(record: &Record) -> String {
    let data = match &record.data {
        RecordData::A(ip) => ip.to_string(),
        RecordData::Aaaa(ip) => ip.to_string(),
        RecordData::Cname(name) => name.clone(),
        RecordData::Srv(srv) => format!("{} {} {} {}", srv.priority, srv.weight, srv.port, srv.target),
        RecordData::Naptr(n) => {
            format!("{} {} {} {} {}", n.order, n.preference, n.flags, n.service, n.replacement)
        }
        RecordData::Other(_) => "?".to_owned(),
    };
    format!("{} {} {} {data}", record.name, record.ttl_s, record.data.kind())
}
