//! The simulated network: hosts, links, UDP, TCP, ICMP, and a clock that jumps to the next
//! deadline or delivery.

mod link;
mod streams;
mod tcp;
#[cfg(test)]
mod tests;

use std::collections::{BTreeMap, VecDeque};
use std::io;
use std::net::{IpAddr, SocketAddr};

use fastrand::Rng;
use sipfarm_core::frame::Frame;
use sipfarm_core::machine::{IcmpKind, Input, Output, PortState, Quoted, StreamId, Transport};
use sipfarm_core::{Instant, Span};

use super::frames::{self, Segment};
use super::{CONNECT_TIMEOUT, MachineId, Net, Trouble, UNACKNOWLEDGED_TIMEOUT};
use link::{Way, Wire};
use tcp::{Patience, Tcp};

pub use link::Link;

/// What a host does with what reaches it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Host {
    /// It lives: its ports decide.
    #[default]
    Up,
    /// It is switched off, or nobody has the address: nothing comes from it and nothing comes
    /// back.
    Gone,
    /// Whatever is sent to it is answered with this ICMP error, in its name.
    Unreachable(IcmpKind),
}

/// The simulated network. A host exists from the moment that a machine uses its address.
///
/// The tap sits at the farm's side of every link, so it sees what a linked host sends when it
/// arrives there, and what is sent to it when it leaves the farm, before the link delays or loses
/// it. From the tap to its destination every packet takes [`VirtualNet::LATENCY`] and what the
/// link adds.
pub struct VirtualNet {
    now: Instant,
    patience: Patience,
    /// Draws what links do.
    chance: Rng,
    /// Draws sequence numbers, so that a link of other quality does not change them.
    sequences: Rng,
    hosts: BTreeMap<IpAddr, Station>,
    ports: BTreeMap<(Transport, SocketAddr), Port>,
    connections: BTreeMap<Path, Connection>,
    streams: BTreeMap<(MachineId, StreamId), Path>,
    accepted: u64,
    queue: BTreeMap<(Instant, u64), Event>,
    /// The number of the last event, so that events of the same time keep their order.
    ticket: u64,
    ready: VecDeque<(MachineId, Input)>,
    frames: Vec<Frame>,
    troubles: Vec<Trouble>,
}

/// A host's place in the network.
struct Station {
    host: Host,
    /// Whether a machine uses the address.
    used: bool,
    wire: Option<Wire>,
    /// The next IPv4 identification.
    id: u16,
    /// The next port to connect from.
    port: u16,
}

struct Port {
    machine: MachineId,
    state: PortState,
}

/// The two addresses of one end of a connection.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
struct Path {
    local: SocketAddr,
    remote: SocketAddr,
}

struct Connection {
    machine: MachineId,
    stream: StreamId,
    tcp: Tcp,
    /// The deadline for which a timer is in the queue.
    timer: Option<Instant>,
}

enum Event {
    /// A packet reaches the tap.
    Tap(Packet),
    /// A packet reaches its destination.
    Arrive(Packet),
    /// A connection may have something to do.
    Timer(Path),
}

#[derive(Clone)]
struct Packet {
    from: SocketAddr,
    to: SocketAddr,
    /// The whole IP packet, for the tap and for quoting.
    octets: Vec<u8>,
    body: Body,
}

#[derive(Clone)]
enum Body {
    Datagram(Vec<u8>),
    Segment(Segment),
    /// An error about a packet that went from `about.local` to `about.remote`.
    Icmp {
        kind: IcmpKind,
        transport: Transport,
        about: Path,
    },
}

impl VirtualNet {
    /// What every packet takes from the tap to its destination, whatever its link: enough to tell
    /// cause from effect by their times.
    pub const LATENCY: Span = Span::from_micros(100);
    /// The first port to connect from (RFC 6335 section 6).
    const FIRST_PORT: u16 = 49_152;

    /// A network without hosts, at the time `epoch`. The same seed and the same machines give the
    /// same frames, octet for octet.
    pub fn new(seed: u64, epoch: Instant) -> Self {
        let mut sequences = Rng::with_seed(seed);
        VirtualNet {
            now: epoch,
            patience: Patience { connect: CONNECT_TIMEOUT, unacknowledged: UNACKNOWLEDGED_TIMEOUT },
            chance: sequences.fork(),
            sequences,
            hosts: BTreeMap::new(),
            ports: BTreeMap::new(),
            connections: BTreeMap::new(),
            streams: BTreeMap::new(),
            accepted: 0,
            queue: BTreeMap::new(),
            ticket: 0,
            ready: VecDeque::new(),
            frames: Vec::new(),
            troubles: Vec::new(),
        }
    }

    /// Puts a link between this host and the tap, for packets sent from now on.
    pub fn set_link(&mut self, ip: IpAddr, link: Link) {
        self.station(ip).wire = Some(Wire::new(link));
    }

    /// Switches a host off, on, or lets nobody reach it.
    pub fn set_host(&mut self, ip: IpAddr, host: Host) {
        self.station(ip).host = host;
    }

