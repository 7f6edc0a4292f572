//! A line in a given situation: the calls that a table names are made, in order of their age, and brought into
//! their states with the keys of the phone.

use std::fmt;
use std::str::FromStr;

use sipfarm_core::nearest::nearest;
use sipfarm_core::{Key, Span};
use sipfarm_judge::Expectation;

use super::calls::Arrival;
use super::{CallState, StepFailure, StepResult, World};
use crate::farm::{Behaviour, FarEnd};

/// How long the phone may take to register.
const REGISTERS_WITHIN: Span = Span::from_secs(10);

/// What a call on a line does to begin with.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Occupation {
    /// The user talks in it.
    Active,
    /// The user has put it on hold.
    Held,
    /// It rings at the phone.
    Alerting,
    /// The phone has dialled, and it rings at the other side.
    Dialling,
    /// It is a leg of the one conference of the line.
    Conference,
}

impl Occupation {
    /// Each with its word.
    const WORDS: [(&'static str, Occupation); 5] = [
        ("active", Occupation::Active),
        ("held", Occupation::Held),
        ("alerting", Occupation::Alerting),
        ("dialling", Occupation::Dialling),
        ("conference", Occupation::Conference),
    ];

    fn state(self) -> CallState {
        match self {
            Occupation::Active | Occupation::Conference => CallState::Active,
            Occupation::Held => CallState::Held,
            Occupation::Alerting | Occupation::Dialling => CallState::Ringing,
        }
    }
}

impl fmt::Display for Occupation {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let word = Self::WORDS.iter().find(|(_, occupation)| occupation == self);
        f.write_str(word.map_or("", |(word, _)| word))
    }
}

impl FromStr for Occupation {
    type Err = String;

    fn from_str(word: &str) -> Result<Self, String> {
        let found = Self::WORDS.iter().find(|(known, _)| *known == word);
        found.map(|(_, occupation)| *occupation).ok_or_else(|| {
            let known = Self::WORDS.map(|(word, _)| word);
            let help = match nearest(word, known) {
                Some(near) => format!("did you mean {near}?"),
                None => format!("there are {}", known.join(", ")),
            };
            format!("a call cannot be {word:?} to begin with; {help}")
        })
    }
}

/// A row of the table.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Occupant {
    /// By what name the scenario speaks of it.
    pub name: String,
    /// Its level, or `none`.
    pub level: String,
    /// What it does.
    pub occupation: Occupation,
    /// For how long it has done that when the step is over.
    pub age: Span,
}

impl Occupant {
    /// Whether it shares its call appearance with the other legs of a conference.
    pub fn is_leg(&self) -> bool {
        self.occupation == Occupation::Conference
    }
}

impl World {
    /// Registers every line of the phone with that node.
    ///
    /// # Errors
    /// It does not come to that: nothing more can be judged.
    pub async fn register_at(&mut self, node: &str) -> StepResult {
        self.press(Key::Register).await?;
        let registered = Expectation::Registered { with: node.to_owned(), within: Some(REGISTERS_WITHIN) };
        self.require(registered).await?;
        for user in self.plan.lines.users().skip(1) {
            let what = format!("user {user} of the phone is registered with \"{node}\"");
            let addr = self.lab().await?.node_addr(node);
            self.await_farm(&what, move |timeline, since| {
                let mut answers =
                    timeline.sip().filter(|(event, sip)| event.at >= since && Some(sip.src) == addr);
                let is_it = |message: &sipfarm_core::sip::Message| {
                    let of_register =
                        message.cseq().is_some_and(|c| c.method == sipfarm_core::sip::Method::Register);
                    let aor = message.to().and_then(|to| to.sip_uri()).and_then(|uri| uri.user_name());
                    of_register && message.status() == Some(200) && aor.as_deref() == Some(user)
                };
                answers.any(|(_, sip)| is_it(&sip.message)).then_some(())
            })
            .await?;
        }
        self.home = Some(node.to_owned());
        Ok(())
    }

    /// Brings a line into that situation; the phone is registered for it, if no step has done so.
    ///
    /// # Errors
    /// The situation contradicts itself; or it does not come about, and nothing more can be judged.
    pub async fn occupy(&mut self, line: u8, occupants: Vec<Occupant>) -> StepResult {
        self.plan.lines.user(line).map_err(|failure| self.stop(failure))?;
        let busy = self.calls.active.first().cloned();
        let appearances = {
            let profile = self.lab().await?.profile().clone();
            self.plan.lines.appearances(line, &profile)
        };
        if let Err(problem) = check(line, appearances, busy.as_deref(), &occupants) {
            return Err(self.stop(StepFailure::Setup(problem)));
        }
        for occupant in &occupants {
            self.precedence(&occupant.level).await?;
        }
        if self.home.is_none() {
            let first = self.lab().await?.profile().servers.order.first().cloned().unwrap_or_default();
            self.register_at(&first).await?;
        }
        let mut by_age = occupants.clone();
        by_age.sort_by_key(|occupant| std::cmp::Reverse(occupant.age));
        let oldest = by_age.first().map_or(Span::ZERO, |occupant| occupant.age);
        let begun = self.lab().await?.now();
        for occupant in &by_age {
            self.wait_until(begun + (oldest - occupant.age)).await?;
            self.bring(line, occupant).await?;
        }
        self.wait_until(begun + oldest).await?;
        for occupant in &occupants {
            self.require_call(&occupant.name, occupant.occupation.state()).await?;
        }
        Ok(())
    }

