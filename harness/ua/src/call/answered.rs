//! The 2xx with which the phone takes a call, and its repetitions (RFC 3261 section 13.3.1.4).

use sipfarm_core::machine::Transport;
use sipfarm_core::sdp::Session;
use sipfarm_core::sip::{Message, MessageBuilder};
use sipfarm_core::{Instant, Span};

use super::Call;
use crate::core::Core;
use crate::defect::Defect;
use crate::phone::Report;
use crate::tx::ServerId;

/// A 2xx to INVITE, repeated by us and not by its transaction until the ACK comes, whatever the
/// transport (section 13.3.1.4).
#[derive(Debug)]
pub(super) struct Answered {
    pub(super) server: ServerId,
    pub(super) response: MessageBuilder,
    pub(super) cseq: u32,
    pub(super) interval: Span,
    pub(super) repeat_at: Instant,
    pub(super) give_up_at: Instant,
}

impl Answered {
    /// Whether the repetition that is due is made. It is: over any transport, until the ACK.
    fn is_repeated(&self, core: &Core) -> bool {
        let is_over_tcp = || core.tx.transport_of(self.server).is_some_and(Transport::is_reliable);
        !(core.has(Defect::No2xxRepetition)
            || core.has(Defect::Stops2xxRepetition) && self.interval >= core.config.profile.timers.t2()
            || core.has(Defect::No2xxRepetitionOverTcp) && is_over_tcp())
    }
}

impl Call {
    /// Sends a 2xx with a session description and repeats it until the ACK.
    pub(super) fn send_2xx(
        &mut self,
        core: &mut Core,
        server: ServerId,
        request: &Message,
        body: &Session,
        now: Instant,
    ) {
        let Some(dialog) = &self.dialog else { return };
        let another = core.has(Defect::AnotherTagIn2xx).then(|| core.ids.tag());
        let mut response = core.response(request, 200, another.as_deref().or(dialog.local.tag()));
        for route in request.fields("Record-Route") {
            response = response.header("Record-Route", &route.value);
        }
        let contact = format!("<{}>", core.contact_uri(self.line, dialog.through.transport));
        let body = self.say(body);
        response = response.header("Contact", contact).body("application/sdp", body);
        response = self.session.answer(core, request, response, now);
        core.tx.respond(server, &response, now);
        let interval = core.t1();
        self.answered = Some(Answered {
            server,
            response,
            cseq: request.cseq().map_or(0, |cseq| cseq.number),
            interval,
            repeat_at: now + interval,
            give_up_at: now + core.t1() * 64,
        });
    }

    pub(super) fn fire_answered(&mut self, core: &mut Core, now: Instant) {
        let Some(answered) = &mut self.answered else { return };
        if answered.give_up_at <= now {
            if !self.hung_up {
                core.report(Report::CallEnded);
            }
            match core.has(Defect::NoByeAfterUnacked2xx) {
                true => self.answered = None,
                false => self.send_bye(core, now),
            }
        } else if answered.repeat_at <= now {
            if answered.is_repeated(core) {
                core.tx.respond(answered.server, &answered.response, now);
            }
            answered.interval = (answered.interval * 2).min(core.config.profile.timers.t2());
            answered.repeat_at += answered.interval;
        }
    }
}
