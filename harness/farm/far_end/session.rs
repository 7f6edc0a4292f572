//! The far end's part in session timers (RFC 4028).

use sipfarm_core::sip::{Message, MessageBuilder, Method, SessionExpires, TIMER};
use sipfarm_core::{Instant, Span};

use super::dialog::State;
use super::{CallKey, Due, FarEnd};

/// What the far end wants of session timers.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Sessions {
    /// It refreshes sessions of so many seconds itself, where that is left to it. Else whoever asks for a
    /// timer refreshes.
    pub refreshes_s: Option<u32>,
    /// The shortest session that it takes, in seconds; shorter ones get 422.
    pub least_s: u32,
}

impl Sessions {
    /// The Min-SE of a 422 to that request; none where it may pass.
    pub(super) fn too_short(self, request: &Message) -> Option<u32> {
        let asked = SessionExpires::of(request).filter(|_| request.knows(TIMER))?;
        (asked.seconds < self.least_s).then_some(self.least_s)
    }

    /// What its 2xx to a request says (section 9, table 2).
    fn answer_to(self, request: &Message) -> Option<SessionExpires> {
        let knows = request.knows(TIMER);
        let asked = SessionExpires::of(request);
        let by_uac = asked.and_then(|asked| asked.by_uac).unwrap_or(knows && self.refreshes_s.is_none());
        let least = request.number("Min-SE").unwrap_or(0);
        let own = self.refreshes_s.filter(|_| knows).map(|seconds| seconds.max(least));
        let seconds = match (asked, own) {
            (Some(asked), Some(own)) => asked.seconds.min(own),
            (Some(asked), None) => asked.seconds,
            (None, own) => own?,
        };
        Some(SessionExpires { seconds, by_uac: Some(by_uac) })
    }
}

impl FarEnd {
    /// What it wants of session timers, for requests and answers from now on.
    pub fn time_sessions(&mut self, sessions: Sessions) {
        self.sessions = sessions;
    }

    /// The header fields of a request that makes or refreshes a session.
    pub(super) fn ask_for_timer(&self, request: MessageBuilder) -> MessageBuilder {
        let expires = self.sessions.refreshes_s.map(|seconds| SessionExpires { seconds, by_uac: Some(true) });
        request.header("Supported", TIMER).header_opt("Session-Expires", expires)
    }

    /// The header fields of its 2xx, and the refresh that they promise.
    pub(super) fn answer_timer(
        &mut self,
        key: &CallKey,
        request: &Message,
        response: MessageBuilder,
        now: Instant,
    ) -> MessageBuilder {
        let expires = self.sessions.answer_to(request);
        self.plan_refresh(key, expires.filter(|expires| expires.by_uac == Some(false)), now);
        let required = expires.filter(|_| request.knows(TIMER)).map(|_| TIMER);
        response.header_opt("Require", required).header_opt("Session-Expires", expires)
    }

    /// A 2xx to a request of its own.
    pub(super) fn heed_timer(&mut self, key: &CallKey, response: &Message, now: Instant) {
        let expires = SessionExpires::of(response).filter(|expires| expires.by_uac != Some(false));
        self.plan_refresh(key, expires, now);
    }

    /// INVITE within the dialog with the description that stands (section 7.4).
    pub(super) fn refresh(&mut self, key: &CallKey, now: Instant) {
        let (branch, addr) = (self.stack.token(), self.config.addr);
        let Some(call) = self.calls.get_mut(key) else { return };
        if !matches!(call.state, State::Established { .. }) || call.reinvite.is_some() {
            return;
        }
        let (invite, path) = call.request(&Method::Invite, addr, &branch);
        let (said, contact) = (call.said.clone(), call.contact.clone());
        let invite = self.ask_for_timer(invite.rebuild().header("Contact", contact));
        let client = self.stack.request(invite.body("application/sdp", said).build(), path, None, now);
        if let Some(call) = self.calls.get_mut(key) {
            call.reinvite = client;
        }
    }

    fn plan_refresh(&mut self, key: &CallKey, ours: Option<SessionExpires>, now: Instant) {
        let due = (key.clone(), Due::Refresh);
        match ours {
            Some(expires) => {
                let interval = Span::from_secs(expires.seconds.into());
                self.timers.set(due, now + interval.scale(0.5));
            }
            None => self.timers.clear(&due),
        }
    }
}
