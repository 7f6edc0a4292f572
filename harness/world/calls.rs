//! The calls of which a scenario speaks by name.

use std::collections::BTreeMap;

use sipfarm_core::nearest::nearest;
use sipfarm_core::profile::Mlpp;
use sipfarm_core::sip::{Method, NameAddr};
use sipfarm_core::{Instant, Key};
use sipfarm_judge::{Mark, Timeline};

use super::call_state::{CallState, phone_of, state_of};
use super::{FARM_PATIENCE, Look, StepFailure, StepResult, World};
use crate::farm::{CallOrder, FarEnd};

/// The calls that have names.
#[derive(Debug, Default)]
pub struct Calls {
    /// Call-IDs by name.
    named: BTreeMap<String, String>,
    /// The names of the calls that the user talks in: one, or those of a conference.
    pub(super) active: Vec<String>,
    /// The names of those that were to be preempted since the last trigger.
    pub(super) preempted: Vec<String>,
}

/// A call to the phone that a step asks for.
#[derive(Debug, Clone)]
pub struct Arrival {
    /// By what name the scenario speaks of it.
    pub name: String,
    /// To which line.
    pub line: u8,
    /// Through which node, if not the one where the phone is registered.
    pub through: Option<String>,
    /// Resource-Priority, one value for each header field.
    pub resource_priority: Vec<String>,
    /// Whether that is required to be understood.
    pub require: bool,
    /// Alert-Info.
    pub alert_info: Option<String>,
}

impl Arrival {
    /// A call to line 1 without precedence.
    pub fn named(name: &str) -> Arrival {
        Arrival {
            name: name.to_owned(),
            line: 1,
            through: None,
            resource_priority: Vec::new(),
            require: false,
            alert_info: None,
        }
    }
}

impl World {
    /// Makes sure that a name is free.
    ///
    /// # Errors
    /// Another call has it.
    pub fn check_new_call(&mut self, name: &str) -> StepResult {
        if !self.calls.named.contains_key(name) {
            return Ok(());
        }
        let problem = format!("there is a call \"{name}\" already: give every call a name of its own");
        Err(self.stop(StepFailure::Setup(problem)))
    }

    /// The Call-ID of a call.
    ///
    /// # Errors
    /// There is none of that name; the message names those that there are.
    pub fn call_id(&mut self, name: &str) -> Result<String, StepFailure> {
        if let Some(call_id) = self.calls.named.get(name) {
            return Ok(call_id.clone());
        }
        let names: Vec<&str> = self.calls.named.keys().map(String::as_str).collect();
        let help = match (nearest(name, names.iter().copied()), names.as_slice()) {
            (Some(near), _) => format!("did you mean \"{near}\"?"),
            (None, []) => {
                "no call has a name yet: write  When a call \"x\" without precedence arrives".to_owned()
            }
            (None, names) => format!("there are \"{}\"", names.join("\", \"")),
        };
        Err(self.stop(StepFailure::Setup(format!("there is no call \"{name}\"; {help}"))))
    }

    /// Lets calls arrive at the phone, all in the same instant.
    ///
    /// # Errors
    /// A name is taken, a line or a node does not exist, nobody knows where the phone is registered, or a call does
    /// not reach it.
    pub async fn arrive(&mut self, arrivals: Vec<Arrival>) -> StepResult {
        self.the_only_phone()?;
        let mut orders = Vec::new();
        for arrival in &arrivals {
            self.check_new_call(&arrival.name)?;
            orders.push(self.order(arrival).await?);
        }
        if let [first, second] = &arrivals[..]
            && first.name == second.name
        {
            let problem = format!("both calls are named \"{}\": give each a name of its own", first.name);
            return Err(self.stop(StepFailure::Setup(problem)));
        }
        let lab = self.lab().await?;
        let placed = lab.far_end(move |far_end: &mut FarEnd, now| {
            orders.iter().map(|order| far_end.call(order, now)).collect::<Vec<_>>()
        });
        let mut calls = Vec::new();
        for (arrival, call_id) in arrivals.into_iter().zip(placed) {
            let call_id =
                call_id.ok_or_else(|| StepFailure::bug("the far end has too many requests open"))?;
            self.name_call(arrival.name.clone(), call_id.clone()).await?;
            calls.push((arrival.name, call_id));
        }
        // A call that the farm does not bring to the phone says nothing of it.
        for (name, call_id) in calls {
            let what = format!("call \"{name}\" reaches the phone");
            let reached = move |timeline: &Timeline, _| state_of(timeline, &call_id).map(|_| ());
            self.await_farm(&what, reached).await?;
        }
        Ok(())
    }

