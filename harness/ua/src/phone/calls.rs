//! What the user does with the calls of the phone: one is active, others are on hold or ring beside it, some are
//! joined.

use std::cmp::Reverse;

use sipfarm_core::Instant;
use sipfarm_core::profile::{CallAction, PreemptState};

use super::{Phone, Refusal};
use crate::call::{Call, Leg};
use crate::defect::Defect;

impl Phone {
    /// Uses that line, counted from 1, for the calls that are dialled from now on.
    pub fn use_line(&mut self, number: u8) -> Result<(), Refusal> {
        let line = usize::from(number).checked_sub(1).filter(|line| *line < self.core.config.lines.len());
        self.line = line.ok_or(Refusal::NoLine(number))?;
        Ok(())
    }

    /// Highlights the call with that Call-ID: what the user does with a call is done with it while it lives.
    pub fn select(&mut self, call_id: &str) -> Result<(), Refusal> {
        let has_it = |call: &&Call| call.is_current() && call.call_id() == Some(call_id);
        let call = self.calls.iter().rev().find(has_it);
        self.selected = Some(call.ok_or_else(|| Refusal::NoSuchCall(call_id.to_owned()))?.id);
        Ok(())
    }

    /// Answers the selected call if it rings, or the one on top of the alerting list. The call that is active
    /// is put on hold before.
    pub fn answer(&mut self, now: Instant) -> Result<(), Refusal> {
        let id = self.ringing().ok_or(Refusal::NothingRings)?;
        self.answer_call(id, now);
        self.settle(now);
        Ok(())
    }

    /// Rejects the selected call if it rings, or the one on top of the alerting list, with a code from 300 to 699.
    pub fn reject(&mut self, code: u16, now: Instant) -> Result<(), Refusal> {
        if !(300..700).contains(&code) {
            return Err(Refusal::BadCode(code));
        }
        let id = self.ringing().ok_or(Refusal::NothingRings)?;
        let core = &mut self.core;
        self.calls.iter_mut().filter(|call| call.id == id).for_each(|call| call.reject(core, code, now));
        self.settle(now);
        Ok(())
    }

    /// Ends the call: BYE when it is up, CANCEL when the far end has not answered, 486 when it rings here. Of a
    /// conference, every leg.
    pub fn hang_up(&mut self, now: Instant) -> Result<(), Refusal> {
        let legs = self.unit_of(self.foremost(false).ok_or(Refusal::NoCall)?);
        let core = &mut self.core;
        self.calls.iter_mut().filter(|call| legs.contains(&call.id)).for_each(|call| call.hang_up(core, now));
        self.settle(now);
        Ok(())
    }

    /// Puts the call on hold, or takes it off hold, and the one that is active on hold instead. Of a conference,
    /// every leg.
    pub fn hold(&mut self, hold: bool, now: Instant) -> Result<(), Refusal> {
        let legs = self.unit_of(self.foremost(!hold).ok_or(Refusal::NoCall)?);
        let action = if hold { CallAction::Hold } else { CallAction::Resume };
        let is_leg = |call: &&Call| legs.contains(&call.id);
        if !self.calls.iter().filter(is_leg).all(|call| call.lets(&self.core, action)) {
            return Ok(());
        }
        if !self.calls.iter().filter(is_leg).any(|call| call.can_hold(hold)) {
            return Err(if hold { Refusal::CannotHold } else { Refusal::CannotResume });
        }
        if !hold {
            self.hold_all_but(&legs, now);
        }
        let core = &mut self.core;
        for call in self.calls.iter_mut().filter(|call| legs.contains(&call.id)) {
            call.wish_hold(core, hold, now);
        }
        self.settle(now);
        Ok(())
    }

    /// Joins the call that is active and those on hold of its line into a conference.
    pub fn join(&mut self, now: Instant) -> Result<(), Refusal> {
        let foremost = self.foremost(false).ok_or(Refusal::NoCall)?;
        let line = self.calls.iter().find(|call| call.id == foremost).map(|call| call.line);
        let joins = |call: &Call| Some(call.line) == line && call.is_up() && !call.is_preserved();
        if self.calls.iter().filter(|call| joins(call)).count() < 2 {
            return Err(Refusal::NothingToJoin);
        }
        let core = &mut self.core;
        for call in self.calls.iter_mut().filter(|call| joins(call)) {
            call.leg = Some(Leg { spoken: call.id == foremost });
            call.wish_hold(core, false, now);
        }
        self.settle(now);
        Ok(())
    }

