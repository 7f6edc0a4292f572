//! The farm of a scenario: its nodes, its far end, its DNS.

use std::collections::BTreeMap;
use std::net::SocketAddr;

use sipfarm_core::machine::Transport;
use sipfarm_core::profile::Profile;

use super::super::trunks::Parties;
use super::super::{Place, Plan, StepFailure};
use super::addresses::Addresses;
use super::{FAR_END_USER, PHONE_USER};
use crate::farm::{Account, FarEnd, FarEndConfig, Group, Node, NodeConfig, Trunks};
use crate::net::{Bench, MachineId};

/// The SIP domain of all systems that have no other.
pub(super) const DOMAIN: &str = "lab.example";
/// All users of a phone have one.
pub(super) const PASSWORD: &str = "correct horse";

/// What the farm of a scenario is built from.
pub(super) struct Ground<'a> {
    pub plan: &'a Plan,
    pub profile: &'a Profile,
    pub place: &'a Place,
    pub addresses: &'a Addresses,
}

impl Ground<'_> {
    pub fn far_end(&self, bench: &mut Bench) -> MachineId {
        let Ground { plan, place, addresses, .. } = self;
        let mut far_end = FarEnd::new(FarEndConfig {
            addr: addresses.far_end(),
            domain: DOMAIN.to_owned(),
            user: FAR_END_USER.to_owned(),
            kind: plan.far_end_kind,
            seed: place.seed ^ 0xFA,
        });
        far_end.behave(plan.far_end);
        far_end.time_sessions(plan.sessions);
        bench.add(Box::new(far_end))
    }

    /// The nodes by name, each with its address.
    pub fn nodes(
        &self,
        bench: &mut Bench,
        group: Option<&Group>,
        trunks: Option<&Trunks>,
    ) -> BTreeMap<String, (MachineId, SocketAddr)> {
        let parties = self.parties();
        let names = self.plan.nodes.iter().enumerate();
        names
            .map(|(index, name)| {
                let node = self.node(index, name, &parties, group, trunks);
                (name.clone(), (bench.add(Box::new(node)), self.addresses.node(index)))
            })
            .collect()
    }

    fn node(
        &self,
        index: usize,
        name: &str,
        parties: &Parties<'_>,
        group: Option<&Group>,
        trunks: Option<&Trunks>,
    ) -> Node {
        let Ground { plan, profile, place, addresses } = self;
        let mut node = Node::new(NodeConfig {
            name: name.to_owned(),
            addr: addresses.node(index),
            tls: speaks_tls(profile),
            domain: domain_of(plan, name).to_owned(),
            zone: plan.dns.as_ref().map(|dns| dns.origin.clone()),
            account: account(PHONE_USER),
            further_accounts: plan.lines.users().skip(1).map(account).collect(),
            challenge: true,
            expires_s: plan.granted_s,
            far_end: way_to_far_end(plan, name, parties).unwrap_or_else(|| addresses.far_end()),
            seed: place.seed.wrapping_add(index as u64 + 1),
        });
        node.set_min_expires(plan.min_expires_s.unwrap_or(0));
        if plan.challenges_calls {
            node.challenge_calls();
        }
        if plan.anchors.iter().any(|anchor| anchor == name) {
            node.anchor_audio();
        }
        if let (Some(plan), Some(group)) = (&plan.group, group) {
            plan.place(group, &mut node);
        }
        if let Some(trunks) = trunks {
            node.join_trunks(plan.trunks.end(trunks, name, parties));
        }
        node
    }

    /// The DNS server at that address, where the scenario has one.
    ///
    /// # Errors
    /// Its zone cannot be read.
    pub fn dns(&self, bench: &mut Bench, addr: SocketAddr) -> Result<Option<MachineId>, StepFailure> {
        let Some(dns) = &self.plan.dns else { return Ok(None) };
        let hosts = self.named_nodes().map(|(name, addr)| (name, addr.ip()));
        let node = dns.build(addr, hosts.collect(), self.place.seed ^ 0xD5)?;
        Ok(Some(bench.add(Box::new(node))))
    }

    fn parties(&self) -> Parties<'static> {
        Parties {
            nodes: self.named_nodes().collect(),
            phone: PHONE_USER,
            far_end: FAR_END_USER,
            kind: self.plan.far_end_kind,
        }
    }

    fn named_nodes(&self) -> impl Iterator<Item = (String, SocketAddr)> {
        self.plan.nodes.iter().cloned().zip((0..).map(|index| self.addresses.node(index)))
    }
}

fn account(user: &str) -> Account {
    Account { user: user.to_owned(), password: PASSWORD.to_owned() }
}

/// The system to which a node sends what is for the far end, where it does not reach it by itself.
fn way_to_far_end(plan: &Plan, node: &str, parties: &Parties<'_>) -> Option<SocketAddr> {
    parties.nodes.get(plan.trunks.way_to_far_end(node)?).copied()
}

/// The SIP domain that a node serves.
fn domain_of<'a>(plan: &'a Plan, node: &str) -> &'a str {
    plan.group.as_ref().and_then(|group| group.domain_of(node)).unwrap_or(DOMAIN)
}

/// Whether the farm needs TLS for that phone.
pub(super) fn speaks_tls(profile: &Profile) -> bool {
    profile.transport.default == Transport::Tls || profile.transport.allowed.contains(&Transport::Tls)
}
