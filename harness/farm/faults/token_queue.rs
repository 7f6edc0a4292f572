//! A call manager lets phones back one by one: at most `depth` are on their way at a time, and one that
//! asks for a token meanwhile is told to wait (CC-06, Cisco's MaxPhonesFallBackQueueDepth). Whenever it is
//! asked, one of the others has arrived, so that the queue empties. Without the fault every token is granted.

use super::declare::{Code, Count, fault};
use super::{Action, Answer, Rule, Seen};
use crate::farm::node::asks_for_token;

fault! {
    /// Refuses tokens to phones that want to return, while others are on their way and the queue is full.
    pub struct TokenQueue = "token-queue", acts on Requests {
        /// how many phones may be on their way at a time
        depth: Count = "10",
        /// how many others are on their way when the fault begins
        others: u32 = "10",
        /// the status code of a refusal
        code: Code = "486",
        /// seconds in a Retry-After header field of a refusal; no such field when not given
        retry_after: Option<u32>,
    }
    state {
        /// How many of the others have arrived.
        arrived: u32,
    }
}

impl Rule for TokenQueue {
    fn see(&mut self, seen: &Seen<'_>) -> Option<Action> {
        if !asks_for_token(seen.message) || self.others.saturating_sub(self.arrived) < self.depth.0 {
            return None;
        }
        self.arrived += 1;
        let wait = self.retry_after.map(|seconds| ("Retry-After".to_owned(), seconds.to_string()));
        Some(Action::Answer(Answer { code: self.code.0, reason: None, headers: wait.into_iter().collect() }))
    }
}

#[cfg(test)]
mod tests {
    use sipfarm_core::sip::{MessageBuilder, Method};

    use crate::farm::testing::{Lab, register, request};

    fn refer(n: u32, to: &str) -> MessageBuilder {
        request(&Method::Refer, "sip:example.test", n).header("Refer-To", to)
    }

    fn token(n: u32) -> MessageBuilder {
        refer(n, "<urn:X-cisco-remotecc:token-registration>")
    }

    #[test]
    fn a_full_queue_refuses_until_there_is_room() {
        let mut lab = Lab::new();
        lab.fault_on("token-queue depth=2 others=3 code=503 retry-after=20");
        for (n, code, wait) in [(1, 503, Some(20)), (2, 503, Some(20)), (3, 202, None), (4, 202, None)] {
            lab.say(&token(n));
            lab.run_ms(100);
            assert_eq!((lab.last().status(), lab.last().number("Retry-After")), (Some(code), wait), "{n}");
        }
    }

    #[test]
    fn other_requests_do_not_queue_and_the_end_of_the_fault_empties_it() {
        let mut lab = Lab::new();
        lab.fault_on("token-queue depth=1 others=9");
        lab.say(&register(1));
        lab.run_ms(100);
        assert_eq!(lab.last().status(), Some(200));
        lab.say(&token(2));
        lab.run_ms(100);
        assert_eq!(lab.last().status(), Some(486));
        lab.fault_off("token-queue");
        lab.say(&token(3));
        lab.run_ms(100);
        assert_eq!(lab.last().status(), Some(202));
    }
}
