//! Registration (RFC 3261 section 10) with one of an ordered list of servers.

use sipfarm_core::profile::{DuringCall, FailbackMode, RegistrationMethod, RetryKind};
use sipfarm_core::sip::{Message, MessageBuilder, Method, NameAddr};
use sipfarm_core::{Instant, Span};

use crate::core::{Core, Errand};
use crate::defect::Defect;
use crate::locate::{Hunt, Outcome, Way};
use crate::phone::Report;
use crate::tx::{ClientId, Failure};

/// The life of a DNS answer that is taken as shorter counts as this long when a better server is
/// tried at its end: an answer that may not be kept at all is no leave to try without a pause.
const LEAST_TTL: Span = Span::from_secs(5);
/// The shortest time of failback mode `duration`; shorter ones are taken for it.
const DURATION_LEAST_S: u32 = 60;

/// One binding of the phone, kept alive at one server at a time.
#[derive(Debug)]
pub struct Registration {
    /// Its number among the phone's registrations.
    index: usize,
    /// The servers in order, by their place in the phone's list.
    servers: Vec<usize>,
    call_id: String,
    tag: String,
    cseq: u32,
    expires_s: u32,
    wanted: bool,
    attempt: Option<Attempt>,
    standing: Option<Standing>,
    /// The server of the last binding, whether that still stands or not.
    stood_with: Option<usize>,
    retry_at: Option<Instant>,
    failback: Failback,
    /// When the phone came to the server that it stands with, or last tried a better one.
    failback_base: Instant,
    failed_rounds: u32,
    /// A server to be visited when the attempt under way has ended.
    visit: Option<usize>,
}

/// A REGISTER on its way.
#[derive(Debug)]
struct Attempt {
    purpose: Purpose,
    hunt: Hunt,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Purpose {
    /// To have a binding.
    Bind,
    /// To see whether a better server is back. The binding stands meanwhile.
    Return,
    /// To have a binding with one server, because a call is about to go there.
    Visit,
    /// To have none.
    Unbind,
}

/// A binding that was granted.
#[derive(Debug, Clone, Copy)]
struct Standing {
    server: usize,
    refresh_at: Instant,
}

/// When a better server is tried.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Failback {
    Never,
    At(Instant),
    WhenIdle,
}

impl Registration {
    /// Nothing is registered yet.
    pub fn new(index: usize, servers: Vec<usize>, core: &mut Core) -> Self {
        Registration {
            index,
            servers,
            call_id: core.ids.call_id(),
            tag: core.ids.tag(),
            cseq: 0,
            expires_s: core.profile().registration.expires_s,
            wanted: false,
            attempt: None,
            standing: None,
            stood_with: None,
            retry_at: None,
            failback: Failback::Never,
            failback_base: Instant::EPOCH,
            failed_rounds: 0,
            visit: None,
        }
    }

    /// Registers, or refreshes the binding at once.
    pub fn register(&mut self, core: &mut Core, now: Instant) {
        self.wanted = true;
        self.bind(core, now);
    }

    /// Takes the binding away and stops trying.
    pub fn unregister(&mut self, core: &mut Core, now: Instant) {
        self.wanted = false;
        self.retry_at = None;
        self.failback = Failback::Never;
        // Not before the last one has had its final response (section 10.2).
        if self.attempt.is_none() {
            self.unbind(core, now);
        }
    }

    /// Whether that server is one of this registration's.
    pub fn serves(&self, core: &Core, server: usize) -> bool {
        self.servers.contains(&core.places.owner(server))
    }

    /// Registers with one server, because a call is about to go there.
    pub fn visit(&mut self, core: &mut Core, server: usize, now: Instant) {
        if self.attempt.is_some() {
            self.visit = Some(server);
        } else {
            self.start(Purpose::Visit, Hunt::only(server), core, now);
        }
    }

    /// Whether that transaction is this registration's.
    pub fn owns(&self, client: ClientId) -> bool {
        self.attempt.as_ref().is_some_and(|attempt| attempt.hunt.owns(client))
    }

