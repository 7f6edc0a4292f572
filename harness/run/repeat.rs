//! One selection under many seeds: which verdicts the seed changes, and how to see it again.

use std::collections::BTreeMap;
use std::fmt;
use std::path::{Path, PathBuf};

use serde::{Deserialize, Serialize};
use sipfarm_core::Span;
use sipfarm_judge::{Finding, Verdict};

use super::events::{ScenarioId, ScenarioResult};
use super::spread::{Spread, Times};
use crate::error::Exit;

/// The version of the JSON.
const SCHEMA: &str = "sipfarm.repeat/1";
/// How many runs of one scenario that did not simply pass are told in full, those of the lowest
/// seeds.
const TOLD: usize = 10;
/// Spreads that are all shown; of more, only the tightest.
const SHOWN: usize = 20;
const TIGHTEST: usize = 10;

/// What a selection came to under many seeds.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Repeats {
    schema: String,
    /// The first seed.
    pub first: u64,
    /// How many seeds were run, one after the other from the first.
    pub seeds: u64,
    /// The scenarios, by number.
    pub scenarios: BTreeMap<ScenarioId, Repeated>,
    /// The worst exit code of all runs.
    pub exit: Exit,
    /// How long all of it took.
    pub real_time: Span,
}

/// What one scenario came to.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Repeated {
    /// `features/a.feature:12`.
    pub place: String,
    /// Its name.
    pub name: String,
    /// The verdict under the first seed.
    pub verdict: Verdict,
    /// How often it ended how.
    pub counts: BTreeMap<Verdict, u64>,
    /// Runs that did not simply pass, by seed; the first ten.
    pub told: BTreeMap<u64, Told>,
    /// How the times of its expectations spread; there once all runs are added.
    #[serde(default)]
    pub spreads: Vec<Spread>,
    #[serde(skip)]
    times: Times,
}

/// A run that did not simply pass.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Told {
    /// How it ended.
    pub verdict: Verdict,
    /// What was found, each with its rule.
    pub why: Vec<String>,
    /// Its capture.
    pub capture: Option<PathBuf>,
    /// The command that repeats it.
    pub repeat: String,
}

impl Repeats {
    /// Nothing yet, from this seed on.
    pub fn new(first: u64) -> Self {
        Repeats {
            schema: SCHEMA.to_owned(),
            first,
            seeds: 0,
            scenarios: BTreeMap::new(),
            exit: Exit::Passed,
            real_time: Span::ZERO,
        }
    }

    /// The same with its captures named from the bundle's folder on, as in all records there.
    #[must_use]
    pub fn within(&self, bundle: &Path) -> Self {
        let mut within = self.clone();
        let told = within.scenarios.values_mut().flat_map(|scenario| scenario.told.values_mut());
        for capture in told.filter_map(|told| told.capture.as_mut()) {
            if let Ok(name) = capture.strip_prefix(bundle) {
                *capture = name.to_owned();
            }
        }
        within
    }

    /// Adds the run of one seed. Gives the captures that are not worth their room, as there are
    /// enough of their scenario.
    pub fn add(&mut self, seed: u64, results: &[ScenarioResult], exit: Exit) -> Vec<PathBuf> {
        self.seeds += 1;
        self.exit = self.exit.or(exit);
        results.iter().filter_map(|result| self.add_one(seed, result)).collect()
    }

    fn add_one(&mut self, seed: u64, result: &ScenarioResult) -> Option<PathBuf> {
        let scenario = self.scenarios.entry(result.id).or_insert_with(|| Repeated {
            place: format!("{}:{}", result.feature.display(), result.line),
            name: result.name.clone(),
            verdict: result.verdict,
            counts: BTreeMap::new(),
            told: BTreeMap::new(),
            spreads: Vec::new(),
            times: Times::default(),
        });
        scenario.times.add(seed, result);
        if seed == self.first {
            scenario.verdict = result.verdict;
        }
        *scenario.counts.entry(result.verdict).or_default() += 1;
        if result.simply_passed() {
            return None;
        }
        scenario.told.insert(seed, Told::of(result));
        let too_many = if scenario.told.len() > TOLD { scenario.told.pop_last() } else { None };
        // The first run keeps all of its captures.
        too_many.filter(|(seed, _)| *seed != self.first).and_then(|(_, told)| told.capture)
    }

    /// Works out how the times spread, when all runs are added.
    pub fn settle(&mut self) {
        for scenario in self.scenarios.values_mut() {
            scenario.spreads = scenario.times.spreads();
        }
    }

    /// The spreads to show: of few scenarios all, of many the ten whose slowest run came nearest to the end of its window.
    fn shown(&self) -> Vec<(&Repeated, Vec<&Spread>)> {
        let all = || self.scenarios.values().flat_map(|s| s.spreads.iter().map(move |spread| (s, spread)));
        let mut shown: Vec<(&Repeated, &Spread)> = all().collect();
        if shown.len() > SHOWN {
            shown.retain(|(_, spread)| spread.left().is_some());
            shown.sort_by_key(|(_, spread)| spread.left());
            shown.truncate(TIGHTEST);
        }
        let mut of: Vec<(&Repeated, Vec<&Spread>)> = Vec::new();
        for (scenario, spread) in shown {
            match of.iter_mut().find(|(known, _)| std::ptr::eq(*known, scenario)) {
                Some((_, spreads)) => spreads.push(spread),
                None => of.push((scenario, vec![spread])),
            }
        }
        of
    }

