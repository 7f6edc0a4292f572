//! Our captures and our decoder beside Wireshark's: the same packets, numbers and nanoseconds.
#![allow(missing_docs, clippy::unwrap_used)]

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

use sipfarm::capture::read::{Recording, read};
use sipfarm::capture::recorder::{Mode, Recorder};
use sipfarm::net::{self, frames::forged_icmp};
use sipfarm_core::dns::{DnsMessage, Record, RecordData, RecordKind, ResponseCode, Srv, to_stream};
use sipfarm_core::frame::Frame;
use sipfarm_core::machine::{IcmpKind, Quoted, Transport};
use sipfarm_core::profile::Profile;
use sipfarm_core::{Instant, Span};
use sipfarm_judge::mark::{Mark, Node, Scene, Sight};
use sipfarm_judge::timeline::{EventKind, TcpStep, Timeline};

#[path = "support/frames.rs"]
mod frames;
#[path = "support/skip.rs"]
mod skip;
#[path = "support/tshark.rs"]
mod tshark;

use frames::*;

const PHONE: &str = "127.0.1.1:5060";
const PHONE_TCP: &str = "127.0.1.1:40123";
const PRIMARY: &str = "127.0.1.2:5060";
const PHONE_V6: &str = "[fd00::1]:5060";
const PRIMARY_V6: &str = "[fd00::2]:5080";
/// 2026-09-21T14:13:20Z, and then some.
const START: i64 = 1_790_000_000_123_456_789;

fn request(method: &str, padding: usize) -> Vec<u8> {
    format!(
        "{method} sip:1002@127.0.1.2 SIP/2.0\r\nVia: SIP/2.0/UDP 127.0.1.1;branch=z9hG4bK{method}\r\n\
         Max-Forwards: 70\r\nFrom: <sip:1001@127.0.1.1>;tag=1\r\nTo: <sip:1002@127.0.1.2>\r\n\
         Call-ID: {method}@127.0.1.1\r\nCSeq: 1 {method}\r\nContent-Type: text/plain\r\n\
         Content-Length: {padding}\r\n\r\n{}",
        "x".repeat(padding)
    )
    .into_bytes()
}

fn response(code: u16, method: &str) -> Vec<u8> {
    format!(
        "SIP/2.0 {code} Something\r\nVia: SIP/2.0/UDP 127.0.1.1;branch=z9hG4bK{method}\r\n\
         From: <sip:1001@127.0.1.1>;tag=1\r\nTo: <sip:1002@127.0.1.2>;tag=2\r\n\
         Call-ID: {method}@127.0.1.1\r\nCSeq: 1 {method}\r\nContent-Length: 0\r\n\r\n"
    )
    .into_bytes()
}

/// Gives each frame its time, 1.000001 ms after the one before.
#[derive(Default)]
struct Wire {
    frames: Vec<Frame>,
}

impl Wire {
    fn put(&mut self, mut frame: Frame) {
        frame.at = Instant::from_nanos(START + self.frames.len() as i64 * 1_000_001);
        self.frames.push(frame);
    }

    fn udp(&mut self, src: &str, dst: &str, payload: &[u8]) {
        self.put(datagram(0, src, dst, payload));
    }

    fn tcp(&mut self, src: &str, dst: &str, flags: u8, sequence: u32, acknowledged: u32, payload: &[u8]) {
        self.put(segment(0, src, dst, flags, sequence, acknowledged, payload));
    }

    fn packet(&mut self, packet: &[u8]) {
        self.put(ethernet(0, packet));
    }
}

/// A bit of everything that the decoder knows.
fn made_up() -> Vec<Frame> {
    let mut wire = Wire::default();
    udp_with_icmp(&mut wire);
    tcp_connections(&mut wire);
    ipv6_and_fragments(&mut wire);
    wire.udp("127.0.1.1:4000", "127.0.1.2:4000", &[0x80, 8, 0, 1, 0, 0, 0, 160, 1, 2, 3, 4, 0xd5]);
    wire.udp(PHONE, PRIMARY, b"\r\n\r\n");
    wire.frames
}

fn udp_with_icmp(wire: &mut Wire) {
    let (phone, primary) = (addr(PHONE), addr(PRIMARY));
    wire.udp(PHONE, PRIMARY, &request("REGISTER", 0));
    wire.udp(PRIMARY, PHONE, &response(401, "REGISTER"));
    wire.udp("127.0.1.1:33333", "127.0.1.2:44444", &request("OPTIONS", 0));
    let quoted = ip(phone.ip(), primary.ip(), UDP, &frames::udp(phone, primary, &request("REGISTER", 0)));
    wire.packet(&icmp(primary.ip(), phone.ip(), 3, 3, &quoted));
}

