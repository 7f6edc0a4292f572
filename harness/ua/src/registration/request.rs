//! REGISTER and what comes of it.

use sipfarm_core::profile::RegistrationMethod;
use sipfarm_core::sip::{Message, MessageBuilder, Method, NameAddr};
use sipfarm_core::{Instant, Span};

use super::pace::refresh_after;
use super::{Attempt, Failback, Purpose, Registration, Standing};
use crate::core::{Core, Errand};
use crate::defect::Defect;
use crate::locate::{Hunt, Outcome, Way};
use crate::phone::Report;

impl Registration {
    pub(super) fn start(&mut self, purpose: Purpose, hunt: Hunt, core: &mut Core, now: Instant) {
        self.cseq += 1;
        self.send(Attempt { purpose, hunt }, core, now);
    }

    /// Sends the REGISTER with the current CSeq to the hunt's current server.
    pub(super) fn send(&mut self, mut attempt: Attempt, core: &mut Core, now: Instant) {
        if self.suspended {
            return;
        }
        match attempt.hunt.locate(core, now) {
            Way::Clear => {}
            Way::Asked => return self.attempt = Some(attempt),
            Way::Barred(outcome) => return self.proceed(attempt, outcome, core, now),
        }
        if core.has(Defect::NewCallIdPerRegister) {
            self.call_id = core.ids.call_id();
        }
        let server = attempt.hunt.server;
        self.introduce(server, core);
        let domain = self.domain(server, core);
        let aor = NameAddr::new(format!("sip:{}@{domain}", core.user(self.line)));
        let mut from = aor.clone();
        from.params.set("tag", Some(&self.tag));
        let contact = NameAddr::new(core.contact_uri(self.line, core.target(server).transport).to_string());
        let uri =
            if core.has(Defect::RegistersAtUser) { core.aor(self.line) } else { format!("sip:{domain}") };
        let none = matches!(attempt.purpose, Purpose::Unbind | Purpose::Leave);
        let expires = if none { 0 } else { self.expires_s };
        let request = MessageBuilder::request(&Method::Register, &uri)
            .header("Max-Forwards", 70)
            .header("From", from)
            .header("To", aor)
            .header("Call-ID", &self.call_id)
            .header("CSeq", format!("{} REGISTER", self.cseq))
            .header("Contact", contact)
            .header("Expires", expires)
            .header("Allow", crate::core::ALLOW)
            .header("User-Agent", crate::core::USER_AGENT);
        let last = attempt.hunt.is_last(core, now);
        attempt.hunt.client = Some(core.send_to_server(request, server, last, now));
        self.attempt = Some(attempt);
    }

    /// The domain of the AOR: the same at every server (AR-24).
    fn domain(&self, server: usize, core: &Core) -> String {
        let first = self.servers.first() == Some(&server);
        match core.has(Defect::ChangesAorAtTheAlternate) && !first {
            true => core.target(server).addr.ip().to_string(),
            false => core.config.domain.clone(),
        }
    }

    pub(super) fn proceed(&mut self, attempt: Attempt, outcome: Outcome, core: &mut Core, now: Instant) {
        match outcome {
            Outcome::Provisional(_) => self.attempt = Some(attempt),
            Outcome::Success(response) => self.on_success(&attempt, &response, core, now),
            Outcome::Again => {
                if !core.has(Defect::CSeqStuckAfterChallenge) {
                    self.cseq += 1;
                }
                self.send(attempt, core, now);
            }
            Outcome::Next => self.send(attempt, core, now),
            Outcome::Failed { response, exhausted } => {
                self.on_final_failure(attempt, response, exhausted, core, now);
            }
        }
    }

