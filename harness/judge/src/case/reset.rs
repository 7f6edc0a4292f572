//! Resets that a server asks the phone for: NOTIFY of event `check-sync`, and what on the wire shows that
//! the phone has done it (CC-08, CC-09).

use sipfarm_core::Instant;
use sipfarm_core::machine::Transport;
use sipfarm_core::sip::Method;

use super::Case;
use super::exchange::{ClientExchange, status};
use super::register::Purpose;

/// A reset that the phone was asked for and has accepted.
#[derive(Debug, Clone, Copy)]
pub struct Reset {
    /// Its place in the list of server exchanges.
    pub exchange: usize,
    /// When the phone's 2xx passed the tap.
    pub asked: Instant,
    /// The first REGISTER, by its place in the list of client exchanges, that shows it.
    pub shown: Option<usize>,
}

impl Case<'_> {
    /// The resets that the phone has accepted, in order of time.
    pub fn resets(&self) -> Vec<Reset> {
        let asks = |(exchange, notify): (usize, &super::ServerExchange<'_>)| {
            let event = notify.first().message.header("Event").unwrap_or_default();
            let mut event = event.split(';').map(str::trim);
            let is_it = event.next().is_some_and(|name| name.eq_ignore_ascii_case("check-sync"));
            // With that parameter only the configuration is read again.
            let reboots = !event.any(|param| param.eq_ignore_ascii_case("reboot=false"));
            if notify.method != Method::Notify || !is_it || !reboots {
                return None;
            }
            let accepted = notify.final_response().filter(|r| (200..300).contains(&status(r)))?;
            let asked = accepted.at;
            let mut registrations = self.registrations.iter().map(|registration| registration.exchange);
            let shown = registrations.find(|&at| self.client[at].t0() >= asked && self.shows_a_start(at));
            Some(Reset { exchange, asked, shown })
        };
        self.server.iter().enumerate().filter_map(asks).collect()
    }

    /// Whether the phone has shown within a stretch of time that it did a reset.
    pub fn was_reset(&self, from: Instant, to: Instant) -> bool {
        let shown = |reset: &Reset| reset.shown.map(|at| self.client[at].t0());
        self.resets().iter().any(|reset| shown(reset).is_some_and(|at| at >= from && at <= to))
    }

    /// The first REGISTER after an instant that shows that the phone is still what it was when it was asked: it
    /// goes on with a Call-ID of before and its CSeq numbers, one after the other. A phone that keeps its
    /// Call-ID over a start begins with a number of its own (RFC 3261 section 10.2).
    pub fn shows_old_life(&self, reset: &Reset, after: Instant) -> Option<&ClientExchange<'_>> {
        let registers = || self.registrations.iter().map(|registration| &self.client[registration.exchange]);
        registers().find(|exchange| {
            exchange.t0() > after
                && reset.shown.is_none_or(|shown| exchange.t0() < self.client[shown].t0())
                && self.goes_on(reset.asked, exchange)
        })
    }

    /// Whether the numbers of a Call-ID have no break from the last REGISTER before an instant to that one.
    fn goes_on(&self, since: Instant, exchange: &ClientExchange<'_>) -> bool {
        let registers = self.registrations.iter().map(|registration| &self.client[registration.exchange]);
        let same = registers
            .filter(|other| other.first().call_id == exchange.first().call_id && other.t0() <= exchange.t0());
        let (before, after): (Vec<_>, Vec<_>) = same.partition(|other| other.t0() < since);
        let chain: Vec<Option<u32>> =
            before.last().into_iter().chain(&after).map(|register| register.cseq()).collect();
        let follows = |pair: &[Option<u32>]| pair[0].is_some_and(|last| last.checked_add(1) == pair[1]);
        !before.is_empty() && chain.windows(2).all(follows)
    }

    /// Whether only a phone that has just started sends that REGISTER: its Call-ID, or its port over UDP, is
    /// another than before at the same server (RFC 3261 section 10.2.4), or it takes back the binding that
    /// the phone works with.
    fn shows_a_start(&self, at: usize) -> bool {
        let exchange = &self.client[at];
        let Some(registration) = self.registration(at) else { return false };
        match registration.purpose {
            Purpose::Unregister => self.place_of(exchange).is_some_and(|place| {
                let set = self.set_of(place);
                let stood = self.line_stands_at(&registration.aor, &set, exchange.t0());
                stood.is_some_and(|stood| stood.place == place)
            }),
            Purpose::Keepalive | Purpose::Query => false,
            Purpose::Initial | Purpose::Refresh => {
                let earlier = self.registrations.iter().filter(|other| {
                    let other_exchange = &self.client[other.exchange];
                    other.aor == registration.aor
                        && other.purpose.is_attempt()
                        && other_exchange.to == exchange.to
                        && other_exchange.t0() < exchange.t0()
                });
                let last = earlier.map(|other| &self.client[other.exchange]).max_by_key(|other| other.t0());
                last.is_some_and(|last| is_another_life(last, exchange))
            }
        }
    }
}

fn is_another_life(before: &ClientExchange<'_>, after: &ClientExchange<'_>) -> bool {
    let over_udp = (before.transport, after.transport) == (Transport::Udp, Transport::Udp);
    before.first().call_id != after.first().call_id || (over_udp && before.from != after.from)
}
