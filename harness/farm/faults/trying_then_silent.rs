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
