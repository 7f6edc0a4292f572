//! A node: registrar of its domain, and proxy between the phone and the far end.

use std::any::Any;
use std::collections::VecDeque;
use std::net::SocketAddr;

use sipfarm_core::Instant;
use sipfarm_core::machine::{Input, Machine, Output, PortState, Transport};

use super::faults::{Chain, FaultError, FaultId, FaultSpec};

/// What a node is.
#[derive(Debug, Clone)]
pub struct NodeConfig {
    /// Its name in scenarios: `primary`, `secondary`, `fallback` or any other.
    pub name: String,
    /// Where it listens, over UDP and TCP.
    pub addr: SocketAddr,
    /// The domain that it serves.
    pub domain: String,
    /// The one user that it has.
    pub account: Account,
    /// Whether REGISTER is challenged with 401.
    pub challenge: bool,
    /// The expiry that it grants, in seconds; `None` grants what is asked, at most an hour.
    pub expires_s: Option<u32>,
    /// Where requests for everybody else go.
    pub far_end: SocketAddr,
    /// From it come tags, nonces and the draws of faults.
    pub seed: u64,
}

/// A user and the password of his digest.
#[derive(Debug, Clone)]
pub struct Account {
    /// User part of the AOR, and user name of the digest.
    pub user: String,
    /// The password.
    pub password: String,
}

/// Where a user can be reached, until when.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Binding {
    /// The URI of Contact as it was registered.
    pub contact: String,
    /// When it ends.
    pub until: Instant,
    /// Where the REGISTER came from.
    pub from: SocketAddr,
    /// Over what.
    pub transport: Transport,
}

/// A registrar and proxy of the farm.
pub struct Node {
    config: NodeConfig,
    chain: Chain,
    outputs: VecDeque<Output>,
}

impl Node {
    /// A node that listens as soon as it is driven.
    pub fn new(config: NodeConfig) -> Self {
        let open = |transport| Output::SetPort { transport, local: config.addr, state: PortState::Open };
        let outputs = [Transport::Udp, Transport::Tcp].map(open).into();
        Node { chain: Chain::new(config.seed), config, outputs }
    }

    /// Its name.
    pub fn name(&self) -> &str {
        &self.config.name
    }

    /// Switches a fault on, behind those that are on already.
    ///
    /// # Errors
    /// None for a fault that was checked when it was read.
    pub fn fault_on(&mut self, fault: &FaultSpec, _now: Instant) -> Result<FaultId, FaultError> {
        self.chain.add(fault)
    }

    /// Switches off every fault of that name and says how many there were.
    pub fn fault_off(&mut self, name: &str, _now: Instant) -> usize {
        self.chain.remove(|_, spec| spec.name() == name).len()
    }

    /// Switches all faults off.
    pub fn faults_off(&mut self, _now: Instant) {
        self.chain.remove(|_, _| true);
    }

    /// The faults that are on, in order.
    pub fn faults(&self) -> impl Iterator<Item = (FaultId, &FaultSpec)> {
        self.chain.active()
    }

    /// The expiry granted from now on, in seconds; `None` grants what is asked, at most an hour.
    pub fn set_expires(&mut self, expires_s: impl Into<Option<u32>>) {
        self.config.expires_s = expires_s.into();
    }

    /// Where the account can be reached.
    pub fn bindings(&self) -> Vec<Binding> {
        Vec::new()
    }
}

impl Machine for Node {
    fn handle(&mut self, _input: Input, _now: Instant) {}

    fn poll_output(&mut self) -> Option<Output> {
        self.outputs.pop_front()
    }

    fn deadline(&self) -> Option<Instant> {
        None
    }

    fn as_any_mut(&mut self) -> &mut dyn Any {
        self
    }
}
