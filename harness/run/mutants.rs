//! What the suite finds when the reference phone does something wrong: which rule catches which
//! defect. Every rule must be able to fail, and none may accuse a phone that does everything right.

use std::collections::BTreeMap;
use std::fmt;

use serde::Serialize;
use sipfarm_core::Span;
use sipfarm_judge::{Finding, Verdict};

use super::events::ScenarioResult;
use crate::error::{Blame, Exit};

/// The version of the JSON.
const SCHEMA: &str = "sipfarm.mutants/1";

/// The suite against every defect.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Mutants {
    schema: &'static str,
    /// How many scenarios each phone went through.
    pub scenarios: usize,
    /// What the phone without defects did not pass; must be nothing.
    pub unfit: Vec<Unfit>,
    /// The defects, in the order of their declaration.
    pub defects: Vec<Mutant>,
    /// How long all of it took.
    pub real_time: Span,
}

/// A scenario that does not pass although the phone does nothing wrong.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Unfit {
    /// The scenario.
    pub example: Example,
    /// How it ended.
    pub verdict: Verdict,
}

/// A phone with one defect.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Mutant {
    /// The defect.
    pub defect: &'static str,
    /// What it is, in a sentence.
    pub about: &'static str,
    /// The rules that must catch it and did not.
    pub missed: Vec<&'static str>,
    /// The rules that caught it; those that must, first.
    pub caught: Vec<Catch>,
    /// Bugs of ours that it has shown.
    pub bugs: Vec<String>,
}

/// What one rule found against a defect.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Catch {
    /// The rule.
    pub rule: String,
    /// Whether the defect says that this rule must catch it.
    pub named: bool,
    /// *fail*, or *warn* where the rule never says more.
    pub verdict: Verdict,
    /// In how many scenarios.
    pub scenarios: usize,
    /// The first of them.
    pub example: Example,
}

/// A scenario, with what was seen in it.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Example {
    /// `features/a.feature:12`.
    pub place: String,
    /// Its name.
    pub name: String,
    /// What was expected.
    pub expected: String,
    /// What was seen instead.
    pub seen: String,
}

impl Mutants {
    /// From what the phone without defects was told, and what those with one were.
    pub fn new(healthy: &[ScenarioResult], defects: Vec<Mutant>, real_time: Span) -> Self {
        let unfit = healthy.iter().filter(|result| result.exit() != Exit::Passed).map(Unfit::of);
        Mutants { schema: SCHEMA, scenarios: healthy.len(), unfit: unfit.collect(), defects, real_time }
    }

    /// 0 when nobody is accused for nothing and every defect is caught by the rules that it names.
    pub fn exit(&self) -> Exit {
        let bug = self.defects.iter().any(|mutant| !mutant.bugs.is_empty());
        let wrong = !self.unfit.is_empty() || self.defects.iter().any(|mutant| !mutant.is_caught());
        match (bug, wrong) {
            (true, _) => Exit::Bug,
            (false, true) => Exit::Finding,
            (false, false) => Exit::Passed,
        }
    }
}

impl Mutant {
    /// What the scenarios have found against a defect that these rules must catch. What the phone
    /// without it was told as well says nothing.
    pub fn new(
        (defect, about, rules): (&'static str, &'static str, &'static [&'static str]),
        healthy: &[ScenarioResult],
        mut results: Vec<ScenarioResult>,
    ) -> Self {
        results.sort_by_key(|result| result.id);
        let mut caught: Vec<Catch> = catches(healthy, &results).collect();
        for catch in &mut caught {
            catch.named = rules.contains(&catch.rule.as_str());
        }
        caught.sort_by_key(|catch| (!catch.named, std::cmp::Reverse(catch.scenarios)));
        let missed = rules.iter().copied().filter(|rule| !caught.iter().any(|catch| catch.rule == *rule));
        Mutant {
            defect,
            about,
            missed: missed.collect(),
            bugs: results.iter().filter_map(bug).collect(),
            caught,
        }
    }

    /// Whether every rule that must catch it has.
    pub fn is_caught(&self) -> bool {
        self.missed.is_empty() && self.caught.iter().any(|catch| catch.named)
    }
}

