//! The reference phone: a whole phone driven by commands, behaving as its profile says.

mod machine;
mod report;
mod reset;
mod server;
mod uas_core;

use std::fmt;
use std::net::SocketAddr;

use sipfarm_core::Instant;
use sipfarm_core::profile::{CallAction, Profile, RegistrationMethod};
use sipfarm_core::sip::{DefectKind, MessageBuilder, Method, Uri};

use crate::call::Call;
use crate::core::Core;
use crate::defect::{Defect, Defects};
use crate::registration::Registration;
use crate::subscription::Subscription;
use reset::Reset;

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
    /// The user part of its address of record, and its name in digest.
    pub user: String,
    /// Its password.
    pub password: String,
    /// The domain of its address of record.
    pub domain: String,
    /// The seed of all identifiers.
    pub seed: u64,
    /// What it does wrong.
    pub defects: Defects,
}

/// Without the password.
impl fmt::Debug for PhoneConfig {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("PhoneConfig")
            .field("profile", &self.profile.id)
            .field("servers", &self.servers)
            .field("dns", &self.dns)
            .field("local", &self.local)
            .field("user", &self.user)
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
    /// The current call, and those that are over but not yet forgotten by the network.
    calls: Vec<Call>,
    /// What a server has asked for.
    reset: Option<Reset>,
}

impl Phone {
    /// Switched on; its ports are opened by its first outputs.
    pub fn new(config: PhoneConfig) -> Phone {
        let mut core = Core::new(config);
        let registrations = registrations(&mut core);
        let subscriptions = subscriptions(&mut core);
        Phone { core, registrations, subscriptions, calls: Vec::new(), reset: None }
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
        if let Some(call) = self.current_call() {
            // The key is dead then (AM-23), and nobody is told why.
            if call.is_preserved() {
                return Ok(());
            }
            return Err(Refusal::Busy);
        }
        if self.core.config.servers.is_empty() {
            return Err(Refusal::NoServers);
        }
        let uri = self.dialled_uri(target).ok_or_else(|| Refusal::BadTarget(target.to_owned()))?;
        self.calls.push(Call::dial(&mut self.core, &uri, now));
        self.settle(now);
        Ok(())
    }

    /// Answers the call that rings.
    pub fn answer(&mut self, now: Instant) -> Result<(), Refusal> {
        let call = self.calls.iter_mut().find(|call| call.rings()).ok_or(Refusal::NothingRings)?;
        call.answer(&mut self.core, now);
        self.settle(now);
        Ok(())
    }

    /// Rejects the call that rings, with a code from 300 to 699.
    pub fn reject(&mut self, code: u16, now: Instant) -> Result<(), Refusal> {
        if !(300..700).contains(&code) {
            return Err(Refusal::BadCode(code));
        }
        let call = self.calls.iter_mut().find(|call| call.rings()).ok_or(Refusal::NothingRings)?;
        call.reject(&mut self.core, code, now);
        self.settle(now);
        Ok(())
    }

    /// Ends the call: BYE when it is up, CANCEL when the far end has not answered, 486 when it
    /// rings here.
    pub fn hang_up(&mut self, now: Instant) -> Result<(), Refusal> {
        let call = self.calls.iter_mut().find(|call| call.is_current()).ok_or(Refusal::NoCall)?;
        call.hang_up(&mut self.core, now);
        self.settle(now);
        Ok(())
    }

    /// Puts the call on hold, or takes it off hold.
    pub fn hold(&mut self, hold: bool, now: Instant) -> Result<(), Refusal> {
        let call = self.calls.iter_mut().find(|call| call.is_current()).ok_or(Refusal::NoCall)?;
        if !call.lets(&self.core, if hold { CallAction::Hold } else { CallAction::Resume }) {
            return Ok(());
        }
        if !call.can_hold(hold) {
            return Err(if hold { Refusal::CannotHold } else { Refusal::CannotResume });
        }
        call.hold(&mut self.core, hold, now);
        self.settle(now);
        Ok(())
    }

    /// Forgets everything, resets its connections, draws new identifiers and registers.
    pub fn reboot(&mut self, now: Instant) {
        self.core.forget();
        self.calls.clear();
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

    fn current_call(&self) -> Option<&Call> {
        self.calls.iter().find(|call| call.is_current())
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

/// The registrations of a profile: one along all servers; with the method *concurrent* one along
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
    sets.into_iter().enumerate().map(|(index, set)| Registration::new(index, set, core)).collect()
}
