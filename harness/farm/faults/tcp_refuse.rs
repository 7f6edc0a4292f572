//! UDP works on, and so do connections that are open.

use sipfarm_core::machine::{PortState, Transport};

use super::declare::fault;
use super::{NodeKind, Rule};

fault! {
    /// Refuses new TCP connections with RST.
    pub struct TcpRefuse = "tcp-refuse", acts on Ports {}
}

impl Rule for TcpRefuse {
    fn fits(&self, node: NodeKind) -> bool {
        node != NodeKind::FarEnd
    }

    fn port_state(&self, transport: Transport) -> Option<PortState> {
        transport.is_reliable().then_some(PortState::Closed)
    }
}

#[cfg(test)]
mod tests {
    use crate::farm::testing::{Lab, over_tcp, register};

    #[test]
    fn a_syn_is_answered_with_rst_and_udp_is_served() {
        let mut lab = Lab::new();
        lab.fault_on("tcp-refuse");
        lab.connect();
        assert_eq!(lab.lines(), ["phone > node: SYN", "node > phone: RST"]);
        lab.say(&register(1));
        lab.run_s(1);
        assert_eq!(lab.last().status(), Some(200));
    }

    #[test]
    fn open_connections_work_on_and_new_ones_after_its_end() {
        let mut lab = Lab::new();
        lab.connect();
        lab.fault_on("tcp-refuse");
        lab.say_tcp(&over_tcp(register(1)));
        lab.run_s(1);
        assert_eq!(lab.last().status(), Some(200));

        let mut lab = Lab::new();
        lab.fault_on("tcp-refuse");
        lab.fault_off("tcp-refuse");
        lab.connect();
        assert_eq!(lab.lines(), ["phone > node: SYN", "node > phone: SYN-ACK"]);
    }
}
