//! Sends against the absolute schedule of their transaction: shared by the rules on repetitions.
//!
//! The packets often leave open what the phone knew: whether a response had reached it, or, on a
//! lossy tap, whether the first packet seen was the first sent. Each possibility is a hypothesis
//! with a schedule of its own, and sends are wrong only when no hypothesis explains them.

use sipfarm_core::{Instant, Span};

use crate::case::{Case, ClientExchange, Ladder, SENDS_MAX, SeenRef, ServerExchange, status};
use crate::finding::Window;

/// When sends are due, each with its window; the first is the request itself.
#[derive(Debug, Clone)]
pub struct Schedule(Vec<Window>);

/// How sends fit a schedule.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Fit {
    /// All fit. The window of the next send, where one is still to come.
    All(Option<Window>),
    /// This one does not fit that window.
    Not(usize, Window),
    /// There are more sends than the schedule has.
    TooMany(usize),
}

/// How well the sends of a request fit the best schedule that the packets allow. On a lossy tap sends
/// may be missing, the first among them.
pub fn fit(case: &Case<'_>, exchange: &ClientExchange<'_>, sends: &[Instant]) -> Fit {
    let timeout = case.timeout_of(exchange);
    let mut schedules = whole_schedules(case, exchange, sends[0], timeout);
    if !case.sees_all() {
        schedules.extend(late_schedules(case, sends[0], &case.limits.slots(&exchange.method, timeout)));
    }
    best(schedules.iter().map(|schedule| schedule.fit(sends, !case.sees_all())))
}

/// The schedules on which the first send that was seen is not the first that was sent.
fn late_schedules(case: &Case<'_>, seen: Instant, slots: &[Span]) -> Vec<Schedule> {
    let lost = 1..slots.len();
    lost.map(|lost| {
        let mut schedule = Schedule::from_slots(case, seen - slots[lost], slots);
        schedule.0.drain(..lost);
        schedule.0[0] = Window { from: seen, to: seen };
        schedule
    })
    .collect()
}

/// The same with no send missing, and a time-out of that length: what an expectation of the whole
/// schedule needs to pass.
pub fn fit_whole(case: &Case<'_>, exchange: &ClientExchange<'_>, sends: &[Instant], timeout: Span) -> Fit {
    let schedules = whole_schedules(case, exchange, sends[0], timeout);
    best(schedules.iter().map(|schedule| schedule.fit(sends, false)))
}

/// The schedules that a request may be on when its first send was seen.
fn whole_schedules(
    case: &Case<'_>,
    exchange: &ClientExchange<'_>,
    t0: Instant,
    timeout: Span,
) -> Vec<Schedule> {
    let slots = case.limits.slots(&exchange.method, timeout);
    let mut schedules = vec![Schedule::from_slots(case, t0, &slots)];
    let provisional = exchange.responses.iter().find(|response| status(response) < 200);
    if let (Ladder::Capped, Some(provisional)) = (Ladder::of(&exchange.method), provisional) {
        let slowed = slowed_by_provisional(case, t0, provisional.at, &slots, timeout);
        if case.sees_all() && exchange.is_sound(provisional) {
            return slowed;
        }
        schedules.extend(slowed);
    }
    schedules
}

/// How well the sends of a final response fit the schedule of an unacknowledged one. On a lossy tap
/// sends may be missing, the first among them.
pub fn fit_response(case: &Case<'_>, sends: &[&SeenRef<'_>]) -> Fit {
    fit_final(case, sends, !case.sees_all())
}

/// The same with no send missing.
pub fn fit_whole_response(case: &Case<'_>, sends: &[&SeenRef<'_>]) -> Fit {
    fit_final(case, sends, false)
}

fn fit_final(case: &Case<'_>, sends: &[&SeenRef<'_>], gaps: bool) -> Fit {
    let sends: Vec<Instant> = sends.iter().map(|send| send.at).collect();
    let slots = case.limits.response_slots();
    let mut schedules = vec![Schedule::from_slots(case, sends[0], &slots)];
    if gaps {
        schedules.extend(late_schedules(case, sends[0], &slots));
    }
    best(schedules.iter().map(|schedule| schedule.fit(&sends, gaps)))
}

