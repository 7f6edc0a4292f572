//! UDP works on.

use super::declare::{fault, words};
use super::{Action, DnsAction, NodeKind, Rule, Seen, SeenDns};

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
        (self.when == When::Request && seen.transport.is_reliable()).then_some(Action::Reset)
    }

    fn see_dns(&mut self, seen: &SeenDns<'_>) -> Option<DnsAction> {
        (self.when == When::Request && seen.transport.is_reliable()).then_some(DnsAction::Reset)
    }

    fn fits(&self, node: NodeKind) -> bool {
        node != NodeKind::FarEnd
    }

    fn hides_from_sockets(&self) -> bool {
        true
    }

    fn resets_accepted(&self) -> bool {
        self.when == When::Accept
    }
}

#[cfg(test)]
mod tests {
    use sipfarm_core::machine::StreamEnd;

    use crate::farm::testing::{Lab, over_tcp, register};

    #[test]
    fn on_accept_the_handshake_ends_in_rst() {
        let mut lab = Lab::new();
        lab.fault_on("tcp-reset");
        lab.connect();
        assert_eq!(lab.lines(), ["phone > node: SYN", "node > phone: SYN-ACK", "node > phone: RST"]);
        assert_eq!(lab.stream_end(), Some(StreamEnd::Reset));
    }

    #[test]
    fn on_request_the_request_is_answered_with_rst_and_udp_is_served() {
        let mut lab = Lab::new();
        lab.fault_on("tcp-reset when=request method=REGISTER");
        lab.connect();
        assert_eq!(lab.stream_end(), None);
        lab.say_tcp(&over_tcp(register(1)));
        lab.run_s(1);
        assert_eq!(lab.stream_end(), Some(StreamEnd::Reset));
        assert!(lab.heard().is_empty());
        lab.say(&register(2));
        lab.run_s(1);
        assert_eq!(lab.last().status(), Some(200));
    }

    #[test]
    fn first_counts_connections() {
        let mut lab = Lab::new();
        lab.fault_on("tcp-reset first=1");
        lab.connect();
        assert_eq!(lab.stream_end(), Some(StreamEnd::Reset));
        lab.forget();
        lab.connect();
        lab.say_tcp(&over_tcp(register(1)));
        lab.run_s(1);
        assert_eq!(lab.last().status(), Some(200));
    }
}
