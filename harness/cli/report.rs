//! `sipfarm report`: the views of a run, made from its bundle alone; the run itself makes them by the same function.

use std::collections::BTreeMap;
use std::fs;
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicUsize, Ordering};
use std::thread;

use crate::capture::read::read;
use crate::error::{Error, Exit, Result};
use crate::report::{html, junit};
use crate::requirements::Requirements;
use crate::run::events::ScenarioId;
use crate::run::record::{RecordError, Recorded, Scenario};

/// Arguments of `sipfarm report`.
#[derive(Debug, clap::Args)]
pub struct ReportArgs {
    /// The bundle: the folder that `sipfarm run` has named at its end
    folder: PathBuf,
}

/// Makes the views of a bundle, over those that it has.
///
/// # Errors
/// The folder holds no bundle that this program can read, or cannot be written to.
pub fn report(args: &ReportArgs) -> Result<Exit> {
    for path in write_views(&args.folder)? {
        println!("{}", path.display());
    }
    Ok(Exit::Passed)
}

/// Makes every view of a bundle, and says which files they are.
///
/// # Errors
/// The folder holds no bundle that this program can read, or cannot be written to.
pub fn write_views(folder: &Path) -> Result<Vec<PathBuf>> {
    let recorded = open(folder)?;
    let known = Requirements::load_embedded();
    let views = [
        ("report.html", html::render(&recorded, &pages(&recorded, &known), &known)),
        ("junit.xml", junit::render(&recorded)),
    ];
    let mut written = Vec::new();
    for (name, text) in views {
        let path = folder.join(name);
        replace(&path, &text).map_err(|source| Error::Unwritable { path: path.clone(), source })?;
        written.push(path);
    }
    Ok(written)
}

/// The page of each scenario, made on as many processors as there are: the captures of a long run are read again.
fn pages(recorded: &Recorded, known: &Requirements) -> BTreeMap<ScenarioId, String> {
    let scenarios = recorded.scenarios();
    let next = AtomicUsize::new(0);
    let work = || {
        let mut pages = Vec::new();
        while let Some(scenario) = scenarios.get(next.fetch_add(1, Ordering::Relaxed)) {
            pages.push((scenario.id, page(recorded, scenario, known)));
        }
        pages
    };
    let workers = thread::available_parallelism().map_or(1, usize::from).min(scenarios.len().max(1));
    thread::scope(|scope| {
        let others: Vec<_> = (1..workers).map(|_| scope.spawn(work)).collect();
        let mut pages: BTreeMap<ScenarioId, String> = work().into_iter().collect();
        for other in others {
            // A panic is our bug, and is told as one.
            pages.extend(other.join().unwrap_or_else(|panic| std::panic::resume_unwind(panic)));
        }
        pages
    })
}

fn page(recorded: &Recorded, scenario: &Scenario, known: &Requirements) -> String {
    let recording = match recorded.capture(scenario) {
        Some(path) => read(&path).map_err(|error| error.to_string()),
        None => Err("the scenario left no capture".to_owned()),
    };
    let timeline = recording.as_ref().map(|recording| &recording.timeline);
    html::page(scenario, timeline.map_err(String::as_str), known)
}

/// Writes a file whole or not at all: whoever has it open reads the old one or the new one.
fn replace(path: &Path, text: &str) -> std::io::Result<()> {
    let unfinished = path.with_extension("part");
    fs::write(&unfinished, text)?;
    fs::rename(unfinished, path)
}

/// Reads a bundle.
///
/// # Errors
/// The folder holds none that this program can read.
pub fn open(folder: &Path) -> Result<Recorded> {
    Recorded::open(folder).map_err(|error| match error {
        RecordError::Unreadable { .. } => Error::lab(error.to_string(), error.hint()),
        _ => Error::usage(error.to_string(), error.hint()),
    })
}
