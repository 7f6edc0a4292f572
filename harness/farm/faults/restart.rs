//! What was in the node's memory is gone: bindings, nonces, subscriptions, calls and transactions, and in a
//! resilience group what the other system has sent; and its connections are closed. It happens once, when the fault begins, and takes no time; for a node that
//! is away for a while, let `closed` begin and end around it.

use super::declare::{fault, words};
use super::{OpenStreams, Rule};

fault! {
    /// Restarts the node: it forgets everybody and everything, and closes its TCP connections.
    pub struct Restart = "restart", acts on Ports {
        /// how TCP connections end: reset, fin
        streams: How = "reset",
    }
}

words! {
    /// As the user writes it.
    enum How {
        Reset = "reset",
        Fin = "fin",
    }
    expected "one of: reset, fin"
}

impl Rule for Restart {
    fn open_streams(&self) -> OpenStreams {
        match self.streams {
            How::Reset => OpenStreams::Reset,
            How::Fin => OpenStreams::Finish,
        }
    }

    fn forgets_everything(&self) -> bool {
        true
    }

    fn hides_from_sockets(&self) -> bool {
        true
    }
}

#[cfg(test)]
mod tests {
    use sipfarm_core::machine::StreamEnd;

    use crate::farm::NodeConfig;
    use crate::farm::testing::{Lab, NODE, authorization, invite, register};

    #[test]
    fn bindings_are_gone_and_can_be_made_anew() {
        let mut lab = Lab::new();
        lab.say(&register(1));
        lab.run_s(1);
        assert_eq!(lab.node(|node, _| node.bindings().len()), 1);
        lab.fault_on("restart");
        assert_eq!(lab.node(|node, _| node.bindings().len()), 0);
        lab.say(&register(2));
        lab.run_s(1);
        assert_eq!(lab.last().status(), Some(200));
        assert_eq!(lab.node(|node, _| node.bindings().len()), 1);
    }

    #[test]
    fn transactions_are_gone() {
        let mut lab = Lab::new();
        lab.fault_on("status code=486 method=INVITE");
        lab.say(&invite(1));
        lab.run_ms(100);
        lab.fault_on("restart");
        lab.forget();
        lab.run_s(40);
        assert!(lab.left_the_node().is_empty(), "the refusal is not repeated");
        assert_eq!(lab.node(|node, _| node.transactions()), 0);
    }

    #[test]
    fn nonces_from_before_are_stale() {
        let mut lab = Lab::with(|config| config.challenge = true);
        lab.say(&register(1));
        lab.run_s(1);
        let challenge = lab.last();
        let answer = authorization(&challenge, &NodeConfig::alone(NODE, NODE).account.password);
        lab.fault_on("restart");
        lab.say(&register(2).header("Authorization", &answer));
        lab.run_s(1);
        assert_eq!(lab.last().status(), Some(401));
        assert!(lab.last().header("WWW-Authenticate").is_some_and(|again| again.contains("stale=true")));
    }

    #[test]
    fn connections_end_as_asked() {
        for (words, end) in [("restart", StreamEnd::Reset), ("restart streams=fin", StreamEnd::Fin)] {
            let mut lab = Lab::new();
            lab.connect();
            lab.fault_on(words);
            lab.run_s(1);
            assert_eq!(lab.stream_end(), Some(end), "{words}");
        }
    }

    #[test]
    fn a_node_that_was_restarted_remembers_what_is_new() {
        let mut lab = Lab::new();
        lab.fault_on("restart");
        lab.say(&register(1));
        lab.run_s(1);
        lab.fault_off("restart");
        assert_eq!(lab.node(|node, _| node.bindings().len()), 1);
    }
}
