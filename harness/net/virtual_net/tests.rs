#![allow(clippy::unwrap_used)]

use std::net::{Ipv4Addr, Ipv6Addr};

use sipfarm_core::machine::{ConnectError, StreamEnd};

use super::*;
use crate::net::Driver;
use crate::net::frames::flags;
use crate::net::testing::{Client, Puppet};

const EPOCH: Instant = Instant::from_nanos(1_700_000_000_000_000_000);

/// Two puppets: `a` at port 5060 of the first address, `b` of the second.
struct Pair {
    driver: Driver<VirtualNet>,
    a: MachineId,
    b: MachineId,
    at_a: SocketAddr,
    at_b: SocketAddr,
}

impl Pair {
    fn new(seed: u64) -> Pair {
        Pair::between(seed, Ipv4Addr::new(10, 0, 0, 1).into(), Ipv4Addr::new(10, 0, 0, 2).into())
    }

    fn between(seed: u64, a: IpAddr, b: IpAddr) -> Pair {
        let mut driver = Driver::new(VirtualNet::new(seed, EPOCH));
        let (at_a, at_b) = (SocketAddr::new(a, 5060), SocketAddr::new(b, 5060));
        let (a, b) = (driver.add(Puppet::at(at_a)), driver.add(Puppet::at(at_b)));
        Pair { driver, a, b, at_a, at_b }
    }

    fn tell(&mut self, id: MachineId, f: impl FnOnce(&mut Puppet)) {
        self.driver.command(id, |puppet: &mut Puppet, _| f(puppet));
    }

    fn heard(&mut self, id: MachineId) -> Vec<Input> {
        self.driver.command(id, |puppet: &mut Puppet, _| puppet.inputs())
    }

    fn run(&mut self, span: Span) {
        let until = self.driver.now() + span;
        while self.driver.step(until) {}
        assert_eq!(self.driver.now(), until);
    }

    /// Opens stream 1 from `a` to `b` and returns the number that `b` knows it by.
    fn connected(&mut self) -> StreamId {
        let (ip, to) = (self.at_a.ip(), self.at_b);
        self.tell(self.a, |a| a.connect(1, ip, to));
        self.run(Span::from_secs(5));
        let stream = self.driver.command(self.b, |b: &mut Puppet, _| b.accepted());
        stream.expect("an accepted stream")
    }
}

const STREAM: StreamId = StreamId(1);

/// The TCP flags of a frame over IPv4 without options, and whether it carries data.
fn tcp_of(frame: &Frame) -> (u8, bool) {
    let tcp = &frame.data[34..];
    (tcp[13], tcp.len() > usize::from(tcp[12] >> 4) * 4)
}

#[test]
fn a_ping_is_answered() {
    for (a, b) in [("10.0.0.1", "10.0.0.2"), ("fd00::1", "fd00::2")] {
        let mut pair = Pair::between(1, a.parse().unwrap(), b.parse().unwrap());
        let (at_a, at_b) = (pair.at_a, pair.at_b);
        pair.tell(pair.a, |a| a.send(at_a, at_b, b"ping"));
        pair.run(Span::from_secs(1));
        let pong = Input::Datagram { local: at_a, remote: at_b, payload: b"pong".to_vec() };
        let heard = pair.driver.command(pair.a, |a: &mut Puppet, _| a.heard.clone());
        assert_eq!(heard, [(EPOCH + VirtualNet::LATENCY * 2, pong)]);
        let frames = pair.driver.net().take_frames();
        assert_eq!(frames.iter().map(|f| f.at).collect::<Vec<_>>(), [EPOCH, EPOCH + VirtualNet::LATENCY]);
    }
}

#[test]
fn a_closed_port_answers_icmp_that_quotes_the_datagram() {
    for (a, b, kind) in [("10.0.0.1", "10.0.0.2", (3, 3)), ("fd00::1", "fd00::2", (1, 4))] {
        let mut pair = Pair::between(1, a.parse().unwrap(), b.parse().unwrap());
        let (at_a, at_b) = (pair.at_a, pair.at_b);
        pair.tell(pair.b, |b| b.set_port(Transport::Udp, at_b, PortState::Closed));
        pair.tell(pair.a, |a| a.send(at_a, at_b, b"hello"));
        pair.run(Span::from_secs(1));
        let kind = IcmpKind { v6: at_b.is_ipv6(), kind: kind.0, code: kind.1 };
        assert_eq!(pair.heard(pair.a), [Input::Icmp { local: at_a, remote: at_b, kind }]);
        let frames = pair.driver.net().take_frames();
        let header = if at_b.is_ipv4() { 20 } else { 40 };
        let icmp = &frames[1].data[14 + header..];
        assert_eq!((icmp[0], icmp[1]), (kind.kind, kind.code));
        assert_eq!(icmp[8..], frames[0].data[14..], "the quote is the offending packet");
    }
}

