//! RTP (RFC 3550) as much as G.711 (RFC 3551) needs, and as much RTCP as says that a stream ends.
//!
//! A header is read from its first twelve octets alone, as a capture may hold no more of the packet.

use std::net::SocketAddr;
use std::ops::Range;

use crate::sdp::{Codec, Sink};
use crate::time::{Instant, Span};

/// The header of an RTP packet (RFC 3550 section 5.1), without what concerns mixers and extensions.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct RtpHeader {
    /// What the payload is.
    pub payload_type: u8,
    /// The marker bit: the first packet after a silence (RFC 3551 section 4.1).
    pub marker: bool,
    /// One more for each packet.
    pub sequence: u16,
    /// When the first octet was sampled, in units of the codec's clock.
    pub timestamp: u32,
    /// The source.
    pub ssrc: u32,
}

/// The version of RTP, in the first two bits.
const VERSION: u8 = 2;

/// The second octet of RTCP packets (RFC 5761 section 4): nobody may use it as an RTP payload type.
const RTCP_TYPES: std::ops::RangeInclusive<u8> = 192..=223;

impl RtpHeader {
    /// The fixed part.
    pub const OCTETS: usize = 12;

    /// Reads the header of a datagram; `None` where it is no RTP.
    pub fn read(datagram: &[u8]) -> Option<RtpHeader> {
        let head: &[u8; Self::OCTETS] = datagram.first_chunk()?;
        if head[0] >> 6 != VERSION || RTCP_TYPES.contains(&head[1]) {
            return None;
        }
        Some(RtpHeader {
            payload_type: head[1] & 0x7f,
            marker: head[1] & 0x80 != 0,
            sequence: u16::from_be_bytes([head[2], head[3]]),
            timestamp: u32::from_be_bytes([head[4], head[5], head[6], head[7]]),
            ssrc: u32::from_be_bytes([head[8], head[9], head[10], head[11]]),
        })
    }

    /// A packet with this header.
    pub fn write(&self, payload: impl ExactSizeIterator<Item = u8>) -> Vec<u8> {
        let mut packet = Vec::with_capacity(Self::OCTETS + payload.len());
        packet.extend([VERSION << 6, u8::from(self.marker) << 7 | self.payload_type]);
        packet.extend(self.sequence.to_be_bytes());
        packet.extend(self.timestamp.to_be_bytes());
        packet.extend(self.ssrc.to_be_bytes());
        packet.extend(payload);
        packet
    }
}

/// How much sound one packet holds (RFC 3551 section 4.2).
pub const PACKET: Span = Span::from_millis(20);
/// The same in samples of 8 kHz, which are octets of G.711.
const SAMPLES: u32 = 160;
/// How long one lasts.
const SAMPLE: Span = Span::from_micros(125);

/// One side's audio in a call: where it goes, and a packet of silence in G.711 every [`PACKET`].
#[derive(Debug, Clone)]
pub struct Talker {
    next: RtpHeader,
    /// Where it goes, or went before it fell silent.
    sink: Option<Sink>,
    silent: bool,
    due: Instant,
    packets: u32,
}

impl Talker {
    /// How far behind it may be and still send all that is due: what is older, a phone's sound card
    /// has thrown away.
    const BEHIND: Span = Span::from_millis(100);

    /// Silent so far. Sequence number and timestamp begin where `random` says (RFC 3550 section 5.1).
    pub fn new(ssrc: u32, random: u32) -> Self {
        let (sequence, timestamp) = ((random >> 16) as u16, random.rotate_left(8));
        let next = RtpHeader { payload_type: 0, marker: true, sequence, timestamp, ssrc };
        Talker { next, sink: None, silent: true, due: Instant::EPOCH, packets: 0 }
    }

    /// Talks to that side from now on, or falls silent.
    pub fn talk_to(&mut self, sink: Option<Sink>, now: Instant) {
        let begins = self.silent && sink.is_some();
        if begins && self.packets == 0 {
            self.due = now;
        } else if begins && self.due < now {
            let samples = (now - self.due).as_nanos() / SAMPLE.as_nanos();
            self.next.timestamp = self.next.timestamp.wrapping_add(samples as u32);
            self.due = now;
        }
        self.next.marker |= begins;
        self.silent = sink.is_none();
        self.sink = sink.or(self.sink);
    }

