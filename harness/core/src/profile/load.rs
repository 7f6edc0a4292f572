//! From YAML to a [`Profile`]: unknown keys, wrong types, duplicate keys and values out of range
//! are errors with their place.

use std::collections::BTreeMap;
use std::fmt;

use serde_yaml::Value;

use super::Profile;
use super::plain::plain;
use super::yaml::{Written, place_of, written};
use crate::nearest::nearest;

/// The longest profile text that is read, in octets. The longest of ours has 8,000.
const MAX_TEXT: usize = 64 * 1024;
/// How many profiles may stand between one and its last base.
const MAX_BASES: usize = 8;

/// A profile's text and what to call it in errors: its file, as a rule.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Source {
    /// How errors name it.
    pub origin: String,
    /// YAML.
    pub text: String,
}

/// A place in a text: line and column, both from 1.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Place {
    /// The line.
    pub line: usize,
    /// The column, in characters.
    pub column: usize,
}

/// Why a text is not a profile.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct LoadError {
    /// The text that is wrong, as its [`Source`] calls it.
    pub origin: String,
    /// Where in that text, when it has a place.
    pub place: Option<Place>,
    /// What is wrong, with the dotted path of the field.
    pub problem: String,
    /// What to do about it.
    pub help: Option<String>,
}

/// Loads a profile. Where it is silent, the profile that it `extends:` speaks, key by key, and at
/// the end [`Profile::default`]. Lists are replaced whole. `lookup` finds a base by name.
///
/// # Errors
/// The text is not YAML, holds an unknown or duplicate key, a value of the wrong type or out of
/// range, lacks `schema` or `id`, or its chain of bases is broken or closes on itself.
pub fn load(source: &Source, lookup: &dyn Fn(&str) -> Option<Source>) -> Result<Profile, LoadError> {
    load_over(source, lookup, None, &mut Vec::new())
}

/// Loads a profile as [`load`] does, for a judge with these rules: what is known to be broken must be
/// one of them.
///
/// # Errors
/// Those of [`load`], and a key of `known_issues:` that no rule bears.
pub fn load_for(
    source: &Source,
    lookup: &dyn Fn(&str) -> Option<Source>,
    rules: &[&str],
) -> Result<Profile, LoadError> {
    load_over(source, lookup, Some(rules), &mut Vec::new())
}

/// Why a rule of that name cannot be a known issue, when there is none: what is wrong and what to do.
pub fn check_rule(rule: &str, rules: &[&str]) -> Result<(), (String, String)> {
    if rules.contains(&rule) {
        return Ok(());
    }
    let help = match nearest(rule, rules.iter().copied()) {
        Some(near) => format!("did you mean `{near}`?"),
        None => "harness/judge/src/rules/README.md lists the rules".to_owned(),
    };
    Err((format!("known_issues: there is no rule `{rule}`"), help))
}

impl Profile {
    /// This profile with several values changed, which need to fit only together: `base_s` and
    /// `max_s` may both be lowered, whichever stands first.
    ///
    /// # Errors
    /// The place in the list of the first that does not fit, and why.
    pub fn with_settings(&self, settings: &[(String, String)]) -> Result<Profile, (usize, LoadError)> {
        let together = settings_text(settings).and_then(|text| {
            let source = Source { origin: "settings".to_owned(), text };
            Overlay::read(&source).and_then(|written| written.over(self)).ok()
        });
        if let Some(profile) = together {
            return Ok(profile);
        }
        // Which of them is to blame?
        let mut profile = self.clone();
        let mut open: Vec<usize> = (0..settings.len()).collect();
        loop {
            let mut refused: Vec<(usize, LoadError)> = Vec::new();
            for &at in &open {
                let (path, value) = &settings[at];
                match profile.with_setting(path, value) {
                    Ok(changed) => profile = changed,
                    Err(error) => refused.push((at, error)),
                }
            }
            let left: Vec<usize> = refused.iter().map(|(at, _)| *at).collect();
            match refused.into_iter().next() {
                None => return Ok(profile),
                // What was refused may fit now that others have changed.
                Some(_) if left.len() < open.len() => open = left,
                Some(first) => return Err(first),
            }
        }
    }

