//! A resilience group: two systems that see each other, the home of the phone and an alternate that takes it
//! as a guest when the home is gone (AR-01 to AR-26). A phone is told from others by the host of its Contact.
//!
//! Whether a system sees the other is the farm's own knowledge: one under `kill`, `closed` or `silent` is
//! out of sight. What passes between the two takes no packets. What they decide shows in how they answer
//! the phone, and is noted besides, for the notes become marks in the capture.

mod note;
mod settings;
mod systems;
#[cfg(test)]
mod tests;
mod trunks;

use std::collections::BTreeSet;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use sipfarm_core::Instant;

pub use note::{Note, Occurrence};
pub use settings::GroupSettings;
use systems::Systems;
pub use trunks::{Rings, Switch, Trunk, TrunkEnd, Trunks};

/// Which of the two a system is to the phone.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Role {
    /// Where the phone belongs.
    Home = 0,
    /// Where it goes when its home is gone.
    Alternate = 1,
}

/// Whether a REGISTER is served.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Admission {
    /// As by any registrar.
    Serve,
    /// It is refused, and no binding is stored.
    Refuse {
        /// The status code.
        code: u16,
        /// The seconds in Retry-After, if there is to be one.
        retry_after_s: Option<u32>,
    },
    /// Nobody answers.
    Silence,
}

/// What a system holds about the user.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(super) struct Record {
    /// Whether the user takes no calls.
    pub refuses_calls: bool,
    /// How many calls there are in the history.
    pub calls: u32,
    /// Somebody else's number at the phone.
    pub hot_desk_user: Option<String>,
    /// Whether that one is logged in there.
    pub logged_in: bool,
}

/// A resilience group of two systems; copies are the same group.
#[derive(Debug, Clone)]
pub struct Group(Arc<Mutex<Systems>>);

impl Group {
    /// A group of these two, the home first, that see each other from now on.
    pub fn new(names: [&str; 2], settings: GroupSettings, now: Instant) -> Self {
        Group(Arc::new(Mutex::new(Systems::new(names.map(str::to_owned), settings, now))))
    }

    /// What the node is told that plays this role.
    pub fn member(&self, role: Role) -> Member {
        Member { group: self.clone(), role }
    }

    /// Whether that system is one of the two.
    pub fn has(&self, system: &str) -> bool {
        self.systems().has(system)
    }

    /// What has happened since this was asked last.
    pub fn take_notes(&self) -> Vec<Note> {
        self.systems().take_notes()
    }

    fn systems(&self) -> MutexGuard<'_, Systems> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// A node's place in its group.
#[derive(Debug, Clone)]
pub struct Member {
    group: Group,
    role: Role,
}

impl Member {
    /// Lets time pass.
    pub(super) fn advance(&self, now: Instant) {
        self.group.systems().advance(now);
    }

    /// When something happens by itself.
    pub(super) fn deadline(&self) -> Option<Instant> {
        self.group.systems().deadline()
    }

    /// Whether a REGISTER is served here of the phone at that host; `None`: it does not say which.
    pub(super) fn admit(&self, phone: Option<&str>, now: Instant) -> Admission {
        self.group.systems().admit(self.role, phone, now)
    }

    /// A REGISTER was answered 200, and the phone at that host has a binding here, or none any more.
    pub(super) fn registered(&self, phone: &str, bound: bool, now: Instant) {
        self.group.systems().registered(self.role, phone, bound, now);
    }

    /// The phones that have a binding here, by their hosts. One that ran out makes no guest any more.
    pub(super) fn holds(&self, bound: &BTreeSet<String>) {
        if self.role == Role::Alternate {
            self.group.systems().keep_guests(bound);
        }
    }

    /// This system can be seen by the other, or not.
    pub(super) fn seen(&self, up: bool, now: Instant) {
        self.group.systems().seen(self.role, up, now);
    }

    /// This system has lost its memory.
    pub(super) fn restarted(&self, now: Instant) {
        self.group.systems().restarted(self.role, now);
    }

    /// The guests that have gone home, or were sent there, since this was asked last.
    pub(super) fn dismisses(&self) -> BTreeSet<String> {
        self.group.systems().dismisses(self.role)
    }

    /// Whether that number is a hunt group of the group's, and whether this system serves it now.
    pub(super) fn hunts(&self, number: &str) -> Option<bool> {
        self.group.systems().hunts(self.role, number)
    }

    /// What this system holds about the user.
    pub(super) fn record(&self) -> Record {
        self.group.systems().record(self.role)
    }

    /// A call has gone through this system.
    pub(super) fn call(&self) {
        self.group.systems().change(self.role, |record| record.calls += 1);
    }

    /// The user takes calls from now on, or none.
    pub fn refuse_calls(&self, refuses: bool) {
        self.group.systems().change(self.role, |record| record.refuses_calls = refuses);
    }

    /// How many licences are in use at this system.
    pub fn licences_in_use(&self) -> u32 {
        self.group.systems().licences_in_use(self.role)
    }

    /// How many calls stand in this system's history.
    pub fn history(&self) -> u32 {
        self.record().calls
    }
}