fn tcp_connections(wire: &mut Wire) {
    let invite = request("INVITE", 2_000);
    let (head, tail) = invite.split_at(1_400);
    let answers = [response(100, "INVITE"), response(180, "INVITE")].concat();
    let (sent, answered) = (101 + invite.len() as u32, 901 + answers.len() as u32);
    wire.tcp(PHONE_TCP, PRIMARY, SYN, 100, 0, b"");
    wire.tcp(PRIMARY, PHONE_TCP, SYN | ACK, 900, 101, b"");
    wire.tcp(PHONE_TCP, PRIMARY, ACK, 101, 901, b"");
    wire.tcp(PHONE_TCP, PRIMARY, ACK, 101, 901, head);
    wire.tcp(PHONE_TCP, PRIMARY, ACK | PSH, 1_501, 901, tail);
    wire.tcp(PRIMARY, PHONE_TCP, ACK | PSH, 901, sent, &answers);
    wire.tcp(PRIMARY, PHONE_TCP, ACK | PSH, 901, sent, &answers);
    wire.tcp(PHONE_TCP, PRIMARY, ACK, sent, answered, b"");
    wire.tcp(PRIMARY, PHONE_TCP, ACK | FIN, answered, sent, b"");
    wire.tcp(PHONE_TCP, PRIMARY, ACK | RST, sent, answered + 1, b"");
}

fn ipv6_and_fragments(wire: &mut Wire) {
    wire.udp(PHONE_V6, PRIMARY_V6, &request("SUBSCRIBE", 0));
    wire.udp(PRIMARY_V6, PHONE_V6, &response(202, "SUBSCRIBE"));
    let (phone, primary) = (addr(PHONE_V6), addr(PRIMARY_V6));
    let quoted = ip(phone.ip(), primary.ip(), UDP, &frames::udp(phone, primary, &request("SUBSCRIBE", 0)));
    wire.packet(&icmp(primary.ip(), phone.ip(), 1, 4, &quoted));
    for (src, dst) in [(PHONE, PRIMARY), (PHONE_V6, PRIMARY_V6)] {
        let (src, dst) = (addr(src), addr(dst));
        let payload = frames::udp(src, dst, &request("MESSAGE", 4_000));
        let mut pieces = fragments(src.ip(), dst.ip(), UDP, &payload, 1_480);
        pieces.swap(0, 2); // the last one first
        pieces.iter().for_each(|piece| wire.packet(piece));
    }
}

fn scene() -> Scene {
    let node = |name: &str, addr: &str| Node {
        name: name.into(),
        addr: addr.parse().unwrap(),
        tls: None,
        server: true,
        dns: false,
    };
    Scene {
        name: "a made-up scenario".into(),
        feature: "features/made_up.feature".into(),
        line: 3,
        tags: vec!["YL-01".into()],
        seed: 7,
        net: "virtual".into(),
        sight: Sight { frames: true, lossy: false, latency: Span::ZERO },
        phone: vec![addr(PHONE).ip()],
        lines: Vec::new(),
        nodes: vec![node("primary", PRIMARY), node("secondary", PRIMARY_V6)],
        servers: Vec::new(),
        profile: Profile::default(),
        time_scale: 1.0,
    }
}

fn marks() -> [Mark; 3] {
    [
        Mark::Scenario(Box::new(scene())),
        Mark::Step { keyword: "When".into(), text: "the phone dials „1002“".into(), line: 9 },
        Mark::Fault { node: "primary".into(), fault: "status 503".into(), on: true },
    ]
}

/// Records marks, then frames, then the end; gives the file and what the recorder saw.
fn record(folder: &Path, mode: Mode) -> (PathBuf, Timeline, u32) {
    let target = folder.join("001.pcapng");
    let mut recorder = Recorder::new(Some(target.clone()), mode).unwrap();
    let mut last = 0;
    for mark in marks() {
        last = recorder.mark(mark, Instant::from_nanos(START - 5));
    }
    for frame in made_up() {
        last = recorder.frame(frame);
    }
    last = last.max(recorder.mark(Mark::End, Instant::from_nanos(START + 999_999_999)));
    let timeline = recorder.timeline().clone();
    assert_eq!(recorder.finish().unwrap().as_ref(), Some(&target));
    (target, timeline, last)
}

