//! What a user agent server does with any request (RFC 3261 section 8.2), before it is a call's.

use sipfarm_core::Instant;
use sipfarm_core::sip::{DefectKind, Message, Method, RESOURCE_PRIORITY, TIMER, Uri};

use super::Phone;
use super::reset::asks_for_reset;
use crate::defect::Defect;
use crate::malformed::is_broken_request;
use crate::tx::{ServerId, Target};

impl Phone {
    /// A new request.
    pub(super) fn on_request(
        &mut self,
        server: ServerId,
        request: &Message,
        cancels: Option<ServerId>,
        from: Target,
        now: Instant,
    ) {
        if let Some(code) = self.objection(server, request) {
            let tag = self.core.ids.tag();
            return self.core.respond(server, request, code, Some(&tag), now);
        }
        if request.is_request(&Method::Cancel) {
            return self.on_cancel(server, request, cancels, now);
        }
        if request.to().is_some_and(|to| to.tag().is_some()) {
            let subscription = self.subscriptions.iter_mut().find(|subscription| subscription.has(request));
            if let Some(subscription) = subscription.filter(|_| request.is_request(&Method::Notify)) {
                return subscription.on_notify(&mut self.core, server, request, now);
            }
            return match self.calls.iter_mut().find(|call| call.has(request)) {
                Some(call) => call.on_request(&mut self.core, server, request, now),
                None => self.core.respond(server, request, 481, None, now),
            };
        }
        if asks_for_reset(request) {
            return self.on_check_sync(server, request, now);
        }
        let tag = self.core.ids.tag();
        match request.method() {
            Some(Method::Invite) => self.on_invite(server, request, &tag, from, now),
            Some(Method::Options) => self.core.respond(server, request, 200, Some(&tag), now),
            Some(Method::Bye | Method::Notify) => {
                self.core.respond(server, request, 481, Some(&tag), now);
            }
            _ => self.core.respond(server, request, 405, Some(&tag), now),
        }
    }

    /// The code with which a request is refused before anyone looks at what it wants, in the order
    /// of section 8.2.
    fn objection(&self, server: ServerId, request: &Message) -> Option<u16> {
        if request.defects.iter().any(|defect| defect.kind == DefectKind::BadVersion) {
            return Some(505);
        }
        let uri = request.request_uri().unwrap_or_default();
        if is_broken_request(request) {
            return Some(400);
        }
        let known_scheme = uri.split_once(':').is_some_and(|(scheme, _)| scheme.eq_ignore_ascii_case("sip"));
        if !known_scheme {
            return Some(416);
        }
        if Uri::parse(uri).is_none_or(|uri| uri.user.is_some_and(|user| self.core.line_of(&user).is_none())) {
            return Some(404);
        }
        if self.core.tx.is_merged(server) {
            return Some(482);
        }
        let is_cancel = request.is_request(&Method::Cancel);
        if !is_cancel && !request.values("Require").iter().all(|tag| self.understands(tag)) {
            return Some(420);
        }
        let content =
            request.header("Content-Type").map(|kind| kind.split(';').next().unwrap_or(kind).trim());
        let is_sdp = content.is_none_or(|kind| kind.eq_ignore_ascii_case("application/sdp"));
        let is_invite = request.is_request(&Method::Invite);
        (is_invite && !request.body.is_empty() && !is_sdp).then_some(415)
    }

    /// Whether the phone has that extension.
    fn understands(&self, tag: &str) -> bool {
        tag.eq_ignore_ascii_case(TIMER) && self.core.has_session_timer()
            || tag.eq_ignore_ascii_case(RESOURCE_PRIORITY)
                && self.core.has_mlpp()
                && !self.core.has(Defect::RefusesRequiredPrecedence)
    }

    /// 200 for the CANCEL, 487 for its INVITE while that has no final response (section 9.2).
    fn on_cancel(&mut self, server: ServerId, request: &Message, cancels: Option<ServerId>, now: Instant) {
        let call = self.calls.iter_mut().find(|call| cancels.is_some_and(|invite| call.rings_for(invite)));
        let tag = call.as_ref().and_then(|call| call.tag().map(str::to_owned));
        let tag = tag.unwrap_or_else(|| self.core.ids.tag());
        let code = if cancels.is_some() { 200 } else { 481 };
        self.core.respond(server, request, code, Some(&tag), now);
        if let Some(call) = call {
            call.terminate_ringing(&mut self.core, now);
        }
    }
}
