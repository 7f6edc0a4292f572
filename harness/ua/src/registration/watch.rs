//! Servers that are watched, and the way back that this opens: REGISTER with Expires 0 at servers that the phone
//! has no binding with (CC-02), and the token that it asks for before it returns to one of them (CC-05, CC-06); or
//! REGISTER without Contact at every better server, until one answers and the phone returns to it (AR-26).

use sipfarm_core::profile::{FailbackMode, FailbackToken, KeepaliveForm};
use sipfarm_core::sip::{Message, MessageBuilder, Method, NameAddr};
use sipfarm_core::{Instant, Span};

use super::{Purpose, Registration};
use crate::core::{Core, USER_AGENT};
use crate::defect::Defect;
use crate::locate::{Hunt, Outcome, Way};
use crate::tx::{ClientId, Failure};

/// A server that is watched.
#[derive(Debug)]
pub(super) struct Watch {
    line: usize,
    server: usize,
    call_id: String,
    tag: String,
    cseq: u32,
    next: Step,
    /// When the next step is due.
    due: Instant,
    /// When the last keep-alive was sent.
    since: Instant,
    /// What is on its way, and by which request.
    asked: Option<(Step, Hunt)>,
}

/// What a watched server is sent next.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Step {
    /// A sign of life: REGISTER with Expires 0, or without Contact.
    Keepalive,
    /// The request for a token.
    Token,
    /// A REGISTER for a binding: the token was granted.
    Return,
}

impl Registration {
    /// Watches what is to be watched from where the phone stands now: elsewhere every better server; at home
    /// the next one, which stands by, where that is to know of the phone.
    pub(super) fn watch(&mut self, core: &mut Core, now: Instant) {
        self.watches.clear();
        let Some(period) = period(core).filter(|_| !core.has(Defect::ForgetsKeepalives)) else { return };
        let Some(standing) = self.standing else { return };
        let owner = core.places.owner(standing.server);
        let place = self.servers.iter().position(|server| *server == owner).unwrap_or_default();
        let watched = match place {
            _ if core.has(Defect::WatchesEveryServer) => self.servers.clone(),
            0 if form(core) == KeepaliveForm::RegisterExpires0 => {
                self.servers.iter().copied().skip(1).take(1).collect()
            }
            _ => self.servers[..place].to_vec(),
        };
        for server in watched.into_iter().filter(|server| *server != owner) {
            self.watches.push(Watch {
                line: self.line,
                server,
                call_id: core.ids.call_id(),
                tag: core.ids.tag(),
                cseq: 0,
                next: Step::Keepalive,
                due: now + period,
                since: now,
                asked: None,
            });
        }
    }

    /// The watched server that waits for an answer in that transaction.
    pub(super) fn watch_of(&self, client: ClientId) -> Option<usize> {
        let owns = |watch: &Watch| watch.asked.as_ref().is_some_and(|(_, hunt)| hunt.owns(client));
        self.watches.iter().position(owns)
    }

    /// When a watched server is sent something next.
    pub(super) fn next_watch(&self) -> Option<Instant> {
        let idle = self.watches.iter().filter(|watch| watch.asked.is_none());
        // One REGISTER for a binding at a time (RFC 3261 section 10.2).
        let ready = idle.filter(|watch| watch.next != Step::Return || self.attempt.is_none());
        ready.map(|watch| watch.due).min()
    }

    /// Sends what is due to watched servers.
    pub(super) fn fire_watches(&mut self, core: &mut Core, now: Instant) {
        for at in 0..self.watches.len() {
            // The list changes when the phone goes elsewhere.
            let Some(watch) = self.watches.get_mut(at) else { return };
            if watch.asked.is_some() || watch.due > now {
                continue;
            }
            match watch.next {
                Step::Return if self.attempt.is_some() => {}
                Step::Return => {
                    let server = watch.server;
                    watch.again(core, now);
                    self.start(Purpose::Return, Hunt::only(server), core, now);
                }
                step => watch.ask(step, core, now),
            }
        }
    }

    /// A response for a watched server's request.
    pub(super) fn on_watch_response(
        &mut self,
        at: usize,
        core: &mut Core,
        response: Box<Message>,
        now: Instant,
    ) {
        let watch = &mut self.watches[at];
        let Some((step, mut hunt)) = watch.asked.take() else { return };
        let outcome = hunt.on_response(core, response, now);
        self.on_watch_outcome(at, step, hunt, outcome, core, now);
    }

    /// No response came for a watched server's request.
    pub(super) fn on_watch_failure(&mut self, at: usize, core: &mut Core, failure: Failure, now: Instant) {
        let watch = &mut self.watches[at];
        let Some((step, mut hunt)) = watch.asked.take() else { return };
        let outcome = hunt.on_failure(core, failure, now);
        self.on_watch_outcome(at, step, hunt, outcome, core, now);
    }

    fn on_watch_outcome(
        &mut self,
        at: usize,
        step: Step,
        hunt: Hunt,
        outcome: Outcome,
        core: &mut Core,
        now: Instant,
    ) {
        let is_better = self.is_better(self.watches[at].server, core);
        let watch = &mut self.watches[at];
        let token = core.profile().failback.token.clone();
        match (outcome, step) {
            (Outcome::Provisional(_), _) => watch.asked = Some((step, hunt)),
            (Outcome::Again, _) => watch.send(step, hunt, core, now),
            (Outcome::Success(_), Step::Keepalive) => {
                watch.again(core, now);
                if is_better && may_return(core) && !core.has(Defect::StaysAway) {
                    let skips = token.is_none() || core.has(Defect::SkipsToken);
                    watch.next = if skips { Step::Return } else { Step::Token };
                    watch.due = now;
                }
            }
            (Outcome::Success(_), _) => {
                watch.again(core, now);
                if !core.has(Defect::WastesToken) {
                    (watch.next, watch.due) = (Step::Return, now);
                }
            }
            (Outcome::Failed { response, .. }, Step::Token) => {
                watch.again(core, now);
                watch.queue(token, response.as_deref(), core, now);
            }
            _ => watch.again(core, now),
        }
    }

