//! The session timer of a call (RFC 4028): a session lasts for a time that both sides have agreed on, and
//! one of them refreshes it, by INVITE within the dialog or by UPDATE (RFC 3311).

use sipfarm_core::profile::{RefreshMethod, SignallingLoss};
use sipfarm_core::sdp::Session;
use sipfarm_core::sip::{Message, MessageBuilder, Method, SessionExpires, TIMER};
use sipfarm_core::{Instant, Span};

use super::{Call, Phase};
use crate::core::Core;
use crate::defect::Defect;
use crate::phone::Report;
use crate::tx::{ClientId, ServerId};

/// A refresh that failed is not tried again where less than this is left until the next try would be.
const LEAST_PAUSE: Span = Span::from_secs(5);
/// A refresh waits so long for what is being negotiated.
const BUSY_PAUSE: Span = Span::from_secs(1);

/// What a call knows of its session timer.
#[derive(Debug, Default)]
pub(super) struct SessionTimer {
    /// None while the session does not expire.
    running: Option<Running>,
    /// The longest Min-SE that a 422 has named, in seconds.
    min_se_s: Option<u32>,
    /// Whether the other side has said that it understands UPDATE.
    takes_update: bool,
    update: Option<Update>,
}

/// A session that expires unless it is refreshed.
#[derive(Debug, Clone, Copy)]
struct Running {
    seconds: u32,
    /// Whether the phone refreshes, rather than the other side.
    ours: bool,
    refresh_at: Option<Instant>,
    /// Nobody has refreshed it by then: the phone ends it.
    ends_at: Instant,
}

/// An UPDATE of ours.
#[derive(Debug)]
struct Update {
    client: ClientId,
    challenged: bool,
}

impl SessionTimer {
    pub(super) fn owns(&self, client: ClientId) -> bool {
        self.update.as_ref().is_some_and(|update| update.client == client)
    }

    pub(super) fn deadline(&self) -> Option<Instant> {
        let running = self.running?;
        Some(running.refresh_at.map_or(running.ends_at, |at| at.min(running.ends_at)))
    }

    /// The session does not expire any more.
    pub(super) fn stop(&mut self) {
        self.running = None;
    }

    /// Takes over Min-SE of a 422 (section 7.4). False when that would change nothing.
    pub(super) fn lengthen(&mut self, core: &Core, response: &Message) -> bool {
        let longer = response.number("Min-SE").filter(|least| *least > self.asked_s(core));
        let heeded = longer.filter(|_| !core.has(Defect::Ignores422));
        self.min_se_s = heeded.or(self.min_se_s);
        heeded.is_some()
    }

    fn asked_s(&self, core: &Core) -> u32 {
        let current = self.running.map(|running| running.seconds);
        let wished = current.or(core.profile().session_timer.expires_s);
        wished.max(self.min_se_s).unwrap_or(0)
    }

    /// The header fields of a request that makes or refreshes a session (sections 7.1, 7.4).
    pub(super) fn ask(&self, core: &Core, request: MessageBuilder) -> MessageBuilder {
        if !core.has_session_timer() {
            return request;
        }
        let by_uac = self.running.map(|running| running.ours);
        let expires = SessionExpires { seconds: self.asked_s(core), by_uac };
        request
            .header("Supported", TIMER)
            .header("Session-Expires", expires)
            .header_opt("Min-SE", self.min_se_s)
    }

    /// The header fields of our 2xx to a request (section 9, table 2), and the timer that they start.
    pub(super) fn answer(
        &mut self,
        core: &Core,
        request: &Message,
        response: MessageBuilder,
        now: Instant,
    ) -> MessageBuilder {
        if !core.has_session_timer() {
            return response;
        }
        let knows = request.knows(TIMER);
        let asked = SessionExpires::of(request);
        let least = request.number("Min-SE").unwrap_or(0);
        let own = core.profile().session_timer.expires_s.map(|seconds| seconds.max(least));
        // Where nobody has chosen, who has asked for the timer refreshes.
        let expires = match (asked, own) {
            (Some(SessionExpires { seconds, by_uac }), _) => {
                Some(SessionExpires { seconds, by_uac: Some(knows && by_uac.unwrap_or(true)) })
            }
            (None, Some(seconds)) if knows => Some(SessionExpires { seconds, by_uac: Some(false) }),
            (None, _) => None,
        };
        self.start(request, expires.map(|expires| (expires, false)), now);
        response
            .header("Supported", TIMER)
            .header_opt("Require", expires.filter(|_| knows).map(|_| TIMER))
            .header_opt("Session-Expires", expires)
    }

    /// A 2xx to our request: the session lasts from now on for the time that it says (section 7.2).
    pub(super) fn heed(&mut self, core: &Core, response: &Message, now: Instant) {
        if core.has_session_timer() {
            let expires = SessionExpires::of(response);
            self.start(response, expires.map(|expires| (expires, true)), now);
        }
    }

    fn start(&mut self, peers: &Message, expires: Option<(SessionExpires, bool)>, now: Instant) {
        self.takes_update |= peers.values("Allow").iter().any(|method| *method == Method::Update.as_str());
        self.running = expires.map(|(SessionExpires { seconds, by_uac }, we_are_uac)| {
            let (interval, ours) = (Span::from_secs(seconds.into()), by_uac.unwrap_or(true) == we_are_uac);
            // Section 10: the other side of a refresher gives up slightly before the end.
            let before = if ours { Span::ZERO } else { interval.scale(1.0 / 3.0).min(Span::from_secs(32)) };
            let refresh_at = ours.then(|| now + interval.scale(0.5));
            Running { seconds, ours, refresh_at, ends_at: now + interval - before }
        });
    }
}

