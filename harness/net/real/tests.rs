#![allow(clippy::unwrap_used)]

use std::io::{ErrorKind, Read, Write};
use std::net::{TcpListener as StdListener, TcpStream as StdStream, UdpSocket as StdSocket};
use std::sync::mpsc as std_mpsc;

use sipfarm_core::frame::Frame;
use sipfarm_core::machine::{ConnectError, IcmpKind, PortState, Quoted, StreamEnd};

use super::*;
use crate::net::Slice;
use crate::net::testing::Puppet;

/// Longer than anything takes; only a failing test waits so long.
const PATIENCE: Duration = Duration::from_secs(10);
/// How long silence is listened to.
const QUIET: Duration = Duration::from_millis(100);
const STREAM: StreamId = StreamId(1);

/// A puppet in a lab, and what it hears.
struct Actor {
    lab: RealLab,
    id: MachineId,
    at: SocketAddr,
    ear: std_mpsc::Receiver<(Instant, Input)>,
}

impl Actor {
    fn new(lab: &RealLab, at: SocketAddr) -> Actor {
        let (puppet, ear) = puppet(at);
        Actor { lab: lab.clone(), id: lab.try_add(puppet).unwrap(), at, ear }
    }

    fn tell(&self, f: impl FnOnce(&mut Puppet) + Send + 'static) {
        self.lab.command(self.id, |puppet: &mut Puppet, _| f(puppet));
    }

    fn hears(&self) -> Input {
        self.ear.recv_timeout(PATIENCE).unwrap().1
    }

    fn hears_nothing(&self) {
        assert_eq!(self.ear.recv_timeout(QUIET).ok(), None);
    }

    fn set_port(&self, transport: Transport, state: PortState) {
        let at = self.at;
        self.tell(move |puppet| puppet.set_port(transport, at, state));
    }

    /// Hears of streams until so many octets came.
    fn hears_octets(&self, count: usize) -> Vec<u8> {
        let mut octets = Vec::new();
        while octets.len() < count {
            match self.hears() {
                Input::StreamData { data, .. } => octets.extend(data),
                other => panic!("{other:?} after {} octets", octets.len()),
            }
        }
        octets
    }

    fn accepts(&self) -> StreamId {
        match self.hears() {
            Input::Accepted { stream, .. } => stream,
            other => panic!("{other:?}"),
        }
    }
}

fn puppet(at: SocketAddr) -> (Box<Puppet>, std_mpsc::Receiver<(Instant, Input)>) {
    let (sender, ear) = std_mpsc::channel();
    let mut puppet = Puppet::at(at);
    puppet.ear = Some(sender);
    (puppet, ear)
}

fn lab() -> RealLab {
    let connect_timeout = Span::from_millis(300);
    // This machine may be busy with other tests.
    let late_after = Span::from_secs(5);
    RealLab::start(RealOptions { connect_timeout, late_after, ..RealOptions::default() }).unwrap()
}

/// Two actors at port 5060 of a slice's first addresses.
fn pair() -> (Slice, Actor, Actor) {
    let (slice, lab) = (Slice::claim().unwrap(), lab());
    let [a, b] = [1, 2].map(|n| Actor::new(&lab, SocketAddr::new(slice.ip(n), 5060)));
    (slice, a, b)
}

/// A client of the kernel's own, which is told of ICMP errors because it is connected.
fn client(slice: &Slice, to: SocketAddr) -> StdSocket {
    let socket = StdSocket::bind((slice.ip(9), 0)).unwrap();
    socket.connect(to).unwrap();
    socket
}

#[test]
fn datagrams_go_both_ways() {
    let (_slice, a, b) = pair();
    let (from, to) = (a.at, b.at);
    a.tell(move |puppet| puppet.send(from, to, b"ping"));
    assert_eq!(b.hears(), Input::Datagram { local: to, remote: from, payload: b"ping".to_vec() });
    assert_eq!(a.hears(), Input::Datagram { local: from, remote: to, payload: b"pong".to_vec() });
}

#[test]
fn the_longest_datagram_goes_through_and_a_longer_one_is_trouble() {
    let (_slice, a, b) = pair();
    let (from, to) = (a.at, b.at);
    a.tell(move |puppet| puppet.send(from, to, &[7; 65_507]));
    assert!(matches!(b.hears(), Input::Datagram { payload, .. } if payload == [7; 65_507]));
    a.tell(move |puppet| puppet.send(from, to, &[7; 65_508]));
    assert!(matches!(a.lab.troubles()[..], [Trouble::SendFailed { remote, .. }] if remote == to));
}

