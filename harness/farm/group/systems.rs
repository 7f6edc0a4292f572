//! The two systems of a group and what they decide. It is handed `now` and owns no clock.

use std::collections::{BTreeSet, VecDeque};

use sipfarm_core::Instant;

use super::{Admission, GroupSettings, Note, Occurrence, Record, Role};

/// How the alternate stands to the home.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Phase {
    /// It sees it.
    Normal,
    /// It does not see it, and not for long enough.
    Lost { since: Instant },
    /// It stands in for it.
    Failover,
    /// It sees it again, and not for long enough: the guests stay, and the home does not take them.
    Returning { since: Instant },
    /// Either takes the phones.
    Homecoming { since: Instant },
}

/// What the home has sent to the alternate. It is in memory and nowhere else (AR-14).
#[derive(Debug)]
struct Replica {
    record: Record,
    /// The phones that were registered at the home.
    phones: BTreeSet<String>,
}

#[derive(Debug)]
pub(super) struct Systems {
    names: [String; 2],
    settings: GroupSettings,
    up: [bool; 2],
    phase: Phase,
    /// Whether a physical phone has asked the alternate since the home was lost (AR-06).
    physical_asked: bool,
    open: bool,
    record: Record,
    /// The phones that are registered at the home, by their hosts.
    phones: BTreeSet<String>,
    replica: Option<Replica>,
    /// The phones that are guests of the alternate.
    guests: BTreeSet<String>,
    /// The guests that the alternate is to forget.
    dismissed: BTreeSet<String>,
    notes: VecDeque<Note>,
}

impl Systems {
    pub(super) fn new(names: [String; 2], settings: GroupSettings, now: Instant) -> Self {
        let record = Record {
            hot_desk_user: settings.hot_desk_user.clone(),
            logged_in: settings.hot_desk_user.is_some(),
            ..Record::default()
        };
        let mut systems = Systems {
            names,
            up: [true; 2],
            phase: Phase::Normal,
            physical_asked: false,
            open: false,
            record,
            phones: BTreeSet::new(),
            replica: None,
            guests: BTreeSet::new(),
            dismissed: BTreeSet::new(),
            notes: VecDeque::new(),
            settings,
        };
        if !systems.settings.extensions {
            systems.note(Role::Alternate, Occurrence::NoExtensions, now);
        }
        if systems.settings.alternate_domain().is_some() {
            systems.note(Role::Alternate, Occurrence::OtherDomain, now);
        }
        systems.synchronize(now);
        systems
    }

    pub(super) fn has(&self, system: &str) -> bool {
        self.names.iter().any(|name| name == system)
    }

    pub(super) fn take_notes(&mut self) -> Vec<Note> {
        self.notes.drain(..).collect()
    }

    /// Everything that was due by now, at the time when it was due.
    pub(super) fn advance(&mut self, now: Instant) {
        while let Some(due) = self.deadline().filter(|due| *due <= now) {
            match self.phase {
                Phase::Lost { .. } => self.phase = Phase::Failover,
                Phase::Returning { .. } => {
                    self.phase = Phase::Homecoming { since: due };
                    self.note(Role::Alternate, Occurrence::FailbackBegins, due);
                }
                Phase::Homecoming { .. } => self.settle_down(due),
                Phase::Normal | Phase::Failover => return,
            }
            self.mind_the_gate(due);
        }
    }

    /// An alternate that is not there watches nobody.
    pub(super) fn deadline(&self) -> Option<Instant> {
        if !self.is_up(Role::Alternate) {
            return None;
        }
        match self.phase {
            Phase::Normal | Phase::Failover => None,
            Phase::Lost { since } => Some(since + self.settings.failover_delay),
            Phase::Returning { since } => Some(since + self.settings.failback_after),
            Phase::Homecoming { since } => Some(since + self.settings.homeless_grace),
        }
    }

