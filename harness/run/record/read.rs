//! A bundle as it is read back, tomorrow or by a later version.

use std::collections::BTreeSet;
use std::fs;
use std::io;
use std::path::{Component, Path, PathBuf};

use serde::de::DeserializeOwned;

use super::{Event, Header, SCHEMA, Scenario, Summary};

/// What a bundle holds, read from its folder alone.
#[derive(Debug, Clone, PartialEq)]
pub struct Recorded {
    /// The folder.
    pub folder: PathBuf,
    /// How the run was called.
    pub header: Header,
    /// Every event, in order of happening.
    pub events: Vec<Event>,
}

/// Why a bundle cannot be read.
#[derive(Debug, thiserror::Error)]
pub enum RecordError {
    /// The folder holds no bundle, or not all of it.
    #[error("{} is no bundle of sipfarm: it has no {file}", folder.display())]
    NoBundle {
        /// The folder.
        folder: PathBuf,
        /// What is missing.
        file: &'static str,
    },
    /// A file cannot be read.
    #[error("cannot read {}: {source}", file.display())]
    Unreadable {
        /// The file.
        file: PathBuf,
        /// Why.
        source: io::Error,
    },
    /// A newer program wrote it.
    #[error("{} was written by a newer sipfarm (its format is {found}; this program reads {SCHEMA})", file.display())]
    Newer {
        /// The file.
        file: PathBuf,
        /// Its format.
        found: String,
    },
    /// It holds something else.
    #[error("{}:{line}: {problem}", file.display())]
    Malformed {
        /// The file.
        file: PathBuf,
        /// The line.
        line: usize,
        /// What is wrong there.
        problem: String,
    },
}

impl RecordError {
    /// What to do about it.
    pub fn hint(&self) -> &'static str {
        match self {
            RecordError::NoBundle { .. } => "name the folder that `sipfarm run` has told as its bundle",
            RecordError::Unreadable { .. } => "see who may read it",
            RecordError::Newer { .. } => "use the version of sipfarm that wrote it, or a newer one",
            RecordError::Malformed { .. } => {
                "the file was changed since: copy the bundle again from where it was made"
            }
        }
    }
}

impl Recorded {
    /// Reads a bundle. A last line that was cut off, by a kill or a full disk, is left out.
    ///
    /// # Errors
    /// The folder holds no bundle, a newer one, or one that was changed.
    pub fn open(folder: &Path) -> Result<Self, RecordError> {
        let header = one(folder, "run.json")?;
        let events = lines(folder, "events.ndjson")?;
        let malformed = |(line, problem)| {
            let file = folder.join("events.ndjson");
            RecordError::Malformed { file, line, problem }
        };
        check(&events).map_err(malformed)?;
        Ok(Recorded { folder: folder.to_owned(), header, events })
    }

    /// The scenarios that have ended, in order of their numbers.
    pub fn scenarios(&self) -> Vec<&Scenario> {
        let mut scenarios: Vec<&Scenario> = self
            .events
            .iter()
            .filter_map(|event| match event {
                Event::ScenarioFinished(scenario) => Some(&**scenario),
                _ => None,
            })
            .collect();
        scenarios.sort_by_key(|scenario| scenario.id);
        scenarios
    }

    /// What the run came to; none when it was killed.
    pub fn summary(&self) -> Option<&Summary> {
        self.events.iter().rev().find_map(|event| match event {
            Event::Finished(summary) => Some(summary),
            _ => None,
        })
    }

    /// Where the capture of a scenario lies; none when it has none.
    pub fn capture(&self, scenario: &Scenario) -> Option<PathBuf> {
        scenario.capture.as_ref().map(|capture| self.folder.join(capture))
    }
}

/// That no capture leads out of the bundle, and no scenario is there twice: the line, and what is wrong there.
fn check(events: &[Event]) -> Result<(), (usize, String)> {
    let mut known = BTreeSet::new();
    for (line, event) in (1..).zip(events) {
        let Event::ScenarioFinished(scenario) = event else { continue };
        if !known.insert(scenario.id) {
            return Err((line, format!("scenario {:03} has ended before", scenario.id)));
        }
        let tries = scenario.tries.iter().filter_map(|again| again.capture.as_ref());
        for capture in scenario.capture.iter().chain(tries) {
            let mut parts = Path::new(capture).components();
            if !parts.all(|part| matches!(part, Component::Normal(_))) {
                return Err((line, format!("it names a capture outside of the bundle: {capture}")));
            }
        }
    }
    Ok(())
}

fn text_of(folder: &Path, name: &'static str) -> Result<(PathBuf, String), RecordError> {
    let file = folder.join(name);
    match fs::read_to_string(&file) {
        Ok(text) => Ok((file, text)),
        Err(error) if matches!(error.kind(), io::ErrorKind::NotFound | io::ErrorKind::NotADirectory) => {
            Err(RecordError::NoBundle { folder: folder.to_owned(), file: name })
        }
        Err(source) => Err(RecordError::Unreadable { file, source }),
    }
}

