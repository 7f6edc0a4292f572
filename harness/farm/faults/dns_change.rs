//! Somebody has edited the zone. What a phone was told before holds for it until the TTL of that
//! answer has passed. Records of other names and types stay as they are; data `-` takes the records of
//! a name and type away. In feature files the step `DNS has the records` says it with a table.

use super::declare::{Records, fault};
use super::{NodeKind, Rule};
use crate::farm::dns::Row;

fault! {
    /// Gives a zone other records, in the place of those of the same name and type.
    pub struct DnsChange = "dns-change", acts on Records {
        /// what stands there now: "name ttl type data", several with ; between
        records: Records,
    }
}

impl Rule for DnsChange {
    fn records(&self) -> Vec<Row> {
        self.records.0.clone()
    }

    fn fits(&self, node: NodeKind) -> bool {
        node == NodeKind::Dns
    }
}

#[cfg(test)]
mod tests {
    use crate::farm::dns::testing::Lab;

    #[test]
    fn records_are_replaced_until_it_ends_and_others_are_left_alone() {
        let mut lab = Lab::new();
        lab.fault_on("dns-change records='p 5 A secondary; p 5 A 192.0.2.99; q 5 A -'");
        for name in ["p", "q", "r"] {
            lab.ask(&format!("A {name}.example.test"));
        }
        assert_eq!(
            lab.answers(),
            [
                "UDP p.example.test 5 A 192.0.2.12, p.example.test 5 A 192.0.2.99",
                "UDP NXDOMAIN",
                "UDP r.example.test 60 A 192.0.2.13, r.example.test 60 A 192.0.2.14"
            ]
        );
        lab.faults_off();
        lab.ask("A q.example.test");
        assert_eq!(lab.answers(), ["UDP q.example.test 60 A 192.0.2.12"]);
    }

    #[test]
    fn a_later_change_goes_over_an_earlier_one() {
        let mut lab = Lab::new();
        lab.fault_on("dns-change records='p 5 A 192.0.2.1'");
        lab.fault_on("dns-change records='p 6 A 192.0.2.2'");
        lab.ask("A p.example.test");
        assert_eq!(lab.answers(), ["UDP p.example.test 6 A 192.0.2.2"]);
    }

    #[test]
    fn records_that_do_not_fit_the_zone_are_the_authors_fault() {
        let mut lab = Lab::new();
        let problem =
            |lab: &mut Lab, records: &str| lab.try_fault(&format!("dns-change records='{records}'"));
        assert!(problem(&mut lab, "p 5 A tertiary").contains("neither an address nor a node"));
        assert!(problem(&mut lab, "p.example.org. 5 A 192.0.2.1").contains("not in the zone"));
        assert!(problem(&mut lab, "p 5 A 2001:db8::1").contains("other family"));
        lab.ask("A p.example.test");
        assert_eq!(lab.answers(), ["UDP p.example.test 60 A 192.0.2.11"]);
    }
}