#[test]
fn a_blackhole_takes_datagrams_without_an_answer() {
    let mut pair = Pair::new(1);
    let (at_a, at_b) = (pair.at_a, pair.at_b);
    pair.tell(pair.b, |b| b.set_port(Transport::Udp, at_b, PortState::Blackhole));
    pair.tell(pair.a, |a| a.send(at_a, at_b, b"ping"));
    pair.run(Span::from_secs(60));
    assert_eq!((pair.heard(pair.a), pair.heard(pair.b)), (vec![], vec![]));
    assert_eq!(pair.driver.net().take_frames().len(), 1);
    pair.tell(pair.b, |b| b.set_port(Transport::Udp, at_b, PortState::Open));
    pair.tell(pair.a, |a| a.send(at_a, at_b, b"ping"));
    pair.run(Span::from_secs(1));
    assert_eq!(pair.heard(pair.a).len(), 1);
}

#[test]
fn an_address_that_nobody_uses_is_silent() {
    let mut pair = Pair::new(1);
    let (at_a, nobody) = (pair.at_a, "10.0.0.99:5060".parse().unwrap());
    pair.tell(pair.a, |a| a.send(at_a, nobody, b"ping"));
    pair.run(Span::from_secs(60));
    assert_eq!(pair.heard(pair.a), []);
}

#[test]
fn an_unreachable_host_is_told_by_icmp() {
    let mut pair = Pair::new(1);
    let (at_a, at_b) = (pair.at_a, pair.at_b);
    let kind = IcmpKind { v6: false, kind: 3, code: 1 };
    pair.driver.net().set_host(at_b.ip(), Host::Unreachable(kind));
    pair.tell(pair.a, |a| a.send(at_a, at_b, b"ping"));
    pair.tell(pair.a, |a| a.connect(1, at_a.ip(), at_b));
    pair.run(Span::from_secs(1));
    let icmp = Input::Icmp { local: at_a, remote: at_b, kind };
    let failed = Input::ConnectFailed { stream: STREAM, error: ConnectError::Unreachable };
    assert_eq!(pair.heard(pair.a), [icmp, failed]);
}

#[test]
fn a_datagram_from_a_closed_port_is_trouble() {
    let mut pair = Pair::new(1);
    let (at_a, at_b) = (pair.at_a, pair.at_b);
    pair.tell(pair.a, |a| a.set_port(Transport::Udp, at_a, PortState::Closed));
    pair.tell(pair.a, |a| a.send(at_a, at_b, b"ping"));
    assert!(matches!(pair.driver.net().troubles(), [Trouble::SendFailed { local, .. }] if *local == at_a));
}

#[test]
fn an_address_belongs_to_one_machine() {
    let mut pair = Pair::new(1);
    let at_b = pair.at_b;
    pair.driver.add(Puppet::at(at_b));
    assert!(matches!(
        pair.driver.net().troubles(),
        [Trouble::BindFailed { addr, .. }, Trouble::BindFailed { .. }] if *addr == at_b
    ));
}

#[test]
fn octets_cross_a_stream_both_ways_and_fin_ends_it() {
    let mut pair = Pair::new(1);
    let accepted = pair.connected();
    pair.tell(pair.a, |a| a.write(STREAM, b"ping"));
    pair.run(Span::from_secs(1));
    pair.tell(pair.a, |a| a.close(STREAM, false));
    pair.run(Span::from_secs(1));
    let a = pair.heard(pair.a);
    let Input::Connected { stream: STREAM, local } = a[0] else { panic!("{a:?}") };
    assert_eq!(a[1..], [Input::StreamData { stream: STREAM, data: b"pong".to_vec() }]);
    assert_eq!(
        pair.heard(pair.b),
        [
            Input::Accepted { stream: accepted, transport: Transport::Tcp, local: pair.at_b, remote: local },
            Input::StreamData { stream: accepted, data: b"ping".to_vec() },
            Input::StreamClosed { stream: accepted, end: StreamEnd::Fin },
        ]
    );
    use flags::{ACK, FIN, PSH, SYN};
    let seen: Vec<_> = pair.driver.net().take_frames().iter().map(tcp_of).collect();
    let handshake = [(SYN, false), (SYN | ACK, false), (ACK, false)];
    let data = [(PSH | ACK, true), (ACK, false), (PSH | ACK, true), (ACK, false)];
    let end = [(FIN | ACK, false), (FIN | ACK, false), (ACK, false)];
    assert_eq!(seen, [&handshake[..], &data, &end].concat());
}

