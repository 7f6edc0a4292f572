//! UDP works on.

use sipfarm_core::machine::Transport;

use super::declare::{fault, words};
use super::{Action, Rule, Seen};

fault! {
    /// Resets TCP connections, as soon as they are open or when a request has come.
    pub struct TcpReset = "tcp-reset", acts on Requests {
        /// when: accept (as soon as the connection is open), request (when a request has come over it)
        when: When = "accept",
    }
}

words! {
    /// As the user writes it.
    enum When {
        Accept = "accept",
        Request = "request",
    }
    expected "one of: accept, request"
}

impl Rule for TcpReset {
    fn see(&mut self, seen: &Seen<'_>) -> Option<Action> {
        (self.when == When::Request && seen.transport == Transport::Tcp).then_some(Action::Reset)
    }

    fn resets_accepted(&self) -> bool {
        self.when == When::Accept
    }
}