#[test]
fn many_addresses_answer_at_once() {
    let (slice, lab) = (Slice::claim().unwrap(), lab());
    let actors: Vec<_> = (1..=200).map(|n| Actor::new(&lab, SocketAddr::new(slice.ip(n), 5060))).collect();
    for (from, to) in actors.iter().zip(actors.iter().skip(1)) {
        let (local, remote) = (from.at, to.at);
        from.tell(move |puppet| puppet.send(local, remote, b"hello"));
    }
    for (from, to) in actors.iter().zip(actors.iter().skip(1)) {
        let (local, remote) = (to.at, from.at);
        assert_eq!(to.hears(), Input::Datagram { local, remote, payload: b"hello".to_vec() });
    }
}

#[test]
fn icmp_reaches_the_sender_with_its_destination() {
    let (_slice, a, b) = pair();
    let (from, to) = (a.at, b.at);
    b.set_port(Transport::Udp, PortState::Closed);
    a.tell(move |puppet| puppet.send(from, to, b"hello"));
    let kind = IcmpKind { v6: false, kind: 3, code: 3 };
    assert_eq!(a.hears(), Input::Icmp { local: from, remote: to, kind });
    a.hears_nothing();
}

#[test]
fn icmpv6_reaches_the_sender_too() {
    let lab = lab();
    let free = |_| StdSocket::bind("[::1]:0").unwrap().local_addr().unwrap();
    let [from, to] = [(); 2].map(free);
    let a = Actor::new(&lab, from);
    a.tell(move |puppet| puppet.send(from, to, b"hello"));
    let kind = IcmpKind { v6: true, kind: 1, code: 4 };
    assert_eq!(a.hears(), Input::Icmp { local: from, remote: to, kind });
}

/// An error of our own making reaches whom it quotes, if the kernel finds its checksum good; what it quotes
/// is for the machine to judge, for the kernel asks only whose port the datagram came from.
#[test]
fn a_forged_error_reaches_the_port_that_it_quotes() {
    let lab = lab();
    let slice = Slice::claim().unwrap();
    let free = |_| StdSocket::bind("[::1]:0").unwrap().local_addr().unwrap();
    let v4 = [1, 2, 3].map(|n| SocketAddr::new(slice.ip(n), 5060));
    for ([phone, node, other], code) in [(v4, (3, 3)), ([(); 3].map(free), (1, 4))] {
        let (a, b) = (Actor::new(&lab, phone), Actor::new(&lab, node));
        let kind = IcmpKind { v6: phone.is_ipv6(), kind: code.0, code: code.1 };
        for destination in [node, other] {
            let quoted = Quoted { source: phone, destination, payload: b"hello".to_vec() };
            let error = Output::Icmp { local: node.ip(), kind, quoted };
            b.tell(move |puppet| puppet.wishes.push_back(error));
            if let Some(Trouble::ForgeryFailed { error, .. }) = lab.troubles().first() {
                assert_eq!(error.kind, ErrorKind::PermissionDenied);
                return crate::skip::right(format!("{error}: a raw socket takes CAP_NET_RAW"));
            }
            assert_eq!(a.hears(), Input::Icmp { local: phone, remote: destination, kind });
        }
        let quoted = Quoted { source: other, destination: node, payload: b"hello".to_vec() };
        let error = Output::Icmp { local: node.ip(), kind, quoted };
        b.tell(move |puppet| puppet.wishes.push_back(error));
        a.hears_nothing();
    }
}

#[test]
fn an_icmp_error_does_not_cost_the_next_datagram() {
    let (slice, a, b) = pair();
    let (from, to, closed) = (a.at, b.at, SocketAddr::new(slice.ip(8), 5060));
    a.tell(move |puppet| {
        for _ in 0..20 {
            puppet.send(from, closed, b"hello");
            puppet.send(from, to, b"hello");
        }
    });
    for _ in 0..20 {
        assert!(matches!(b.hears(), Input::Datagram { .. }));
        assert!(matches!(a.hears(), Input::Icmp { remote, .. } if remote == closed));
    }
    assert_eq!(a.lab.troubles(), []);
}