fn one(folder: &Path, name: &'static str) -> Result<Header, RecordError> {
    let (file, text) = text_of(folder, name)?;
    parse(&file, 1, &text)
}

fn lines(folder: &Path, name: &'static str) -> Result<Vec<Event>, RecordError> {
    let (file, text) = text_of(folder, name)?;
    let whole = text.rfind('\n').map_or("", |end| &text[..end]);
    whole.lines().enumerate().map(|(number, line)| parse(&file, number + 1, line)).collect()
}

/// Reads a value, after a look at whether it is of a format that this program knows.
fn parse<T: DeserializeOwned>(file: &Path, line: usize, text: &str) -> Result<T, RecordError> {
    let malformed = |problem: String| RecordError::Malformed { file: file.to_owned(), line, problem };
    let value: serde_json::Value =
        serde_json::from_str(text).map_err(|error| malformed(error.to_string()))?;
    if let Some(found) = value.get("schema").and_then(serde_json::Value::as_str)
        && found != SCHEMA
    {
        return Err(match (number(found), number(SCHEMA)) {
            (Some(theirs), Some(ours)) if theirs > ours => {
                RecordError::Newer { file: file.to_owned(), found: found.to_owned() }
            }
            _ => malformed(format!("its format is {found}, and this program reads {SCHEMA}")),
        });
    }
    serde_json::from_value(value).map_err(|error| malformed(error.to_string()))
}

/// The number of a format of ours.
fn number(schema: &str) -> Option<u32> {
    let (name, _) = SCHEMA.split_once('/')?;
    schema.strip_prefix(name)?.strip_prefix('/')?.parse().ok()
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;

    fn bundle(header: &str, events: &str) -> tempfile::TempDir {
        let folder = tempfile::tempdir().unwrap();
        fs::write(folder.path().join("run.json"), header).unwrap();
        fs::write(folder.path().join("events.ndjson"), events).unwrap();
        folder
    }

    const HEADER: &str = r#"{"schema":"sipfarm.bundle/1","version":"0.1.0","command":["sipfarm","run"],"seed":7,
        "net":"virtual","phone":"reference","lab":"virtual","started_ns":1790000000000000000,
        "host":{"os":"linux","arch":"x86_64","cores":2}}"#;

    #[test]
    fn a_bundle_from_a_newer_version_is_told_in_a_sentence() {
        let folder = bundle(&HEADER.replace("bundle/1", "bundle/2"), "");
        let error = Recorded::open(folder.path()).unwrap_err();
        assert!(
            error.to_string().contains("was written by a newer sipfarm (its format is sipfarm.bundle/2"),
            "{error}"
        );

        let started = r#"{"event":"started","schema":"sipfarm.bundle/12","what":"nobody knows"}"#;
        let folder = bundle(HEADER, &format!("{started}\n"));
        assert!(matches!(Recorded::open(folder.path()), Err(RecordError::Newer { .. })));
    }

    #[test]
    fn no_capture_leads_out_of_the_bundle_and_no_scenario_is_there_twice() {
        use crate::run::events::RunEvent;
        use crate::run::events::tests::result;
        let of = |capture: &str| {
            let finished = RunEvent::ScenarioFinished(Box::new(result(1, &[sipfarm_judge::Verdict::Pass])));
            let mut event = Event::of(&finished, Path::new(""));
            if let Event::ScenarioFinished(scenario) = &mut event {
                scenario.capture = Some(capture.to_owned());
            }
            event
        };
        assert_eq!(check(&[of("001.pcapng")]), Ok(()));
        assert_eq!(check(&[of("seed-2/001.pcapng")]), Ok(()));
        for outside in ["../../etc/passwd", "/etc/passwd", "a/../../b"] {
            let (line, problem) = check(&[of(outside)]).unwrap_err();
            assert_eq!((line, problem), (1, format!("it names a capture outside of the bundle: {outside}")));
        }
        let twice = check(&[of("001.pcapng"), of("001.pcapng")]);
        assert_eq!(twice, Err((2, "scenario 001 has ended before".to_owned())));
    }

    #[test]
    fn a_file_that_was_changed_is_told_with_its_line() {
        let started = r#"{"event":"started","schema":"sipfarm.bundle/1","version":"0","seed":1,"net":"virtual","selected":1}"#;
        let folder = bundle(HEADER, &format!("{started}\n{{\"event\":\"finished\"}}\n"));
        let error = Recorded::open(folder.path()).unwrap_err().to_string();
        assert!(error.contains("events.ndjson:2: missing field"), "{error}");
        let folder = bundle(HEADER, "");
        assert!(Recorded::open(folder.path()).unwrap().scenarios().is_empty());
    }

    #[test]
    fn a_folder_without_a_bundle_is_none() {
        let folder = tempfile::tempdir().unwrap();
        let error = Recorded::open(folder.path()).unwrap_err();
        assert!(error.to_string().ends_with("is no bundle of sipfarm: it has no run.json"), "{error}");
    }
}