    /// Takes the conference apart: the call that was active before stays so, the others are put on hold.
    pub fn split(&mut self, now: Instant) -> Result<(), Refusal> {
        let mut legs = self.calls.iter().filter(|call| call.leg.is_some() && call.is_current());
        let first =
            self.foremost(false).filter(|id| self.calls.iter().any(|c| c.id == *id && c.leg.is_some()));
        let one = first.or_else(|| legs.next().map(|call| call.id)).ok_or(Refusal::NoConference)?;
        let legs = self.unit_of(one);
        let core = &mut self.core;
        for call in self.calls.iter_mut().filter(|call| legs.contains(&call.id)) {
            if call.leg.take().is_some_and(|leg| !leg.spoken) {
                call.wish_hold(core, true, now);
            }
        }
        self.settle(now);
        Ok(())
    }

    /// Answers that call, when the others are on hold.
    pub(super) fn answer_call(&mut self, id: u64, now: Instant) {
        let core = &mut self.core;
        // Whoever answers a call that preempts another does not wait for that to be over.
        self.calls.iter_mut().filter(|call| call.yields()).for_each(|call| call.fall(core, now));
        self.hold_all_but(&[id], now);
        let core = &mut self.core;
        self.calls.iter_mut().filter(|call| call.id == id).for_each(|call| call.answer(core, now));
    }

    /// Puts every call on hold that is up, but for these.
    pub(super) fn hold_all_but(&mut self, these: &[u64], now: Instant) {
        let core = &mut self.core;
        let speaks = |call: &&mut Call| {
            call.is_up() && !call.is_preserved() && !call.is_aside() && !these.contains(&call.id)
        };
        self.calls.iter_mut().filter(speaks).for_each(|call| call.wish_hold(core, true, now));
    }

    /// What was wished for and had to wait is done; a conference of which one leg is left is none any more.
    pub(super) fn tend_calls(&mut self, now: Instant) {
        let core = &mut self.core;
        self.calls.iter_mut().for_each(|call| call.grant_wish(core, now));
        for line in 0..self.core.config.lines.len() {
            let mut legs: Vec<&mut Call> =
                self.calls.iter_mut().filter(|call| call.is_leg_on(line)).collect();
            if let [last] = legs.as_mut_slice() {
                last.leg = None;
            }
        }
        if !self.calls.iter().any(|call| Some(call.id) == self.selected && call.is_current()) {
            self.selected = None;
        }
    }

    /// The calls that share an appearance with that one: itself, or every leg of its conference.
    pub(super) fn unit_of(&self, id: u64) -> Vec<u64> {
        let Some(call) = self.calls.iter().find(|call| call.id == id) else { return vec![id] };
        match call.leg {
            Some(_) => {
                self.calls.iter().filter(|other| other.is_leg_on(call.line)).map(|leg| leg.id).collect()
            }
            None => vec![id],
        }
    }

    /// The calls that ring, as the screen lists them: the highest on top (PA-17), of equals the first to come.
    pub(super) fn alerting_list(&self) -> Vec<&Call> {
        let mut list: Vec<&Call> = self.calls.iter().filter(|call| call.rings()).collect();
        let rank = |call: &Call| if self.core.has(Defect::ListsByArrival) { 0 } else { call.rank() };
        list.sort_by_key(|call| (Reverse(rank(call)), call.created, call.id));
        list
    }

    fn ringing(&self) -> Option<u64> {
        let list = self.alerting_list();
        let selected = list.iter().find(|call| Some(call.id) == self.selected);
        selected.or(list.first()).map(|call| call.id)
    }

    /// The call that a key is about: the selected one; else the one that the user is in or has dialled, else the
    /// one held last, else one that rings. To take one off hold, those on hold come first.
    fn foremost(&self, held_first: bool) -> Option<u64> {
        let current = self.calls.iter().filter(|call| call.is_current());
        let best = current.min_by_key(|call| {
            let place = match call.state() {
                _ if Some(call.id) == self.selected => 0,
                PreemptState::Held if held_first => 1,
                _ if !call.rings() && !call.is_aside() => 2,
                PreemptState::Held | PreemptState::Active => 3,
                PreemptState::Alerting => 4,
            };
            (place, Reverse(call.since), Reverse(call.id))
        });
        best.map(|call| call.id)
    }
}
