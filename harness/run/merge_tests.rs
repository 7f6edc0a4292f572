#![allow(clippy::unwrap_used)]
use sipfarm_core::Instant;

use std::path::Path;

use super::*;
use crate::run::events::tests::result;
use crate::run::events::{self, RunEvent, ScenarioResult};

/// A bundle of these results, each scenario at ten times its number's line.
fn bundle(folder: &str, results: &mut [ScenarioResult]) -> Recorded {
    let path = Path::new(folder);
    for result in results.iter_mut() {
        result.line = result.id * 10;
        result.capture = Some(path.join(format!("{:03}.pcapng", result.id)));
    }
    let mut events = vec![RunEvent::Started(events::Started::new(1, "virtual", results.len()))];
    events.extend(results.iter().map(|result| RunEvent::ScenarioFinished(Box::new(result.clone()))));
    let summary = events::Summary::of(results.len(), results, None, Span::from_secs(2));
    events.push(RunEvent::Finished(summary));
    let mut header = Header::new(1, "virtual", "reference", Instant::from_nanos(i64::from(results[0].id)));
    header.whole = true;
    header.commit = None;
    let events = events.iter().map(|event| Event::of(event, path)).collect();
    Recorded { folder: path.to_owned(), header, events }
}

fn of(folder: &str, ids: &[u32], verdict: Verdict) -> Recorded {
    let mut results: Vec<ScenarioResult> = ids.iter().map(|id| result(*id, &[verdict])).collect();
    bundle(folder, &mut results)
}

fn shard(mut bundle: Recorded, part: &str) -> Recorded {
    bundle.header.shard = Some(part.parse().unwrap());
    bundle
}

/// The merged run as it would be read from its own bundle.
fn whole(merged: &Merged) -> Recorded {
    Recorded { folder: "out".into(), header: merged.header.clone(), events: merged.events.clone() }
}

#[test]
fn two_shards_are_the_run_that_they_are_parts_of() {
    let parts =
        [shard(of("b", &[2, 4], Verdict::Fail), "2/2"), shard(of("a", &[1, 3, 5], Verdict::Pass), "1/2")];
    let merged = merge(&parts, &[]).unwrap();
    let recorded = whole(&merged);
    let scenarios: Vec<(u32, u32, Option<&str>)> =
        recorded.scenarios().iter().map(|s| (s.id, s.line, s.capture.as_deref())).collect();
    assert_eq!(
        scenarios,
        [
            (1, 10, Some("001.pcapng")),
            (2, 20, Some("002.pcapng")),
            (3, 30, Some("003.pcapng")),
            (4, 40, Some("004.pcapng")),
            (5, 50, Some("005.pcapng"))
        ]
    );
    assert!(recorded.scenarios().iter().all(|scenario| scenario.lab.is_none()), "one lab is no column");
    let summary = recorded.summary().unwrap();
    assert_eq!((summary.selected, summary.count(Verdict::Pass), summary.count(Verdict::Fail)), (5, 3, 2));
    assert_eq!((merged.exit(), merged.header.shard), (Exit::Finding, None));
    assert_eq!(summary.real_time, Span::from_secs(4));
    assert_eq!(summary.slowest.iter().map(|slow| slow.id).collect::<Vec<_>>(), [5, 4, 3, 2, 1]);
}

#[test]
fn labs_are_a_column_and_captures_are_numbered_anew() {
    let labs = ["berlin".to_owned(), "tokyo".to_owned()];
    let merged = merge(&[of("b", &[1, 2], Verdict::Pass), of("t", &[1, 2], Verdict::Fail)], &labs).unwrap();
    let recorded = whole(&merged);
    let scenarios: Vec<(u32, u32, Option<&str>)> =
        recorded.scenarios().iter().map(|s| (s.id, s.line, s.lab.as_deref())).collect();
    assert_eq!(
        scenarios,
        [(1, 10, Some("berlin")), (2, 10, Some("tokyo")), (3, 20, Some("berlin")), (4, 20, Some("tokyo"))]
    );
    let captures: Vec<(String, &str)> =
        merged.captures.iter().map(|(from, to)| (from.display().to_string(), &**to)).collect();
    assert_eq!(captures[1], ("t/001.pcapng".to_owned(), "002.pcapng"));
    assert_eq!(merged.header.lab, "berlin+tokyo");
}

