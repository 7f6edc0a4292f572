//! Our INVITEs within the dialog (RFC 3261 section 14.1): hold and resume (RFC 3264 section 8.4), and the
//! refresh of the session (RFC 4028).

use sipfarm_core::sdp::{Direction, Session};
use sipfarm_core::sip::{Message, Method};
use sipfarm_core::{Instant, Span};

use super::uac::acknowledge;
use super::{Call, Phase, Side};
use crate::core::Core;
use crate::defect::Defect;
use crate::tx::{ClientId, Target};

/// An INVITE of ours within the dialog.
#[derive(Debug)]
pub(super) struct Reinvite {
    client: Option<ClientId>,
    /// What the user wants of it: hold, or take off hold.
    hold: bool,
    /// It only refreshes the session (RFC 4028).
    refreshes: bool,
    /// The ACK for its 2xx, once that has come.
    ack: Option<(Message, Target)>,
    challenged: bool,
    /// Both sides have asked at once; ours is sent again then.
    again_at: Option<Instant>,
}

impl Reinvite {
    /// A refresh that is yet to be sent.
    fn refresh(hold: bool, challenged: bool) -> Reinvite {
        Reinvite { client: None, hold, refreshes: true, ack: None, challenged, again_at: None }
    }

    /// Whether it is on its way: it has no final response yet.
    pub(super) fn is_pending(&self) -> bool {
        self.ack.is_none() && self.again_at.is_none()
    }

    /// On hold or off: what an offer that is out, or is to be sent again, is for.
    pub(super) fn wants(&self) -> Option<bool> {
        (self.ack.is_none() && !self.refreshes).then_some(self.hold)
    }

    pub(super) fn owns(&self, client: ClientId) -> bool {
        self.client == Some(client)
    }

    pub(super) fn deadline(&self) -> Option<Instant> {
        self.again_at
    }
}

impl Call {
    /// Whether the user can hold it, or take it off hold: it is up, and nothing is being negotiated.
    pub fn can_hold(&self, hold: bool) -> bool {
        self.phase == Phase::Up && self.is_current() && !self.is_negotiating() && self.held != hold
    }

    /// Whether an offer is out, or is to be sent again, or an answer is not acknowledged.
    pub(super) fn is_negotiating(&self) -> bool {
        let is_pending = self.reinvite.as_ref().is_some_and(|reinvite| reinvite.ack.is_none());
        is_pending || self.answered.is_some()
    }

    /// The user wants it on hold or off: at once, or as soon as nothing else is being negotiated.
    pub fn wish_hold(&mut self, core: &mut Core, hold: bool, now: Instant) {
        self.wish = Some(hold);
        self.grant_wish(core, now);
    }

    /// Does what the user has wished for, if it can be done now.
    pub fn grant_wish(&mut self, core: &mut Core, now: Instant) {
        let Some(hold) = self.wish.filter(|_| !self.is_negotiating()) else { return };
        self.wish = None;
        if self.can_hold(hold) {
            self.hold(core, hold, now);
        }
    }

    /// The user holds the call, or takes it off hold.
    pub fn hold(&mut self, core: &mut Core, hold: bool, now: Instant) {
        if hold && !core.has(Defect::TalksWhileHolding) {
            self.talker.talk_to(None, now);
        }
        if core.has(Defect::HoldsInSilence) {
            return self.set_held(hold, now);
        }
        self.send_hold(core, hold, false, now);
    }

    pub(super) fn fire_reinvite(&mut self, core: &mut Core, now: Instant) {
        let due = self.reinvite.as_ref().filter(|reinvite| reinvite.again_at.is_some_and(|at| at <= now));
        if let Some((hold, refreshes)) = due.map(|reinvite| (reinvite.hold, reinvite.refreshes)) {
            self.reinvite = None;
            if self.phase == Phase::Up && !self.hung_up {
                self.send_again(core, hold, refreshes, false, now);
            }
        }
    }

