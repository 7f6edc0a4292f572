//! Subscriptions (RFC 6665): one for each event package of the profile, at the server that the phone
//! works with. SUBSCRIBE, refreshed before it runs out, and each NOTIFY answered.

use sipfarm_core::profile::RegistrationMethod;
use sipfarm_core::sip::{Message, MessageBuilder, Method, NameAddr};
use sipfarm_core::{Instant, Span};

use crate::core::{Core, USER_AGENT};
use crate::defect::Defect;
use crate::dialog::Dialog;
use crate::tx::{ClientId, ServerId};

/// The share of the granted time after which a subscription is refreshed: like a registration, away
/// from the end of its window.
const REFRESH_SHARE: (f64, f64) = (0.6, 0.3);

/// A subscription to one event package.
#[derive(Debug)]
pub struct Subscription {
    package: String,
    call_id: String,
    tag: String,
    cseq: u32,
    /// The server that it stands with, or is being asked of.
    server: Option<usize>,
    dialog: Option<Dialog>,
    client: Option<ClientId>,
    challenged: bool,
    /// When it is refreshed, or asked for once more.
    due: Option<Instant>,
}

impl Subscription {
    /// Nothing is subscribed yet.
    pub fn new(package: &str, core: &mut Core) -> Self {
        Subscription {
            package: package.to_owned(),
            call_id: core.ids.call_id(),
            tag: core.ids.tag(),
            cseq: 0,
            server: None,
            dialog: None,
            client: None,
            challenged: false,
            due: None,
        }
    }

    /// Goes to the server that the phone works with, if that has changed.
    pub fn follow(&mut self, core: &mut Core, now: Instant) {
        let wanted = wanted(core, &self.package);
        if self.client.is_some() || wanted == self.server {
            return;
        }
        // After a failover among the servers behind one name it may stay until its refresh.
        let stays = self.dialog.is_some() && self.due.is_some_and(|at| at > now);
        let all: Vec<usize> = (0..core.config.servers.len()).collect();
        let failover = wanted.is_some_and(|server| {
            !core.places.is_first(&all, server) && Some(core.places.owner(server)) != fallback(core)
        });
        if failover && stays && !core.profile().subscriptions.follow_failover {
            return;
        }
        self.forget();
        self.server = wanted;
        if wanted.is_some() {
            self.subscribe(core, now);
        }
    }

    /// Drops the subscription without a word.
    pub fn forget(&mut self) {
        self.dialog = None;
        self.client = None;
        self.due = None;
        self.server = None;
    }

    /// Whether that transaction is this subscription's.
    pub fn owns(&self, client: ClientId) -> bool {
        self.client == Some(client)
    }

    /// Whether a NOTIFY is for it; it may come before the answer to SUBSCRIBE (section 4.4.1).
    pub fn has(&self, request: &Message) -> bool {
        self.server.is_some()
            && request.call_id() == Some(&self.call_id)
            && request.to().is_some_and(|to| to.tag() == Some(&self.tag))
    }

    /// A response to SUBSCRIBE.
    pub fn on_response(&mut self, core: &mut Core, response: &Message, now: Instant) {
        let (Some(client), Some(server)) = (self.client, self.server) else { return };
        match response.status().unwrap_or(500) {
            ..200 => {}
            200..300 => self.on_success(core, client, server, response, now),
            401 | 407 if !self.challenged && core.learn(core.target(server).addr, response) => {
                self.challenged = true;
                self.subscribe(core, now);
            }
            481 if self.dialog.is_some() => {
                self.dialog = None;
                self.subscribe(core, now);
            }
            // The server will not have it: not there, not now (section 4.1.2.3).
            403 | 404 | 489 => {
                self.client = None;
                self.due = None;
            }
            _ => self.on_failure(core, now),
        }
    }

    /// There will be no response to SUBSCRIBE, or none that helps.
    pub fn on_failure(&mut self, core: &Core, now: Instant) {
        self.client = None;
        self.dialog = None;
        self.due = Some(now + Span::from_secs(core.profile().registration.retry.base_s.into()));
    }

