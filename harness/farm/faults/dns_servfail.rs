//! The server is there and cannot answer: a phone may ask another one, or use what it has kept
//! (RFC 1035 section 4.1.1).

use sipfarm_core::dns::ResponseCode;

use super::declare::fault;
use super::{DnsAction, NodeKind, Rule, SeenDns};

fault! {
    /// Answers DNS queries with SERVFAIL.
    pub struct DnsServfail = "dns-servfail", acts on Queries {}
}

impl Rule for DnsServfail {
    fn see_dns(&mut self, _: &SeenDns<'_>) -> Option<DnsAction> {
        Some(DnsAction::Code(ResponseCode::ServFail))
    }

    fn fits(&self, node: NodeKind) -> bool {
        node == NodeKind::Dns
    }
}

#[cfg(test)]
mod tests {
    use crate::farm::dns::testing::Lab;

    #[test]
    fn every_query_gets_servfail_over_udp_and_tcp_until_it_ends() {
        let mut lab = Lab::new();
        lab.fault_on("dns-servfail");
        lab.ask("A p.example.test");
        lab.ask_tcp("SRV _sip._udp.example.test");
        assert_eq!(lab.answers(), ["UDP SERVFAIL", "TCP SERVFAIL"]);
        lab.faults_off();
        lab.ask("A p.example.test");
        assert_eq!(lab.answers(), ["UDP p.example.test 60 A 192.0.2.11"]);
    }

    #[test]
    fn name_record_and_first_say_which_queries() {
        let mut lab = Lab::new();
        lab.fault_on("dns-servfail record=SRV");
        lab.fault_on("dns-servfail name=Q.example.test first=1");
        lab.ask("SRV _sip._udp.example.test");
        lab.ask("A q.example.test");
        lab.ask("A q.example.test");
        lab.ask("A p.example.test");
        let answers = lab.answers();
        assert_eq!(answers[..2], ["UDP SERVFAIL", "UDP SERVFAIL"]);
        assert_eq!(answers[2], "UDP q.example.test 60 A 192.0.2.12");
        assert_eq!(answers[3], "UDP p.example.test 60 A 192.0.2.11");
    }
}
