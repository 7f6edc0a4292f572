//! Where the phone hears audio, and what it says there (RFC 3264, RFC 3550).

use std::collections::{BTreeMap, BTreeSet, VecDeque};
use std::net::{IpAddr, SocketAddr};

use sipfarm_core::machine::{Input, Output, PortState, Transport};
use sipfarm_core::{Instant, Span};

/// The port that the session description of a first call names; further calls have the next even ones. RTCP
/// has the one after it (RFC 3550 section 11).
const PORT: u16 = 4000;

/// Whoever is not heard for so long is noticed to be gone.
const PAUSE: Span = Span::from_secs(1);

/// The phone's ears: a port for RTP and one for RTCP for each call that it has at once, open from the first
/// call there on. What is heard is listened to by nobody.
#[derive(Debug)]
pub struct AudioPorts {
    ip: IpAddr,
    /// The ports that are open, and when something was heard there last.
    open: BTreeMap<u16, Option<Instant>>,
    /// Those that calls have.
    taken: BTreeSet<u16>,
    outputs: VecDeque<Output>,
}

impl AudioPorts {
    pub fn new(ip: IpAddr) -> Self {
        AudioPorts { ip, open: BTreeMap::new(), taken: BTreeSet::new(), outputs: VecDeque::new() }
    }

    /// Where the other side of a new call sends audio to; opened if need be.
    pub fn open(&mut self) -> SocketAddr {
        let free = |port: &u16| !self.taken.contains(port);
        let port = (PORT..u16::MAX - 1).step_by(2).find(free).unwrap_or(PORT);
        self.taken.insert(port);
        if self.open.insert(port, None).is_none() {
            self.set(port, PortState::Open);
        }
        SocketAddr::new(self.ip, port)
    }

    /// The calls that the phone has are at these ports: the others are free for further ones.
    pub fn keep(&mut self, ports: impl Iterator<Item = u16>) {
        self.taken = ports.collect();
    }

    pub fn close(&mut self) {
        self.taken.clear();
        for port in std::mem::take(&mut self.open).into_keys() {
            self.set(port, PortState::Closed);
        }
    }

    /// The port of a call at which that happened, so that it concerns nobody else.
    pub fn port_of(&self, input: &Input) -> Option<u16> {
        let (Input::Datagram { local, .. } | Input::Icmp { local, .. }) = input else { return None };
        let port = local.port() - local.port() % 2;
        (local.ip() == self.ip && self.open.contains_key(&port)).then_some(port)
    }

    /// Something was heard at a port. Says since when nothing was, if that is long.
    pub fn hear(&mut self, port: u16, now: Instant) -> Option<Instant> {
        self.open.get_mut(&port)?.replace(now).filter(|before| now - *before > PAUSE)
    }

    /// Sends a packet of RTP from a port.
    pub fn say(&mut self, port: u16, (remote, payload): (SocketAddr, Vec<u8>)) {
        self.outputs.push_back(Output::Datagram { local: SocketAddr::new(self.ip, port), remote, payload });
    }

    /// Sends a packet of RTCP from the port beside it.
    pub fn say_control(&mut self, port: u16, packet: (SocketAddr, Vec<u8>)) {
        self.say(port + 1, packet);
    }

    pub fn poll_output(&mut self) -> Option<Output> {
        self.outputs.pop_front()
    }

    fn set(&mut self, port: u16, state: PortState) {
        for port in [port, port + 1] {
            let local = SocketAddr::new(self.ip, port);
            self.outputs.push_back(Output::SetPort { transport: Transport::Udp, local, state });
        }
    }
}
