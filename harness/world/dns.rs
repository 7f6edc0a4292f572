//! The DNS that a scenario asks for.

use std::collections::BTreeMap;
use std::net::{IpAddr, SocketAddr};

use sipfarm_core::dns::plain;

use super::StepFailure;
use crate::farm::{DnsConfig, DnsNode, Row};

/// The name of the farm's DNS server in scenarios.
pub const DNS_NODE: &str = "dns";

/// The DNS that a scenario asks for.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct DnsPlan {
    /// The zone: a domain name.
    pub origin: String,
    /// Its records.
    pub records: Vec<Row>,
}

impl DnsPlan {
    /// A zone in which these nodes stand behind its own name, each with a priority of its own: NAPTR
    /// for UDP before TCP, SRV with priority 10, 20, …, and addresses (YL-3SRV).
    ///
    /// # Errors
    /// The name is no domain name.
    pub fn by_priority(origin: &str, nodes: &[String], ttl_s: u32) -> Result<DnsPlan, StepFailure> {
        let mut records = vec![
            format!("@ {ttl_s} NAPTR 10 10 s SIP+D2U \"\" _sip._udp"),
            format!("@ {ttl_s} NAPTR 20 10 s SIP+D2T \"\" _sip._tcp"),
        ];
        for (node, place) in nodes.iter().zip(1..) {
            let host = label(node, place);
            for transport in ["_udp", "_tcp"] {
                records.push(format!("_sip.{transport} {ttl_s} SRV {} 0 5060 {host}", place * 10));
            }
            records.push(format!("{host} {ttl_s} A {node}"));
        }
        DnsPlan::new(origin, records.iter().map(|row| row.parse()).collect())
    }

    /// A zone with these records.
    ///
    /// # Errors
    /// A record, or the zone's name, cannot be read.
    pub fn new(origin: &str, records: Result<Vec<Row>, String>) -> Result<DnsPlan, StepFailure> {
        let origin = plain(origin);
        if origin.is_empty() || origin.contains(char::is_whitespace) {
            return Err(StepFailure::Setup(format!("{origin:?} is no domain name")));
        }
        let records = records.map_err(|problem| StepFailure::Setup(format!("the DNS zone: {problem}")))?;
        Ok(DnsPlan { origin, records })
    }

    /// Whether a record leads to that node.
    pub fn names(&self, node: &str) -> bool {
        self.records.iter().any(|row| row.leads_to(node))
    }

    /// The DNS server, at that address of a farm with these nodes.
    pub(super) fn build(
        &self,
        addr: SocketAddr,
        hosts: BTreeMap<String, IpAddr>,
        seed: u64,
    ) -> Result<DnsNode, StepFailure> {
        let config = DnsConfig {
            name: DNS_NODE.to_owned(),
            addr,
            origin: self.origin.clone(),
            records: self.records.clone(),
            hosts,
            seed,
        };
        DnsNode::new(config).map_err(|problem| StepFailure::Setup(format!("the DNS zone: {problem}")))
    }
}

/// A node's name as a label of DNS (RFC 1123 section 2.1), or its number where it is none.
fn label(node: &str, place: u32) -> String {
    let fits = node.len() < 64 && node.chars().all(|c| c.is_ascii_alphanumeric() || c == '-');
    if fits { node.to_owned() } else { format!("server{place}") }
}
