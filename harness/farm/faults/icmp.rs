//! The error comes in the node's name and quotes the datagram that brought it about, as RFC 792 and
//! RFC 4443 want it, so that the phone's host knows whose it is. Only datagrams are answered so.
//!
//! RFC 3261 section 18.4 takes host, network, port and protocol unreachable and parameter problem for a
//! failure of the transport; source quench and time exceeded are to be ignored. With a wrong quotation
//! the error is about a datagram that was never sent, and nobody may believe it.
//!
//! On real sockets it needs a raw socket (`CAP_NET_RAW`). Prefer `closed` where the kernel's own port
//! unreachable will do.

use sipfarm_core::machine::{IcmpKind, Transport};

use super::declare::{Value, fault, words};
use super::{Action, Direction, Rule, Seen};

fault! {
    /// Answers datagrams with an ICMP error instead of serving them.
    pub struct Icmp = "icmp", acts on Messages {
        /// the type octet, in the family of the phone's address
        type_: Octet = "3",
        /// the code octet; 3/3 is port unreachable, over IPv6 that is 1/4
        code: Octet = "3",
        /// which datagram the error quotes: right (the one that came), wrong (one to another port, which was never sent)
        quote: Quote = "right",
    }
}

words! {
    /// As the user writes it.
    enum Quote {
        Right = "right",
        Wrong = "wrong",
    }
    expected "one of: right, wrong"
}

#[derive(Debug, Clone, Copy)]
struct Octet(u8);

impl Value for Octet {
    const EXPECTED: &'static str = "a number from 0 to 255";
    fn read(text: &str) -> Option<Self> {
        text.parse().ok().map(Octet)
    }
}

impl Rule for Icmp {
    fn see(&mut self, seen: &Seen<'_>) -> Option<Action> {
        let kind = IcmpKind { v6: seen.peer.is_ipv6(), kind: self.type_.0, code: self.code.0 };
        let comes = seen.direction == Direction::In && seen.transport == Transport::Udp;
        comes.then_some(Action::Icmp { kind, right: self.quote == Quote::Right })
    }

    fn hides_from_sockets(&self) -> bool {
        true
    }
}

#[cfg(test)]
mod tests {
    use crate::farm::testing::{Lab, NODE, PHONE, invite, over_tcp, register};

    #[test]
    fn each_datagram_is_answered_with_the_error_and_nothing_else() {
        let mut lab = Lab::new();
        lab.fault_on("icmp type=3 code=1");
        lab.say(&register(1));
        lab.run_s(1);
        lab.say(&register(1));
        lab.run_s(40);
        let once = ["phone > node: REGISTER", "node > phone: ICMP 3/1"];
        assert_eq!(lab.lines(), [once, once].concat());
    }

    #[test]
    fn it_quotes_what_came_or_what_never_did() {
        for (words, right) in [("icmp", true), ("icmp quote=right", true), ("icmp quote=wrong", false)] {
            let mut lab = Lab::new();
            lab.fault_on(words);
            lab.say(&register(1));
            lab.run_s(1);
            let (transport, src, dst) = lab.quoted().expect("a quotation that can be read");
            assert_eq!((transport, src), (sipfarm_core::machine::Transport::Udp, PHONE));
            assert_eq!(dst == NODE, right, "{words}: {dst}");
        }
    }

    #[test]
    fn only_what_it_is_meant_for_and_only_over_udp() {
        let mut lab = Lab::new();
        lab.fault_on("icmp method=INVITE first=1");
        lab.say(&register(1));
        lab.run_s(1);
        assert_eq!(lab.last().status(), Some(200));
        lab.say(&invite(2));
        lab.run_s(1);
        lab.say(&invite(3));
        lab.run_s(1);
        assert_eq!(lab.lines().iter().filter(|line| line.contains("ICMP")).count(), 1);

        let mut lab = Lab::new();
        lab.fault_on("icmp");
        lab.connect();
        lab.say_tcp(&over_tcp(register(1)));
        lab.run_s(1);
        assert_eq!(lab.last().status(), Some(200));
    }

    #[test]
    fn it_ends() {
        let mut lab = Lab::new();
        lab.fault_on("icmp");
        lab.fault_off("icmp");
        lab.say(&register(1));
        lab.run_s(1);
        assert_eq!(lab.lines(), ["phone > node: REGISTER", "node > phone: 200 REGISTER"]);
    }
}
