//! The answer over UDP is empty but for the flag TC: a phone must ask again over TCP (RFC 7766
//! section 5). With `tcp=refuse` nobody listens there, so that the name cannot be resolved.

use sipfarm_core::machine::{PortState, Transport};

use super::declare::{fault, words};
use super::{DnsAction, NodeKind, Rule, SeenDns};

fault! {
    /// Answers DNS queries over UDP with TC and no records, so that they must be asked over TCP.
    pub struct DnsTruncated = "dns-truncated", acts on Queries {
        /// what becomes of TCP: answer (it is served), refuse (RST)
        tcp: Tcp = "answer",
    }
}

words! {
    /// As the user writes it.
    enum Tcp {
        Answer = "answer",
        Refuse = "refuse",
    }
    expected "one of: answer, refuse"
}

impl Rule for DnsTruncated {
    fn see_dns(&mut self, seen: &SeenDns<'_>) -> Option<DnsAction> {
        (seen.transport == Transport::Udp).then_some(DnsAction::Truncate)
    }

    fn port_state(&self, transport: Transport) -> Option<PortState> {
        (self.tcp == Tcp::Refuse && transport == Transport::Tcp).then_some(PortState::Closed)
    }

    fn fits(&self, node: NodeKind) -> bool {
        node == NodeKind::Dns
    }
}

#[cfg(test)]
mod tests {
    use sipfarm_core::machine::ConnectError;

    use crate::farm::dns::testing::Lab;

    #[test]
    fn udp_says_tc_and_tcp_answers() {
        let mut lab = Lab::new();
        lab.fault_on("dns-truncated");
        lab.ask("A p.example.test");
        lab.ask_tcp("A p.example.test");
        assert_eq!(lab.answers(), ["UDP TC NOERROR", "TCP p.example.test 60 A 192.0.2.11"]);
    }

    #[test]
    fn tcp_may_refuse_too_and_opens_when_the_fault_ends() {
        let mut lab = Lab::new();
        lab.fault_on("dns-truncated tcp=refuse");
        lab.ask("A p.example.test");
        assert_eq!(lab.connect(), Some(ConnectError::Refused));
        assert_eq!(lab.answers(), ["UDP TC NOERROR"]);
        lab.faults_off();
        lab.ask_tcp("A p.example.test");
        assert_eq!(lab.answers(), ["TCP p.example.test 60 A 192.0.2.11"]);
    }
}
