//! Where the phone hears audio, and what it says there (RFC 3264, RFC 3550).

use std::collections::VecDeque;
use std::net::{IpAddr, SocketAddr};

use sipfarm_core::machine::{Input, Output, PortState, Transport};
use sipfarm_core::{Instant, Span};

/// The port that our session descriptions name. RTCP has the one after it (RFC 3550 section 11).
const PORT: u16 = 4000;

/// Whoever is not heard for so long is noticed to be gone.
const PAUSE: Span = Span::from_secs(1);

/// The phone's ear: one port for RTP and one for RTCP, open from the first call on. There is one call
/// at a time, and what is heard is listened to by nobody.
#[derive(Debug)]
pub struct AudioPort {
    local: SocketAddr,
    open: bool,
    heard_at: Option<Instant>,
    outputs: VecDeque<Output>,
}

impl AudioPort {
    pub fn new(ip: IpAddr) -> Self {
        AudioPort { local: SocketAddr::new(ip, PORT), open: false, heard_at: None, outputs: VecDeque::new() }
    }

    /// Where the other side sends audio to; opened if need be.
    pub fn open(&mut self) -> SocketAddr {
        if !std::mem::replace(&mut self.open, true) {
            self.set(PortState::Open);
        }
        self.local
    }

    pub fn close(&mut self) {
        if std::mem::take(&mut self.open) {
            self.set(PortState::Closed);
        }
    }

    /// Whether that happened at these ports, and so concerns nobody else.
    pub fn takes(&self, input: &Input) -> bool {
        match input {
            Input::Datagram { local, .. } | Input::Icmp { local, .. } => {
                *local == self.local || *local == self.control()
            }
            _ => false,
        }
    }

    /// Something was heard. Says since when nothing was, if that is long.
    pub fn hear(&mut self, now: Instant) -> Option<Instant> {
        self.heard_at.replace(now).filter(|before| now - *before > PAUSE)
    }

    /// Sends a packet of RTP.
    pub fn say(&mut self, (remote, payload): (SocketAddr, Vec<u8>)) {
        self.outputs.push_back(Output::Datagram { local: self.local, remote, payload });
    }

    /// Sends a packet of RTCP.
    pub fn say_control(&mut self, (remote, payload): (SocketAddr, Vec<u8>)) {
        self.outputs.push_back(Output::Datagram { local: self.control(), remote, payload });
    }

    pub fn poll_output(&mut self) -> Option<Output> {
        self.outputs.pop_front()
    }

    fn control(&self) -> SocketAddr {
        SocketAddr::new(self.local.ip(), self.local.port() + 1)
    }

    fn set(&mut self, state: PortState) {
        for local in [self.local, self.control()] {
            self.outputs.push_back(Output::SetPort { transport: Transport::Udp, local, state });
        }
    }
}
