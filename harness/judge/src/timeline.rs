//! Decoded events in order of time: the only thing that the judge sees.

use std::fmt;
use std::net::{IpAddr, SocketAddr};
use std::sync::Arc;

use sipfarm_core::Instant;
use sipfarm_core::dns::{DnsMessage, ResponseCode};
use sipfarm_core::machine::{IcmpKind, Transport};
use sipfarm_core::sip::Message;

use crate::audio::{RtpPacket, Stream, Streams};
use crate::mark::Mark;

/// Something that was seen at the tap, or that the harness noted.
#[derive(Debug, Clone, PartialEq)]
pub struct Event {
    /// When; for a message over TCP, the time of the segment that completed it.
    pub at: Instant,
    /// The packets that carried it: numbers in the capture, from 1, as Wireshark counts.
    pub packets: Vec<u32>,
    /// What.
    pub kind: EventKind,
}

/// The kinds of [`Event`].
#[derive(Debug, Clone, PartialEq)]
pub enum EventKind {
    /// A SIP message.
    Sip(SipEvent),
    /// A DNS query or answer.
    Dns(DnsEvent),
    /// An ICMP error.
    Icmp(IcmpEvent),
    /// A change in the life of a TCP connection.
    Tcp(TcpEvent),
    /// A step of TLS on a TCP connection.
    Tls(TlsEvent),
    /// Somebody leaves an RTP session.
    Goodbye(GoodbyeEvent),
    /// A note of the harness.
    Mark(Mark),
}

/// A SIP message between two addresses.
#[derive(Debug, Clone, PartialEq)]
pub struct SipEvent {
    /// Under SIP.
    pub transport: Transport,
    /// Sender.
    pub src: SocketAddr,
    /// Receiver.
    pub dst: SocketAddr,
    /// The message.
    pub message: Arc<Message>,
}

/// A DNS query or answer between two addresses.
#[derive(Debug, Clone, PartialEq)]
pub struct DnsEvent {
    /// Under DNS.
    pub transport: Transport,
    /// Sender.
    pub src: SocketAddr,
    /// Receiver.
    pub dst: SocketAddr,
    /// The message.
    pub message: Arc<DnsMessage>,
}

/// For people: `DNS SRV _sip._udp.example.test`, and for an answer what came of it.
impl fmt::Display for DnsEvent {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let message = &self.message;
        match message.question() {
            Some(question) => write!(f, "DNS {} {}", question.kind, question.name)?,
            None => f.write_str("DNS without a question")?,
        }
        match (message.is_response, message.truncated, message.answers.len()) {
            (false, ..) => Ok(()),
            (true, true, _) => f.write_str(": truncated"),
            (true, false, 0) if message.code == ResponseCode::NoError => f.write_str(": no such record"),
            (true, false, 0) => write!(f, ": {}", message.code),
            (true, false, 1) => f.write_str(": 1 record"),
            (true, false, n) => write!(f, ": {n} records"),
        }
    }
}

/// An ICMP error.
#[derive(Debug, Clone, PartialEq)]
pub struct IcmpEvent {
    /// Who sent the error.
    pub src: IpAddr,
    /// To whom.
    pub dst: IpAddr,
    /// Which.
    pub kind: IcmpKind,
    /// The packet that it quotes: transport, source, destination.
    pub quoted: Option<(Transport, SocketAddr, SocketAddr)>,
}

/// A change in the life of a TCP connection.
#[derive(Debug, Clone, PartialEq)]
pub struct TcpEvent {
    /// Sender of the segment.
    pub src: SocketAddr,
    /// Receiver.
    pub dst: SocketAddr,
    /// What it does.
    pub what: TcpStep,
}

/// What a TCP segment does to its connection.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum TcpStep {
    /// SYN.
    Syn,
    /// SYN and ACK.
    SynAck,
    /// FIN.
    Fin,
    /// RST.
    Rst,
}

/// A step of TLS on a TCP connection (RFC 8446).
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct TlsEvent {
    /// Who says it.
    pub src: SocketAddr,
    /// To whom.
    pub dst: SocketAddr,
    /// What.
    pub what: TlsStep,
}