#[test]
fn silent_is_mute_and_closed_is_not() {
    let (slice, a, _) = pair();
    let phone = client(&slice, a.at);
    phone.set_read_timeout(Some(QUIET)).unwrap();
    let mut buffer = [0; 100];
    for _ in 0..3 {
        a.set_port(Transport::Udp, PortState::Blackhole);
        phone.send(b"ping").unwrap();
        assert_eq!(phone.recv(&mut buffer).unwrap_err().kind(), ErrorKind::WouldBlock);
        a.set_port(Transport::Udp, PortState::Closed);
        phone.send(b"ping").unwrap();
        assert_eq!(phone.recv(&mut buffer).unwrap_err().kind(), ErrorKind::ConnectionRefused);
        a.set_port(Transport::Udp, PortState::Open);
        phone.send(b"ping").unwrap();
        assert_eq!(phone.recv(&mut buffer).unwrap(), 4);
        assert!(matches!(a.hears(), Input::Datagram { .. }));
    }
    a.hears_nothing();
}

#[test]
fn octets_cross_a_stream_both_ways_and_fin_ends_it() {
    let (_slice, a, b) = pair();
    let (ip, to) = (a.at.ip(), b.at);
    a.tell(move |puppet| puppet.connect(1, ip, to));
    let Input::Connected { stream: STREAM, local } = a.hears() else { panic!("not connected") };
    assert_eq!(local.ip(), ip);
    let Input::Accepted { stream: accepted, remote, .. } = b.hears() else { panic!("not accepted") };
    assert_eq!(remote, local);
    a.tell(|puppet| puppet.write(STREAM, b"ping"));
    assert_eq!(b.hears_octets(4), b"ping");
    assert_eq!(a.hears_octets(4), b"pong");
    a.tell(|puppet| puppet.close(STREAM, false));
    assert_eq!(b.hears(), Input::StreamClosed { stream: accepted, end: StreamEnd::Fin });
    a.hears_nothing();
}

#[test]
fn what_is_written_before_the_close_arrives_whole() {
    let (_slice, a, b) = pair();
    let (ip, to) = (a.at.ip(), b.at);
    let sent: Vec<u8> = (0..5_000_000_u32).map(|n| (n % 251) as u8).collect();
    let data = sent.clone();
    a.tell(move |puppet| {
        puppet.connect(1, ip, to);
        puppet.write(STREAM, &data);
    });
    a.hears();
    let accepted = b.accepts();
    a.tell(|puppet| puppet.close(STREAM, false));
    assert!(b.hears_octets(sent.len()) == sent);
    assert_eq!(b.hears(), Input::StreamClosed { stream: accepted, end: StreamEnd::Fin });
}

#[test]
fn a_reset_reaches_the_peer_as_one() {
    let (_slice, a, _) = pair();
    let mut phone = StdStream::connect(a.at).unwrap();
    let stream = a.accepts();
    a.tell(move |puppet| puppet.close(stream, true));
    phone.set_read_timeout(Some(PATIENCE)).unwrap();
    assert_eq!(phone.read(&mut [0; 10]).unwrap_err().kind(), ErrorKind::ConnectionReset);
}

#[test]
fn a_close_reaches_the_peer_as_fin_even_with_octets_unread() {
    let (_slice, a, _) = pair();
    let mut phone = StdStream::connect(a.at).unwrap();
    let stream = a.accepts();
    phone.write_all(b"hello").unwrap();
    a.tell(move |puppet| puppet.close(stream, false));
    phone.set_read_timeout(Some(PATIENCE)).unwrap();
    assert_eq!(phone.read(&mut [0; 10]).unwrap(), 0);
}

#[test]
fn a_reset_by_the_peer_is_heard() {
    let (_slice, a, _) = pair();
    let phone = StdStream::connect(a.at).unwrap();
    let stream = a.accepts();
    socket2::SockRef::from(&phone).set_linger(Some(Duration::ZERO)).unwrap();
    drop(phone);
    assert_eq!(a.hears(), Input::StreamClosed { stream, end: StreamEnd::Reset });
}

#[test]
fn a_closed_port_refuses_and_a_blackhole_lets_the_connect_time_out() {
    let (_slice, a, b) = pair();
    let (ip, to) = (a.at.ip(), b.at);
    b.set_port(Transport::Tcp, PortState::Closed);
    a.tell(move |puppet| puppet.connect(1, ip, to));
    assert_eq!(a.hears(), Input::ConnectFailed { stream: STREAM, error: ConnectError::Refused });
    b.set_port(Transport::Tcp, PortState::Blackhole);
    let asked = a.lab.now();
    a.tell(move |puppet| puppet.connect(1, ip, to));
    assert_eq!(a.hears(), Input::ConnectFailed { stream: STREAM, error: ConnectError::TimedOut });
    assert!(a.lab.now().since(asked) >= Span::from_millis(300));
    b.hears_nothing();
    b.set_port(Transport::Tcp, PortState::Open);
    a.tell(move |puppet| puppet.connect(1, ip, to));
    assert!(matches!(a.hears(), Input::Connected { .. }));
}

