//! How transactions behave.

use sipfarm_core::{Span, profile};

use super::{Patience, Target};
use crate::defect::{Defect, Defects};

/// How transactions behave: by the timers of the profile, but for what the phone does wrong.
#[derive(Debug, Clone, Default)]
pub struct Habits {
    /// The timers.
    pub times: profile::Timers,
    /// What the phone does wrong.
    pub defects: Defects,
    /// The last server of the phone's list: where what goes astray goes.
    pub last_server: Option<Target>,
}

impl Habits {
    /// The time from the first send to the second.
    pub(super) fn first_interval(&self) -> Span {
        let t1 = self.times.t1();
        if self.defects.has(Defect::DoublesT1) { t1 * 2 } else { t1 }
    }

    /// The patience with a server, from what it should be.
    pub(super) fn patience(&self, mut patience: Patience) -> Patience {
        if self.defects.has(Defect::GivesUpEarly) {
            patience.timeout = patience.timeout.scale(0.5);
        }
        if self.defects.has(Defect::OneSendTooFew) {
            patience.max_sends = patience.max_sends.map(|sends| sends.saturating_sub(1).max(1));
        }
        if self.defects.has(Defect::NeverGivesUp) {
            patience = Patience { max_sends: None, timeout: Span::from_secs(86_400) };
        }
        patience
    }

    /// Where something goes that should go to `right`.
    pub(super) fn astray(&self, defect: Defect, right: Target) -> Target {
        self.last_server.filter(|_| self.defects.has(defect)).unwrap_or(right)
    }
}