/// What is said in TLS beside the octets that it carries.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum TlsStep {
    /// The handshake begins.
    ClientHello,
    /// The side has done its part of the handshake; when the client has, TLS stands.
    Finished,
    /// A fatal alert, by its number (section 6.2).
    Alert(u8),
}

/// An RTCP packet with BYE (RFC 3550 section 6.6).
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct GoodbyeEvent {
    /// Sender.
    pub src: SocketAddr,
    /// Receiver.
    pub dst: SocketAddr,
    /// The sources that leave.
    pub sources: Vec<u32>,
}

/// A fault while it was on.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct FaultWindow<'a> {
    /// At which node.
    pub node: &'a str,
    /// Which, as written.
    pub fault: &'a str,
    /// From when …
    pub from: Instant,
    /// … until when; [`Instant::FAR_FUTURE`] when it never ended.
    pub to: Instant,
}

impl FaultWindow<'_> {
    /// Whether it has not ended.
    pub fn is_on(&self) -> bool {
        self.to == Instant::FAR_FUTURE
    }
}

/// Events in order of time; events of one instant stay in order of arrival. Audio stands beside them
/// as streams.
#[derive(Debug, Clone, Default)]
pub struct Timeline {
    events: Vec<Event>,
    audio: Streams,
    revision: u64,
}

impl Timeline {
    /// Puts an event in its place.
    pub fn insert(&mut self, event: Event) {
        let at = self.events.partition_point(|e| e.at <= event.at);
        self.events.insert(at, event);
        self.revision += 1;
    }

    /// Takes a packet of audio to its stream.
    pub fn hear(&mut self, packet: &RtpPacket) {
        self.revision += u64::from(self.audio.take(packet));
    }

    /// The RTP streams, in the order of their first packets.
    pub fn audio(&self) -> impl Iterator<Item = &Stream> {
        self.audio.iter()
    }

    /// How many entries audio has, as a measure of memory: streams, and stretches beyond their first.
    pub fn audio_entries(&self) -> usize {
        self.audio.entries()
    }

    /// Another number whenever there is news for a rule. Audio that merely goes on is none.
    pub fn revision(&self) -> u64 {
        self.revision
    }

    /// All events, earliest first.
    pub fn events(&self) -> &[Event] {
        &self.events
    }

    /// The SIP messages with their events.
    pub fn sip(&self) -> impl DoubleEndedIterator<Item = (&Event, &SipEvent)> {
        self.events.iter().filter_map(|event| match &event.kind {
            EventKind::Sip(sip) => Some((event, sip)),
            _ => None,
        })
    }

    /// The DNS messages with their events.
    pub fn dns(&self) -> impl DoubleEndedIterator<Item = (&Event, &DnsEvent)> {
        self.events.iter().filter_map(|event| match &event.kind {
            EventKind::Dns(dns) => Some((event, dns)),
            _ => None,
        })
    }

    /// The marks with their times.
    pub fn marks(&self) -> impl DoubleEndedIterator<Item = (Instant, &Mark)> {
        self.events.iter().filter_map(|event| match &event.kind {
            EventKind::Mark(mark) => Some((event.at, mark)),
            _ => None,
        })
    }

    /// The faults, in the order in which they began.
    pub fn faults(&self) -> Vec<FaultWindow<'_>> {
        let mut faults: Vec<FaultWindow<'_>> = Vec::new();
        for (at, mark) in self.marks() {
            match mark {
                Mark::Fault { node, fault, on: true } => {
                    faults.push(FaultWindow { node, fault, from: at, to: Instant::FAR_FUTURE });
                }
                Mark::Fault { node, fault, on: false } => {
                    let on = faults.iter_mut().rev();
                    let mut on = on.filter(|window| window.node == node && window.is_on());
                    match fault.as_str() {
                        "all" => on.for_each(|window| window.to = at),
                        fault => _ = on.find(|window| window.fault == fault).map(|window| window.to = at),
                    }
                }
                _ => {}
            }
        }
        faults
    }

    /// The time of the last event or packet of audio.
    pub fn end(&self) -> Option<Instant> {
        let heard = self.audio().filter_map(|stream| Some(stream.stretches.last()?.to));
        heard.chain(self.events.last().map(|event| event.at)).max()
    }
}
