//! As `silent`, for some queries: the port stays bound, and no ICMP leaves the host.

use super::declare::fault;
use super::{DnsAction, NodeKind, Rule, SeenDns};

fault! {
    /// Leaves DNS queries without an answer.
    pub struct DnsSilent = "dns-silent", acts on Queries {}
}

impl Rule for DnsSilent {
    fn see_dns(&mut self, _: &SeenDns<'_>) -> Option<DnsAction> {
        Some(DnsAction::Drop)
    }

    fn fits(&self, node: NodeKind) -> bool {
        node == NodeKind::Dns
    }
}

#[cfg(test)]
mod tests {
    use crate::farm::dns::testing::Lab;

    #[test]
    fn nothing_leaves_the_host_for_the_queries_that_are_meant() {
        let mut lab = Lab::new();
        lab.fault_on("dns-silent record=NAPTR");
        lab.ask("NAPTR example.test");
        assert_eq!(lab.left_the_node(), 0, "not even ICMP");
        lab.ask("A p.example.test");
        assert_eq!(lab.answers(), ["UDP p.example.test 60 A 192.0.2.11"]);
        lab.faults_off();
        lab.ask("NAPTR example.test");
        assert_eq!(lab.answers().len(), 1);
    }
}
