//! The reference phone: a whole phone driven by commands, behaving as its profile says.

mod calls;
mod display;
mod incoming;
mod line;
mod machine;
mod report;
mod reset;
mod ringing;
mod server;
mod uas_core;

use std::fmt;
use std::net::SocketAddr;

use sipfarm_core::Instant;
use sipfarm_core::profile::{Profile, RegistrationMethod};
use sipfarm_core::sip::{DefectKind, MessageBuilder, Method, Uri};

use crate::call::Call;
use crate::core::Core;
use crate::defect::{Defect, Defects};
use crate::mlpp;
use crate::registration::Registration;
use crate::subscription::Subscription;
use reset::Reset;

pub(crate) use display::Display;
pub use line::Line;
pub use report::{Refusal, Report};
pub use server::{Destination, Server};

/// Who the phone is.
#[derive(Clone)]
pub struct PhoneConfig {
    /// How it behaves.
    pub profile: Profile,
    /// Its servers in the order in which it tries them.
    pub servers: Vec<Server>,
    /// The DNS servers that it asks, in order.
    pub dns: Vec<SocketAddr>,
    /// Where it listens, over UDP and TCP.
    pub local: SocketAddr,
    /// Its lines, from line 1 on.
    pub lines: Vec<Line>,
    /// The domain of its addresses of record.
    pub domain: String,
    /// The seed of all identifiers.
    pub seed: u64,
    /// What it does wrong.
    pub defects: Defects,
}

/// Of the profile, its name.
impl fmt::Debug for PhoneConfig {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("PhoneConfig")
            .field("profile", &self.profile.id)
            .field("servers", &self.servers)
            .field("dns", &self.dns)
            .field("local", &self.local)
            .field("lines", &self.lines)
            .field("domain", &self.domain)
            .field("defects", &self.defects)
            .field("seed", &self.seed)
            .finish_non_exhaustive()
    }
}

/// The reference phone.
///
/// It does nothing of its own accord before the first command. After each command and each input,
/// take its outputs until there are none, then ask for its deadline.
#[derive(Debug)]
pub struct Phone {
    core: Core,
    registrations: Vec<Registration>,
    subscriptions: Vec<Subscription>,
    /// The calls that it has, and those that are over but not yet forgotten by the network.
    calls: Vec<Call>,
    /// The number of the call that the user has highlighted.
    selected: Option<u64>,
    /// The line of what is dialled next.
    line: usize,
    /// What a server has asked for.
    reset: Option<Reset>,
}

impl Phone {
    /// Switched on; its ports are opened by its first outputs.
    pub fn new(config: PhoneConfig) -> Phone {
        let mut core = Core::new(config);
        let registrations = registrations(&mut core);
        let subscriptions = subscriptions(&mut core);
        Phone { core, registrations, subscriptions, calls: Vec::new(), selected: None, line: 0, reset: None }
    }

    /// Registers, with one server or with several at once, as the profile says. When all servers
    /// fail it tries again after the profile's time.
    pub fn register(&mut self, now: Instant) {
        for registration in &mut self.registrations {
            registration.register(&mut self.core, now);
        }
        self.settle(now);
    }

    /// Takes its bindings away.
    pub fn unregister(&mut self, now: Instant) {
        for registration in &mut self.registrations {
            registration.unregister(&mut self.core, now);
        }
        self.settle(now);
    }

    /// Calls a user part in its own domain, or a SIP URI.
    pub fn dial(&mut self, target: &str, now: Instant) -> Result<(), Refusal> {
        // The key is dead then (AM-23), and nobody is told why.
        if self.calls.iter().any(Call::is_preserved) {
            return Ok(());
        }
        if !self.has_room(self.line, now) {
            return Err(Refusal::Busy);
        }
        if self.core.config.servers.is_empty() {
            return Err(Refusal::NoServers);
        }
        let (level, number) = mlpp::dialled(&self.core.profile().mlpp, &self.core.config.defects, target);
        let uri = self.dialled_uri(number).ok_or_else(|| Refusal::BadTarget(target.to_owned()))?;
        self.hold_all_but(&[], now);
        self.free_ports();
        let call = Call::dial(&mut self.core, self.line, &uri, level, now);
        self.calls.push(call);
        self.settle(now);
        Ok(())
    }

    /// Forgets everything, resets its connections, draws new identifiers and registers.
    pub fn reboot(&mut self, now: Instant) {
        self.core.forget();
        self.calls.clear();
        (self.selected, self.line) = (None, 0);
        self.reset = None;
        self.registrations = registrations(&mut self.core);
        self.subscriptions = subscriptions(&mut self.core);
        self.core.report(Report::Rebooted);
        self.register(now);
    }

    /// What its user notices next. The oldest news is lost when a great deal waits.
    pub fn poll_report(&mut self) -> Option<Report> {
        self.core.reports.pop_front()
    }

    /// What a user dials as a URI: SIP, and fit for a request line.
    fn dialled_uri(&self, target: &str) -> Option<String> {
        if target.is_empty() || !target.bytes().all(|octet| octet.is_ascii_graphic()) {
            return None;
        }
        let uri = match target.contains(':') {
            true => target.to_owned(),
            false => format!("sip:{}@{}", escaped_user(target), self.core.config.domain),
        };
        let is_sip = Uri::parse(&uri).is_some_and(|uri| uri.scheme == "sip");
        let line = MessageBuilder::request(&Method::Invite, &uri).build();
        let broken = line.defects.iter().any(|defect| {
            matches!(
                defect.kind,
                DefectKind::BadStartLine | DefectKind::BadRequestUri | DefectKind::ForbiddenInRequestUri
            )
        });
        (is_sip && !broken).then_some(uri)
    }
}

/// A user part with everything escaped that may not stand there (RFC 3261 section 25.1).
fn escaped_user(user: &str) -> String {
    let plain = |octet: u8| octet.is_ascii_alphanumeric() || b"-_.!~*'()&=+$,;?/".contains(&octet);
    let escape =
        |octet: u8| if plain(octet) { char::from(octet).to_string() } else { format!("%{octet:02X}") };
    user.bytes().map(escape).collect()
}

/// One subscription for each package of a profile.
fn subscriptions(core: &mut Core) -> Vec<Subscription> {
    let packages = core.profile().subscriptions.packages.clone();
    packages.iter().map(|package| Subscription::new(package, core)).collect()
}

/// The registrations of a profile, for each line: one along all servers; with the method *concurrent* one along
/// all but the last, and one with the last. Outbound proxies always have one (YL-17).
fn registrations(core: &mut Core) -> Vec<Registration> {
    let servers: Vec<usize> = (0..core.config.servers.len()).collect();
    let concurrent = core.profile().registration.method == RegistrationMethod::Concurrent
        && !core.profile().servers.outbound_proxy;
    let both = concurrent || core.has(Defect::RegistersWithBoth);
    let sets: Vec<Vec<usize>> = match servers.split_last() {
        Some((_, others)) if both && !others.is_empty() && core.has(Defect::ForgetsFallback) => {
            vec![others.to_vec()]
        }
        Some((last, others)) if both && !others.is_empty() => vec![others.to_vec(), vec![*last]],
        _ => vec![servers],
    };
    let lines = 0..core.config.lines.len();
    let all = lines.flat_map(|line| sets.iter().map(move |set| (line, set)));
    all.enumerate().map(|(index, (line, set))| Registration::new(index, line, set.clone(), core)).collect()
}