fn refused(bundles: &[Recorded], labs: &[&str]) -> String {
    let labs: Vec<String> = labs.iter().map(|lab| (*lab).to_owned()).collect();
    let error = merge(bundles, &labs).unwrap_err();
    assert_eq!(error.exit(), Exit::Usage);
    error.to_string()
}

#[test]
fn what_does_not_fit_is_refused_in_a_sentence() {
    let (one, two) = (of("a", &[1], Verdict::Pass), of("b", &[2], Verdict::Pass));
    let mut newer = two.clone();
    newer.header.version = "99.0".to_owned();
    assert_eq!(
        refused(&[one.clone(), newer], &[]),
        format!("the bundles are not of one version: a has {}, b has 99.0", env!("CARGO_PKG_VERSION"))
    );
    let mut seeded = two.clone();
    seeded.header.seed = 7;
    assert_eq!(refused(&[one.clone(), seeded], &[]), "the bundles are not of one seed: a has 1, b has 7");
    assert_eq!(
        refused(&[one.clone(), of("b", &[1], Verdict::Pass)], &[]),
        "features/a.feature:10 is in a and in b"
    );
    assert_eq!(refused(&[one.clone(), two.clone()], &["berlin"]), "2 bundles and 1 names of labs");
    let missing = [shard(one.clone(), "1/3"), shard(two.clone(), "3/3")];
    assert_eq!(refused(&missing, &[]), "shard 2/3 of lab virtual is missing");
    let twice = [shard(one.clone(), "1/2"), shard(two.clone(), "1/2")];
    assert_eq!(refused(&twice, &[]), "shard 1/2 of lab virtual is there more than once");
    let mixed = [shard(one.clone(), "1/2"), two.clone()];
    assert_eq!(refused(&mixed, &[]), "the shards of lab virtual are not of one run: 1/2, a whole");
}

#[test]
fn a_part_that_was_killed_makes_no_whole() {
    let mut killed = of("a", &[1], Verdict::Pass);
    killed.events.pop();
    assert_eq!(merge(&[killed, of("b", &[2], Verdict::Pass)], &[]).unwrap().exit(), Exit::Interrupted);
}

#[test]
fn what_was_cut_short_is_told_after_the_rest() {
    let mut cut = of("a", &[1], Verdict::Pass);
    cut.events.insert(
        2,
        Event::ScenarioInterrupted {
            id: 1,
            name: "cut".into(),
            feature: "features/a.feature".into(),
            line: 70,
            real_time: Span::ZERO,
        },
    );
    let merged = merge(&[cut, of("b", &[2], Verdict::Pass)], &[]).unwrap();
    let ids: Vec<u32> = merged
        .events
        .iter()
        .filter_map(|event| match event {
            Event::ScenarioInterrupted { id, .. } => Some(*id),
            _ => None,
        })
        .collect();
    assert_eq!(ids, [3]);
    assert_eq!(whole(&merged).summary().unwrap().interrupted, 1);
}

#[test]
fn a_known_issue_is_gone_only_when_no_part_has_shown_it() {
    let knows = |id, verdict| {
        let mut result = result(id, &[verdict]);
        result.known_issues.insert("rule".into(), "it is broken".into());
        [result]
    };
    let missed = bundle("a", &mut knows(1, Verdict::Pass));
    assert_eq!(missed.summary().unwrap().exit, Exit::KnownIssuePassed);
    let shows = bundle("b", &mut knows(2, Verdict::KnownIssue));
    assert_eq!(merge(&[missed.clone(), shows], &[]).unwrap().exit(), Exit::Passed);
    let also_missed = bundle("b", &mut knows(2, Verdict::Pass));
    let merged = merge(&[missed, also_missed], &[]).unwrap();
    assert_eq!(merged.exit(), Exit::KnownIssuePassed);
    assert_eq!(whole(&merged).summary().unwrap().unexpected_passes.len(), 1);
    // What a part leaves out might show it.
    let mut part = bundle("c", &mut knows(3, Verdict::Pass));
    part.header.whole = false;
    assert_eq!(merge(&[part], &[]).unwrap().exit(), Exit::Passed);
}
