//! Server choice over an ordered list (RFC 3263 section 4.3, RFC 3261 section 21.5.4): who is next,
//! who is to be left alone, how long to wait for whom.

use std::collections::{BTreeMap, BTreeSet, VecDeque};

use sipfarm_core::profile::{Counts, FailbackMode, HonourRetryAfter, Profile, RetryRule, Trigger};
use sipfarm_core::sip::{Message, Method};
use sipfarm_core::{Instant, Span};

use crate::auth::is_stale;
use crate::core::Core;
use crate::defect::Defect;
use crate::phone::Report;
use crate::places::Whereabouts;
use crate::tx::{ClientId, Failure, Patience};

/// How often one server's challenges are answered for one request.
const MAX_CHALLENGES: u32 = 3;

/// How many addresses that DNS gave are tried for one request. A name that has another address each
/// time that it is asked for leads a request no further.
const MAX_TRIED: usize = 32;

/// What is known of the servers. They are numbered by their place in the list.
#[derive(Debug)]
pub struct Locator {
    count: usize,
    avoided: BTreeMap<usize, Instant>,
    /// The server that each registration stands with, and until when it does.
    working: BTreeMap<usize, (usize, Instant)>,
}

impl Locator {
    /// All of that many servers are fit.
    pub fn new(count: usize) -> Self {
        Locator { count, avoided: BTreeMap::new(), working: BTreeMap::new() }
    }

    /// Stays away from a server until then.
    pub fn avoid(&mut self, server: usize, until: Instant) {
        self.avoided.insert(server, until);
    }

    /// Whether a server may be sent requests.
    pub fn is_fit(&self, server: usize, now: Instant) -> bool {
        self.avoided.get(&server).is_none_or(|until| *until <= now)
    }

    /// When the first of these servers may be sent requests again.
    pub fn fit_again(&self, servers: &[usize]) -> Option<Instant> {
        servers.iter().filter_map(|server| self.avoided.get(server)).min().copied()
    }

    /// A registration stands with that server until then, or with none.
    pub fn set_working(&mut self, registration: usize, server: Option<(usize, Instant)>) {
        match server {
            Some(working) => self.working.insert(registration, working),
            None => self.working.remove(&registration),
        };
    }

    /// The working server: the one of the first registration that stands.
    pub fn working(&self) -> Option<usize> {
        self.working.values().next().map(|(server, _)| *server)
    }

    /// The servers that registrations stand with, without those that have run out.
    pub fn registered_with(&self, now: Instant) -> impl Iterator<Item = usize> {
        self.working.values().filter(move |(_, until)| now < *until).map(|(server, _)| *server)
    }

    /// The servers for a new INVITE in order, without those to be left alone. Where every new
    /// request tries the primary first, the list as it is; otherwise the working server first.
    pub fn call_order(&self, mode: FailbackMode, now: Instant) -> Vec<usize> {
        let first = match mode {
            FailbackMode::NewRequests => None,
            _ => self.working(),
        };
        let others = (0..self.count).filter(|server| Some(*server) != first);
        first.into_iter().chain(others).filter(|server| self.is_fit(*server, now)).collect()
    }
}

/// How long to wait for an answer to a request of that method: from a server that has another
/// behind it, or from the last.
pub fn patience(profile: &Profile, method: &Method, last: bool) -> Patience {
    let failover = &profile.failover;
    patience_by(if last { failover.last_server } else { failover.retry_rule }, profile, method)
}

