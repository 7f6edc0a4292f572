//! The caller's side: INVITE along the servers, ACK, CANCEL (RFC 3261 sections 9.1 and 13.2).

use sipfarm_core::profile::OnExhausted;
use sipfarm_core::sdp::Session;
use sipfarm_core::sip::{Message, MessageBuilder, Method, NameAddr};
use sipfarm_core::{Instant, Span};

use super::{Call, Phase, Side, bye};
use crate::core::{Core, Errand};
use crate::defect::Defect;
use crate::dialog::Dialog;
use crate::locate::{Hunt, Outcome, Way};
use crate::phone::Report;
use crate::tx::{ClientId, Failure, Target};

/// How long the phone lets the far end ring.
const NO_ANSWER: Span = Span::from_secs(180);

/// How many dialogs of one INVITE are ended besides the call. A proxy forks to the devices of one
/// user, which are fewer. The far ends of more than these hear no ACK and give up by themselves
/// (section 13.3.1.4).
const MAX_STRAYS: usize = 32;

/// What only a caller knows.
#[derive(Debug)]
pub(super) struct Caller {
    target: String,
    call_id: String,
    tag: String,
    cseq: u32,
    offer: String,
    hunt: Option<Hunt>,
    alerting: bool,
    /// The INVITE is given up then: 64×T1 after CANCEL (section 9.1).
    cancelled_by: Option<Instant>,
    no_answer_at: Option<Instant>,
    /// The servers are gone through once more then.
    restart_at: Option<Instant>,
    /// The phone registers with the server before it sends the INVITE there, unless it is.
    registers_first: bool,
    /// The next server waits until the phone is registered there.
    waits_for_registration: bool,
    /// The ACK of the dialog that became the call.
    ack: Option<(Message, Target)>,
    /// Other dialogs that a fork brought; each was acknowledged and ended at once.
    strays: Vec<Stray>,
}

#[derive(Debug)]
struct Stray {
    dialog: Dialog,
    ack: (Message, Target),
    bye: Option<ClientId>,
}

impl Caller {
    pub(super) fn owns(&self, client: ClientId) -> bool {
        self.hunt.as_ref().is_some_and(|hunt| hunt.owns(client))
            || self.strays.iter().any(|stray| stray.bye == Some(client))
    }

    pub(super) fn call_id(&self) -> &str {
        &self.call_id
    }

    pub(super) fn deadline(&self) -> Option<Instant> {
        self.cancelled_by.into_iter().chain(self.no_answer_at).chain(self.restart_at).min()
    }
}

impl Call {
    /// Sends the INVITE to the first server, from that line and with that level of precedence.
    pub fn dial(core: &mut Core, line: usize, target: &str, level: Option<usize>, now: Instant) -> Call {
        let caller = Caller {
            target: target.to_owned(),
            call_id: core.ids.call_id(),
            tag: core.ids.tag(),
            cseq: 1,
            offer: String::new(),
            hunt: Hunt::new(core.call_order(now)),
            alerting: false,
            cancelled_by: None,
            no_answer_at: None,
            restart_at: None,
            registers_first: core.registers_before_invite(false),
            waits_for_registration: false,
            ack: None,
            strays: Vec::new(),
        };
        let mut call = Call::new(Side::Caller(Box::new(caller)), line, core, now);
        call.set_level(core, level);
        let offer = Session::offer(&call.media).to_string();
        if let Side::Caller(caller) = &mut call.side {
            caller.offer.clone_from(&offer);
            if caller.hunt.is_none() {
                // Every server asked to be left alone for a while.
                core.report(Report::CallFailed { code: Some(503) });
                call.end(core, now);
                return call;
            }
        }
        call.said = offer;
        call.send_invite(core, now);
        call
    }

    /// Gives up before the far end has answered. CANCEL goes out when a provisional response has
    /// come, and not before (section 9.1).
    pub(super) fn cancel(&mut self, core: &mut Core, now: Instant) {
        self.hung_up = true;
        let Side::Caller(caller) = &mut self.side else { return };
        let Some(invite) = caller.hunt.as_ref().and_then(|hunt| hunt.client) else {
            return self.end(core, now);
        };
        caller.no_answer_at = None;
        if core.has(Defect::NeverCancels) {
            return;
        }
        if caller.cancelled_by.is_none() && core.cancel(invite, self.precedence.reason(), now).is_some() {
            caller.cancelled_by = Some(now + core.t1() * 64);
        }
    }

    pub(super) fn on_invite_response(
        &mut self,
        core: &mut Core,
        client: ClientId,
        response: Box<Message>,
        now: Instant,
    ) {
        let Side::Caller(caller) = &mut self.side else { return };
        let Some(hunt) = caller.hunt.as_mut().filter(|hunt| hunt.owns(client)) else { return };
        let outcome = hunt.on_response(core, response, now);
        self.proceed(core, outcome, now);
    }

