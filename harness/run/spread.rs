//! How the times of one expectation spread over many runs.

use std::collections::BTreeMap;
use std::fmt;

use serde::{Deserialize, Serialize};
use sipfarm_core::Span;
use sipfarm_judge::{Verdict, WindowKind};

use super::events::ScenarioResult;

/// Runs whose times are kept; of more, those of the lowest seeds, so that it does not matter which ended first.
const KEPT: usize = 10_000;

/// The times at which one expectation of a scenario was decided, from what it counts from on.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Spread {
    /// The line of the step.
    pub line: u32,
    /// The rule that judges it.
    pub rule: String,
    /// The step.
    pub step: String,
    /// When it was allowed, where it has a window: the earliest and the latest instant of all runs.
    #[serde(rename = "window_ns")]
    pub window: Option<(Span, Span)>,
    /// In how many runs it was decided by a packet.
    pub runs: u64,
    /// The shortest.
    #[serde(rename = "min_ns")]
    pub min: Span,
    /// The one in the middle.
    #[serde(rename = "median_ns")]
    pub median: Span,
    /// The one that 95 of 100 do not exceed.
    #[serde(rename = "p95_ns")]
    pub p95: Span,
    /// The longest.
    #[serde(rename = "max_ns")]
    pub max: Span,
}

/// The times of all expectations of one scenario, by line and rule.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct Times(BTreeMap<(u32, String), Measured>);

#[derive(Debug, Clone, PartialEq)]
struct Measured {
    step: String,
    window: Option<(Span, Span)>,
    runs: u64,
    min: Span,
    max: Span,
    by_seed: BTreeMap<u64, Span>,
}

impl Times {
    /// Adds what a run under that seed has measured: whatever a packet has decided, in time or not.
    pub fn add(&mut self, seed: u64, result: &ScenarioResult) {
        for finding in &result.findings {
            let expected = finding.expected_id.and_then(|id| result.expected.iter().find(|e| e.id == id));
            let (Verdict::Pass | Verdict::Fail, Some(line), Some(at), Some(expected)) =
                (finding.verdict, finding.line, finding.decided, expected)
            else {
                continue;
            };
            let time = at - expected.since;
            let window = finding.window.filter(|_| finding.window_kind == WindowKind::Allowed);
            let window = window.map(|w| (w.from - expected.since, w.to - expected.since));
            let measured = self.0.entry((line, finding.rule.clone())).or_insert_with(|| Measured {
                step: expected.text.clone(),
                window,
                runs: 0,
                min: time,
                max: time,
                by_seed: BTreeMap::new(),
            });
            measured.add(seed, time, window);
        }
    }

    /// How they spread, in order of the steps.
    pub fn spreads(&self) -> Vec<Spread> {
        self.0.iter().map(|((line, rule), measured)| measured.spread(*line, rule)).collect()
    }
}

impl Measured {
    fn add(&mut self, seed: u64, time: Span, window: Option<(Span, Span)>) {
        self.runs += 1;
        (self.min, self.max) = (self.min.min(time), self.max.max(time));
        self.window = match (self.window, window) {
            (Some(a), Some(b)) => Some((a.0.min(b.0), a.1.max(b.1))),
            (one, other) => one.or(other),
        };
        self.by_seed.insert(seed, time);
        if self.by_seed.len() > KEPT {
            self.by_seed.pop_last();
        }
    }

    fn spread(&self, line: u32, rule: &str) -> Spread {
        let mut times: Vec<Span> = self.by_seed.values().copied().collect();
        times.sort_unstable();
        // By the nearest rank: a time that was measured, not one between two.
        let rank = |percent: usize| times[(times.len() * percent).div_ceil(100).max(1) - 1];
        Spread {
            line,
            rule: rule.to_owned(),
            step: self.step.clone(),
            window: self.window,
            runs: self.runs,
            min: self.min,
            median: rank(50),
            p95: rank(95),
            max: self.max,
        }
    }
}