#[test]
fn a_closed_port_refuses_with_rst() {
    let mut pair = Pair::new(1);
    let (at_a, at_b) = (pair.at_a, pair.at_b);
    pair.tell(pair.b, |b| b.set_port(Transport::Tcp, at_b, PortState::Closed));
    pair.tell(pair.a, |a| a.connect(1, at_a.ip(), at_b));
    pair.run(Span::from_secs(1));
    let failed = Input::ConnectFailed { stream: STREAM, error: ConnectError::Refused };
    assert_eq!(pair.heard(pair.a), [failed]);
    let seen: Vec<_> = pair.driver.net().take_frames().iter().map(tcp_of).collect();
    assert_eq!(seen, [(flags::SYN, false), (flags::RST | flags::ACK, false)]);
}

#[test]
fn a_blackhole_leaves_syn_unanswered_until_the_host_gives_up() {
    let mut pair = Pair::new(1);
    let (at_a, at_b) = (pair.at_a, pair.at_b);
    pair.tell(pair.b, |b| b.set_port(Transport::Tcp, at_b, PortState::Blackhole));
    pair.tell(pair.a, |a| a.connect(1, at_a.ip(), at_b));
    pair.run(Span::from_secs(300));
    let heard = pair.driver.command(pair.a, |a: &mut Puppet, _| a.heard.clone());
    let failed = Input::ConnectFailed { stream: STREAM, error: ConnectError::TimedOut };
    assert_eq!(heard, [(EPOCH + CONNECT_TIMEOUT, failed)]);
    let frames = pair.driver.net().take_frames();
    assert!(frames.iter().all(|frame| tcp_of(frame) == (flags::SYN, false)));
    let at: Vec<_> = frames.iter().map(|frame| frame.at.since(EPOCH)).collect();
    assert_eq!(at, [0, 1, 3, 7, 15, 31, 63].map(Span::from_secs));
}

#[test]
fn a_blackhole_that_opens_lets_the_next_syn_in() {
    let mut pair = Pair::new(1);
    let (at_a, at_b) = (pair.at_a, pair.at_b);
    pair.tell(pair.b, |b| b.set_port(Transport::Tcp, at_b, PortState::Blackhole));
    pair.tell(pair.a, |a| a.connect(1, at_a.ip(), at_b));
    pair.run(Span::from_secs(2));
    pair.tell(pair.b, |b| b.set_port(Transport::Tcp, at_b, PortState::Open));
    pair.run(Span::from_secs(2));
    let heard = pair.driver.command(pair.a, |a: &mut Puppet, _| a.heard.clone());
    assert!(matches!(heard[..], [(at, Input::Connected { .. })]
        if at == EPOCH + Span::from_secs(3) + VirtualNet::LATENCY * 2));
}

#[test]
fn an_abandoned_connect_is_never_heard_of_again() {
    let mut pair = Pair::new(1);
    let (at_a, at_b) = (pair.at_a, pair.at_b);
    pair.tell(pair.a, |a| {
        a.connect(1, at_a.ip(), at_b);
        a.close(STREAM, false);
    });
    pair.run(Span::from_secs(10));
    assert_eq!((pair.heard(pair.a), pair.heard(pair.b)), (vec![], vec![]));
    let last = pair.driver.net().take_frames().pop().unwrap();
    assert_eq!(tcp_of(&last), (flags::RST, false), "the SYN-ACK is refused");
}

#[test]
fn a_reset_ends_the_stream_at_the_peer() {
    let mut pair = Pair::new(1);
    let accepted = pair.connected();
    pair.tell(pair.b, |b| b.close(accepted, true));
    pair.run(Span::from_secs(1));
    assert_eq!(pair.heard(pair.a)[1..], [Input::StreamClosed { stream: STREAM, end: StreamEnd::Reset }]);
    assert_eq!(pair.heard(pair.b).len(), 1, "who resets hears nothing");
}