    pub(super) fn on_invite_failure(
        &mut self,
        core: &mut Core,
        client: ClientId,
        failure: Failure,
        now: Instant,
    ) {
        let Side::Caller(caller) = &mut self.side else { return };
        let Some(hunt) = caller.hunt.as_mut().filter(|hunt| hunt.owns(client)) else { return };
        let outcome = hunt.on_failure(core, failure, now);
        self.proceed(core, outcome, now);
    }

    pub(super) fn fire_caller(&mut self, core: &mut Core, now: Instant) {
        let Side::Caller(caller) = &mut self.side else { return };
        if caller.cancelled_by.is_some_and(|at| at <= now) {
            caller.cancelled_by = None;
            if let Some(invite) = caller.hunt.as_ref().and_then(|hunt| hunt.client) {
                core.tx.abandon(invite);
            }
            self.end(core, now);
        } else if caller.no_answer_at.is_some_and(|at| at <= now) {
            core.report(Report::CallFailed { code: None });
            self.cancel(core, now);
        } else if caller.restart_at.is_some_and(|at| at <= now) {
            caller.restart_at = None;
            caller.cseq += 1;
            caller.registers_first = core.registers_before_invite(false);
            caller.hunt = Hunt::new(core.call_order(now));
            match caller.hunt {
                Some(_) => self.send_invite(core, now),
                None => self.on_exhausted(core, Some(503), now),
            }
        }
    }

    /// DNS was asked about a server: it was found, or not.
    pub fn on_located(&mut self, core: &mut Core, server: usize, found: bool, now: Instant) {
        let Side::Caller(caller) = &mut self.side else { return };
        let Some(hunt) = caller.hunt.as_mut().filter(|hunt| hunt.awaits(server)) else { return };
        if self.phase != Phase::Setup || self.hung_up {
            return;
        }
        if found {
            return self.send_invite(core, now);
        }
        let outcome = hunt.on_not_found(core, now);
        self.proceed(core, outcome, now);
    }

    /// The registration that an INVITE to this server waits for stands, or could not be had.
    pub fn on_registered_at(&mut self, core: &mut Core, server: usize, stands: bool, now: Instant) {
        let Side::Caller(caller) = &mut self.side else { return };
        let Some(hunt) = caller.hunt.as_mut().filter(|hunt| hunt.server == server) else { return };
        if !std::mem::take(&mut caller.waits_for_registration) || self.hung_up {
            return;
        }
        if stands {
            return self.send_invite(core, now);
        }
        let outcome = hunt.skip(core, now);
        self.proceed(core, outcome, now);
    }

    fn proceed(&mut self, core: &mut Core, outcome: Outcome, now: Instant) {
        match outcome {
            Outcome::Provisional(response) => self.on_provisional(core, &response, now),
            Outcome::Success(response) => self.on_2xx(core, &response, now),
            _ if self.hung_up => {
                if let Side::Caller(caller) = &mut self.side {
                    caller.cancelled_by = None;
                }
                self.end(core, now);
            }
            Outcome::Again => {
                if let Side::Caller(caller) = &mut self.side {
                    caller.cseq += 1;
                }
                self.send_invite(core, now);
            }
            Outcome::Next => self.go_to_next(core, now),
            Outcome::Failed { response: Some(refusal), .. } if self.may_lengthen(core, &refusal) => {
                if let Side::Caller(caller) = &mut self.side {
                    caller.cseq += 1;
                }
                self.send_invite(core, now);
            }
            Outcome::Failed { response, exhausted } => {
                let code = response.and_then(|response| response.status());
                if exhausted {
                    return self.on_exhausted(core, code, now);
                }
                core.report(Report::CallFailed { code });
                self.end(core, now);
            }
        }
    }

    /// Whether a refusal asks for a longer session, and the phone has one to offer (RFC 4028 section 7.3).
    fn may_lengthen(&mut self, core: &Core, refusal: &Message) -> bool {
        refusal.status() == Some(422) && core.has_session_timer() && self.session.lengthen(core, refusal)
    }

    fn go_to_next(&mut self, core: &mut Core, now: Instant) {
        let Side::Caller(caller) = &mut self.side else { return };
        if core.has(Defect::ChangesBody) {
            self.media.version += 1;
            caller.offer = Session::offer(&self.media).to_string();
            self.said.clone_from(&caller.offer);
        }
        caller.registers_first = core.registers_before_invite(true);
        self.send_invite(core, now);
    }

    /// Every server has failed.
    fn on_exhausted(&mut self, core: &mut Core, code: Option<u16>, now: Instant) {
        if let (true, Side::Caller(caller)) = (core.has(Defect::StartsOver), &mut self.side) {
            caller.restart_at = Some(now + Span::from_secs(1));
            return;
        }
        let policy = core.profile().failover.on_exhausted;
        if let (OnExhausted::RestartList, Side::Caller(caller)) = (policy, &mut self.side) {
            // A pause, or a list of servers that refuse at once would be hammered.
            let pause = Span::from_secs(core.profile().registration.retry.base_s.into());
            caller.restart_at = Some(now + pause);
            return;
        }
        core.report(Report::CallFailed { code });
        self.end(core, now);
        if policy == OnExhausted::Reboot {
            core.errands.push_back(Errand::Reboot);
        }
    }