    /// Dials, and gives the call its name as soon as its INVITE is there.
    ///
    /// # Errors
    /// The name is taken, there is no such line, the phone refuses, or it sends no INVITE.
    pub async fn dial_as(&mut self, name: &str, target: &str, line: u8) -> StepResult {
        self.check_new_call(name)?;
        self.plan.lines.user(line).map_err(|failure| self.stop(failure))?;
        if self.plan.lines.users().count() > 1 {
            self.press(Key::Line(line)).await?;
        }
        self.press(Key::Dial(target.to_owned())).await?;
        let known: Vec<String> = self.calls.named.values().cloned().collect();
        let what = format!("the phone sends an INVITE for call \"{name}\"");
        let call_id = self.await_farm(&what, move |timeline, since| dialled(timeline, since, &known)).await?;
        self.name_call(name.to_owned(), call_id).await
    }

    /// Highlights a call, so that the next keys are about it.
    ///
    /// # Errors
    /// There is no such call, or the phone does not take the key.
    pub async fn select(&mut self, name: &str) -> StepResult {
        let call_id = self.call_id(name)?;
        self.press(Key::Select(call_id)).await
    }

    /// Presses a key that is for that call.
    ///
    /// # Errors
    /// As [`World::select`].
    pub async fn press_for(&mut self, name: &str, key: Key) -> StepResult {
        self.select(name).await?;
        self.press(key).await
    }

    /// As [`World::press_for`], for a call that rings, once it does: on a slow link that takes longer than a
    /// person's reaction. Where it does not ring for all that time, the phone itself refuses the key.
    ///
    /// # Errors
    /// As there.
    pub async fn press_at_ring_of(&mut self, name: &str, key: Key) -> StepResult {
        let call_id = self.call_id(name)?;
        let lab = self.lab().await?;
        let limit = lab.now() + FARM_PATIENCE;
        let rung = lab
            .watch(|timeline, now| match state_of(timeline, &call_id) {
                Some(CallState::Asked) | None if now < limit => Look::Until(limit),
                _ => Look::Done(()),
            })
            .await;
        rung.map_err(|failure| self.stop(failure))?;
        self.press_for(name, key).await
    }

    /// Notes that a call is to be preempted.
    pub fn preempted(&mut self, name: &str) {
        self.calls.preempted.push(name.to_owned());
    }

    /// The calls that were to be preempted since the last trigger.
    pub fn preempted_so_far(&self) -> Vec<String> {
        self.calls.preempted.clone()
    }

    /// Waits until a call does that: a condition that the rest rests on.
    ///
    /// # Errors
    /// There is no such call, or it does not come to that.
    pub async fn require_call(&mut self, name: &str, state: CallState) -> StepResult {
        let call_id = self.call_id(name)?;
        let what = format!("call \"{name}\" is {state}");
        let is_so = move |timeline: &Timeline, _| (state_of(timeline, &call_id) == Some(state)).then_some(());
        self.await_farm(&what, is_so).await
    }

    /// Resource-Priority of a level of the phone's profile; none for `none`.
    ///
    /// # Errors
    /// The profile knows no precedence, or no such level.
    pub async fn precedence(&mut self, level: &str) -> Result<Vec<String>, StepFailure> {
        if level == "none" {
            return Ok(Vec::new());
        }
        let mlpp = self.lab().await?.profile().mlpp.clone();
        match value_of(&mlpp, level) {
            Ok(value) => Ok(vec![value]),
            Err(problem) => Err(self.unfit_profile(problem).await),
        }
    }

    /// What the phone dials to reach the far end with a level of precedence.
    ///
    /// # Errors
    /// As [`World::precedence`]; or the phone has no prefix for that level.
    pub async fn number(&mut self, level: &str) -> Result<String, StepFailure> {
        let number = self.lab().await?.far_end_user().to_owned();
        if level == "none" {
            return Ok(number);
        }
        self.precedence(level).await?;
        let mlpp = self.lab().await?.profile().mlpp.clone();
        let place = mlpp.place_of(level);
        let is_it = |known: &str| mlpp.place_of(known) == place;
        let prefix =
            mlpp.dialplan.iter().find(|entry| is_it(&entry.level)).map(|entry| entry.prefix.as_str());
        let plain = || mlpp.default_level.as_deref().filter(|default| is_it(default)).map(|_| "");
        match prefix.or_else(plain) {
            Some(prefix) => Ok(format!("{prefix}{number}")),
            None => {
                let problem =
                    format!("nothing that this phone can dial has the level {level}: see mlpp.dialplan");
                Err(self.unfit_profile(problem).await)
            }
        }
    }

