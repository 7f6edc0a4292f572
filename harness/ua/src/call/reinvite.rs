//! Our own changes of a session: hold and resume, by INVITE within the dialog (RFC 3261 section 14.1,
//! RFC 3264 section 8.4).

use sipfarm_core::sdp::{Direction, Session};
use sipfarm_core::sip::{Message, Method};
use sipfarm_core::{Instant, Span};

use super::uac::acknowledge;
use super::{Call, Phase, Side};
use crate::core::Core;
use crate::defect::Defect;
use crate::phone::Report;
use crate::tx::{ClientId, Target};

/// An INVITE of ours within the dialog.
#[derive(Debug)]
pub(super) struct Reinvite {
    client: ClientId,
    /// What the user wants of it: hold, or take off hold.
    hold: bool,
    /// The ACK for its 2xx, once that has come.
    ack: Option<(Message, Target)>,
    challenged: bool,
    /// Both sides have asked at once; ours is sent again then.
    again_at: Option<Instant>,
}

impl Reinvite {
    /// Whether it is on its way: it has no final response yet.
    pub(super) fn is_pending(&self) -> bool {
        self.ack.is_none() && self.again_at.is_none()
    }

    pub(super) fn owns(&self, client: ClientId) -> bool {
        self.client == client
    }

    pub(super) fn deadline(&self) -> Option<Instant> {
        self.again_at
    }
}

impl Call {
    /// Whether the user can hold it, or take it off hold: it is up, and nothing is being negotiated.
    pub fn can_hold(&self, hold: bool) -> bool {
        let is_pending = self.reinvite.as_ref().is_some_and(|reinvite| reinvite.ack.is_none());
        self.phase == Phase::Up
            && self.is_current()
            && !is_pending
            && self.answered.is_none()
            && self.held != hold
    }

    /// The user holds the call, or takes it off hold.
    pub fn hold(&mut self, core: &mut Core, hold: bool, now: Instant) {
        if hold && !core.has(Defect::TalksWhileHolding) {
            self.talker.talk_to(None, now);
        }
        if core.has(Defect::HoldsInSilence) {
            self.held = hold;
            return;
        }
        self.send_reinvite(core, hold, false, now);
    }

    pub(super) fn fire_reinvite(&mut self, core: &mut Core, now: Instant) {
        let due = self.reinvite.as_ref().filter(|reinvite| reinvite.again_at.is_some_and(|at| at <= now));
        if let Some(hold) = due.map(|reinvite| reinvite.hold) {
            self.reinvite = None;
            if self.phase == Phase::Up && !self.hung_up {
                self.send_reinvite(core, hold, false, now);
            }
        }
    }

    pub(super) fn on_reinvite_response(&mut self, core: &mut Core, response: &Message, now: Instant) {
        let Some(code) = response.status().filter(|code| *code >= 200) else { return };
        let Some(reinvite) = &self.reinvite else { return };
        if let Some((ack, target)) = &reinvite.ack {
            return core.tx.send_again(ack, *target, now);
        }
        let (hold, challenged) = (reinvite.hold, reinvite.challenged);
        match code {
            200..=299 => self.on_reinvite_accepted(core, response, now),
            401 | 407 if !challenged && self.learn(core, response) => {
                self.send_reinvite(core, hold, true, now)
            }
            491 => self.ask_again_later(core, now),
            408 | 481 => self.on_reinvite_failure(core, now),
            // The session stays as it was.
            _ => {
                self.reinvite = None;
                self.set_hold(self.held);
                let sink = self.talker.sink().filter(|_| !self.held && self.negotiated.sends());
                self.talker.talk_to(sink, now);
            }
        }
    }

    /// The other side is gone: the dialog is over (section 12.2.1.2).
    pub(super) fn on_reinvite_failure(&mut self, core: &mut Core, now: Instant) {
        self.reinvite = None;
        if self.phase == Phase::Up && !self.hung_up {
            core.report(Report::CallEnded);
            self.send_bye(core, now);
        }
    }

    fn on_reinvite_accepted(&mut self, core: &mut Core, response: &Message, now: Instant) {
        let (Some(dialog), Some(reinvite)) = (&mut self.dialog, &mut self.reinvite) else { return };
        let Some(invite) = core.tx.client_request(reinvite.client).cloned() else { return };
        dialog.refresh_target(response);
        reinvite.ack = Some(acknowledge(core, dialog, &invite, now));
        self.held = reinvite.hold;
        if self.phase == Phase::Up && !self.hung_up {
            self.agree(core, &Session::parse(&response.body), now);
        }
    }

    /// Both sides have asked at once: who has made the call waits longer (section 14.1).
    fn ask_again_later(&mut self, core: &mut Core, now: Instant) {
        let share = core.ids.share();
        let wait = match self.side {
            Side::Caller(_) => 2.1 + share * 1.9,
            Side::Callee(_) => share * 2.0,
        };
        if let Some(reinvite) = &mut self.reinvite {
            reinvite.again_at = Some(now + Span::from_secs_f64((wait * 100.0).round() / 100.0));
        }
    }

    fn learn(&self, core: &mut Core, response: &Message) -> bool {
        self.dialog.as_ref().is_some_and(|dialog| core.auth.learn(dialog.target().addr, response))
    }

    fn send_reinvite(&mut self, core: &mut Core, hold: bool, challenged: bool, now: Instant) {
        let Some(dialog) = &mut self.dialog else { return };
        let request = dialog.request(&Method::Invite);
        let (target, transport) = (dialog.target(), dialog.through.transport);
        self.set_hold(hold);
        self.media.version += 1;
        let request = request
            .header("Contact", format!("<{}>", core.contact_uri(transport)))
            .header("Allow", crate::core::ALLOW)
            .header("User-Agent", crate::core::USER_AGENT)
            .body("application/sdp", Session::offer(&self.media).to_string());
        let client = core.send_direct(request, target, now);
        self.reinvite = Some(Reinvite { client, hold, ack: None, challenged, again_at: None });
    }

    /// What our descriptions say from now on: a stream that only the other side has sent so far becomes
    /// inactive, any other sendonly (RFC 3264 section 8.4).
    fn set_hold(&mut self, hold: bool) {
        self.media.direction = match (hold, self.negotiated.sends()) {
            (false, _) => Direction::SendRecv,
            (true, true) => Direction::SendOnly,
            (true, false) => Direction::Inactive,
        };
    }
}
