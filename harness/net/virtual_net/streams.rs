//! Streams of the simulated network: which connection belongs to whom.

use std::net::{IpAddr, SocketAddr};

use sipfarm_core::machine::{ConnectError, Input, PortState, StreamId, Transport};

use super::tcp::{self, Tcp};
use super::{Body, Connection, Event, Path, Port, VirtualNet};
use crate::net::MachineId;
use crate::net::frames::{self, Segment, flags};

impl VirtualNet {
    pub(super) fn connect(
        &mut self,
        machine: MachineId,
        stream: StreamId,
        local: IpAddr,
        remote: SocketAddr,
    ) {
        if local.is_ipv4() != remote.is_ipv4() {
            let error = ConnectError::Unreachable;
            return self.ready.push_back((machine, Input::ConnectFailed { stream, error }));
        }
        let path = Path { local: SocketAddr::new(local, self.free_port(local)), remote };
        let size = frames::max_segment(local);
        let tcp = Tcp::connect(self.now, self.sequences.u32(..), size, self.patience);
        self.connections.insert(path, Connection { machine, stream, tcp, timer: None });
        self.streams.insert((machine, stream), path);
        self.settle(path);
    }

    /// A port to connect from that nothing uses.
    fn free_port(&mut self, ip: IpAddr) -> u16 {
        self.station(ip).used = true;
        loop {
            let station = self.station(ip);
            let port = station.port;
            station.port = port.checked_add(1).unwrap_or(Self::FIRST_PORT);
            let local = SocketAddr::new(ip, port);
            let connected = self.connections.keys().any(|path| path.local == local);
            if !connected && !self.ports.contains_key(&(Transport::Tcp, local)) {
                return port;
            }
        }
    }

    pub(super) fn arrive_segment(&mut self, from: SocketAddr, to: SocketAddr, segment: &Segment) {
        let path = Path { local: to, remote: from };
        let now = self.now;
        if self.connections.contains_key(&path) {
            return self.with_connection(path, |tcp| tcp.receive(segment, now));
        }
        let port = self.ports.get(&(Transport::Tcp, to));
        let is_syn = segment.flags & (flags::SYN | flags::ACK | flags::RST) == flags::SYN;
        match port {
            Some(Port { state: PortState::Blackhole, .. }) => {}
            Some(&Port { machine, state: PortState::Open }) if is_syn => {
                self.accepted += 1;
                let stream = StreamId(StreamId::ACCEPTED | self.accepted);
                let size = frames::max_segment(to.ip());
                let tcp = Tcp::accept(now, self.sequences.u32(..), segment, size, self.patience);
                self.connections.insert(path, Connection { machine, stream, tcp, timer: None });
                self.settle(path);
            }
            _ => self.refuse(path, segment),
        }
    }

    /// Answers a segment that belongs to no connection (RFC 9293 section 3.5.2).
    fn refuse(&mut self, path: Path, segment: &Segment) {
        if segment.flags & flags::RST != 0 {
            return;
        }
        let has_ack = segment.flags & flags::ACK != 0;
        let controls = segment.flags & (flags::SYN | flags::FIN);
        let length = segment.payload.len() as u32 + controls.count_ones();
        let reset = Segment {
            sequence: if has_ack { segment.acknowledgement } else { 0 },
            acknowledgement: if has_ack { 0 } else { segment.sequence.wrapping_add(length) },
            flags: if has_ack { flags::RST } else { flags::RST | flags::ACK },
            payload: Vec::new(),
        };
        self.emit(path.local, path.remote, Body::Segment(reset));
    }

    pub(super) fn wake(&mut self, path: Path) {
        let now = self.now;
        if let Some(connection) = self.connections.get_mut(&path) {
            connection.timer = None;
            if connection.tcp.deadline().is_some_and(|deadline| deadline <= now) {
                connection.tcp.wake(now);
            }
            self.settle(path);
        }
    }

    pub(super) fn with_stream(&mut self, machine: MachineId, stream: StreamId, f: impl FnOnce(&mut Tcp)) {
        // A stream that is gone may well be written to before its machine hears of the end.
        if let Some(&path) = self.streams.get(&(machine, stream)) {
            self.with_connection(path, f);
        }
    }

    pub(super) fn with_connection(&mut self, path: Path, f: impl FnOnce(&mut Tcp)) {
        if let Some(connection) = self.connections.get_mut(&path) {
            f(&mut connection.tcp);
            self.settle(path);
        }
    }

    /// Sends what a connection wants sent, tells its machine what it must hear, and sets its
    /// timer.
    fn settle(&mut self, path: Path) {
        let Some(connection) = self.connections.get_mut(&path) else { return };
        let (machine, stream) = (connection.machine, connection.stream);
        let segments = connection.tcp.take_segments();
        let events = connection.tcp.take_events();
        if connection.tcp.is_over() {
            self.connections.remove(&path);
        } else if let Some(deadline) = connection.tcp.deadline()
            && connection.timer.is_none_or(|timer| deadline < timer)
        {
            connection.timer = Some(deadline);
            self.schedule(deadline, Event::Timer(path));
        }
        for segment in segments {
            self.emit(path.local, path.remote, Body::Segment(segment));
        }
        for event in events {
            self.tell(machine, stream, path, event);
        }
    }

    fn tell(&mut self, machine: MachineId, stream: StreamId, path: Path, event: tcp::Event) {
        let input = match event {
            tcp::Event::Connected => Input::Connected { stream, local: path.local },
            tcp::Event::Accepted => {
                self.streams.insert((machine, stream), path);
                Input::Accepted { stream, transport: Transport::Tcp, local: path.local, remote: path.remote }
            }
            tcp::Event::Failed(error) => Input::ConnectFailed { stream, error },
            tcp::Event::Data(data) => Input::StreamData { stream, data },
            tcp::Event::Ended(end) => Input::StreamClosed { stream, end },
        };
        if matches!(input, Input::ConnectFailed { .. } | Input::StreamClosed { .. }) {
            self.streams.remove(&(machine, stream));
        }
        self.ready.push_back((machine, input));
    }
}

/// The stream that an input is about.
pub(super) fn stream_of(input: &Input) -> Option<StreamId> {
    match input {
        Input::Accepted { stream, .. }
        | Input::Connected { stream, .. }
        | Input::ConnectFailed { stream, .. }
        | Input::StreamData { stream, .. }
        | Input::StreamClosed { stream, .. } => Some(*stream),
        Input::Datagram { .. } | Input::Icmp { .. } | Input::Wake => None,
    }
}
