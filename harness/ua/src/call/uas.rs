//! The callee's side: ringing, answering, rejecting (RFC 3261 section 13.3).

use sipfarm_core::sdp::Session;
use sipfarm_core::sip::Message;
use sipfarm_core::{Instant, Span};

use super::{Call, Phase, Side};
use crate::core::Core;
use crate::defect::Defect;
use crate::dialog::Dialog;
use crate::mlpp;
use crate::phone::Report;
use crate::tx::{ServerId, Target};

/// How often a ringing phone says so again, so that proxies do not give up (section 13.3.1.1).
const RING_AGAIN: Span = Span::from_secs(60);

/// What only a callee knows.
#[derive(Debug)]
pub(super) struct Callee {
    server: ServerId,
    invite: Message,
    ring_at: Instant,
    expires_at: Option<Instant>,
    /// The first 2xx was acknowledged.
    pub(super) established: bool,
}

impl Callee {
    pub(super) fn deadline(&self) -> Option<Instant> {
        self.expires_at.into_iter().chain([self.ring_at]).min()
    }
}

impl Call {
    /// Rings for an INVITE. `None` when it has nothing in common with us, or no dialog can come of
    /// it; it is answered then.
    pub fn ring(
        core: &mut Core,
        line: usize,
        server: ServerId,
        invite: &Message,
        from: Target,
        now: Instant,
    ) -> Option<Call> {
        let tag = core.ids.tag();
        let expires_at = invite.number("Expires").map(|seconds| now + Span::from_secs(seconds.into()));
        let callee = Callee {
            server,
            invite: invite.clone(),
            ring_at: now + RING_AGAIN,
            expires_at,
            established: false,
        };
        let mut call = Call::new(Side::Callee(Box::new(callee)), line, core, now);
        call.dialog = Dialog::of_callee(invite, &tag, from, &core.config.defects);
        let refusal = match (&call.dialog, call.describe(invite)) {
            (None, _) => Some(400),
            (_, None) => Some(488),
            _ => Call::is_too_short(core, invite).then_some(422),
        };
        if let Some(code) = refusal {
            core.respond(server, invite, code, Some(&tag), now);
            return None;
        }
        call.set_level(core, mlpp::level(&core.profile().mlpp, invite));
        if !core.has(Defect::RingsInSilence) {
            call.send_180(core, now);
        }
        let from = invite.from().map_or(String::new(), |from| from.uri);
        core.report(Report::Ringing { from });
        call.report_precedence(core);
        Some(call)
    }

    /// The INVITE of a call that has come in.
    pub fn invite(&self) -> Option<&Message> {
        match &self.side {
            Side::Callee(callee) => Some(&callee.invite),
            Side::Caller(_) => None,
        }
    }

    /// Whether it waits for the user to answer.
    pub fn rings(&self) -> bool {
        self.phase == Phase::Setup && matches!(self.side, Side::Callee(_))
    }

    /// The tag that our responses give To.
    pub fn tag(&self) -> Option<&str> {
        self.dialog.as_ref()?.local.tag()
    }

    /// Whether that INVITE is this call's.
    pub fn rings_for(&self, server: ServerId) -> bool {
        matches!(&self.side, Side::Callee(callee) if callee.server == server)
    }

    /// The user answers.
    pub fn answer(&mut self, core: &mut Core, now: Instant) {
        let Side::Callee(callee) = &self.side else { return };
        let (server, invite) = (callee.server, callee.invite.clone());
        if let Some(answer) = self.describe(&invite) {
            self.phase = Phase::Up;
            self.since = now;
            self.agree(core, &Session::parse(&invite.body), now);
            self.send_2xx(core, server, &invite, &answer, now);
        }
    }

    /// The user rejects.
    pub fn reject(&mut self, core: &mut Core, code: u16, now: Instant) {
        self.refuse(core, code, now);
        core.report(Report::CallEnded);
    }

    /// CANCEL or BYE came while it rang, or the INVITE's time has run out: 487.
    pub fn terminate_ringing(&mut self, core: &mut Core, now: Instant) {
        if self.rings() {
            self.refuse(core, 487, now);
            core.report(Report::CallEnded);
        }
    }

    pub(super) fn fire_callee(&mut self, core: &mut Core, now: Instant) {
        let Side::Callee(callee) = &mut self.side else { return };
        if callee.expires_at.is_some_and(|at| at <= now) {
            self.terminate_ringing(core, now);
        } else if callee.ring_at <= now {
            callee.ring_at += RING_AGAIN;
            self.send_180(core, now);
        }
    }

    fn refuse(&mut self, core: &mut Core, code: u16, now: Instant) {
        let Side::Callee(callee) = &self.side else { return };
        let response = core.response(&callee.invite, code, self.tag());
        core.tx.respond(callee.server, &response.header_opt("Reason", self.precedence.reason()), now);
        self.end(core, now);
    }

    fn send_180(&self, core: &mut Core, now: Instant) {
        let (Side::Callee(callee), Some(dialog)) = (&self.side, &self.dialog) else { return };
        let mut response = core.response(&callee.invite, 180, self.tag());
        for route in callee.invite.fields("Record-Route") {
            response = response.header("Record-Route", &route.value);
        }
        let contact = format!("<{}>", core.contact_uri(self.line, dialog.through.transport));
        core.tx.respond(callee.server, &response.header("Contact", contact), now);
    }
}