    /// Where it talks to, or has talked to last.
    pub fn sink(&self) -> Option<Sink> {
        self.sink
    }

    /// When the next packet is due; `None` while it is silent.
    pub fn due(&self) -> Option<Instant> {
        (!self.silent).then_some(self.due)
    }

    /// The next packet that is due, and where it goes.
    pub fn packet(&mut self, now: Instant) -> Option<(SocketAddr, Vec<u8>)> {
        let sink = self.sink.filter(|_| !self.silent && self.due <= now)?;
        let behind = now - self.due;
        if behind > Self::BEHIND {
            let missed = behind.as_nanos() / PACKET.as_nanos();
            self.due += PACKET * missed;
            self.next.timestamp = self.next.timestamp.wrapping_add(SAMPLES.wrapping_mul(missed as u32));
        }
        self.next.payload_type = sink.payload_type;
        // The quietest sample of each law (ITU-T G.711).
        let silence = if sink.codec == Codec::PCMA { 0xd5 } else { 0xff };
        let packet = self.next.write(std::iter::repeat_n(silence, SAMPLES as usize));
        self.next.marker = false;
        self.next.sequence = self.next.sequence.wrapping_add(1);
        self.next.timestamp = self.next.timestamp.wrapping_add(SAMPLES);
        self.due += PACKET;
        self.packets = self.packets.wrapping_add(1);
        Some((sink.address, packet))
    }

    /// The RTCP that says that this source leaves, and where it goes: sender report, its name, BYE
    /// (RFC 3550 sections 6.1, 6.4.1, 6.5 and 6.6; its port is the one after that of RTP, section 11).
    /// `None` for one that has sent nothing (section 6.3.7). It is silent afterwards.
    pub fn goodbye(&mut self, name: &str, now: Instant) -> Option<(SocketAddr, Vec<u8>)> {
        /// From the epoch of NTP to that of Unix, in seconds.
        const NTP: i64 = 2_208_988_800;
        self.silent = true;
        let mut to = self.sink.filter(|_| self.packets > 0)?.address;
        to.set_port(to.port().wrapping_add(1));
        let nanos = now.as_nanos();
        let seconds = nanos.div_euclid(1_000_000_000) + NTP;
        let fraction = (nanos.rem_euclid(1_000_000_000) << 32) / 1_000_000_000;
        let octets = self.packets.wrapping_mul(SAMPLES);
        let words =
            [self.next.ssrc, seconds as u32, fraction as u32, self.next.timestamp, self.packets, octets];
        let mut compound = Vec::new();
        rtcp(&mut compound, 0, 200, &words.map(u32::to_be_bytes).concat());
        // CNAME is item 1; an item 0 ends the chunk, which is filled up to whole words.
        let name = &name.as_bytes()[..name.len().min(255)];
        let mut chunk = self.next.ssrc.to_be_bytes().to_vec();
        chunk.extend([1, name.len() as u8]);
        chunk.extend(name);
        chunk.resize((chunk.len() / 4 + 1) * 4, 0);
        rtcp(&mut compound, 1, RTCP_SDES, &chunk);
        rtcp(&mut compound, 1, RTCP_BYE, &self.next.ssrc.to_be_bytes());
        Some((to, compound))
    }
}

const RTCP_SDES: u8 = 202;
const RTCP_BYE: u8 = 203;
/// The item of a source description that names a program (RFC 3550 section 6.5.6).
const SDES_TOOL: u8 = 6;

/// Appends a packet of whole words (RFC 3550 section 6.4.1).
fn rtcp(compound: &mut Vec<u8>, count: u8, kind: u8, body: &[u8]) {
    compound.extend([VERSION << 6 | count, kind]);
    compound.extend(((body.len() / 4) as u16).to_be_bytes());
    compound.extend(body);
}

