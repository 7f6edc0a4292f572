//! Several bundles as one: the shards of a run, or the same suite in several labs.

use std::collections::{BTreeMap, BTreeSet};
use std::path::PathBuf;

use sipfarm_core::Span;
use sipfarm_judge::Verdict;

use super::events::{ScenarioId, unexpected_of};
use super::record::{Event, Header, Recorded, SCHEMA, Scenario, Slow, Started, Summary, UnexpectedPass};
use super::shard::Shard;
use crate::error::{Error, Exit, Result};

/// What several bundles come to.
#[derive(Debug, Clone, PartialEq)]
pub struct Merged {
    /// How it was made.
    pub header: Header,
    /// Its events, in the order of features and lines, not of time.
    pub events: Vec<Event>,
    /// The captures: where each lies, and its name in the new bundle.
    pub captures: Vec<(PathBuf, String)>,
}

impl Merged {
    /// What the whole comes to.
    pub fn exit(&self) -> Exit {
        let summary = self.events.iter().rev().find_map(|event| match event {
            Event::Finished(summary) => Some(summary.exit),
            _ => None,
        });
        summary.unwrap_or(Exit::Interrupted)
    }
}

/// Joins bundles. `labs` names the lab of each, in their order; without, it is the one that its run has named.
///
/// # Errors
/// They do not fit: other versions, other seeds, a scenario in two of them, a shard missing or there twice.
pub fn merge(bundles: &[Recorded], labs: &[String]) -> Result<Merged> {
    let labs = labs_of(bundles, labs)?;
    same(bundles, "version", |header| match &header.commit {
        Some(commit) => format!("{} ({commit})", header.version),
        None => header.version.clone(),
    })?;
    same(bundles, "seed", |header| header.seed.to_string())?;
    complete(bundles, &labs)?;
    let several = labs.iter().collect::<BTreeSet<_>>().len() > 1;
    let mut whole: Vec<(&Recorded, Scenario)> = Vec::new();
    for (bundle, lab) in bundles.iter().zip(&labs) {
        for scenario in bundle.scenarios() {
            let mut scenario = scenario.clone();
            if several && scenario.lab.is_none() {
                scenario.lab = Some(lab.clone());
            }
            whole.push((bundle, scenario));
        }
    }
    whole.sort_by(|(_, a), (_, b)| key(a).cmp(&key(b)));
    once(&whole)?;
    let mut captures = Vec::new();
    for (id, (bundle, scenario)) in (1..).zip(&mut whole) {
        scenario.id = id;
        if let Some(capture) = &scenario.capture {
            let name = format!("{id:03}.pcapng");
            captures.push((bundle.folder.join(capture), name.clone()));
            scenario.capture = Some(name);
        }
        for (number, again) in (1..).zip(&mut scenario.tries) {
            let Some(capture) = &again.capture else { continue };
            let name =
                if number == 1 { format!("{id:03}.pcapng") } else { format!("{id:03}-try-{number}.pcapng") };
            if number > 1 {
                captures.push((bundle.folder.join(capture), name.clone()));
            }
            again.capture = Some(name);
        }
    }
    let scenarios: Vec<Scenario> = whole.into_iter().map(|(_, scenario)| scenario).collect();
    let header = header(bundles, &labs);
    let events = events(bundles, &header, scenarios);
    Ok(Merged { header, events, captures })
}

/// The order of the whole, and what makes a scenario another one.
fn key(scenario: &Scenario) -> (&str, u32, &Option<String>, &str) {
    (&scenario.feature, scenario.line, &scenario.lab, &scenario.phone)
}

fn labs_of(bundles: &[Recorded], labs: &[String]) -> Result<Vec<String>> {
    if labs.is_empty() {
        return Ok(bundles.iter().map(|bundle| bundle.header.lab.clone()).collect());
    }
    if labs.len() != bundles.len() {
        return Err(Error::usage(
            format!("{} bundles and {} names of labs", bundles.len(), labs.len()),
            "give --lab once for each bundle, in their order, or not at all",
        ));
    }
    Ok(labs.to_vec())
}

