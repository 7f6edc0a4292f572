//! Every requirement of the sources on failover (ids YL-… and CC-…), on resilience (AR-…), on call preservation
//! (AM-…) and on precedence (PA-…) has a scenario: what the wire can decide, and, but for precedence, what
//! somebody at the phone has to say.
#![allow(clippy::unwrap_used)]

use std::collections::BTreeSet;
use std::path::Path;

use sipfarm::lint::FeatureFile;
use sipfarm::requirements::{Class, Requirements};

/// Requirements that wait for something, and for what. One that has a scenario may not stand here.
const WAITING: &[(&str, &str)] = &[];

/// The beginnings of the ids that this is about.
const SOURCES: &[&str] = &["AM-", "AR-", "CC-", "PA-", "YL-"];

/// What rings, tones and screens tell of precedence waits for scenarios with somebody at the phone.
const NOT_ASKED_YET: &str = "PA-";

#[test]
fn no_requirement_that_the_wire_can_decide_is_without_a_scenario() {
    let mut tags = BTreeSet::new();
    read_tags(Path::new(concat!(env!("CARGO_MANIFEST_DIR"), "/features")), &mut tags);
    let requirements = Requirements::load_embedded();
    let on_the_wire = |classes: &[Class]| classes.iter().any(|c| matches!(c, Class::Network | Class::Farm));
    let in_scope: BTreeSet<&str> = requirements
        .iter()
        .filter(|requirement| SOURCES.iter().any(|source| requirement.id.starts_with(source)))
        .filter(|requirement| on_the_wire(&requirement.classes))
        .map(|requirement| requirement.id.as_str())
        .collect();
    assert!(in_scope.len() > 20, "only {in_scope:?}");
    let waiting: BTreeSet<&str> = WAITING.iter().map(|(id, _)| *id).collect();
    let uncovered: BTreeSet<&str> = in_scope.iter().copied().filter(|id| !tags.contains(*id)).collect();
    assert_eq!(uncovered, waiting, "left: without a scenario; right: the list of those that wait");
}

/// What no packet shows is asked of somebody at the phone.
#[test]
fn no_requirement_that_takes_somebody_at_the_phone_is_without_a_scenario_for_him() {
    let mut groups = Vec::new();
    read_groups(Path::new(concat!(env!("CARGO_MANIFEST_DIR"), "/features")), &mut groups);
    let asked: BTreeSet<&String> = groups.iter().filter(|tags| tags.contains("operator")).flatten().collect();
    let requirements = Requirements::load_embedded();
    let in_scope: Vec<&str> = requirements
        .iter()
        .filter(|requirement| !requirement.id.starts_with(NOT_ASKED_YET))
        .filter(|requirement| SOURCES.iter().any(|source| requirement.id.starts_with(source)))
        .filter(|requirement| requirement.classes.contains(&Class::Phone))
        .map(|requirement| requirement.id.as_str())
        .collect();
    assert!(in_scope.contains(&"AM-24"), "only {in_scope:?}");
    let unasked: Vec<&str> = in_scope.into_iter().filter(|id| !asked.contains(&(*id).to_owned())).collect();
    assert!(unasked.is_empty(), "without a scenario that is tagged @operator: {unasked:?}");
}

/// The tags of each scenario with those of its feature, without the `@`.
fn read_groups(folder: &Path, groups: &mut Vec<BTreeSet<String>>) {
    for entry in std::fs::read_dir(folder).unwrap() {
        let path = entry.unwrap().path();
        if path.is_dir() {
            read_groups(&path, groups);
        } else if path.extension().is_some_and(|extension| extension == "feature") {
            let file = FeatureFile::parse(&path, std::fs::read_to_string(&path).unwrap()).unwrap();
            for scenario in &file.feature.scenarios {
                let tags = file.feature.tags.iter().chain(&scenario.tags);
                groups.push(tags.map(|tag| tag.trim_start_matches('@').to_owned()).collect());
            }
        }
    }
}

/// The tags of all feature files, without the `@`.
fn read_tags(folder: &Path, tags: &mut BTreeSet<String>) {
    for entry in std::fs::read_dir(folder).unwrap() {
        let path = entry.unwrap().path();
        if path.is_dir() {
            read_tags(&path, tags);
        } else if path.extension().is_some_and(|extension| extension == "feature") {
            let text = std::fs::read_to_string(&path).unwrap();
            let lines = text.lines().map(str::trim).filter(|line| line.starts_with('@'));
            tags.extend(
                lines
                    .flat_map(str::split_whitespace)
                    .filter_map(|tag| tag.strip_prefix('@'))
                    .map(str::to_owned),
            );
        }
    }
}