#[test]
fn a_peer_that_is_switched_off_leaves_data_unacknowledged() {
    let mut pair = Pair::new(1);
    pair.connected();
    pair.driver.net().set_host(pair.at_b.ip(), Host::Gone);
    let sent = pair.driver.now();
    pair.tell(pair.a, |a| a.write(STREAM, b"hello"));
    pair.run(Span::from_secs(600));
    let heard = pair.driver.command(pair.a, |a: &mut Puppet, _| a.heard.clone());
    let end = Input::StreamClosed { stream: STREAM, end: StreamEnd::TimedOut };
    assert_eq!(heard[1..], [(sent + UNACKNOWLEDGED_TIMEOUT, end)]);
    let frames = pair.driver.net().take_frames();
    let copies = frames.iter().filter(|frame| tcp_of(frame).1).map(|frame| frame.at.since(sent));
    assert_eq!(copies.collect::<Vec<_>>(), [0, 1, 3, 7, 15, 31, 63].map(Span::from_secs));
}

#[test]
fn data_for_a_stream_that_its_machine_closed_is_reset() {
    let mut pair = Pair::new(1);
    let accepted = pair.connected();
    pair.tell(pair.a, |a| a.close(STREAM, false));
    pair.tell(pair.b, |b| b.write(accepted, b"too late"));
    pair.run(Span::from_secs(1));
    assert_eq!(pair.heard(pair.a).len(), 1);
    let seen: Vec<_> = pair.driver.net().take_frames().iter().map(tcp_of).collect();
    assert!(seen.iter().any(|(control, _)| control & flags::RST != 0), "{seen:?}");
}

#[test]
fn streams_are_whole_over_a_bad_link() {
    let data: Vec<u8> = (0..200_000_u32).map(|n| (n % 251) as u8).collect();
    for seed in 0..20 {
        let mut pair = Pair::new(seed);
        let link = Link {
            delay: Span::from_millis(20),
            jitter: Span::from_millis(5),
            loss: 0.1,
            duplicate: 0.1,
            reorder: 0.1,
        };
        pair.driver.net().set_link(pair.at_a.ip(), link);
        pair.driver.net().set_unacknowledged_timeout(Span::from_secs(10_000));
        let (ip, to) = (pair.at_a.ip(), pair.at_b);
        pair.tell(pair.a, |a| a.connect(1, ip, to));
        pair.run(Span::from_secs(200));
        pair.tell(pair.a, |a| a.write(STREAM, &data));
        pair.tell(pair.a, |a| a.close(STREAM, false));
        pair.run(Span::from_secs(10_000));
        let got = pair.driver.command(pair.b, |b: &mut Puppet, _| b.octets());
        assert!(got == data, "seed {seed}: {} of {} octets", got.len(), data.len());
        let end = pair.heard(pair.b).pop();
        assert!(matches!(end, Some(Input::StreamClosed { end: StreamEnd::Fin, .. })), "seed {seed}: {end:?}");
        assert!(pair.driver.net().connections.is_empty(), "seed {seed}");
    }
}

#[test]
fn the_tap_sits_at_the_farms_side_of_the_link() {
    let mut pair = Pair::new(1);
    let (at_a, at_b) = (pair.at_a, pair.at_b);
    let delay = Span::from_millis(30);
    pair.driver.net().set_link(at_a.ip(), Link { delay, ..Link::default() });
    pair.tell(pair.a, |a| a.send(at_a, at_b, b"ping"));
    pair.run(Span::from_secs(1));
    let at: Vec<_> = pair.driver.net().take_frames().iter().map(|frame| frame.at.since(EPOCH)).collect();
    assert_eq!(at, [delay, delay + VirtualNet::LATENCY]);
    let heard = pair.driver.command(pair.a, |a: &mut Puppet, _| a.heard.clone());
    assert_eq!(heard[0].0.since(EPOCH), delay * 2 + VirtualNet::LATENCY * 2);
    // What the link loses on its way up never reaches the tap; what it loses on its way down did.
    pair.driver.net().set_link(at_a.ip(), Link { loss: 1.0, ..Link::default() });
    pair.tell(pair.a, |a| a.send(at_a, at_b, b"lost before the tap"));
    pair.tell(pair.b, |b| b.send(at_b, at_a, b"lost after the tap"));
    pair.run(Span::from_secs(1));
    let seen = pair.driver.net().take_frames();
    assert_eq!(seen.iter().map(|f| &f.data[42..]).collect::<Vec<_>>(), [b"lost after the tap"]);
}