/// Methods and status codes by the packet that completed them, with its time.
type SipPackets = BTreeMap<u32, (Instant, Vec<String>)>;

fn ours(timeline: &Timeline) -> SipPackets {
    let mut packets = SipPackets::new();
    for (event, sip) in timeline.sip() {
        let what = match sip.message.status() {
            Some(code) => code.to_string(),
            None => sip.message.method().unwrap().to_string(),
        };
        let number = *event.packets.last().unwrap();
        packets.entry(number).or_insert((event.at, Vec::new())).1.push(what);
    }
    packets
}

fn theirs(file: &Path) -> SipPackets {
    let fields = ["frame.number", "frame.time_epoch", "sip.Method", "sip.Status-Code"];
    // What an ICMP error quotes is no message.
    let rows = tshark::fields(file, "(sip.Method or sip.Status-Code) and not icmp and not icmpv6", &fields);
    rows.into_iter()
        .map(|row| {
            let what = row[2..].iter().flat_map(|values| values.split(',')).filter(|value| !value.is_empty());
            (row[0].parse().unwrap(), (tshark::instant(&row[1]), what.map(str::to_owned).collect()))
        })
        .collect()
}

#[test]
fn wireshark_sees_the_same_sip_packets_at_the_same_nanosecond() {
    if !tshark::is_installed() {
        return;
    }
    for mode in [Mode::Buffered, Mode::Streamed] {
        let folder = tempfile::tempdir().unwrap();
        let (file, live, packets) = record(folder.path(), mode);
        let recording: Recording = read(&file).unwrap();
        assert_eq!((recording.packets, recording.notes.len()), (packets, 0));
        assert_eq!(recording.timeline.events(), live.events(), "the file says what the live run saw");
        let ours = ours(&live);
        assert_eq!(ours.values().map(|(_, what)| what.len()).sum::<usize>(), 10, "{ours:?}");
        assert_eq!(ours, theirs(&file));
        assert_eq!(tshark::complaints(&file), "");
    }
}

#[test]
fn wireshark_sees_the_same_icmp_errors_and_the_same_life_of_connections() {
    if !tshark::is_installed() {
        return;
    }
    let folder = tempfile::tempdir().unwrap();
    let (file, live, _) = record(folder.path(), Mode::Buffered);
    let number = |packets: &[u32]| packets.last().unwrap().to_string();
    let mut icmp = Vec::new();
    let mut tcp = Vec::new();
    for event in live.events() {
        match &event.kind {
            EventKind::Icmp(error) => {
                let kind = if error.kind.v6 { ["", "", "1", "4"] } else { ["3", "3", "", ""] };
                assert_eq!(error.kind.code.to_string(), kind.concat()[1..]);
                let (_, from, to) = error.quoted.unwrap();
                let ports = [from.port().to_string(), to.port().to_string()];
                icmp.push(
                    [vec![number(&event.packets)], kind.map(str::to_owned).to_vec(), ports.to_vec()].concat(),
                );
            }
            EventKind::Tcp(step) => {
                let flags = match step.what {
                    TcpStep::Syn => "0x0002",
                    TcpStep::SynAck => "0x0012",
                    TcpStep::Fin => "0x0011",
                    TcpStep::Rst => "0x0014",
                };
                tcp.push(vec![number(&event.packets), flags.to_owned()]);
            }
            _ => {}
        }
    }
    let fields = [
        "frame.number",
        "icmp.type",
        "icmp.code",
        "icmpv6.type",
        "icmpv6.code",
        "udp.srcport",
        "udp.dstport",
    ];
    assert_eq!(icmp.len(), 2);
    assert_eq!(tshark::fields(&file, "icmp or icmpv6", &fields), icmp);
    let filter = "tcp.flags.syn == 1 or tcp.flags.fin == 1 or tcp.flags.reset == 1";
    assert_eq!(tcp.len(), 4);
    assert_eq!(tshark::fields(&file, filter, &["frame.number", "tcp.flags"]), tcp);
}