/// The sources that say BYE in a compound RTCP packet (RFC 3550 section 6.6); `None` where it is no
/// RTCP. What follows a broken part is not looked at.
pub fn rtcp_goodbyes(datagram: &[u8]) -> Option<Vec<u32>> {
    let mut goodbyes = Vec::new();
    let mut any = false;
    for packet in rtcp_packets(datagram) {
        any = true;
        if packet.kind == RTCP_BYE {
            let (sources, _) = datagram[packet.body].as_chunks::<4>();
            goodbyes.extend(sources.iter().take(packet.count).map(|source| u32::from_be_bytes(*source)));
        }
    }
    any.then_some(goodbyes)
}

/// Where a compound RTCP packet says who somebody is: the texts of source descriptions but for the name of the
/// tool (RFC 3550 section 6.5).
pub fn rtcp_descriptions(datagram: &[u8]) -> Vec<Range<usize>> {
    let mut texts = Vec::new();
    for packet in rtcp_packets(datagram).filter(|packet| packet.kind == RTCP_SDES) {
        let mut at = packet.body.start;
        for _ in 0..packet.count {
            // Behind the source; an item 0 ends the chunk, and the next begins with a whole word.
            let mut item = at + 4;
            while let Some(&[kind @ 1..=u8::MAX, octets]) = datagram[..packet.body.end].get(item..item + 2) {
                let text = item + 2..(item + 2 + usize::from(octets)).min(packet.body.end);
                item = text.end;
                if kind != SDES_TOOL {
                    texts.push(text);
                }
            }
            at = packet.body.start + (item + 1 - packet.body.start).next_multiple_of(4);
        }
    }
    texts
}

/// A packet of a compound one: its type, how many sources or chunks it has, and where its body lies.
struct RtcpPacket {
    kind: u8,
    count: usize,
    body: Range<usize>,
}

