//! A part of what was selected: one of several even shards, or what failed last.

use std::collections::BTreeSet;
use std::fmt;
use std::path::Path;
use std::str::FromStr;

use cucumber::feature::Ext as _;
use gherkin::Scenario;
use serde::{Deserialize, Serialize};

use super::events::ScenarioId;
use super::record::{Event, Recorded};
use super::select::{Chosen, Selected};
use crate::error::{Error, Result};

impl Selected {
    /// Leaves only what is wanted. Every scenario keeps its number, so that its capture is called the same in whichever
    /// part of the whole it runs.
    pub fn keep(&mut self, wanted: impl Fn(&Chosen) -> bool) {
        self.scenarios.retain(|scenario| wanted(scenario));
        let kept: BTreeSet<(&Path, usize)> =
            self.scenarios.iter().map(|scenario| (&*scenario.path, scenario.line as usize)).collect();
        for feature in &mut self.features {
            let path = feature.path.clone().unwrap_or_default();
            let stays = |scenario: &Scenario| kept.contains(&(&*path, scenario.position.line));
            feature.scenarios.retain(stays);
            feature.rules.iter_mut().for_each(|rule| rule.scenarios.retain(stays));
            feature.rules.retain(|rule| !rule.scenarios.is_empty());
        }
        self.features.retain(|feature| feature.count_scenarios() > 0);
    }

    /// Leaves one of several even parts: every n-th scenario, so that long and short ones are spread, too.
    ///
    /// # Errors
    /// There is no scenario left for that part.
    pub fn shard(&mut self, shard: Shard) -> Result<()> {
        let of = self.scenarios.len();
        let mine: BTreeSet<ScenarioId> = self
            .scenarios
            .iter()
            .enumerate()
            .filter(|(at, _)| at % shard.of as usize == shard.index as usize - 1)
            .map(|(_, scenario)| scenario.id)
            .collect();
        self.keep(|scenario| mine.contains(&scenario.id));
        if self.scenarios.is_empty() {
            return Err(Error::NothingSelected { of, filter: format!("is left for part {shard}") });
        }
        Ok(())
    }
}

/// One of several parts of a selection, `2/5`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
pub struct Shard {
    /// Which, from 1.
    index: u32,
    /// How many there are.
    of: u32,
}

impl Shard {
    /// Which part it is, from 1.
    pub fn index(self) -> u32 {
        self.index
    }

    /// How many parts there are.
    pub fn of(self) -> u32 {
        self.of
    }
}

impl FromStr for Shard {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        let parts =
            text.split_once('/').and_then(|(index, of)| Some((index.parse().ok()?, of.parse().ok()?)));
        match parts {
            Some((index, of)) if (1..=of).contains(&index) => Ok(Shard { index, of }),
            _ => Err("write which part of how many, from 1/N to N/N, such as 2/5".to_owned()),
        }
    }
}

impl fmt::Display for Shard {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}/{}", self.index, self.of)
    }
}

/// The scenarios of a run that did not end well, or had no end, as `file.feature:12`. Those of a run that was killed
/// and had not begun are not known.
pub fn failed(recorded: &Recorded) -> Vec<String> {
    let mut places = BTreeSet::new();
    for event in &recorded.events {
        match event {
            Event::ScenarioFinished(scenario) if !scenario.ended_well() => {
                places.insert((scenario.feature.clone(), scenario.line));
            }
            Event::ScenarioInterrupted { feature, line, .. } => _ = places.insert((feature.clone(), *line)),
            _ => {}
        }
    }
    places.into_iter().map(|(feature, line)| format!("{feature}:{line}")).collect()
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use sipfarm_core::{Instant, Span};
    use sipfarm_judge::Verdict;

    use super::*;
    use crate::error::Exit;
    use crate::run::events::RunEvent;
    use crate::run::events::tests::result;
    use crate::run::record::Header;
    use crate::run::select::Selection;

    /// Seven scenarios in two features, one of them under a rule.
    fn seven() -> Selected {
        let folder = tempfile::tempdir().unwrap();
        let scenarios = |from: u32, to: u32| -> String {
            (from..=to).map(|n| format!("  Scenario: s{n}\n    Given x\n")).collect()
        };
        std::fs::write(folder.path().join("a.feature"), format!("Feature: A\n{}", scenarios(1, 4))).unwrap();
        let ruled = format!("Feature: B\n{}  Rule: r\n{}", scenarios(5, 6), scenarios(7, 7));
        std::fs::write(folder.path().join("b.feature"), ruled).unwrap();
        let selection =
            Selection { paths: vec![folder.path().display().to_string()], ..Selection::default() };
        selection.choose(&selection.read().unwrap()).unwrap()
    }

    fn ids(selected: &Selected) -> Vec<ScenarioId> {
        selected.scenarios.iter().map(|scenario| scenario.id).collect()
    }

    #[test]
    fn shards_are_even_and_together_the_whole() {
        let mut all: Vec<ScenarioId> = Vec::new();
        for (part, expected) in [("1/3", vec![1, 4, 7]), ("2/3", vec![2, 5]), ("3/3", vec![3, 6])] {
            let mut selected = seven();
            selected.shard(part.parse().unwrap()).unwrap();
            assert_eq!(ids(&selected), expected);
            let handed: usize = selected.features.iter().map(|feature| feature.count_scenarios()).sum();
            assert_eq!(handed, expected.len(), "what is handed to the runner is what was chosen");
            all.extend(ids(&selected));
        }
        all.sort_unstable();
        assert_eq!(all, ids(&seven()));
    }

    #[test]
    fn a_part_without_a_scenario_is_no_success() {
        let error = seven().shard("8/8".parse().unwrap()).unwrap_err();
        assert_eq!(error.exit(), Exit::NothingSelected);
        assert_eq!(error.to_string(), "nothing selected: none of 7 scenarios is left for part 8/8");
    }

    #[test]
    fn a_part_is_one_of_as_many_as_there_are() {
        for wrong in ["0/3", "4/3", "1", "1/0", "a/b", "-1/2", "1/2/3", ""] {
            assert!(wrong.parse::<Shard>().is_err(), "{wrong}");
        }
        assert_eq!("3/3".parse::<Shard>().unwrap().to_string(), "3/3");
    }

    #[test]
    fn what_did_not_end_well_failed() {
        use Verdict::{Fail, Inconclusive, KnownIssue, NotApplicable, Pass, Warn};
        let verdicts = [Pass, Fail, Warn, Inconclusive, KnownIssue, NotApplicable];
        let bundle = Path::new("b");
        let mut events: Vec<Event> = (1..)
            .zip(verdicts)
            .map(|(id, verdict)| {
                let mut result = result(id, &[verdict]);
                result.line = id * 10;
                Event::of(&RunEvent::ScenarioFinished(Box::new(result)), bundle)
            })
            .collect();
        events.push(Event::ScenarioInterrupted {
            id: 9,
            name: "n".into(),
            feature: "features/z.feature".into(),
            line: 5,
            real_time: Span::ZERO,
        });
        let header = Header::new(1, "virtual", "reference", Instant::EPOCH);
        let recorded = Recorded { folder: bundle.to_owned(), header, events };
        assert_eq!(
            failed(&recorded),
            ["features/a.feature:20", "features/a.feature:40", "features/z.feature:5"]
        );
    }
}
