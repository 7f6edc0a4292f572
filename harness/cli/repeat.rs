//! The rest of `sipfarm run --repeat N`: the same selection under the seeds that follow the first.

use std::io::Write;
use std::num::NonZero;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, mpsc};
use std::{fs, thread};

use crate::error::{Error, Result};
use crate::net::NetKind;
use crate::run::bundle::Bundle;
use crate::run::events::{ScenarioResult, Summary};
use crate::run::execute::{Execution, Keep, execute};
use crate::run::repeat::Repeats;
use crate::run::select::Selected;
use crate::world::{Context, Place};

/// What is repeated, and how.
pub struct Repetition {
    /// The scenarios.
    pub selected: Selected,
    /// What they share.
    pub context: Arc<Context>,
    /// The seeds that are still to be run.
    pub seeds: std::ops::Range<u64>,
    /// How many scenarios may run at once on real sockets.
    pub jobs: Option<usize>,
    /// Whether it is all of what its files hold.
    pub whole: bool,
    /// The command that repeats a scenario.
    pub command: CommandOf,
}

/// The command that repeats a scenario of this run, under the seed that it had.
pub type CommandOf = Arc<dyn Fn(&Place) -> String + Send + Sync>;

/// Results under one seed, and when they were interrupted, how many were cut short.
type Ran = Result<(Vec<ScenarioResult>, Option<usize>)>;

/// Runs the other seeds and adds them to `repeats`, in virtual time on all cores. True when it was
/// interrupted.
///
/// # Errors
/// The system gives us no runtime, or the bundle cannot be written.
pub fn repeat(repetition: &Repetition, repeats: &mut Repeats, bundle: &Bundle) -> Result<bool> {
    let (selected, seeds) = (repetition.selected.scenarios.len(), repetition.seeds.clone());
    let all = seeds.end - seeds.start;
    // On real sockets all scenarios of one seed run at once already, and time is real.
    let workers = match repetition.context.net {
        NetKind::Virtual => thread::available_parallelism().map_or(1, NonZero::get),
        NetKind::Loopback => 1,
    };
    let next = AtomicU64::new(seeds.start);
    let (done, finished) = mpsc::channel::<(u64, Ran)>();
    thread::scope(|scope| {
        for _ in 0..workers {
            let (next, done) = (&next, done.clone());
            scope.spawn(move || {
                loop {
                    let seed = next.fetch_add(1, Ordering::Relaxed);
                    if !repetition.seeds.contains(&seed) || done.send((seed, run(repetition, seed))).is_err()
                    {
                        return;
                    }
                }
            });
        }
        drop(done);
        for (count, (seed, ran)) in (1..).zip(finished) {
            let (results, interrupted) = ran?;
            if interrupted.is_some() {
                return Ok(true);
            }
            super::report_bugs(&results, bundle.folder());
            let sum = if repetition.whole { Summary::of } else { Summary::of_part };
            let exit = sum(selected, &results, None, sipfarm_core::Span::ZERO).exit;
            for capture in repeats.add(seed, &results, exit) {
                let_go(&capture);
            }
            show_progress(count, all);
        }
        Ok(false)
    })
    .and_then(|interrupted| {
        repeats.settle();
        write(repeats, bundle).map(|()| interrupted)
    })
}

fn run(repetition: &Repetition, seed: u64) -> Ran {
    let command = Arc::clone(&repetition.command);
    let execution = Execution {
        selected: repetition.selected.clone(),
        context: Arc::clone(&repetition.context),
        seed,
        jobs: repetition.jobs,
        repeat: Box::new(move |place| command(place)),
        keep: Keep::Doubts,
    };
    let runtime = super::runtime()?;
    Ok(runtime.block_on(execute(execution, |_| ())))
}

/// Removes a capture, and its folder when it was the last one there.
fn let_go(capture: &std::path::Path) {
    let _ = fs::remove_file(capture);
    if let Some(folder) = capture.parent() {
        let _ = fs::remove_dir(folder);
    }
}

/// Ten lines at most, on standard error: the result goes to standard output.
fn show_progress(count: u64, all: u64) {
    if count == all || count.is_multiple_of(all.div_ceil(10)) {
        // A reader that has gone away is no reason to stop.
        let _ = writeln!(std::io::stderr(), "[{count}/{all}] seeds after the first");
    }
}

fn write(repeats: &Repeats, bundle: &Bundle) -> Result<()> {
    let path = bundle.folder().join("repeat.json");
    let repeats = repeats.within(bundle.folder());
    let text = serde_json::to_string_pretty(&repeats).map_err(std::io::Error::from);
    text.and_then(|text| fs::write(&path, text + "\n")).map_err(|source| Error::Unwritable { path, source })
}
