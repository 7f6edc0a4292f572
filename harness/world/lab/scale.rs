//! By how much the policy times of a scenario are shortened.

use sipfarm_core::profile::Profile;

use super::super::{Context, Place, Plan, StepFailure};
use super::program;
use crate::net::NetKind;

/// The tag of scenarios whose story is the same when policy times are shortened and the timers of RFC 3261
/// are not.
pub const TIME_SCALE: &str = "time-scale";
/// Its setting in a profile.
const FIELD: &str = "time_scale";
/// On real sockets, unless somebody says otherwise: the longest scenarios then take as long as those that the
/// timers of RFC 3261 fill.
const ON_LOOPBACK: f64 = 0.1;

/// The scale of a scenario with that plan and a phone of that profile.
///
/// # Errors
/// The phone is a program whose times are shortened, and the scenario's are not: it is not exercised.
pub fn of(context: &Context, place: &Place, plan: &Plan, profile: &Profile) -> Result<f64, StepFailure> {
    let said = plan.settings.iter().any(|(path, _)| path == FIELD);
    let allowed = said || place.tags.iter().any(|tag| tag == TIME_SCALE);
    let own = profile.time_scale;
    if program::is_phone(context, profile) {
        // Its times are what its files say: nobody here can tell it to hurry, or to take its time.
        return match own.unwrap_or(1.0) {
            scale if allowed || scale == 1.0 => Ok(scale),
            scale => Err(StepFailure::NotExercised(format!(
                "the times of this phone are shortened (time_scale {scale} of profile {}), those of the scenario are not: it lacks the tag @{TIME_SCALE}",
                profile.id
            ))),
        };
    }
    let of_net = match context.net {
        NetKind::Virtual => 1.0,
        NetKind::Loopback => ON_LOOPBACK,
    };
    Ok(if allowed { context.time_scale.or(own).unwrap_or(of_net) } else { 1.0 })
}