/// The rules that accused or warned, each with its heaviest verdict.
fn catches(healthy: &[ScenarioResult], results: &[ScenarioResult]) -> impl Iterator<Item = Catch> {
    let mut caught: BTreeMap<&str, Catch> = BTreeMap::new();
    for result in results {
        let as_before = healthy.iter().find(|healthy| healthy.id == result.id);
        let before = as_before.map_or(&[][..], |healthy| &healthy.findings);
        let mut told: Vec<&str> = Vec::new();
        for finding in result.findings.iter().filter(|finding| is_catch(finding)) {
            if before.iter().any(|before| before.rule == finding.rule && is_catch(before)) {
                continue;
            }
            let catch = caught.entry(&finding.rule).or_insert_with(|| Catch {
                rule: finding.rule.clone(),
                named: false,
                verdict: finding.verdict,
                scenarios: 0,
                example: Example::of(result, finding),
            });
            if (catch.verdict, finding.verdict) == (Verdict::Warn, Verdict::Fail) {
                (catch.verdict, catch.example) = (finding.verdict, Example::of(result, finding));
            }
            catch.scenarios += usize::from(!told.contains(&&*finding.rule));
            told.push(&finding.rule);
        }
    }
    caught.into_values()
}

fn is_catch(finding: &Finding) -> bool {
    matches!(finding.verdict, Verdict::Fail | Verdict::Warn)
}

fn bug(result: &ScenarioResult) -> Option<String> {
    let trouble = result.trouble.as_ref().filter(|trouble| trouble.blame == Blame::Ours)?;
    Some(format!("{}: {}", place(result), trouble.message))
}

fn place(result: &ScenarioResult) -> String {
    format!("{}:{}", result.feature.display(), result.line)
}

impl Example {
    fn of(result: &ScenarioResult, finding: &Finding) -> Self {
        Example {
            place: place(result),
            name: result.name.clone(),
            expected: finding.expectation().into_owned(),
            seen: finding.seen.clone(),
        }
    }
}

impl Unfit {
    fn of(result: &ScenarioResult) -> Self {
        let told = result.findings.iter().find(|finding| finding.verdict == result.verdict);
        let example = match told {
            Some(finding) => Example::of(result, finding),
            None => Example {
                place: place(result),
                name: result.name.clone(),
                expected: String::new(),
                seen: result
                    .trouble
                    .as_ref()
                    .map(|trouble| &trouble.message)
                    .or(result.failed_step.as_ref().map(|step| &step.message))
                    .cloned()
                    .unwrap_or_default(),
            },
        };
        Unfit { example, verdict: result.verdict }
    }
}

/// A table: each defect, the rules that must catch it with the first scenario in which they did,
/// and in the last line the others that did.
impl fmt::Display for Mutants {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for unfit in &self.unfit {
            let Example { place, name, expected, seen } = &unfit.example;
            writeln!(f, "without a defect: {} in {place}  {name}", unfit.verdict)?;
            writeln!(f, "    expected {expected}\n    seen     {seen}")?;
        }
        for mutant in &self.defects {
            write!(f, "{mutant}")?;
        }
        let caught = self.defects.iter().filter(|mutant| mutant.is_caught()).count();
        writeln!(
            f,
            "{caught} of {} defects caught by the rules that they name, in {} scenarios and {:.1}",
            self.defects.len(),
            self.scenarios,
            self.real_time
        )
    }
}

impl fmt::Display for Mutant {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        writeln!(f, "{:<28} {}", self.defect, self.about)?;
        for rule in &self.missed {
            writeln!(f, "  MISSED {rule}")?;
        }
        for catch in self.caught.iter().filter(|catch| catch.named) {
            let Catch { rule, verdict, scenarios, example, .. } = catch;
            let verdict = verdict.to_string();
            writeln!(f, "  {rule:<26} {verdict} in {scenarios:<3} {}  {}", example.place, example.name)?;
        }
        let others: Vec<_> = self.caught.iter().filter(|catch| !catch.named).map(|c| &*c.rule).collect();
        if !others.is_empty() {
            writeln!(f, "  and {}", others.join(", "))?;
        }
        for bug in &self.bugs {
            writeln!(f, "  BUG of ours in {bug}")?;
        }
        Ok(())
    }
}