    pub(super) fn admit(&mut self, role: Role, phone: Option<&str>, now: Instant) -> Admission {
        self.advance(now);
        // A question is answered as its phone would be, if there is one only.
        let is_among = |phones: &BTreeSet<String>| match phone {
            Some(phone) => phones.contains(phone),
            None => !phones.is_empty(),
        };
        let refusal = |code| Admission::Refuse { code, retry_after_s: None };
        match role {
            // The home does not take away whom the alternate hosts: not 403, for the phone is to go on to
            // the alternate, and 503 says so (RFC 3261 section 21.5.4).
            Role::Home if self.keeps_guests() && is_among(&self.guests) => refusal(503),
            Role::Home if !is_among(&self.phones) && self.is_full() => refusal(403),
            Role::Home => Admission::Serve,
            Role::Alternate if !self.settings.extensions => refusal(403),
            Role::Alternate if !self.replica.as_ref().is_some_and(|replica| is_among(&replica.phones)) => {
                refusal(404)
            }
            // Whether a licence is left does not matter to a guest (AR-18).
            Role::Alternate => {
                self.physical_asked |= self.settings.physical && self.phase != Phase::Normal;
                self.mind_the_gate(now);
                if self.open { Admission::Serve } else { self.settings.block() }
            }
        }
    }

    pub(super) fn registered(&mut self, role: Role, phone: &str, bound: bool, now: Instant) {
        match (role, bound) {
            (Role::Home, true) => self.is_home(phone, now),
            (Role::Home, false) => {
                self.phones.remove(phone);
                if let (Some(replica), [true, true]) = (&mut self.replica, self.up) {
                    replica.phones.remove(phone);
                }
            }
            (Role::Alternate, true) => self.is_guest(phone, now),
            (Role::Alternate, false) => drop(self.guests.remove(phone)),
        }
    }

    pub(super) fn keep_guests(&mut self, bound: &BTreeSet<String>) {
        self.guests.retain(|phone| bound.contains(phone));
    }

    pub(super) fn seen(&mut self, role: Role, up: bool, now: Instant) {
        self.advance(now);
        if std::mem::replace(&mut self.up[role as usize], up) == up {
            return;
        }
        self.look(role == Role::Alternate, now);
        self.synchronize(now);
    }

    pub(super) fn restarted(&mut self, role: Role, now: Instant) {
        if role == Role::Home {
            return self.phones.clear();
        }
        if self.replica.take().is_some() {
            self.note(Role::Alternate, Occurrence::ReplicaLost, now);
        }
        self.guests.clear();
        self.physical_asked = false;
        if !self.is_up(Role::Home) {
            self.phase = Phase::Lost { since: now };
        } else {
            self.phase = Phase::Normal;
        }
        self.mind_the_gate(now);
        self.synchronize(now);
    }

    pub(super) fn dismisses(&mut self, role: Role) -> BTreeSet<String> {
        match role {
            Role::Home => BTreeSet::new(),
            Role::Alternate => std::mem::take(&mut self.dismissed),
        }
    }

    /// A guest takes none (AR-18).
    pub(super) fn licences_in_use(&self, role: Role) -> u32 {
        match role {
            Role::Home => u32::try_from(self.phones.len()).unwrap_or(u32::MAX),
            Role::Alternate => self.settings.alternate_phones,
        }
    }

    /// Whether that number is a hunt group of the home's, and whether this system serves it (AR-08).
    pub(super) fn hunts(&self, role: Role, number: &str) -> Option<bool> {
        let is_ours = self.settings.hunt_group.as_deref() == Some(number);
        is_ours.then(|| role == Role::Home || !self.guests.is_empty())
    }

    pub(super) fn record(&self, role: Role) -> Record {
        match role {
            Role::Home => self.record.clone(),
            Role::Alternate => {
                self.replica.as_ref().map(|replica| replica.record.clone()).unwrap_or_default()
            }
        }
    }

    /// Changes what that system holds about the user. What the home changes, the alternate hears of.
    pub(super) fn change(&mut self, role: Role, change: impl FnOnce(&mut Record)) {
        match (role, &mut self.replica) {
            (Role::Home, _) => {
                change(&mut self.record);
                self.copy_record();
            }
            (Role::Alternate, Some(replica)) => change(&mut replica.record),
            (Role::Alternate, None) => {}
        }
    }

    /// A phone is registered at its home: nothing of what was done elsewhere remains (AR-09, AR-10).
    fn is_home(&mut self, phone: &str, now: Instant) {
        self.phones.insert(phone.to_owned());
        if self.guests.remove(phone) {
            self.dismissed.insert(phone.to_owned());
            self.note(Role::Home, Occurrence::CameHome, now);
        }
        if self.record.hot_desk_user.is_some() && !std::mem::replace(&mut self.record.logged_in, true) {
            self.note(Role::Home, Occurrence::HotDeskIn, now);
        }
        self.copy_record();
        if let (Some(replica), [true, true]) = (&mut self.replica, self.up) {
            replica.phones.insert(phone.to_owned());
        }
    }

