//! A node: registrar of its domain, notifier of its accounts, and proxy between the phone and the far end.

mod anchor;
mod calls;
mod flows;
mod manager;
mod notifier;
mod proxy;
mod registrar;

#[cfg(test)]
mod calls_tests;
#[cfg(test)]
mod tests;

use std::any::Any;
use std::net::SocketAddr;

use sipfarm_core::Instant;
use sipfarm_core::machine::{Input, Machine, Output, Transport};
use sipfarm_core::sip::{Message, Method, Uri};

use super::faults::{FaultError, FaultId, FaultSpec, NodeKind};
use super::group::{Admission, Member, Record};
use super::stack::{Event, Key, Path, Stack};
use anchor::Anchor;
use calls::Trunking;
use flows::Flows;
pub(in crate::farm) use manager::asks_for_token;
use notifier::Notifier;
use registrar::{Registrar, Reply};

/// What a node serves, for 200 to OPTIONS.
const ALLOW: &str =
    "INVITE, ACK, BYE, CANCEL, REGISTER, OPTIONS, SUBSCRIBE, NOTIFY, REFER, UPDATE, INFO, MESSAGE";

/// What a node is.
#[derive(Debug, Clone)]
pub struct NodeConfig {
    /// Its name in scenarios: `primary`, `secondary`, `fallback` or any other.
    pub name: String,
    /// Where it listens, over UDP and TCP.
    pub addr: SocketAddr,
    /// Whether it listens for TLS, too, one port further. Its certificate names its address, its domain
    /// and the zone.
    pub tls: bool,
    /// The domain that it serves.
    pub domain: String,
    /// The zone of DNS by whose names phones find it, if there is one: a phone that knows its proxy by name
    /// puts that name into Route (RFC 3261 section 8.1.2).
    pub zone: Option<String>,
    /// The user that it has.
    pub account: Account,
    /// Those that it has besides, for further lines of the same phone.
    pub further_accounts: Vec<Account>,
    /// Whether REGISTER is challenged with 401.
    pub challenge: bool,
    /// The expiry that it grants, in seconds; `None` grants what is asked, at most an hour.
    pub expires_s: Option<u32>,
    /// Where requests for everybody else go.
    pub far_end: SocketAddr,
    /// From it come tags, nonces and the draws of faults.
    pub seed: u64,
}

impl NodeConfig {
    /// `primary` of `lab.example` with the user `1001`, who is not challenged: what is measured or tested alone,
    /// without a scenario.
    pub fn alone(addr: SocketAddr, far_end: SocketAddr) -> NodeConfig {
        NodeConfig {
            name: "primary".to_owned(),
            addr,
            tls: false,
            domain: "lab.example".to_owned(),
            zone: None,
            account: Account { user: "1001".to_owned(), password: "secret".to_owned() },
            further_accounts: Vec::new(),
            challenge: false,
            expires_s: None,
            far_end,
            seed: 1,
        }
    }

    fn accounts(&self) -> impl Iterator<Item = &Account> {
        std::iter::once(&self.account).chain(&self.further_accounts)
    }

    fn has(&self, user: &str) -> bool {
        self.accounts().any(|account| account.user == user)
    }
}

/// A user and the password of his digest.
#[derive(Debug, Clone)]
pub struct Account {
    /// User part of the AOR, and user name of the digest.
    pub user: String,
    /// The password.
    pub password: String,
}

/// Where a user can be reached, until when.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Binding {
    /// The URI of Contact as it was registered.
    pub contact: String,
    /// When it ends.
    pub until: Instant,
    /// Where the REGISTER came from.
    pub from: SocketAddr,
    /// Over what.
    pub transport: Transport,
}

/// A registrar and proxy of the farm.
pub struct Node {
    config: NodeConfig,
    stack: Stack,
    registrar: Registrar,
    flows: Flows,
    notifier: Notifier,
    /// The audio of its calls, where it stands in the way of that.
    anchor: Option<Anchor>,
    /// Its place in a resilience group, where it is in one.
    member: Option<Member>,
    /// Its trunks, where it has some.
    trunking: Option<Trunking>,
    /// Whether it asks for credentials before it sends an INVITE of its users on.
    challenges_calls: bool,
}

