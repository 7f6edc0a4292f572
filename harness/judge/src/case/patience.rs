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
        let failover = &self.profile.failover;
        let last = self.names.place(to, transport).is_some_and(|place| place + 1 == self.names.order().len());
        let rule = if last { failover.last_server } else { failover.retry_rule };
        let timeout = self.limits.timeout(method);
        if transport == Transport::Tcp {
            // Nothing is sent twice, so a count cannot end it before its timer; a phone may all the
            // same take the one send for all of its tries.
            return Patience {
                sends: 1..=1,
                counted: rule == RetryRule::RetryCount,
                slots: vec![Span::ZERO],
                timeout,
            };
        }
        let slots = self.limits.slots(method);
        let whole = slots.len();
        let counted = rule == RetryRule::RetryCount;
        let sends = if counted { self.retry_count(method, whole) } else { whole..=whole };
        Patience { sends, counted, slots, timeout }
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
        let counts = self.profile.failover.retry_rule == RetryRule::RetryCount;
        let whole = self.limits.slots(&exchange.method).len();
        if counts && (exchange.method != Method::Invite || exchange.in_dialog()) {
            return *self.retry_count(&exchange.method, whole).start();
        }
        *self.patience_of(exchange).sends.start()
    }

    /// The same for an exchange.
    pub fn patience_of(&self, exchange: &ClientExchange<'_>) -> Patience {
        self.patience(&exchange.method, exchange.to, exchange.transport)
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