/// How long to wait for an answer to a request of that method by that rule. Timers B and F are for all
/// requests that do not choose among servers.
pub fn patience_by(rule: RetryRule, profile: &Profile, method: &Method) -> Patience {
    let failover = &profile.failover;
    let is_invite = *method == Method::Invite;
    let own = if is_invite { profile.timers.invite_timeout() } else { profile.timers.non_invite_timeout() };
    match rule {
        RetryRule::RetryCount => {
            let own_count = failover.invite_retry_count.as_ref().filter(|_| is_invite);
            let count = own_count.unwrap_or(&failover.retry_count);
            let sends = match count.counts {
                Counts::Sends | Counts::Either => count.value.max(1),
                Counts::Retransmissions => count.value.saturating_add(1),
            };
            Patience { max_sends: Some(sends), timeout: own }
        }
        RetryRule::FixedTimeout => Patience { max_sends: None, timeout: own },
        // Where the vendor's own time is that of another rule, timer B is the RFC's.
        RetryRule::TimerB => {
            let vendors = [failover.retry_rule, failover.last_server].contains(&RetryRule::FixedTimeout);
            let timeout = if vendors { profile.timers.t1() * 64 } else { own };
            Patience { max_sends: None, timeout }
        }
    }
}

/// A request on its way along the servers.
#[derive(Debug)]
pub struct Hunt {
    left: VecDeque<usize>,
    /// The addresses that had the request, of those that DNS gave.
    tried: BTreeSet<usize>,
    /// It ends before this server.
    until: Option<usize>,
    /// It goes to its one server or nowhere.
    alone: bool,
    /// The server that it waits for DNS to find.
    awaits: Option<usize>,
    /// The server that has the request now.
    pub server: usize,
    /// Its transaction there.
    pub client: Option<ClientId>,
    challenges: u32,
}

/// Whether a request can go to its server.
#[derive(Debug)]
pub enum Way {
    /// It can.
    Clear,
    /// When DNS has answered.
    Asked,
    /// It cannot.
    Barred(Outcome),
}

/// How the server that has the request dealt with it.
#[derive(Debug)]
pub enum Outcome {
    /// A 1xx.
    Provisional(Box<Message>),
    /// A 2xx.
    Success(Box<Message>),
    /// A challenge: send it again to this server, with the next CSeq.
    Again,
    /// A failure of the server: send it to the next, which is the current one now.
    Next,
    /// It has failed for good.
    Failed {
        /// The last response; none where the last server gave none.
        response: Option<Box<Message>>,
        /// Every server has been tried.
        exhausted: bool,
    },
}

impl Hunt {
    /// Begins with the first of these servers. `None` when there are none.
    pub fn new(servers: impl IntoIterator<Item = usize>) -> Option<Hunt> {
        let mut left: VecDeque<usize> = servers.into_iter().collect();
        let server = left.pop_front()?;
        Some(Hunt { left, ..Hunt::at(server) })
    }

    /// For one server and none besides, not even for others behind the same name.
    pub fn only(server: usize) -> Hunt {
        Hunt { alone: true, ..Hunt::at(server) }
    }

    fn at(server: usize) -> Hunt {
        Hunt {
            left: VecDeque::new(),
            tried: BTreeSet::new(),
            until: None,
            alone: false,
            awaits: None,
            server,
            client: None,
            challenges: 0,
        }
    }

    /// Ends before that server, when it comes to it.
    pub fn until(mut self, server: Option<usize>) -> Hunt {
        self.until = server;
        self
    }

    /// Goes on to these, too, beside the current server.
    pub fn goes_on_to(&mut self, servers: &[usize]) {
        self.left.extend(servers.iter().copied().filter(|server| *server != self.server));
    }

    /// Whether it waits for DNS to find that server.
    pub fn awaits(&self, server: usize) -> bool {
        self.awaits == Some(server)
    }

