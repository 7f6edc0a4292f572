//! What every part of the user agent shares: who we are, the servers, the transactions, the
//! random source, the passwords, the reports.

use std::collections::VecDeque;
use std::net::SocketAddr;

use sipfarm_core::machine::Transport;
use sipfarm_core::profile::{FailbackMode, Profile, RetryRule, SignallingLoss};
use sipfarm_core::sip::{Message, MessageBuilder, Method, RESOURCE_PRIORITY, Uri, reason_phrase};
use sipfarm_core::{Instant, Span};

use crate::audio::AudioPorts;
use crate::auth::Auth;
use crate::defect::Defect;
use crate::ids::Ids;
use crate::locate::{self, Locator};
use crate::mlpp;
use crate::phone::{Display, PhoneConfig, Report};
use crate::places::Places;
use crate::transport::TransportLayer;
use crate::tx::{ClientId, Habits, Patience, ServerId, Target, Transactions};

/// The methods that every phone understands.
pub const ALLOW: &str = "INVITE, ACK, CANCEL, BYE, OPTIONS, NOTIFY";

/// What the phone calls itself.
pub const USER_AGENT: &str = concat!("sipfarm-reference/", env!("CARGO_PKG_VERSION"));

/// How many reports wait for a user who does not look; the oldest go first. A test that looks at
/// its end sees a few dozen.
const MAX_REPORTS: usize = 1024;

/// What one part of the phone wants of another.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Errand {
    /// A call wants a registration with that server before it goes there.
    RegisterAt(usize),
    /// That registration stands, or could not be had.
    RegisteredAt {
        /// The server.
        server: usize,
        /// Whether it stands.
        stands: bool,
    },
    /// Every server has failed, and the profile says that the phone reboots then.
    Reboot,
}

/// The shared part.
#[derive(Debug)]
pub struct Core {
    pub config: PhoneConfig,
    pub ids: Ids,
    pub tx: Transactions,
    /// What was heard of challenges, by line.
    pub auth: Vec<Auth>,
    pub locator: Locator,
    pub places: Places,
    pub audio: AudioPorts,
    /// How many calls there have been.
    pub calls_made: u64,
    pub reports: VecDeque<Report>,
    /// What of it the display keeps.
    pub display: Display,
    pub errands: VecDeque<Errand>,
    /// Whether a call is up or coming about.
    pub busy: bool,
    /// Whether a call lives on without its signalling.
    pub preserving: bool,
}

impl Core {
    pub fn new(config: PhoneConfig) -> Self {
        let profile = &config.profile;
        let connect_timeout = profile.timers.connect_timeout_ms.map(|ms| Span::from_millis(ms.into()));
        let defects = &config.defects;
        let icmp_sensitive =
            profile.transport.icmp_sensitive != Some(false) && !defects.has(Defect::IgnoresIcmp);
        let transport = TransportLayer::new(config.local, connect_timeout, icmp_sensitive, defects);
        let tcp_allowed = profile.transport.allowed.contains(&Transport::Tcp);
        let places = Places::new(&config);
        let habits = Habits {
            times: profile.timers.clone(),
            defects: config.defects.clone(),
            last_server: config.servers.len().checked_sub(1).and_then(|last| places.target(last)),
        };
        Core {
            ids: Ids::new(config.seed, defects),
            tx: Transactions::new(transport, habits, tcp_allowed),
            auth: config.lines.iter().map(|line| Auth::new(&line.user, &line.password, defects)).collect(),
            locator: Locator::new(config.servers.len()),
            places,
            audio: AudioPorts::new(config.local.ip()),
            calls_made: 0,
            reports: VecDeque::new(),
            display: Display::default(),
            errands: VecDeque::new(),
            busy: false,
            preserving: false,
            config,
        }
    }

    pub fn profile(&self) -> &Profile {
        &self.config.profile
    }

    /// Whether the phone has that defect.
    pub fn has(&self, defect: Defect) -> bool {
        self.config.defects.has(defect)
    }

    pub fn t1(&self) -> Span {
        self.profile().timers.t1()
    }

    /// The name of a server, also of one that is an address behind another's name.
    pub fn server_name(&self, server: usize) -> String {
        let server = self.config.servers.get(self.places.owner(server));
        server.map(|server| server.name.clone()).unwrap_or_default()
    }

