//! Takes names and secrets out of a capture of ours and keeps every length, so that packets keep their numbers,
//! messages their Content-Length and streams their sequence; checksums are right again.

mod scan;
mod words;

use std::collections::BTreeMap;
use std::io;
use std::net::IpAddr;
use std::ops::Range;

use sipfarm_core::Instant;
use sipfarm_core::frame::{Frame, LinkType};

pub use self::words::Words;
use super::blocks::{broken, next, word};
use super::ip::{self, IpPacket, protocol};
use super::octets::{u8_at, u16_at, u32_at};
use super::write::{DECRYPTION_SECRETS, ENHANCED_PACKET};
use super::{link, marks};

const INTERFACE_DESCRIPTION: u32 = 1;
/// Octets of an enhanced packet block before the packet.
const BEFORE_PACKET: usize = 28;
/// Octets of one direction of a connection that are looked at as a whole.
const MAX_STREAM: usize = 64 << 20;
/// What opens a connection (RFC 9293 section 3.1).
const SYN: u8 = 2;

/// Takes names and secrets out of a capture as [`super::recorder::Recorder`] leaves it. Its secrets of TLS go
/// whole: what they opened stays shut.
///
/// # Errors
/// It is no such capture, or ends within a block.
pub fn redact(mut capture: &[u8], words: &mut Words) -> io::Result<Redacted> {
    let mut had_secrets = false;
    let mut file = Vec::with_capacity(capture.len());
    let mut packets = Vec::new();
    let mut links = Vec::new();
    let mut block = Vec::new();
    while next(&mut capture, &mut block)? {
        let kind = word(&block, 0).unwrap_or_default();
        match kind {
            DECRYPTION_SECRETS => {
                had_secrets = true;
                continue;
            }
            INTERFACE_DESCRIPTION => {
                let link = block.get(8..10).ok_or_else(|| broken("an interface"))?;
                links.push(LinkType(u32::from(u16::from_le_bytes([link[0], link[1]]))));
            }
            ENHANCED_PACKET => packets.push(packet(&block, file.len(), &links)?),
            _ => {}
        }
        file.extend_from_slice(&block);
    }
    let mut texts = Texts::default();
    let places: Vec<_> = packets.iter().filter_map(|packet| packet.place(&file)).collect();
    for place in &places {
        texts.add(place, &file);
    }
    for text in texts.texts {
        text.replace(&mut file, words);
    }
    for place in &places {
        place.sum(&mut file);
    }
    // By now it is known what is a name.
    for packet in &packets {
        if packet.link == marks::LINK {
            words.in_json(&mut file[packet.data.clone()]);
        }
        words.in_notes(&mut file[packet.options.clone()]);
    }
    Ok(Redacted { file, had_secrets })
}

/// A capture without names and secrets.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Redacted {
    /// Its octets.
    pub file: Vec<u8>,
    /// Whether it had secrets of TLS: without them nobody can derive again what rests on messages over TLS.
    pub had_secrets: bool,
}

/// A packet of the file.
struct Packet {
    link: LinkType,
    /// Where it lies …
    data: Range<usize>,
    /// … and its comments.
    options: Range<usize>,
}

fn packet(block: &[u8], start: usize, links: &[LinkType]) -> io::Result<Packet> {
    let broken = || broken("an enhanced packet block");
    let link = *links.get(word(block, 8).ok_or_else(broken)? as usize).ok_or_else(broken)?;
    let octets = word(block, 20).ok_or_else(broken)? as usize;
    let (end, trailer) = (BEFORE_PACKET + octets, block.len() - 4);
    let options = end.next_multiple_of(4);
    if options > trailer {
        return Err(broken());
    }
    Ok(Packet { link, data: start + BEFORE_PACKET..start + end, options: start + options..start + trailer })
}

impl Packet {
    /// What of IP it carries, and where; none of audio, of which a capture keeps no words.
    fn place(&self, file: &[u8]) -> Option<Place> {
        let data = file[self.data.clone()].to_vec();
        let frame = Frame { at: Instant::EPOCH, link: self.link, data };
        let within = link::ip_packet(&frame).filter(|_| frame.link != marks::LINK)?;
        let IpPacket { src, dst, protocol, payload, cut_off, fragment } = ip::parse(within)?;
        let before = payload.as_ptr().addr() - frame.data.as_ptr().addr();
        let payload = self.data.start + before..self.data.start + before + payload.len();
        Some(Place { src, dst, protocol, payload, cut_off, fragment })
    }
}

