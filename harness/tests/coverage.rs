//! Every requirement of the sources on failover (ids YL-… and CC-…), on resilience (AR-…) and on call
//! preservation (AM-…) that can be decided on the wire has a scenario.
#![allow(clippy::unwrap_used)]

use std::collections::BTreeSet;
use std::path::Path;

use sipfarm::requirements::{Class, Requirements};

/// Requirements that wait for something, and for what. One that has a scenario may not stand here.
const WAITING: &[(&str, &str)] = &[("AM-22", "conferences")];

/// The beginnings of the ids that this is about.
const SOURCES: &[&str] = &["AM-", "AR-", "CC-", "YL-"];

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
