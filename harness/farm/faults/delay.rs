//! A message that was held goes on to the faults that were switched on later. When the fault
//! ends, what it still holds goes on at once: delay loses nothing.

use super::declare::{Millis, fault};
use super::{Action, Rule, Seen};

fault! {
    /// Holds messages back for a while.
    pub struct Delay = "delay", acts on Messages {
        /// how long, in milliseconds
        ms: Millis = "500",
    }
}

impl Rule for Delay {
    fn see(&mut self, _: &Seen<'_>) -> Option<Action> {
        Some(Action::Delay(self.ms.0))
    }
}
