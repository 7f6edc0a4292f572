//! Messages that a fault holds back, and copies that it is going to send.

use std::collections::BTreeMap;

use sipfarm_core::Instant;
use sipfarm_core::dns::DnsMessage;

use super::Path;
use crate::farm::faults::{Direction, FaultId};

/// So many messages are held at most; what comes on top is lost.
const HELD_MAX: usize = 10_000;

/// A message that goes on later, to the faults behind the one that holds it.
#[derive(Debug)]
pub(super) struct Held {
    pub direction: Direction,
    pub message: DnsMessage,
    pub path: Path,
    pub fault: FaultId,
    /// The message itself went on; this is a repetition.
    pub copy: bool,
}

/// All that is held, in order of time; of one instant, in order of arrival.
#[derive(Debug, Default)]
pub(super) struct HeldBack {
    by_time: BTreeMap<(Instant, u64), Held>,
    drawn: u64,
}

impl HeldBack {
    pub(super) fn hold(&mut self, held: Held, until: Instant) {
        if self.by_time.len() < HELD_MAX {
            self.drawn += 1;
            self.by_time.insert((until, self.drawn), held);
        }
    }

    pub(super) fn pop_due(&mut self, now: Instant) -> Option<Held> {
        let entry = self.by_time.first_entry().filter(|entry| entry.key().0 <= now)?;
        Some(entry.remove())
    }

    /// Takes out what that fault holds, in the order in which it came.
    pub(super) fn of(&mut self, fault: FaultId) -> Vec<Held> {
        let mut drawn: Vec<(Instant, u64)> =
            self.by_time.iter().filter(|(_, held)| held.fault == fault).map(|(key, _)| *key).collect();
        drawn.sort_by_key(|(_, number)| *number);
        drawn.iter().filter_map(|key| self.by_time.remove(key)).collect()
    }

    pub(super) fn next(&self) -> Option<Instant> {
        self.by_time.keys().next().map(|(at, _)| *at)
    }
}
