//! Whole connections, frame by frame.
#![allow(clippy::unwrap_used)]

use sipfarm_core::frame::Frame;
use sipfarm_core::sip::{Defect, DefectKind};

use super::super::decode::Decoder;
use super::super::frames::{PSH, segment, tcp};
use super::*;

const PHONE: &str = "127.0.1.1:40000";
const PRIMARY: &str = "127.0.1.2:5060";

fn options(subject: &str) -> Vec<u8> {
    format!("OPTIONS sip:primary SIP/2.0\r\nSubject: {subject}\r\nContent-Length: 4\r\n\r\nbody").into_bytes()
}

/// A segment from the phone, at a time in nanoseconds that is its place in the test, from 0.
fn data(sequence: usize, payload: &[u8]) -> Frame {
    segment(0, PHONE, PRIMARY, ACK | PSH, sequence as u32, 1, payload)
}

fn syn(sequence: usize) -> Frame {
    segment(0, PHONE, PRIMARY, SYN, sequence as u32, 0, b"")
}

fn acknowledgement(acknowledged: usize) -> Frame {
    segment(0, PRIMARY, PHONE, ACK, 1, acknowledged as u32, b"")
}

/// What a connection shows: `subject@packets` of each message, and `trouble` with its stretch of
/// time, told by packets.
fn shown(frames: &[Frame]) -> Vec<String> {
    let mut decoder = Decoder::default();
    let mut shown = Vec::new();
    for (mut frame, number) in frames.iter().cloned().zip(1..) {
        frame.at = Instant::from_nanos(number.into());
        shown.extend(decoder.push(number, &frame).iter().filter_map(show));
    }
    shown
}

fn show(event: &Event) -> Option<String> {
    match &event.kind {
        EventKind::Sip(sip) => {
            let last = *event.packets.last().unwrap();
            assert_eq!(event.at, Instant::from_nanos(last.into()), "the time of the last packet");
            let subject = sip.message.header("Subject").unwrap_or("?").to_owned();
            Some(format!("{subject}@{:?}", event.packets))
        }
        EventKind::Mark(Mark::Trouble { since: Some(since), .. }) => {
            Some(format!("trouble@{}-{}", since.as_nanos(), event.at.as_nanos()))
        }
        _ => None,
    }
}

#[test]
fn messages_split_and_joined_by_segments() {
    let (a, b) = (options("a"), options("b"));
    let stream = [&a[..], b"\r\n\r\n", &b[..]].concat();
    for cut in 1..stream.len() {
        let frames = [syn(9), data(10, &stream[..cut]), data(10 + cut, &stream[cut..])];
        let first = if cut >= a.len() { "a@[2]" } else { "a@[2, 3]" };
        let second = if cut <= a.len() + 4 { "b@[3]" } else { "b@[2, 3]" };
        assert_eq!(shown(&frames), [first, second], "cut at {cut}");
    }
    assert_eq!(shown(&[syn(9), data(10, &stream)]), ["a@[2]", "b@[2]"]);
}

#[test]
fn segments_out_of_order_and_sent_again() {
    let (a, b) = (options("a"), options("b"));
    let second = 10 + a.len();
    let frames = [syn(9), data(second, &b), data(10, &a), data(10, &a), data(second, &b)];
    assert_eq!(shown(&frames), ["a@[3]", "b@[2]"], "each at the time when its own octets passed");
}

#[test]
fn a_lost_segment_is_trouble_and_what_follows_is_found_again() {
    let (a, b, c) = (options("a"), options("b"), options("c"));
    let (second, third) = (10 + a.len(), 10 + a.len() + b.len());
    let frames = [syn(9), data(10, &a), data(third, &c), acknowledgement(third + c.len())];
    assert_eq!(shown(&frames), ["a@[2]", "trouble@2-4", "c@[3]"]);

    let within_b = second + 20;
    let rest = [&b[20..], &c[..]].concat();
    let frames = [syn(9), data(10, &a), data(within_b, &rest), acknowledgement(within_b + rest.len())];
    assert_eq!(shown(&frames), ["a@[2]", "trouble@2-4", "c@[3]"], "the rest of b is passed over");
}

