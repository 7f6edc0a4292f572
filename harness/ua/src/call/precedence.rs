//! The precedence of a call, and how it gives way to a higher one (RFC 4411, RFC 4412 section 4).

use sipfarm_core::profile::PreemptState;
use sipfarm_core::sip::{Message, MessageBuilder, Method, RESOURCE_PRIORITY};
use sipfarm_core::{Instant, Span};

use super::{Call, Phase, Side};
use crate::core::Core;
use crate::defect::Defect;
use crate::mlpp;
use crate::phone::Report;

/// What a call knows of precedence.
#[derive(Debug, Default)]
pub(super) struct Precedence {
    /// The place of its level among those of the profile.
    level: Option<usize>,
    /// It gives way to another call then.
    yields_at: Option<Instant>,
    /// Why it ends.
    reason: Option<String>,
    /// The other side has ended it for a higher one; until then the screen says so.
    shown_until: Option<Instant>,
}

impl Precedence {
    pub(super) fn deadline(&self) -> Option<Instant> {
        self.yields_at
    }

    /// Reason of what ends the call.
    pub(super) fn reason(&self) -> Option<&str> {
        self.reason.as_deref()
    }

    /// The header fields of our INVITE outside a dialog.
    pub(super) fn ask(&self, core: &Core, request: MessageBuilder) -> MessageBuilder {
        let mlpp = &core.profile().mlpp;
        let value = self.level.and_then(|level| mlpp::value(mlpp, level));
        let insists =
            value.is_some() && mlpp.require == Some(true) && !core.has(Defect::ForgetsToRequirePrecedence);
        request
            .header_opt("Require", insists.then_some(RESOURCE_PRIORITY))
            .header_opt("Supported", mlpp.enabled.then_some(RESOURCE_PRIORITY))
            .header_opt("Resource-Priority", value)
    }
}

impl Call {
    /// Its rank: the lowest where it has no precedence.
    pub fn rank(&self) -> usize {
        self.precedence.level.unwrap_or(0)
    }

    /// The place of its level among those of the profile; none where it has no precedence.
    pub fn level(&self) -> Option<usize> {
        self.precedence.level
    }

    /// What it is doing, as far as preemption asks. A call that nobody has answered alerts, on either side.
    pub fn state(&self) -> PreemptState {
        match self.phase {
            Phase::Setup => PreemptState::Alerting,
            _ if self.held => PreemptState::Held,
            _ => PreemptState::Active,
        }
    }

    /// Whether it is about to give way.
    pub fn yields(&self) -> bool {
        self.precedence.yields_at.is_some()
    }

    /// Whether the screen still says that the other side has preempted it.
    pub fn is_shown(&self, now: Instant) -> bool {
        self.precedence.shown_until.is_some_and(|until| now < until)
    }

    pub(super) fn set_level(&mut self, core: &Core, level: Option<usize>) {
        self.precedence.level = level;
        if let Some(dialog) = &mut self.dialog {
            dialog.precedence = level.and_then(|level| mlpp::value(&core.profile().mlpp, level));
        }
    }

    /// The server says another level, if it may (PA-05, F-13).
    pub(super) fn heed_level(&mut self, core: &Core, message: &Message) {
        let mlpp = &core.profile().mlpp;
        let level = mlpp::level(mlpp, message).filter(|_| mlpp.server_may_change_level);
        let level = level.filter(|_| !core.has(Defect::KeepsOldLevel));
        let level = level.or(self.precedence.level);
        self.set_level(core, level);
    }

    /// Tells the user how it rings and what the screen says of it (PA-10, PA-18).
    pub(super) fn report_precedence(&self, core: &mut Core) {
        let Some(level) = self.precedence.level else { return };
        let mlpp = &core.profile().mlpp;
        let text = mlpp::priority_text(mlpp, level).filter(|_| !core.has(Defect::HidesPrecedence));
        let ring_type = mlpp::ring_type(mlpp, level).filter(|_| !core.has(Defect::RingsAsUsual));
        core.report(Report::Precedence { text, ring_type });
    }

    /// Gives way to a higher call, at once or after the profile's time.
    pub fn give_way(&mut self, core: &mut Core, now: Instant) {
        let delay = Span::from_secs(core.profile().mlpp.preempt_delay_s.local.into());
        self.precedence.yields_at = Some(now + delay);
        if delay == Span::ZERO {
            self.fall(core, now);
        }
    }

    /// Ends in favour of a higher call: BYE when it is up, CANCEL or a refusal when it is not (RFC 4411
    /// section 2.1).
    pub fn fall(&mut self, core: &mut Core, now: Instant) {
        self.precedence.yields_at = None;
        if !self.is_current() {
            return;
        }
        self.precedence.reason = match () {
            () if core.has(Defect::PreemptsWithoutReason) => None,
            () if core.has(Defect::PreemptsWithWrongCause) => Some(mlpp::reason(5)),
            () => Some(mlpp::reason(core.profile().mlpp.reason_cause)),
        };
        core.report(Report::CallPreempted);
        match (self.phase, &self.side) {
            (Phase::Setup, Side::Callee(_)) => {
                let code = core.profile().mlpp.teardown.alerting_in.first().copied();
                self.reject(core, code.unwrap_or(480), now);
            }
            (Phase::Up, _) if core.has(Defect::CancelsForBye) => self.cancel_dialog(core, now),
            _ => self.hang_up(core, now),
        }
    }

    /// Only by defect: what may not be sent for a call that is up.
    fn cancel_dialog(&mut self, core: &mut Core, now: Instant) {
        if let Some(dialog) = &mut self.dialog {
            let request = dialog.request(&Method::Cancel).header_opt("Reason", self.precedence.reason());
            let target = dialog.target();
            core.send_direct(request, target, now);
        }
        self.end(core, now);
    }

    pub(super) fn fire_precedence(&mut self, core: &mut Core, now: Instant) {
        if self.precedence.yields_at.is_some_and(|at| at <= now) {
            self.fall(core, now);
        }
    }

    /// The other side has ended it: for a higher call, the screen says so for a while.
    pub(super) fn note_preemption(&mut self, core: &mut Core, bye: &Message, now: Instant) {
        if core.has_mlpp() && bye.preemption().is_some() {
            core.report(Report::CallPreempted);
            let shown = core.profile().mlpp.preempt_delay_s.remote;
            self.precedence.shown_until = Some(now + Span::from_secs(shown.into()));
        }
    }
}