    /// Whether a server comes before the one that the binding stands with.
    fn is_better(&self, server: usize, core: &Core) -> bool {
        let standing = self.standing.map(|standing| core.places.owner(standing.server));
        self.servers.iter().take_while(|other| Some(**other) != standing).any(|other| *other == server)
    }
}

impl Watch {
    /// The next keep-alive, a period after the last.
    fn again(&mut self, core: &Core, now: Instant) {
        let Some(period) = period(core) else { return };
        self.next = Step::Keepalive;
        self.due = self.since + period;
        if self.due <= now {
            self.due = now + period;
        }
    }

    /// Takes a place in the queue of a server that has too many returning phones: the token is asked for
    /// again when it says, or with the next keep-alive's time where it does not (CC-06).
    fn queue(&mut self, token: Option<FailbackToken>, response: Option<&Message>, core: &Core, now: Instant) {
        let code = response.and_then(|response| response.status());
        let waits = token.is_some_and(|token| code.is_some_and(|code| token.wait.contains(&code)));
        let Some(period) = period(core).filter(|_| waits) else { return };
        let asked_s = response.and_then(|response| response.number("Retry-After")).filter(|s| *s > 0);
        let wait = match asked_s {
            _ if core.has(Defect::IgnoresQueue) => Span::from_secs(1),
            Some(seconds) => Span::from_secs(seconds.into()),
            None => period,
        };
        self.next = Step::Token;
        self.due = now + wait;
    }

    fn ask(&mut self, step: Step, core: &mut Core, now: Instant) {
        let step = match step {
            // A call came in between: first see whether the server is still there.
            Step::Token if !may_return(core) => Step::Keepalive,
            step => step,
        };
        if step == Step::Keepalive {
            self.since = now;
        }
        self.send(step, Hunt::only(self.server), core, now);
    }

    fn send(&mut self, step: Step, mut hunt: Hunt, core: &mut Core, now: Instant) {
        // A name is not asked for: a server whose address is not known any more has to wait.
        let Way::Clear = hunt.locate(core, now) else { return self.again(core, now) };
        self.cseq += 1;
        let request = match step {
            Step::Token => self.token(core),
            _ => self.keepalive(core),
        };
        hunt.client = Some(core.send_to_server(request, self.server, true, now));
        self.asked = Some((step, hunt));
    }

    fn keepalive(&self, core: &Core) -> MessageBuilder {
        let request = self.request(&Method::Register, core).header("Allow", crate::core::ALLOW);
        match form(core) {
            KeepaliveForm::Query => request,
            _ => self.with_contact(request, core).header("Expires", 0),
        }
    }

    /// The request for leave to return. It wants no reports of what becomes of it (RFC 4488 section 4).
    fn token(&self, core: &Core) -> MessageBuilder {
        let token = core.profile().failback.token.clone().unwrap_or_default();
        self.with_contact(self.request(&Method::from(token.method.as_str()), core), core)
            .header("Refer-To", format!("<{}>", token.refer_to))
            .header("Refer-Sub", "false")
            .header("Supported", "norefersub")
    }

    fn request(&self, method: &Method, core: &Core) -> MessageBuilder {
        let aor = NameAddr::new(core.aor(self.line));
        let mut from = aor.clone();
        from.params.set("tag", Some(&self.tag));
        MessageBuilder::request(method, &format!("sip:{}", core.config.domain))
            .header("Max-Forwards", 70)
            .header("From", from)
            .header("To", aor)
            .header("Call-ID", &self.call_id)
            .header("CSeq", format!("{} {method}", self.cseq))
            .header("User-Agent", USER_AGENT)
    }

    fn with_contact(&self, request: MessageBuilder, core: &Core) -> MessageBuilder {
        let uri = core.contact_uri(self.line, core.target(self.server).transport);
        request.header("Contact", NameAddr::new(uri.to_string()))
    }
}

/// How a server is watched.
fn form(core: &Core) -> KeepaliveForm {
    core.profile().registration.keepalive.form
}

/// Whether the phone asks better servers whether they live, before it returns to one.
pub(super) fn asks_first(core: &Core) -> bool {
    form(core) == KeepaliveForm::Query && period(core).is_some()
}

/// How often a server is sent a sign of life, if it is.
fn period(core: &Core) -> Option<Span> {
    let watches = matches!(form(core), KeepaliveForm::RegisterExpires0 | KeepaliveForm::Query);
    let period_s = core.profile().registration.keepalive.period_s.filter(|_| watches)?;
    Some(Span::from_secs(period_s.into()))
}

/// Whether the phone goes back now, if a server is there to go back to (CC-07, AR-26).
fn may_return(core: &Core) -> bool {
    let deferred = core.profile().failback.only_when_idle == Some(true);
    let returns = match core.failback_mode() {
        FailbackMode::Token => true,
        FailbackMode::OnPrimaryUp => asks_first(core),
        _ => false,
    };
    returns && !(core.busy && deferred && !core.has(Defect::FailsBackDuringCall))
}
