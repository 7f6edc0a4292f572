//! The ports stay bound and the kernel still completes TCP handshakes, so no ICMP and no RST
//! leaves the host: nothing does but the kernel's own TCP acknowledgements. Retransmissions that
//! were in flight stop too. When it ends, transactions that have not timed out go on.
//!
//! Not to be confused with `closed`.

use super::declare::fault;
use super::{Action, DnsAction, NodeKind, Rule, Seen, SeenDns};

fault! {
    /// Stays bound and says nothing: what comes in is swallowed, nothing goes out.
    pub struct Silent = "silent", acts on Messages {}
}

impl Rule for Silent {
    fn see(&mut self, _: &Seen<'_>) -> Option<Action> {
        Some(Action::Drop)
    }

    fn see_dns(&mut self, _: &SeenDns<'_>) -> Option<DnsAction> {
        Some(DnsAction::Drop)
    }

    fn fits(&self, node: NodeKind) -> bool {
        node != NodeKind::FarEnd
    }

    fn is_mute(&self) -> bool {
        true
    }
}

#[cfg(test)]
mod tests {
    use crate::farm::testing::{Lab, invite, over_tcp, register};

    #[test]
    fn nothing_leaves_the_host_over_udp() {
        let mut lab = Lab::new();
        lab.fault_on("silent");
        lab.say(&register(1));
        lab.say(&invite(2));
        lab.run_s(100);
        assert_eq!(lab.lines(), ["phone > node: REGISTER", "phone > node: INVITE"]);
        assert!(lab.left_the_node().is_empty(), "not even ICMP");
    }

    #[test]
    fn over_tcp_only_the_kernel_says_something() {
        let mut lab = Lab::new();
        lab.fault_on("silent");
        lab.connect();
        lab.say_tcp(&over_tcp(register(1)));
        lab.output(sipfarm_core::machine::Output::StreamData {
            stream: sipfarm_core::machine::StreamId(1),
            data: b"\r\n\r\n".to_vec(),
        });
        lab.output(sipfarm_core::machine::Output::StreamData {
            stream: sipfarm_core::machine::StreamId(1),
            data: vec![b'x'; 100_000], // longer than a head may be
        });
        lab.run_s(100);
        let left = lab.left_the_node();
        assert_eq!(left[0], "TCP SYN-ACK");
        assert!(left[1..].iter().all(|frame| frame == "TCP ACK"), "{left:?}");
        assert_eq!(lab.stream_end(), None, "the connection stays open");
    }

    #[test]
    fn retransmissions_in_flight_stop() {
        let mut lab = Lab::new();
        lab.fault_on("status code=503");
        lab.say(&invite(1));
        lab.run_s(2);
        assert_eq!(lab.times("503 INVITE"), [0.0, 0.5, 1.5]);
        lab.fault_on("silent");
        lab.forget();
        lab.run_s(20);
        assert!(lab.left_the_node().is_empty());
    }

    #[test]
    fn it_speaks_again_when_the_fault_ends() {
        let mut lab = Lab::new();
        lab.fault_on("silent");
        lab.say(&register(1));
        lab.run_s(1);
        lab.fault_off("silent");
        lab.run_s(1);
        assert!(lab.left_the_node().is_empty(), "what was swallowed is gone");
        lab.say(&register(1));
        lab.run_s(1);
        assert_eq!(lab.last().status(), Some(200));
    }
}