    /// A response to this registration's REGISTER.
    pub fn on_response(&mut self, core: &mut Core, response: Box<Message>, now: Instant) {
        let Some(mut attempt) = self.attempt.take() else { return };
        let outcome = attempt.hunt.on_response(core, response, now);
        self.proceed(attempt, outcome, core, now);
        self.visit_if_waiting(core, now);
    }

    /// There will be no response to this registration's REGISTER.
    pub fn on_failure(&mut self, core: &mut Core, failure: Failure, now: Instant) {
        let Some(mut attempt) = self.attempt.take() else { return };
        let outcome = attempt.hunt.on_failure(core, failure, now);
        self.proceed(attempt, outcome, core, now);
        self.visit_if_waiting(core, now);
    }

    /// DNS was asked about a server: it was found, or not.
    pub fn on_located(&mut self, core: &mut Core, server: usize, found: bool, now: Instant) {
        let Some(mut attempt) = self.attempt.take_if(|attempt| attempt.hunt.awaits(server)) else { return };
        if found {
            self.send(attempt, core, now);
        } else {
            let outcome = attempt.hunt.on_not_found(core, now);
            self.proceed(attempt, outcome, core, now);
        }
        self.visit_if_waiting(core, now);
    }

    /// The last call is over: what waited for this may happen now.
    pub fn on_idle(&mut self, core: &mut Core, now: Instant) {
        if self.failback == Failback::WhenIdle {
            self.try_better(core, now);
        }
    }

    /// When to fire next.
    pub fn deadline(&self) -> Option<Instant> {
        if self.attempt.is_some() {
            return None;
        }
        let failback = match self.failback {
            Failback::At(at) => Some(at),
            _ => None,
        };
        let refresh = self.standing.map(|standing| standing.refresh_at);
        refresh.into_iter().chain(self.retry_at).chain(failback).min()
    }

    /// Refreshes, retries or goes back to a better server, whatever is due.
    pub fn fire(&mut self, core: &mut Core, now: Instant) {
        if self.attempt.is_some() {
            return;
        }
        let due = |at: Option<Instant>| at.is_some_and(|at| at <= now);
        if due(self.retry_at) || due(self.standing.map(|standing| standing.refresh_at)) {
            self.bind(core, now);
        } else if matches!(self.failback, Failback::At(at) if at <= now) {
            let deferred = core.profile().failback.only_when_idle == Some(true);
            if core.busy && deferred && !core.has(Defect::FailsBackDuringCall) {
                self.failback = Failback::WhenIdle;
            } else {
                self.try_better(core, now);
            }
        }
    }

    fn bind(&mut self, core: &mut Core, now: Instant) {
        if self.attempt.is_some() {
            return;
        }
        self.retry_at = None;
        let order = self.order(core);
        let fit = order.iter().copied().filter(|server| core.locator.is_fit(*server, now));
        match Hunt::new(fit.collect::<Vec<_>>()) {
            Some(hunt) => self.start(Purpose::Bind, hunt, core, now),
            None => {
                self.drop_standing(core);
                self.retry_at = core.locator.fit_again(&order);
            }
        }
    }

    fn visit_if_waiting(&mut self, core: &mut Core, now: Instant) {
        if self.attempt.is_none()
            && let Some(server) = self.visit.take()
        {
            self.visit(core, server, now);
        }
    }

    fn unbind(&mut self, core: &mut Core, now: Instant) {
        if let Some(standing) = self.standing {
            self.start(Purpose::Unbind, Hunt::only(standing.server), core, now);
        }
    }

    fn try_better(&mut self, core: &mut Core, now: Instant) {
        self.failback = Failback::Never;
        self.failback_base = now;
        let standing = self.standing.map(|standing| standing.server);
        let owner = standing.map(|server| core.places.owner(server));
        let before = self.servers.iter().copied().take_while(|server| Some(*server) != owner);
        // Better addresses behind the same name.
        let own = owner.filter(|owner| core.places.is_of_dns(*owner));
        let better = before.chain(own).filter(|server| core.locator.is_fit(*server, now));
        match Hunt::new(better.collect::<Vec<_>>()) {
            Some(hunt) => self.start(Purpose::Return, hunt.until(standing), core, now),
            None => self.plan_failback(true, core, now),
        }
    }

