//! Where a line of the phone stayed, and for how long: the stretches between its moves from one server to
//! another.

use std::ops::Range;

use sipfarm_core::machine::Transport;
use sipfarm_core::{Instant, Key};

use super::attempt::Outcome;
use super::connect::Connected;
use super::{Case, ClientExchange};

/// A stretch of time in which a line stood with one server.
#[derive(Debug, Clone, Copy)]
pub struct Stay<'c> {
    /// The line's AOR.
    pub aor: &'c str,
    /// The server's place in the order.
    pub place: usize,
    /// The place of the first server that the line goes along.
    pub home: usize,
    /// The exchange that brought the first binding there.
    pub exchange: usize,
    /// When that was granted.
    pub from: Instant,
    /// When the line came to another server, or was told to start or stop, or its binding ran out;
    /// [`Instant::FAR_FUTURE`] while none of that is seen.
    pub to: Instant,
}

impl Case<'_> {
    /// The stays of each line along a group of servers, in order of time.
    pub fn stays(&self, set: &Range<usize>) -> Vec<Stay<'_>> {
        let mut stays = Vec::new();
        for (aor, standings) in self.standings_by_line(set) {
            for (index, standing) in standings.iter().enumerate() {
                if index > 0 && standings[index - 1].place == standing.place {
                    continue;
                }
                let from = standing.grant.first;
                let later = &standings[index..];
                let left =
                    later.iter().find(|next| next.place != standing.place).map(|next| next.grant.first);
                let there = later.iter().take_while(|next| next.place == standing.place);
                let ends = there.map(|next| next.grant.last + next.grant.expires).max();
                let told = self.notes.when_commanded(Key::is_for_registration).filter(|at| *at > from).min();
                let reset = self.resets().iter().map(|reset| reset.asked).filter(|at| *at > from).min();
                let to = left.into_iter().chain(ends).chain(told).chain(reset).min();
                stays.push(Stay {
                    aor,
                    place: standing.place,
                    home: set.start,
                    exchange: standing.exchange,
                    from,
                    to: to.unwrap_or(Instant::FAR_FUTURE),
                });
            }
        }
        stays
    }

    /// When the phone first knew that the server at that place had failed it, of what it asked there within
    /// a stretch of time: a refused connection, an ICMP error, a refusal that means the server, or silence
    /// for as long as the phone may wait.
    pub fn known_failure(&self, place: usize, from: Instant, to: Instant) -> Option<Instant> {
        let between = |at: Instant| at >= from && at <= to;
        let asked = self.client.iter().filter(|e| between(e.t0()) && self.place_of(e) == Some(place));
        let node = self.names.order().get(place).and_then(|name| self.names.node(name));
        let connects = self
            .connects
            .iter()
            .filter(|connect| between(connect.at) && node.is_some_and(|node| node.addr == connect.to));
        let refused = connects.filter_map(|connect| match connect.outcome {
            Connected::Refused(at) => Some(at),
            Connected::Open(_) | Connected::Unanswered => None,
        });
        asked.filter_map(|exchange| self.failed_by(exchange)).chain(refused).filter(|at| between(*at)).min()
    }

    /// When the phone knew that the server of an exchange had failed it; `None` where it has not.
    pub fn failed_by(&self, exchange: &ClientExchange<'_>) -> Option<Instant> {
        match exchange.outcome() {
            Outcome::Final(408 | 500..=599) => exchange.final_response().map(|response| response.at),
            Outcome::Final(_) => None,
            Outcome::Unreachable => exchange.failures.first().map(|failure| failure.at),
            Outcome::Silence | Outcome::Provisional => {
                Some(self.patience_of(exchange).latest(self, exchange.t0()))
            }
        }
    }

    /// Whether anything that the phone asked of the server at that place within a stretch of time failed, or
    /// may have, or the server closed a connection, which a phone may take for a failure (CC-04, YL-07).
    pub fn may_have_failed(&self, place: usize, from: Instant, to: Instant) -> bool {
        let between = |at: Instant| at >= from && at <= to;
        let node = self.names.order().get(place).and_then(|name| self.names.node(name));
        let is_there = |addr, transport| self.names.place(addr, transport) == Some(place);
        let closed = || {
            self.closed_by_others().any(|close| between(close.at) && is_there(close.other, Transport::Tcp))
        };
        let unreachable =
            || self.unreachable.iter().any(|(at, addr)| between(*at) && is_there(*addr, Transport::Udp));
        let connects = || {
            self.connects.iter().any(|connect| {
                between(connect.at)
                    && node.is_some_and(|node| node.is_at(connect.to))
                    && !matches!(connect.result(), Connected::Open(_))
            })
        };
        self.failed_at(place, from, to) || connects() || closed() || unreachable()
    }

    /// Whether a connection that was refused would not be seen.
    pub fn hides_connects(&self) -> bool {
        !self.sight.frames && self.profile.transport.allowed.iter().any(|transport| transport.is_reliable())
    }
}
