//! The host is up and its kernel says that nobody listens. Not to be confused with `silent`.

use sipfarm_core::machine::{PortState, Transport};

use super::declare::{fault, words};
use super::{Action, OpenStreams, Rule, Seen};

fault! {
    /// Closes the ports: the kernel answers ICMP port unreachable over UDP and RST over TCP.
    pub struct Closed = "closed", acts on Ports {
        /// what becomes of TCP connections that are open: reset, fin, keep
        streams: Streams = "reset",
    }
}

words! {
    /// As the user writes it.
    enum Streams {
        Reset = "reset",
        Fin = "fin",
        Keep = "keep",
    }
    expected "one of: reset, fin, keep"
}

impl Rule for Closed {
    /// Nobody is there: nothing is heard, nothing is said.
    fn follow_up(&mut self, _: &Seen<'_>) -> Option<Action> {
        Some(Action::Drop)
    }

    fn port_state(&self, _: Transport) -> Option<PortState> {
        Some(PortState::Closed)
    }

    fn open_streams(&self) -> OpenStreams {
        match self.streams {
            Streams::Reset => OpenStreams::Reset,
            Streams::Fin => OpenStreams::Finish,
            Streams::Keep => OpenStreams::Keep,
        }
    }

    fn is_mute(&self) -> bool {
        true
    }
}