    pub(super) fn on_reinvite_response(&mut self, core: &mut Core, response: &Message, now: Instant) {
        let Some(code) = response.status().filter(|code| *code >= 200) else { return };
        let Some(reinvite) = &self.reinvite else { return };
        if let Some((ack, target)) = &reinvite.ack {
            return core.tx.send_again(ack, *target, now);
        }
        let (hold, refreshes, challenged) = (reinvite.hold, reinvite.refreshes, reinvite.challenged);
        match code {
            200..=299 => self.on_reinvite_accepted(core, response, now),
            401 | 407 if !challenged && self.learn(core, response) => {
                self.send_again(core, hold, refreshes, true, now);
            }
            422 if self.session.lengthen(core, response) => {
                self.send_again(core, hold, refreshes, challenged, now);
            }
            491 => self.ask_again_later(core, now),
            408 | 481 => self.on_reinvite_failure(core, now),
            // The session stays as it was.
            _ if refreshes => {
                self.reinvite = None;
                self.refresh_later(now);
            }
            _ => {
                self.reinvite = None;
                self.set_hold(self.held);
                let sink = self.talker.sink().filter(|_| !self.held && self.negotiated.sends());
                self.talker.talk_to(sink, now);
            }
        }
    }

    /// The other side is gone.
    pub(super) fn on_reinvite_failure(&mut self, core: &mut Core, now: Instant) {
        self.reinvite = None;
        self.lose_peer(core, now);
    }

    fn on_reinvite_accepted(&mut self, core: &mut Core, response: &Message, now: Instant) {
        let (Some(dialog), Some(reinvite)) = (&mut self.dialog, &mut self.reinvite) else { return };
        let Some(invite) = reinvite.client.and_then(|client| core.tx.client_request(client)).cloned() else {
            return;
        };
        dialog.refresh_target(response);
        reinvite.ack = Some(acknowledge(core, dialog, &invite, now));
        let hold = reinvite.hold;
        self.set_held(hold, now);
        self.session.heed(core, response, now);
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

    pub(super) fn learn(&self, core: &mut Core, response: &Message) -> bool {
        self.dialog.as_ref().is_some_and(|dialog| core.learn(dialog.target().addr, response))
    }

    /// The same request once more: a refresh, or what the user wants.
    fn send_again(&mut self, core: &mut Core, hold: bool, refreshes: bool, challenged: bool, now: Instant) {
        match refreshes {
            true => self.send_reinvite(core, Reinvite::refresh(hold, challenged), now),
            false => self.send_hold(core, hold, challenged, now),
        }
    }

    fn send_hold(&mut self, core: &mut Core, hold: bool, challenged: bool, now: Instant) {
        self.set_hold(hold);
        self.media.version += 1;
        let offer = Session::offer(&self.media);
        self.say(&offer);
        self.send_reinvite(core, Reinvite { refreshes: false, ..Reinvite::refresh(hold, challenged) }, now);
    }

    /// Refreshes the session with the description that stands, unchanged (RFC 4028 section 7.4).
    pub(super) fn send_refresh(&mut self, core: &mut Core, now: Instant) {
        self.send_reinvite(core, Reinvite::refresh(self.held, false), now);
    }

    fn send_reinvite(&mut self, core: &mut Core, reinvite: Reinvite, now: Instant) {
        let Some(dialog) = &mut self.dialog else { return };
        let request = dialog.request(&Method::Invite);
        let (target, transport) = (dialog.target(), dialog.through.transport);
        let request = request
            .header("Contact", format!("<{}>", core.contact_uri(self.line, transport)))
            .header("Allow", core.allow())
            .header("User-Agent", crate::core::USER_AGENT);
        let request = self.session.ask(core, request).body("application/sdp", self.said.as_bytes());
        let client = Some(core.send_direct(request, target, now));
        self.reinvite = Some(Reinvite { client, ..reinvite });
    }

    fn set_held(&mut self, held: bool, now: Instant) {
        if std::mem::replace(&mut self.held, held) != held {
            self.since = now;
        }
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
