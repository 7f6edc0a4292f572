//! The requirements that features and findings name by id: `fixtures/requirements.yaml`.

use std::collections::BTreeMap;
use std::fmt;

use serde::{Deserialize, Serialize};

/// How a requirement can be decided.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Deserialize, Serialize)]
pub enum Class {
    /// From the network alone.
    #[serde(rename(deserialize = "N", serialize = "network"))]
    Network,
    /// By somebody, or something, that looks at the phone.
    #[serde(rename(deserialize = "P", serialize = "phone"))]
    Phone,
    /// It is something that the farm itself must do.
    #[serde(rename(deserialize = "S", serialize = "farm"))]
    Farm,
    /// Not at all: it is about documents, configuration or scope.
    #[serde(rename(deserialize = "D", serialize = "document"))]
    Document,
}

/// One requirement.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Requirement {
    /// Its id, such as `YL-02b`.
    pub id: String,
    /// The key of the text that it comes from; the list gives its title.
    pub source: String,
    /// How it can be decided; more than one for requirements with several sides.
    #[serde(rename = "class")]
    pub classes: Vec<Class>,
    /// One sentence.
    pub text: String,
}

/// Why a requirement is not covered, or a side of it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "kebab-case")]
pub enum Gap {
    /// It could be decided by packets, and no scenario does.
    NoScenario,
    /// Somebody at the phone would have to say, and no scenario asks.
    NobodyAsked,
    /// Nothing is there to assert: it is about documents, configuration or scope.
    NothingToAssert,
}

impl fmt::Display for Gap {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Gap::NoScenario => "not covered: packets could decide it, and no scenario does",
            Gap::NobodyAsked => "not covered: somebody at the phone would have to say, and no scenario asks",
            Gap::NothingToAssert => "nothing to assert: it is about documents, configuration or scope",
        })
    }
}

/// The tag of scenarios that ask somebody at the phone.
const OPERATOR: &str = "operator";

impl Requirement {
    /// What of it none of these scenarios covers, by the tags of those that are tagged with it.
    pub fn gap<'t>(&self, tagged: impl IntoIterator<Item = &'t [String]>) -> Option<Gap> {
        let is = |class| self.classes.contains(&class);
        let (mut any, mut asks) = (false, false);
        for tags in tagged {
            any = true;
            asks |= tags.iter().any(|tag| tag == OPERATOR);
        }
        match () {
            () if !any && (is(Class::Network) || is(Class::Farm)) => Some(Gap::NoScenario),
            () if is(Class::Phone) && !asks => Some(Gap::NobodyAsked),
            () if !any => Some(Gap::NothingToAssert),
            () => None,
        }
    }
}

/// All requirements, in the order of their ids.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Requirements {
    sources: BTreeMap<String, String>,
    by_id: BTreeMap<String, Requirement>,
}

impl Requirements {
    /// Those that are part of the program.
    pub fn load_embedded() -> Requirements {
        Requirements::parse(include_str!("../fixtures/requirements.yaml"))
            .expect("fixtures/requirements.yaml is well formed; a test reads it")
    }

    /// Whether there is a requirement of this id.
    pub fn contains(&self, id: &str) -> bool {
        self.by_id.contains_key(id)
    }

    /// The requirement of this id.
    pub fn get(&self, id: &str) -> Option<&Requirement> {
        self.by_id.get(id)
    }

    /// All, in the order of their ids.
    pub fn iter(&self) -> impl Iterator<Item = &Requirement> {
        self.by_id.values()
    }

    /// Reads the list; what is wrong with it is said in one line.
    fn parse(text: &str) -> Result<Requirements, String> {
        #[derive(Deserialize)]
        #[serde(deny_unknown_fields)]
        struct File {
            sources: BTreeMap<String, String>,
            requirements: Vec<Requirement>,
        }
        let file: File = serde_yaml::from_str(text).map_err(|error| error.to_string())?;
        let mut by_id = BTreeMap::new();
        for requirement in file.requirements {
            let id = requirement.id.clone();
            if !looks_like_id(&id) {
                return Err(format!("{id:?} is not an id"));
            }
            if !file.sources.contains_key(&requirement.source) {
                return Err(format!("{id}: the source {:?} has no title", requirement.source));
            }
            if requirement.classes.is_empty() || requirement.text.trim().is_empty() {
                return Err(format!("{id}: class and text are needed"));
            }
            if by_id.insert(id.clone(), requirement).is_some() {
                return Err(format!("{id} stands twice"));
            }
        }
        Ok(Requirements { sources: file.sources, by_id })
    }
}

