//! Nothing more is heard of the request's call: its CANCEL and its BYE stay unanswered. Only a
//! retransmission of the request gets its 100 again, as RFC 3261 section 17.2.1 wants. What
//! belongs to that call stays unanswered until the fault ends.

use std::collections::VecDeque;

use sipfarm_core::sip::Method;

use super::declare::fault;
use super::{Action, Answer, Direction, Rule, Seen};

/// So many calls are remembered; the oldest is forgotten first.
const CALLS_MAX: usize = 1024;

fault! {
    /// Answers INVITE with 100 Trying and then nothing more.
    pub struct TryingThenSilent = "trying-then-silent", acts on Requests {}
    state {
        /// Call-IDs of the calls left in the air.
        calls: VecDeque<String>,
    }
}

impl Rule for TryingThenSilent {
    fn see(&mut self, seen: &Seen<'_>) -> Option<Action> {
        if !seen.message.is_request(&Method::Invite) {
            return None;
        }
        if self.calls.len() == CALLS_MAX {
            self.calls.pop_front();
        }
        self.calls.extend(seen.message.call_id().map(str::to_owned));
        Some(Action::Answer(Answer { code: 100, reason: None, headers: Vec::new() }))
    }

    fn follow_up(&mut self, seen: &Seen<'_>) -> Option<Action> {
        let of_such_a_call =
            || seen.message.call_id().is_some_and(|id| self.calls.iter().any(|call| call == id));
        let swallowed = seen.direction == Direction::In && !seen.retransmission && of_such_a_call();
        swallowed.then_some(Action::Drop)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::farm::testing::{Lab, invite, register, request};

    #[test]
    fn one_100_and_then_nothing_for_that_call() {
        let mut lab = Lab::new();
        lab.fault_on("trying-then-silent");
        lab.say(&invite(1));
        lab.run_s(10);
        let invite = invite(1).build();
        let via = invite.header("Via").unwrap_or_default();
        lab.say(&request(&Method::Cancel, "sip:1002@example.test", 1).set("Via", via));
        lab.say(&request(&Method::Bye, "sip:1002@example.test", 2));
        lab.run_s(200);
        let heard = lab.heard();
        assert_eq!(heard.len(), 1);
        assert_eq!(heard[0].status(), Some(100));
        assert!(heard[0].to().is_some_and(|to| to.tag().is_none()));
        assert!(lab.lines().iter().all(|line| !line.contains("far end")));
    }

    #[test]
    fn a_retransmitted_invite_gets_its_100_again() {
        let mut lab = Lab::new();
        lab.fault_on("trying-then-silent first=1");
        lab.say(&invite(1));
        lab.run_ms(500);
        lab.say(&invite(1));
        lab.run_ms(500);
        assert_eq!(lab.times("100 INVITE"), [0.0, 0.5]);
    }

    #[test]
    fn other_requests_are_served() {
        let mut lab = Lab::new();
        lab.fault_on("trying-then-silent");
        lab.say(&register(1));
        lab.run_s(1);
        assert_eq!(lab.last().status(), Some(200));
    }
}
