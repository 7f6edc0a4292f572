//! What the phone shows its user: answers of its own to what a person at a phone is asked.

use sipfarm_core::profile::CallAction;
use sipfarm_core::{Fact, Topic};

use super::ringing::{Place, Ring};
use super::{Phone, Report};
use crate::call::Call;
use crate::defect::Defect;

/// What the display keeps of what the phone has told.
#[derive(Debug, Default)]
pub(crate) struct Display {
    /// There has been a call.
    had_call: bool,
    /// The last call has failed, and none has been dialled or has come in since.
    failed: bool,
}

impl Display {
    pub(crate) fn note(&mut self, report: &Report) {
        match report {
            Report::CallFailed { .. } => self.failed = true,
            Report::Ringing { .. } | Report::Alerting | Report::CallEstablished => {
                *self = Display { had_call: true, failed: false };
            }
            Report::Rebooted => *self = Display::default(),
            _ => {}
        }
    }
}

impl Phone {
    /// What its user would answer who is asked about a fact.
    pub fn shows(&self, fact: &Fact) -> bool {
        let (core, display) = (&self.core, &self.core.display);
        let calls = || self.calls.iter().filter(|call| call.is_current());
        let value = fact.value.as_deref().unwrap_or_default();
        match fact.topic {
            Topic::Call => calls().next().is_some() || display.had_call && core.has(Defect::ShowsADeadCall),
            Topic::CallOnHold => calls().any(Call::is_held),
            Topic::Softkeys => {
                let takes_key =
                    |call: &Call| call.lets(core, CallAction::Hold) || call.lets(core, CallAction::Resume);
                calls().next().is_none() || calls().any(takes_key)
            }
            Topic::Menus => !calls().any(Call::is_preserved) || core.has(Defect::OpensMenus),
            Topic::FailedCall => {
                calls().next().is_none() && display.failed && !core.has(Defect::HidesFailure)
            }
            Topic::Text => calls().any(|call| self.priority_of(call).as_deref() == Some(value)),
            Topic::HighestOnTop => self.lists_highest_on_top(),
            Topic::RingType => value.parse().is_ok_and(|number| self.hears(|ring| ring.has_type(number))),
            Topic::FastRing => self.hears(Ring::is_fast),
            Topic::WaitingTone => self.hears(|ring| ring.tones_in_call().is_some()),
            Topic::ThreeTones => self.hears(|ring| ring.tones_in_call() == Some(3)),
            Topic::SpeakerRings => self.hears(|ring| ring.place == Place::Speaker),
        }
    }

    fn hears(&self, what: impl Fn(&Ring) -> bool) -> bool {
        self.ring().is_some_and(|ring| what(&ring))
    }
}
