//! Steps that are sound each, and make no sense together.

use std::collections::BTreeSet;
use std::sync::LazyLock;

use gherkin::{Step, StepType};
use regex::Regex;

use super::FileLint;
use super::steps::{DECLARES_NODES, Name, quoted};
use crate::steps::misfit;
use crate::world::FAR_END_NODE;

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

    /// A step that declares nodes names each once; a later one stands instead of the earlier.
    pub(super) fn nodes_twice(&mut self, steps: &[&Step]) {
        for step in steps.iter().filter(|step| step.value.starts_with(DECLARES_NODES)) {
            let mut known = BTreeSet::new();
            for word in quoted(&step.value) {
                if known.insert(word.text.clone()) {
                    continue;
                }
                let message = format!("the node \"{}\" is there twice", word.text);
                let place = self.place_of(step.position.line, &format!("\"{}\"", word.text));
                let help = "name each node once, as in  a farm with servers \"primary\" and \"secondary\"";
                self.add(step.position.line, "node-twice", message, Some(help)).place = place;
            }
        }
    }

    /// A fault that can be read must do something at the node that has it.
    pub(super) fn fault_at_node(&mut self, step: &Step, nodes: &[String]) {
        let words = quoted(&step.value);
        let [node, fault, ..] = words.as_slice() else { return };
        let is_known = node.text == FAR_END_NODE || nodes.contains(&node.text);
        if fault.kind != Name::Fault || !is_known || (self.facts.fault)(&fault.text).is_err() {
            return;
        }
        let Err(complaint) = (self.facts.fault_at)(&fault.text, &node.text) else { return };
        let place = self.place_of(step.position.line, &format!("\"{}\"", fault.text));
        self.add(step.position.line, "fault-without-effect", complaint.message, complaint.help.as_deref())
            .place = place;
    }

    /// Levels of precedence are those of the phone's profile, or the usual ones.
    pub(super) fn levels(&mut self, steps: &[&Step]) {
        let set = |step: &&&Step| {
            step.table.iter().flat_map(|table| &table.rows).flatten().any(|cell| cell == "mlpp.levels")
        };
        if steps.iter().any(|step| set(&step)) {
            return;
        }
        let named = steps.iter().flat_map(|step| quoted(&step.value)).find(|word| word.kind == Name::Profile);
        for step in steps {
            for level in levels_of(step) {
                let Err(complaint) =
                    (self.facts.level)(named.as_ref().map(|word| word.text.as_str()), &level)
                else {
                    continue;
                };
                let line = match &step.table {
                    Some(_) => self.row_of(step, &level, 0),
                    None => step.position.line,
                };
                let place = self.place_of(line, &level);
                self.add(line, "unknown-level", complaint.message, complaint.help.as_deref()).place = place;
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

/// The levels of precedence that a step names, in its sentence and below `precedence` in its table.
fn levels_of(step: &Step) -> Vec<String> {
    static LEVEL: LazyLock<Option<Regex>> = LazyLock::new(|| {
        Regex::new(r#"(?:^an? |\band an? )([a-z0-9-]+) call "|\b(?:with|has) precedence ([a-z0-9-]+)|call "[^"]+" to ([a-z0-9-]+)$"#).ok()
    });
    let said = LEVEL.as_ref().into_iter().flat_map(|form| form.captures_iter(&step.value));
    let said = said.filter_map(|found| Some(found.iter().skip(1).flatten().next()?.as_str().to_owned()));
    let rows = step.table.as_ref().map(|table| table.rows.as_slice()).unwrap_or_default();
    let column = rows.first().and_then(|head| head.iter().position(|heading| heading == "precedence"));
    let cells = column
        .into_iter()
        .flat_map(|column| rows.iter().skip(1).filter_map(move |row| row.get(column).cloned()));
    said.chain(cells).collect()
}
