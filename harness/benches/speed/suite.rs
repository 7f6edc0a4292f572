//! The whole suite in virtual time, as a newcomer runs it.

use std::path::Path;
use std::process::{Command, Stdio};
use std::time::{Duration, Instant};

use super::{Row, quantile};

const RUNS: usize = 5;

pub fn measure() -> Vec<Row> {
    let mut times = Vec::new();
    for _ in 0..RUNS {
        let folder = tempfile::tempdir().unwrap();
        match run(folder.path()) {
            Ok(time) => times.push(time),
            Err(code) => return vec![Row::new("the whole suite", format!("ended with {code}"), "")],
        }
    }
    let median = quantile(&mut times, 0.5);
    let what = format!("the whole suite in virtual time, median of {RUNS} runs");
    vec![Row::new(what, format!("{:.2} s", median.as_secs_f64()), "under 3 s on two cores")]
}

/// Runs all scenarios, and leaves their captures in the folder.
pub fn run(folder: &Path) -> Result<Duration, String> {
    let start = Instant::now();
    let status = Command::new(env!("CARGO_BIN_EXE_sipfarm"))
        .args(["run", "--out"])
        .arg(folder.join("out"))
        .current_dir(env!("CARGO_MANIFEST_DIR"))
        .stdout(Stdio::null())
        .stderr(Stdio::null())
        .status()
        .unwrap();
    if status.success() { Ok(start.elapsed()) } else { Err(status.to_string()) }
}
