//! Messages that a fault holds back, and copies that it is going to send.

use sipfarm_core::Instant;
use sipfarm_core::sip::Message;

use super::{Direction, FaultId, Path, Stack, Timer};

/// So many messages are held at most; what comes on top is lost.
const HELD_MAX: usize = 10_000;

/// A message that goes on later, to the faults behind the one that holds it.
pub(super) struct Held {
    pub direction: Direction,
    pub message: Message,
    pub path: Path,
    pub fault: FaultId,
    /// The message itself went on; this is a repetition.
    pub copy: bool,
}

impl Stack {
    pub(super) fn hold(&mut self, held: Held, until: Instant) {
        if self.held.len() < HELD_MAX {
            self.held_drawn += 1;
            self.held.insert(self.held_drawn, held);
            self.timers.set(Timer::Held(self.held_drawn), until);
        }
    }

    pub(super) fn release(&mut self, id: u64, now: Instant) {
        if let Some(held) = self.held.remove(&id) {
            self.pass(held.direction, held.message, held.path, Some(held.fault), now);
        }
    }

    /// The fault has ended: what it delays goes on in the order in which it came, its copies are
    /// dropped.
    pub(super) fn release_all(&mut self, fault: FaultId, now: Instant) {
        let ids: Vec<u64> =
            self.held.iter().filter(|(_, held)| held.fault == fault).map(|(id, _)| *id).collect();
        for id in ids {
            self.timers.clear(&Timer::Held(id));
            if self.held.get(&id).is_some_and(|held| held.copy) {
                self.held.remove(&id);
            } else {
                self.release(id, now);
            }
        }
    }
}
