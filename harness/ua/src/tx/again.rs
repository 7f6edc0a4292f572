//! Transactions that begin again, to somewhere else or otherwise.

use sipfarm_core::Instant;
use sipfarm_core::machine::Transport;

use super::{ClientId, Target, Transactions};

impl Transactions {
    /// Requests that went over TCP for their length only go as datagrams after all where there is
    /// no TCP (section 18.1.1). Returns the others.
    pub(super) fn back_to_datagrams(&mut self, clients: Vec<ClientId>, now: Instant) -> Vec<ClientId> {
        let mut others = Vec::new();
        for id in clients {
            let Some(client) = self.clients.get_mut(&id) else { continue };
            let Some(target) = client.too_long_for.take() else {
                others.push(id);
                continue;
            };
            self.restart_at(id, target, now);
        }
        others
    }

    /// Only by defect: the same server without TLS. Returns those for which there is nothing left to do.
    pub(super) fn drop_to_clear_text(&mut self, clients: Vec<ClientId>, now: Instant) -> Vec<ClientId> {
        for id in clients {
            let Some(client) = self.clients.get(&id) else { continue };
            let mut addr = client.target.addr;
            addr.set_port(Transport::Udp.default_port());
            self.restart_at(id, Target { addr, transport: Transport::Udp }, now);
        }
        Vec::new()
    }

    /// Begins a transaction again, to somewhere else.
    fn restart_at(&mut self, id: ClientId, target: Target, now: Instant) {
        let Some(client) = self.clients.get_mut(&id) else { return };
        let via = self.transport.via(target.transport, client.branch());
        let request = client.request.rebuild().set("Via", via).build();
        let mut acts = Vec::new();
        client.restart(request, target, &self.habits, now, &mut acts);
        self.perform_client(id, acts, now);
    }
}