    fn on_success(&mut self, attempt: &Attempt, response: &Message, core: &mut Core, now: Instant) {
        let server = attempt.hunt.server;
        self.failed_rounds = 0;
        if attempt.purpose == Purpose::Unbind {
            self.drop_standing(core);
            core.report(Report::Unregistered { server: core.server_name(server) });
            if self.wanted {
                self.bind(core, now);
            }
            return;
        }
        if attempt.purpose == Purpose::Leave {
            return self.keep_up(core, now);
        }
        let granted = Span::from_secs(self.granted_s(core, server, response).into());
        let refresh_at = now + refresh_after(granted, self.cseq, core);
        let before = self.standing.replace(Standing { server, refresh_at });
        self.stood_with = Some(server);
        self.failed_in_call = None;
        core.locator.set_working(self.index, Some((server, now + granted)));
        if before.is_none_or(|before| before.server != server) {
            core.report(Report::Registered { server: core.server_name(server) });
            self.failback_base = now;
            self.watch(core, now);
        }
        if attempt.purpose == Purpose::Visit {
            core.errands.push_back(Errand::RegisteredAt { server, stands: true });
        } else if !self.wanted {
            return self.unbind(core, now);
        }
        let refreshed = before.is_some_and(|before| before.server == server);
        if !refreshed || self.failback != Failback::WhenIdle {
            let tried = attempt.purpose == Purpose::Bind && self.refreshes_at_better;
            self.plan_failback(tried, core, now);
        }
        if let (Purpose::Return, Some(before)) = (attempt.purpose, before)
            && before.server != server
            && core.profile().registration.method == RegistrationMethod::ActivePlusKeepalive
            && !core.has(Defect::StaysRegistered)
        {
            self.start(Purpose::Leave, Hunt::only(before.server), core, now);
        }
    }

    /// Goes on with the binding that stands, after a word to another server.
    fn keep_up(&mut self, core: &mut Core, now: Instant) {
        if !self.wanted {
            self.unbind(core, now);
        }
    }

    fn on_final_failure(
        &mut self,
        attempt: Attempt,
        response: Option<Box<Message>>,
        exhausted: bool,
        core: &mut Core,
        now: Instant,
    ) {
        let code = response.as_ref().and_then(|response| response.status());
        let response = response.as_deref();
        if code == Some(423) && !core.has(Defect::Ignores423) && self.lengthen(response) {
            self.cseq += 1;
            return self.send(attempt, core, now);
        }
        match attempt.purpose {
            Purpose::Return => return self.plan_failback(true, core, now),
            Purpose::Leave => return self.keep_up(core, now),
            Purpose::Visit => {
                let failed = Errand::RegisteredAt { server: attempt.hunt.server, stands: false };
                return core.errands.push_back(failed);
            }
            Purpose::Bind | Purpose::Unbind => {}
        }
        let server = core.server_name(attempt.hunt.server);
        core.report(Report::RegistrationFailed { server, code });
        self.drop_standing(core);
        self.failback = Failback::Never;
        self.failed_in_call = Some(attempt.hunt.server).filter(|_| exhausted && self.leaves_after_call(core));
        self.failed_rounds += 1;
        // A password that was refused is not tried again (section 22.1).
        if self.wanted && !matches!(code, Some(401 | 407)) && !core.has(Defect::StopsTrying) {
            let asked = response.and_then(|response| response.number("Retry-After")).unwrap_or(0);
            self.retry_at = Some(now + self.pause(core).max(Span::from_secs(asked.into())));
        }
    }

    /// Takes over Min-Expires of a 423 (section 10.2.8). False when that would change nothing.
    fn lengthen(&mut self, response: Option<&Message>) -> bool {
        let least = response.and_then(|response| response.number("Min-Expires")).unwrap_or(0);
        let longer = least > self.expires_s;
        self.expires_s = self.expires_s.max(least);
        longer
    }

    /// The time that the registrar granted: of our Contact, else of the whole, else as asked
    /// (sections 10.2.4, 10.3).
    fn granted_s(&self, core: &Core, server: usize, response: &Message) -> u32 {
        let ours = core.contact_uri(self.line, core.target(server).transport);
        let is_ours = |contact: &NameAddr| {
            contact
                .sip_uri()
                .is_some_and(|uri| (&uri.user, &uri.host, uri.port) == (&ours.user, &ours.host, ours.port))
        };
        let contact = response.name_addrs("Contact").into_iter().find(is_ours);
        let own = contact.and_then(|contact| contact.params.value("expires")?.parse().ok());
        own.or_else(|| response.number("Expires")).unwrap_or(self.expires_s)
    }
}
