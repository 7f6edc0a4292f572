//! What holds for whatever the network or a file brings: no panic, and no more is found than there
//! is.
#![allow(clippy::unwrap_used)]

use std::net::SocketAddr;

use proptest::collection::vec;
use proptest::prelude::*;
use proptest::sample::{Index, select};
use sipfarm_core::Instant;
use sipfarm_core::frame::{Frame, LinkType};
use sipfarm_judge::mark::Mark;

use super::audited::packets;
use super::decode::Decoder;
use super::frames::*;
use super::recorder::{Mode, Recorder};

const PHONE: &str = "127.0.1.1:5060";
const PRIMARY: &str = "127.0.1.2:5060";
const PHONE_V6: &str = "[fd00::1]:5060";
const PRIMARY_V6: &str = "[fd00::2]:5060";
const MESSAGE: &[u8] = b"INVITE sip:1002@primary SIP/2.0\r\nVia: SIP/2.0/TCP 127.0.1.1;branch=z9hG4bK1\r\n\
    Call-ID: 1\r\nCSeq: 1 INVITE\r\nContent-Length: 9\r\n\r\nsome body";

/// Good frames of every kind that the decoder knows.
fn good_frames() -> Vec<Frame> {
    let mut frames = Vec::new();
    for (phone, primary) in [(PHONE, PRIMARY), (PHONE_V6, PRIMARY_V6)] {
        let (src, dst): (SocketAddr, SocketAddr) = (addr(phone), addr(primary));
        let datagram = udp(src, dst, MESSAGE);
        let packet = ip(src.ip(), dst.ip(), UDP, &datagram);
        let pieces = fragments(src.ip(), dst.ip(), UDP, &datagram, 64);
        frames.extend(pieces.iter().map(|piece| ethernet(0, piece)));
        frames.push(ethernet(0, &icmp(dst.ip(), src.ip(), if phone == PHONE { 3 } else { 1 }, 3, &packet)));
        for (link, head) in [(0, 4), (1, 14), (101, 0), (108, 4), (113, 16), (276, 20)] {
            let mut data = vec![0; head];
            let ethertype = if phone == PHONE { [0x08, 0x00] } else { [0x86, 0xdd] };
            match link {
                1 | 113 => data[head - 2..].copy_from_slice(&ethertype),
                276 => data[..2].copy_from_slice(&ethertype),
                _ => {}
            }
            data.extend_from_slice(&packet);
            frames.push(Frame { at: Instant::EPOCH, link: LinkType(link), data });
        }
        frames.push(segment(0, phone, primary, SYN, 9, 0, b""));
        frames.extend(
            MESSAGE
                .chunks(50)
                .zip(0u32..)
                .map(|(piece, n)| segment(0, phone, primary, ACK, 10 + n * 50, 1, piece)),
        );
        frames.push(segment(0, primary, phone, ACK, 1, 10 + MESSAGE.len() as u32, b""));
        frames.push(segment(0, phone, primary, FIN | ACK, 10 + MESSAGE.len() as u32, 1, b""));
    }
    frames.push(super::marks::to_frame(&Mark::End, Instant::EPOCH));
    frames
}

/// A change to some octets.
#[derive(Debug, Clone)]
enum Change {
    Set(Index, u8),
    Cut(Index),
    Insert(Index, Vec<u8>),
    Remove(Index, usize),
}

impl Change {
    fn apply(&self, data: &mut Vec<u8>) {
        if data.is_empty() {
            return;
        }
        match self {
            Change::Set(at, octet) => *at.get_mut(data) = *octet,
            Change::Cut(at) => data.truncate(at.index(data.len())),
            Change::Insert(at, octets) => {
                let at = at.index(data.len());
                data.splice(at..at, octets.iter().copied());
            }
            Change::Remove(at, octets) => {
                let at = at.index(data.len());
                data.drain(at..(at + octets).min(data.len()));
            }
        }
    }
}

