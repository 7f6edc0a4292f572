//! What feature files are checked against before anything runs.

use sipfarm_core::nearest::nearest;
use sipfarm_core::profile::{LoadError, Mlpp, Profile, check_rule};
use sipfarm_judge::catalogue;

use crate::error::{Diagnostic, Error, Result, count};
use crate::farm::{FaultSpec, GroupSettings, NodeKind, Occurrence};
use crate::lint::{Complaint, Facts, Settings, StepCatalogue};
use crate::phone::profiles;
use crate::requirements::Requirements;
use crate::run::select::{Selected, Selection};
use crate::world::{DNS_NODE, FAR_END_NODE, World};

/// Reads, lints and selects.
///
/// # Errors
/// Any error in any file; nothing is run then.
pub fn check(selection: &Selection) -> Result<(Selected, Vec<Diagnostic>)> {
    let checked = with_facts(|steps, facts| selection.gate(steps, facts))?;
    tell_built_in(checked.0.built_in);
    Ok(checked)
}

/// Says so when files were not found here and come from the program itself.
pub fn tell_built_in(number: usize) {
    if number > 0 {
        let files = count(number, "feature file");
        eprintln!("note: not found in this folder; taking {files} that sipfarm brings along");
    }
}

/// Hands over what the other rooms know about the words of a feature file.
pub fn with_facts<T>(use_them: impl FnOnce(&StepCatalogue, &Facts<'_>) -> T) -> T {
    let requirements = Requirements::load_embedded();
    let requirement = |id: &str| match requirements.contains(id) {
        true => Ok(()),
        false => Err(Complaint {
            message: format!("there is no requirement {id}"),
            help: nearest_id(id, &requirements).map(|near| format!("did you mean @{near}?")),
        }),
    };
    let fault = |words: &str| words.parse::<FaultSpec>().map(|_| ()).map_err(Complaint::from);
    let fault_at = |words: &str, node: &str| {
        let kind = match node {
            FAR_END_NODE => NodeKind::FarEnd,
            DNS_NODE => NodeKind::Dns,
            _ => NodeKind::Sip,
        };
        let fits = words.parse::<FaultSpec>().and_then(|fault| fault.fits(kind));
        fits.map_err(|error| Complaint::from(error.to_string()))
    };
    let rules = rules();
    let level = |of: Option<&str>, level: &str| {
        let profile = of.and_then(|name| profiles::find_for(name, &rules).ok());
        let own = profile.map(|profile| profile.mlpp.levels).unwrap_or_default();
        let known = || own.iter().map(String::as_str).chain(Mlpp::USUAL_LEVELS).chain(["none"]);
        if known().any(|known| known.eq_ignore_ascii_case(level)) {
            return Ok(());
        }
        let list = || format!("there are {}", known().collect::<Vec<_>>().join(", "));
        let help = nearest(level, known()).map_or_else(list, |near| format!("did you mean {near}?"));
        Err(Complaint { message: format!("{level:?} is no level of precedence"), help: Some(help) })
    };
    let profile = |name: &str| {
        profiles::find_for(name, &rules).map(|_| ()).map_err(|error| Complaint::from(error.to_string()))
    };
    let settings = |of: Option<&str>, settings: Settings<'_>| {
        // A profile that there is not is told of by itself.
        let profile = of.and_then(|name| profiles::find_for(name, &rules).ok()).unwrap_or_default();
        profile.with_settings(settings).map_err(|(at, error)| (at, Complaint::from(error.to_string())))?;
        settings.iter().enumerate().try_for_each(|(at, (path, _))| known_issue(path, &rules, at))
    };
    let group = |settings: Settings<'_>| {
        let mut group = GroupSettings::default();
        let mut set = |(at, (name, value)): (usize, &(String, String))| {
            group.set(name, value).map_err(|problem| (at, Complaint::from(problem)))
        };
        settings.iter().enumerate().try_for_each(&mut set)
    };
    let note = |words: &str| words.parse::<Occurrence>().map(|_| ()).map_err(Complaint::from);
    let facts = Facts {
        requirement: &requirement,
        fault: &fault,
        fault_at: &fault_at,
        level: &level,
        profile: &profile,
        settings: &settings,
        group: &group,
        note: &note,
    };
    use_them(&StepCatalogue::of::<World>(), &facts)
}

/// The profile of that name or in that file.
///
/// # Errors
/// There is none, it cannot be read, or it knows an issue of a rule that there is not.
pub fn profile(name: &str) -> Result<Profile> {
    profiles::find_for(name, &rules()).map_err(|error| wrong_profile(&error))
}

/// A profile that cannot be used, as an error of whoever named it.
pub fn wrong_profile(error: &LoadError) -> Error {
    Error::usage(error.to_string(), "fixtures/profiles/README.md explains profiles")
}

/// The ids of all rules.
pub fn rules() -> Vec<&'static str> {
    catalogue().into_iter().map(|rule| rule.id).collect()
}

/// The requirement that was probably meant: the same letters and number, however written, or else
/// the one that takes the fewest slips.
fn nearest_id<'a>(id: &str, requirements: &'a Requirements) -> Option<&'a str> {
    let plain = |id: &str| {
        let id = id.to_lowercase().replace(['_', '-'], "");
        let (letters, rest) = id.split_at_checked(2).unwrap_or((&id, ""));
        (letters.to_owned(), rest.trim_start_matches('0').to_owned())
    };
    let ids = || requirements.iter().map(|requirement| requirement.id.as_str());
    ids().find(|known| plain(known) == plain(id)).or_else(|| nearest(id, ids()))
}

/// Whether a setting, if it adds a known issue, names a rule that there is.
fn known_issue(path: &str, rules: &[&str], at: usize) -> std::result::Result<(), (usize, Complaint)> {
    let Some(rule) = path.strip_prefix("known_issues.") else { return Ok(()) };
    check_rule(rule, rules).map_err(|(message, help)| (at, Complaint { message, help: Some(help) }))
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;

    #[test]
    fn the_profiles_of_the_program_know_no_issue_of_a_rule_that_there_is_not() {
        for name in profiles::names() {
            assert!(profile(name).is_ok(), "{name}: {:?}", profile(name));
        }
    }

    #[test]
    fn a_requirement_that_is_meant_is_named() {
        let help = |id: &str| with_facts(|_, facts| (facts.requirement)(id)).unwrap_err().help;
        for (written, meant) in
            [("yl-04", "YL-04"), ("YL-4", "YL-04"), ("PA_06B", "PA-06b"), ("AM-032", "AM-02")]
        {
            assert_eq!(help(written).unwrap(), format!("did you mean @{meant}?"), "{written}");
        }
    }

    #[test]
    fn a_setting_may_add_a_known_issue_of_a_rule_only() {
        let check = |path: &str| {
            with_facts(|_, facts| (facts.settings)(None, &[(path.to_owned(), "it is broken".to_owned())]))
        };
        assert_eq!(check("known_issues.invite-schedule"), Ok(()));
        let (at, complaint) = check("known_issues.invite-shedule").unwrap_err();
        assert_eq!((at, complaint.help.as_deref()), (0, Some("did you mean `invite-schedule`?")));
    }

    #[test]
    fn settings_fit_the_profile_that_the_step_names() {
        let ring = [("mlpp.ring_types".to_owned(), "{flash: 7}".to_owned())];
        let check = |of: Option<&str>| with_facts(|_, facts| (facts.settings)(of, &ring));
        assert_eq!(check(Some("polycom-vvx-ucs58")), Ok(()));
        assert!(check(None).is_err(), "the usual profile has no levels");
    }
}
