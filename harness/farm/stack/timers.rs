//! The timers of RFC 3261 (table 4) and RFC 6026 by their letters, and who set which for when.

use std::collections::{BTreeMap, BTreeSet};
use std::ops::RangeInclusive;

use sipfarm_core::{Instant, Span};

/// Round trip estimate (RFC 3261 section 17.1.1.1).
pub(in crate::farm) const T1: Span = Span::from_millis(500);
/// Longest interval between retransmissions that are no INVITE (section 17.1.2.2).
pub(in crate::farm) const T2: Span = Span::from_secs(4);
/// Longest life of a message in the network (section 17.1.2.2).
pub(in crate::farm) const T4: Span = Span::from_secs(5);
/// 64·T1: Timers B, F, H, J, L and M.
pub(in crate::farm) const SIXTY_FOUR_T1: Span = Span::from_secs(32);
/// Timer D over UDP (section 17.1.1.2).
pub(in crate::farm) const TIMER_D: Span = Span::from_secs(32);
/// Timer C is more than three minutes (section 16.6, item 11).
pub(in crate::farm) const TIMER_C: Span = Span::from_secs(181);
/// When Timer E of a client is first reset to T2: 500 + 1000 + 2000 ms. A request that is no
/// INVITE gets its 100 then, and not before (RFC 4320 section 4.1).
pub(in crate::farm) const TRYING_AFTER: Span = Span::from_millis(3_500);
/// A server transaction that nobody answers is forgotten then. No RFC says so: it bounds what is
/// kept.
pub(in crate::farm) const UNANSWERED_MAX: Span = Span::from_secs(3_600);

/// A timer's name.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(in crate::farm) enum Letter {
    A,
    B,
    C,
    D,
    E,
    F,
    G,
    H,
    I,
    J,
    K,
    L,
    M,
    /// The late 100 of RFC 4320.
    Trying,
    /// The end of what nobody ever answered, or of an INVITE that was taken back in vain
    /// (section 9.1).
    Abandon,
}

impl Letter {
    /// Every letter lies between this one …
    pub(super) const FIRST: Letter = Letter::A;
    /// … and this one.
    pub(super) const LAST: Letter = Letter::Abandon;
}

/// What is due when. Each key stands at most once.
#[derive(Debug)]
pub(in crate::farm) struct Schedule<K> {
    by_time: BTreeSet<(Instant, K)>,
    by_key: BTreeMap<K, Instant>,
}

impl<K: Ord + Clone> Schedule<K> {
    pub(in crate::farm) fn new() -> Self {
        Schedule { by_time: BTreeSet::new(), by_key: BTreeMap::new() }
    }

    /// Sets a timer, instead of what it was set to.
    pub(in crate::farm) fn set(&mut self, key: K, at: Instant) {
        self.clear(&key);
        self.by_key.insert(key.clone(), at);
        self.by_time.insert((at, key));
    }

    /// Stops a timer, if it runs.
    pub(in crate::farm) fn clear(&mut self, key: &K) {
        if let Some(at) = self.by_key.remove(key) {
            self.by_time.remove(&(at, key.clone()));
        }
    }

    /// Stops whatever of these runs.
    pub(in crate::farm) fn clear_all(&mut self, keys: RangeInclusive<K>) {
        let running: Vec<K> = self.by_key.range(keys).map(|(key, _)| key.clone()).collect();
        running.iter().for_each(|key| self.clear(key));
    }

    /// Whether a timer runs.
    pub(in crate::farm) fn is_set(&self, key: &K) -> bool {
        self.by_key.contains_key(key)
    }

    /// When the first one is due.
    pub(in crate::farm) fn next(&self) -> Option<Instant> {
        self.by_time.first().map(|(at, _)| *at)
    }

    /// Takes out the first one that is due by `now`.
    pub(in crate::farm) fn pop_due(&mut self, now: Instant) -> Option<K> {
        let (at, key) = self.by_time.first().filter(|(at, _)| *at <= now)?.clone();
        self.by_time.remove(&(at, key.clone()));
        self.by_key.remove(&key);
        Some(key)
    }

    /// All keys, the one due first first.
    pub(in crate::farm) fn keys(&self) -> impl Iterator<Item = &K> {
        self.by_time.iter().map(|(_, key)| key)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_timer_set_again_is_due_once() {
        let at = |s| Instant::EPOCH + Span::from_secs(s);
        let mut schedule = Schedule::new();
        schedule.set("a", at(5));
        schedule.set("b", at(2));
        schedule.set("a", at(1));
        assert_eq!(schedule.next(), Some(at(1)));
        assert_eq!(schedule.pop_due(at(0)), None);
        assert_eq!(schedule.pop_due(at(9)), Some("a"));
        schedule.clear(&"b");
        assert_eq!(schedule.pop_due(at(9)), None);
    }

    #[test]
    fn timers_in_a_range_are_stopped_and_no_others() {
        let at = Instant::EPOCH + Span::from_secs(1);
        let mut schedule = Schedule::new();
        for key in ["a", "b", "c", "d"] {
            schedule.set(key, at);
        }
        schedule.clear_all("b"..="c");
        assert_eq!(schedule.keys().collect::<Vec<_>>(), [&"a", &"d"]);
        assert!(!schedule.is_set(&"b") && schedule.is_set(&"d"));
    }
}
