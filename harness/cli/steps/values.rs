//! What can stand in the places of a sentence that vary.

use std::fmt;

use serde::Serialize;
use sipfarm_core::Topic;
use sipfarm_core::profile::Mlpp;

use crate::farm::{FarEndKind, FaultSpec, Occurrence};
use crate::lint::METHODS;
use crate::phone::profiles;

/// What can stand in one place.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Value {
    /// How the sentence shows it: `{name}`.
    pub shown: String,
    /// What it is.
    pub what: &'static str,
    /// All that it can be, where that is a list.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub one_of: Vec<String>,
}

/// In a line; of a long list, the first.
impl fmt::Display for Value {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        const SHOWN: usize = 12;
        write!(f, "{}: {}", self.shown, self.what)?;
        let (shown, more) = self.one_of.split_at(self.one_of.len().min(SHOWN));
        if !shown.is_empty() {
            write!(f, ": {}", shown.join(", "))?;
        }
        if more.is_empty() { Ok(()) } else { write!(f, " and {} more (--format json has all)", more.len()) }
    }
}

/// Of a sentence as the catalogue shows it; each thing once, in order.
pub fn of(sentence: &str) -> Vec<Value> {
    let plain: String = sentence.chars().filter(|c| !"[]".contains(*c)).collect();
    let mut values: Vec<Value> = Vec::new();
    for (at, _) in plain.match_indices('{') {
        let Some(length) = plain[at..].find('}') else { continue };
        let (before, shown, after) = (&plain[..at], &plain[at..=at + length], &plain[at + length + 1..]);
        let (what, one_of) = match shown {
            "{number}" | "{value}" => number(before, after),
            "{word}" => word(before, after),
            "{text}" => ("what somebody at the phone is asked", facts()),
            _ if before.ends_with('"') => quoted(before.trim_end_matches('"')),
            _ => ("what the far end is", FarEndKind::NAMES.map(|(name, _)| name.to_owned()).to_vec()),
        };
        if values.iter().all(|known| known.what != what) {
            values.push(Value { shown: shown.to_owned(), what, one_of });
        }
    }
    values
}

/// A number, by the words around it.
fn number(before: &str, after: &str) -> (&'static str, Vec<String>) {
    let begins = |words: &[&str]| words.iter().any(|word| after.starts_with(word));
    let ends = |words: &[&str]| words.iter().any(|word| before.ends_with(word));
    let what = match () {
        () if begins(&[" s"]) => "seconds, such as 2 or 0.5",
        () if begins(&[" (ms", ".{number}"]) || ends(&["."]) => "milliseconds or per cent, such as 40 or 0.5",
        () if ends(&["cause "]) => "a cause of RFC 4411, from 1 to 5",
        () if ends(&["line "]) => "a line of the phone, from 1 to 3",
        () if ends(&["hunt group ", "hunt group) "]) => "a number that is called",
        () if begins(&[" times", " rounds", " call", " licence"]) => "how many",
        () => "a status code, such as 503",
    };
    (what, Vec::new())
}

fn word(before: &str, after: &str) -> (&'static str, Vec<String>) {
    if before.ends_with("precedence ") || after.starts_with(" call") || before.ends_with("\" to ") {
        let known = Mlpp::USUAL_LEVELS.into_iter().chain(["none"]).map(str::to_owned).collect();
        return ("a level of precedence, by this name or the profile's", known);
    }
    ("a method", METHODS.iter().map(|method| (*method).to_owned()).collect())
}

/// A name in quotes, by what stands before it.
fn quoted(before: &str) -> (&'static str, Vec<String>) {
    // One more of the same.
    let list = before.strip_suffix("(, | and )").and_then(|list| list.strip_suffix("\"{name}\""));
    if let Some(first) = list {
        return quoted(first);
    }
    match before.split_whitespace().next_back() {
        Some("fault") => {
            let faults = FaultSpec::names().map(str::to_owned).collect();
            ("a fault with its parameters, as harness/farm/faults/README.md explains", faults)
        }
        Some("profile") => ("a profile, or the path of one", profiles::names().map(str::to_owned).collect()),
        Some("notes" | "noted" | "no") => {
            ("what a system notes", Occurrence::ALL.iter().map(|one| one.words().to_owned()).collect())
        }
        Some("header") => {
            ("a header field, with its value where that counts: Supported: replaces", Vec::new())
        }
        Some("call" | "call s" | "calls" | "before") => ("the name of a call", Vec::new()),
        Some("Resource-Priority" | "Alert-Info" | "Reason") => ("text that is sent as it is", Vec::new()),
        Some("dials") => ("digits", Vec::new()),
        Some("to") if before.ends_with("addressed to ") => ("the user part of an address", Vec::new()),
        Some("for" | "CNAME)") if before.contains("DNS") => ("a domain name", Vec::new()),
        _ => ("the name of a node", Vec::new()),
    }
}

fn facts() -> Vec<String> {
    let both = Topic::ALL.iter().flat_map(|topic| [topic.sentence(true), topic.sentence(false)]);
    both.map(|sentence| sentence.replace("{}", "…")).collect()
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;

    fn what(sentence: &str) -> Vec<&'static str> {
        of(sentence).into_iter().map(|value| value.what).collect()
    }

    #[test]
    fn each_place_is_told_once() {
        assert_eq!(
            what("the phone sends {word} to \"{name}\"[, then \"{name}\" …][ within {value} s]"),
            ["a method", "the name of a node", "seconds, such as 2 or 0.5"]
        );
        assert_eq!(what("call \"{name}\" is refused with {number}[ and header \"{name}\"]").len(), 3);
        assert_eq!(
            what("call[s] \"{name}\"[(, | and )\"{name}\" …] (is|are) preempted"),
            ["the name of a call"]
        );
        assert_eq!(what("the phone hangs up"), Vec::<&str>::new());
    }

    #[test]
    fn lists_are_those_that_count_when_a_scenario_runs() {
        let of = |sentence: &str| of(sentence).remove(0).one_of;
        assert!(of("has fault \"{name}\"").contains(&"silent".to_owned()));
        assert!(of("a phone with profile \"{name}\"").contains(&"yealink-t5x".to_owned()));
        assert_eq!(of("an {word} call arrives")[3], "flash");
        assert!(
            of("the person at the phone sees that {text}").contains(&"the display shows a call".to_owned())
        );
        assert!(of("the far end is a {name}").contains(&"voicemail box".to_owned()));
    }
}