#[test]
fn a_capture_may_begin_within_a_connection() {
    let (a, b) = (options("a"), options("b"));
    let stream = [&a[30..], &b[..]].concat();
    assert_eq!(shown(&[data(10, &stream)]), ["b@[1]"]);
    assert_eq!(shown(&[data(10, &a)]), ["a@[1]"]);
}

#[test]
fn addresses_may_serve_one_connection_after_another() {
    let a = options("a");
    let reset = segment(0, PRIMARY, PHONE, RST, 1, 0, b"");
    let frames = [syn(9), data(10, &a[..20]), reset, syn(5_000), data(5_001, &a)];
    assert_eq!(shown(&frames), ["a@[5]"]);
    let frames = [syn(9), data(10, &a[..20]), syn(9), data(30, &a[20..])];
    assert_eq!(shown(&frames), ["a@[2, 4]"], "a SYN that is sent again begins nothing");
}

#[test]
fn who_has_not_heard_the_reset_sends_again_what_is_known() {
    let a = options("a");
    let reset = segment(0, PRIMARY, PHONE, RST, 1, 0, b"");
    let frames = [syn(9), data(10, &a), reset.clone(), data(10, &a), reset];
    assert_eq!(shown(&frames), ["a@[2]"]);
}

#[test]
fn a_message_that_its_sender_never_ends_has_defects() {
    let a = options("a");
    let cut = &a[..a.len() - 2];
    let fin = segment(0, PHONE, PRIMARY, FIN | ACK, (10 + cut.len()) as u32, 1, b"");
    let mut decoder = Decoder::default();
    let frames = [syn(9), data(10, cut), fin];
    let events: Vec<_> = frames.iter().zip(1..).flat_map(|(frame, n)| decoder.push(n, frame)).collect();
    let messages: Vec<_> = events
        .iter()
        .filter_map(|event| match &event.kind {
            EventKind::Sip(sip) => {
                let is_short = |defect: &Defect| defect.kind == DefectKind::BodyTooShort;
                Some((event.packets.clone(), sip.message.defects.iter().any(is_short)))
            }
            _ => None,
        })
        .collect();
    assert_eq!(messages, [(vec![2, 3], true)]);
}

#[test]
fn after_a_message_without_a_length_the_next_one_is_looked_for() {
    let a = b"OPTIONS sip:primary SIP/2.0\r\nSubject: a\r\n\r\nSIP/2.0 200 OK\r\nsome body\r\n".to_vec();
    let stream = [&a[..], &options("b")].concat();
    for cut in [50, a.len() - 5, a.len(), stream.len() - 3] {
        let frames = [syn(9), data(10, &stream[..cut]), data(10 + cut, &stream[cut..])];
        let subjects: Vec<_> = shown(&frames).iter().map(|shown| shown[..1].to_owned()).collect();
        assert_eq!(subjects, ["a", "b"], "cut at {cut}");
    }
}

#[test]
fn other_protocols_are_left_alone() {
    let web = "127.0.1.2:80";
    let get = b"GET / HTTP/1.1\r\nHost: x\r\n\r\n";
    let tls = [0x16, 3, 1, 0, 200, 1, b'\n', 7];
    let lost = |dst, first: &[u8]| {
        let begin = segment(0, PHONE, dst, SYN, 9, 0, b"");
        let some = segment(0, PHONE, dst, ACK, 10, 1, first);
        let later = segment(0, PHONE, dst, ACK, 5_000, 1, b"more");
        let all = segment(0, dst, PHONE, ACK, 1, 5_004, b"");
        shown(&[begin, some, later, all])
    };
    assert_eq!(lost(web, get), [""; 0]);
    assert_eq!(lost("127.0.1.2:5061", &tls), [""; 0]);
    assert_eq!(lost(PRIMARY, &options("a")), ["a@[2]", "trouble@2-4"]);
}