    /// The scenarios whose verdict depends on the seed.
    pub fn changed(&self) -> impl Iterator<Item = &Repeated> {
        self.scenarios.values().filter(|scenario| scenario.counts.len() > 1)
    }
}

impl Told {
    fn of(result: &ScenarioResult) -> Self {
        let decisive = |finding: &&Finding| {
            finding.verdict == result.verdict
                && !matches!(finding.verdict, Verdict::Pass | Verdict::NotExercised)
        };
        let findings = result.findings.iter().filter(decisive);
        let findings = findings.map(|finding| {
            let Finding { rule, seen, .. } = finding;
            format!("{rule}: expected {}; seen: {seen}", finding.expectation())
        });
        let failed = result.failed_step.as_ref().map(|step| format!("line {}: {}", step.line, step.message));
        let trouble = result.trouble.as_ref().map(|trouble| trouble.message.clone());
        let mut why: Vec<String> = findings.collect();
        if why.is_empty() {
            why.extend(failed.or(trouble));
        } else {
            why.extend(trouble);
        }
        Told { verdict: result.verdict, why, capture: result.capture.clone(), repeat: result.repeat.clone() }
    }
}

impl fmt::Display for Repeats {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Repeats { first, seeds, real_time, .. } = self;
        let changed = self.changed().count();
        let last = first + seeds.saturating_sub(1);
        writeln!(
            f,
            "  seeds    {first} to {last}, {} scenario{} each, in {real_time:.1}",
            self.scenarios.len(),
            if self.scenarios.len() == 1 { "" } else { "s" }
        )?;
        match changed {
            0 => writeln!(f, "  changed  none: every scenario has the same verdict under every seed")?,
            1 => writeln!(f, "  changed  1 verdict depends on the seed")?,
            _ => writeln!(f, "  changed  {changed} verdicts depend on the seed")?,
        }
        self.changed().try_for_each(|scenario| write!(f, "\n{scenario}"))?;
        let shown = self.shown();
        if !shown.is_empty() {
            let all: usize = self.scenarios.values().map(|scenario| scenario.spreads.len()).sum();
            let some = if all > SHOWN { ", the tightest; all of them are in repeat.json" } else { "" };
            writeln!(f, "\n  times of each expectation, from what it counts from on{some}")?;
        }
        for (scenario, spreads) in shown {
            writeln!(f, "  {}  {}", scenario.place, scenario.name)?;
            spreads.iter().try_for_each(|spread| write!(f, "{spread}"))?;
        }
        writeln!(f, "\n  exit     {}: under all seeds together", self.exit.code())
    }
}

impl fmt::Display for Repeated {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let counts: Vec<String> = self.counts.iter().map(|(verdict, n)| format!("{verdict} {n}")).collect();
        writeln!(f, "  {}  {}\n    {}", self.place, self.name, counts.join(", "))?;
        let others = self.told.iter().filter(|(_, told)| told.verdict != Verdict::Pass);
        for (seed, told) in others.take(3) {
            writeln!(f, "    {} with seed {seed}", told.verdict)?;
            told.why.iter().take(3).try_for_each(|why| writeln!(f, "      {why}"))?;
            writeln!(f, "      again: {}", told.repeat)?;
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::super::events::tests::result;
    use super::*;

    #[test]
    fn a_verdict_that_depends_on_the_seed_is_told_with_the_seed() {
        let mut repeats = Repeats::new(7);
        for seed in [9, 7, 8] {
            let verdict = if seed == 8 { Verdict::Fail } else { Verdict::Pass };
            let mut results = [result(1, &[Verdict::Pass]), result(2, &[verdict])];
            results[1].repeat = format!("sipfarm run a.feature:3 --seed {seed}");
            let exit = if seed == 8 { Exit::Finding } else { Exit::Passed };
            assert_eq!(repeats.add(seed, &results, exit), Vec::<PathBuf>::new());
        }
        assert_eq!((repeats.seeds, repeats.exit), (3, Exit::Finding));
        let changed: Vec<&Repeated> = repeats.changed().collect();
        assert_eq!(changed.iter().map(|s| &*s.name).collect::<Vec<_>>(), ["scenario 2"]);
        assert_eq!(changed[0].counts, BTreeMap::from([(Verdict::Pass, 2), (Verdict::Fail, 1)]));
        let text = repeats.to_string();
        assert!(text.contains("fail with seed 8") && text.contains("--seed 8"), "{text}");
    }

    #[test]
    fn captures_of_one_scenario_do_not_pile_up() {
        let mut repeats = Repeats::new(1);
        let mut let_go = Vec::new();
        for seed in (1..=50).rev() {
            let mut failed = result(1, &[Verdict::Fail]);
            failed.capture = Some(format!("seed-{seed}").into());
            let_go.extend(repeats.add(seed, &[failed], Exit::Finding));
        }
        let kept: Vec<u64> = repeats.scenarios[&1].told.keys().copied().collect();
        assert_eq!(kept, (1..=10).collect::<Vec<u64>>(), "whatever order they come in");
        assert_eq!(let_go.len(), 40);
        assert_eq!(repeats.scenarios[&1].counts, BTreeMap::from([(Verdict::Fail, 50)]));
    }
}
