//! Audio on the timeline: one entry for each RTP stream, not for each packet. A call of two hours has
//! 720 000 packets, and what the rules ask is when audio flowed from whom to whom.

use std::collections::BTreeMap;
use std::net::SocketAddr;

use sipfarm_core::rtp::RtpHeader;
use sipfarm_core::{Instant, Span};

/// One RTP packet, as it passed the tap.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct RtpPacket {
    /// When.
    pub at: Instant,
    /// Its number in the capture, from 1.
    pub packet: u32,
    /// Sender.
    pub src: SocketAddr,
    /// Receiver.
    pub dst: SocketAddr,
    /// Its header.
    pub header: RtpHeader,
}

/// The packets of one source between two addresses.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Stream {
    /// Sender.
    pub src: SocketAddr,
    /// Receiver.
    pub dst: SocketAddr,
    /// The source (RFC 3550 section 5.1).
    pub ssrc: u32,
    /// The payload type of its first packet.
    pub payload_type: u8,
    /// When its first packet passed the tap.
    pub first: Instant,
    /// How many packets it has.
    pub count: u64,
    /// When packets followed each other without a pause, in order. Empty while it may be no RTP at
    /// all: until two packets with numbers in sequence were seen (RFC 3550 appendix A.1). It begins
    /// with the second of those.
    pub stretches: Vec<Stretch>,
    last_sequence: u16,
}

/// A time in which audio flowed: no two packets in it are further apart than [`Stretch::PAUSE`].
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Stretch {
    /// Its first packet's time …
    pub from: Instant,
    /// … and its last's.
    pub to: Instant,
    /// The numbers of both in the capture.
    pub packets: [u32; 2],
}

impl Stretch {
    /// The longest time between two packets that is no pause yet: five packets of 20 ms. It is below
    /// what any profile may call a gap.
    pub const PAUSE: Span = Span::from_millis(100);

    /// Whether a packet of it passed the tap within that time, or so shortly before and behind it that
    /// no pause was in between.
    pub fn touches(&self, from: Instant, to: Instant) -> bool {
        self.from <= to && self.to >= from
    }
}

/// All streams of a capture, in the order of their first packets.
#[derive(Debug, Clone, Default)]
pub(crate) struct Streams {
    streams: Vec<Stream>,
    /// By source first, which tells nearly all of them apart at once.
    places: BTreeMap<(u32, SocketAddr, SocketAddr), usize>,
    /// The places of the last two packets' streams: most packets are of one of these.
    recent: [usize; 2],
    entries: usize,
}

impl Streams {
    /// Takes a packet to its stream. True when there is news for a rule: a stream that has begun, or
    /// that goes on after a pause.
    pub(crate) fn take(&mut self, packet: &RtpPacket) -> bool {
        let place = self.place(packet);
        let stream = &mut self.streams[place];
        if stream.count == 0 {
            stream.count = 1;
            return false;
        }
        stream.count += 1;
        let in_sequence = packet.header.sequence == stream.last_sequence.wrapping_add(1);
        stream.last_sequence = packet.header.sequence;
        let stretch = Stretch { from: packet.at, to: packet.at, packets: [packet.packet; 2] };
        match stream.stretches.last_mut() {
            None if !in_sequence => return false,
            Some(last) if packet.at - last.to <= Stretch::PAUSE => {
                if packet.at >= last.to {
                    (last.to, last.packets[1]) = (packet.at, packet.packet);
                }
                return false;
            }
            _ => stream.stretches.push(stretch),
        }
        self.entries += 1;
        true
    }

    /// The streams that are RTP beyond doubt.
    pub(crate) fn iter(&self) -> impl Iterator<Item = &Stream> {
        self.streams.iter().filter(|stream| !stream.stretches.is_empty())
    }

    /// How many streams and later stretches there are.
    pub(crate) fn entries(&self) -> usize {
        self.entries
    }

    fn place(&mut self, packet: &RtpPacket) -> usize {
        let RtpPacket { src, dst, header, .. } = *packet;
        let is_of = |stream: &Stream| stream.ssrc == header.ssrc && stream.src == src && stream.dst == dst;
        for place in self.recent {
            if self.streams.get(place).is_some_and(is_of) {
                return place;
            }
        }
        let place = *self.places.entry((header.ssrc, src, dst)).or_insert_with(|| {
            self.entries += 1;
            self.streams.push(Stream {
                src,
                dst,
                ssrc: header.ssrc,
                payload_type: header.payload_type,
                first: packet.at,
                count: 0,
                stretches: Vec::new(),
                last_sequence: header.sequence,
            });
            self.streams.len() - 1
        });
        self.recent = [self.recent[1], place];
        place
    }
}