    /// Makes sure that the current server is an address that DNS still gives, if it is one of DNS.
    /// A name, or an address that its name no longer has, is replaced by the addresses that the
    /// name has now; so no request goes to what has expired. To be asked before each new request.
    pub fn locate(&mut self, core: &mut Core, now: Instant) -> Way {
        self.awaits = None;
        if !core.places.is_of_dns(self.server) {
            return Way::Clear;
        }
        let owner = core.places.owner(self.server);
        let list = match core.places.locate(owner, now) {
            Whereabouts::At(list) => list,
            Whereabouts::Asked => {
                self.awaits = Some(owner);
                return Way::Asked;
            }
            Whereabouts::Nowhere(reason) => {
                let (server, reason) = (core.server_name(owner), reason.to_string());
                core.report(Report::NotFound { server, reason });
                return Way::Barred(self.on_not_found(core, now));
            }
        };
        if list.contains(&self.server) {
            self.tried.insert(self.server);
            return Way::Clear;
        }
        if self.alone {
            return Way::Barred(self.on_not_found(core, now));
        }
        self.left.retain(|server| core.places.owner(*server) != owner);
        let list = list.into_iter().take_while(|server| Some(*server) != self.until);
        let room = MAX_TRIED.saturating_sub(self.tried.len());
        let fresh: Vec<usize> = list.filter(|server| !self.tried.contains(server)).take(room).collect();
        for server in fresh.into_iter().rev() {
            self.left.push_front(server);
        }
        match self.advance(core, now) {
            true => self.locate(core, now),
            false => Way::Barred(Outcome::Failed { response: None, exhausted: true }),
        }
    }

    /// DNS has not found the current server.
    pub fn on_not_found(&mut self, core: &mut Core, now: Instant) -> Outcome {
        self.awaits = None;
        let owner = core.places.owner(self.server);
        self.left.retain(|server| core.places.owner(*server) != owner);
        self.fail(core, Some(Trigger::Dns), None, now)
    }

    /// Whether there is no other server to be tried.
    pub fn is_last(&self, core: &Core, now: Instant) -> bool {
        let is_another = |server: &usize| core.locator.is_fit(*server, now) && self.has_more(core, *server);
        !self.left.iter().any(is_another)
    }

    /// Whether a server has addresses that were not tried, as far as that is known.
    fn has_more(&self, core: &Core, server: usize) -> bool {
        let Some(known) = core.places.known(server) else { return true };
        known
            .iter()
            .take_while(|server| Some(**server) != self.until)
            .any(|server| !self.tried.contains(server))
    }

    /// Whether the event of that transaction is this hunt's.
    pub fn owns(&self, client: ClientId) -> bool {
        self.client == Some(client)
    }

    /// Reads a response.
    pub fn on_response(&mut self, core: &mut Core, response: Box<Message>, now: Instant) -> Outcome {
        let code = response.status().unwrap_or(500);
        match code {
            ..200 => return Outcome::Provisional(response),
            200..300 => return Outcome::Success(response),
            401 | 407 if self.may_answer(core, &response) => return Outcome::Again,
            503 => self.heed_retry_after(core, &response, now),
            _ => {}
        }
        let trigger = match code {
            503 => Some(Trigger::ServiceUnavailable),
            408 => Some(Trigger::RequestTimeout),
            500 => Some(Trigger::ServerError),
            504 => Some(Trigger::ServerTimeout),
            404 if core.has(Defect::FailsOverOn404) => Some(Trigger::ServiceUnavailable),
            _ => None,
        };
        self.fail(core, trigger, Some(response), now)
    }

    /// There will be no response.
    pub fn on_failure(&mut self, core: &mut Core, failure: Failure, now: Instant) -> Outcome {
        let trigger = match failure {
            Failure::Timeout => Trigger::Timeout,
            Failure::Icmp => Trigger::Icmp,
            Failure::Connect => Trigger::TcpConnect,
            Failure::Tls => Trigger::Tls,
            Failure::Send => Trigger::TcpSend,
        };
        self.fail(core, Some(trigger), None, now)
    }

    /// Leaves the current server before it was sent anything.
    pub fn skip(&mut self, core: &Core, now: Instant) -> Outcome {
        match self.advance(core, now) {
            true => Outcome::Next,
            false => Outcome::Failed { response: None, exhausted: true },
        }
    }

