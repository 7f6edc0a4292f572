//! How long a phone stays with a server that gives no response at all: RFC 3263 section 4.3, and
//! what the profile makes of it (YL-03, YL-10, YL-11; F-03, F-04).

use std::net::SocketAddr;
use std::ops::RangeInclusive;

use sipfarm_core::machine::Transport;
use sipfarm_core::profile::{Counts, RetryRule};
use sipfarm_core::sip::Method;
use sipfarm_core::{Instant, Span};

use super::Case;
use super::exchange::ClientExchange;
use crate::finding::Window;

/// How long a phone stays with a silent server.
#[derive(Debug, Clone)]
pub struct Patience {
    /// How many sends it may have made when it leaves.
    pub sends: RangeInclusive<usize>,
    /// Whether a number of sends ends it, rather than a timer.
    pub counted: bool,
    /// The instants of the whole schedule.
    slots: Vec<Span>,
    /// Timer B or F.
    pub timeout: Span,
}

impl Patience {
    /// When the phone may go on to the next server after `made` sends, the last of them at `last`.
    pub fn leave(&self, case: &Case<'_>, t0: Instant, last: Instant, made: usize) -> Window {
        let by_timer = case.limits.give_up(t0, self.timeout);
        if !self.counted {
            return by_timer;
        }
        // Not before the last send that the count demands, and not later than the ladder's next
        // instant, at which a patient phone would have sent again.
        let enough = made >= *self.sends.start();
        let demanded = self.slots.get(self.sends.start() - 1).map(|due| t0 + *due);
        let from = if enough { last } else { demanded.unwrap_or(by_timer.from).max(last) };
        let next = self.slots.get(made.max(*self.sends.start())).copied().unwrap_or(self.timeout);
        Window { from, to: case.limits.give_up(t0, next).to }
    }

    /// The latest instant at which the phone may still be with the server.
    pub fn latest(&self, case: &Case<'_>, t0: Instant) -> Instant {
        let span = self.slots.get(*self.sends.end()).copied().unwrap_or(self.timeout);
        case.limits.give_up(t0, if self.counted { span } else { self.timeout }).to
    }

    /// How many sends, for people: `3 or 4 sends`.
    pub fn show(&self) -> String {
        let (from, to) = (self.sends.start(), self.sends.end());
        match (self.counted, from == to) {
            (false, _) => format!("{to} sends and {:.1}", self.timeout),
            (true, true) if *to == 1 => "1 send".to_owned(),
            (true, true) => format!("{to} sends"),
            (true, false) => format!("{from} or {to} sends"),
        }
    }
}

