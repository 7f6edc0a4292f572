//! What feature files are checked against before anything runs.

use crate::error::{Diagnostic, Result};
use crate::farm::FaultSpec;
use crate::lint::{Complaint, Facts, StepCatalogue};
use crate::phone::profiles;
use crate::requirements::Requirements;
use crate::run::select::{Selected, Selection};
use crate::world::World;

/// Reads, lints and selects.
///
/// # Errors
/// Any error in any file; nothing is run then.
pub fn check(selection: &Selection) -> Result<(Selected, Vec<Diagnostic>)> {
    with_facts(|steps, facts| selection.gate(steps, facts))
}

/// Hands over what the other rooms know about the words of a feature file.
pub fn with_facts<T>(use_them: impl FnOnce(&StepCatalogue, &Facts<'_>) -> T) -> T {
    let requirements = Requirements::load_embedded();
    let requirement = |id: &str| match requirements.contains(id) {
        true => Ok(()),
        false => Err(Complaint::from(format!("there is no requirement {id}"))),
    };
    let fault = |words: &str| words.parse::<FaultSpec>().map(|_| ()).map_err(Complaint::from);
    let profile =
        |name: &str| profiles::find(name).map(|_| ()).map_err(|error| Complaint::from(error.to_string()));
    let settings = |settings: &[(String, String)]| {
        let changed = sipfarm_core::profile::Profile::default().with_settings(settings);
        changed.map(|_| ()).map_err(|(at, error)| (at, Complaint::from(error.to_string())))
    };
    let facts = Facts { requirement: &requirement, fault: &fault, profile: &profile, settings: &settings };
    use_them(&StepCatalogue::of::<World>(), &facts)
}