/// The packets of a compound one (RFC 3550 section 6.1), up to a broken part.
fn rtcp_packets(datagram: &[u8]) -> impl Iterator<Item = RtcpPacket> {
    let mut at = 0;
    std::iter::from_fn(move || {
        let [first, kind, a, b] = *datagram.get(at..)?.first_chunk()?;
        let body = at + 4..at + 4 + usize::from(u16::from_be_bytes([a, b])) * 4;
        if first >> 6 != VERSION || !RTCP_TYPES.contains(&kind) || body.end > datagram.len() {
            return None;
        }
        at = body.end;
        Some(RtcpPacket { kind, count: usize::from(first & 0x1f), body })
    })
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;

    const TO: &str = "192.0.2.9:4000";

    /// It talks since the epoch.
    fn talker() -> Talker {
        let mut talker = Talker::new(0x1122_3344, 0xffff_0010);
        talker.talk_to(Some(sink()), Instant::EPOCH);
        talker
    }

    fn sink() -> Sink {
        Sink { address: TO.parse().unwrap(), codec: Codec::PCMA, payload_type: 8 }
    }

    fn at(ms: i64) -> Instant {
        Instant::EPOCH + Span::from_millis(ms)
    }

    fn header(talker: &mut Talker, ms: i64) -> Option<RtpHeader> {
        talker.packet(at(ms)).map(|(_, packet)| RtpHeader::read(&packet).unwrap())
    }

    #[test]
    fn a_packet_is_what_rfc_3550_draws() {
        let mut talker = talker();
        let (to, packet) = talker.packet(at(0)).unwrap();
        assert_eq!((to.to_string().as_str(), packet.len()), (TO, 12 + 160));
        // Version 2, no padding, no extension, no contributing source; marker and payload type 8.
        assert_eq!(packet[..4], [0x80, 0x88, 0xff, 0xff]);
        assert_eq!(packet[8..12], [0x11, 0x22, 0x33, 0x44]);
        assert!(packet[12..].iter().all(|octet| *octet == 0xd5));
        let (first, next) = (RtpHeader::read(&packet).unwrap(), header(&mut talker, 20).unwrap());
        assert_eq!((next.sequence, next.marker), (0, false), "the number wraps");
        assert_eq!(next.timestamp.wrapping_sub(first.timestamp), 160);
    }

    #[test]
    fn packets_are_due_every_20_ms_and_no_sooner() {
        let mut talker = talker();
        assert!(header(&mut talker, 0).is_some());
        assert!(header(&mut talker, 19).is_none());
        assert!(header(&mut talker, 20).is_some());
        assert_eq!(talker.due(), Some(at(40)));
    }

    #[test]
    fn a_long_delay_leaves_out_what_is_past() {
        let mut talker = talker();
        let first = header(&mut talker, 0).unwrap();
        let next = header(&mut talker, 1_000).unwrap();
        assert!(header(&mut talker, 1_000).is_none(), "no burst");
        assert_eq!(next.sequence, first.sequence.wrapping_add(1), "nothing was lost");
        assert_eq!(next.timestamp.wrapping_sub(first.timestamp), 50 * 160, "but time has passed");
    }

    #[test]
    fn silence_and_speech_are_one_stream() {
        let mut talker = talker();
        let first = header(&mut talker, 0).unwrap();
        talker.talk_to(None, at(10));
        assert_eq!((talker.due(), header(&mut talker, 500)), (None, None));
        talker.talk_to(Some(sink()), at(1_000));
        let next = header(&mut talker, 1_000).unwrap();
        assert_eq!((next.ssrc, next.sequence), (first.ssrc, first.sequence.wrapping_add(1)));
        assert!(next.marker, "RFC 3551 section 4.1");
        assert_eq!(next.timestamp.wrapping_sub(first.timestamp), 50 * 160, "time has passed");
    }

    #[test]
    fn only_rtp_is_read_as_rtp() {
        let mut talker = talker();
        let (_, rtp) = talker.packet(at(0)).unwrap();
        let (_, goodbye) = talker.goodbye("a", at(0)).unwrap();
        let stun = [0, 1, 0, 0, 0x21, 0x12, 0xa4, 0x42, 0, 0, 0, 0];
        assert!(RtpHeader::read(&rtp[..12]).is_some());
        for datagram in [&rtp[..11], &goodbye, &stun, b"OPTIONS sip:a@b SIP/2.0", b""] {
            assert_eq!(RtpHeader::read(datagram), None);
        }
        assert_eq!(rtcp_goodbyes(&rtp), None);
        assert_eq!(rtcp_goodbyes(&stun), None);
    }

    #[test]
    fn a_goodbye_names_its_source() {
        for name in ["", "a", "1001@192.0.2.1"] {
            let mut talker = talker();
            assert_eq!(talker.goodbye(name, at(0)), None, "it has said nothing yet");
            talker.talk_to(Some(sink()), at(0));
            talker.packet(at(0)).unwrap();
            let (to, goodbye) = talker.goodbye(name, Instant::from_nanos(1_500_000_000)).unwrap();
            assert_eq!((to.to_string().as_str(), talker.due()), ("192.0.2.9:4001", None));
            assert_eq!(goodbye.len() % 4, 0);
            assert_eq!(goodbye[..4], [0x80, 200, 0, 6], "a sender report comes first");
            assert_eq!(goodbye[8..12], (2_208_988_801_u32).to_be_bytes(), "NTP seconds");
            assert_eq!(goodbye[12..16], [0x80, 0, 0, 0], "half a second");
            assert_eq!(rtcp_goodbyes(&goodbye), Some(vec![0x1122_3344]));
            assert_eq!(rtcp_goodbyes(&goodbye[..goodbye.len() - 1]), Some(vec![]), "cut off");
            let texts = rtcp_descriptions(&goodbye).into_iter().map(|text| &goodbye[text]);
            assert_eq!(texts.collect::<Vec<_>>(), [name.as_bytes()]);
        }
    }

    #[test]
    fn descriptions_of_several_sources_are_found_and_broken_ones_end_nothing_else() {
        let chunks = b"\0\0\0\x01\x01\x03a@h\x06\x02fs\0\0\0\0\0\0\x02\x02\x05Alice\0";
        let mut sdes = Vec::new();
        rtcp(&mut sdes, 2, RTCP_SDES, chunks);
        let texts = |octets: &[u8]| -> Vec<String> {
            let texts = rtcp_descriptions(octets).into_iter();
            texts.map(|text| String::from_utf8_lossy(&octets[text]).into_owned()).collect()
        };
        assert_eq!(texts(&sdes), ["a@h", "Alice"]);
        sdes[9] = 200;
        assert_eq!(texts(&sdes).len(), 1, "a length beyond the packet ends with it");
        assert_eq!(texts(b"INVITE sip:a@b SIP/2.0\r\n"), [""; 0]);
    }
}