/// The sends of a final response that no repeated request called for: while a server transaction is
/// completed it answers each repetition of the request at once (RFC 3261 section 17.2.1).
pub fn on_its_own<'s, 'a>(
    case: &Case<'_>,
    exchange: &ServerExchange<'_>,
    finals: &[&'s SeenRef<'a>],
) -> Vec<&'s SeenRef<'a>> {
    let called_for = |at: Instant| {
        let again = exchange.requests.iter().skip(1);
        again.into_iter().any(|request| request.at <= at && at <= request.at + case.limits.reaction())
    };
    let first = finals.iter().take(1);
    first.chain(finals.iter().skip(1).filter(|response| !called_for(response.at))).copied().collect()
}

impl Schedule {
    fn from_slots(case: &Case<'_>, t0: Instant, slots: &[Span]) -> Self {
        let mut windows = vec![Window { from: t0, to: t0 }];
        windows.extend(slots.windows(2).map(|pair| case.limits.repetition(t0, pair[0], pair[1])));
        Schedule(windows)
    }

    /// `gaps`: whether sends may be missing from the capture.
    fn fit(&self, sends: &[Instant], gaps: bool) -> Fit {
        let mut next = 0;
        for (at, &send) in sends.iter().enumerate() {
            let Some(expected) = self.0.get(next) else { return Fit::TooMany(at) };
            let fits = |window: &Window| window.from <= send && send <= window.to;
            let found = if gaps { self.0[next..].iter().position(fits) } else { fits(expected).then_some(0) };
            match found {
                Some(skipped) => next += skipped + 1,
                None => return Fit::Not(at, *expected),
            }
        }
        Fit::All(self.0.get(next).copied())
    }
}

/// After a provisional response, timer E is set to T2 whenever it fires (RFC 3261 section
/// 17.1.2.2). It may have fired once more before the response arrived; and where section 17.1.2.1
/// says "at an interval of T2", a phone may have started the interval with the response.
fn slowed_by_provisional(
    case: &Case<'_>,
    t0: Instant,
    provisional: Instant,
    slots: &[Span],
    timeout: Span,
) -> Vec<Schedule> {
    let limits = &case.limits;
    let t2 = limits.t2();
    let surely_before = slots.iter().filter(|slot| t0 + **slot < provisional).count();
    let perhaps_before = slots.iter().filter(|slot| t0 + **slot <= provisional + limits.reaction()).count();
    let mut schedules = Vec::new();
    for made in surely_before.max(1)..=perhaps_before.max(1) {
        // The timer that was running fires when it was due, then every T2.
        if let Some(&running) = slots.get(made) {
            let mut due = slots[..=made].to_vec();
            due.extend((1..SENDS_MAX).map(|n| running + t2 * n).take_while(|at| *at < timeout));
            schedules.push(Schedule::from_slots(case, t0, &due));
        } else {
            schedules.push(Schedule::from_slots(case, t0, slots));
        }
        // The response starts the interval.
        let start = provisional - t0;
        let mut schedule = Schedule::from_slots(case, t0, &slots[..made.min(slots.len())]);
        let mut before = start;
        for due in (1..SENDS_MAX).map(|n| start + t2 * n).take_while(|at| *at < timeout) {
            let window = limits.repetition(t0, before, due);
            schedule.0.push(Window { from: window.from, to: window.to + limits.reaction() });
            before = due;
        }
        schedules.push(schedule);
    }
    schedules
}

/// The fit that accuses least: all over not all, and the later a send that does not fit the better. Of
/// equal ones the first, so that a window for people is that of the plainest hypothesis.
fn best(fits: impl Iterator<Item = Fit>) -> Fit {
    let rank = |fit: &Fit| match fit {
        Fit::All(next) => (2, 0, next.map_or(Instant::FAR_FUTURE, |window| window.to)),
        Fit::Not(at, _) => (1, *at, Instant::EPOCH),
        Fit::TooMany(at) => (0, *at, Instant::EPOCH),
    };
    let better = |kept: Fit, fit: Fit| if rank(&fit) > rank(&kept) { fit } else { kept };
    fits.reduce(better).unwrap_or(Fit::All(None))
}
