//! What a server does that is tired of idle connections, or was reloaded: those that are open when the
//! fault begins are closed, once. The port stays open, new connections are served, UDP works on.

use super::declare::{fault, words};
use super::{OpenStreams, Rule};

fault! {
    /// Closes the TCP connections that are open, and serves new ones.
    pub struct TcpClose = "tcp-close", acts on Ports {
        /// how: fin, reset
        with: How = "fin",
    }
}

words! {
    /// As the user writes it.
    enum How {
        Fin = "fin",
        Reset = "reset",
    }
    expected "one of: fin, reset"
}

impl Rule for TcpClose {
    fn open_streams(&self) -> OpenStreams {
        match self.with {
            How::Fin => OpenStreams::Finish,
            How::Reset => OpenStreams::Reset,
        }
    }

    fn hides_from_sockets(&self) -> bool {
        true
    }
}

#[cfg(test)]
mod tests {
    use sipfarm_core::machine::StreamEnd;

    use crate::farm::testing::{Lab, over_tcp, register};

    #[test]
    fn open_connections_end_as_asked() {
        for (words, end, what) in [
            ("tcp-close", StreamEnd::Fin, "node > phone: FIN"),
            ("tcp-close with=fin", StreamEnd::Fin, "node > phone: FIN"),
            ("tcp-close with=reset", StreamEnd::Reset, "node > phone: RST"),
        ] {
            let mut lab = Lab::new();
            lab.connect();
            lab.forget();
            lab.fault_on(words);
            lab.run_s(1);
            assert_eq!(lab.stream_end(), Some(end), "{words}");
            assert_eq!(lab.lines().first().map(String::as_str), Some(what), "{words}");
        }
    }

    #[test]
    fn new_connections_and_udp_are_served_meanwhile() {
        let mut lab = Lab::new();
        lab.connect();
        lab.fault_on("tcp-close with=reset");
        lab.run_s(1);
        lab.say(&register(1));
        lab.connect();
        lab.say_tcp(&over_tcp(register(2)));
        lab.run_s(60);
        let answers: Vec<_> = lab.heard().iter().filter_map(|r| r.status()).collect();
        assert_eq!(answers, [200, 200]);
    }

    #[test]
    fn its_end_changes_nothing() {
        let mut lab = Lab::new();
        lab.fault_on("tcp-close");
        lab.connect();
        lab.fault_off("tcp-close");
        lab.run_s(1);
        assert_eq!(lab.stream_end(), None, "a connection that came after it");
    }
}
