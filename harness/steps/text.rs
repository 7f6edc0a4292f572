//! Reading the parts of a step's text.

use std::sync::LazyLock;

use cucumber::gherkin::Step;
use regex::Regex;
use sipfarm_core::Span;
use sipfarm_core::nearest::nearest;

use crate::net::Link;
use crate::world::{StepFailure, World};

/// The names in `"primary", "secondary" and "fallback"`.
pub fn names(text: &str) -> Vec<String> {
    #[allow(clippy::unwrap_used, reason = "a constant expression")]
    static QUOTED: LazyLock<Regex> = LazyLock::new(|| Regex::new(r#""([^"]+)""#).unwrap());
    QUOTED.captures_iter(text).map(|found| found[1].to_owned()).collect()
}

/// Seconds, where the text has any: an optional part of a step that is not there is empty.
pub fn seconds(text: &str) -> Result<Option<Span>, StepFailure> {
    if text.is_empty() {
        return Ok(None);
    }
    match text.parse::<f64>() {
        Ok(secs) if (0.0..=86_400.0).contains(&secs) => Ok(Some(Span::from_secs_f64(secs))),
        _ => Err(StepFailure::Setup(format!("{text:?} is no number of seconds from 0 to 86400"))),
    }
}

/// Begins a step that has an optional `within`.
pub fn begin_within(world: &mut World, step: &Step, within: &str) -> Result<Option<Span>, StepFailure> {
    world.begin(step);
    seconds(within).map_err(|failure| world.stop(failure))
}

/// For how long something is to last, as a step says: a policy time, which is scaled where the scenario's are.
pub async fn lasting(world: &mut World, text: &str) -> Result<Span, StepFailure> {
    let said = seconds(text).map_err(|failure| world.stop(failure))?.unwrap_or(Span::ZERO);
    world.lasting(said).await
}

/// The link in `40 ms delay, 20 ms jitter and 5 % loss`.
pub fn link(text: &str) -> Result<Link, StepFailure> {
    let mut link = Link::default();
    for property in text.replace(" and ", ", ").split(", ") {
        let (value, name) = property.split_once(' ').unwrap_or((property, ""));
        let name = match name {
            "ms delay" => "delay",
            "ms jitter" => "jitter",
            "% loss" => "loss",
            "% duplication" => "duplicate",
            _ => "reorder",
        };
        link.set(name, value.parse().unwrap_or(f64::NAN)).map_err(StepFailure::Setup)?;
    }
    Ok(link)
}

/// The rows below the headings of a table, which are these, in whatever order.
pub fn columns<const N: usize>(step: &Step, headings: [&str; N]) -> Result<Vec<[String; N]>, StepFailure> {
    let form = headings.join(" | ");
    let setup = |problem: String| StepFailure::Setup(format!("{problem}:  | {form} |"));
    let rows = step.table.as_ref().map(|table| table.rows.as_slice()).unwrap_or_default();
    let Some((head, rows)) = rows.split_first().filter(|(_, rows)| !rows.is_empty()) else {
        return Err(setup(
            "this step needs a table below it, with a row of headings and one for each".to_owned(),
        ));
    };
    if let Some(other) = head.iter().find(|heading| !headings.contains(&heading.as_str())) {
        return Err(setup(match nearest(other, headings) {
            Some(near) => format!("no column is called {other:?}, did you mean {near}? The headings are"),
            None => format!("no column is called {other:?}; the headings are"),
        }));
    }
    let place = |heading: &&str| head.iter().position(|known| known == heading);
    let places: Vec<usize> = headings.iter().filter_map(place).collect();
    if places.len() < N || head.len() > N {
        return Err(setup("the table needs each of these columns once".to_owned()));
    }
    Ok(rows.iter().map(|row| std::array::from_fn(|column| row[places[column]].clone())).collect())
}

/// A time in a table: `60 s`.
pub fn age(text: &str) -> Result<Span, StepFailure> {
    let number = text.strip_suffix('s').map(str::trim).filter(|number| !number.is_empty());
    number.map(seconds).transpose()?.flatten().ok_or_else(|| {
        StepFailure::Setup(format!("{text:?} is no age: write seconds with their unit, as in  60 s"))
    })
}

/// The rows of a table of two columns.
pub fn settings(step: &Step) -> Result<Vec<(String, String)>, StepFailure> {
    let table = step.table.as_ref().ok_or_else(|| {
        StepFailure::Setup("this step needs a table below it:  | path.of.the.setting | value |".to_owned())
    })?;
    table
        .rows
        .iter()
        .map(|row| match row.as_slice() {
            [path, value] => Ok((path.clone(), value.clone())),
            row => Err(StepFailure::Setup(format!("a row of settings has two cells, not {}", row.len()))),
        })
        .collect()
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;

    #[test]
    fn names_are_what_stands_in_quotes() {
        assert_eq!(names(r#""a", "b" and "c d""#), ["a", "b", "c d"]);
        assert!(names("none").is_empty());
    }

    #[test]
    fn an_age_has_its_unit() {
        assert_eq!(age("60 s").unwrap(), Span::from_secs(60));
        assert_eq!(age("0.5s").unwrap(), Span::from_millis(500));
        for wrong in ["60", "s", "60 m", "-1 s", "soon"] {
            assert!(age(wrong).is_err(), "{wrong}");
        }
        assert!(age("60").unwrap_err().to_string().contains("60 s"));
    }

    fn step(table: &str) -> Step {
        let text = format!("Feature: f\n  Scenario: s\n    Given x\n{table}");
        let feature =
            cucumber::gherkin::Feature::parse(text, cucumber::gherkin::GherkinEnv::default()).unwrap();
        feature.scenarios[0].steps[0].clone()
    }

    #[test]
    fn columns_are_found_by_their_headings() {
        let read = |table: &str| columns(&step(table), ["call", "age"]).map_err(|error| error.to_string());
        assert_eq!(read("| age | call |\n| 1 s | a |\n").unwrap(), [["a".to_owned(), "1 s".to_owned()]]);
        assert!(read("").unwrap_err().contains("| call | age |"));
        assert!(read("| call | age |\n").unwrap_err().contains("needs a table"));
        assert!(read("| cal | age |\n| a | 1 s |\n").unwrap_err().contains("did you mean call?"));
        assert!(read("| call |\n| a |\n").unwrap_err().contains("each of these columns"));
        assert!(read("| call | call |\n| a | b |\n").unwrap_err().contains("each of these columns"));
    }

    #[test]
    fn a_link_is_what_its_words_say() {
        let said = link("40 ms delay, 2.5 ms jitter, 5 % loss, 2 % duplication and 1 % reordering").unwrap();
        assert_eq!(said, "delay=40ms,jitter=2.5ms,loss=5%,duplicate=2%,reorder=1%".parse().unwrap());
        assert_eq!(link("7 % loss").unwrap(), "loss=7%".parse().unwrap());
        assert!(link("101 % loss").is_err());
    }

    #[test]
    fn seconds_may_be_missing_but_not_wrong() {
        assert_eq!(seconds("").ok(), Some(None));
        assert_eq!(seconds("0.5").ok(), Some(Some(Span::from_millis(500))));
        assert!(seconds("-1").is_err());
        assert!(seconds("NaN").is_err());
    }
}