    /// Where requests to a server go. Requests are sent to a name only when its address is known
    /// (see [`locate::Hunt`]): a name by itself leads back to the phone, and so nowhere.
    pub fn target(&self, server: usize) -> Target {
        let nowhere = Target { addr: self.config.local, transport: Transport::Udp };
        self.places.target(server).unwrap_or(nowhere)
    }

    /// Whether the phone keeps calls whose signalling is lost (AM-14).
    pub fn keeps_calls(&self) -> bool {
        let preserves = self.profile().call_in_progress.on_signalling_loss == SignallingLoss::Preserve;
        preserves && self.profile().mcp.supported
    }

    /// Whether the phone has a session timer (RFC 4028).
    pub fn has_session_timer(&self) -> bool {
        self.profile().session_timer.expires_s.is_some()
    }

    /// The methods that the phone understands: UPDATE (RFC 3311) where a session may be refreshed by it.
    pub fn allow(&self) -> String {
        if self.has_session_timer() { format!("{ALLOW}, UPDATE") } else { ALLOW.to_owned() }
    }

    /// The user part of a line's address of record.
    pub fn user(&self, line: usize) -> &str {
        self.config.lines.get(line).map_or("", |line| &line.user)
    }

    /// The line of a user part, if it is one of the phone's.
    pub fn line_of(&self, user: &str) -> Option<usize> {
        self.config.lines.iter().position(|line| line.user == user)
    }

    /// The URI at which a line of the phone can be reached.
    pub fn contact_uri(&self, line: usize, transport: Transport) -> Uri {
        let mut uri = Uri::at(Some(self.user(line)), transport.beside(self.config.local));
        if let Some(name) = transport.parameter() {
            uri.params.set("transport", Some(name));
        }
        if self.has(Defect::MalformedContact) {
            uri.user = Some(format!("the {}", self.user(line)));
        }
        uri
    }

    /// A line's address of record.
    pub fn aor(&self, line: usize) -> String {
        format!("sip:{}@{}", self.user(line), self.config.domain)
    }

    /// Whether the phone has precedence and preemption.
    pub fn has_mlpp(&self) -> bool {
        self.profile().mlpp.enabled
    }

    /// Takes note of a challenge of the server at that address. False when it cannot be answered.
    pub fn learn(&mut self, addr: SocketAddr, response: &Message) -> bool {
        let line = self.line_that_asks(response);
        self.auth.get_mut(line).is_some_and(|auth| auth.learn(addr, response))
    }

    /// The line that a request, or the response to it, is from.
    fn line_that_asks(&self, message: &Message) -> usize {
        if self.auth.len() < 2 {
            return 0;
        }
        let user = message.from().and_then(|from| from.sip_uri()).and_then(|uri| uri.user);
        user.and_then(|user| self.line_of(&user)).unwrap_or(0)
    }

    /// How the phone goes back to a better server.
    pub fn failback_mode(&self) -> FailbackMode {
        if self.has(Defect::NeverFailsBack) { FailbackMode::Never } else { self.profile().failback.mode }
    }

    /// The servers that a new INVITE tries, in order.
    pub fn call_order(&self, now: Instant) -> Vec<usize> {
        let mut order = self.locator.call_order(self.failback_mode(), now);
        if self.has(Defect::WrongOrder) {
            order.reverse();
        }
        order
    }

    /// Whether the phone registers with a server, unless it is registered there, before an INVITE goes to
    /// it: with each as its profile says, or only with those that it goes on to (`next`).
    pub fn registers_before_invite(&self, next: bool) -> bool {
        let next = next && self.profile().failover.register_before_invite;
        (next && !self.has(Defect::SkipsRegistration)) || self.signals_only_with_registered()
    }

    /// Whether a request other than REGISTER may go there: to anybody, or of the phone's servers only to
    /// those that it is registered with.
    pub fn may_signal_to(&self, addr: SocketAddr, now: Instant) -> bool {
        let mut registered = self.locator.registered_with(now).map(|server| self.target(server).addr);
        !self.signals_only_with_registered()
            || !self.places.is_server(addr)
            || registered.any(|server| server == addr)
    }

    fn signals_only_with_registered(&self) -> bool {
        self.profile().failover.only_signal_with_registered && !self.has(Defect::SignalsUnregistered)
    }