/// The payload of an IP packet in the file.
struct Place {
    src: IpAddr,
    dst: IpAddr,
    protocol: u8,
    payload: Range<usize>,
    cut_off: usize,
    fragment: Option<ip::Fragment>,
}

impl Place {
    /// Makes the checksum right. That of a whole datagram in fragments stays as it was.
    fn sum(&self, file: &mut [u8]) {
        let at = match self.protocol {
            protocol::UDP => 6,
            protocol::TCP => 16,
            protocol::ICMP | protocol::ICMPV6 => 2,
            _ => return,
        };
        let payload = &mut file[self.payload.clone()];
        let is_unused = self.protocol == protocol::UDP && u16_at(payload, 6) == Some(0);
        if self.cut_off > 0 || self.fragment.is_some() || is_unused || payload.len() < at + 2 {
            return;
        }
        payload[at..at + 2].fill(0);
        let between = (self.protocol != protocol::ICMP).then_some((self.src, self.dst));
        let sum = ip::sum(self.protocol, between, payload);
        let checksum = match !sum {
            0 if self.protocol == protocol::UDP => 0xffff,
            checksum => checksum,
        };
        payload[at..at + 2].copy_from_slice(&checksum.to_be_bytes());
    }
}

/// Octets that belong together, in pieces: where in the file each lies, and where in the text it begins. A
/// piece that came twice stands here twice.
#[derive(Default)]
struct Text {
    pieces: Vec<(usize, Range<usize>)>,
}

impl Text {
    fn replace(&self, file: &mut [u8], words: &mut Words) {
        let end = self.pieces.iter().map(|(at, piece)| at + piece.len()).max().unwrap_or(0);
        let mut text = vec![0; end];
        for (at, piece) in &self.pieces {
            text[*at..at + piece.len()].copy_from_slice(&file[piece.clone()]);
        }
        words.in_message(&mut text);
        for (at, piece) in &self.pieces {
            file[piece.clone()].copy_from_slice(&text[*at..at + piece.len()]);
        }
    }
}

/// All texts of a capture.
#[derive(Default)]
struct Texts {
    texts: Vec<Text>,
    /// Datagrams in fragments, by addresses, protocol and identification.
    fragments: BTreeMap<(IpAddr, IpAddr, u8, u32), usize>,
    /// Directions of connections, by addresses and ports: the text, and the number of its first octet.
    streams: BTreeMap<(IpAddr, IpAddr, u32), (usize, u32)>,
}

impl Texts {
    fn add(&mut self, place: &Place, file: &[u8]) {
        let Place { src, dst, protocol, payload, fragment, .. } = place;
        if let Some(fragment) = fragment {
            let text = *self.fragments.entry((*src, *dst, *protocol, fragment.id)).or_insert_with(|| {
                self.texts.push(Text::default());
                self.texts.len() - 1
            });
            return self.texts[text].pieces.push((fragment.offset, payload.clone()));
        }
        match *protocol {
            protocol::TCP => _ = self.segment(place, file),
            protocol::UDP | protocol::ICMP | protocol::ICMPV6 if payload.len() > 8 => {
                self.texts.push(Text { pieces: vec![(0, payload.start + 8..payload.end)] });
            }
            _ => {}
        }
    }

    /// RFC 9293 section 3.1.
    fn segment(&mut self, place: &Place, file: &[u8]) -> Option<()> {
        let head = &file[place.payload.clone()];
        let (ports, number) = (u32_at(head, 0)?, u32_at(head, 4)?);
        let (octets, flags) = (usize::from(u8_at(head, 12)? >> 4) * 4, u8_at(head, 13)?);
        let data = place.payload.start + octets..place.payload.end;
        let begins = flags & SYN != 0;
        let key = (place.src, place.dst, ports);
        let known = self.streams.get(&key).copied().filter(|_| !begins);
        let at = |first: u32| number.wrapping_sub(first) as usize;
        let (text, first) = match known.filter(|(_, first)| at(*first) < MAX_STREAM) {
            Some(known) => known,
            None => {
                self.texts.push(Text::default());
                let known = (self.texts.len() - 1, number.wrapping_add(u32::from(begins)));
                self.streams.insert(key, known);
                known
            }
        };
        if !begins && data.start < data.end {
            self.texts[text].pieces.push((at(first), data));
        }
        Some(())
    }
}
