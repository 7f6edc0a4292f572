//! The ports stay bound and the kernel still completes TCP handshakes, so no ICMP and no RST
//! leaves the host: nothing does but the kernel's own TCP acknowledgements. Retransmissions that
//! were in flight stop too. When it ends, transactions that have not timed out go on.
//!
//! Not to be confused with `closed`.

use super::declare::fault;
use super::{Action, Rule, Seen};

fault! {
    /// Stays bound and says nothing: what comes in is swallowed, nothing goes out.
    pub struct Silent = "silent", acts on Messages {}
}

impl Rule for Silent {
    fn see(&mut self, _: &Seen<'_>) -> Option<Action> {
        Some(Action::Drop)
    }

    fn is_mute(&self) -> bool {
        true
    }
}
