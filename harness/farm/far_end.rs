//! The far end: the other party of a call, with an address of its own for signalling and media.

use std::any::Any;
use std::collections::VecDeque;
use std::net::SocketAddr;

use sipfarm_core::machine::{Input, Machine, Output, PortState, Transport};
use sipfarm_core::{Instant, Span};

/// What a far end is.
#[derive(Debug, Clone)]
pub struct FarEndConfig {
    /// Where it listens, over UDP and TCP, and where its media would be.
    pub addr: SocketAddr,
    /// The domain of its AOR and of those it calls.
    pub domain: String,
    /// Its user, such as `1002`.
    pub user: String,
    /// From it come branches, tags and Call-IDs.
    pub seed: u64,
}

/// What a far end does with an INVITE.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Behaviour {
    /// Answers with 200, after ringing with 180 when `after` is more than nothing.
    Answer {
        /// From INVITE to 200.
        after: Span,
    },
    /// Rings with 180 until the caller gives up.
    Ring,
    /// Answers with a final status code.
    Reject {
        /// 300 to 699.
        code: u16,
    },
    /// Says nothing at all, to no request.
    Silent,
}

/// The other party of a call.
pub struct FarEnd {
    #[allow(dead_code)]
    config: FarEndConfig,
    behaviour: Behaviour,
    outputs: VecDeque<Output>,
}

impl FarEnd {
    /// A far end that answers at once.
    pub fn new(config: FarEndConfig) -> Self {
        let open = |transport| Output::SetPort { transport, local: config.addr, state: PortState::Open };
        let outputs = [Transport::Udp, Transport::Tcp].map(open).into();
        FarEnd { config, behaviour: Behaviour::Answer { after: Span::ZERO }, outputs }
    }

    /// What it does with INVITEs from now on.
    pub fn behave(&mut self, behaviour: Behaviour) {
        self.behaviour = behaviour;
    }

    /// Calls a user of its domain through a node.
    pub fn call(&mut self, _through: SocketAddr, _user: &str, _now: Instant) {}

    /// Ends every call that is established, with BYE.
    pub fn hang_up(&mut self, _now: Instant) {}

    /// Takes back every call of its own that is not answered yet, with CANCEL.
    pub fn cancel(&mut self, _now: Instant) {}
}

impl Machine for FarEnd {
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