fn change() -> impl Strategy<Value = Change> {
    prop_oneof![
        6 => (any::<Index>(), any::<u8>()).prop_map(|(at, octet)| Change::Set(at, octet)),
        // Lengths, flags and offsets break at their ends.
        4 => (any::<Index>(), select(vec![0, 1, 0x7f, 0x80, 0xfe, 0xff])).prop_map(|(at, octet)| Change::Set(at, octet)),
        1 => any::<Index>().prop_map(Change::Cut),
        1 => (any::<Index>(), vec(any::<u8>(), 1..9)).prop_map(|(at, octets)| Change::Insert(at, octets)),
        1 => (any::<Index>(), 1..9usize).prop_map(|(at, octets)| Change::Remove(at, octets)),
    ]
}

fn changed_frame() -> impl Strategy<Value = Frame> {
    let times = prop_oneof![0..10_000_000_000i64, any::<i64>()];
    (select(good_frames()), vec(change(), 0..4), times).prop_map(|(mut frame, changes, at)| {
        changes.iter().for_each(|change| change.apply(&mut frame.data));
        frame.at = Instant::from_nanos(at);
        frame
    })
}

fn random_frame() -> impl Strategy<Value = Frame> {
    let links = select(vec![0, 1, 12, 101, 108, 113, 228, 229, 252, 276, 9_999]);
    (links, vec(any::<u8>(), 0..120), any::<i64>()).prop_map(|(link, data, at)| Frame {
        at: Instant::from_nanos(at),
        link: LinkType(link),
        data,
    })
}

/// A capture of ours, and the same packets as other programs might have written them.
fn good_file() -> Vec<u8> {
    let folder = tempfile::tempdir().unwrap();
    let target = folder.path().join("001.pcapng");
    let mut recorder = Recorder::new(Some(target.clone()), Mode::Buffered).unwrap();
    for frame in good_frames() {
        recorder.frame(frame);
    }
    recorder.mark(Mark::End, Instant::EPOCH);
    recorder.finish().unwrap();
    std::fs::read(target).unwrap()
}

fn pcap() -> Vec<u8> {
    let mut file = [0xa1b2_c3d4u32, 0x0004_0002, 0, 0, 65_535, 1].map(u32::to_le_bytes).concat();
    for frame in good_frames().iter().filter(|frame| frame.link == LinkType::ETHERNET) {
        let octets = frame.data.len() as u32;
        file.extend([1, 2, octets, octets].map(u32::to_le_bytes).concat());
        file.extend_from_slice(&frame.data);
    }
    file
}

proptest! {
    #[test]
    fn no_frame_makes_the_decoder_panic(
        frames in vec(prop_oneof![8 => changed_frame(), 1 => random_frame()], 1..60)
    ) {
        let mut decoder = Decoder::default();
        for (frame, number) in frames.iter().zip(1..) {
            for event in decoder.push(number, frame) {
                prop_assert!(!event.packets.is_empty());
                prop_assert!(event.packets.is_sorted() && event.packets.iter().all(|packet| *packet <= number));
            }
        }
    }

    #[test]
    fn no_file_makes_the_reader_panic(
        changes in vec(change(), 1..6), file in select(vec![good_file(), pcap()])
    ) {
        let mut file = file;
        changes.iter().for_each(|change| change.apply(&mut file));
        packets(&file);
    }

    #[test]
    fn no_octets_make_the_reader_panic(
        magic in select(vec![vec![], vec![0x0a, 0x0d, 0x0d, 0x0a], vec![0xd4, 0xc3, 0xb2, 0xa1]]),
        rest in vec(any::<u8>(), 0..200)
    ) {
        packets(&[magic, rest].concat());
    }
}

#[test]
fn the_good_ones_are_good() {
    let mut decoder = Decoder::default();
    let events: usize = good_frames().iter().zip(1..).map(|(frame, n)| decoder.push(n, frame).len()).sum();
    // Each family: a fragmented datagram, an ICMP error, six link types, SYN, a message, FIN. A mark.
    assert_eq!(events, 2 * 11 + 1);
    assert_eq!(packets(&good_file()), good_frames().len() + 1);
    assert_eq!(
        packets(&pcap()),
        good_frames().iter().filter(|frame| frame.link == LinkType::ETHERNET).count()
    );
}
