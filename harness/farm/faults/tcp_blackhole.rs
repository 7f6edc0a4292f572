//! UDP works on, and so do connections that are open.

use sipfarm_core::machine::{PortState, Transport};

use super::declare::fault;
use super::{NodeKind, Rule};

fault! {
    /// Lets every SYN for the TCP port vanish without an answer.
    pub struct TcpBlackhole = "tcp-blackhole", acts on Ports {}
}

impl Rule for TcpBlackhole {
    fn fits(&self, node: NodeKind) -> bool {
        node != NodeKind::FarEnd
    }

    fn port_state(&self, transport: Transport) -> Option<PortState> {
        transport.is_reliable().then_some(PortState::Blackhole)
    }
}

#[cfg(test)]
mod tests {
    use crate::farm::testing::{Lab, register};

    #[test]
    fn a_syn_is_never_answered_and_udp_is_served() {
        let mut lab = Lab::new();
        lab.fault_on("tcp-blackhole");
        lab.connect();
        lab.run_s(20);
        assert!(lab.lines().len() > 1 && lab.lines().iter().all(|line| line == "phone > node: SYN"));
        assert!(lab.left_the_node().is_empty());
        lab.say(&register(1));
        lab.run_s(1);
        assert_eq!(lab.last().status(), Some(200));
    }

    #[test]
    fn a_later_syn_is_answered_when_the_fault_ends() {
        let mut lab = Lab::new();
        lab.fault_on("tcp-blackhole");
        lab.connect();
        lab.fault_off("tcp-blackhole");
        lab.run_s(5);
        assert!(lab.lines().contains(&"node > phone: SYN-ACK".to_owned()));
    }
}