/// Frames of one run of datagrams and a stream over a bad link.
fn bad_run(seed: u64) -> Vec<Frame> {
    let mut pair = Pair::new(seed);
    let link =
        Link { loss: 0.3, jitter: Span::from_millis(3), duplicate: 0.2, reorder: 0.2, ..Link::default() };
    let (at_a, at_b) = (pair.at_a, pair.at_b);
    pair.driver.net().set_link(at_a.ip(), link);
    pair.tell(pair.a, |a| a.connect(1, at_a.ip(), at_b));
    for _ in 0..50 {
        pair.tell(pair.a, |a| a.send(at_a, at_b, b"ping"));
        pair.run(Span::from_millis(100));
    }
    pair.driver.net().take_frames()
}

#[test]
fn the_same_seed_gives_the_same_frames() {
    assert_eq!(bad_run(42), bad_run(42));
    assert_ne!(bad_run(42), bad_run(43));
}

#[test]
fn loss_costs_pings_and_some_come_through() {
    let frames = bad_run(42);
    let pings = frames.iter().filter(|frame| frame.data.ends_with(b"ping")).count();
    assert!((20..60).contains(&pings), "{pings} pings of 50 at a loss of 0.3 and a fifth doubled");
}

#[test]
fn a_client_keeps_the_schedule_of_rfc3261_to_the_nanosecond() {
    let mut driver = Driver::new(VirtualNet::new(1, EPOCH));
    let client = driver.add(Client::new("10.0.0.1:5060".parse().unwrap(), "10.0.0.2:5060".parse().unwrap()));
    driver.command(client, Client::start);
    while driver.step(EPOCH + Span::from_secs(60)) {}
    let gave_up = driver.command(client, |client: &mut Client, _| client.gave_up);
    assert_eq!(gave_up, Some(EPOCH + Span::from_secs(32)));
    let at: Vec<_> = driver.net().take_frames().iter().map(|frame| frame.at.since(EPOCH)).collect();
    assert_eq!(at, [0, 500, 1_500, 3_500, 7_500, 15_500, 31_500].map(Span::from_millis));
}

#[test]
fn a_clock_without_an_end_to_wait_for_stands_still() {
    let mut pair = Pair::new(1);
    assert!(!pair.driver.step(Instant::FAR_FUTURE));
    assert_eq!(pair.driver.now(), EPOCH);
}

#[test]
fn ipv6_hosts_talk_over_tcp() {
    let mut pair = Pair::between(1, Ipv6Addr::LOCALHOST.into(), "fd00::2".parse().unwrap());
    pair.connected();
    pair.tell(pair.a, |a| a.write(STREAM, b"ping"));
    pair.run(Span::from_secs(1));
    assert_eq!(pair.driver.command(pair.a, |a: &mut Puppet, _| a.octets()), b"pong");
}

#[test]
fn a_removed_machine_closes_its_streams() {
    let mut pair = Pair::new(1);
    pair.connected();
    pair.driver.remove(pair.b);
    pair.run(Span::from_secs(1));
    assert_eq!(pair.heard(pair.a)[1..], [Input::StreamClosed { stream: STREAM, end: StreamEnd::Fin }]);
}

#[test]
fn nothing_of_a_closed_stream_is_kept() {
    let mut pair = Pair::new(1);
    for _ in 0..100 {
        pair.connected();
        pair.tell(pair.a, |a| a.close(STREAM, false));
        pair.run(Span::from_secs(61));
    }
    let net = pair.driver.net();
    assert!(net.connections.is_empty() && net.streams.is_empty() && net.queue.is_empty());
}

#[test]
#[ignore = "measures: cargo test --release -p sipfarm --lib speed -- --ignored"]
fn speed_of_a_timeout_scenario() {
    let started = std::time::Instant::now();
    const RUNS: u32 = 1_000;
    for seed in 0..RUNS {
        let mut driver = Driver::new(VirtualNet::new(seed.into(), EPOCH));
        let client =
            driver.add(Client::new("10.0.0.1:5060".parse().unwrap(), "10.0.0.2:5060".parse().unwrap()));
        driver.command(client, Client::start);
        while driver.step(EPOCH + Span::from_secs(60)) {}
        assert_eq!(driver.net().take_frames().len(), 7);
    }
    let each = started.elapsed() / RUNS;
    assert!(each < std::time::Duration::from_micros(100), "{each:?} for 64 × T1");
}