impl Node {
    /// A node that listens as soon as it is driven.
    pub fn new(config: NodeConfig) -> Self {
        let (accounts, seed) = (config.accounts().cloned().collect(), config.seed);
        let mut stack = Stack::new(config.addr, seed);
        if config.tls {
            let domains = std::iter::once(&config.domain).chain(&config.zone);
            stack.listen_for_tls(domains.cloned().collect());
        }
        Node {
            stack,
            registrar: Registrar::new(&config.domain, accounts, config.challenge, config.expires_s, seed),
            flows: Flows::default(),
            notifier: Notifier::default(),
            anchor: None,
            member: None,
            trunking: None,
            challenges_calls: false,
            config,
        }
    }

    /// Its name.
    pub fn name(&self) -> &str {
        &self.config.name
    }

    /// Where it listens.
    pub fn addr(&self) -> SocketAddr {
        self.config.addr
    }

    /// Switches a fault on, behind those that are on already.
    ///
    /// # Errors
    /// The fault is none of a SIP server's.
    pub fn fault_on(&mut self, fault: &FaultSpec, now: Instant) -> Result<FaultId, FaultError> {
        fault.fits(NodeKind::Sip)?;
        let id = self.stack.fault_on(fault)?;
        self.show(now);
        if self.stack.forgets_everything(id) {
            self.member.iter().for_each(|member| member.restarted(now));
            self.registrar.forget();
            self.flows = Flows::default();
            self.notifier.forget();
            self.anchor.iter_mut().for_each(Anchor::forget);
            self.trunking.iter_mut().for_each(Trunking::forget);
        }
        self.serve(now);
        Ok(id)
    }

    /// Switches all faults off. What a fault delays goes on at once, copies that it has not sent yet
    /// are dropped, ports open again.
    pub fn faults_off(&mut self, now: Instant) {
        self.stack.faults_off(|_, _| true, now);
        self.show(now);
        self.serve(now);
    }

    /// Takes its place in a resilience group.
    pub fn join(&mut self, member: Member) {
        self.member = Some(member);
    }

    /// Its place in a resilience group, where it is in one.
    pub fn member(&self) -> Option<&Member> {
        self.member.as_ref()
    }

    /// Lets the other systems see whether it is there.
    fn show(&self, now: Instant) {
        let up = !self.stack.is_deaf();
        self.member.iter().for_each(|member| member.seen(up, now));
        self.trunking.iter().for_each(|trunking| trunking.end().seen(up));
    }

    /// What it holds about its user, beside the bindings.
    fn record(&self) -> Record {
        self.member.as_ref().map(Member::record).unwrap_or_default()
    }

    /// The faults that are on, in order.
    pub fn faults(&self) -> impl Iterator<Item = (FaultId, &FaultSpec)> {
        self.stack.faults()
    }

    /// The expiry granted from now on, in seconds; `None` grants what is asked, at most an hour.
    pub fn set_expires(&mut self, expires_s: impl Into<Option<u32>>) {
        self.registrar.expires_s = expires_s.into();
    }

    /// The least expiry, in seconds, that is not refused with 423. None to begin with.
    pub fn set_min_expires(&mut self, min_expires_s: u32) {
        self.registrar.min_expires_s = min_expires_s;
    }

    /// Stands in the way of the audio of every call from now on, rather than let it run between the two
    /// parties.
    pub fn anchor_audio(&mut self) {
        self.anchor.get_or_insert_with(|| Anchor::new(self.config.addr.ip()));
    }

    /// Asks for credentials, with 407, before it sends an INVITE of one of its users on (RFC 3261 section 22.3).
    pub fn challenge_calls(&mut self) {
        self.challenges_calls = true;
    }

    /// Where its users can be reached.
    pub fn bindings(&self) -> Vec<Binding> {
        self.registrar.bindings()
    }

    /// How many transactions it looks after.
    pub fn transactions(&self) -> usize {
        self.stack.transactions()
    }

