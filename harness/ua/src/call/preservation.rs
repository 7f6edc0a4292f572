//! Calls that outlive their signalling (AM-14 to AM-31): what both sides hear goes on, and all that the
//! user can do is what the profile names.

use std::net::SocketAddr;

use sipfarm_core::profile::{CallAction, CallKind};
use sipfarm_core::sdp::Direction;
use sipfarm_core::sip::{MessageBuilder, Method};
use sipfarm_core::{Instant, Span};

use super::{Call, Phase, Side};
use crate::core::Core;
use crate::defect::Defect;
use crate::phone::Report;

/// How often a phone with that defect tries the standby.
const PROBE: Span = Span::from_secs(30);

/// How long after the last that it has heard a phone with that defect ends the call.
const MISSES_AUDIO: Span = Span::from_secs(40);

/// A call that lives on without its signalling.
#[derive(Debug)]
pub(super) struct Preserved {
    /// The phone ends it then (AM-17).
    ends_at: Option<Instant>,
    probes_at: Option<Instant>,
}

impl Preserved {
    pub(super) fn deadline(&self) -> Option<Instant> {
        self.ends_at.into_iter().chain(self.probes_at).min()
    }
}

impl Call {
    /// Whether it lives on without its signalling.
    pub fn is_preserved(&self) -> bool {
        self.preserved.is_some() && self.is_current()
    }

    /// Whether its user has put it on hold.
    pub fn is_held(&self) -> bool {
        self.held && self.is_current()
    }

    /// Whether its signalling runs through the server at that address.
    pub fn runs_through(&self, server: SocketAddr) -> bool {
        self.is_current() && self.dialog.as_ref().is_some_and(|dialog| dialog.target().addr == server)
    }

    /// Whether the user can do that with it now (AM-23).
    pub fn lets(&self, core: &Core, action: CallAction) -> bool {
        self.preserved.is_none()
            || core.profile().mcp.allowed_actions.contains(&action)
            || core.has(Defect::AnswersASoftkey)
    }

    /// Its signalling is lost. A call that is up and not on hold lives on (AM-14, AM-20); one on hold ends
    /// where the profile says so (AM-18). What is only coming about ends by its own timers.
    pub fn lose_signalling(&mut self, core: &mut Core, now: Instant) {
        if !self.is_connected() || self.hung_up || self.preserved.is_some() {
            return;
        }
        self.session.stop();
        let mcp = core.profile().mcp.clone();
        let conference = self.leg.is_some() && mcp.not_preserve.contains(&CallKind::Conference);
        let on_hold = self.held || self.negotiated != Direction::SendRecv;
        let held = on_hold && mcp.not_preserve.contains(&CallKind::Held);
        // The leg that is spoken to is kept, the other is not.
        let drops = core.has(Defect::DropsConferenceLeg) && self.leg.as_ref().is_some_and(|leg| !leg.spoken);
        if conference || drops || held && !core.has(Defect::KeepsAHeldCall) {
            core.report(Report::CallEnded);
            return self.send_bye(core, now);
        }
        let max_s = mcp.max_s.filter(|_| !core.has(Defect::ExceedsTwoHours));
        self.preserved = Some(Preserved {
            ends_at: max_s.map(|seconds| now + Span::from_secs(seconds.into())),
            probes_at: core.has(Defect::TriesStandbyPort).then_some(now),
        });
        core.report(Report::CallPreserved);
    }

    /// The far end is heard again. That is all right, but for a phone with a defect.
    pub fn hear_again(&mut self, core: &Core, silent_since: Instant) {
        if let Some(preserved) = self.preserved.as_mut().filter(|_| core.has(Defect::ForgetsAudioIsBack)) {
            preserved.ends_at = Some(silent_since + MISSES_AUDIO);
        }
    }

    pub(super) fn fire_preserved(&mut self, core: &mut Core, now: Instant) {
        let Some(preserved) = &mut self.preserved else { return };
        if preserved.probes_at.is_some_and(|at| at <= now) {
            preserved.probes_at = Some(now + PROBE);
            self.probe_standby(core, now);
        } else if preserved.ends_at.is_some_and(|at| at <= now) {
            preserved.ends_at = None;
            if self.is_current() {
                core.report(Report::CallEnded);
                self.send_bye(core, now);
            }
        }
    }

    /// What the defect `tries-standby-port` does.
    fn probe_standby(&mut self, core: &mut Core, now: Instant) {
        let through = self.dialog.as_ref().map(|dialog| dialog.target().addr);
        let standby = (0..core.config.servers.len()).map(|server| core.target(server));
        let Some(standby) = standby.into_iter().find(|target| Some(target.addr) != through) else { return };
        let aor = core.aor(self.line);
        let request = MessageBuilder::request(&Method::Options, &format!("sip:{}", core.config.domain))
            .header("Max-Forwards", 70)
            .header("From", format!("<{aor}>;tag={}", core.ids.tag()))
            .header("To", format!("<{aor}>"))
            .header("Call-ID", core.ids.call_id())
            .header("CSeq", "1 OPTIONS");
        core.send_direct(request, standby, now);
    }

    /// Whether both sides know that it is up.
    fn is_connected(&self) -> bool {
        let acknowledged = match &self.side {
            Side::Callee(callee) => callee.established,
            Side::Caller(_) => true,
        };
        self.phase == Phase::Up && acknowledged
    }
}
