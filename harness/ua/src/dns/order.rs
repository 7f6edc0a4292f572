//! The order in which the servers of a service are tried (RFC 2782).

use sipfarm_core::profile::SrvWeight;

use super::search::Choice;
use crate::defect::{Defect, Defects};
use crate::tx::Target;

/// How many addresses are tried for one server of the phone's list.
const MAX_TARGETS: usize = 32;

/// The addresses in the order in which they are tried: the lowest priority first, and within one
/// priority as the profile reads weights. The addresses of one host follow each other as DNS gave
/// them (RFC 3263 section 4.2).
pub fn arrange(
    mut choices: Vec<Choice>,
    policy: SrvWeight,
    defects: &Defects,
    rng: &mut fastrand::Rng,
) -> Vec<Target> {
    choices.sort_by_key(|choice| choice.priority);
    if defects.has(Defect::IgnoresDnsPriority) {
        choices.reverse();
    }
    let mut groups: Vec<Vec<Choice>> = Vec::new();
    for choice in choices {
        match groups.last_mut().filter(|group| group[0].priority == choice.priority) {
            Some(group) => group.push(choice),
            None => groups.push(vec![choice]),
        }
    }
    let ordered = groups.into_iter().flat_map(|group| match policy {
        _ if defects.has(Defect::IgnoresWeight) => highest_first(group).into_iter().rev().collect(),
        SrvWeight::Random => weighted_at_random(group, rng),
        SrvWeight::HighestFirst => highest_first(group),
    });
    let most = if defects.has(Defect::TriesFirstAddressOnly) { 1 } else { MAX_TARGETS };
    let mut targets: Vec<Target> = Vec::new();
    for target in ordered.flat_map(|choice| choice.targets) {
        if targets.len() < most && !targets.contains(&target) {
            targets.push(target);
        }
    }
    targets
}

fn highest_first(mut group: Vec<Choice>) -> Vec<Choice> {
    group.sort_by_key(|choice| std::cmp::Reverse(choice.weight));
    group
}

/// The draw of RFC 2782: those of weight 0 stand first; a number from 0 up to the sum of weights,
/// both included, points at the first whose running sum is not below it; it is taken out, and the
/// draw goes on with the rest.
fn weighted_at_random(mut group: Vec<Choice>, rng: &mut fastrand::Rng) -> Vec<Choice> {
    group.sort_by_key(|choice| choice.weight != 0);
    let mut ordered = Vec::new();
    while group.len() > 1 {
        let total: u32 = group.iter().map(|choice| u32::from(choice.weight)).sum();
        let drawn = rng.u32(0..=total);
        let mut running = 0;
        let chosen = group.iter().position(|choice| {
            running += u32::from(choice.weight);
            running >= drawn
        });
        ordered.push(group.remove(chosen.unwrap_or(0)));
    }
    ordered.extend(group);
    ordered
}