    /// How long hosts wait for an acknowledgement of data; for connections from now on.
    /// [`UNACKNOWLEDGED_TIMEOUT`] unless told otherwise.
    pub fn set_unacknowledged_timeout(&mut self, timeout: Span) {
        self.patience.unacknowledged = timeout;
    }

    /// What passed the tap since it was asked last, in order.
    pub fn take_frames(&mut self) -> Vec<Frame> {
        std::mem::take(&mut self.frames)
    }

    /// What went wrong so far.
    pub fn troubles(&self) -> &[Trouble] {
        &self.troubles
    }

    fn station(&mut self, ip: IpAddr) -> &mut Station {
        self.hosts.entry(ip).or_insert_with(|| Station {
            host: Host::Up,
            used: false,
            wire: None,
            id: 0,
            port: Self::FIRST_PORT,
        })
    }

    fn schedule(&mut self, at: Instant, event: Event) {
        self.ticket += 1;
        self.queue.insert((at, self.ticket), event);
    }
}

impl Net for VirtualNet {
    fn now(&mut self) -> Instant {
        self.now
    }

    fn perform(&mut self, machine: MachineId, output: Output) {
        match output {
            Output::SetPort { transport, local, state } => self.set_port(machine, transport, local, state),
            Output::ServeTls { .. } => {} // the driver's
            Output::Datagram { local, remote, payload } => self.send_datagram(local, remote, payload),
            Output::Icmp { local, kind, quoted } => self.forge_icmp(local, kind, &quoted),
            Output::Connect { stream, local, remote, .. } => self.connect(machine, stream, local, remote),
            Output::StreamData { stream, data } => {
                let now = self.now;
                self.with_stream(machine, stream, |tcp| tcp.write(&data, now));
            }
            Output::CloseStream { stream, reset } => {
                let now = self.now;
                self.with_stream(machine, stream, |tcp| if reset { tcp.abort() } else { tcp.close(now) });
                self.streams.remove(&(machine, stream));
                self.ready
                    .retain(|(whose, input)| *whose != machine || streams::stream_of(input) != Some(stream));
            }
        }
    }

    fn next(&mut self, until: Instant) -> Option<(MachineId, Input)> {
        loop {
            if let Some(input) = self.ready.pop_front() {
                return Some(input);
            }
            match self.queue.first_entry() {
                Some(entry) if entry.key().0 <= until => {
                    let ((at, _), event) = entry.remove_entry();
                    self.now = self.now.max(at);
                    self.happen(event);
                }
                _ => {
                    // Without an end to wait for, the clock has nowhere to go.
                    if until != Instant::FAR_FUTURE {
                        self.now = self.now.max(until);
                    }
                    return None;
                }
            }
        }
    }

    fn release(&mut self, machine: MachineId) {
        let streams: Vec<_> = self.streams.keys().filter(|(whose, _)| *whose == machine).copied().collect();
        for (machine, stream) in streams {
            self.perform(machine, Output::CloseStream { stream, reset: false });
        }
        let ports = self.ports.iter().filter(|(_, port)| port.machine == machine);
        for (transport, local) in ports.map(|(key, _)| *key).collect::<Vec<_>>() {
            self.set_port(machine, transport, local, PortState::Closed);
        }
        self.ready.retain(|(whose, _)| *whose != machine);
    }

    fn note(&mut self, trouble: Trouble) {
        self.troubles.push(trouble);
    }
}

/// Ports and datagrams.
impl VirtualNet {
    fn set_port(&mut self, machine: MachineId, transport: Transport, local: SocketAddr, state: PortState) {
        self.station(local.ip()).used = true;
        let port = self.ports.entry((transport, local)).or_insert(Port { machine, state });
        if port.machine != machine && port.state != PortState::Closed {
            if state != PortState::Closed {
                let error = io::Error::from(io::ErrorKind::AddrInUse).into();
                self.note(Trouble::BindFailed { at: self.now, transport, addr: local, error });
            }
            return;
        }
        *port = Port { machine, state };
        if transport == Transport::Tcp && state != PortState::Open {
            self.connections.retain(|path, connection| path.local != local || !connection.tcp.is_embryonic());
        }
    }

    fn send_datagram(&mut self, local: SocketAddr, remote: SocketAddr, payload: Vec<u8>) {
        let bound = self.ports.get(&(Transport::Udp, local)).is_some_and(|p| p.state != PortState::Closed);
        let error = match () {
            () if !bound => io::ErrorKind::AddrNotAvailable,
            () if local.is_ipv4() != remote.is_ipv4() => io::ErrorKind::NetworkUnreachable,
            () if payload.len() > frames::MAX_DATAGRAM => io::ErrorKind::FileTooLarge,
            () => return self.emit(local, remote, Body::Datagram(payload)),
        };
        let error = io::Error::from(error).into();
        self.note(Trouble::SendFailed { at: self.now, local, remote, error });
    }
}

/// Packets on their way.
impl VirtualNet {
    /// Puts a packet on the wire at its source.
    fn emit(&mut self, from: SocketAddr, to: SocketAddr, body: Body) {
        let station = self.station(from.ip());
        if station.host == Host::Gone {
            return;
        }
        let id = station.id;
        station.id = id.wrapping_add(1);
        let octets = match &body {
            Body::Datagram(payload) => frames::udp_packet(from, to, id, payload),
            Body::Segment(segment) => frames::tcp_packet(from, to, id, segment),
            Body::Icmp { .. } => unreachable!("ICMP is emitted with what it quotes"),
        };
        self.launch(Packet { from, to, octets, body });
    }