/// Whether a tag (without its `@`) is meant as an id, be it right or misspelt: two letters, a hyphen
/// or underscore or nothing, digits, and nothing else but letters after them.
pub fn looks_like_id(tag: &str) -> bool {
    let Some((prefix, rest)) = tag.split_once(['-', '_']).or_else(|| tag.split_at_checked(2)) else {
        return false;
    };
    let letters = rest.trim_start_matches(|c: char| c.is_ascii_digit());
    let has_digits = letters.len() < rest.len();
    let is_letters = |text: &str| text.chars().all(|c| c.is_ascii_alphabetic());
    prefix.len() == 2 && is_letters(prefix) && has_digits && is_letters(letters)
}

/// The two letters that ids of the list begin with.
const PREFIXES: [&str; 5] = ["AM", "AR", "CC", "PA", "YL"];

/// Whether a word is meant as an id of this list: it looks like one, and begins with letters that
/// ids here begin with, be they capitals or not.
pub fn is_meant_as_id(word: &str) -> bool {
    let begins = |prefix: &str| word.get(..2).is_some_and(|start| start.eq_ignore_ascii_case(prefix));
    looks_like_id(word) && PREFIXES.into_iter().any(begins)
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use super::*;

    #[test]
    fn every_requirement_of_the_sources_is_there() {
        let requirements = Requirements::load_embedded();
        let parts = ["PA-06b", "PA-06c", "PA-06d", "YL-02b", "YL-02c", "YL-03b"];
        for (prefix, last) in [("AM", 31), ("AR", 26), ("PA", 21), ("CC", 9), ("YL", 26)] {
            for number in 1..=last {
                let id = format!("{prefix}-{number:02}");
                assert!(requirements.contains(&id), "{id} is missing");
            }
        }
        for id in parts {
            assert!(requirements.contains(id), "{id} is missing");
        }
        assert_eq!(requirements.iter().count(), 31 + 26 + 21 + 9 + 26 + parts.len());
    }

    #[test]
    fn every_text_is_one_sentence_and_no_two_are_alike() {
        let requirements = Requirements::load_embedded();
        let mut seen = BTreeMap::new();
        for requirement in requirements.iter() {
            let (id, text) = (&requirement.id, &requirement.text);
            assert!(text.ends_with('.') && !text.contains('\n') && !text.contains(". "), "{id}: {text}");
            assert!(text.chars().count() < 180, "{id} is too long");
            assert!(!requirements.sources[&requirement.source].is_empty());
            assert_eq!(seen.insert(text.clone(), id.clone()), None, "{id}: {text}");
        }
        let cited: Vec<&String> = requirements.iter().map(|requirement| &requirement.source).collect();
        for source in requirements.sources.keys() {
            assert!(cited.contains(&source), "nothing comes from {source}");
        }
    }

    #[test]
    fn mistakes_in_the_list_are_errors() {
        let list = |rows: &str| Requirements::parse(&format!("sources: {{a: A}}\nrequirements: [{rows}]\n"));
        let row = "{id: YL-01, source: a, class: [N], text: x}";
        assert!(list(row).is_ok());
        assert_eq!(list(&format!("{row}, {row}")).unwrap_err(), "YL-01 stands twice");
        assert_eq!(list("{id: YL, source: a, class: [N], text: x}").unwrap_err(), "\"YL\" is not an id");
        assert!(list("{id: YL-01, source: b, class: [N], text: x}").unwrap_err().contains("no title"));
        assert!(list("{id: YL-01, source: a, class: [], text: x}").unwrap_err().contains("needed"));
        assert!(list("{id: YL-01, source: a, class: [X], text: x}").unwrap_err().contains("line 2"));
    }

    #[test]
    fn every_id_is_meant_as_one_and_strangers_are_not() {
        assert!(Requirements::load_embedded().iter().all(|requirement| is_meant_as_id(&requirement.id)));
        for word in ["yl-4", "Yl_04", "PA-6B"] {
            assert!(is_meant_as_id(word), "{word}");
        }
        for word in ["qa-17", "yl", "YL-04-2", "é-1"] {
            assert!(!is_meant_as_id(word), "{word}");
        }
    }

    #[test]
    fn ids_are_told_from_other_tags() {
        for tag in ["YL-01", "PA-06b", "ZZ-99", "YL-1", "YL-001", "yl-01", "YL-01B", "YL_01"] {
            assert!(looks_like_id(tag), "{tag}");
        }
        for tag in
            ["", "slow", "YL", "YL-", "YL-x1", "YL-01-02", "é-01", "B2-17", "ipv-6", "retry(2)", "re-invite"]
        {
            assert!(!looks_like_id(tag), "{tag}");
        }
    }
}