    async fn wait_until(&mut self, then: sipfarm_core::Instant) -> StepResult {
        let now = self.lab().await?.now();
        if then > now { self.wait(then - now).await } else { Ok(()) }
    }

    async fn bring(&mut self, line: u8, occupant: &Occupant) -> StepResult {
        match occupant.occupation {
            Occupation::Alerting => self.ring(line, occupant).await,
            Occupation::Active => self.talk_in(line, occupant).await,
            Occupation::Held => {
                let before = std::mem::take(&mut self.calls.active);
                self.hold_all(&before).await?;
                self.talk_in(line, occupant).await?;
                self.press_for(&occupant.name, Key::Hold).await?;
                self.require_call(&occupant.name, CallState::Held).await?;
                self.calls.active = before.clone();
                let Some(first) = before.first() else { return Ok(()) };
                self.press_for(first, Key::Resume).await?;
                self.require_calls(&before, CallState::Active).await
            }
            Occupation::Conference => {
                let before = self.calls.active.clone();
                self.hold_all(&before).await?;
                self.talk_in(line, occupant).await?;
                if before.is_empty() {
                    return Ok(());
                }
                self.press(Key::Conference).await?;
                let legs = self.calls.active.clone();
                self.require_calls(&legs, CallState::Active).await
            }
            Occupation::Dialling => self.dial_and_wait(line, occupant).await,
        }
    }

    /// Lets a call ring at the phone.
    async fn ring(&mut self, line: u8, occupant: &Occupant) -> StepResult {
        let resource_priority = self.precedence(&occupant.level).await?;
        let arrival = Arrival { line, resource_priority, ..Arrival::named(&occupant.name) };
        self.react().await?;
        self.arrive(vec![arrival]).await?;
        self.require_call(&occupant.name, CallState::Ringing).await
    }

    /// Lets a call ring and answers it.
    async fn talk_in(&mut self, line: u8, occupant: &Occupant) -> StepResult {
        self.ring(line, occupant).await?;
        self.press_for(&occupant.name, Key::Answer).await?;
        self.require_call(&occupant.name, CallState::Active).await?;
        self.calls.active.push(occupant.name.clone());
        Ok(())
    }

    /// Dials where nobody answers.
    async fn dial_and_wait(&mut self, line: u8, occupant: &Occupant) -> StepResult {
        let before = self.calls.active.clone();
        self.hold_all(&before).await?;
        let (rings, as_planned) = (Behaviour::Ring, self.plan.far_end);
        self.lab().await?.far_end(move |far_end: &mut FarEnd, _| far_end.behave(rings));
        let target = self.number(&occupant.level).await?;
        self.dial_as(&occupant.name, &target, line).await?;
        self.require_call(&occupant.name, CallState::Ringing).await?;
        self.lab().await?.far_end(move |far_end: &mut FarEnd, _| far_end.behave(as_planned));
        self.calls.active = vec![occupant.name.clone()];
        Ok(())
    }

    /// Puts the call on hold in which the user talks, or all legs of the conference.
    async fn hold_all(&mut self, names: &[String]) -> StepResult {
        let Some(first) = names.first() else { return Ok(()) };
        self.press_for(first, Key::Hold).await?;
        self.require_calls(names, CallState::Held).await
    }

    async fn require_calls(&mut self, names: &[String], state: CallState) -> StepResult {
        for name in names {
            self.require_call(name, state).await?;
        }
        Ok(())
    }
}

