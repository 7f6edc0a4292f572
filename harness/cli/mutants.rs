//! `sipfarm mutants`: the suite against each defect of the reference phone.

use std::collections::BTreeMap;
use std::io::Write;
use std::num::NonZero;
use std::path::Path;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, mpsc};
use std::thread;
use std::time::Instant;

use sipfarm_core::Span;
use sipfarm_ua::Defect;

use super::check::check;
use crate::error::{Exit, Result};
use crate::net::NetKind;
use crate::run::bundle::CAPTURES;
use crate::run::events::ScenarioResult;
use crate::run::execute::{Execution, Keep, execute};
use crate::run::mutants::{Mutant, Mutants};
use crate::run::select::{Selected, Selection, TagExpression};
use crate::world::{Context, PhoneChoice};

/// Arguments of `sipfarm mutants`.
#[derive(Debug, clap::Args)]
pub struct MutantsArgs {
    /// Feature files, folders, or FILE:LINE for one scenario [default: features]
    paths: Vec<String>,
    /// Only scenarios with these tags, such as "@YL-04 and not @slow"
    #[arg(long, value_name = "EXPR")]
    tags: Option<String>,
    /// Only this defect; may be given several times [default: all]
    #[arg(long = "defect", value_name = "NAME")]
    defects: Vec<Defect>,
    /// What everything random is drawn from
    #[arg(long, default_value_t = 1, value_parser = super::whole_number)]
    seed: u64,
    /// How the result is printed
    #[arg(long, value_enum, default_value_t = super::Format::Text)]
    format: super::Format,
    /// List the defects with the rules that must catch them, and run nothing
    #[arg(long)]
    list: bool,
}

/// Runs the suite in virtual time without a defect, then with each.
///
/// # Errors
/// Nothing could be run: a mistake in the arguments or the feature files.
pub fn mutants(args: &MutantsArgs) -> Result<Exit> {
    let defects = if args.defects.is_empty() { Defect::ALL } else { &args.defects };
    if args.list {
        return Ok(list(defects));
    }
    let selection = Selection {
        paths: args.paths.clone(),
        tags: args.tags.as_deref().map(str::parse::<TagExpression>).transpose()?,
        text: None,
    };
    let (selected, _) = check(&selection)?;
    let begun = Instant::now();
    let Some(mut results) = run_all(&selected, defects, args.seed)? else { return Ok(Exit::Interrupted) };
    let healthy = results.remove(&0).unwrap_or_default();
    let mutants = defects.iter().zip(results.into_values()).map(|(defect, results)| {
        Mutant::new((defect.name(), defect.about(), defect.rules()), &healthy, results)
    });
    let mutants = mutants.collect();
    let elapsed = Span::from_nanos(i64::try_from(begun.elapsed().as_nanos()).unwrap_or(i64::MAX));
    let mutants = Mutants::new(&healthy, mutants, elapsed);
    match args.format {
        super::Format::Json => println!("{}", super::json(&mutants)),
        super::Format::Text => print!("{mutants}"),
    }
    Ok(mutants.exit())
}

fn list(defects: &[Defect]) -> Exit {
    for defect in defects {
        println!("{:<28} {}\n{:<28} {}", defect.name(), defect.about(), "", defect.rules().join(", "));
    }
    Exit::Passed
}

/// The results without a defect under 0, then those of each defect under its place from 1, computed
/// on all cores; `None` when interrupted.
fn run_all(
    selected: &Selected,
    defects: &[Defect],
    seed: u64,
) -> Result<Option<BTreeMap<usize, Vec<ScenarioResult>>>> {
    let next = AtomicUsize::new(0);
    let cores = thread::available_parallelism().map_or(1, NonZero::get);
    let (done, finished) = mpsc::channel();
    thread::scope(|scope| {
        for _ in 0..cores.min(defects.len() + 1) {
            let (next, done) = (&next, done.clone());
            scope.spawn(move || {
                loop {
                    let place = next.fetch_add(1, Ordering::Relaxed);
                    let Some(of) = phones(defects).nth(place) else { return };
                    let ran = run_one(selected.clone(), of, seed);
                    if done.send((place, ran)).is_err() {
                        return;
                    }
                }
            });
        }
        drop(done);
        let mut results = BTreeMap::new();
        for (place, ran) in finished {
            let Some(ran) = ran? else { return Ok(None) };
            super::report_bugs(&ran, Path::new(CAPTURES));
            results.insert(place, ran);
            show_progress(results.len(), defects, place);
        }
        Ok(Some(results))
    })
}

/// The phone without a defect, then one with each.
fn phones(defects: &[Defect]) -> impl Iterator<Item = Option<Defect>> {
    [None].into_iter().chain(defects.iter().copied().map(Some))
}

/// The suite against one phone; `None` when interrupted.
fn run_one(selected: Selected, defect: Option<Defect>, seed: u64) -> Result<Option<Vec<ScenarioResult>>> {
    let context = Context {
        net: NetKind::Virtual,
        phone: PhoneChoice::Reference { name: None },
        link: None,
        defects: defect.into_iter().collect(),
        tap: None,
        program: super::this_program()?,
        desk: None,
        scenario_limit: None,
        time_scale: None,
        capture_of: Box::new(|_| None),
    };
    let execution = Execution {
        selected,
        context: Arc::new(context),
        seed,
        jobs: None,
        repeat: Box::new(move |place| {
            let defect = defect.map(|defect| format!(" --defect {defect}")).unwrap_or_default();
            format!("sipfarm run {}:{}{defect} --seed {}", place.feature, place.line, place.run_seed)
        }),
        keep: Keep::All,
    };
    let runtime = super::runtime()?;
    let (results, cut_short) = runtime.block_on(execute(execution, |_| ()));
    Ok(cut_short.is_none().then_some(results))
}

/// One line for each phone that is through, on standard error: the result goes to standard output.
fn show_progress(count: usize, defects: &[Defect], place: usize) {
    let name = match place {
        0 => "without a defect",
        place => defects[place - 1].name(),
    };
    // A reader that has gone away is no reason to stop.
    let _ = writeln!(std::io::stderr(), "[{count}/{}] {name}", defects.len() + 1);
}
