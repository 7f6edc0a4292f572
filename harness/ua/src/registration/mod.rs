//! Registration (RFC 3261 section 10) with one of an ordered list of servers.

mod failback;
mod pace;
mod request;
mod suspension;
mod watch;

use std::collections::BTreeMap;

use sipfarm_core::Instant;
use sipfarm_core::profile::{DuringCall, FailbackMode, RegistrationMethod};
use sipfarm_core::sip::Message;

use crate::core::Core;
use crate::defect::Defect;
use crate::locate::Hunt;
use crate::tx::{ClientId, Failure};
use watch::Watch;

/// One binding of the phone, kept alive at one server at a time.
#[derive(Debug)]
pub struct Registration {
    /// Its number among the phone's registrations.
    index: usize,
    /// The line whose address of record it is for.
    line: usize,
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
    /// The refresh under way began with a better server.
    refreshes_at_better: bool,
    failed_rounds: u32,
    /// A server to be visited when the attempt under way has ended.
    visit: Option<usize>,
    /// A call is preserved: nothing is sent.
    suspended: bool,
    /// The servers that are sent keep-alives.
    watches: Vec<Watch>,
    /// The server that knows the phone by the current Call-ID, where each is to know it by its own.
    introduced_to: Option<usize>,
    /// By which Call-ID other servers know the phone, and the last CSeq there.
    others: BTreeMap<usize, (String, u32)>,
    /// The server that failed while a call kept the phone from leaving it.
    failed_in_call: Option<usize>,
    /// A call keeps the attempt under way with one server.
    confined: bool,
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
    /// To have none where the phone has left for a better server.
    Leave,
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
    pub fn new(index: usize, line: usize, servers: Vec<usize>, core: &mut Core) -> Self {
        Registration {
            index,
            line,
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
            refreshes_at_better: false,
            failed_rounds: 0,
            visit: None,
            suspended: false,
            watches: Vec::new(),
            introduced_to: None,
            others: BTreeMap::new(),
            failed_in_call: None,
            confined: false,
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
        self.watches.clear();
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
            || self.watch_of(client).is_some()
    }

    /// The server that has the REGISTER of that transaction, unless that only watches a server.
    pub fn asks(&self, client: ClientId) -> Option<usize> {
        self.attempt.as_ref().filter(|attempt| attempt.hunt.owns(client)).map(|attempt| attempt.hunt.server)
    }

    /// A response to this registration's REGISTER.
    pub fn on_response(&mut self, core: &mut Core, client: ClientId, response: Box<Message>, now: Instant) {
        if let Some(at) = self.watch_of(client) {
            return self.on_watch_response(at, core, response, now);
        }
        let Some(mut attempt) = self.attempt.take() else { return };
        let outcome = attempt.hunt.on_response(core, response, now);
        self.proceed(attempt, outcome, core, now);
        self.visit_if_waiting(core, now);
    }

    /// There will be no response to this registration's REGISTER.
    pub fn on_failure(&mut self, core: &mut Core, client: ClientId, failure: Failure, now: Instant) {
        if let Some(at) = self.watch_of(client) {
            return self.on_watch_failure(at, core, failure, now);
        }
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
        if let Some(server) = self.failed_in_call.take()
            && self.wanted
            && !core.has(Defect::ForgetsDeferredFailover)
        {
            return self.leave_after_call(server, core, now);
        }
        if std::mem::take(&mut self.confined) && !core.has(Defect::ForgetsDeferredFailover) {
            let order = self.order(core);
            self.attempt.iter_mut().for_each(|attempt| attempt.hunt.goes_on_to(&order));
        }
        if self.failback == Failback::WhenIdle {
            self.try_better(core, now);
        }
    }

    /// When to fire next.
    pub fn deadline(&self) -> Option<Instant> {
        if self.suspended {
            return None;
        }
        let watch = self.next_watch();
        if self.attempt.is_some() {
            return watch;
        }
        let failback = match self.failback {
            Failback::At(at) => Some(at),
            _ => None,
        };
        let refresh = self.standing.map(|standing| standing.refresh_at);
        refresh.into_iter().chain(self.retry_at).chain(failback).chain(watch).min()
    }

    /// Refreshes, retries or goes back to a better server, whatever is due.
    pub fn fire(&mut self, core: &mut Core, now: Instant) {
        if self.suspended {
            return;
        }
        self.fire_watches(core, now);
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
        self.confined = self.leaves_after_call(core);
        let order = self.order(core);
        let fit: Vec<usize> =
            order.iter().copied().filter(|server| core.locator.is_fit(*server, now)).collect();
        let owner = self.standing.map(|standing| core.places.owner(standing.server));
        let first = fit.first().map(|server| core.places.owner(*server));
        self.refreshes_at_better = owner.is_some() && first != owner;
        if self.refreshes_at_better {
            self.failback_base = now;
        }
        match Hunt::new(fit) {
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

    /// The servers in the order in which a REGISTER tries them.
    fn order(&self, core: &Core) -> Vec<usize> {
        let profile = core.profile();
        if let (true, Some(server)) = (self.is_confined(core), self.stood_with) {
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

    /// Whether a call keeps the phone with the server that it stood with (CC-07, AM-16).
    fn is_confined(&self, core: &Core) -> bool {
        let may_leave = matches!(core.profile().call_in_progress.failover, None | Some(DuringCall::Allowed));
        let errs = [Defect::FailsOverDuringCall, Defect::FailsOverWhilePreserved];
        let stays = !may_leave && !errs.into_iter().any(|defect| core.has(defect));
        core.busy && stays && self.stood_with.is_some()
    }

    /// Whether it turns to the next server as soon as the call is over. A phone that preserves calls begins
    /// anew then, in its own time (AM-31).
    fn leaves_after_call(&self, core: &Core) -> bool {
        self.is_confined(core) && !core.keeps_calls()
    }

    /// The call is over, and the server that the phone stood with had failed meanwhile: the others first.
    fn leave_after_call(&mut self, failed: usize, core: &mut Core, now: Instant) {
        if let Some(client) = self.attempt.take().and_then(|attempt| attempt.hunt.client) {
            core.tx.abandon(client);
        }
        self.retry_at = None;
        let others = self.order(core).into_iter().filter(|server| *server != failed);
        let order = others.chain([failed]).filter(|server| core.locator.is_fit(*server, now));
        match Hunt::new(order.collect::<Vec<_>>()) {
            Some(hunt) => self.start(Purpose::Bind, hunt, core, now),
            None => self.bind(core, now),
        }
    }

    /// Each call manager knows the phone by a Call-ID of its own (CC-04). Elsewhere all servers know it by
    /// the same.
    fn introduce(&mut self, server: usize, core: &mut Core) {
        let apart = core.profile().registration.method == RegistrationMethod::ActivePlusKeepalive;
        if !apart || core.has(Defect::KeepsCallId) || self.introduced_to == Some(server) {
            return;
        }
        if let Some(before) = self.introduced_to.replace(server) {
            self.others.insert(before, (self.call_id.clone(), self.cseq));
            let known = self.others.remove(&server);
            let (call_id, cseq) = known.unwrap_or_else(|| (core.ids.call_id(), 0));
            (self.call_id, self.cseq) = (call_id, cseq + 1);
        }
    }

    fn drop_standing(&mut self, core: &mut Core) {
        self.standing = None;
        self.watches.clear();
        core.locator.set_working(self.index, None);
    }
}
