//! How a Contact is really reached: over the path on which it was last heard of. A node forwards
//! to peers it knows and to nobody else.

use std::collections::BTreeMap;
use std::net::SocketAddr;

use sipfarm_core::machine::Transport;
use sipfarm_core::sip::Uri;

use crate::farm::stack::{Path, Stack};

/// So many contacts are remembered; the one heard of least recently is forgotten first.
const FLOWS_MAX: usize = 512;

/// Contacts by URI.
#[derive(Debug, Default)]
pub(super) struct Flows {
    by_contact: BTreeMap<String, Flow>,
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
        let tcp = contact.params.value("transport").is_some_and(|name| name.eq_ignore_ascii_case("tcp"));
        let transport = if tcp { Transport::Tcp } else { path.transport };
        Flow { path, address: contact.socket_addr(), transport, heard: 0 }
    }

    /// Where to send now: over the peer's own connection while it is open.
    pub(super) fn path(&self, stack: &Stack) -> Path {
        let open = self.path.stream.is_some_and(|stream| stack.is_open(stream));
        let remote = self.address.unwrap_or(self.path.remote);
        match self.transport {
            Transport::Tcp if open => self.path,
            Transport::Tcp => Path::tcp(remote, None),
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
        self.by_contact.insert(name(contact), flow);
        if self.by_contact.len() > FLOWS_MAX {
            let oldest = self.by_contact.iter().min_by_key(|(_, flow)| flow.heard);
            if let Some(oldest) = oldest.map(|(name, _)| name.clone()) {
                self.by_contact.remove(&oldest);
            }
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