    fn send_invite(&mut self, core: &mut Core, now: Instant) {
        let Side::Caller(caller) = &mut self.side else { return };
        caller.no_answer_at = None;
        let Some(hunt) = &mut caller.hunt else { return };
        match hunt.locate(core, now) {
            Way::Clear => {}
            Way::Asked => return,
            Way::Barred(outcome) => return self.proceed(core, outcome, now),
        }
        let is_registered = core.locator.registered_with(now).any(|server| server == hunt.server);
        if std::mem::take(&mut caller.registers_first) && !is_registered {
            caller.waits_for_registration = true;
            return core.errands.push_back(Errand::RegisterAt(hunt.server));
        }
        let transport = core.target(hunt.server).transport;
        let mut from = NameAddr::new(core.aor(self.line));
        from.params.set("tag", Some(&caller.tag));
        let request = MessageBuilder::request(&Method::Invite, &caller.target)
            .header("Max-Forwards", 70)
            .header("From", from)
            .header("To", format!("<{}>", caller.target))
            .header("Call-ID", &caller.call_id)
            .header("CSeq", format!("{} INVITE", caller.cseq))
            .header("Contact", format!("<{}>", core.contact_uri(self.line, transport)))
            .header("Allow", core.allow())
            .header("User-Agent", crate::core::USER_AGENT);
        let loses = hunt.is_challenged() && core.has(Defect::LosesPrecedenceWhenChallenged);
        let request = if loses { request } else { self.precedence.ask(core, request) };
        let request = self.session.ask(core, request).body("application/sdp", caller.offer.as_bytes());
        let last = hunt.is_last(core, now);
        hunt.client = Some(core.send_to_server(request, hunt.server, last, now));
    }

    fn on_provisional(&mut self, core: &mut Core, response: &Message, now: Instant) {
        if self.hung_up {
            return self.cancel(core, now);
        }
        self.heed_level(core, response);
        let Side::Caller(caller) = &mut self.side else { return };
        caller.no_answer_at.get_or_insert(now + NO_ANSWER);
        if response.status() > Some(100) && !std::mem::replace(&mut caller.alerting, true) {
            core.report(Report::Alerting);
        }
    }

    /// A 2xx: the first one makes the call; its repetitions get its ACK again; one with another
    /// tag comes from a fork and is acknowledged and ended (section 13.2.2.4).
    fn on_2xx(&mut self, core: &mut Core, response: &Message, now: Instant) {
        let Side::Caller(caller) = &mut self.side else { return };
        caller.no_answer_at = None;
        caller.cancelled_by = None;
        let tag = response.to().and_then(|to| to.tag().map(str::to_owned));
        let same = |dialog: &Dialog| dialog.remote.tag() == tag.as_deref();
        if let (Some(dialog), Some((ack, target))) = (&self.dialog, &caller.ack)
            && same(dialog)
        {
            return core.tx.send_again(ack, *target, now);
        }
        if let Some(stray) = caller.strays.iter().find(|stray| same(&stray.dialog)) {
            return core.tx.send_again(&stray.ack.0, stray.ack.1, now);
        }
        if caller.strays.len() >= MAX_STRAYS {
            return;
        }
        let Some(hunt) = &caller.hunt else { return };
        let through = core.target(hunt.server);
        let Some(invite) = hunt.client.and_then(|client| core.tx.client_request(client)).cloned() else {
            return;
        };
        let Some(mut dialog) = Dialog::of_caller(&invite, response, through, &core.config.defects) else {
            return;
        };
        let ack = acknowledge(core, &dialog, &invite, now);
        if self.dialog.is_some() {
            let may_end = core.may_signal_to(dialog.target().addr, now);
            let bye = may_end.then(|| bye(core, &mut dialog, None, now));
            return caller.strays.push(Stray { dialog, ack, bye });
        }
        caller.ack = Some(ack);
        self.dialog = Some(dialog);
        self.phase = Phase::Up;
        self.since = now;
        self.heed_level(core, response);
        if self.hung_up {
            self.send_bye(core, now);
        } else {
            self.session.heed(core, response, now);
            self.agree(core, &Session::parse(&response.body), now);
            core.report(Report::CallEstablished);
        }
    }
}

/// Sends the ACK for a 2xx, with the INVITE's credentials (section 13.2.2.4).
pub(super) fn acknowledge(
    core: &mut Core,
    dialog: &Dialog,
    invite: &Message,
    now: Instant,
) -> (Message, Target) {
    let number = invite.cseq().map_or(0, |cseq| cseq.number);
    let mut request = dialog.ack(number);
    for name in ["Authorization", "Proxy-Authorization"] {
        for field in invite.fields(name) {
            request = request.header(name, &field.value);
        }
    }
    core.tx.send(request, dialog.target(), &mut core.ids, now)
}
