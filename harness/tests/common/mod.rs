//! Runs the program as a user would.
#![allow(clippy::unwrap_used, dead_code, reason = "shared by tests that use different parts")]

use std::path::{Path, PathBuf};
use std::process::{Command, Output};

/// What a run of the program left behind.
pub struct Ran {
    /// Its exit code.
    pub code: i32,
    /// Standard output.
    pub out: String,
    /// Standard error.
    pub err: String,
}

/// The program at the top of the repository.
pub fn program() -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_sipfarm"));
    command.current_dir(env!("CARGO_MANIFEST_DIR"));
    command
}

/// The program has run with these arguments.
pub fn sipfarm(args: &[&str]) -> Ran {
    Ran::from(program().args(args).output().unwrap())
}

/// What a bundle says of each scenario that has ended, with the paths of the captures from here on.
pub fn results(bundle: &Path) -> Vec<serde_json::Value> {
    let events = std::fs::read_to_string(bundle.join("events.ndjson")).unwrap();
    let events = events.lines().map(|line| serde_json::from_str::<serde_json::Value>(line).unwrap());
    let from_here = |mut result: serde_json::Value| {
        if let Some(capture) = result["capture"].as_str() {
            result["capture"] = bundle.join(capture).display().to_string().into();
        }
        result
    };
    events.filter(|event| event["event"] == "scenario-finished").map(from_here).collect()
}

impl From<Output> for Ran {
    fn from(output: Output) -> Self {
        Ran {
            code: output.status.code().unwrap_or(-1),
            out: String::from_utf8(output.stdout).unwrap(),
            err: String::from_utf8(output.stderr).unwrap(),
        }
    }
}

/// The captures in a bundle, in order.
pub fn captures(bundle: &Path) -> Vec<PathBuf> {
    let mut files: Vec<PathBuf> = std::fs::read_dir(bundle)
        .unwrap()
        .map(|entry| entry.unwrap().path())
        .filter(|path| path.extension().is_some_and(|extension| extension == "pcapng"))
        .collect();
    files.sort();
    files
}

/// Writes a feature file into a folder and returns its path.
pub fn feature(folder: &Path, text: &str) -> String {
    let path = folder.join("a.feature");
    std::fs::write(&path, text).unwrap();
    path.display().to_string()
}
