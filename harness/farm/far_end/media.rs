//! Its audio: a port for each call, and silence in G.711 as long as the call lets it talk.

use std::collections::{BTreeSet, VecDeque};
use std::net::{IpAddr, SocketAddr};

use sipfarm_core::Instant;
use sipfarm_core::machine::{Output, PortState, Transport};
use sipfarm_core::rtp::Talker;
use sipfarm_core::sdp::Session;

use super::{CallKey, FarEnd};

/// The port of its only call's audio. RTCP has the one after it, and further calls follow by two.
const FIRST: u16 = 40_000;

/// Which ports its calls have. Those that were open once stay open: what is still under way when a call has ended
/// is nobody's mistake, and gets no ICMP error.
#[derive(Debug)]
pub(super) struct Ports {
    host: IpAddr,
    taken: BTreeSet<u16>,
    /// All below are open.
    open_below: u16,
}

impl Ports {
    /// With the first one open from the beginning on.
    pub(super) fn new(host: IpAddr) -> (Ports, VecDeque<Output>) {
        let mut ports = Ports { host, taken: BTreeSet::new(), open_below: FIRST };
        let opened = ports.open(FIRST);
        (ports, opened.into())
    }

    /// The lowest port that no call has, with what opens it.
    pub(super) fn take(&mut self) -> (u16, Vec<Output>) {
        let free = (FIRST..u16::MAX - 1).step_by(2).find(|port| !self.taken.contains(port));
        let port = free.unwrap_or(FIRST);
        self.taken.insert(port);
        (port, self.open(port))
    }

    pub(super) fn give_back(&mut self, port: u16) {
        self.taken.remove(&port);
    }

    fn open(&mut self, port: u16) -> Vec<Output> {
        if port < self.open_below {
            return Vec::new();
        }
        self.open_below = port + 2;
        let open = |port| Output::SetPort {
            transport: Transport::Udp,
            local: SocketAddr::new(self.host, port),
            state: PortState::Open,
        };
        [port, port + 1].map(open).into()
    }
}

impl FarEnd {
    /// A port for one more call.
    pub(super) fn take_port(&mut self) -> u16 {
        let (port, opened) = self.ports.take();
        self.outputs.extend(opened);
        port
    }

    /// Says what is due to be said in every call.
    pub(super) fn talk(&mut self, now: Instant) {
        if self.talk_at.is_none_or(|at| at > now) {
            return;
        }
        for call in self.calls.values_mut() {
            let local = call.audio(self.config.addr);
            while let Some((remote, payload)) = call.talker.packet(now) {
                if self.stack.audio_is_cut() {
                    continue; // It was said, and is lost on its way.
                }
                self.outputs.push_back(Output::Datagram { local, remote, payload });
            }
        }
        self.talk_at = self.calls.values().filter_map(|call| call.talker.due()).min();
    }

    /// Talks as an answered offer lets us.
    pub(super) fn agree(&mut self, key: &CallKey, theirs: &[u8], now: Instant) {
        let Some(call) = self.calls.get_mut(key) else { return };
        call.talker.talk_to(Session::parse(theirs).sink(call.direction), now);
        self.talk_at = self.talk_at.into_iter().chain(call.talker.due()).min();
    }

    /// Says goodbye to whoever it has talked to in that call.
    pub(super) fn fall_silent(&mut self, key: &CallKey, now: Instant) {
        let name = format!("{}@{}", self.config.user, self.config.addr.ip());
        let Some(call) = self.calls.get_mut(key) else { return };
        let mut local = call.audio(self.config.addr);
        local.set_port(local.port() + 1);
        let goodbye = call.talker.goodbye(&name, now);
        if let Some((remote, payload)) = goodbye.filter(|_| !self.stack.audio_is_cut()) {
            self.outputs.push_back(Output::Datagram { local, remote, payload });
        }
    }

    pub(super) fn talker(&mut self) -> Talker {
        let random = u64::from_str_radix(&self.stack.token(), 16).unwrap_or(1);
        Talker::new((random >> 32) as u32, random as u32)
    }
}
