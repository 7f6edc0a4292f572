//! The trunks between systems that a scenario asks for.

use std::collections::BTreeMap;
use std::net::SocketAddr;

use super::StepFailure;
use crate::farm::{FarEndKind, Rings, Trunk, TrunkEnd, Trunks};

/// The trunks between systems that a scenario asks for, and what is reached over them.
#[derive(Debug, Clone, Default)]
pub struct TrunkPlan {
    /// The two ends of each and its kind; of a SIP trunk the carrier is the second.
    pub joined: Vec<([String; 2], Trunk)>,
    /// The systems with call preservation.
    pub preserving: Vec<String>,
    /// For how many seconds a system preserves a call, where that is not the usual time.
    pub limits_s: BTreeMap<String, u32>,
    /// The numbers of hunt groups, each with its system; the phone is their member.
    pub hunt_groups: Vec<(String, String)>,
    /// The system of the far end; none where every system reaches it by itself.
    pub far_end_at: Option<String>,
}

/// Who is who on the wire.
pub(super) struct Parties<'a> {
    /// The addresses of the nodes by name.
    pub nodes: BTreeMap<String, SocketAddr>,
    /// The phone's number, and the far end's.
    pub phone: &'a str,
    pub far_end: &'a str,
    pub kind: FarEndKind,
}

impl TrunkPlan {
    /// Whether there is anything to build, with such a far end.
    pub(super) fn is_needed(&self, far_end: FarEndKind) -> bool {
        !self.joined.is_empty() || !self.hunt_groups.is_empty() || far_end == FarEndKind::HuntGroup
    }

    /// Whether it fits together.
    ///
    /// # Errors
    /// The far end stands at a system that no trunk leads to.
    pub(super) fn check(&self) -> Result<(), StepFailure> {
        let Some(there) = self.far_end_at.as_deref().filter(|there| self.peers(there).next().is_none())
        else {
            return Ok(());
        };
        let help = format!(
            "nobody reaches the far end at \"{there}\": write  Given \"primary\" and \"{there}\" are linked systems"
        );
        Err(StepFailure::Setup(help))
    }

    /// The trunks, before anybody has an end of them.
    pub(super) fn found(&self) -> Trunks {
        let trunks = Trunks::default();
        for ([from, to], trunk) in &self.joined {
            trunks.join([from, to], *trunk);
        }
        self.preserving.iter().for_each(|system| trunks.preserve_at(system));
        self.limits_s.iter().for_each(|(system, seconds)| trunks.limit_at(system, *seconds));
        trunks
    }

    /// Where a node sends what is for the far end, if that is over a trunk.
    pub(super) fn way_to_far_end(&self, node: &str) -> Option<&str> {
        let there = self.far_end_at.as_deref()?;
        self.peers(node).any(|peer| peer == there).then_some(there)
    }

    /// A node's end of the trunks.
    pub(super) fn end(&self, trunks: &Trunks, node: &str, parties: &Parties<'_>) -> TrunkEnd {
        let addr = |peer: &str| parties.nodes.get(peer).copied();
        let peers = self.peers(node).filter_map(|peer| Some((peer.to_owned(), addr(peer)?))).collect();
        let mut end = trunks.end(node, peers);
        let is_there = self.far_end_at.as_deref() == Some(node);
        if is_there && let Some(home) = self.peers(node).next().and_then(addr) {
            // From here the phone and the groups that it is in are reached where it has its home.
            end.dial(parties.phone, home);
            self.hunt_groups.iter().for_each(|(_, number)| end.dial(number, home));
        }
        let here = self.hunt_groups.iter().filter(|(system, _)| system == node);
        here.for_each(|(_, number)| end.hunt_group(number, Rings::Phone));
        if (is_there || self.far_end_at.is_none()) && parties.kind == FarEndKind::HuntGroup {
            end.hunt_group(parties.far_end, Rings::FarEnd);
        }
        end
    }

    /// The systems that are joined with that one, the first first.
    fn peers<'a>(&'a self, node: &'a str) -> impl Iterator<Item = &'a str> {
        self.joined.iter().filter_map(move |([from, to], _)| match node {
            _ if node == from => Some(to.as_str()),
            _ if node == to => Some(from.as_str()),
            _ => None,
        })
    }
}