    /// Deals with what the stack has found.
    fn serve(&mut self, now: Instant) {
        while let Some(event) = self.stack.event() {
            match event {
                Event::Request { server, request, path } => self.request(server, &request, path, now),
                Event::Ack { ack } => self.forward_ack(&ack, now),
                Event::Response { upstream: Some(upstream), response, path, .. } => {
                    self.send_back(&upstream, &response, path, now);
                }
                Event::TimedOut { upstream: Some(upstream), .. } => self.give_up(&upstream, now),
                // As if a 503 had come (RFC 3261 section 16.9), so 500 goes back.
                Event::Failed { upstream: Some(upstream), .. } => self.stack.answer(&upstream, 500, now),
                Event::Response { .. } | Event::TimedOut { .. } | Event::Failed { .. } => {} // our CANCEL's
            }
        }
    }

    fn request(&mut self, server: Key, request: &Message, path: Path, now: Instant) {
        let mine = request.request_uri().and_then(Uri::parse).filter(|uri| self.is_mine(uri));
        match (request.method(), mine) {
            (Some(Method::Register), Some(_)) => self.register(&server, request, path, now),
            (Some(Method::Options), Some(uri)) if uri.user.is_none() => {
                let response = self.stack.response(&server, 200).map(|ok| ok.header("Allow", ALLOW).build());
                response.into_iter().for_each(|response| self.stack.respond(&server, response, now));
            }
            (Some(Method::Subscribe), Some(uri)) if self.is_account(&uri) => {
                self.subscribe(&server, request, path, now);
            }
            (Some(Method::Refer), Some(_)) if asks_for_token(request) => self.grant_token(&server, now),
            (Some(Method::Cancel), _) => self.cancel(&server, request, now),
            _ => self.forward(server, request, path, now),
        }
    }

    /// Whether a URI of ours means an account, or, within its subscriptions, the node itself.
    fn is_account(&self, uri: &Uri) -> bool {
        uri.user.as_deref().is_none_or(|user| self.config.has(user))
    }

    fn register(&mut self, server: &Key, request: &Message, path: Path, now: Instant) {
        let phone = request.contact().and_then(|contact| Some(contact.sip_uri()?.host.to_string()));
        let admits = |member: &Member| member.admit(phone.as_deref(), now);
        match self.member.as_ref().map_or(Admission::Serve, admits) {
            Admission::Serve => {}
            Admission::Silence => return self.stack.abandon(server),
            Admission::Refuse { code, retry_after_s } => {
                let refusal = self.stack.response(server, code);
                let refusal = refusal.map(|refusal| refusal.header_opt("Retry-After", retry_after_s).build());
                return refusal.into_iter().for_each(|refusal| self.stack.respond(server, refusal, now));
            }
        }
        let reply = self.registrar.register(request, path, now);
        if let (Some(member), 200, Some(phone)) = (&self.member, reply.code, phone) {
            member.registered(&phone, self.registrar.phones().contains(&phone), now);
        }
        self.reply(server, &reply, now);
    }

    fn reply(&mut self, server: &Key, reply: &Reply, now: Instant) {
        let Some(response) = self.stack.response(server, reply.code) else { return };
        let response = reply.headers.iter().fold(response, |r, (name, value)| r.header(name, value)).build();
        self.stack.respond(server, response, now);
    }
}

impl Machine for Node {
    fn handle(&mut self, input: Input, now: Instant) {
        let deaf = self.stack.is_deaf();
        if self.anchor.as_mut().is_some_and(|anchor| anchor.takes(&input, deaf)) {
            return;
        }
        self.registrar.expire(now);
        if let Some(member) = &self.member {
            member.advance(now);
            member.holds(&self.registrar.phones());
            self.registrar.dismiss(&member.dismisses());
        }
        self.end_preserved(now);
        self.stack.handle(input, now);
        self.serve(now);
    }

    fn poll_output(&mut self) -> Option<Output> {
        self.stack.poll_output().or_else(|| self.anchor.as_mut()?.poll_output())
    }

    fn deadline(&self) -> Option<Instant> {
        let of_group = self.member.as_ref().and_then(Member::deadline);
        let of_trunks = self.trunking.as_ref().and_then(Trunking::deadline);
        let policy = self.registrar.next_expiry().into_iter().chain(of_group).chain(of_trunks);
        self.stack.deadline().into_iter().chain(policy).min()
    }

    fn as_any_mut(&mut self) -> &mut dyn Any {
        self
    }
}
