//! UDP works on, and so do connections that are open.

use sipfarm_core::machine::{PortState, Transport};

use super::Rule;
use super::declare::fault;

fault! {
    /// Refuses new TCP connections with RST.
    pub struct TcpRefuse = "tcp-refuse", acts on Ports {}
}

impl Rule for TcpRefuse {
    fn port_state(&self, transport: Transport) -> Option<PortState> {
        (transport == Transport::Tcp).then_some(PortState::Closed)
    }
}
