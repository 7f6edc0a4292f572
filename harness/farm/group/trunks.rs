//! Trunks: what joins two systems, and whether a call over it outlives the loss of one of them (AM-11, AM-19,
//! AM-25 to AM-29).
//!
//! As in a resilience group, whether a system sees another is the farm's own knowledge: one under `kill`,
//! `closed` or `silent` is out of sight. A system that is gone can end nothing; so it is the one that is left
//! which decides, by its own switches.

use std::collections::{BTreeMap, BTreeSet, VecDeque};
use std::net::SocketAddr;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use sipfarm_core::{Instant, Span};

use super::{Note, Occurrence};

/// How long a system keeps a preserved call, in seconds (AM-17).
pub const PRESERVED_MAX_S: u32 = 7200;

/// Whether calls over a SIP trunk are preserved.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Switch {
    /// As the system's own switch says (AM-28).
    #[default]
    Inherit,
    /// Whatever that says, they are (AM-29).
    On,
    /// They are not (AM-29).
    Off,
}

/// What joins two systems.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Trunk {
    /// A line between two systems of one maker. It has no switch of its own: each system's holds for its end
    /// (AM-26).
    Link,
    /// A trunk from a system to a carrier, which keeps every call.
    Sip(Switch),
}

/// Who is rung for a hunt group: each has one member.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Rings {
    /// The phone that is registered at the system.
    Phone,
    /// The far end.
    FarEnd,
}

/// The trunks of a farm; copies are the same ones.
#[derive(Debug, Clone, Default)]
pub struct Trunks(Arc<Mutex<State>>);

#[derive(Debug, Default)]
struct State {
    /// The systems whose own switch is on.
    preserving: BTreeSet<String>,
    /// The systems that keep a call for another time than most, in seconds.
    limits_s: BTreeMap<String, u32>,
    /// By the names of their two ends; of a SIP trunk the carrier's is the second.
    trunks: BTreeMap<[String; 2], Trunk>,
    /// The systems that are out of sight.
    lost: BTreeSet<String>,
    notes: VecDeque<Note>,
}

impl Trunks {
    /// Joins two systems; of a SIP trunk the second is the carrier.
    pub fn join(&self, ends: [&str; 2], trunk: Trunk) {
        self.state().trunks.insert(ends.map(str::to_owned), trunk);
    }

    /// Switches call preservation on at a system.
    pub fn preserve_at(&self, system: &str) {
        self.state().preserving.insert(system.to_owned());
    }

    /// That system ends a call that it has preserved for so many seconds.
    pub fn limit_at(&self, system: &str, seconds: u32) {
        self.state().limits_s.insert(system.to_owned(), seconds);
    }

    /// The end of the trunks at a system.
    pub fn end(&self, system: &str, peers: BTreeMap<String, SocketAddr>) -> TrunkEnd {
        TrunkEnd {
            trunks: self.clone(),
            system: system.to_owned(),
            peers,
            numbers: BTreeMap::new(),
            hunt_groups: BTreeMap::new(),
        }
    }

    /// What has happened since this was asked last.
    pub fn take_notes(&self) -> Vec<Note> {
        self.state().notes.drain(..).collect()
    }

    fn state(&self) -> MutexGuard<'_, State> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// What a system knows of its trunks and of the numbers behind them.
#[derive(Debug, Clone)]
pub struct TrunkEnd {
    trunks: Trunks,
    system: String,
    peers: BTreeMap<String, SocketAddr>,
    numbers: BTreeMap<String, SocketAddr>,
    hunt_groups: BTreeMap<String, Rings>,
}

impl TrunkEnd {
    /// Calls to that number leave over the trunk to there.
    pub fn dial(&mut self, number: &str, peer: SocketAddr) {
        self.numbers.insert(number.to_owned(), peer);
    }

    /// Calls to that number are a hunt group's.
    pub fn hunt_group(&mut self, number: &str, rings: Rings) {
        self.hunt_groups.insert(number.to_owned(), rings);
    }

    /// Where calls to that number leave, if that is over a trunk.
    pub(in crate::farm) fn way_to(&self, number: &str) -> Option<SocketAddr> {
        self.numbers.get(number).copied()
    }

    /// Who is rung for that number, if it is a hunt group's here.
    pub(in crate::farm) fn rings(&self, number: &str) -> Option<Rings> {
        self.hunt_groups.get(number).copied()
    }

    /// The system at the other end of a trunk that is reached there.
    pub(in crate::farm) fn peer_at(&self, addr: SocketAddr) -> Option<&str> {
        self.peers.iter().find(|(_, at)| **at == addr).map(|(name, _)| name.as_str())
    }

