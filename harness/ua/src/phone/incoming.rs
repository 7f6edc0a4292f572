//! A call comes in: whether there is room for it, who gives way, and what the phone does with it by itself.

use sipfarm_core::Instant;
use sipfarm_core::profile::{CallAction, ConferenceLevel, Contact, PreemptState};
use sipfarm_core::sip::{Message, Uri};

use super::{Phone, Report};
use crate::call::Call;
use crate::defect::Defect;
use crate::mlpp::{self, Standing};
use crate::tx::{ServerId, Target};

/// What there is for a further call on a line.
enum Room {
    /// A free appearance.
    Free,
    /// The appearance of these calls, which give way.
    Of(Vec<u64>),
    /// Nothing.
    None,
}

impl Phone {
    /// An INVITE outside a dialog.
    pub(super) fn on_invite(
        &mut self,
        server: ServerId,
        invite: &Message,
        tag: &str,
        from: Target,
        now: Instant,
    ) {
        let mlpp = &self.core.profile().mlpp;
        if mlpp::insists_in_vain(mlpp, invite) {
            return self.core.respond(server, invite, 417, Some(tag), now);
        }
        let level = mlpp::level(mlpp, invite);
        // PA-13: what the user has chosen for callers does not count where a call has precedence.
        let diverts = level.is_none() || self.core.has(Defect::DivertsPrecedence);
        if diverts && self.treats(server, invite, tag, now) {
            return;
        }
        let line = self.called_line(invite);
        let losers = match self.room(line, level.unwrap_or(0), now) {
            Room::Free => Vec::new(),
            Room::Of(losers) => losers,
            Room::None => return self.core.respond(server, invite, 486, Some(tag), now),
        };
        self.free_ports();
        let Some(call) = Call::ring(&mut self.core, line, server, invite, from, now) else { return };
        let id = call.id;
        self.calls.push(call);
        let core = &mut self.core;
        for call in self.calls.iter_mut().filter(|call| losers.contains(&call.id)) {
            call.give_way(core, now);
        }
        self.report_alerting_list();
        let idle = self.calls.iter().all(|call| call.id == id || !call.is_current());
        let answers = level.is_none() || self.core.has(Defect::AutoAnswersPrecedence);
        if answers && idle && self.is_answered_at_once(invite) {
            self.answer_call(id, now);
        }
    }

    /// Whether a line has room for a call that the user makes.
    pub(super) fn has_room(&self, line: usize, now: Instant) -> bool {
        self.taken(line, now) < self.appearances(line)
    }

    /// Calls that are over leave their ports to others.
    pub(super) fn free_ports(&mut self) {
        let current = self.calls.iter().filter(|call| call.is_current());
        self.core.audio.keep(current.map(Call::port));
    }

    /// The line that a request calls; the first, where it calls the phone itself.
    fn called_line(&self, invite: &Message) -> usize {
        let uri = invite.request_uri().and_then(Uri::parse);
        uri.and_then(|uri| self.core.line_of(&uri.user?)).unwrap_or(0)
    }

    fn appearances(&self, line: usize) -> usize {
        self.core.config.lines.get(line).map_or(0, |line| line.appearances.into())
    }

    /// How many appearances of a line are taken: by calls, but for those that give way, and by screens that tell
    /// of a call that the other side has preempted.
    fn taken(&self, line: usize, now: Instant) -> usize {
        let shown = self.calls.iter().filter(|call| call.line == line && call.is_shown(now));
        self.units(line).len() + shown.count()
    }

