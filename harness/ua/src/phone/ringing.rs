//! How a call that comes in makes itself heard and seen: its precedence goes before whatever else says how it rings
//! (PA-10 to PA-21).

use sipfarm_core::profile::{CallWaiting, PreemptState};
use sipfarm_core::sip::Message;

use super::Phone;
use crate::call::Call;
use crate::defect::Defect;
use crate::mlpp;

/// What the user hears of a call that rings.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Ring {
    /// The ring type; none: the usual one.
    ring_type: Option<u8>,
    /// Whether it has a precedence above the lowest.
    is_precedence: bool,
    /// Where it is heard.
    pub(super) place: Place,
}

/// Where a call is heard that rings.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Place {
    /// No other call is up: the ringer.
    Ringer,
    /// Beside the call that is up: the speaker.
    Speaker,
    /// In the call that is up.
    Call,
    /// Nowhere.
    Nowhere,
}

impl Ring {
    /// Whether it rings with the ring type of that number.
    pub fn has_type(&self, number: u8) -> bool {
        self.ring_type == Some(number) && matches!(self.place, Place::Ringer | Place::Speaker)
    }

    /// Whether it rings in the usual pattern, but faster (PA-12).
    pub fn is_fast(&self) -> bool {
        self.is_precedence && self.ring_type.is_none() && self.place == Place::Ringer
    }

    /// How many tones tell of it in the call that is up (PA-16).
    pub fn tones_in_call(&self) -> Option<u8> {
        let tones = if self.is_precedence { 3 } else { 1 };
        (self.place == Place::Call).then_some(tones)
    }
}

impl Phone {
    /// What is heard of the calls that ring: that of the first on the list.
    pub(super) fn ring(&self) -> Option<Ring> {
        let list = self.alerting_list();
        let call = list.first()?;
        let level = call.level().filter(|_| !self.core.has(Defect::RingsAsUsual));
        let ring_type = match level {
            Some(level) => mlpp::ring_type(&self.core.profile().mlpp, level),
            None => call.invite().and_then(|invite| self.ring_type_of(invite)),
        };
        let is_up = |call: &&Call| call.is_current() && call.state() == PreemptState::Active;
        let place = match (self.calls.iter().find(is_up), self.core.profile().incoming.call_waiting) {
            (None, _) => Place::Ringer,
            _ if self.core.has(Defect::MutesCallWaiting) => Place::Nowhere,
            (Some(_), CallWaiting::Beep) => Place::Call,
            (Some(_), CallWaiting::Ring) => Place::Speaker,
            (Some(_), CallWaiting::Silent) => Place::Nowhere,
        };
        Some(Ring { ring_type, is_precedence: level.is_some_and(|level| level > 0), place })
    }

    /// The ring type of a call without precedence: by its caller, or by what Alert-Info says.
    fn ring_type_of(&self, invite: &Message) -> Option<u8> {
        let by_caller = self.contact_of(invite).and_then(|contact| contact.ring_type);
        let texts = &self.core.profile().incoming.alert_info_ring_types;
        let says = |text: &str| invite.fields("Alert-Info").any(|field| field.value.contains(text));
        by_caller.or_else(|| texts.iter().find(|(text, _)| says(text)).map(|(_, number)| *number))
    }

    /// What the screen says of a call's precedence (PA-18 to PA-21).
    pub(super) fn priority_of(&self, call: &Call) -> Option<String> {
        let text = mlpp::priority_text(&self.core.profile().mlpp, call.level()?);
        text.filter(|_| !self.core.has(Defect::HidesPrecedence))
    }

    /// Whether several calls ring, and the first on the list is none below another (PA-17).
    pub(super) fn lists_highest_on_top(&self) -> bool {
        let list = self.alerting_list();
        let highest = list.iter().map(|call| call.rank()).max();
        list.len() > 1 && list.first().map(|call| call.rank()) == highest
    }
}
