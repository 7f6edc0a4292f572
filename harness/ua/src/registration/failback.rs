//! The way back to a better server than the one that the binding stands with.

use sipfarm_core::profile::{FailbackMode, RegistrationMethod};
use sipfarm_core::{Instant, Span};

use super::watch::asks_first;
use super::{Failback, Purpose, Registration};
use crate::core::Core;
use crate::defect::Defect;
use crate::locate::Hunt;

/// The life of a DNS answer that is taken as shorter counts as this long when a better server is
/// tried at its end: an answer that may not be kept at all is no leave to try without a pause.
const LEAST_TTL: Span = Span::from_secs(5);
/// The shortest time of failback mode `duration`; shorter ones are taken for it.
const DURATION_LEAST_S: u32 = 60;

impl Registration {
    pub(super) fn try_better(&mut self, core: &mut Core, now: Instant) {
        self.failback = Failback::Never;
        self.failback_base = now;
        let standing = self.standing.map(|standing| standing.server);
        let owner = standing.map(|server| core.places.owner(server));
        let before = self.servers.iter().copied().take_while(|server| Some(*server) != owner);
        // Better addresses behind the same name.
        let own = owner.filter(|owner| core.places.is_of_dns(*owner));
        let better = before.chain(own).filter(|server| core.locator.is_fit(*server, now));
        match Hunt::new(better.collect::<Vec<_>>()) {
            Some(hunt) => self.start(Purpose::Return, hunt.until(standing), core, now),
            None => self.plan_failback(true, core, now),
        }
    }

    /// When a better server than the standing one is tried of the phone's own accord. The time runs from
    /// try to try, or from the end of a try that took longer than that.
    pub(super) fn plan_failback(&mut self, tried: bool, core: &Core, now: Instant) {
        self.failback = Failback::Never;
        let Some(standing) = self.standing else { return };
        if core.places.is_first(&self.servers, standing.server) {
            return;
        }
        let profile = core.profile();
        let on_fallback = self.servers.last() == Some(&core.places.owner(standing.server));
        let probed = (profile.failback.mode == FailbackMode::OnPrimaryUp && !asks_first(core))
            || (profile.registration.method == RegistrationMethod::Successive && on_fallback);
        if core.failback_mode() == FailbackMode::DnsTtl {
            if let Some(at) = self.end_of_answer(core, standing.server, now) {
                self.failback = Failback::At(at);
            }
            return;
        }
        let after_s = match (profile.failback.mode, profile.registration.fallback_probe_s) {
            // With 0 the phone comes back at the next failover only.
            (FailbackMode::Duration, _) => Some(profile.failback.timeout_s.max(DURATION_LEAST_S))
                .filter(|_| profile.failback.timeout_s > 0),
            (FailbackMode::Never | FailbackMode::Manual, _) => None,
            (_, probe_s) => probe_s.filter(|_| probed),
        };
        if let Some(after_s) = after_s {
            let early = core.has(Defect::FailsBackTooSoon);
            let after = Span::from_secs(after_s.into()).scale(if early { 0.25 } else { 1.0 });
            let at = self.failback_base + after;
            self.failback = Failback::At(if tried && at <= now { now + after } else { at });
        }
    }

    /// When mode `dns_ttl` tries a server better than that one: when what DNS said has run out, and
    /// a little later (YL-16: by up to a tenth of its life). When it has run out already, its life
    /// is counted from now. `None`: DNS said nothing about a server that is as good.
    fn end_of_answer(&self, core: &Core, standing: usize, now: Instant) -> Option<Instant> {
        let owner = core.places.owner(standing);
        let before = self.servers.iter().copied().take_while(|server| *server != owner);
        let (ttl, expires) = before.chain([owner]).find_map(|server| core.places.life(server))?;
        let ttl = ttl.max(LEAST_TTL);
        let end = if expires > now { expires } else { now + ttl };
        Some(end + ttl.scale(0.05))
    }
}