    /// This profile with one value changed: `path` is dotted, as `failover.retry_count.value`;
    /// `value` is YAML, as `5` or `[primary]`.
    ///
    /// # Errors
    /// There is no such field, or the value does not fit it.
    pub fn with_setting(&self, path: &str, value: &str) -> Result<Profile, LoadError> {
        let origin = format!("{path} = {value}");
        let whole = |problem| LoadError { origin: origin.clone(), place: None, problem, help: None };
        if value.trim().is_empty() || value.contains(['\n', '\r']) {
            return Err(whole(format!("{value:?} is not a value on one line")));
        }
        let mut text = String::new();
        let keys: Vec<&str> = path.split('.').collect();
        for (depth, key) in keys.iter().enumerate() {
            if key.is_empty() || !key.chars().all(|c| c.is_ascii_alphanumeric() || c == '_' || c == '-') {
                return Err(whole(format!("{key:?} is not a field name")));
            }
            text.push_str(&format!(
                "{}\"{key}\":{}",
                " ".repeat(depth),
                if depth + 1 < keys.len() { "\n" } else { " " }
            ));
        }
        text.push_str(value);
        let source = Source { origin: origin.clone(), text };
        // The text is of our own making, so a place in it would say nothing.
        Overlay::read(&source)
            .and_then(|written| written.over(self))
            .map_err(|error| LoadError { place: None, ..error })
    }
}

/// Settings as one text that writes them all; none where one of them cannot be read.
fn settings_text(settings: &[(String, String)]) -> Option<String> {
    let mut root = serde_yaml::Mapping::new();
    for (path, value) in settings {
        let mut keys: Vec<&str> = path.split('.').collect();
        let last = keys.pop()?;
        let mut section = &mut root;
        for key in keys {
            let inner = section.entry(key.into()).or_insert_with(|| serde_yaml::Mapping::new().into());
            section = inner.as_mapping_mut()?;
        }
        section.insert(last.into(), serde_yaml::from_str(value).ok()?);
    }
    serde_yaml::to_string(&root).ok()
}

fn load_over(
    source: &Source,
    lookup: &dyn Fn(&str) -> Option<Source>,
    rules: Option<&[&str]>,
    above: &mut Vec<String>,
) -> Result<Profile, LoadError> {
    let written = Overlay::read(source)?;
    rules.map_or(Ok(()), |rules| written.check_known_issues(rules))?;
    for key in ["schema", "id"] {
        if !written.keys.contains_key(key) {
            return Err(source.error(None, format!("`{key}:` is missing")));
        }
    }
    let Some(base) = &written.values.extends else { return written.over(&Profile::default()) };
    let extends =
        |problem: String| source.error(place_of(&source.text, &["extends"]), format!("extends: {problem}"));
    above.push(written.values.id.clone());
    if above.contains(base) {
        return Err(extends(format!("{} → {base} closes a circle", above.join(" → "))));
    }
    if above.len() > MAX_BASES {
        return Err(extends(format!("more than {MAX_BASES} profiles one on another")));
    }
    let Some(base_source) = lookup(base) else {
        let named = base.strip_suffix(".yaml").map_or(String::new(), |name| format!("; write `{name}`"));
        return Err(extends(format!("there is no profile `{base}`{named}")));
    };
    written.over(&load_over(&base_source, lookup, rules, above)?)
}

/// What one text writes, to be laid over another profile.
struct Overlay<'a> {
    source: &'a Source,
    /// The keys that stand in the text.
    keys: BTreeMap<String, Written>,
    /// Their values; all others are defaults.
    values: Profile,
}

