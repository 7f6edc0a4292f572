//! Which call is torn down for a higher one: one of the same line, of the lowest precedence there, and among those
//! by state and age as the profile says; one, and no second (PA-06, PA-06d, PA-07, PA-08; F-02, F-15).

use crate::case::{Case, LineCall};
use crate::finding::{Finding, Window};
use crate::rules::Rule;
use crate::rules::draft::Docket;
use crate::rules::preemption::{Arrival, Demand, arrivals};

/// See the module.
pub struct PreemptionVictim;

impl Rule for PreemptionVictim {
    fn id(&self) -> &'static str {
        "preemption-victim"
    }

    fn requirements(&self) -> &'static [&'static str] {
        &["PA-06", "PA-06d", "PA-07", "PA-08", "PA-09"]
    }

    fn about(&self) -> &'static str {
        "The call that is torn down for a higher one is the lowest of its line, by state and age as the profile says, and the only one."
    }

    fn judge(&self, case: &Case<'_>) -> Vec<Finding> {
        let mut docket = Docket::open(case, self);
        if !case.profile.mlpp.enabled {
            return docket.close();
        }
        let calls = case.line_calls();
        for arrival in arrivals(case, &calls).iter().filter(|arrival| !arrival.fallen.is_empty()) {
            let call = &calls[arrival.call];
            let demands = || arrival.demands.iter();
            if !demands().any(|demand| matches!(demand, Demand::Falls(_))) {
                continue; // Nobody should have fallen: preemption-occasion says so.
            }
            if demands().any(|demand| arrival.is_choice(demand)) {
                docket.kept(call.invite.packets);
                continue;
            }
            let fell: Vec<String> =
                arrival.fallen.iter().map(|&other| case.show_call(&calls[other])).collect();
            let draft = docket
                .draft(format!("{}: {}", case.show_call(call), arrival.show_demand(case, &calls)))
                .throughout(Window { from: call.created(), to: arrival.until })
                .message(call.invite)
                .messages(arrival.shown(&calls))
                .seen(format!("{} torn down: {}", fell.join(", "), arrival.show_line(case, &calls)));
            docket.add(draft.fail_unless_lossy("what the phone knew of its calls may have been lost"));
        }
        docket.close()
    }
}

impl<'c, 'a> Arrival<'c, 'a> {
    /// Whether those who fell are one of the units that might.
    fn is_choice(&self, demand: &Demand) -> bool {
        let Demand::Falls(units) = demand else { return false };
        units.iter().any(|unit| self.fallen.iter().all(|fallen| unit.calls.contains(fallen)))
    }

    /// What the phone had to do.
    pub(super) fn show_demand(&self, case: &Case<'_>, calls: &[LineCall<'_, '_>]) -> String {
        let name = |unit: &crate::case::Unit| {
            let legs: Vec<String> = unit.calls.iter().map(|&leg| case.show_call(&calls[leg])).collect();
            match legs.len() {
                1 => legs[0].clone(),
                _ => format!("the conference of {}", legs.join(" and ")),
            }
        };
        let show = |demand: &Demand| match demand {
            Demand::Room => "nobody torn down, as there is room".to_owned(),
            Demand::Busy => "486 and nobody torn down, as it is not above any other".to_owned(),
            Demand::NobodyFalls => "nobody torn down".to_owned(),
            Demand::Falls(units) => {
                let names: Vec<String> = units.iter().map(name).collect();
                format!("{} torn down, and no other", names.join(" or "))
            }
        };
        let demands: Vec<String> = self.demands.iter().map(show).collect();
        demands.join("; or ")
    }

    /// What the line held when the call came.
    pub(super) fn show_line(&self, case: &Case<'_>, calls: &[LineCall<'_, '_>]) -> String {
        let (line, came) = (&calls[self.call].line, calls[self.call].created());
        let there = calls
            .iter()
            .enumerate()
            .filter(|&(place, call)| place != self.call && call.line == *line && call.is_there(came));
        let shown: Vec<String> = there
            .map(|(_, call)| {
                let (state, since) = case.state(call, came);
                let level = case.profile.mlpp.levels.get(call.rank(came)).cloned();
                let level = level.unwrap_or_else(|| format!("level {}", call.rank(came)));
                format!("{} {level}, {state} for {:.0}", case.show_call(call), came - since)
            })
            .collect();
        format!("the line held {}", shown.join("; "))
    }

    /// The messages that tore somebody down, or refused the call.
    pub(super) fn shown<'s>(&'s self, calls: &'s [LineCall<'s, 's>]) -> Vec<&'s crate::case::Seen<'s>> {
        let ends = self.fallen.iter().filter_map(|&other| Some(&**calls[other].end?.message));
        ends.chain(self.refusal).collect()
    }
}