#[test]
fn a_message_longer_than_the_limit_is_trouble_and_not_held() {
    let head = b"OPTIONS sip:primary SIP/2.0\r\nContent-Length: 900000000\r\n\r\n";
    let mut frames = vec![syn(9), data(10, head)];
    let mut sequence = 10 + head.len();
    for _ in 0..500 {
        frames.push(data(sequence, &[b'x'; 1_400]));
        sequence += 1_400;
    }
    frames.push(data(sequence, b"\r\n"));
    frames.push(data(sequence + 2, &options("b")));
    assert_eq!(shown(&frames), ["trouble@2-2", "b@[504]"]);
}

#[test]
fn what_strangers_lose_is_no_trouble_and_they_do_not_drive_out_the_phones_connection() {
    let stranger =
        |n: usize| SocketAddr::from(([127, 0, 9, (n / 60_000) as u8], (n % 60_000 + 1_000) as u16));
    let (phone, primary): (SocketAddr, SocketAddr) = (PHONE.parse().unwrap(), PRIMARY.parse().unwrap());
    let (ports, whose) = (Ports::default(), Whose::of(PHONE, PRIMARY));
    let message = options("a");
    let mut streams = Streams::default();
    let mut shown = Vec::new();
    let mut push = |src: SocketAddr, dst: SocketAddr, data: &[u8]| {
        let events = streams
            .push(
                Instant::EPOCH,
                &[1],
                (src.ip(), dst.ip()),
                data,
                &Known { ports: &ports, whose: &whose, secrets: &Secrets::default() },
            )
            .unwrap();
        let told = |event: &Event| !matches!(event.kind, EventKind::Tcp(_));
        shown.extend(events.into_iter().filter(told));
    };
    push(phone, primary, &tcp(phone, primary, SYN, 9, 0, b""));
    push(phone, primary, &tcp(phone, primary, ACK, 10, 0, &message[..20]));
    for n in 0..=MAX_FLOWS {
        let stranger = stranger(n);
        push(stranger, primary, &tcp(stranger, primary, SYN, 9, 0, b""));
        push(stranger, primary, &tcp(stranger, primary, ACK, 10, 0, &message[..20]));
        push(stranger, primary, &tcp(stranger, primary, ACK, 90, 0, &message));
        push(primary, stranger, &tcp(primary, stranger, ACK, 1, 91, b""));
    }
    push(phone, primary, &tcp(phone, primary, ACK, 30, 0, &message[20..]));
    let is_the_phones = |event: &Event| matches!(&event.kind, EventKind::Sip(sip) if sip.src == phone);
    assert!(shown.iter().any(is_the_phones), "the phone's message is put together");
    assert!(!shown.iter().any(|event| matches!(event.kind, EventKind::Mark(_))), "and nothing is trouble");
}

#[test]
fn connections_are_bounded() {
    let mut streams = Streams::default();
    let way = ("127.0.0.1".parse().unwrap(), "127.0.0.2".parse().unwrap());
    for port in 1_000..3_500 {
        let (src, dst) = (SocketAddr::new(way.0, port), SocketAddr::new(way.1, 5060));
        let octets = [options("a"), vec![b'x'; 30_000]].concat();
        let begin = tcp(src, dst, SYN, 9, 0, b"");
        let segment = tcp(src, dst, ACK, 11, 0, &octets);
        for data in [begin, segment] {
            streams.push(
                Instant::EPOCH,
                &[1],
                way,
                &data,
                &Known { ports: &Ports::default(), whose: &Whose::default(), secrets: &Secrets::default() },
            );
        }
        assert!(streams.flows.len() <= MAX_FLOWS && streams.held <= MAX_HELD);
    }
    let held: usize = streams.flows.values().map(Flow::held).sum();
    assert_eq!(streams.held, held, "the count is right");
}