#[test]
fn open_streams_survive_what_happens_to_their_port() {
    let (_slice, a, _) = pair();
    let mut phone = StdStream::connect(a.at).unwrap();
    a.accepts();
    phone.set_read_timeout(Some(PATIENCE)).unwrap();
    for state in [PortState::Blackhole, PortState::Closed] {
        a.set_port(Transport::Tcp, state);
        phone.write_all(b"ping").unwrap();
        let mut answer = [0; 4];
        phone.read_exact(&mut answer).unwrap();
        assert_eq!(&answer, b"pong");
    }
}

#[test]
fn an_abandoned_connect_is_never_heard_of_again() {
    let (_slice, a, b) = pair();
    let (ip, to) = (a.at.ip(), b.at);
    b.set_port(Transport::Tcp, PortState::Blackhole);
    a.tell(move |puppet| {
        puppet.connect(1, ip, to);
        puppet.close(STREAM, false);
    });
    assert!(a.ear.recv_timeout(Duration::from_millis(400)).is_err());
}

#[test]
fn ports_that_cannot_be_bound_are_errors_and_trouble() {
    let (slice, lab) = (Slice::claim().unwrap(), lab());
    let at = SocketAddr::new(slice.ip(1), 5060);
    let held = StdListener::bind(at).unwrap();
    let (machine, _ear) = puppet(at);
    let troubles = lab.try_add(machine).unwrap_err();
    let [Trouble::BindFailed { transport: Transport::Tcp, addr, error, .. }] = &troubles[..] else {
        panic!("{troubles:?}")
    };
    assert_eq!((*addr, error.kind), (at, ErrorKind::AddrInUse));
    assert_eq!(lab.troubles(), troubles);
    StdSocket::bind(at).expect("the UDP port of the machine is closed again");
    drop(held);
    lab.try_add(puppet(at).0).unwrap();

    let nowhere = "192.0.2.1:5060".parse().unwrap(); // reserved for documentation (RFC 5737)
    let troubles = lab.try_add(puppet(nowhere).0).unwrap_err();
    assert_eq!(troubles.len(), 2);
    assert!(troubles[0].to_string().contains("no interface has it"), "{}", troubles[0]);
}

#[test]
fn a_wake_comes_at_its_deadline_and_not_before() {
    let (_slice, a, _) = pair();
    let deadline = a.lab.command(a.id, |puppet: &mut Puppet, now| {
        puppet.wake_at = Some(now + Span::from_millis(30));
        puppet.wake_at.unwrap()
    });
    let (at, input) = a.ear.recv_timeout(PATIENCE).unwrap();
    assert_eq!(input, Input::Wake);
    assert!(at >= deadline, "{} early", deadline.since(at));
}

#[test]
fn who_is_served_late_is_noted() {
    let slice = Slice::claim().unwrap();
    let lab = RealLab::start(RealOptions::default()).unwrap();
    let a = Actor::new(&lab, SocketAddr::new(slice.ip(1), 5060));
    let (busy, done) = std_mpsc::channel::<()>();
    let phone = client(&slice, a.at);
    let deadline = lab.command(a.id, move |puppet: &mut Puppet, now| {
        puppet.wake_at = Some(now + Span::from_millis(1));
        phone.send(b"hello").unwrap();
        let _ = done.recv_timeout(Duration::from_millis(60)); // a machine that takes too long
        puppet.wake_at.unwrap()
    });
    drop(busy);
    a.hears();
    a.hears();
    let troubles = lab.troubles();
    let late =
        |trouble: &&Trouble| matches!(trouble, Trouble::Late { by, .. } if *by > Span::from_millis(20));
    assert_eq!(troubles.iter().filter(late).count(), 2, "the wake and the datagram: {troubles:?}");
    assert!(troubles.iter().any(|trouble| trouble.at() == deadline));
}