impl Call {
    /// Whether a session that somebody wants to make is too short for the phone (section 9).
    pub(super) fn is_too_short(core: &Core, request: &Message) -> bool {
        let least = core.profile().session_timer.min_se_s;
        let asked = SessionExpires::of(request).filter(|_| request.knows(TIMER));
        core.has_session_timer() && asked.is_some_and(|asked| asked.seconds < least)
    }

    pub(super) fn fire_session(&mut self, core: &mut Core, now: Instant) {
        let Some(running) = &mut self.session.running else { return };
        if running.refresh_at.is_some_and(|at| at <= now) {
            running.refresh_at = None;
            match core.has(Defect::ForgetsSessionRefresh) {
                true => self.session.stop(),
                false => self.refresh(core, now),
            }
        } else if running.ends_at <= now {
            self.session.stop();
            if !core.has(Defect::KeepsExpiredSession) {
                self.lose_peer(core, now);
            }
        }
    }

    /// Refreshes the session, or does so in a moment where something is being negotiated.
    fn refresh(&mut self, core: &mut Core, now: Instant) {
        if self.phase != Phase::Up || self.hung_up {
            return self.session.stop();
        }
        if self.is_negotiating() {
            if let Some(running) = &mut self.session.running {
                running.refresh_at = Some(now + BUSY_PAUSE);
            }
            return;
        }
        match core.profile().session_timer.method {
            RefreshMethod::Update if self.session.takes_update => self.send_update(core, false, now),
            RefreshMethod::Update | RefreshMethod::Invite => self.send_refresh(core, now),
        }
    }

    fn send_update(&mut self, core: &mut Core, challenged: bool, now: Instant) {
        let Some(dialog) = &mut self.dialog else { return };
        let request = dialog.request(&Method::Update);
        let (target, transport) = (dialog.target(), dialog.through.transport);
        let request = request
            .header("Contact", format!("<{}>", core.contact_uri(self.line, transport)))
            .header("Allow", core.allow())
            .header("User-Agent", crate::core::USER_AGENT);
        let request = self.session.ask(core, request);
        self.session.update = Some(Update { client: core.send_direct(request, target, now), challenged });
    }

    pub(super) fn on_update_response(&mut self, core: &mut Core, response: &Message, now: Instant) {
        let Some(code) = response.status().filter(|code| *code >= 200) else { return };
        let Some(update) = self.session.update.take() else { return };
        if self.phase != Phase::Up || self.hung_up {
            return;
        }
        match code {
            200..=299 => {
                self.session.heed(core, response, now);
                if let Some(dialog) = &mut self.dialog {
                    dialog.refresh_target(response);
                }
            }
            401 | 407 if !update.challenged && self.learn(core, response) => {
                self.send_update(core, true, now)
            }
            422 if self.session.lengthen(core, response) => self.send_update(core, false, now),
            408 | 481 => self.lose_peer(core, now),
            _ => self.refresh_later(now),
        }
    }

    pub(super) fn on_update_failure(&mut self, core: &mut Core, now: Instant) {
        self.session.update = None;
        self.lose_peer(core, now);
    }

    /// A refresh was refused. It is tried again, each time after half of what is left, so that nobody is
    /// asked continuously (section 10).
    pub(super) fn refresh_later(&mut self, now: Instant) {
        if let Some(running) = self.session.running.as_mut().filter(|running| running.refresh_at.is_none()) {
            let pause = (running.ends_at - now).scale(0.5);
            running.refresh_at = (running.ours && pause >= LEAST_PAUSE).then(|| now + pause);
        }
    }

    /// The other side's UPDATE, with or without an offer (RFC 3311 section 5.2).
    pub(super) fn on_update(&mut self, core: &mut Core, server: ServerId, request: &Message, now: Instant) {
        if !request.body.is_empty() && self.is_negotiating() {
            return core.respond(server, request, 491, None, now);
        }
        if Call::is_too_short(core, request) {
            return core.respond(server, request, 422, None, now);
        }
        let mut response = core.response(request, 200, None);
        if !request.body.is_empty() {
            self.media.version += 1;
            let Some(answer) = self.describe(request) else {
                return core.respond(server, request, 488, None, now);
            };
            self.agree(core, &Session::parse(&request.body), now);
            response = response.body("application/sdp", self.say(&answer));
        }
        let Some(dialog) = &mut self.dialog else { return };
        dialog.refresh_target(request);
        let contact = format!("<{}>", core.contact_uri(self.line, dialog.through.transport));
        let response = self.session.answer(core, request, response.header("Contact", contact), now);
        core.tx.respond(server, &response, now);
    }

    /// The other side is gone, or nobody has refreshed the session: the dialog is over (RFC 3261 section
    /// 12.2.1.2, RFC 4028 section 10), unless the phone keeps such calls.
    pub(super) fn lose_peer(&mut self, core: &mut Core, now: Instant) {
        if self.phase != Phase::Up || self.hung_up || core.has(Defect::KeepsDeadDialog) {
            return;
        }
        let preserves = core.profile().call_in_progress.on_signalling_loss == SignallingLoss::Preserve;
        if preserves && !core.has(Defect::ByeAfterFailedRefresh) {
            self.session.stop();
            if core.keeps_calls() {
                self.lose_signalling(core, now);
            }
            return;
        }
        core.report(Report::CallEnded);
        self.send_bye(core, now);
    }
}
