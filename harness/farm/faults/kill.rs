//! The process is gone and its host is up: every socket is closed, those of the audio too, and what was in
//! memory is lost. When the fault ends, the node is back and knows nobody. `closed` keeps the memory, and
//! `restart` takes no time.

use sipfarm_core::machine::{PortState, Transport};

use super::declare::fault;
use super::{Action, OpenStreams, Rule, Seen};

fault! {
    /// Kills the node: every socket closes, connections are reset, and it forgets everybody and everything.
    pub struct Kill = "kill", acts on Ports {}
}

impl Rule for Kill {
    /// Nobody is there: nothing is heard, nothing is said.
    fn follow_up(&mut self, _: &Seen<'_>) -> Option<Action> {
        Some(Action::Drop)
    }

    fn port_state(&self, _: Transport) -> Option<PortState> {
        Some(PortState::Closed)
    }

    fn open_streams(&self) -> OpenStreams {
        OpenStreams::Reset
    }

    fn forgets_everything(&self) -> bool {
        true
    }

    fn is_mute(&self) -> bool {
        true
    }
}

#[cfg(test)]
mod tests {
    use std::net::SocketAddr;

    use sipfarm_core::machine::StreamEnd;

    use crate::farm::testing::{Lab, NODE, invite, register};

    #[test]
    fn the_kernel_answers_for_whoever_is_gone() {
        let mut lab = Lab::new();
        lab.fault_on("kill");
        lab.say(&register(1));
        lab.run_s(1);
        assert_eq!(lab.lines(), ["phone > node: REGISTER", "node > phone: ICMP 3/3"]);
        lab.forget();
        lab.connect();
        assert_eq!(lab.lines(), ["phone > node: SYN", "node > phone: RST"]);
    }

    #[test]
    fn connections_that_are_open_are_reset() {
        let mut lab = Lab::new();
        lab.connect();
        lab.fault_on("kill");
        lab.run_s(1);
        assert_eq!(lab.stream_end(), Some(StreamEnd::Reset));
    }

    #[test]
    fn the_sockets_of_the_audio_close_too() {
        let mut lab = Lab::new();
        lab.node(|node, _| node.anchor_audio());
        lab.say(&invite(1));
        lab.run_s(1);
        lab.fault_on("kill");
        lab.forget();
        lab.talk(SocketAddr::new(NODE.ip(), 30_000));
        lab.run_ms(10);
        // To the phone, and to the far end, which goes on talking.
        let left = lab.left_the_node();
        assert!(!left.is_empty() && left.iter().all(|frame| frame == "ICMP"), "{left:?}");
    }

    #[test]
    fn when_it_ends_the_node_is_back_and_knows_nobody() {
        let mut lab = Lab::new();
        lab.register();
        lab.fault_on("kill");
        lab.run_s(1);
        lab.fault_off("kill");
        assert_eq!(lab.node(|node, _| node.bindings().len()), 0);
        lab.say(&register(2));
        lab.run_s(1);
        assert_eq!(lab.last().status(), Some(200));
    }
}