impl Spread {
    /// How much of its window the slowest run left; none without a window.
    pub fn left(&self) -> Option<Span> {
        self.window.map(|(_, to)| to - self.max)
    }
}

impl fmt::Display for Spread {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Spread { line, step, min, median, p95, max, .. } = self;
        writeln!(f, "    line {line}: {step}")?;
        write!(f, "      min {min:.3}  median {median:.3}  p95 {p95:.3}  max {max:.3}")?;
        match self.window {
            Some((from, to)) => writeln!(f, "  allowed {from:.3} to {to:.3}"),
            None => writeln!(f),
        }
    }
}

#[cfg(test)]
mod tests {
    use sipfarm_core::Instant;
    use sipfarm_judge::mark::Expected;
    use sipfarm_judge::{Expectation, Window};

    use super::*;
    use crate::run::events::tests::result;

    /// A run in which the packet came so many milliseconds after what its time counts from.
    fn run(millis: i64, verdict: Verdict) -> ScenarioResult {
        let since = Instant::EPOCH + Span::from_secs(5);
        let mut run = result(1, &[verdict]);
        run.expected = vec![Expected {
            id: 1,
            text: "the phone sends REGISTER".into(),
            line: 3,
            since,
            since_line: None,
            expectation: Expectation::CallFails { code: None },
        }];
        run.findings[0].window = Some(Window { from: since, to: since + Span::from_millis(500) });
        run.findings[0].decided = Some(since + Span::from_millis(millis));
        run
    }

    fn spread(runs: impl Iterator<Item = (u64, i64)>) -> Spread {
        let mut times = Times::default();
        runs.for_each(|(seed, millis)| times.add(seed, &run(millis, Verdict::Pass)));
        times.spreads().remove(0)
    }

    #[test]
    fn a_spread_has_times_that_were_measured() {
        let spread = spread((1..=100).rev().map(|n| (n, i64::try_from(n).unwrap_or(0))));
        let told = [spread.min, spread.median, spread.p95, spread.max].map(Span::as_millis);
        assert_eq!((told, spread.runs), ([1, 50, 95, 100], 100));
        assert_eq!(spread.left(), Some(Span::from_millis(400)));
        assert_eq!(
            spread.to_string(),
            "    line 3: the phone sends REGISTER\n      min 0.001 s  median 0.050 s  p95 0.095 s  max 0.100 s  \
             allowed 0.000 s to 0.500 s\n"
        );
    }

    #[test]
    fn one_run_is_a_spread_too() {
        let spread = spread([(1, 7)].into_iter());
        assert_eq!([spread.min, spread.median, spread.p95, spread.max].map(Span::as_millis), [7; 4]);
    }

    #[test]
    fn what_came_too_late_counts_and_what_was_not_judged_does_not() {
        let mut times = Times::default();
        times.add(1, &run(10, Verdict::Pass));
        times.add(2, &run(700, Verdict::Fail));
        times.add(3, &run(90_000, Verdict::Inconclusive));
        let mut unseen = run(1, Verdict::Pass);
        unseen.findings[0].decided = None;
        times.add(4, &unseen);
        let spread = times.spreads().remove(0);
        assert_eq!((spread.runs, spread.max.as_millis()), (2, 700));
        assert_eq!(spread.left(), Some(Span::from_millis(-200)));
    }

    #[test]
    fn more_runs_than_are_kept_still_have_their_extremes() {
        let last = KEPT as u64 + 1;
        let forward = spread((1..=last).map(|seed| (seed, if seed == last { 499 } else { 20 })));
        let backward = spread((1..=last).rev().map(|seed| (seed, if seed == last { 499 } else { 20 })));
        assert_eq!(forward, backward);
        assert_eq!((forward.p95.as_millis(), forward.max.as_millis(), forward.runs), (20, 499, last));
    }
}