    /// The servers in the order in which a REGISTER tries them.
    fn order(&self, core: &Core) -> Vec<usize> {
        let profile = core.profile();
        let may_leave = matches!(profile.call_in_progress.failover, None | Some(DuringCall::Allowed));
        if let (true, false, Some(server)) = (core.busy, may_leave, self.stood_with) {
            return vec![server];
        }
        let deferred = profile.failback.only_when_idle == Some(true);
        let returns = !core.busy || !deferred || core.has(Defect::FailsBackDuringCall);
        let primary_first = match core.failback_mode() {
            FailbackMode::NewRequests => true,
            FailbackMode::Registration | FailbackMode::DnsTtl => returns,
            _ => false,
        };
        let first = self.standing.map(|standing| standing.server).filter(|_| !primary_first);
        let others = self.servers.iter().copied().filter(|server| Some(*server) != first);
        let mut order: Vec<usize> = first.into_iter().chain(others).collect();
        if core.has(Defect::RegistersInWrongOrder) {
            order.reverse();
        }
        order
    }

    fn start(&mut self, purpose: Purpose, hunt: Hunt, core: &mut Core, now: Instant) {
        self.cseq += 1;
        self.send(Attempt { purpose, hunt }, core, now);
    }

    /// Sends the REGISTER with the current CSeq to the hunt's current server.
    fn send(&mut self, mut attempt: Attempt, core: &mut Core, now: Instant) {
        match attempt.hunt.locate(core, now) {
            Way::Clear => {}
            Way::Asked => return self.attempt = Some(attempt),
            Way::Barred(outcome) => return self.proceed(attempt, outcome, core, now),
        }
        if core.has(Defect::NewCallIdPerRegister) {
            self.call_id = core.ids.call_id();
        }
        let server = attempt.hunt.server;
        let aor = NameAddr::new(core.aor());
        let mut from = aor.clone();
        from.params.set("tag", Some(&self.tag));
        let contact = NameAddr::new(core.contact_uri(core.target(server).transport).to_string());
        let expires = if attempt.purpose == Purpose::Unbind { 0 } else { self.expires_s };
        let request = MessageBuilder::request(&Method::Register, &format!("sip:{}", core.config.domain))
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

    fn proceed(&mut self, attempt: Attempt, outcome: Outcome, core: &mut Core, now: Instant) {
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
            Outcome::Failed { response, .. } => self.on_final_failure(attempt, response, core, now),
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
        let granted = Span::from_secs(self.granted_s(core, server, response).into());
        let refresh_at = now + refresh_after(granted, self.cseq, core);
        let before = self.standing.replace(Standing { server, refresh_at });
        self.stood_with = Some(server);
        core.locator.set_working(self.index, Some((server, now + granted)));
        if before.is_none_or(|before| before.server != server) {
            core.report(Report::Registered { server: core.server_name(server) });
            self.failback_base = now;
        }
        if attempt.purpose == Purpose::Visit {
            core.errands.push_back(Errand::RegisteredAt { server, stands: true });
        } else if !self.wanted {
            return self.unbind(core, now);
        }
        let refreshed = before.is_some_and(|before| before.server == server);
        if !refreshed || self.failback != Failback::WhenIdle {
            self.plan_failback(false, core, now);
        }
    }

    fn on_final_failure(
        &mut self,
        attempt: Attempt,
        response: Option<Box<Message>>,
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
        let ours = core.contact_uri(core.target(server).transport);
        let is_ours = |contact: &NameAddr| {
            contact
                .sip_uri()
                .is_some_and(|uri| (&uri.user, &uri.host, uri.port) == (&ours.user, &ours.host, ours.port))
        };
        let contact = response.name_addrs("Contact").into_iter().find(is_ours);
        let own = contact.and_then(|contact| contact.params.value("expires")?.parse().ok());
        own.or_else(|| response.number("Expires")).unwrap_or(self.expires_s)
    }

    /// When a better server than the standing one is tried of the phone's own accord. The time runs from
    /// try to try, or from the end of a try that took longer than that.
    fn plan_failback(&mut self, tried: bool, core: &Core, now: Instant) {
        self.failback = Failback::Never;
        let Some(standing) = self.standing else { return };
        if core.places.is_first(&self.servers, standing.server) {
            return;
        }
        let profile = core.profile();
        let on_fallback = self.servers.last() == Some(&core.places.owner(standing.server));
        let probed = profile.failback.mode == FailbackMode::OnPrimaryUp
            || (profile.registration.method == RegistrationMethod::Successive && on_fallback);
        if core.failback_mode() == FailbackMode::DnsTtl {
            if let Some(at) = self.end_of_answer(core, standing.server, now) {
                self.failback = Failback::At(at);
            }
            return;
        }
        let after_s = match (profile.failback.mode, profile.registration.fallback_probe_s) {
            // With 0 the phone comes back at the next failover only.
            (FailbackMode::Duration, _) => Some(profile.failback.timeout_s.max(DURATION_LEAST_S))
                .filter(|_| profile.failback.timeout_s > 0),
            (FailbackMode::Never | FailbackMode::Manual, _) => None,
            (_, probe_s) => probe_s.filter(|_| probed),
        };
        if let Some(after_s) = after_s {
            let early = core.has(Defect::FailsBackTooSoon);
            let after = Span::from_secs(after_s.into()).scale(if early { 0.25 } else { 1.0 });
            let at = self.failback_base + after;
            self.failback = Failback::At(if tried && at <= now { now + after } else { at });
        }
    }

    /// When mode `dns_ttl` tries a server better than that one: when what DNS said has run out, and
    /// a little later (YL-16: by up to a tenth of its life). When it has run out already, its life
    /// is counted from now. `None`: DNS said nothing about a server that is as good.
    fn end_of_answer(&self, core: &Core, standing: usize, now: Instant) -> Option<Instant> {
        let owner = core.places.owner(standing);
        let before = self.servers.iter().copied().take_while(|server| *server != owner);
        let (ttl, expires) = before.chain([owner]).find_map(|server| core.places.life(server))?;
        let ttl = ttl.max(LEAST_TTL);
        let end = if expires > now { expires } else { now + ttl };
        Some(end + ttl.scale(0.05))
    }

    /// The time until the next round of attempts.
    fn pause(&self, core: &mut Core) -> Span {
        if core.has(Defect::HammersDeadServer) {
            return Span::from_secs(1);
        }
        let retry = core.profile().registration.retry.clone();
        let (base, max) = (f64::from(retry.base_s), f64::from(retry.max_s));
        let share = core.ids.share();
        let seconds = match retry.kind {
            RetryKind::Fixed => base,
            RetryKind::RandomRange => base + (max - base) * share,
            RetryKind::Rfc5626 => {
                let doublings = i32::try_from(self.failed_rounds).unwrap_or(i32::MAX).min(30);
                (base * 2f64.powi(doublings)).min(max) * (0.5 + 0.5 * share)
            }
        };
        let jitter = 1.0 + retry.jitter * (2.0 * core.ids.share() - 1.0);
        Span::from_secs_f64(seconds * jitter)
    }

    fn drop_standing(&mut self, core: &mut Core) {
        self.standing = None;
        core.locator.set_working(self.index, None);
    }
}

/// So many REGISTERs show that a phone refreshes too often; judging thousands would only take long.
const SEEN_ENOUGH: u32 = 100;

/// The time from the grant of a binding to its refresh.
fn refresh_after(granted: Span, cseq: u32, core: &mut Core) -> Span {
    let policy = &core.profile().registration;
    let (lo, hi) = (policy.refresh_lo, policy.refresh_hi);
    // From the middle half of the window: away from both of its ends, and from other phones.
    let share = lo + (hi - lo) * (0.25 + 0.5 * core.ids.share());
    match () {
        () if core.has(Defect::RefreshesLate) => granted.scale(hi + 0.2),
        () if core.has(Defect::RefreshesEverySecond) && cseq < SEEN_ENOUGH => Span::from_secs(1),
        () => granted.scale(share),
    }
}
