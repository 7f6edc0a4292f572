//! `sipfarm run --retries N`: what did not end well is tried again, and every try is kept. The first tells how the
//! scenario ended: a phone that fails once in a while fails.

use std::cell::{Cell, RefCell};
use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;
use std::sync::atomic::{AtomicU32, Ordering};

use super::events::{RunEvent, ScenarioId, ScenarioResult};

/// What is to be tried again.
#[derive(Debug)]
pub struct Tries {
    /// First results that wait for another try.
    held: RefCell<BTreeMap<ScenarioId, ScenarioResult>>,
    left: Cell<u32>,
    number: Arc<AtomicU32>,
    flaky_passes: bool,
}

impl Tries {
    /// So many after the first; and whether a scenario that ends well on one of them counts as passed.
    pub fn new(retries: u32, flaky_passes: bool) -> Self {
        let number = Arc::new(AtomicU32::new(1));
        Tries { held: RefCell::default(), left: Cell::new(retries), number, flaky_passes }
    }

    /// The number of the try that runs, from 1.
    pub fn number(&self) -> Arc<AtomicU32> {
        Arc::clone(&self.number)
    }

    /// What may be told now of what has happened: nothing of a scenario that will be tried again, and the whole when it has
    /// been tried for the last time.
    pub fn pass_on(&self, event: RunEvent) -> Option<RunEvent> {
        let mut held = self.held.borrow_mut();
        match event {
            RunEvent::ScenarioFinished(result) => {
                let Some(first) = held.get_mut(&result.id) else { return self.hold(&mut held, result) };
                first.tried(&result);
                let over = first.is_flaky() || self.left.get() == 0;
                let first = if over { held.remove(&result.id) } else { None };
                first.map(|first| RunEvent::ScenarioFinished(Box::new(first)))
            }
            // It has a result already, that of its first try.
            RunEvent::ScenarioInterrupted { id, .. } if held.contains_key(&id) => None,
            event => Some(event),
        }
    }

    fn hold(
        &self,
        held: &mut BTreeMap<ScenarioId, ScenarioResult>,
        mut result: Box<ScenarioResult>,
    ) -> Option<RunEvent> {
        if self.left.get() == 0 || !result.may_be_tried_again() {
            return Some(RunEvent::ScenarioFinished(result));
        }
        let first = result.clone();
        result.tried(&first);
        result.flaky_passes = self.flaky_passes;
        held.insert(result.id, *result);
        None
    }

    /// Begins another try, and says of which scenarios; none when there is nothing left to try.
    pub fn again(&self) -> BTreeSet<ScenarioId> {
        let held: BTreeSet<ScenarioId> = self.held.borrow().keys().copied().collect();
        if held.is_empty() || self.left.get() == 0 {
            return BTreeSet::new();
        }
        self.left.set(self.left.get() - 1);
        self.number.fetch_add(1, Ordering::Relaxed);
        held
    }

    /// What still waited when the run was interrupted.
    pub fn rest(&self) -> Vec<RunEvent> {
        let held = self.held.take().into_values();
        held.map(|result| RunEvent::ScenarioFinished(Box::new(result))).collect()
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use sipfarm_core::Span;
    use sipfarm_judge::Verdict;

    use super::super::events::tests::result;
    use super::*;
    use crate::error::Exit;

    /// What is told of a scenario whose tries end so, and how many were made.
    fn tried(retries: u32, flaky_passes: bool, verdicts: &[Verdict]) -> (ScenarioResult, u32) {
        let tries = Tries::new(retries, flaky_passes);
        for (number, verdict) in (1..).zip(verdicts) {
            let finished = RunEvent::ScenarioFinished(Box::new(result(1, &[*verdict])));
            if let Some(RunEvent::ScenarioFinished(told)) = tries.pass_on(finished) {
                assert!(tries.again().is_empty(), "what is told is not tried again");
                return (*told, number);
            }
            assert_eq!(tries.again(), BTreeSet::from([1]));
        }
        panic!("nothing was told after {verdicts:?}");
    }

    #[test]
    fn a_scenario_that_passes_on_another_try_is_flaky_and_no_success() {
        use Verdict::{Fail, Pass};
        let (told, number) = tried(3, false, &[Fail, Fail, Pass, Pass]);
        assert_eq!((number, told.is_flaky(), told.verdict, told.exit()), (3, true, Fail, Exit::Finding));
        let tries: Vec<Verdict> = told.tries.iter().map(|again| again.verdict).collect();
        assert_eq!(tries, [Fail, Fail, Pass], "every try is kept");
        let (told, _) = tried(1, true, &[Fail, Pass]);
        assert_eq!((told.is_flaky(), told.verdict, told.exit()), (true, Fail, Exit::Passed));
    }

    #[test]
    fn a_scenario_that_never_passes_failed_whatever_flaky_ones_count_as() {
        use Verdict::Fail;
        for flaky_passes in [false, true] {
            let (told, number) = tried(2, flaky_passes, &[Fail, Fail, Fail]);
            assert_eq!((number, told.is_flaky(), told.exit()), (3, false, Exit::Finding));
        }
    }

    #[test]
    fn what_ended_well_is_told_at_once_and_nothing_is_tried_without_retries() {
        let (told, number) = tried(3, false, &[Verdict::Pass]);
        assert_eq!((number, told.tries.len()), (1, 0));
        let (told, number) = tried(0, false, &[Verdict::Fail]);
        assert_eq!((number, told.tries.len(), told.exit()), (1, 0, Exit::Finding));
    }

    #[test]
    fn an_interruption_leaves_the_first_result() {
        let tries = Tries::new(1, false);
        let failed = RunEvent::ScenarioFinished(Box::new(result(1, &[Verdict::Fail])));
        assert_eq!(tries.pass_on(failed), None);
        assert_eq!(tries.again(), BTreeSet::from([1]));
        let cut = RunEvent::ScenarioInterrupted {
            id: 1,
            name: "n".into(),
            feature: "f".into(),
            line: 1,
            real_time: Span::ZERO,
        };
        assert_eq!(tries.pass_on(cut), None);
        let rest = tries.rest();
        assert!(matches!(&rest[..], [RunEvent::ScenarioFinished(first)] if first.verdict == Verdict::Fail));
    }
}
