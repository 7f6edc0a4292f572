//! How a Contact is really reached: over the path on which it was last heard of. A node forwards
//! to peers it knows and to nobody else.

use std::collections::BTreeMap;
use std::net::SocketAddr;

use sipfarm_core::machine::Transport;
use sipfarm_core::sip::Uri;

use crate::farm::stack::{Path, Shares, Stack};

/// So many contacts are remembered; the one heard of least recently is forgotten first, and before it one of
/// an address that crowds the others.
const FLOWS_MAX: usize = 512;

/// Contacts by URI.
#[derive(Debug, Default)]
pub(super) struct Flows {
    by_contact: BTreeMap<String, Flow>,
    shares: Shares,
    heard: u64,
}

/// A way to a contact.
#[derive(Debug, Clone)]
pub(super) struct Flow {
    /// Where messages of this contact come from.
    path: Path,
    /// What the contact says of itself, when that is an address.
    address: Option<SocketAddr>,
    /// Over what it wants to be reached.
    transport: Transport,
    heard: u64,
}

impl Flow {
    pub(super) fn new(contact: &Uri, path: Path) -> Self {
        let asked = contact.transport().filter(|transport| transport.is_reliable());
        let transport = asked.unwrap_or(path.transport);
        Flow { path, address: contact.socket_addr(), transport, heard: 0 }
    }

    /// Where to send now: over the peer's own connection while it is open.
    pub(super) fn path(&self, stack: &Stack) -> Path {
        let open = self.path.stream.is_some_and(|stream| stack.is_open(stream));
        let remote = self.address.unwrap_or(self.path.remote);
        match self.transport {
            transport if transport.is_reliable() && open => self.path,
            Transport::Tcp | Transport::Tls => Path::stream(self.transport, remote),
            Transport::Udp => Path::udp(remote),
        }
    }

    /// Where it was heard from.
    pub(super) fn source(&self) -> Path {
        self.path
    }
}

impl Flows {
    /// Takes note of where a contact was heard from.
    pub(super) fn learn(&mut self, contact: &Uri, path: Path) {
        self.heard += 1;
        let flow = Flow { heard: self.heard, ..Flow::new(contact, path) };
        self.shares.add(path.remote.ip());
        if let Some(before) = self.by_contact.insert(name(contact), flow) {
            self.shares.remove(before.path.remote.ip());
        }
        if self.by_contact.len() > FLOWS_MAX {
            self.forget_one();
        }
    }

    fn forget_one(&mut self) {
        let in_turn = |(_, flow): &(&String, &Flow)| (!self.shares.crowds(flow.path.remote.ip()), flow.heard);
        let Some(name) = self.by_contact.iter().min_by_key(in_turn).map(|(name, _)| name.clone()) else {
            return;
        };
        if let Some(flow) = self.by_contact.remove(&name) {
            self.shares.remove(flow.path.remote.ip());
        }
    }

    /// The way to a contact that was heard of.
    pub(super) fn find(&self, contact: &Uri) -> Option<&Flow> {
        self.by_contact.get(&name(contact))
    }
}

/// Parameters do not tell contacts apart.
fn name(contact: &Uri) -> String {
    let user = contact.user.as_deref().unwrap_or_default();
    format!("{user}@{}:{}", contact.host.to_string().to_ascii_lowercase(), contact.port.unwrap_or(5060))
}
