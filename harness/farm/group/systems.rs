//! The two systems of a group and what they decide. It is handed `now` and owns no clock.

use std::collections::VecDeque;

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
    /// Whether the phone was registered at the home.
    phone: bool,
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
    /// Whether the phone is registered at the home.
    phone: bool,
    replica: Option<Replica>,
    /// Whether the phone is a guest of the alternate.
    guest: bool,
    /// Whether the alternate is to forget its guests.
    dismissed: bool,
    /// How many licences are in use.
    used: [u32; 2],
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
            phone: false,
            replica: None,
            guest: false,
            dismissed: false,
            used: [0, settings.alternate_phones],
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

    pub(super) fn admit(&mut self, role: Role, now: Instant) -> Admission {
        self.advance(now);
        let refusal = |code| Admission::Refuse { code, retry_after_s: None };
        match role {
            // The home does not take away whom the alternate hosts: not 403, for the phone is to go on to
            // the alternate, and 503 says so (RFC 3261 section 21.5.4).
            Role::Home if self.is_hosted() => refusal(503),
            Role::Home if !self.phone && self.used[0] >= self.settings.licences => refusal(403),
            Role::Home => Admission::Serve,
            Role::Alternate if !self.settings.extensions => refusal(403),
            Role::Alternate if !self.replica.as_ref().is_some_and(|replica| replica.phone) => refusal(404),
            // Whether a licence is left does not matter to a guest (AR-18).
            Role::Alternate => {
                self.physical_asked |= self.settings.physical && self.phase != Phase::Normal;
                self.mind_the_gate(now);
                if self.open { Admission::Serve } else { self.settings.block() }
            }
        }
    }

    pub(super) fn registered(&mut self, role: Role, bound: bool, now: Instant) {
        match (role, bound) {
            (Role::Home, true) => self.is_home(now),
            (Role::Home, false) => {
                self.leaves_home();
                if let (Some(replica), [true, true]) = (&mut self.replica, self.up) {
                    replica.phone = false;
                }
            }
            (Role::Alternate, true) if !self.guest => self.is_guest(now),
            (Role::Alternate, true) => {}
            (Role::Alternate, false) => self.guest = false,
        }
    }

    pub(super) fn keep_guest(&mut self, bound: bool) {
        self.guest &= bound;
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
            return self.leaves_home();
        }
        if self.replica.take().is_some() {
            self.note(Role::Alternate, Occurrence::ReplicaLost, now);
        }
        (self.guest, self.physical_asked) = (false, false);
        if !self.is_up(Role::Home) {
            self.phase = Phase::Lost { since: now };
        } else {
            self.phase = Phase::Normal;
        }
        self.mind_the_gate(now);
        self.synchronize(now);
    }

    pub(super) fn dismisses(&mut self, role: Role) -> bool {
        role == Role::Alternate && std::mem::take(&mut self.dismissed)
    }

    pub(super) fn licences_in_use(&self, role: Role) -> u32 {
        self.used[role as usize]
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

    /// The phone is registered at its home: nothing of what was done elsewhere remains (AR-09, AR-10).
    fn is_home(&mut self, now: Instant) {
        self.used[0] += u32::from(!self.phone);
        self.phone = true;
        if std::mem::take(&mut self.guest) {
            self.dismissed = true;
            self.note(Role::Home, Occurrence::CameHome, now);
        }
        if self.record.hot_desk_user.is_some() && !std::mem::replace(&mut self.record.logged_in, true) {
            self.note(Role::Home, Occurrence::HotDeskIn, now);
        }
        self.copy_record();
        if let (Some(replica), [true, true]) = (&mut self.replica, self.up) {
            replica.phone = true;
        }
    }

    fn leaves_home(&mut self) {
        self.used[0] -= u32::from(std::mem::take(&mut self.phone));
    }

    /// The phone is a guest: it takes no licence of the alternate's (AR-18).
    fn is_guest(&mut self, now: Instant) {
        self.guest = true;
        let what = [
            Occurrence::GuestRegistered,
            Occurrence::UserResilience,
            Occurrence::HuntGroupResilience,
            Occurrence::VoicemailResilience,
        ];
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
            (false, Phase::Returning { .. } | Phase::Homecoming { .. }) if self.guest => Phase::Failover,
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
        self.dismissed |= std::mem::take(&mut self.guest);
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

    /// What the home sends while both are up: its users always, its phone when there is one.
    fn synchronize(&mut self, now: Instant) {
        if self.up != [true, true] {
            return;
        }
        match &mut self.replica {
            Some(replica) => replica.phone |= self.phone,
            None => {
                self.replica = Some(Replica { record: Record::default(), phone: self.phone });
                self.note(Role::Alternate, Occurrence::ReplicaReceived, now);
            }
        }
        self.copy_record();
    }

    /// The user's record as the home has it, but for whoever is hot-desked. While the phone is a guest, the
    /// alternate's own stands.
    fn copy_record(&mut self) {
        if let (Some(replica), [true, true], false) = (&mut self.replica, self.up, self.guest) {
            replica.record = Record { logged_in: false, ..self.record.clone() };
        }
    }

    /// Whether the phone is the alternate's guest and is not to come home yet.
    fn is_hosted(&self) -> bool {
        self.guest && self.is_up(Role::Alternate) && matches!(self.phase, Phase::Returning { .. })
    }

    fn is_up(&self, role: Role) -> bool {
        self.up[role as usize]
    }

    fn note(&mut self, role: Role, what: Occurrence, at: Instant) {
        self.notes.push_back(Note { at, node: self.names[role as usize].clone(), what });
    }
}
