//! `duplicate response=final after-ms=10000` repeats a final response ten seconds later, which the
//! phone's Timer D must absorb. When the fault ends, copies not yet sent are dropped.

use super::declare::{Count, Millis, fault};
use super::{Action, Rule, Seen};

/// More copies of one message have no use but to fill memory.
const COPIES_MAX: u32 = 100;

fault! {
    /// Lets a message pass and repeats it.
    pub struct Duplicate = "duplicate", acts on Messages {
        /// how many copies, beside the message itself
        count: Count = "1",
        /// milliseconds from one to the next
        after_ms: Millis = "0",
    }
}

impl Rule for Duplicate {
    fn contradiction(&self) -> Option<String> {
        let count = self.count.0;
        (count > COPIES_MAX).then(|| format!("count={count} is more than {COPIES_MAX}"))
    }

    fn see(&mut self, _: &Seen<'_>) -> Option<Action> {
        Some(Action::Duplicate { count: self.count.0, every: self.after_ms.0 })
    }
}