/// Whether a line can be in that situation. `busy` is the call in which the user talks already.
///
/// # Errors
/// It cannot; the text says why.
pub fn check(line: u8, appearances: u8, busy: Option<&str>, occupants: &[Occupant]) -> Result<(), String> {
    let of = |occupation: Occupation| occupants.iter().filter(move |o| o.occupation == occupation);
    for (place, occupant) in occupants.iter().enumerate() {
        if occupants[..place].iter().any(|other| other.name == occupant.name) {
            return Err(format!("two rows name a call \"{}\": give each a name of its own", occupant.name));
        }
    }
    let legs = of(Occupation::Conference).count();
    if legs == 1 {
        return Err("a conference has two legs at least: give it two rows".to_owned());
    }
    let mut talks = busy.into_iter().map(str::to_owned);
    let mut rows: Vec<String> = of(Occupation::Active).map(|o| o.name.clone()).collect();
    rows.extend(of(Occupation::Dialling).map(|o| o.name.clone()));
    rows.extend(of(Occupation::Conference).map(|o| o.name.clone()).take(1));
    let all: Vec<String> = talks.by_ref().chain(rows).collect();
    if let [first, second, ..] = all.as_slice() {
        return Err(format!(
            "a user talks in one call or one conference at a time, and \"{first}\" and \"{second}\" would be two: \
             make one of them held or alerting"
        ));
    }
    let taken = occupants.len() - legs.saturating_sub(1);
    if taken > appearances.into() {
        return Err(format!(
            "line {line} has {appearances} call appearances, and these calls take {taken} (a conference takes one)"
        ));
    }
    // The key joins whatever is on hold, and answering others while a call is dialled would put it away.
    let formed = of(Occupation::Conference).map(|leg| leg.age).max();
    if let Some(held) = of(Occupation::Held).find(|held| formed.is_some_and(|formed| held.age >= formed)) {
        return Err(format!(
            "\"{}\" is on hold for longer than the conference is there, and would be joined into it: \
             make it younger than every leg",
            held.name
        ));
    }
    let dialled = of(Occupation::Dialling).map(|call| call.age).min();
    if let Some(held) = of(Occupation::Held).find(|held| dialled.is_some_and(|age| held.age <= age)) {
        return Err(format!(
            "\"{}\" would have to be answered while the phone dials: make it older than the call that is dialling",
            held.name
        ));
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;

    fn occupants(rows: &[(&str, &str, i64)]) -> Vec<Occupant> {
        let occupant = |(name, occupation, age): &(&str, &str, i64)| Occupant {
            name: (*name).to_owned(),
            level: "routine".to_owned(),
            occupation: occupation.parse().unwrap(),
            age: Span::from_secs(*age),
        };
        rows.iter().map(occupant).collect()
    }

    fn problem(appearances: u8, rows: &[(&str, &str, i64)]) -> String {
        check(1, appearances, None, &occupants(rows)).unwrap_err()
    }

    #[test]
    fn a_line_can_be_full_of_all_kinds_of_calls() {
        let rows = [("a", "active", 60), ("b", "held", 40), ("c", "alerting", 20), ("d", "held", 60)];
        assert_eq!(check(1, 4, None, &occupants(&rows)), Ok(()));
        let conference = [("a", "conference", 60), ("b", "conference", 60), ("c", "held", 40)];
        assert_eq!(check(1, 2, None, &occupants(&conference)), Ok(()));
        let dialling = [("a", "held", 60), ("b", "dialling", 40), ("c", "alerting", 20)];
        assert_eq!(check(1, 3, None, &occupants(&dialling)), Ok(()));
    }

    #[test]
    fn a_situation_that_cannot_be_says_why() {
        assert!(problem(4, &[("a", "active", 9), ("a", "held", 5)]).contains("two rows name a call \"a\""));
        let two = problem(4, &[("a", "active", 9), ("b", "active", 5)]);
        assert!(two.contains("\"a\" and \"b\" would be two"), "{two}");
        let both = problem(4, &[("a", "active", 9), ("b", "conference", 5), ("c", "conference", 5)]);
        assert!(both.contains("one conference at a time"), "{both}");
        assert!(problem(4, &[("a", "conference", 5)]).contains("two legs"));
        assert!(problem(1, &[("a", "active", 9), ("b", "held", 5)]).contains("these calls take 2"));
        let joined = problem(4, &[("a", "conference", 5), ("b", "conference", 5), ("c", "held", 9)]);
        assert!(joined.contains("would be joined into it"), "{joined}");
        assert!(problem(4, &[("a", "dialling", 9), ("b", "held", 5)]).contains("while the phone dials"));
    }

    #[test]
    fn the_user_talks_on_one_line_only() {
        let said = check(2, 4, Some("a"), &occupants(&[("b", "active", 5)])).unwrap_err();
        assert!(said.contains("\"a\" and \"b\""), "{said}");
        assert_eq!(check(2, 4, Some("a"), &occupants(&[("b", "held", 5)])), Ok(()));
    }

    #[test]
    fn a_state_that_there_is_not_is_told_the_nearest() {
        assert!("dialing".parse::<Occupation>().unwrap_err().contains("did you mean dialling?"));
        assert!("gone".parse::<Occupation>().unwrap_err().contains("active, held, alerting"));
    }
}