/// That all bundles agree on something.
fn same(bundles: &[Recorded], what: &str, of: impl Fn(&Header) -> String) -> Result<()> {
    let Some((first, rest)) = bundles.split_first() else { return Ok(()) };
    let value = of(&first.header);
    let Some(other) = rest.iter().find(|bundle| of(&bundle.header) != value) else { return Ok(()) };
    Err(Error::usage(
        format!(
            "the bundles are not of one {what}: {} has {value}, {} has {}",
            first.folder.display(),
            other.folder.display(),
            of(&other.header)
        ),
        format!("run them again with one {what}; a report of both would compare what cannot be compared"),
    ))
}

/// That of a run in shards there is each shard, once in each lab.
fn complete(bundles: &[Recorded], labs: &[String]) -> Result<()> {
    let mut shards: BTreeMap<&String, Vec<Option<Shard>>> = BTreeMap::new();
    for (bundle, lab) in bundles.iter().zip(labs) {
        shards.entry(lab).or_default().push(bundle.header.shard);
    }
    let wrong =
        |problem: String| Error::usage(problem, "name the bundle of every shard of one run, each once");
    for (lab, shards) in shards {
        let parts: Vec<Shard> = shards.iter().copied().flatten().collect();
        let Some(first) = parts.first() else { continue };
        if parts.len() < shards.len() || parts.iter().any(|part| part.of() != first.of()) {
            let told: Vec<String> = shards
                .iter()
                .map(|part| part.map_or("a whole".to_owned(), |part| part.to_string()))
                .collect();
            return Err(wrong(format!("the shards of lab {lab} are not of one run: {}", told.join(", "))));
        }
        for index in 1..=first.of() {
            let times = parts.iter().filter(|part| part.index() == index).count();
            if times != 1 {
                let word = if times == 0 { "missing" } else { "there more than once" };
                return Err(wrong(format!("shard {index}/{} of lab {lab} is {word}", first.of())));
            }
        }
    }
    Ok(())
}

/// That no scenario is there twice: nobody could say which of two results counts.
fn once(whole: &[(&Recorded, Scenario)]) -> Result<()> {
    let twice = whole.windows(2).find(|pair| key(&pair[0].1) == key(&pair[1].1));
    let Some([(first, scenario), (second, _)]) = twice else { return Ok(()) };
    Err(Error::usage(
        format!(
            "{}:{} is in {} and in {}",
            scenario.feature,
            scenario.line,
            first.folder.display(),
            second.folder.display()
        ),
        "where they are of several labs, name each: --lab NAME once for each bundle",
    ))
}

fn header(bundles: &[Recorded], labs: &[String]) -> Header {
    let all = |of: &dyn Fn(&Header) -> String| {
        let values: BTreeSet<String> = bundles.iter().map(|bundle| of(&bundle.header)).collect();
        values.into_iter().collect::<Vec<_>>().join("+")
    };
    let first = &bundles[0].header;
    let labs: BTreeSet<&String> = labs.iter().collect();
    Header {
        net: all(&|header| header.net.clone()),
        phone: all(&|header| header.phone.clone()),
        lab: labs.into_iter().cloned().collect::<Vec<_>>().join("+"),
        command: std::env::args_os().map(|word| word.to_string_lossy().into_owned()).collect(),
        started: bundles.iter().map(|bundle| bundle.header.started).min().unwrap_or(first.started),
        shard: None,
        whole: bundles.iter().all(|bundle| bundle.header.whole),
        conditions: first
            .conditions
            .clone()
            .filter(|_| bundles.iter().all(|b| b.header.conditions == first.conditions)),
        profile: first.profile.clone().filter(|_| bundles.iter().all(|b| b.header.profile == first.profile)),
        ..first.clone()
    }
}

fn events(bundles: &[Recorded], header: &Header, scenarios: Vec<Scenario>) -> Vec<Event> {
    let selected = |bundle: &Recorded| {
        let started = bundle.events.iter().find_map(|event| match event {
            Event::Started(started) => Some(started.selected),
            _ => None,
        });
        started.unwrap_or(0)
    };
    let started = Started {
        schema: SCHEMA.to_owned(),
        version: header.version.clone(),
        seed: header.seed,
        net: header.net.clone(),
        lab: (header.lab != header.net).then(|| header.lab.clone()),
        selected: bundles.iter().map(selected).sum(),
    };
    let interrupted = interrupted(bundles, scenarios.len());
    let summary = summary(bundles, &scenarios, started.selected, interrupted.len());
    let mut events = vec![Event::Started(started)];
    for scenario in scenarios {
        events.push(Event::ScenarioStarted { id: scenario.id, name: scenario.name.clone() });
        events.push(Event::ScenarioFinished(Box::new(scenario)));
    }
    for event in interrupted {
        if let Event::ScenarioInterrupted { id, name, .. } = &event {
            events.push(Event::ScenarioStarted { id: *id, name: name.clone() });
        }
        events.push(event);
    }
    events.push(Event::Finished(summary));
    events
}

