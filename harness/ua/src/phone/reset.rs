//! A reset that a server asks for with NOTIFY of event `check-sync`: at once, or when the call that is up
//! is over (CC-08, CC-09).

use sipfarm_core::profile::DuringCall;
use sipfarm_core::sip::{Message, Method};
use sipfarm_core::{Instant, Span};

use super::Phone;
use crate::defect::Defect;
use crate::tx::ServerId;

/// How long the phone lives on when it is to reset, so that its last messages are answered.
const LAST_WORDS: Span = Span::from_secs(2);

/// A reset that the phone was asked for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Reset {
    /// When no call is up.
    WhenIdle,
    /// Then.
    At(Instant),
}

/// Whether a request asks for a reset; its parameters (`reboot=true`) make no difference here.
pub(super) fn asks_for_reset(request: &Message) -> bool {
    let event = request.header("Event").unwrap_or_default();
    request.is_request(&Method::Notify)
        && event.split(';').next().is_some_and(|event| event.trim().eq_ignore_ascii_case("check-sync"))
}

impl Phone {
    /// Answers such a request, and makes up its mind when to do it.
    pub(super) fn on_check_sync(&mut self, server: ServerId, request: &Message, now: Instant) {
        let tag = self.core.ids.tag();
        let known = self.core.profile().control.check_sync;
        self.core.respond(server, request, if known { 200 } else { 489 }, Some(&tag), now);
        if !known || self.core.has(Defect::IgnoresReset) {
            return;
        }
        let hasty = self.core.has(Defect::ResetsDuringCall) || !self.core.busy;
        self.reset = match self.core.profile().call_in_progress.reset {
            Some(DuringCall::Deferred) if !hasty => Some(Reset::WhenIdle),
            Some(DuringCall::Forbidden) if !hasty => None,
            _ => Some(Reset::At(now + LAST_WORDS)),
        };
    }

    /// The call is over: a reset that waited for that is due.
    pub(super) fn reset_when_idle(&mut self, now: Instant) {
        if self.reset == Some(Reset::WhenIdle) {
            self.reset = Some(Reset::At(now + LAST_WORDS));
        }
    }

    /// When it resets.
    pub(super) fn next_reset(&self) -> Option<Instant> {
        match self.reset {
            Some(Reset::At(at)) => Some(at),
            _ => None,
        }
    }

    /// Resets when that is due, unless a call has come in between.
    pub(super) fn fire_reset(&mut self, now: Instant) {
        if self.next_reset().is_none_or(|at| at > now) {
            return;
        }
        let deferred = self.core.profile().call_in_progress.reset == Some(DuringCall::Deferred);
        if self.core.busy && deferred && !self.core.has(Defect::ResetsDuringCall) {
            self.reset = Some(Reset::WhenIdle);
        } else {
            self.reboot(now);
        }
    }
}
