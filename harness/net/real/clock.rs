//! The harness's time over real sockets: it starts at the wall clock's and goes on evenly
//! whatever anybody does to the wall clock.

use std::sync::Arc;
use std::sync::atomic::{AtomicI64, Ordering};
use std::time::{Duration, Instant as Monotonic, SystemTime};

use sipfarm_core::{Instant, Span};

/// A clock that all parts of one [`super::RealNet`] share.
#[derive(Debug, Clone)]
pub(super) struct Clock {
    /// The monotonic clock and the wall clock at the same moment.
    start: (Monotonic, Instant),
    /// By how many nanoseconds the wall clock was stepped since.
    stepped: Arc<AtomicI64>,
}

impl Clock {
    /// A smaller difference between wall clock and monotonic clock may be noise of reading them.
    const LEAST_STEP: Span = Span::from_millis(1);

    pub(super) fn start() -> Self {
        let (monotonic, wall) =
            (0..100).find_map(|_| read_both()).unwrap_or_else(|| (Monotonic::now(), wall()));
        Clock { start: (monotonic, wall), stepped: Arc::default() }
    }

    /// The time.
    pub(super) fn now(&self) -> Instant {
        self.time_of(Monotonic::now())
    }

    /// A time of the kernel's in the harness's own: what a step of the wall clock added is taken
    /// off.
    pub(super) fn kernel_time(&self, stamp: Instant) -> Instant {
        stamp - Span::from_nanos(self.stepped.load(Ordering::Relaxed))
    }

    /// The moment of the monotonic clock at which it is `at`.
    pub(super) fn monotonic(&self, at: Instant) -> Monotonic {
        let (monotonic, wall) = self.start;
        let nanos = u64::try_from(at.since(wall).as_nanos()).unwrap_or(0);
        monotonic.checked_add(Duration::from_nanos(nanos)).unwrap_or(monotonic)
    }

    /// By how much the wall clock was stepped since this was asked last.
    pub(super) fn take_step(&self) -> Option<Span> {
        let (monotonic, wall) = read_both()?;
        let stepped = wall.since(self.time_of(monotonic));
        let step = stepped - Span::from_nanos(self.stepped.load(Ordering::Relaxed));
        if step.abs() < Self::LEAST_STEP {
            return None;
        }
        self.stepped.store(stepped.as_nanos(), Ordering::Relaxed);
        Some(step)
    }

    fn time_of(&self, monotonic: Monotonic) -> Instant {
        let (start, wall) = self.start;
        wall + span(monotonic.saturating_duration_since(start))
    }
}

/// Both clocks at the same moment; `None` when something came between the two.
fn read_both() -> Option<(Monotonic, Instant)> {
    let before = Monotonic::now();
    let wall = wall();
    let took = before.elapsed();
    (took < Duration::from_micros(100)).then(|| (before + took / 2, wall))
}

fn wall() -> Instant {
    let since_epoch = SystemTime::now().duration_since(SystemTime::UNIX_EPOCH).unwrap_or_default();
    Instant::EPOCH + span(since_epoch)
}

fn span(duration: Duration) -> Span {
    Span::from_nanos(i64::try_from(duration.as_nanos()).unwrap_or(i64::MAX))
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;

    #[test]
    fn it_shows_the_wall_clocks_time() {
        let clock = Clock::start();
        assert!(wall().since(clock.now()).abs() < Span::from_millis(50));
        assert_eq!(clock.take_step(), None);
    }

    #[test]
    fn a_step_is_noticed_once_and_does_not_move_the_clock() {
        // As if the wall clock had been an hour behind when the clock started, and was set right.
        let mut clock = Clock::start();
        let hour = Span::from_secs(3_600);
        clock.start.1 = clock.start.1 - hour;
        let before = clock.now();
        let step = (0..100).find_map(|_| clock.take_step()).unwrap();
        assert!((step - hour).abs() < Span::from_millis(1), "{step}");
        assert_eq!(clock.take_step(), None);
        assert!(clock.now().since(before) < Span::from_secs(1));
        assert!(clock.kernel_time(wall()).since(clock.now()).abs() < Span::from_millis(50));
    }

    #[test]
    fn times_and_moments_convert_both_ways() {
        let clock = Clock::start();
        let at = clock.now() + Span::from_secs(5);
        assert_eq!(clock.time_of(clock.monotonic(at)), at);
        clock.monotonic(Instant::FAR_FUTURE);
        assert_eq!(clock.monotonic(Instant::EPOCH), clock.start.0);
    }
}