#[test]
fn a_machine_that_panics_is_gone_and_the_others_live_on() {
    let (slice, a, b) = pair();
    let (from, to) = (a.at, b.at);
    a.tell(move |puppet| puppet.send(from, to, b"panic"));
    // The machine's end of the channel is dropped with it.
    assert_eq!(b.ear.recv_timeout(PATIENCE), Err(std_mpsc::RecvTimeoutError::Disconnected));
    a.tell(move |puppet| puppet.send(from, to, b"hello"));
    assert!(matches!(a.hears(), Input::Icmp { .. }), "its port is closed");
    let troubles = a.lab.troubles();
    let [Trouble::Panicked { machine, message, .. }] = &troubles[..] else { panic!("{troubles:?}") };
    assert_eq!((*machine, message.as_str()), (b.id, "told to"));
    Actor::new(&a.lab, SocketAddr::new(slice.ip(2), 5060));
}

#[test]
fn a_command_that_panics_does_so_for_its_caller() {
    let (_slice, a, b) = pair();
    let id = a.id;
    let lab = a.lab.clone();
    let result = std::panic::catch_unwind(std::panic::AssertUnwindSafe(move || {
        lab.command(id, |_: &mut Puppet, _| panic!("a bug"));
    }));
    assert_eq!(*result.unwrap_err().downcast::<&str>().unwrap(), "a bug");
    b.tell(|_| ());
}

#[test]
fn the_last_handle_closes_all_sockets() {
    let slice = Slice::claim().unwrap();
    let at = SocketAddr::new(slice.ip(1), 5060);
    for _ in 0..10 {
        let lab = lab();
        let a = Actor::new(&lab, at);
        let second = lab.clone();
        drop(lab);
        second.command(a.id, |_: &mut Puppet, _| ());
        drop((a, second));
        StdSocket::bind(at).unwrap();
        StdListener::bind(at).unwrap();
    }
}

#[test]
fn the_socket_tap_sees_datagrams_and_octets_of_streams() {
    let slice = Slice::claim().unwrap();
    let (frames, seen) = std_mpsc::channel();
    let socket_tap: FrameSink = Box::new(move |frame: Frame| frames.send(frame).unwrap());
    let lab = RealLab::start(RealOptions { socket_tap: Some(socket_tap), ..RealOptions::default() }).unwrap();
    let a = Actor::new(&lab, SocketAddr::new(slice.ip(1), 5060));
    let started = lab.now();

    let phone = client(&slice, a.at);
    phone.send(b"ping").unwrap();
    a.hears();
    a.set_port(Transport::Udp, PortState::Blackhole);
    phone.send(b"unheard").unwrap();
    let mut stream = StdStream::connect(a.at).unwrap();
    stream.write_all(b"ping").unwrap();
    stream.read_exact(&mut [0; 4]).unwrap();

    let mut frames: Vec<_> = (0..5).map(|_| seen.recv_timeout(PATIENCE).unwrap()).collect();
    frames.sort_by_key(|frame| frame.at);
    let ip = |frame: &Frame| (frame.data[23], frame.data[29], frame.data[33]);
    assert_eq!(frames.iter().map(ip).collect::<Vec<_>>()[..3], [(17, 9, 1), (17, 1, 9), (17, 9, 1)]);
    for (frame, end) in frames.iter().zip([b"ping".as_slice(), b"pong", b"unheard", b"ping", b"pong"]) {
        assert!(frame.data.ends_with(end));
        assert!((started..=lab.now()).contains(&frame.at));
    }
    // Of the stream: the second frame goes on where the first is acknowledged.
    let [request, answer] = [&frames[3].data, &frames[4].data].map(|data| &data[34..]);
    assert_eq!(request[4..8], 1_u32.to_be_bytes(), "sequence number");
    assert_eq!(answer[8..12], 5_u32.to_be_bytes(), "acknowledgement number");
}

/// Whoever floods us cannot make us forget that we were late.
#[test]
fn trouble_beyond_the_list_is_owned_up_to_once() {
    let mut net = RealNet::new(RealOptions { late_after: Span::ZERO, ..RealOptions::default() }).unwrap();
    let late = |n: i64| Trouble::Late { at: Instant::EPOCH + Span::from_millis(n), by: Span::from_secs(1) };
    let listed = i64::try_from(RealNet::TROUBLES).unwrap();
    for n in 0..listed + 3 {
        net.note(late(n));
    }
    let panicked = Trouble::Panicked { at: Instant::EPOCH, machine: MachineId(1), message: "m".into() };
    net.note(panicked.clone());
    let troubles = net.troubles();
    assert_eq!(troubles[..RealNet::TROUBLES].last(), Some(&late(listed - 1)));
    let beyond = Trouble::TooMany { at: Instant::EPOCH + Span::from_millis(listed) };
    assert_eq!(troubles[RealNet::TROUBLES..], [beyond, panicked]);
}
