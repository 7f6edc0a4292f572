//! What all scenarios of a run share.

use std::path::PathBuf;

use sipfarm_core::Span;
use sipfarm_core::profile::Profile;
use sipfarm_ua::Defects;

use super::Place;
use crate::capture::tap::Tap;
use crate::net::{Link, NetKind};
use crate::phone::Desk;

/// Which phone a run is about.
#[derive(Debug, Clone, PartialEq)]
pub enum PhoneChoice {
    /// The reference phone, with whichever profile a scenario asks for.
    Reference {
        /// Its name in its lab; elsewhere it has none.
        name: Option<String>,
    },
    /// A phone of this profile in every scenario, whatever that asks for: the program that the
    /// profile describes, on a real network; otherwise the reference phone.
    Profile {
        /// Its name in reports: that of its lab, or else the profile's.
        name: String,
        /// What it must do.
        profile: Box<Profile>,
    },
}

impl PhoneChoice {
    /// A phone without a name of its own.
    pub fn of(profile: Profile) -> Self {
        PhoneChoice::Profile { name: profile.id.clone(), profile: Box::new(profile) }
    }

    /// What reports call it where a scenario has held it to that profile.
    pub fn name(&self, held_to: &Profile) -> String {
        match self {
            PhoneChoice::Reference { name: None } => held_to.id.clone(),
            PhoneChoice::Reference { name: Some(name) } => format!("{name} as {}", held_to.id),
            PhoneChoice::Profile { name, .. } => name.clone(),
        }
    }
}

/// Where a scenario's capture goes; nowhere when it says so.
pub type CaptureOf = Box<dyn Fn(&Place) -> Option<PathBuf> + Send + Sync>;

/// What all scenarios of a run share.
pub struct Context {
    /// The network.
    pub net: NetKind,
    /// The phone.
    pub phone: PhoneChoice,
    /// The phone's link to the farm, where it is simulated and a scenario does not say another.
    pub link: Option<Link>,
    /// What the reference phone does wrong.
    pub defects: Defects,
    /// The packet tap of a real network; without, evidence comes from the sockets.
    pub tap: Option<Tap>,
    /// This program, to be started as the phone's process.
    pub program: PathBuf,
    /// Where a person is asked what shows at a phone that does not say so itself.
    pub desk: Option<Desk>,
    /// How long a scenario may take as a whole, on its own clock.
    pub scenario_limit: Option<Span>,
    /// By what policy times are multiplied in scenarios that allow it, unless profile and network say.
    pub time_scale: Option<f64>,
    /// Where a scenario's capture goes.
    pub capture_of: CaptureOf,
}