/// Queries and answers over UDP and TCP; two answers in one segment, one of them in two segments.
fn dns_wire() -> Vec<Frame> {
    let (phone, phone_tcp, dns) = ("127.0.1.1:33000", "127.0.1.1:40125", "127.0.1.9:53");
    let mut wire = Wire::default();
    let query = |id, name: &str, kind| DnsMessage::query(id, name, kind);
    let answer = |query: &DnsMessage, priorities: &[u16]| {
        let srv = |&priority| Record {
            name: query.questions[0].name.clone(),
            ttl_s: 30,
            data: RecordData::Srv(Srv { priority, weight: 0, port: 5060, target: "p.example.test".into() }),
        };
        query.answer(ResponseCode::NoError, priorities.iter().map(srv).collect(), Vec::new())
    };
    let srv = query(1, "_sip._udp.example.test", RecordKind::Srv);
    wire.udp(phone, dns, &srv.encode().unwrap());
    wire.udp(dns, phone, &DnsMessage { truncated: true, ..answer(&srv, &[]) }.encode().unwrap());
    let gone = query(2, "nobody.example.test", RecordKind::A);
    wire.udp(phone, dns, &gone.encode().unwrap());
    wire.udp(dns, phone, &gone.answer(ResponseCode::NxDomain, Vec::new(), Vec::new()).encode().unwrap());
    let asked = to_stream(&srv.encode().unwrap()).unwrap();
    let told = to_stream(&answer(&srv, &[10, 20]).encode().unwrap()).unwrap();
    let (head, tail) = told.split_at(30);
    let (asked_end, head_end) = (101 + asked.len() as u32, 901 + head.len() as u32);
    wire.tcp(phone_tcp, dns, SYN, 100, 0, b"");
    wire.tcp(dns, phone_tcp, SYN | ACK, 900, 101, b"");
    wire.tcp(phone_tcp, dns, ACK, 101, 901, b"");
    wire.tcp(phone_tcp, dns, ACK | PSH, 101, 901, &asked);
    wire.tcp(dns, phone_tcp, ACK, 901, asked_end, head);
    wire.tcp(dns, phone_tcp, ACK | PSH, head_end, asked_end, &[tail, &told].concat());
    wire.frames
}

#[test]
fn wireshark_reads_the_same_dns() {
    if !tshark::is_installed() {
        return;
    }
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("001.pcapng");
    let mut recorder = Recorder::new(Some(file.clone()), Mode::Buffered).unwrap();
    for frame in dns_wire() {
        recorder.frame(frame);
    }
    let timeline = recorder.timeline().clone();
    recorder.finish().unwrap();
    let ours = timeline.dns().map(|(event, dns)| {
        let message = &dns.message;
        let question = message.question().unwrap();
        let is = |yes: bool| if yes { "True" } else { "False" }.to_owned();
        let code = if message.code == ResponseCode::NxDomain { 3 } else { 0 };
        (
            *event.packets.last().unwrap(),
            [
                question.name.clone(),
                is(message.is_response),
                is(message.is_response && message.truncated),
                if message.is_response { code.to_string() } else { String::new() },
                if message.is_response { message.answers.len().to_string() } else { "0".to_owned() },
            ],
        )
    });
    let mut ours_by_packet: BTreeMap<u32, Vec<[String; 5]>> = BTreeMap::new();
    ours.for_each(|(packet, fields)| ours_by_packet.entry(packet).or_default().push(fields));
    let fields = [
        "frame.number",
        "dns.qry.name",
        "dns.flags.response",
        "dns.flags.truncated",
        "dns.flags.rcode",
        "dns.count.answers",
    ];
    let mut theirs: BTreeMap<u32, Vec<[String; 5]>> = BTreeMap::new();
    for row in tshark::fields(&file, "dns", &fields) {
        let values: Vec<Vec<&str>> = row[1..].iter().map(|values| values.split(',').collect()).collect();
        for at in 0..values[0].len() {
            let value = |field: usize| {
                let value = values[field].get(at).copied().unwrap_or_default();
                match value {
                    "1" if (1..3).contains(&field) => "True",
                    "0" if (1..3).contains(&field) => "False",
                    value => value,
                }
                .to_owned()
            };
            theirs.entry(row[0].parse().unwrap()).or_default().push(std::array::from_fn(value));
        }
    }
    assert_eq!(ours_by_packet.values().map(Vec::len).sum::<usize>(), 7);
    assert_eq!(ours_by_packet, theirs);
    assert_eq!(tshark::complaints(&file), "");
}

