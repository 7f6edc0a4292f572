//! UDP works on, and so do connections that are open.

use sipfarm_core::machine::{PortState, Transport};

use super::Rule;
use super::declare::fault;

fault! {
    /// Lets every SYN for the TCP port vanish without an answer.
    pub struct TcpBlackhole = "tcp-blackhole", acts on Ports {}
}

impl Rule for TcpBlackhole {
    fn port_state(&self, transport: Transport) -> Option<PortState> {
        (transport == Transport::Tcp).then_some(PortState::Blackhole)
    }
}