    /// Sends a request to one of the servers, with credentials where it is known to want them.
    pub fn send_to_server(
        &mut self,
        request: MessageBuilder,
        server: usize,
        last: bool,
        now: Instant,
    ) -> ClientId {
        let target = self.target(server);
        let patience = locate::patience(self.profile(), &method_of(&request), last);
        self.send(request, target, patience, now)
    }

    /// Sends a request that does not choose among servers: timers B and F are all the patience it has.
    pub fn send_direct(&mut self, request: MessageBuilder, target: Target, now: Instant) -> ClientId {
        let patience = locate::patience_by(RetryRule::TimerB, self.profile(), &method_of(&request));
        self.send(request, target, patience, now)
    }

    /// Sends the CANCEL of an INVITE, if one may be sent (section 9.1).
    pub fn cancel(&mut self, invite: ClientId, reason: Option<&str>, now: Instant) -> Option<ClientId> {
        let patience = locate::patience_by(RetryRule::TimerB, self.profile(), &Method::Cancel);
        self.tx.cancel(invite, reason, patience, now)
    }

    /// A response with what every response of ours carries.
    pub fn response(&self, request: &Message, code: u16, tag: Option<&str>) -> MessageBuilder {
        let mut response = MessageBuilder::response_to(request, code, reason_phrase(code), tag);
        if self.has(Defect::LosesVia) {
            response = response.remove("Via").header_opt("Via", request.values("Via").first());
        }
        let retry_after = (code == 500).then_some(5);
        let allow = (code == 405 || code == 200 || code == 180).then(|| self.allow());
        let min_se = (code == 422).then_some(self.profile().session_timer.min_se_s);
        let accept =
            (code == 415 || code == 200 && request.is_request(&Method::Options)).then_some("application/sdp");
        // RFC 6665 section 8.3.2: the packages that it does have.
        let packages = self.profile().subscriptions.packages.join(", ");
        let events = (code == 489 && !packages.is_empty()).then_some(packages);
        let unsupported = (code == 420).then(|| request.values("Require").join(", "));
        // RFC 4412 sections 3.2, 4.6.2: which values the phone understands.
        let asks = code == 417 || code == 200 && request.is_request(&Method::Options);
        let accepts = (asks && self.has_mlpp()).then(|| mlpp::accepted(&self.profile().mlpp));
        let supported = accepts.is_some().then_some(RESOURCE_PRIORITY);
        response
            .header_opt("Accept-Resource-Priority", accepts)
            .header_opt("Supported", supported)
            .header_opt("Allow", allow)
            .header_opt("Accept", accept)
            .header_opt("Allow-Events", events)
            .header_opt("Unsupported", unsupported)
            .header_opt("Retry-After", retry_after)
            .header_opt("Min-SE", min_se)
            .header("User-Agent", USER_AGENT)
    }

    /// Answers a request.
    pub fn respond(
        &mut self,
        server: ServerId,
        request: &Message,
        code: u16,
        tag: Option<&str>,
        now: Instant,
    ) {
        let response = self.response(request, code, tag);
        self.tx.respond(server, &response, now);
    }

    /// A new life: everything heard is forgotten, connections are reset, identifiers go on.
    pub fn forget(&mut self) {
        self.tx.clear();
        self.auth.iter_mut().for_each(Auth::clear);
        self.locator = Locator::new(self.config.servers.len());
        self.places.forget();
        self.audio.close();
        self.errands.clear();
        self.busy = false;
        self.preserving = false;
    }

    pub fn report(&mut self, report: Report) {
        self.display.note(&report);
        if self.reports.len() >= MAX_REPORTS {
            self.reports.pop_front();
        }
        self.reports.push_back(report);
    }

    fn send(
        &mut self,
        request: MessageBuilder,
        target: Target,
        patience: Patience,
        now: Instant,
    ) -> ClientId {
        let line = if self.auth.len() < 2 { 0 } else { self.line_that_asks(&request.build()) };
        let request = match self.auth.get_mut(line) {
            Some(auth) => auth.authorize(request, target.addr, &mut self.ids),
            None => request,
        };
        self.tx.found_by(target.addr, self.places.domain_of(target));
        self.tx.request(request, target, patience, &mut self.ids, now)
    }
}

fn method_of(request: &MessageBuilder) -> Method {
    request.build().method().cloned().unwrap_or(Method::Options)
}