    /// What the profile lacks is the author's fault, unless somebody has chosen the phone for all scenarios.
    async fn unfit_profile(&mut self, problem: String) -> StepFailure {
        if !self.phone_was_chosen() {
            return self.stop(StepFailure::Setup(problem));
        }
        let failed = Mark::CommandFailed { command: self.text.clone(), reason: problem.clone() };
        if let Ok(lab) = self.lab().await {
            lab.mark(failed);
        }
        self.stop(StepFailure::NotExercised(problem))
    }

    async fn order(&mut self, arrival: &Arrival) -> Result<CallOrder, StepFailure> {
        let user = self.plan.lines.user(arrival.line).map_err(|failure| self.stop(failure))?;
        let node = arrival.through.clone().or_else(|| self.home.clone()).ok_or_else(|| {
            let help = "nobody knows yet where the phone can be reached: write  Given the phone is registered with \"primary\"";
            self.stop(StepFailure::Setup(help.to_owned()))
        })?;
        self.plan.check_node(&node).map_err(|failure| self.stop(failure))?;
        let through = self.lab().await?.node_addr(&node);
        let through = through.ok_or_else(|| StepFailure::bug("unchecked node"))?;
        Ok(CallOrder {
            resource_priority: arrival.resource_priority.clone(),
            require: arrival.require,
            alert_info: arrival.alert_info.clone(),
            ..CallOrder::to(user, through)
        })
    }

    async fn name_call(&mut self, name: String, call_id: String) -> StepResult {
        let named = Mark::CallNamed { name: name.clone(), call_id: call_id.clone() };
        self.lab().await?.mark(named);
        self.calls.named.insert(name, call_id);
        Ok(())
    }
}

/// The Call-ID of the first call since then that the phone has dialled and that has no name.
fn dialled(timeline: &Timeline, since: Instant, known: &[String]) -> Option<String> {
    let phone = phone_of(timeline);
    let mut sent = timeline.sip().filter(|(event, sip)| event.at >= since && phone.contains(&sip.src.ip()));
    sent.find_map(|(_, sip)| {
        let begins = sip.message.to().as_ref().and_then(NameAddr::tag).is_none();
        let call_id = sip.message.call_id().filter(|_| begins && sip.message.is_request(&Method::Invite))?;
        (!known.iter().any(|known| known == call_id)).then(|| call_id.to_owned())
    })
}

/// The value of Resource-Priority for a level, by its name in the profile or by the usual one.
fn value_of(mlpp: &Mlpp, level: &str) -> Result<String, String> {
    let Some(namespace) = mlpp.namespace.as_ref().filter(|_| mlpp.enabled) else {
        return Err("the phone's profile knows no precedence (mlpp.enabled, mlpp.namespace, mlpp.levels): \
                    choose one that does, such as polycom-vvx-ucs58, polycom-vvx-ucs59 or ascip-ucr"
            .to_owned());
    };
    if let Some(level) = mlpp.place_of(level).and_then(|place| mlpp.levels.get(place)) {
        return Ok(format!("{namespace}.{level}"));
    }
    let known = Mlpp::USUAL_LEVELS.into_iter().take(mlpp.levels.len()).chain(["none"]);
    let help = match nearest(level, known.clone()) {
        Some(near) => format!("did you mean {near}?"),
        None => format!("there are {}", known.collect::<Vec<_>>().join(", ")),
    };
    Err(format!("{level:?} is no level of precedence of this phone; {help}"))
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;

    fn mlpp(namespace: &str, levels: &[&str]) -> Mlpp {
        Mlpp {
            enabled: true,
            namespace: Some(namespace.to_owned()),
            levels: levels.iter().map(|level| (*level).to_owned()).collect(),
            ..Mlpp::default()
        }
    }

    #[test]
    fn a_level_means_that_of_the_profile_or_the_one_of_the_same_rank() {
        let dsn = mlpp("dsn", &["routine", "priority", "immediate", "flash", "flash-override"]);
        assert_eq!(value_of(&dsn, "Flash").unwrap(), "dsn.flash");
        let uc = mlpp("uc-000000", &["0", "2", "4", "6", "8"]);
        assert_eq!(value_of(&uc, "flash").unwrap(), "uc-000000.6");
        assert_eq!(value_of(&uc, "8").unwrap(), "uc-000000.8");
    }

    #[test]
    fn a_level_that_there_is_not_is_told_the_nearest() {
        let dsn = mlpp("dsn", &["routine", "priority", "immediate", "flash", "flash-override"]);
        assert!(value_of(&dsn, "imediate").unwrap_err().contains("did you mean immediate?"));
        assert!(value_of(&dsn, "urgent").unwrap_err().contains("there are routine, priority"));
        assert!(value_of(&Mlpp::default(), "flash").unwrap_err().contains("mlpp.enabled"));
    }
}