    fn fail(
        &mut self,
        core: &Core,
        trigger: Option<Trigger>,
        response: Option<Box<Message>>,
        now: Instant,
    ) -> Outcome {
        let triggered = trigger.is_some_and(|trigger| core.profile().failover.triggers.contains(&trigger));
        if triggered && !core.has(Defect::NeverFailsOver) && self.advance(core, now) {
            return Outcome::Next;
        }
        self.client = None;
        Outcome::Failed { response, exhausted: triggered }
    }

    fn advance(&mut self, core: &Core, now: Instant) -> bool {
        self.client = None;
        self.challenges = 0;
        while let Some(next) = self.left.pop_front() {
            let left_out = next == 1 && core.has(Defect::SkipsSecondary);
            if core.locator.is_fit(next, now) && !left_out {
                self.server = next;
                return true;
            }
        }
        false
    }

    /// Whether what is sent next answers a challenge.
    pub fn is_challenged(&self) -> bool {
        self.challenges > 0
    }

    /// Whether a challenge is answered: the first, and further ones that refuse only the nonce
    /// (RFC 3261 section 22.1: the same credentials are not tried twice).
    fn may_answer(&mut self, core: &mut Core, response: &Message) -> bool {
        let again = self.challenges == 0 || (is_stale(response) && self.challenges < MAX_CHALLENGES);
        self.challenges += 1;
        again && core.learn(core.target(self.server).addr, response)
    }

    fn heed_retry_after(&self, core: &mut Core, response: &Message, now: Instant) {
        let honour = core.profile().failover.honour_retry_after;
        if honour == HonourRetryAfter::Never || core.has(Defect::IgnoresRetryAfter) {
            return;
        }
        if let Some(seconds) = response.number("Retry-After") {
            core.locator.avoid(self.server, now + Span::from_secs(seconds.into()));
        }
    }
}

#[cfg(test)]
mod tests {
    use sipfarm_core::profile::RetryCount;

    use super::*;

    fn sends(value: u32, counts: Counts) -> Option<u32> {
        let mut profile = Profile::default();
        profile.failover.retry_rule = RetryRule::RetryCount;
        profile.failover.retry_count = RetryCount { value, counts };
        patience(&profile, &Method::Invite, false).max_sends
    }

    #[test]
    fn a_retry_count_is_read_as_its_profile_says() {
        assert_eq!(sends(3, Counts::Either), Some(3));
        assert_eq!(sends(3, Counts::Sends), Some(3));
        assert_eq!(sends(3, Counts::Retransmissions), Some(4));
        assert_eq!(sends(0, Counts::Either), Some(1));
        assert_eq!(sends(0, Counts::Retransmissions), Some(1));
    }

    #[test]
    fn the_last_server_has_the_complete_time_of_the_rfc() {
        let mut profile = Profile::default();
        profile.failover.retry_rule = RetryRule::FixedTimeout;
        profile.timers.invite_timeout_ms = Some(4_000);
        let wait = |last| patience(&profile, &Method::Invite, last).timeout;
        assert_eq!(wait(false), Span::from_secs(4));
        assert_eq!(wait(true), Span::from_secs(32));
    }

    #[test]
    fn the_primary_comes_first_or_the_working_server_does() {
        let now = Instant::from_nanos(0);
        let mut locator = Locator::new(3);
        locator.set_working(0, Some((1, now + Span::from_secs(60))));
        assert_eq!(locator.call_order(FailbackMode::NewRequests, now), [0, 1, 2]);
        assert_eq!(locator.call_order(FailbackMode::Registration, now), [1, 0, 2]);
        locator.avoid(0, now + Span::from_secs(5));
        assert_eq!(locator.call_order(FailbackMode::NewRequests, now), [1, 2]);
        assert_eq!(locator.call_order(FailbackMode::NewRequests, now + Span::from_secs(5)), [0, 1, 2]);
    }
}