    /// A NOTIFY within it: 200, and the end where it says so (section 4.1.3).
    pub fn on_notify(&mut self, core: &mut Core, server: ServerId, request: &Message, now: Instant) {
        core.respond(server, request, if core.has(Defect::RefusesNotify) { 481 } else { 200 }, None, now);
        let state = request.header("Subscription-State").unwrap_or_default();
        if state.split(';').next().is_some_and(|word| word.trim().eq_ignore_ascii_case("terminated")) {
            self.on_failure(core, now);
        }
    }

    /// When to fire next.
    pub fn deadline(&self) -> Option<Instant> {
        self.due.filter(|_| self.client.is_none())
    }

    /// Refreshes, or asks once more.
    pub fn fire(&mut self, core: &mut Core, now: Instant) {
        if self.deadline().is_none_or(|at| at > now) {
            return;
        }
        self.due = None;
        if wanted(core, &self.package) != self.server {
            self.dialog = None;
            return self.follow(core, now);
        }
        self.challenged = false;
        self.subscribe(core, now);
    }

    fn subscribe(&mut self, core: &mut Core, now: Instant) {
        let Some(server) = self.server else { return };
        let target = core.target(server);
        if core.has(Defect::NeverSubscribes) {
            return;
        }
        if !core.may_signal_to(target.addr, now) {
            return self.on_failure(core, now);
        }
        let request = match &mut self.dialog {
            Some(dialog) => dialog.request(&Method::Subscribe),
            None => {
                self.cseq += 1;
                let aor = NameAddr::new(core.aor(0));
                let mut from = aor.clone();
                from.params.set("tag", Some(&self.tag));
                MessageBuilder::request(&Method::Subscribe, &core.aor(0))
                    .header("Max-Forwards", 70)
                    .header("From", from)
                    .header("To", aor)
                    .header("Call-ID", &self.call_id)
                    .header("CSeq", format!("{} SUBSCRIBE", self.cseq))
            }
        };
        let request = request
            .header("Contact", format!("<{}>", core.contact_uri(0, target.transport)))
            .header("Event", &self.package)
            .header("Expires", core.profile().subscriptions.expires_s)
            .header("Accept", accept(&self.package))
            .header("User-Agent", USER_AGENT);
        self.client = Some(core.send_direct(request, target, now));
    }

    fn on_success(
        &mut self,
        core: &mut Core,
        client: ClientId,
        server: usize,
        response: &Message,
        now: Instant,
    ) {
        if self.dialog.is_none()
            && let Some(request) = core.tx.client_request(client)
        {
            let through = core.target(server);
            self.dialog = Dialog::of_caller(request, response, through, &core.config.defects);
        }
        self.client = None;
        self.challenged = false;
        let asked_s = core.profile().subscriptions.expires_s;
        let granted = Span::from_secs(response.number("Expires").unwrap_or(asked_s).into());
        let share = REFRESH_SHARE.0 + REFRESH_SHARE.1 * core.ids.share();
        self.due = (!core.has(Defect::LetsSubscriptionExpire)).then(|| now + granted.scale(share));
        if let Some(dialog) = &self.dialog {
            self.cseq = dialog.local_cseq;
        }
        // The server may have changed while the answer was on its way.
        self.follow(core, now);
    }
}

/// The server at which a package is to be subscribed to: the one that the phone works with, unless that
/// is the fallback of two bindings and the profile does without the package there (YL-20, YL-24).
fn wanted(core: &Core, package: &str) -> Option<usize> {
    let server = core.locator.working()?;
    let concurrent = core.profile().registration.method == RegistrationMethod::Concurrent
        && !core.profile().servers.outbound_proxy;
    let bare = concurrent
        && Some(core.places.owner(server)) == fallback(core)
        && !core.has(Defect::SubscribesAtFallback);
    let features = &core.profile().registration.features_on_fallback;
    (!bare || features.include(package)).then_some(server)
}

/// The last server of several.
fn fallback(core: &Core) -> Option<usize> {
    core.config.servers.len().checked_sub(1).filter(|last| *last > 0)
}

/// What bodies a package brings (RFC 3842, RFC 4235).
fn accept(package: &str) -> &'static str {
    match package {
        "message-summary" => "application/simple-message-summary",
        "dialog" => "application/dialog-info+xml",
        _ => "*/*",
    }
}
