//! The host is up and its kernel says that nobody listens. Not to be confused with `silent`.

use sipfarm_core::machine::{PortState, Transport};

use super::declare::{fault, words};
use super::{Action, NodeKind, OpenStreams, Rule, Seen};

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

    fn fits(&self, node: NodeKind) -> bool {
        node != NodeKind::FarEnd
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

#[cfg(test)]
mod tests {
    use sipfarm_core::machine::StreamEnd;

    use crate::farm::testing::{Lab, over_tcp, register};

    #[test]
    fn over_udp_the_kernel_answers_icmp_port_unreachable() {
        let mut lab = Lab::new();
        lab.fault_on("closed");
        lab.say(&register(1));
        lab.run_s(1);
        assert_eq!(lab.lines(), ["phone > node: REGISTER", "node > phone: ICMP 3/3"]);
    }

    #[test]
    fn over_tcp_the_kernel_answers_rst() {
        let mut lab = Lab::new();
        lab.fault_on("closed");
        lab.connect();
        assert_eq!(lab.lines(), ["phone > node: SYN", "node > phone: RST"]);
    }

    #[test]
    fn open_connections_end_as_asked() {
        for (words, end) in [
            ("closed", Some(StreamEnd::Reset)),
            ("closed streams=fin", Some(StreamEnd::Fin)),
            ("closed streams=keep", None),
        ] {
            let mut lab = Lab::new();
            lab.connect();
            lab.fault_on(words);
            lab.run_s(1);
            assert_eq!(lab.stream_end(), end, "{words}");
        }
    }

    #[test]
    fn retransmissions_in_flight_stop() {
        let mut lab = Lab::new();
        lab.fault_on("status");
        lab.say(&crate::farm::testing::invite(1));
        lab.run_s(1);
        lab.fault_on("closed");
        lab.forget();
        lab.run_s(60);
        assert!(lab.left_the_node().is_empty());
    }

    #[test]
    fn the_ports_open_again_when_the_fault_ends() {
        let mut lab = Lab::new();
        lab.fault_on("closed");
        lab.fault_off("closed");
        lab.say(&register(1));
        lab.connect();
        lab.say_tcp(&over_tcp(register(2)));
        lab.run_s(1);
        let answers: Vec<_> = lab.heard().iter().filter_map(|r| r.status()).collect();
        assert_eq!(answers, [200, 200]);
    }
}