impl<'a> Overlay<'a> {
    fn read(source: &'a Source) -> Result<Self, LoadError> {
        let text = &source.text;
        if text.len() > MAX_TEXT {
            return Err(source.error(None, format!("{} octets are more than {MAX_TEXT}", text.len())));
        }
        let shape = written(text).map_err(|error| source.yaml_error(&error))?;
        let Written::Section(keys) = shape else {
            return Err(source.error(Some((1, 1)), "a profile is a mapping of fields".to_owned()));
        };
        // Typed before it is merged: so a value such as `id: 503` is read by its field's type, and
        // an error still knows its place.
        let values = serde_yaml::from_str(text).map_err(|error| source.yaml_error(&error))?;
        Ok(Overlay { source, keys, values })
    }

    /// Whether the rules that this text calls broken are among these.
    fn check_known_issues(&self, rules: &[&str]) -> Result<(), LoadError> {
        let Some(Written::Section(issues)) = self.keys.get("known_issues") else { return Ok(()) };
        let wrong = issues.keys().find_map(|rule| Some((rule, check_rule(rule, rules).err()?)));
        let Some((rule, (problem, help))) = wrong else { return Ok(()) };
        let place = place_of(&self.source.text, &["known_issues", rule]);
        Err(LoadError { help: Some(help), ..self.source.error(place, problem) })
    }

    /// `base` with the values that stand in the text.
    fn over(&self, base: &Profile) -> Result<Profile, LoadError> {
        let yaml_error = |error| self.source.yaml_error(&error);
        let mut merged = serde_yaml::to_value(base).map_err(yaml_error)?;
        merge(&mut merged, serde_yaml::to_value(&self.values).map_err(yaml_error)?, &self.keys);
        let profile: Profile = serde_yaml::from_value(merged).map_err(yaml_error)?;
        match profile.out_of_range() {
            None => Ok(profile),
            Some((path, problem)) => {
                let place = place_of(&self.source.text, &path.split('.').collect::<Vec<_>>());
                Err(self.source.error(place, format!("{path}: {problem}")))
            }
        }
    }
}

/// Copies from `over` to `base` what is written.
fn merge(base: &mut Value, mut over: Value, keys: &BTreeMap<String, Written>) {
    for (key, written) in keys {
        let Some(value) = over.get_mut(key.as_str()).map(std::mem::take) else { continue };
        match (base.get_mut(key.as_str()), written) {
            (Some(old), Written::Section(inner)) if old.is_mapping() && value.is_mapping() => {
                merge(old, value, inner)
            }
            (Some(old), _) => *old = value,
            (None, _) => {
                if let Some(mapping) = base.as_mapping_mut() {
                    mapping.insert(key.as_str().into(), value);
                }
            }
        }
    }
}

impl Source {
    fn error(&self, place: Option<(usize, usize)>, problem: String) -> LoadError {
        let place = place.map(|(line, column)| Place { line, column });
        LoadError { origin: self.origin.clone(), place, problem, help: None }
    }

    fn yaml_error(&self, error: &serde_yaml::Error) -> LoadError {
        let text = error.to_string();
        let place = error.location().map(|place| (place.line(), place.column()));
        // The place is a field of its own; in the text it would stand twice.
        let problem = match place {
            Some((line, column)) => text.replace(&format!(" at line {line} column {column}"), ""),
            None => text,
        };
        LoadError { help: did_you_mean(&problem), ..self.error(place, plain(&problem)) }
    }
}

/// A hint, when serde names an unknown field or word and those that it knows, all in backticks.
fn did_you_mean(problem: &str) -> Option<String> {
    let (_, words) =
        problem.split_once("unknown field ").or_else(|| problem.split_once("unknown variant "))?;
    let mut words = words.split('`').skip(1).step_by(2);
    let wrong = words.next()?;
    Some(format!("did you mean `{}`?", nearest(wrong, words)?))
}

/// `file:line:column: what is wrong; what to do`.
impl fmt::Display for LoadError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.origin)?;
        if let Some(place) = self.place {
            write!(f, ":{}:{}", place.line, place.column)?;
        }
        write!(f, ": {}", self.problem)?;
        match &self.help {
            Some(help) => write!(f, "; {help}"),
            None => Ok(()),
        }
    }
}

impl std::error::Error for LoadError {}
