//! Whether the phone is registered with a server, as far as the packets tell.

use std::collections::BTreeMap;
use std::net::SocketAddr;

use sipfarm_core::Instant;
use sipfarm_core::machine::Transport;

use super::register::{Grant, Purpose};
use super::{Case, ClientExchange, status};

const NEVER: &str = "and no REGISTER there was accepted before";

impl Case<'_> {
    /// Why the line that a request is of has no binding where it goes, in words that follow a comma; `None`
    /// where it has one, or where it may be of a line that has.
    pub fn not_registered(&self, request: &ClientExchange<'_>) -> Option<String> {
        let (server, at) = (request.to, request.t0());
        let lines = self.lines_of(request);
        let whys: Option<Vec<String>> = lines.iter().map(|aor| self.not_bound(aor, server, at)).collect();
        whys.map(|whys| whys.into_iter().next().unwrap_or_else(|| NEVER.to_owned()))
    }

    fn not_bound(&self, aor: &str, server: SocketAddr, at: Instant) -> Option<String> {
        let last = self.grants_at(server, at).get(aor).copied();
        let Some(last) = last else { return Some(NEVER.to_owned()) };
        let over = last.last + last.expires;
        if at > over + self.limits.reaction() {
            return Some(format!("{:.2} after the registration there had run out", at - over));
        }
        let mut unregisters =
            self.registrations.iter().filter(|r| r.purpose == Purpose::Unregister && r.aor == aor);
        let taken_back = unregisters.any(|r| {
            let exchange = &self.client[r.exchange];
            let accepted =
                exchange.final_response().filter(|response| (200..300).contains(&status(response)));
            exchange.to == server
                && accepted.is_some_and(|r| r.at > last.last && r.at + self.limits.reaction() < at)
        });
        taken_back.then(|| "after the phone had taken its registration there back".to_owned())
    }

    /// Where else the line that a request is of has gone with the binding that it had where the request
    /// goes, in words that follow a comma; `None` where it has kept it, or may have. Of two bindings at
    /// once, each counts along its own servers.
    pub fn moved_from(&self, request: &ClientExchange<'_>) -> Option<String> {
        let (server, at) = (request.to, request.t0());
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
        let lines = self.lines_of(request);
        let mut bindings = self.grants_at(server, at);
        bindings.retain(|aor, _| lines.contains(aor));
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
