//! Steps that are sound each, and make no sense together.

use std::sync::LazyLock;

use gherkin::{Step, StepType};
use regex::Regex;

use super::FileLint;
use crate::steps::misfit;

/// The phone sends that; what follows says to whom.
static SENDS: LazyLock<Option<Regex>> =
    LazyLock::new(|| Regex::new(r#"^the phone sends ([A-Z]+) to ("[^"]+"(?:, then "[^"]+")*)"#).ok());
/// It sends none, to that node or to any.
static SENDS_NONE: LazyLock<Option<Regex>> =
    LazyLock::new(|| Regex::new(r#"^the phone sends no ([A-Z]+)(?: to "([^"]+)")? for "#).ok());

impl FileLint<'_> {
    /// Silence and what breaks it are counted from the same trigger.
    pub(super) fn impossible_windows(&mut self, steps: &[&Step]) {
        let (Some(sends), Some(sends_none)) = (&*SENDS, &*SENDS_NONE) else { return };
        for since in steps.chunk_by(|_, next| next.ty != StepType::When) {
            for step in since {
                let Some(none) = sends_none.captures(&step.value) else { continue };
                let is_it = |other: &&&Step| {
                    sends.captures(&other.value).is_some_and(|some| {
                        let node = none.get(2).map(|node| format!("\"{}\"", node.as_str()));
                        some[1] == none[1] && node.is_none_or(|node| some[2].contains(&node))
                    })
                };
                let Some(other) = since.iter().find(is_it) else { continue };
                let message = format!(
                    "this is counted from the same When as line {}, by which the phone sends {} there",
                    other.position.line, &none[1]
                );
                let help = "write a When between the two, as  When the phone is left alone,  or another node";
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