/// What was under way when a run was interrupted, with the numbers after those of the scenarios that have ended.
fn interrupted(bundles: &[Recorded], ended: usize) -> Vec<Event> {
    let events = bundles.iter().flat_map(|bundle| &bundle.events);
    let cut_short = events.filter(|event| matches!(event, Event::ScenarioInterrupted { .. }));
    let from = ScenarioId::try_from(ended).unwrap_or(ScenarioId::MAX).saturating_add(1);
    let mut cut_short: Vec<Event> = cut_short.cloned().collect();
    for (number, event) in (from..).zip(&mut cut_short) {
        if let Event::ScenarioInterrupted { id, .. } = event {
            *id = number;
        }
    }
    cut_short
}

fn summary(bundles: &[Recorded], scenarios: &[Scenario], selected: usize, interrupted: usize) -> Summary {
    let mut counts = BTreeMap::new();
    for scenario in scenarios {
        *counts.entry(scenario.verdict).or_default() += 1;
    }
    let judged = scenarios.iter().any(|scenario| scenario.verdict != Verdict::NotApplicable);
    let mut exit = if judged { Exit::Passed } else { Exit::NothingSelected };
    exit = scenarios.iter().fold(exit, |exit, scenario| exit.or(scenario.exit));
    for bundle in bundles {
        // What no scenario tells: a run that was killed or interrupted, a result that is missing.
        let of_run = bundle.summary().map_or(Exit::Interrupted, |summary| summary.exit);
        if matches!(of_run, Exit::Interrupted | Exit::Bug) {
            exit = exit.or(of_run);
        }
    }
    let unexpected_passes = unexpected(bundles, scenarios);
    if !unexpected_passes.is_empty() {
        exit = exit.or(Exit::KnownIssuePassed);
    }
    let real_times = bundles.iter().filter_map(|bundle| bundle.summary()).map(|summary| summary.real_time);
    Summary {
        schema: SCHEMA.to_owned(),
        selected,
        counts,
        interrupted,
        flaky: scenarios.iter().filter(|scenario| scenario.is_flaky()).count(),
        unexpected_passes,
        slowest: slowest(scenarios),
        real_time: real_times.fold(Span::ZERO, |sum, time| sum + time),
        exit,
    }
}

/// The known issues that all runs together have missed, where they are whole.
fn unexpected(bundles: &[Recorded], scenarios: &[Scenario]) -> Vec<UnexpectedPass> {
    let is_whole = |bundle: &Recorded| {
        let ended =
            bundle.summary().is_some_and(|summary| !matches!(summary.exit, Exit::Interrupted | Exit::Bug));
        bundle.header.whole && ended
    };
    if !bundles.iter().all(is_whole) {
        return Vec::new();
    }
    let of = |scenario| {
        let Scenario { phone, known_issues, findings, .. }: &Scenario = scenario;
        (
            phone,
            known_issues,
            findings.iter().map(|finding| (finding.rule.as_str(), finding.verdict)).collect(),
        )
    };
    unexpected_of(scenarios.iter().map(of)).iter().map(Into::into).collect()
}

fn slowest(scenarios: &[Scenario]) -> Vec<Slow> {
    let mut all: Vec<&Scenario> = scenarios.iter().collect();
    all.sort_by_key(|scenario| (-scenario.duration(), scenario.id));
    let slow = |scenario: &&Scenario| Slow {
        id: scenario.id,
        name: scenario.name.clone(),
        real_time: scenario.real_time,
        virtual_time: scenario.virtual_time,
    };
    all.iter().take(5).map(slow).collect()
}

#[cfg(test)]
#[path = "merge_tests.rs"]
mod tests;
