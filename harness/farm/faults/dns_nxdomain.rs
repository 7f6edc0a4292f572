//! Not to be confused with a name that exists and has no record of that type (NODATA), which any
//! zone answers by itself: NXDOMAIN says that nothing below the name exists either (RFC 8020).

use sipfarm_core::dns::ResponseCode;

use super::declare::fault;
use super::{DnsAction, NodeKind, Rule, SeenDns};

fault! {
    /// Answers DNS queries with NXDOMAIN: there is no such name.
    pub struct DnsNxdomain = "dns-nxdomain", acts on Queries {}
}

impl Rule for DnsNxdomain {
    fn see_dns(&mut self, _: &SeenDns<'_>) -> Option<DnsAction> {
        Some(DnsAction::Code(ResponseCode::NxDomain))
    }

    fn fits(&self, node: NodeKind) -> bool {
        node == NodeKind::Dns
    }
}

#[cfg(test)]
mod tests {
    use crate::farm::dns::testing::Lab;

    #[test]
    fn the_name_is_gone_and_others_are_not() {
        let mut lab = Lab::new();
        lab.fault_on("dns-nxdomain name=p.example.test");
        lab.ask("A p.example.test");
        lab.ask("AAAA p.example.test");
        lab.ask("A q.example.test");
        assert_eq!(lab.answers(), ["UDP NXDOMAIN", "UDP NXDOMAIN", "UDP q.example.test 60 A 192.0.2.12"]);
        lab.faults_off();
        lab.ask("A p.example.test");
        assert_eq!(lab.answers(), ["UDP p.example.test 60 A 192.0.2.11"]);
    }
}