    /// Sends an ICMP error about a datagram that may never have been sent.
    fn forge_icmp(&mut self, from: IpAddr, kind: IcmpKind, quoted: &Quoted) {
        let Some(octets) = frames::forged_icmp(from, kind, quoted) else {
            let (local, remote) = (SocketAddr::new(from, 0), quoted.source);
            let error = io::Error::from(io::ErrorKind::InvalidInput).into();
            return self.note(Trouble::SendFailed { at: self.now, local, remote, error });
        };
        let about = Path { local: quoted.source, remote: quoted.destination };
        let body = Body::Icmp { kind, transport: Transport::Udp, about };
        let to = SocketAddr::new(quoted.source.ip(), 0);
        self.launch(Packet { from: SocketAddr::new(from, 0), to, octets, body });
    }

    /// Answers a packet with an ICMP error in the name of its destination.
    fn emit_icmp(&mut self, kind: IcmpKind, offending: &Packet) {
        let transport = match offending.body {
            Body::Datagram(_) => Transport::Udp,
            Body::Segment(_) => Transport::Tcp,
            Body::Icmp { .. } => return, // never an error about an error (RFC 1122 section 3.2.2)
        };
        if kind.v6 != offending.to.is_ipv6() {
            return;
        }
        let (from, to) = (offending.to, offending.from);
        let station = self.station(from.ip());
        let id = station.id;
        station.id = id.wrapping_add(1);
        let octets = frames::icmp_packet(from.ip(), to.ip(), id, kind, &offending.octets);
        let about = Path { local: to, remote: from };
        self.launch(Packet { from, to, octets, body: Body::Icmp { kind, transport, about } });
    }

    /// From the source up to the tap.
    fn launch(&mut self, packet: Packet) {
        let wire = self.hosts.get_mut(&packet.from.ip()).and_then(|station| station.wire.as_mut());
        match wire {
            Some(wire) => {
                for at in wire.cross(Way::Up, self.now, &mut self.chance) {
                    self.schedule(at, Event::Tap(packet.clone()));
                }
            }
            None => self.pass_tap(packet),
        }
    }

    /// Past the tap and down to the destination.
    fn pass_tap(&mut self, packet: Packet) {
        self.frames.push(frames::ethernet(self.now, &packet.octets));
        let leaves = self.now + Self::LATENCY;
        let wire = self.hosts.get_mut(&packet.to.ip()).and_then(|station| station.wire.as_mut());
        match wire {
            Some(wire) => {
                for at in wire.cross(Way::Down, leaves, &mut self.chance) {
                    self.schedule(at, Event::Arrive(packet.clone()));
                }
            }
            None => self.schedule(leaves, Event::Arrive(packet)),
        }
    }

    fn happen(&mut self, event: Event) {
        match event {
            Event::Tap(packet) => self.pass_tap(packet),
            Event::Arrive(packet) => self.arrive(packet),
            Event::Timer(path) => self.wake(path),
        }
    }

    fn arrive(&mut self, packet: Packet) {
        let host = self.hosts.get(&packet.to.ip()).filter(|station| station.used || station.host != Host::Up);
        match host.map_or(Host::Gone, |station| station.host) {
            Host::Gone => {}
            Host::Unreachable(kind) => self.emit_icmp(kind, &packet),
            Host::Up => match &packet.body {
                Body::Datagram(_) => self.arrive_datagram(packet),
                Body::Segment(segment) => self.arrive_segment(packet.from, packet.to, segment),
                Body::Icmp { kind, transport, about } => self.arrive_icmp(*kind, *transport, *about),
            },
        }
    }

    fn arrive_datagram(&mut self, packet: Packet) {
        match self.ports.get(&(Transport::Udp, packet.to)) {
            Some(Port { machine, state: PortState::Open }) => {
                let Body::Datagram(payload) = packet.body else { return };
                let input = Input::Datagram { local: packet.to, remote: packet.from, payload };
                self.ready.push_back((*machine, input));
            }
            Some(Port { state: PortState::Blackhole, .. }) => {}
            Some(Port { state: PortState::Closed, .. }) | None => {
                self.emit_icmp(IcmpKind::port_unreachable(packet.to.ip()), &packet);
            }
        }
    }

    fn arrive_icmp(&mut self, kind: IcmpKind, transport: Transport, about: Path) {
        match transport {
            Transport::Udp => {
                if let Some(Port { machine, state: PortState::Open }) =
                    self.ports.get(&(transport, about.local))
                {
                    let input = Input::Icmp { local: about.local, remote: about.remote, kind };
                    self.ready.push_back((*machine, input));
                }
            }
            Transport::Tcp | Transport::Tls if kind.is_fatal() => {
                self.with_connection(about, Tcp::unreachable)
            }
            Transport::Tcp | Transport::Tls => {}
        }
    }
}
