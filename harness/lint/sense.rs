//! Steps that are sound each, and make no sense together.

use std::sync::LazyLock;

use gherkin::{Step, StepType};
use regex::Regex;

use super::FileLint;
use crate::steps::misfit;

/// The phone sends that to these, perhaps within so many seconds.
static SENDS: LazyLock<Option<Regex>> = LazyLock::new(|| {
    Regex::new(r#"^the phone sends ([A-Z]+) to ("[^"]+"(?:, then "[^"]+")*)(?:.* within (\S+) s$)?"#).ok()
});
/// It sends none, to that node or to any, for so many seconds.
static SENDS_NONE: LazyLock<Option<Regex>> =
    LazyLock::new(|| Regex::new(r#"^the phone sends no ([A-Z]+)(?: to "([^"]+)")? for (\S+) s$"#).ok());

impl FileLint<'_> {
    /// Silence is watched from the trigger until so long after its step. What a step before it expects breaks it; what
    /// a step behind it expects comes too late if it must come before the silence is over.
    pub(super) fn impossible_windows(&mut self, steps: &[&Step]) {
        let (Some(sends), Some(sends_none)) = (&*SENDS, &*SENDS_NONE) else { return };
        for since in steps.chunk_by(|_, next| next.ty != StepType::When) {
            for (at, step) in since.iter().enumerate() {
                let Some(none) = sends_none.captures(&step.value) else { continue };
                let breaks_it = |(place, other): &(usize, &&Step)| {
                    let Some(some) = sends.captures(&other.value) else { return false };
                    let node = none.get(2).map(|node| format!("\"{}\"", node.as_str()));
                    let is_same = some[1] == none[1] && node.is_none_or(|node| some[2].contains(&node));
                    let in_time = || some.get(3).and_then(|within| within.as_str().parse::<f64>().ok());
                    let silent = || none[3].parse::<f64>().ok();
                    is_same && (*place < at || in_time().zip(silent()).is_some_and(|(by, for_s)| by <= for_s))
                };
                let Some((_, other)) = since.iter().enumerate().find(breaks_it) else { continue };
                let message = format!(
                    "this is counted from the same When as line {}, by which the phone sends {} there",
                    other.position.line, &none[1]
                );
                let help = "write a When between the two, as  When the phone is left alone,  or another time or node";
                let place = self.place_of(step.position.line, &step.value);
                self.add(step.position.line, "impossible-window", message, Some(help)).place = place;
            }
        }
    }

    /// The calls of a table must be able to stand on one line.
    pub(super) fn calls_of_table(&mut self, step: &Step) {
        let Err(problem) = misfit(step) else { return };
        // The problem quotes what is wrong, and that stands in a cell.
        let cells = || step.table.iter().flat_map(|table| table.rows.iter().skip(1)).flatten();
        let cell = cells().find(|cell| problem.contains(&format!("\"{cell}\"")));
        let line = cell.map_or(step.position.line, |cell| self.row_of(step, cell, 0));
        let place = self.place_of(line, cell.map_or(&step.value, String::as_str));
        self.add(line, "calls-impossible", problem, None).place = place;
    }
}
