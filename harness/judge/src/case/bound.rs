//! Whether the phone is registered with a server, as far as the packets tell.

use std::collections::BTreeMap;
use std::net::SocketAddr;

use sipfarm_core::Instant;
use sipfarm_core::machine::Transport;

use super::register::{Grant, Purpose};
use super::{Case, status};

impl Case<'_> {
    /// Why the phone has no binding at that address then, in words that follow a comma; `None` where it has
    /// one.
    pub fn not_registered_at(&self, server: SocketAddr, at: Instant) -> Option<String> {
        let last = self.grants_at(server, at).into_values().max_by_key(|grant| grant.last);
        let Some(last) = last else { return Some("and no REGISTER there was accepted before".to_owned()) };
        let over = last.last + last.expires;
        if at > over + self.limits.reaction() {
            return Some(format!("{:.2} after the registration there had run out", at - over));
        }
        let taken_back = self.registrations.iter().filter(|r| r.purpose == Purpose::Unregister).any(|r| {
            let exchange = &self.client[r.exchange];
            let accepted =
                exchange.final_response().filter(|response| (200..300).contains(&status(response)));
            exchange.to == server
                && accepted.is_some_and(|r| r.at > last.last && r.at + self.limits.reaction() < at)
        });
        taken_back.then(|| "after the phone had taken its registration there back".to_owned())
    }

    /// Where else the phone has gone with every binding that it had at that address by then, in words
    /// that follow a comma; `None` where it has kept one. Of two bindings at once, each counts along its
    /// own servers.
    pub fn moved_from(&self, server: SocketAddr, at: Instant) -> Option<String> {
        let set = self.set_of(self.names.place(server, Transport::Udp)?);
        let moved = |aor: &str, since: Instant| {
            self.registrations.iter().find(|registration| {
                let exchange = &self.client[registration.exchange];
                let known = |grant: &Grant| grant.first > since && grant.first + self.limits.reaction() < at;
                registration.aor == aor
                    && registration.granted.as_ref().is_some_and(known)
                    && exchange.to != server
                    && self.place_of(exchange).is_some_and(|place| set.contains(&place))
            })
        };
        let bindings = self.grants_at(server, at);
        let gone: Option<Vec<_>> = bindings.iter().map(|(aor, grant)| moved(aor, grant.first)).collect();
        let exchange = &self.client[gone?.first()?.exchange];
        let whom = self.names.show(exchange.to, exchange.transport);
        let packet = exchange.final_response().map_or(0, |response| response.packet());
        Some(format!("after the phone had registered with {whom} instead (packet {packet})"))
    }

    /// The last binding of each AOR that a server had granted by then.
    fn grants_at(&self, server: SocketAddr, at: Instant) -> BTreeMap<&str, Grant> {
        let there = self.registrations.iter().filter(|r| self.client[r.exchange].to == server);
        there
            .filter_map(|r| Some((r.aor.as_str(), r.granted?)))
            .filter(|(_, grant)| grant.first <= at)
            .collect()
    }
}
