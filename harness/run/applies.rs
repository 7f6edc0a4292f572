//! To which phones a scenario applies: a tag may say that it wants one that has something.

use sipfarm_core::profile::Profile;
use sipfarm_judge::mark::Which;
use sipfarm_judge::{Finding, Verdict, WindowKind};

use super::select::{Chosen, Selected};
use crate::world::{PRECEDENCE, PhoneChoice};

/// A tag, whether a phone has what scenarios with that tag are about, and what its profile says where it has not.
type Need = (&'static str, fn(&Profile) -> bool, &'static str);

const NEEDS: &[Need] =
    &[(PRECEDENCE, |profile| profile.mlpp.enabled, "the phone has no precedence: mlpp.enabled is false")];

/// Takes out the scenarios that do not apply to the phone that was chosen for all, each with the reason. A scenario
/// that has the choice itself takes a phone to which it applies.
pub fn set_aside(selected: &mut Selected, phone: &PhoneChoice) -> Vec<(Chosen, Finding)> {
    let PhoneChoice::Profile { profile, .. } = phone else { return Vec::new() };
    let lacks = |chosen: &Chosen| {
        let tagged = |tag: &str| chosen.tags.iter().any(|own| own == tag);
        NEEDS.iter().find(|(tag, has, _)| tagged(tag) && !has(profile))
    };
    let aside =
        selected.scenarios.iter().filter_map(|chosen| Some((chosen.clone(), finding(lacks(chosen)?))));
    let aside = aside.collect();
    selected.keep(|chosen| lacks(chosen).is_none());
    aside
}

fn finding((tag, _, why): &Need) -> Finding {
    Finding {
        rule: "applies".to_owned(),
        requirements: Vec::new(),
        verdict: Verdict::NotApplicable,
        phone: Which::First,
        expected_id: None,
        line: None,
        expected: format!("a phone to which scenarios with the tag @{tag} apply"),
        window: None,
        window_kind: WindowKind::Allowed,
        seen: (*why).to_owned(),
        packets: Vec::new(),
        shown_from: None,
        decided: None,
        nearest: Vec::new(),
        until: None,
    }
}
