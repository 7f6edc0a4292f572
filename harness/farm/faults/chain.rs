//! The faults of one node, in the order in which they were switched on. Each sees a message in
//! turn; the first that does not let it pass decides.

use std::net::SocketAddr;

use sipfarm_core::machine::{PortState, TlsManner, Transport};

use super::scope::Scope;
use super::spec::{FaultError, FaultSpec};
use super::{Action, ActsOn, DnsAction, FaultId, OpenStreams, Rule, Seen, SeenDns};

/// The active faults of a node.
pub(in crate::farm) struct Chain {
    active: Vec<Active>,
    next_id: u64,
    seed: u64,
}

struct Active {
    id: FaultId,
    spec: FaultSpec,
    acts_on: ActsOn,
    scope: Scope,
    rule: Box<dyn Rule>,
    acted: u32,
    rng: fastrand::Rng,
}

impl Chain {
    pub(in crate::farm) fn new(seed: u64) -> Self {
        Chain { active: Vec::new(), next_id: 1, seed }
    }

    /// Switches a fault on, behind those that are on already. The same fault may be on twice.
    ///
    /// # Errors
    /// None for a [`FaultSpec`] that was checked when it was made.
    pub(in crate::farm) fn add(&mut self, spec: &FaultSpec) -> Result<FaultId, FaultError> {
        let (rule, scope) = spec.start()?;
        let id = FaultId(self.next_id);
        self.next_id += 1;
        self.active.push(Active {
            id,
            spec: spec.clone(),
            acts_on: spec.acts_on(),
            scope,
            rule,
            acted: 0,
            rng: fastrand::Rng::with_seed(self.seed ^ id.0.wrapping_mul(0x9e37_79b9_7f4a_7c15)),
        });
        Ok(id)
    }

    /// Switches off what `which` says, and names it.
    pub(in crate::farm) fn remove(&mut self, which: impl Fn(FaultId, &FaultSpec) -> bool) -> Vec<FaultId> {
        let (gone, kept) =
            std::mem::take(&mut self.active).into_iter().partition(|fault| which(fault.id, &fault.spec));
        self.active = kept;
        let gone: Vec<Active> = gone;
        gone.into_iter().map(|fault| fault.id).collect()
    }

    /// Whether none is on.
    pub(in crate::farm) fn is_empty(&self) -> bool {
        self.active.is_empty()
    }

    /// What is on, in order.
    pub(in crate::farm) fn active(&self) -> impl Iterator<Item = (FaultId, &FaultSpec)> {
        self.active.iter().map(|fault| (fault.id, &fault.spec))
    }

    /// Shows a message to the faults behind `after`, and tells who decided what.
    pub(in crate::farm) fn see(
        &mut self,
        seen: &Seen<'_>,
        after: Option<FaultId>,
    ) -> Option<(FaultId, Action)> {
        self.active
            .iter_mut()
            .filter(|fault| after.is_none_or(|after| fault.id > after))
            .find_map(|fault| Some((fault.id, fault.see(seen)?)))
    }

    /// As [`Chain::see`], at a DNS node.
    pub(in crate::farm) fn see_dns(
        &mut self,
        seen: &SeenDns<'_>,
        after: Option<FaultId>,
    ) -> Option<(FaultId, DnsAction)> {
        self.active
            .iter_mut()
            .filter(|fault| after.is_none_or(|after| fault.id > after))
            .find_map(|fault| Some((fault.id, fault.see_dns(seen)?)))
    }

    /// Whether a connection from there is to be reset as soon as it is open.
    pub(in crate::farm) fn resets_accepted(&mut self, peer: SocketAddr) -> bool {
        self.active.iter_mut().any(|fault| {
            let resets = fault.rule.resets_accepted()
                && fault.scope.covers_connection(peer, fault.acted)
                && fault.scope.draws(&mut fault.rng);
            fault.acted += u32::from(resets);
            resets
        })
    }

    /// Whether even keep-alives that are no SIP messages stay unanswered.
    pub(in crate::farm) fn is_mute(&self) -> bool {
        self.active.iter().any(|fault| fault.rule.is_mute())
    }

    /// Whether audio finds its way no more.
    pub(in crate::farm) fn cuts_audio(&self) -> bool {
        self.active.iter().any(|fault| fault.rule.cuts_audio())
    }

    /// What the port is to do: the first fault that has a wish decides.
    pub(in crate::farm) fn port_state(&self, transport: Transport) -> PortState {
        self.active.iter().find_map(|fault| fault.rule.port_state(transport)).unwrap_or(PortState::Open)
    }

    /// How those are met who want TLS: the first fault that has a wish decides.
    pub(in crate::farm) fn tls_manner(&self) -> TlsManner {
        self.active.iter().find_map(|fault| fault.rule.tls_manner()).unwrap_or_default()
    }

    /// Whether a fault that has just been switched on makes the node forget everything.
    pub(in crate::farm) fn forgets_everything(&self, id: FaultId) -> bool {
        self.active.iter().any(|fault| fault.id == id && fault.rule.forgets_everything())
    }

    /// What a fault that has just been switched on does with the connections that are open.
    pub(in crate::farm) fn open_streams(&self, id: FaultId) -> OpenStreams {
        let fault = self.active.iter().find(|fault| fault.id == id);
        fault.map_or(OpenStreams::Keep, |fault| fault.rule.open_streams())
    }
}

impl Active {
    fn see(&mut self, seen: &Seen<'_>) -> Option<Action> {
        if let Some(action) = self.rule.follow_up(seen) {
            return Some(action);
        }
        if !self.scope.covers(self.acts_on, seen, self.acted) || !self.scope.draws(&mut self.rng) {
            return None;
        }
        let action = self.rule.see(seen)?;
        self.acted += 1;
        Some(action)
    }
    fn see_dns(&mut self, seen: &SeenDns<'_>) -> Option<DnsAction> {
        if !self.scope.covers_dns(self.acts_on, seen, self.acted) || !self.scope.draws(&mut self.rng) {
            return None;
        }
        let action = self.rule.see_dns(seen)?;
        self.acted += 1;
        Some(action)
    }
}
