//! A link that loses packets one way. Which are lost is fixed (the first `k` of every `n`) or, with
//! `probability`, drawn from the node's seed. Over TCP nothing is lost for good, so nothing is lost
//! here; `drop` loses messages over TCP, too, and in both directions at once.

use sipfarm_core::machine::Transport;

use super::declare::{Count, fault};
use super::{Action, Direction, Rule, Seen, group};

fault! {
    /// Loses datagrams of one direction, as a bad link does.
    pub struct Loss = "loss", acts on Messages {
        /// which way they are lost: in (towards the node), out (away from it)
        way: Direction = "in",
        /// how many of every n are lost
        k: Count = "1",
        /// how many datagrams make a group
        n: Count = "1",
    }
    state {
        /// Place in the group.
        place: u32,
    }
}

impl Rule for Loss {
    fn contradiction(&self) -> Option<String> {
        group::contradiction(self.k.0, self.n.0)
    }

    fn see(&mut self, seen: &Seen<'_>) -> Option<Action> {
        if seen.direction != self.way || seen.transport != Transport::Udp {
            return None;
        }
        group::is_next(&mut self.place, self.k.0, self.n.0).then_some(Action::Drop)
    }
}

#[cfg(test)]
mod tests {
    use crate::farm::testing::{Lab, over_tcp, register};

    /// Which of so many REGISTERs are answered, and how many bindings the node has seen.
    fn answered(words: &str, seed: u64, requests: u32) -> Vec<u32> {
        let mut lab = Lab::with(|config| config.seed = seed);
        lab.fault_on(words);
        for n in 1..=requests {
            lab.say(&register(n));
            lab.run_ms(100);
        }
        lab.heard().iter().filter_map(|response| Some(response.cseq()?.number)).collect()
    }

    #[test]
    fn one_direction_is_lost_and_the_other_is_not() {
        let bindings = |words: &str| {
            let mut lab = Lab::new();
            lab.fault_on(words);
            lab.say(&register(1));
            lab.run_s(1);
            (lab.heard().len(), lab.node(|node, _| node.bindings().len()))
        };
        assert_eq!(bindings("loss way=in"), (0, 0), "the node has not heard it");
        assert_eq!(bindings("loss way=out"), (0, 1), "the node has answered in vain");
    }

    #[test]
    fn the_first_k_of_every_n_are_lost() {
        assert_eq!(answered("loss way=in k=1 n=3", 7, 6), [2, 3, 5, 6]);
        assert_eq!(answered("loss way=out k=2 n=3", 7, 6), [3, 6]);
    }

    #[test]
    fn chance_comes_from_the_seed() {
        let some = answered("loss way=out probability=0.3", 7, 60);
        assert!(some.len() > 25 && some.len() < 58, "about seven of ten: {some:?}");
        assert_eq!(some, answered("loss way=out probability=0.3", 7, 60));
        assert_ne!(some, answered("loss way=out probability=0.3", 8, 60));
    }

    #[test]
    fn tcp_delivers_all_the_same() {
        let mut lab = Lab::new();
        lab.fault_on("loss way=in");
        lab.connect();
        lab.say_tcp(&over_tcp(register(1)));
        lab.run_s(1);
        assert_eq!(lab.last().status(), Some(200));
    }

    #[test]
    fn it_ends() {
        let mut lab = Lab::new();
        lab.fault_on("loss way=out");
        lab.fault_off("loss");
        lab.say(&register(1));
        lab.run_s(1);
        assert_eq!(lab.last().status(), Some(200));
    }
}
