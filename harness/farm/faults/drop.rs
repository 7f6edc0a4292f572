//! Which messages of a group are lost is fixed: the first `k` of every `n`. For chance, use
//! `probability`. Retransmissions count as messages of their own. Over TCP the message is lost
//! too, although its segments were acknowledged.

use super::declare::{Count, fault};
use super::{Action, Rule, Seen};

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
        let (k, n) = (self.k.0, self.n.0);
        (k > n).then(|| format!("k={k} of n={n} is more than there are"))
    }

    fn see(&mut self, _: &Seen<'_>) -> Option<Action> {
        let lost = self.place < self.k.0;
        self.place = (self.place + 1) % self.n.0;
        lost.then_some(Action::Drop)
    }
}
