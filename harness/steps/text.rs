//! Reading the parts of a step's text.

use std::sync::LazyLock;

use cucumber::gherkin::Step;
use regex::Regex;
use sipfarm_core::Span;

use crate::net::Link;
use crate::world::StepFailure;

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
