//! When the phone is a program that its profile describes, and what such a phone cannot be told.

use sipfarm_core::profile::Profile;

use super::super::{Context, PhoneChoice, Plan, StepFailure};
use crate::net::NetKind;

/// Whether the phone of that profile is a program. In virtual time no program can live: there the
/// reference phone takes its part.
pub fn is_phone(context: &Context, profile: &Profile) -> bool {
    let chosen = matches!(context.phone, PhoneChoice::Profile { .. });
    chosen && context.net == NetKind::Loopback && profile.control.driver == "process"
}

/// The plan with no more servers for the program than its profile says that it holds.
pub fn fit(plan: &Plan, profile: &Profile) -> Plan {
    let mut plan = plan.clone();
    plan.servers.truncate(usize::try_from(profile.servers.max).unwrap_or(usize::MAX));
    plan
}

/// Whether a phone that knows these servers may come to a node: as one of them, or by a name that DNS
/// leads there.
pub fn may_reach(plan: &Plan, node: &str) -> bool {
    let by_name = plan.servers.iter().any(|server| !plan.nodes.contains(server));
    let led_to = plan.dns.iter().any(|dns| dns.names(node));
    plan.servers.is_empty() || plan.servers.iter().any(|server| server == node) || by_name && led_to
}

/// Whether the program can be what the scenario asks for.
///
/// # Errors
/// The scenario changes a field that the program's files do not follow, or wants a transport or addresses
/// that it cannot have: the scenario is not exercised.
pub fn check_plan(plan: &Plan, profile: &Profile) -> Result<(), StepFailure> {
    let followed = profile.control.process.as_ref().map_or(&[][..], |process| &process.settings);
    for (path, value) in &plan.settings {
        // What does not fit this phone would be a change, too; what fits none, lint has found.
        let changed = profile.with_setting(path, value).map_or(true, |changed| changed != *profile);
        if changed && !followed.contains(path) {
            return Err(StepFailure::NotExercised(format!(
                "this phone cannot be told {path} = {value}: profile {} does not name it under control.process.settings",
                profile.id
            )));
        }
    }
    if plan.ipv6 {
        let why = "this phone is a program, which cannot bind the IPv6 addresses of scenarios";
        return Err(StepFailure::NotExercised(why.to_owned()));
    }
    match plan.transport {
        Some(transport) if !profile.transport.allowed.contains(&transport) => {
            Err(StepFailure::NotExercised(format!(
                "this phone does not speak {transport}: profile {} says so under transport.allowed",
                profile.id
            )))
        }
        _ => Ok(()),
    }
}
