//! Reading the parts of a step's text.

use std::sync::LazyLock;

use cucumber::gherkin::Step;
use regex::Regex;
use sipfarm_core::Span;

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
    use super::*;

    #[test]
    fn names_are_what_stands_in_quotes() {
        assert_eq!(names(r#""a", "b" and "c d""#), ["a", "b", "c d"]);
        assert!(names("none").is_empty());
    }

    #[test]
    fn seconds_may_be_missing_but_not_wrong() {
        assert_eq!(seconds("").ok(), Some(None));
        assert_eq!(seconds("0.5").ok(), Some(Some(Span::from_millis(500))));
        assert!(seconds("-1").is_err());
        assert!(seconds("NaN").is_err());
    }
}
