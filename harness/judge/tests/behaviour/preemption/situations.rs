//! Random lines that are full: whoever rightly falls is let pass, and whoever falls instead is told.

use super::*;

/// A stream of numbers from a seed (Knuth's multiplier).
struct Dice(u64);

impl Dice {
    fn below(&mut self, bound: usize) -> usize {
        self.0 = self.0.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        (self.0 >> 33) as usize % bound
    }
}

const NAMES: [&str; 8] = ["a", "b", "c", "d", "e", "f", "g", "h"];
const LEVELS: [&str; 5] = ["routine", "priority", "immediate", "flash", "flash-override"];
const STATES: [&str; 3] = ["alerting", "held", "active"];

/// Up to eight calls, one active at most, each in its state for another multiple of five seconds.
fn situation(dice: &mut Dice) -> Vec<(&'static str, &'static str, &'static str, f64)> {
    let count = 1 + dice.below(NAMES.len());
    let mut since: Vec<f64> = (0..count).map(|place| 20.0 + 5.0 * place as f64).collect();
    for place in 0..count {
        let other = dice.below(count);
        since.swap(place, other);
    }
    let active = dice.below(2 * count);
    (0..count)
        .map(|place| {
            let state = if place == active { "active" } else { STATES[dice.below(2)] };
            (NAMES[place], LEVELS[dice.below(LEVELS.len())], state, since[place])
        })
        .collect()
}

/// Who has to give way to a call of that level: the lowest; of those who ring, then who is held, then active; of
/// those the youngest in its state. Nobody gives way to an equal.
fn oracle(situation: Situation<'_>, new: &str) -> Option<&'static str> {
    let rank = |level: &str| LEVELS.iter().position(|known| *known == level);
    let order = |state: &str| STATES.iter().position(|known| *known == state);
    let first = situation.iter().min_by_key(|call| (rank(call.1), order(call.2), -(call.3 as i64)))?;
    (rank(first.1) < rank(new)).then(|| NAMES.iter().copied().find(|name| *name == first.0)).flatten()
}

/// What the judge says of occasion and victim when that one falls, or nobody and the call is refused.
fn judged(situation: Situation<'_>, new: &str, falls: Option<&str>) -> bool {
    let mut line = Line::holding(situation);
    line.invite(200.0, "x", new);
    match falls {
        None => line.answers(200.05, "x", 486, ""),
        Some(name) => {
            line.answers(200.05, "x", 180, "");
            match situation.iter().any(|call| call.0 == name && call.2 == "alerting") {
                true => line.answers(200.1, name, 486, REASON),
                false => line.falls(200.1, name),
            }
        }
    }
    let findings = line.story.judge_at(240.0);
    let of_preemption = findings.iter().filter(|finding| finding.rule.starts_with("preemption-"));
    of_preemption.clone().count() >= 3 && of_preemption.into_iter().all(|f| f.verdict != Verdict::Fail)
}

#[test]
fn of_random_lines_the_right_one_falls_and_no_other() {
    let mut dice = Dice(7);
    let mut preempted = 0;
    for number in 0..500 {
        let situation = situation(&mut dice);
        let new = LEVELS[dice.below(LEVELS.len())];
        let right = oracle(&situation, new);
        preempted += usize::from(right.is_some());
        assert!(judged(&situation, new, right), "{number}: {right:?} of {situation:?} for {new}");
        let wrong = match (right, situation[dice.below(situation.len())].0) {
            (Some(right), other) if other == right => None,
            (_, other) => Some(other),
        };
        assert!(!judged(&situation, new, wrong), "{number}: {wrong:?} of {situation:?} for {new}");
    }
    assert!((100..400).contains(&preempted), "{preempted} of 500 ask for a victim");
}
