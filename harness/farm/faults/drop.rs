//! Which messages of a group are lost is fixed: the first `k` of every `n`. For chance, use
//! `probability`. Retransmissions count as messages of their own. Over TCP the message is lost
//! too, although its segments were acknowledged.

use super::declare::{Count, fault};
use super::{Action, DnsAction, NodeKind, Rule, Seen, SeenDns, group};

fault! {
    /// Loses messages: of every `n` that are in its scope, the first `k`.
    pub struct Drop = "drop", acts on Messages {
        /// how many of every n are lost
        k: Count = "1",
        /// how many messages make a group
        n: Count = "1",
    }
    state {
        /// Place in the group.
        place: u32,
    }
}

impl Rule for Drop {
    fn contradiction(&self) -> Option<String> {
        group::contradiction(self.k.0, self.n.0)
    }

    fn see(&mut self, _: &Seen<'_>) -> Option<Action> {
        self.loses().then_some(Action::Drop)
    }

    fn see_dns(&mut self, _: &SeenDns<'_>) -> Option<DnsAction> {
        self.loses().then_some(DnsAction::Drop)
    }

    fn fits(&self, node: NodeKind) -> bool {
        node != NodeKind::FarEnd
    }
}

impl Drop {
    /// Whether the next message is lost.
    fn loses(&mut self) -> bool {
        group::is_next(&mut self.place, self.k.0, self.n.0)
    }
}

#[cfg(test)]
mod tests {
    use crate::farm::testing::{Lab, invite, register};

    /// Which of so many REGISTERs, each of its own transaction, are answered.
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
    fn the_first_k_of_every_n_are_lost() {
        assert!(answered("drop", 7, 4).is_empty());
        assert_eq!(answered("drop k=1 n=2 direction=in", 7, 6), [2, 4, 6]);
        assert_eq!(answered("drop k=2 n=3 direction=in", 7, 7), [3, 6]);
        assert_eq!(answered("drop first=2 direction=in", 7, 4), [3, 4]);
    }

    #[test]
    fn chance_comes_from_the_seed() {
        let some = answered("drop probability=0.5 direction=in", 7, 40);
        assert!(some.len() > 5 && some.len() < 35, "about half: {some:?}");
        assert_eq!(some, answered("drop probability=0.5 direction=in", 7, 40));
        assert_ne!(some, answered("drop probability=0.5 direction=in", 8, 40));
        assert!(answered("drop probability=1 direction=in", 7, 10).is_empty());
        assert_eq!(answered("drop probability=0 direction=in", 7, 3), [1, 2, 3]);
    }

    #[test]
    fn responses_are_lost_by_code() {
        let mut lab = Lab::new();
        lab.fault_on("drop response=1xx direction=out");
        lab.say(&invite(1));
        lab.run_ms(100);
        assert_eq!(lab.heard().iter().filter_map(|r| r.status()).collect::<Vec<_>>(), [200]);
    }

    /// A node hears requests and responses of one method: the phone's INVITE, the far end's 200.
    #[test]
    fn requests_and_responses_are_told_apart() {
        let heard = |words: &str| -> Vec<u16> {
            let mut lab = Lab::new();
            lab.fault_on(words);
            lab.say(&invite(1));
            lab.run_ms(100);
            lab.heard().iter().filter_map(|r| r.status()).collect()
        };
        assert!(heard("drop method=INVITE direction=in").is_empty());
        assert!(heard("drop method=INVITE direction=in kind=request").is_empty());
        assert_eq!(heard("drop method=INVITE direction=in kind=response"), [100]);
    }

    #[test]
    fn only_the_peer_that_is_meant_loses_messages() {
        assert!(answered("drop from=10.0.0.9", 7, 2).is_empty());
        assert_eq!(answered("drop from=10.0.0.9:5061", 7, 2), [1, 2]);
        assert_eq!(answered("drop from=10.0.0.50", 7, 2), [1, 2]);
    }
}
