//! What happened to us, as marks on the timeline: each with the stretch of time that it touches, so
//! that only what is judged from that stretch is in doubt.

use sipfarm_core::Instant;
use sipfarm_judge::Mark;

use super::{Lab, StepFailure, fix};
use crate::capture::tap::Tap;
use crate::net::Trouble;
use crate::phone::{Lateness, PhoneDriver};

/// How much of what went wrong has been noted.
#[derive(Debug, Default)]
pub(super) struct Noted {
    /// Troubles of the network.
    troubles: usize,
    /// Losses of the tap.
    losses: usize,
    /// What is worse than a doubt: a port that was taken, a bug.
    pub worse: Option<StepFailure>,
}

impl Noted {
    /// What a tap has lost so far is nobody's who begins now.
    pub(super) fn from_here(tap: Option<&Tap>) -> Self {
        Noted { losses: tap.map_or(0, |tap| tap.losses(0).len()), ..Noted::default() }
    }
}

impl Lab {
    /// Notes what has happened to us since this was asked last.
    pub(super) fn own_up(&mut self) {
        let troubles = self.bench.troubles(self.noted.troubles);
        self.noted.troubles += troubles.len();
        for trouble in troubles {
            let (mark, at) = mark_of(&trouble, self.subscription.is_some());
            self.record.mark(mark, at);
            let worse = match trouble {
                Trouble::Panicked { .. } => StepFailure::Bug(trouble.to_string()),
                Trouble::BindFailed { .. } => StepFailure::lab(&trouble, fix::TAKEN),
                Trouble::ForgeryFailed { .. } => StepFailure::lab(&trouble, fix::FORGING),
                _ => continue,
            };
            self.noted.worse.get_or_insert(worse);
        }
        let losses = self.context.tap.as_ref().map_or(Vec::new(), |tap| tap.losses(self.noted.losses));
        self.noted.losses += losses.len();
        for loss in losses {
            self.record.lost(loss);
        }
        let second = self.second_phone.as_mut().map(PhoneDriver::take_lateness);
        let late = self.phone.take_lateness().into_iter().chain(second.into_iter().flatten());
        self.note_late_phone(late.collect());
    }

    /// Notes when the machine under the phone was late.
    pub(super) fn note_late_phone(&mut self, lateness: Vec<Lateness>) {
        for Lateness { at, by } in lateness {
            let who = "the reference phone".to_owned();
            self.record.mark(Mark::Late { who, since: at }, at + by);
        }
    }
}

/// A trouble as a mark, and the end of its stretch. `tapped`: packets bear the wall clock's time,
/// which nobody corrects.
fn mark_of(trouble: &Trouble, tapped: bool) -> (Mark, Instant) {
    let from = |since: Instant| (Mark::Trouble { what: trouble.to_string(), since: None }, since);
    let between = |since, until| (Mark::Trouble { what: trouble.to_string(), since: Some(since) }, until);
    match *trouble {
        Trouble::Late { at, by } => (Mark::Late { who: "the farm".to_owned(), since: at }, at + by),
        // A packet of that time may stand where the clock was, or where it is now.
        Trouble::Stepped { since, by, .. } if tapped => from(since.min(since + by)),
        Trouble::Stepped { since, at, by } => between(since.min(since + by), at.max(at + by)),
        Trouble::SendFailed { at, .. } => between(at, at),
        Trouble::Overflowed { since, at, .. } => between(since, at),
        Trouble::BindFailed { at, .. }
        | Trouble::ForgeryFailed { at, .. }
        | Trouble::Panicked { at, .. }
        | Trouble::TooMany { at } => from(at),
    }
}

#[cfg(test)]
mod tests {
    use sipfarm_core::Span;

    use super::*;

    fn at(secs: i64) -> Instant {
        Instant::EPOCH + Span::from_secs(secs)
    }

    /// From when to when a trouble raises doubts; without an end, for good.
    fn stretch(trouble: &Trouble, tapped: bool) -> (Instant, Option<Instant>) {
        match mark_of(trouble, tapped) {
            (Mark::Late { since, .. } | Mark::Trouble { since: Some(since), .. }, until) => {
                (since, Some(until))
            }
            (_, since) => (since, None),
        }
    }

    #[test]
    fn a_late_farm_is_in_doubt_until_it_was_served() {
        let late = Trouble::Late { at: at(7), by: Span::from_secs(1) };
        assert_eq!(stretch(&late, true), (at(7), Some(at(8))));
    }

    #[test]
    fn what_was_lost_in_our_own_socket_is_in_doubt_since_the_datagram_before() {
        let local = std::net::SocketAddr::from(([127, 0, 0, 1], 5060));
        let overflowed = Trouble::Overflowed { since: at(7), at: at(9), local, count: 3 };
        assert_eq!(stretch(&overflowed, true), (at(7), Some(at(9))));
    }

    #[test]
    fn a_stepped_clock_puts_in_doubt_what_is_stamped_by_either_clock() {
        let step = |by| Trouble::Stepped { since: at(1_000), at: at(1_001), by: Span::from_secs(by) };
        assert_eq!(stretch(&step(-100), true), (at(900), None), "packets are stamped in the past");
        assert_eq!(stretch(&step(100), true), (at(1_000), None), "packets are stamped in the future");
        assert_eq!(stretch(&step(-100), false), (at(900), Some(at(1_001))));
        assert_eq!(stretch(&step(100), false), (at(1_000), Some(at(1_101))));
    }
}