    fn room(&self, line: usize, rank: usize, now: Instant) -> Room {
        let preserved = self.calls.iter().find(|call| call.is_preserved());
        if preserved.is_some_and(|call| !call.lets(&self.core, CallAction::AnswerIncoming)) {
            return Room::None;
        }
        let mlpp = &mlpp::astray(&self.core.profile().mlpp, &self.core.config.defects);
        let (mut units, mut standings): (Vec<_>, Vec<_>) = self.units(line).into_iter().unzip();
        let is_free = self.taken(line, now) < self.appearances(line);
        let victim = match is_free {
            _ if !mlpp.enabled => None,
            true if mlpp.requires_all_appearances => None,
            true => mlpp::active_victim(mlpp, &standings, rank),
            false => mlpp::victim(mlpp, &standings, rank),
        };
        let victim = match victim {
            Some(_) if self.core.has(Defect::RefusesPrecedence) => return Room::None,
            Some(_) if self.core.has(Defect::PreemptsWrongLevel) => {
                (0..units.len()).filter(|at| standings[*at].rank < rank).max_by_key(|at| standings[*at].rank)
            }
            Some(at) if self.core.has(Defect::PreemptsOtherLine) => {
                let others = (0..self.core.config.lines.len()).filter(|other| *other != line);
                match others.flat_map(|other| self.units(other)).next() {
                    Some((unit, standing)) => {
                        units.push(unit);
                        standings.push(standing);
                        Some(units.len() - 1)
                    }
                    None => Some(at),
                }
            }
            None if self.core.has(Defect::PreemptsWithRoom) => mlpp::victim(mlpp, &standings, rank),
            _ => victim,
        };
        match victim.and_then(|at| units.get(at)) {
            Some(losers) if self.core.has(Defect::PreemptsTwo) => {
                let next = units.iter().find(|unit| *unit != losers);
                Room::Of(losers.iter().chain(next.into_iter().flatten()).copied().collect())
            }
            Some(losers) if self.core.has(Defect::PreemptsOneLeg) => {
                Room::Of(losers.iter().take(1).copied().collect())
            }
            Some(losers) => Room::Of(losers.clone()),
            None if is_free => Room::Free,
            None => Room::None,
        }
    }

    /// What takes an appearance of a line, with what preemption asks of it: a conference is one (PA-09).
    fn units(&self, line: usize) -> Vec<(Vec<u64>, Standing)> {
        let there = |call: &&Call| call.line == line && call.is_current() && !call.yields();
        let calls: Vec<&Call> = self.calls.iter().filter(there).collect();
        let mut units = Vec::new();
        for call in &calls {
            let legs = self.unit_of(call.id);
            if legs.first() != Some(&call.id) {
                continue;
            }
            let legs: Vec<&Call> = calls.iter().filter(|call| legs.contains(&call.id)).copied().collect();
            units.push((legs.iter().map(|leg| leg.id).collect(), self.standing(&legs, call)));
        }
        units
    }

    fn standing(&self, legs: &[&Call], first: &Call) -> Standing {
        let ranks = legs.iter().map(|leg| leg.rank());
        let rank = match self.core.profile().mlpp.conf_level {
            ConferenceLevel::Max => ranks.max(),
            ConferenceLevel::Min => ranks.min(),
            ConferenceLevel::Creator => Some(first.rank()),
        };
        let active = legs.iter().any(|leg| leg.state() == PreemptState::Active);
        Standing {
            rank: rank.unwrap_or(0),
            state: if active { PreemptState::Active } else { first.state() },
            created: first.created,
            since: legs.iter().map(|leg| leg.since).max().unwrap_or(first.since),
        }
    }

    /// Diverts or rejects the call of a contact for whom the user has chosen that. Whether it did.
    fn treats(&mut self, server: ServerId, invite: &Message, tag: &str, now: Instant) -> bool {
        let Some(contact) = self.contact_of(invite).cloned() else { return false };
        if let Some(user) = &contact.divert_to {
            let to = format!("<sip:{user}@{}>", self.core.config.domain);
            let response = self.core.response(invite, 302, Some(tag)).header("Contact", to);
            self.core.tx.respond(server, &response, now);
        } else if let Some(code) = contact.reject {
            self.core.respond(server, invite, code, Some(tag), now);
        }
        contact.divert_to.is_some() || contact.reject.is_some()
    }

    /// The user's contact who calls.
    pub(super) fn contact_of(&self, invite: &Message) -> Option<&Contact> {
        let caller = invite.from().and_then(|from| from.sip_uri()).and_then(|uri| uri.user);
        let contacts = &self.core.profile().incoming.contacts;
        contacts.iter().find(|contact| Some(&contact.user) == caller.as_ref())
    }

    /// Whether Alert-Info says that nobody has to press a key.
    fn is_answered_at_once(&self, invite: &Message) -> bool {
        let texts = &self.core.profile().incoming.auto_answer_alert_info;
        let alerts: Vec<&str> = invite.fields("Alert-Info").map(|field| field.value.as_str()).collect();
        let heeds = !self.core.has(Defect::IgnoresAlertInfo);
        heeds && alerts.iter().any(|alert| texts.iter().any(|text| alert.contains(text.as_str())))
    }

    fn report_alerting_list(&mut self) {
        let list = self.alerting_list();
        if list.len() > 1 {
            let calls = list.iter().filter_map(|call| call.call_id().map(str::to_owned)).collect();
            self.core.report(Report::AlertingList { calls });
        }
    }
}