    /// This system can be seen by the others, or not.
    pub(in crate::farm) fn seen(&self, up: bool) {
        let mut state = self.trunks.state();
        if up {
            state.lost.remove(&self.system);
        } else {
            state.lost.insert(self.system.clone());
        }
    }

    /// Whether this system does not see that other one any more.
    pub(in crate::farm) fn has_lost(&self, peer: &str) -> bool {
        let state = self.trunks.state();
        state.lost.contains(peer) && !state.lost.contains(&self.system)
    }

    /// Whether this system keeps the calls over its trunk to that one.
    pub(in crate::farm) fn preserves(&self, peer: &str) -> bool {
        let state = self.trunks.state();
        let between = |from: &str, to: &str| state.trunks.get(&[from.to_owned(), to.to_owned()]).copied();
        let own = state.preserving.contains(&self.system);
        match (between(&self.system, peer), between(peer, &self.system)) {
            (Some(Trunk::Sip(Switch::On)), _) | (_, Some(Trunk::Sip(_))) => true,
            (Some(Trunk::Sip(Switch::Off)), _) => false,
            _ => own,
        }
    }

    /// For how long it keeps them (F-11); a carrier has no such limit.
    pub(in crate::farm) fn keeps_for(&self, peer: &str) -> Option<Span> {
        let state = self.trunks.state();
        let as_carrier = state.trunks.get(&[peer.to_owned(), self.system.clone()]);
        if matches!(as_carrier, Some(Trunk::Sip(_))) {
            return None;
        }
        let limit_s = state.limits_s.get(&self.system).copied().unwrap_or(PRESERVED_MAX_S);
        Some(Span::from_secs(limit_s.into()))
    }

    /// Notes what happens here.
    pub(in crate::farm) fn note(&self, what: Occurrence, at: Instant) {
        self.trunks.state().notes.push_back(Note { at, node: self.system.clone(), what });
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Whether the system keeps calls to the other, with its own switch as said.
    fn keeps(own: bool, trunk: Trunk) -> bool {
        let trunks = Trunks::default();
        trunks.join(["system", "other"], trunk);
        if own {
            trunks.preserve_at("system");
        }
        trunks.end("system", BTreeMap::new()).preserves("other")
    }

    #[test]
    fn a_sip_trunk_that_says_nothing_follows_its_system_and_another_does_not() {
        for own in [false, true] {
            assert_eq!(keeps(own, Trunk::Sip(Switch::default())), own);
            assert!(keeps(own, Trunk::Sip(Switch::On)));
            assert!(!keeps(own, Trunk::Sip(Switch::Off)));
        }
    }

    #[test]
    fn a_link_is_governed_at_each_end_by_the_system_there() {
        assert!(keeps(true, Trunk::Link) && !keeps(false, Trunk::Link));
        let trunks = Trunks::default();
        trunks.join(["system", "other"], Trunk::Link);
        trunks.preserve_at("system");
        assert!(!trunks.end("other", BTreeMap::new()).preserves("system"));
    }

    #[test]
    fn a_carrier_keeps_its_calls_whatever_the_switches_say() {
        let trunks = Trunks::default();
        trunks.join(["system", "carrier"], Trunk::Sip(Switch::Off));
        assert!(trunks.end("carrier", BTreeMap::new()).preserves("system"));
    }

    #[test]
    fn a_system_keeps_a_call_for_two_hours_unless_told_and_a_carrier_for_ever() {
        let trunks = Trunks::default();
        trunks.join(["system", "other"], Trunk::Link);
        trunks.join(["system", "carrier"], Trunk::Sip(Switch::On));
        trunks.limit_at("other", 300);
        let keeps = |system: &str, peer| trunks.end(system, BTreeMap::new()).keeps_for(peer);
        assert_eq!(keeps("system", "other"), Some(Span::from_secs(7_200)));
        assert_eq!(keeps("other", "system"), Some(Span::from_secs(300)));
        assert_eq!(keeps("system", "carrier"), Some(Span::from_secs(7_200)));
        assert_eq!(keeps("carrier", "system"), None);
    }

    #[test]
    fn a_system_that_is_gone_itself_has_lost_nobody() {
        let trunks = Trunks::default();
        let ends = ["a", "b"].map(|system| trunks.end(system, BTreeMap::new()));
        ends[0].seen(false);
        assert!(ends[1].has_lost("a") && !ends[0].has_lost("b"));
        ends[1].seen(false);
        assert!(!ends[1].has_lost("a"));
        ends.iter().for_each(|end| end.seen(true));
        assert!(!ends[1].has_lost("a"));
    }
}
