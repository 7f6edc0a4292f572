//! What a server does that hangs behind its TCP stack: the connection opens, the kernel acknowledges the
//! ClientHello, and that is all. Only the phone's own patience ends it.
//!
//! Connections that are open stay as they are: `tcp-close` or `restart` ends them.

use sipfarm_core::machine::TlsManner;

use super::Rule;
use super::declare::fault;

fault! {
    /// Accepts TCP for TLS and never answers the ClientHello.
    pub struct TlsStall = "tls-stall", acts on Ports {}
}

impl Rule for TlsStall {
    fn tls_manner(&self) -> Option<TlsManner> {
        Some(TlsManner::Stall)
    }
}

#[cfg(test)]
mod tests {
    use crate::farm::testing::{Lab, register};

    #[test]
    fn the_client_hello_stays_unanswered_and_udp_is_served() {
        let mut lab = Lab::with_tls();
        lab.fault_on("tls-stall");
        lab.connect_tls();
        lab.run_s(20);
        assert_eq!(lab.lines(), ["phone > node: SYN", "node > phone: SYN-ACK", "phone > node: ClientHello"]);
        lab.say(&register(1));
        lab.run_s(1);
        assert_eq!(lab.last().status(), Some(200));
    }

    #[test]
    fn a_new_connection_is_answered_when_the_fault_ends() {
        let mut lab = Lab::with_tls();
        lab.fault_on("tls-stall");
        lab.connect_tls();
        lab.fault_off("tls-stall");
        lab.connect_tls();
        assert!(lab.lines().contains(&"phone > node: Finished".to_owned()));
    }
}