#[test]
fn wireshark_shows_marks_in_plain_words_and_as_json() {
    if !tshark::is_installed() {
        return;
    }
    let folder = tempfile::tempdir().unwrap();
    let (file, ..) = record(folder.path(), Mode::Buffered);
    let rows = tshark::fields(&file, "frame.comment", &["frame.number", "frame.protocols", "frame.comment"]);
    let shown: Vec<_> = rows.iter().map(|row| row.join(" ")).collect();
    let last = shown.last().unwrap().split(' ').next().unwrap().to_owned();
    assert_eq!(
        shown,
        [
            "1 exported_pdu:json scenario a made-up scenario (features/made_up.feature:3), seed 7",
            "2 exported_pdu:json When the phone dials „1002“ (line 9)",
            "3 exported_pdu:json fault on at primary: status 503",
            &format!("{last} exported_pdu:json end of the scenario"),
        ]
    );
    let members = tshark::fields(&file, "json.key == \"fault\"", &["json.value.string"]);
    assert_eq!(members, [["fault,primary,status 503"]]);
}

#[test]
fn wireshark_knows_the_nodes_by_name() {
    if !tshark::is_installed() {
        return;
    }
    let folder = tempfile::tempdir().unwrap();
    let (file, ..) = record(folder.path(), Mode::Buffered);
    let named = |filter, fields: &[&str]| tshark::named(&file, filter, fields)[0].clone();
    assert_eq!(named("sip.Method == REGISTER", &["ip.src_host", "ip.dst_host"]), ["phone", "primary"]);
    assert_eq!(named("sip.Method == SUBSCRIBE", &["ipv6.dst_host"]), ["secondary"]);
}

#[test]
fn a_capture_of_a_killed_run_is_read_as_far_as_it_goes() {
    if !tshark::is_installed() {
        return;
    }
    let folder = tempfile::tempdir().unwrap();
    let target = folder.path().join("001.pcapng");
    let mut recorder = Recorder::new(Some(target.clone()), Mode::Streamed).unwrap();
    for (frame, number) in made_up().into_iter().take(8).zip(1..) {
        assert_eq!(recorder.frame(frame), number);
        // Nothing was closed, and all that was recorded is on disk.
        assert_eq!(read(&target).unwrap().packets, number);
    }
    assert_eq!(tshark::fields(&target, "frame", &["frame.number"]).len(), 8);
    assert_eq!(tshark::complaints(&target), "");
}

/// Errors of our own making, with and without the whole datagram in them, in the eyes of tshark and in ours.
#[test]
fn a_forged_error_is_sound_in_either_family() {
    for (phone, primary, kind) in [
        (PHONE, PRIMARY, IcmpKind { v6: false, kind: 3, code: 3 }),
        (PHONE_V6, PRIMARY_V6, IcmpKind { v6: true, kind: 1, code: 4 }),
    ] {
        let (phone, primary) = (addr(phone), addr(primary));
        let folder = tempfile::tempdir().unwrap();
        let mut recorder = Recorder::new(Some(folder.path().join("icmp.pcapng")), Mode::Buffered).unwrap();
        for padding in [0, 1_000] {
            let payload = request("REGISTER", padding);
            let quoted = Quoted { source: phone, destination: primary, payload };
            let packet = forged_icmp(primary.ip(), kind, &quoted).unwrap();
            recorder.frame(net::frames::ethernet(Instant::from_nanos(START), &packet));
        }
        let events = recorder.timeline().events().to_vec();
        let seen: Vec<_> = events
            .iter()
            .map(|event| match &event.kind {
                EventKind::Icmp(icmp) => (icmp.kind, icmp.quoted),
                other => panic!("{other:?}"),
            })
            .collect();
        assert_eq!(seen, [(kind, Some((Transport::Udp, phone, primary))); 2]);
        let file = recorder.finish().unwrap().unwrap();
        if !tshark::is_installed() {
            continue;
        }
        let (protocol, icmp) = if kind.v6 { ("ipv6", "icmpv6") } else { ("ip", "icmp") };
        let names = ["type", "code", "checksum.status"].map(|field| format!("{icmp}.{field}"));
        let mut fields: Vec<&str> = names.iter().map(String::as_str).collect();
        let ends = ["src", "dst"].map(|end| format!("{protocol}.{end}"));
        fields.extend(ends.iter().map(String::as_str));
        fields.extend(["udp.srcport", "udp.dstport"]);
        let (from, to) = (phone.ip(), primary.ip());
        let row = [
            kind.kind.to_string(),
            kind.code.to_string(),
            "1".to_owned(),
            // The packet's own addresses, and those of the one that it quotes.
            format!("{to},{from}"),
            format!("{from},{to}"),
            phone.port().to_string(),
            primary.port().to_string(),
        ];
        assert_eq!(tshark::checked(&file, icmp, &fields), [row.clone(), row].map(|row| row.to_vec()));
    }
}
