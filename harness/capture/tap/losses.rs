//! When packets were lost: the kernel only counts them, so the count is read often.

use sipfarm_core::{Instant, Span};

use super::socket::{Statistics, now};

/// Packets that the kernel had to drop between two readings of its count. It does not say whose they
/// were.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Loss {
    /// How many.
    pub count: u64,
    /// Not before …
    pub from: Instant,
    /// … and not after.
    pub to: Instant,
}

/// Where a count of lost packets is read.
pub(super) trait Count {
    /// All packets lost so far.
    fn drops(&mut self) -> u64;
}

impl Count for Statistics {
    fn drops(&mut self) -> u64 {
        Statistics::drops(self)
    }
}

/// Reads the count as frames come, and gives each loss a short stretch of time.
pub(super) struct Watch<C> {
    count: C,
    known: u64,
    read_at: Instant,
    /// When the oldest frame that may have been in the queue since the last reading came; none while
    /// the queue is empty. Only what comes to a full queue is lost, so nothing is lost before it.
    filling: Option<Instant>,
    frames: u32,
}

impl<C: Count> Watch<C> {
    /// Frames from one reading to the next. That many take microseconds.
    const FRAMES: u32 = 64;
    /// A packet is stamped so long at most before it is put in the queue, or dropped.
    const STAMPED_BEFORE: Span = Span::from_millis(1);

    pub(super) fn new(count: C) -> Self {
        Watch { count, known: 0, read_at: now(), filling: None, frames: 0 }
    }

    /// A frame with this stamp was taken from the queue.
    pub(super) fn frame(&mut self, at: Instant) -> Option<Loss> {
        self.filling.get_or_insert(at);
        self.frames += 1;
        if self.frames < Self::FRAMES {
            return None;
        }
        self.read(now(), false)
    }

    /// Reads the count now. `is_empty`: there is no frame left in the queue.
    pub(super) fn look(&mut self, is_empty: bool) -> Option<Loss> {
        self.read(now(), is_empty)
    }

    fn read(&mut self, now: Instant, is_empty: bool) -> Option<Loss> {
        let count = self.count.drops();
        let lost = count - std::mem::replace(&mut self.known, count);
        let since = self.filling.unwrap_or(self.read_at);
        let from = since.max(self.read_at) - Self::STAMPED_BEFORE;
        (self.read_at, self.frames) = (now, 0);
        self.filling = (!is_empty).then_some(now);
        (lost > 0).then_some(Loss { count: lost, from, to: now })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    struct Counted(u64);

    impl Count for Counted {
        fn drops(&mut self) -> u64 {
            self.0
        }
    }

    fn at(millis: i64) -> Instant {
        Instant::EPOCH + Span::from_millis(millis)
    }

    fn watch() -> Watch<Counted> {
        Watch { count: Counted(0), known: 0, read_at: at(0), filling: None, frames: 0 }
    }

    #[test]
    fn a_loss_lies_between_the_first_frame_of_a_burst_and_the_reading_after_it() {
        let mut watch = watch();
        assert_eq!(watch.read(at(1), true), None);
        assert_eq!(watch.frame(at(30_000)), None, "the queue was empty until then");
        watch.count.0 = 7;
        assert_eq!(watch.read(at(30_020), false), Some(Loss { count: 7, from: at(29_999), to: at(30_020) }));
        assert_eq!(watch.read(at(30_030), false), None, "each is told once");
        watch.count.0 = 9;
        assert_eq!(watch.read(at(30_040), true), Some(Loss { count: 2, from: at(30_029), to: at(30_040) }));
    }

    #[test]
    fn a_steady_stream_is_looked_at_all_the_time() {
        let mut watch = watch();
        watch.count.0 = 1;
        let told = (0..1_000).filter_map(|n| Some((n, watch.frame(at(n))?))).collect::<Vec<_>>();
        assert_eq!(told.iter().map(|(n, loss)| (*n, loss.count)).collect::<Vec<_>>(), [(63, 1)]);
    }
}