    /// A phone is a guest. With the first of them the alternate begins to serve the home's users (AR-08).
    fn is_guest(&mut self, phone: &str, now: Instant) {
        let is_first = self.guests.is_empty();
        if self.guests.insert(phone.to_owned()) {
            self.note(Role::Alternate, Occurrence::GuestRegistered, now);
        }
        if !is_first {
            return;
        }
        let what =
            [Occurrence::UserResilience, Occurrence::HuntGroupResilience, Occurrence::VoicemailResilience];
        what.into_iter().for_each(|what| self.note(Role::Alternate, what, now));
        if std::mem::take(&mut self.record.logged_in) {
            self.note(Role::Alternate, Occurrence::HotDeskOut, now);
        }
    }

    /// What the alternate sees of the home, now that one of the two has come or gone.
    fn look(&mut self, alternate_changed: bool, now: Instant) {
        if !self.is_up(Role::Alternate) {
            return;
        }
        let before = self.phase;
        self.phase = match (self.is_up(Role::Home), self.phase) {
            (false, Phase::Normal) => Phase::Lost { since: now },
            // Nobody has watched in between.
            (false, Phase::Lost { .. }) if alternate_changed => Phase::Lost { since: now },
            // Guests stay; a phone that is home by then is lost anew.
            (false, Phase::Returning { .. } | Phase::Homecoming { .. }) if !self.guests.is_empty() => {
                Phase::Failover
            }
            (false, Phase::Returning { .. } | Phase::Homecoming { .. }) => Phase::Lost { since: now },
            (true, Phase::Lost { .. }) => Phase::Normal,
            (true, Phase::Failover) => Phase::Returning { since: now },
            (true, Phase::Returning { .. }) if alternate_changed => Phase::Returning { since: now },
            (_, phase) => phase,
        };
        let watches = |phase: Phase| matches!(phase, Phase::Lost { .. } | Phase::Failover);
        match (watches(before), watches(self.phase)) {
            (false, true) => self.note(Role::Alternate, Occurrence::HomeLost, now),
            (true, false) => self.note(Role::Alternate, Occurrence::HomeBack, now),
            _ => {}
        }
        self.physical_asked &= !matches!(self.phase, Phase::Normal | Phase::Lost { .. });
        self.mind_the_gate(now);
    }

    /// Guests that have not gone home by now are sent there.
    fn settle_down(&mut self, now: Instant) {
        self.phase = Phase::Normal;
        self.physical_asked = false;
        self.dismissed.append(&mut self.guests);
        self.copy_record();
        self.mind_the_gate(now);
    }

    fn mind_the_gate(&mut self, now: Instant) {
        let stands_in = !matches!(self.phase, Phase::Normal | Phase::Lost { .. });
        let open = stands_in && self.physical_asked;
        if open != std::mem::replace(&mut self.open, open) {
            let what = if open { Occurrence::GateOpened } else { Occurrence::GateClosed };
            self.note(Role::Alternate, what, now);
        }
    }

    /// What the home sends while both are up: its users and its phones.
    fn synchronize(&mut self, now: Instant) {
        if self.up != [true, true] {
            return;
        }
        match &mut self.replica {
            Some(replica) => replica.phones.extend(self.phones.iter().cloned()),
            None => {
                self.replica = Some(Replica { record: Record::default(), phones: self.phones.clone() });
                self.note(Role::Alternate, Occurrence::ReplicaReceived, now);
            }
        }
        self.copy_record();
    }

    /// The user's record as the home has it, but for whoever is hot-desked. While there are guests, the
    /// alternate's own stands.
    fn copy_record(&mut self) {
        if let (Some(replica), [true, true], false) = (&mut self.replica, self.up, !self.guests.is_empty()) {
            replica.record = Record { logged_in: false, ..self.record.clone() };
        }
    }

    /// Whether the alternate's guests are not to come home yet.
    fn keeps_guests(&self) -> bool {
        self.is_up(Role::Alternate) && matches!(self.phase, Phase::Returning { .. })
    }

    fn is_full(&self) -> bool {
        self.licences_in_use(Role::Home) >= self.settings.licences
    }

    fn is_up(&self, role: Role) -> bool {
        self.up[role as usize]
    }

    fn note(&mut self, role: Role, what: Occurrence, at: Instant) {
        self.notes.push_back(Note { at, node: self.names[role as usize].clone(), what });
    }
}