impl Case<'_> {
    /// How long the phone stays with the server at that address while it is silent.
    pub fn patience(&self, method: &Method, to: SocketAddr, transport: Transport) -> Patience {
        self.patience_by(self.rule_at(self.names.place(to, transport)), method, transport)
    }

    /// How long that rule has the phone stay with a silent server.
    fn patience_by(&self, rule: RetryRule, method: &Method, transport: Transport) -> Patience {
        let timeout = self.limits.timeout_by(rule, method);
        let counted = rule == RetryRule::RetryCount;
        if transport.is_reliable() {
            // Nothing is sent twice, so a count cannot end it before its timer; a phone may all the
            // same take the one send for all of its tries.
            return Patience { sends: 1..=1, counted, slots: vec![Span::ZERO], timeout };
        }
        let slots = self.limits.slots(method, timeout);
        let whole = slots.len();
        let sends = if counted { self.retry_count(method, whole) } else { whole..=whole };
        Patience { sends, counted, slots, timeout }
    }

    /// The retry rule at that place of the order.
    fn rule_at(&self, place: Option<usize>) -> RetryRule {
        let failover = &self.profile.failover;
        if self.is_last(place) { failover.last_server } else { failover.retry_rule }
    }

    fn is_last(&self, place: Option<usize>) -> bool {
        place.is_some_and(|place| place + 1 == self.names.order().len())
    }

    /// The retry rules that may hold for an exchange. A server that was left for another was not the
    /// phone's last, and a call that ends at the last of the order had no other. A server before it is
    /// the last where the phone has nobody else to try: where the others are to be left alone, or a
    /// binding goes along this one only. No rule speaks of requests that do not choose among the
    /// servers, those within a dialog, CANCEL, SUBSCRIBE and the like: timers B and F hold for them, and
    /// what a phone makes of its retry rule is accepted, too.
    fn rules_of(&self, exchange: &ClientExchange<'_>) -> Vec<RetryRule> {
        let failover = &self.profile.failover;
        if !chooses(exchange) {
            return vec![RetryRule::TimerB, failover.retry_rule, failover.last_server];
        }
        let is_last = self.is_last(self.place_of(exchange));
        match (is_last, self.was_left(exchange)) {
            // Where a call has sent a REGISTER ahead, it is the call that goes on.
            (false, true) if exchange.method == Method::Invite || !failover.register_before_invite => {
                vec![failover.retry_rule]
            }
            (true, false) if exchange.method == Method::Invite => vec![failover.last_server],
            _ => vec![failover.retry_rule, failover.last_server],
        }
    }

    /// Whether what an exchange was for went on at another server.
    fn was_left(&self, exchange: &ClientExchange<'_>) -> bool {
        let at = self.client.iter().position(|other| std::ptr::eq(other, exchange));
        let attempt = at.and_then(|at| self.attempt_of(at));
        let others = attempt.into_iter().flat_map(|attempt| &attempt.exchanges).map(|&at| &self.client[at]);
        others.into_iter().any(|other| other.t0() > exchange.t0() && other.to != exchange.to)
    }

    /// Timer B or F of a request of that method to a node.
    pub fn timeout_at(&self, method: &Method, node: &str) -> Span {
        let place = self.names.order().iter().position(|server| server == node);
        let rule = if is_along_servers(method) { self.rule_at(place) } else { RetryRule::TimerB };
        self.limits.timeout_by(rule, method)
    }

    /// Timer B or F of an exchange, at the latest.
    pub fn timeout_of(&self, exchange: &ClientExchange<'_>) -> Span {
        self.timeouts_of(exchange).1
    }

    /// Timer B or F of an exchange, at the earliest.
    pub fn least_timeout_of(&self, exchange: &ClientExchange<'_>) -> Span {
        self.timeouts_of(exchange).0
    }

    fn timeouts_of(&self, exchange: &ClientExchange<'_>) -> (Span, Span) {
        let longest = self.limits.timeout(&exchange.method);
        if !self.limits.differs_by_rule(&exchange.method) {
            return (longest, longest);
        }
        let by = |rule: &RetryRule| self.limits.timeout_by(*rule, &exchange.method);
        let times: Vec<Span> = self.rules_of(exchange).iter().map(by).collect();
        (times.iter().copied().min().unwrap_or(longest), times.iter().copied().max().unwrap_or(longest))
    }

    /// When the sends of an exchange are due, counted from the first.
    pub fn slots_of(&self, exchange: &ClientExchange<'_>) -> Vec<Span> {
        self.limits.slots(&exchange.method, self.timeout_of(exchange))
    }

    /// The sends that the profile's retry count stands for (F-03, F-04), within the whole schedule.
    fn retry_count(&self, method: &Method, whole: usize) -> RangeInclusive<usize> {
        let failover = &self.profile.failover;
        let count = match (&failover.invite_retry_count, method) {
            (Some(count), Method::Invite) => count,
            _ => &failover.retry_count,
        };
        let n = count.value as usize;
        let (from, to) = match count.counts {
            _ if n == 0 => (1, 1),
            Counts::Sends => (n, n),
            Counts::Retransmissions => (n + 1, n + 1),
            Counts::Either => (n, n + 1),
        };
        from.min(whole)..=to.min(whole)
    }

    /// Whether the phone may have gone on to `next` because `before` was silent: as many sends and as
    /// much time as its retry rule asks for had passed. Only then can a response that was on its way
    /// have come too late to matter.
    pub fn left_for_silence(&self, before: &ClientExchange<'_>, next: &ClientExchange<'_>) -> bool {
        let made = before.sends.iter().filter(|send| send.at <= next.t0());
        let (count, last) = made.fold((0, before.t0()), |(count, _), send| (count + 1, send.at));
        let patience = self.patience_of(before);
        let window = patience.leave(self, before.t0(), last, count);
        count >= *patience.sends.start() && next.t0() >= window.from
    }

    /// After how many sends without an answer a phone may stop at the earliest. YL-10 gives a call's
    /// last server the whole schedule; for registrations YL-14 lets the retry count hold there, too,
    /// and for requests within a dialog no text speaks, so that both are accepted.
    pub fn fewest_sends(&self, exchange: &ClientExchange<'_>) -> usize {
        let by = |rule| *self.patience_by(rule, &exchange.method, exchange.transport).sends.start();
        self.rules_of(exchange).into_iter().map(by).min().unwrap_or(1)
    }

    /// How long the phone stays with the server of an exchange while it is silent. The last of the order
    /// is not the phone's last when it goes on from there.
    pub fn patience_of(&self, exchange: &ClientExchange<'_>) -> Patience {
        let place = self.place_of(exchange);
        let rule = match self.is_last(place) && self.was_left(exchange) {
            true => self.profile.failover.retry_rule,
            false => self.rule_at(place),
        };
        self.patience_by(rule, &exchange.method, exchange.transport)
    }

    /// How long it may take at most until a request of that method reaches a node, counted from a
    /// trigger, when the author of a step names no time: every server before it in the order, and
    /// this one, may cost a whole time-out. A REGISTER may also have to wait for the refresh of a
    /// binding that was granted by then, or for the next round.
    pub fn reach(&self, since: Instant, method: &Method, node: Option<&str>) -> Span {
        let place = node.and_then(|name| self.names.order().iter().position(|server| server == name));
        let tries = place.unwrap_or(self.names.order().len().saturating_sub(1)) as i64 + 1;
        let walk = (self.limits.timeout(method) + self.limits.at_once()) * tries;
        if *method == Method::Register { walk + self.register_pause(since) } else { walk }
    }

    /// The longest time that may pass between two attempts to register: until the refresh of the
    /// longest binding that was granted, or the profile's retry time.
    fn register_pause(&self, since: Instant) -> Span {
        let granted = self.registrations.iter().filter_map(|registration| registration.granted);
        let granted = granted.filter(|grant| grant.first <= since).map(|grant| grant.expires).max();
        let retry = &self.profile.registration.retry;
        let retry = Span::from_secs(retry.max_s.max(retry.base_s).into()).scale(1.2 + retry.jitter);
        granted.unwrap_or(Span::ZERO).max(retry)
    }
}

/// Whether requests of that method, outside of a dialog, go along the phone's servers.
fn is_along_servers(method: &Method) -> bool {
    matches!(method, Method::Invite | Method::Register)
}

/// Whether a request is one that chooses among the phone's servers.
fn chooses(exchange: &ClientExchange<'_>) -> bool {
    is_along_servers(&exchange.method) && !exchange.in_dialog()
}
