//! `sipfarm run`: scenarios are selected, linted, run and judged.

use std::cell::{Cell, RefCell};
use std::collections::BTreeSet;
use std::io::Write;
use std::path::{Path, PathBuf};
use std::rc::Rc;
use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::time::{Instant, SystemTime, UNIX_EPOCH};

use sipfarm_core::Span;

use super::asked::{Wish, wishes};
use super::check::check;
use super::conditions::{Conditions, written};
use super::repeat::{CommandOf, Repetition, repeat};
use super::report::open;
use super::report_bugs;
use super::reporters::{ReporterArg, Reporters, check_fit as check_reporters};
use super::stage::Stage;
use crate::capture::tap::{Tap, TapError};
use crate::error::{Error, Exit, Result, bug, count};
use crate::net::NetKind;
use crate::phone::Desk;
use crate::report::quoted;
use crate::run::bundle::{Bundle, CAPTURES};
use crate::run::events::{RunEvent, ScenarioResult, Started, Summary};
use crate::run::execute::{Execution, Keep, execute};
use crate::run::record::Header;
use crate::run::repeat::Repeats;
use crate::run::select::{Selected, Selection, TagExpression};
use crate::run::shard::{Shard, failed};
use crate::run::tries::Tries;
use crate::world::{Context, PhoneChoice, Place};

/// Arguments of `sipfarm run`.
#[derive(Debug, clap::Args)]
pub struct RunArgs {
    /// Feature files, folders, or FILE:LINE for one scenario [default: features]
    paths: Vec<String>,
    #[command(flatten)]
    conditions: Conditions,
    /// Only scenarios with these tags, such as "@YL-04 and not @slow"
    #[arg(long, value_name = "EXPR")]
    tags: Option<String>,
    /// Only scenarios whose name, rule, feature or path has this in it
    #[arg(short = 'k', value_name = "TEXT")]
    text: Option<String>,
    /// What everything random is drawn from [default: 1, with --failed that of the bundle]
    #[arg(long, value_parser = super::whole_number)]
    seed: Option<u64>,
    /// Run everything with so many seeds, from --seed on, and tell which verdicts depend on the seed; of the
    /// seeds after the first, only captures of scenarios that did not simply pass are kept, ten of each at most
    #[arg(long, value_name = "N", default_value_t = 1, value_parser = clap::value_parser!(u64).range(1..=1_000_000))]
    repeat: u64,
    /// How many scenarios may run at once [default: all on real sockets, in virtual time one]
    #[arg(long, value_parser = super::at_least_one)]
    jobs: Option<u32>,
    /// How many seconds one scenario may take as a whole on real sockets; one that takes longer is ended and is
    /// inconclusive
    #[arg(long, value_name = "SECONDS", default_value_t = SCENARIO_LIMIT_S, value_parser = super::at_least_one)]
    scenario_limit: u32,
    /// Where the bundle goes [default: a new folder under captures]
    #[arg(long, value_name = "DIR")]
    out: Option<PathBuf>,
    /// Only one of several even parts of what is selected, such as 2/5; `sipfarm merge` joins their bundles
    #[arg(long, value_name = "I/N")]
    shard: Option<Shard>,
    /// Only what did not end well in that bundle, as it ran there: with its phone, its network, its defects, its link
    /// and its seed, unless other ones are asked for [default: captures/latest, the last run without --out]
    #[arg(long, value_name = "BUNDLE", num_args = 0..=1, default_missing_value = "captures/latest", conflicts_with = "paths")]
    failed: Option<PathBuf>,
    /// Try what did not end well again, so often at most, on real sockets; every try is kept, and a scenario that ends
    /// well on a later one is flaky
    #[arg(long, value_name = "N", default_value_t = 0, value_parser = clap::value_parser!(u32).range(..=100), conflicts_with = "repeat")]
    retries: u32,
    /// What a flaky scenario counts as
    #[arg(long, value_name = "fail|pass", value_enum, default_value_t = FlakyArg::Fail)]
    flaky: FlakyArg,
    /// How the run is shown; several at once, with commas or again
    #[arg(long = "reporter", value_name = "NAME", value_enum, value_delimiter = ',', default_value = "list")]
    reporters: Vec<ReporterArg>,
    /// List what would run, and run nothing
    #[arg(long)]
    list: bool,
}

/// What a flaky scenario counts as.
#[derive(Debug, Clone, Copy, PartialEq, Eq, clap::ValueEnum)]
enum FlakyArg {
    /// As its first try ended
    Fail,
    /// As one that passed; it is told all the same
    Pass,
}

impl RunArgs {
    fn seed(&self) -> u64 {
        self.seed.unwrap_or(1)
    }

    /// Whether it takes all scenarios of the files that it names.
    fn is_whole(&self) -> bool {
        let of_file = |path: &String| Path::new(path).exists() || !path.contains(':');
        self.tags.is_none() && self.text.is_none() && self.failed.is_none() && self.paths.iter().all(of_file)
    }

    /// The feature files and folders, as written, and the files of its phone and its lab.
    pub fn files(&self) -> Vec<String> {
        self.paths.iter().cloned().chain(self.conditions.stage.files()).collect()
    }

    /// Whether it names feature files or folders, and does not take the usual ones.
    pub fn names_features(&self) -> bool {
        !self.paths.is_empty()
    }

    /// Whether it says where the bundle goes.
    pub fn has_folder(&self) -> bool {
        self.out.is_some()
    }
}

/// Longer than any scenario has reason to be, and short enough for a run that hangs overnight.
const SCENARIO_LIMIT_S: u32 = 7_200;

/// Runs what is selected.
///
/// # Errors
/// Nothing could be run: a mistake in the arguments or the feature files, or an unfit lab.
pub fn run(mut args: RunArgs) -> Result<Exit> {
    let selection = Selection {
        paths: match args.failed.clone() {
            Some(bundle) => as_in(&bundle, &mut args)?,
            None => args.paths.clone(),
        },
        tags: args.tags.as_deref().map(str::parse::<TagExpression>).transpose()?,
        text: args.text.clone(),
    };
    let stage = args.conditions.stage.stage()?;
    args.conditions.check_fit(&stage)?;
    check_reporters(&args.reporters)?;
    if args.retries > 0 && stage.net == NetKind::Virtual {
        let why = "--retries is for real sockets: in virtual time the same seed gives the same packets again";
        return Err(Error::usage(why, "try other seeds with --repeat N, or run with --net loopback"));
    }
    let (mut selected, warnings) = check(&selection)?;
    if let Some(shard) = args.shard {
        selected.shard(shard)?;
    }
    for warning in warnings {
        eprintln!("{warning}");
    }
    if args.list {
        return Ok(list(&selected));
    }
    if let (PhoneChoice::Profile { profile, .. }, NetKind::Virtual) = (&stage.phone, stage.net) {
        let id = &profile.id;
        eprintln!(
            "note: in the simulated network the reference phone plays \"{id}\": it behaves as that profile says"
        );
    }
    let bundle = Arc::new(open_bundle(&args, &stage)?);
    let tries = Tries::new(args.retries, args.flaky == FlakyArg::Pass);
    let (command, lab) = (repeat_command(&stage, &args.conditions), stage.lab.clone());
    let context = Arc::new(context(&args, stage, &bundle, &tries)?);
    let plan = Planned { args, selected, context, bundle, command, lab };
    let ran = run_selected(&plan, tries)?;
    if plan.args.repeat == 1 || ran.0 == Exit::Interrupted {
        return Ok(ran.0);
    }
    run_again(plan, &ran)
}

/// A run that can begin.
struct Planned {
    args: RunArgs,
    selected: Selected,
    context: Arc<Context>,
    bundle: Arc<Bundle>,
    /// What repeats one of its scenarios.
    command: CommandOf,
    /// The name of its lab.
    lab: Option<String>,
}

/// What all scenarios of the run share.
fn context(args: &RunArgs, stage: Stage, bundle: &Arc<Bundle>, tries: &Tries) -> Result<Context> {
    let Stage { net, phone, .. } = stage;
    let tap = match net {
        NetKind::Virtual => None,
        NetKind::Loopback => open_tap()?,
    };
    let (captures, first, number) = (Arc::clone(bundle), args.seed(), tries.number());
    // The reference phone answers for itself, and reads no terminal.
    let may_ask = net != NetKind::Virtual && matches!(phone, PhoneChoice::Profile { .. });
    Ok(Context {
        net,
        phone,
        link: args.conditions.link,
        defects: args.conditions.defects.iter().copied().collect(),
        tap,
        program: super::this_program()?,
        desk: may_ask.then(Desk::at_terminal).flatten(),
        time_scale: args.conditions.time_scale,
        scenario_limit: (net != NetKind::Virtual).then(|| Span::from_secs(args.scenario_limit.into())),
        capture_of: Box::new(move |place: &Place| {
            Some(match number.load(Ordering::Relaxed) {
                1 if place.run_seed == first => captures.capture(place.id),
                1 => captures.capture_of_seed(place.run_seed, place.id),
                number => captures.capture_of_try(number, place.id),
            })
        }),
    })
}

/// Runs what was selected under the seeds after the first, and tells what depends on the seed.
fn run_again(plan: Planned, (first, results): &(Exit, Vec<ScenarioResult>)) -> Result<Exit> {
    let Planned { args, selected, context, bundle, command, .. } = plan;
    let begun = Instant::now();
    let mut repeats = Repeats::new(args.seed());
    repeats.add(args.seed(), results, *first);
    let repetition = Repetition {
        selected,
        context,
        seeds: args.seed().saturating_add(1)..args.seed().saturating_add(args.repeat),
        jobs: args.jobs.map(|jobs| jobs as usize),
        whole: args.is_whole() && args.shard.is_none(),
        command,
    };
    let interrupted = repeat(&repetition, &mut repeats, &bundle)?;
    repeats.real_time = Span::from_nanos(i64::try_from(begun.elapsed().as_nanos()).unwrap_or(i64::MAX));
    // A reader that has gone away is no reason to fail.
    let _ = write!(std::io::stdout(), "\n{repeats}");
    Ok(if interrupted { repeats.exit.or(Exit::Interrupted) } else { repeats.exit })
}

/// The places of what did not end well in a bundle. Where no other conditions are asked for, those of the bundle hold.
fn as_in(bundle: &Path, args: &mut RunArgs) -> Result<Vec<String>> {
    let recorded = open(bundle)?;
    let failed = failed(&recorded);
    if failed.is_empty() {
        let filter = format!("ended badly in {}", bundle.display());
        return Err(Error::NothingSelected { of: recorded.scenarios().len(), filter });
    }
    let header = &recorded.header;
    eprintln!("note: {} was made by:{}", bundle.display(), written(&header.command));
    args.seed = args.seed.or(Some(header.seed));
    match &header.conditions {
        _ if !args.conditions.are_default() => {
            eprintln!("note: what follows runs with the options given now")
        }
        Some(words) => args.conditions = Conditions::of(words)?,
        None => {
            return Err(Error::usage(
                format!("{} holds runs with different options", bundle.display()),
                "name the bundle of one of them, or the options with which to run again, such as --phone reference",
            ));
        }
    }
    Ok(failed)
}

fn run_selected(plan: &Planned, tries: Tries) -> Result<(Exit, Vec<ScenarioResult>)> {
    let Planned { args, context, bundle, .. } = plan;
    let mut selected = plan.selected.clone();
    let count = selected.scenarios.len();
    let started = Started { lab: plan.lab.clone(), ..Started::new(args.seed(), context.net.as_str(), count) };
    let telling = Rc::new(Telling {
        reporters: RefCell::new(Reporters::new(&args.reporters, bundle)?),
        tries,
        results: RefCell::default(),
        interrupted: Cell::default(),
    });
    telling.tell(RunEvent::Started(started));
    let begun = Instant::now();
    let runtime = super::runtime()?;
    let cut_short = loop {
        let command = Arc::clone(&plan.command);
        let execution = Execution {
            selected: selected.clone(),
            context: Arc::clone(context),
            seed: args.seed(),
            jobs: args.jobs.map(|jobs| jobs as usize),
            repeat: Box::new(move |place| command(place)),
            keep: Keep::All,
        };
        // Who is asked questions at the terminal needs its keys.
        let cut_short = runtime.block_on(run_once(execution, &telling, context.desk.is_none()));
        let again = if cut_short.is_none() { telling.tries.again() } else { BTreeSet::new() };
        if again.is_empty() {
            break cut_short;
        }
        selected.keep(|scenario| again.contains(&scenario.id));
    };
    telling.tries.rest().into_iter().for_each(|event| telling.tell(event));
    let results = telling.results.take();
    let elapsed = Span::from_nanos(i64::try_from(begun.elapsed().as_nanos()).unwrap_or(i64::MAX));
    let cut_short = cut_short.map(|()| telling.interrupted.get());
    let sum = if args.is_whole() && args.shard.is_none() { Summary::of } else { Summary::of_part };
    let mut summary = sum(count, &results, cut_short, elapsed);
    if bug::seen() {
        summary.exit = summary.exit.or(Exit::Bug);
    }
    let exit = summary.exit;
    telling.tell(RunEvent::Finished(summary));
    report_bugs(&results, bundle.folder());
    if cut_short.is_none() && results.len() < count && !bug::seen() {
        let (message, place) = bug::last_noted().unwrap_or_default();
        bug::tell(bundle.folder(), &format!("a scenario has no result: {message}"), &place);
    }
    let unwritten = telling.reporters.borrow().unwritten();
    let unmade = super::report::write_views(bundle.folder()).err();
    let exit = unwritten.iter().chain(&unmade).fold(exit, |exit, error| {
        eprintln!("{}", error.explain());
        exit.or(error.exit())
    });
    Ok((exit, results))
}

/// Runs what is selected once, and tells what happens. Yields something when it was interrupted.
async fn run_once(execution: Execution, telling: &Rc<Telling>, keys: bool) -> Option<()> {
    let events = Rc::clone(telling);
    let happened = move |event| events.tries.pass_on(event).into_iter().for_each(|event| events.tell(event));
    let asked = |wish| match wish {
        Wish::State => telling.reporters.borrow_mut().state(),
        Wish::Tick => telling.reporters.borrow_mut().tick(),
    };
    tokio::select! {
        (_, cut_short) = execute(execution, happened) => cut_short.map(drop),
        never = wishes(keys, asked) => never,
    }
}

/// Who is told of a run, and what was told of its scenarios.
struct Telling {
    reporters: RefCell<Reporters>,
    tries: Tries,
    results: RefCell<Vec<ScenarioResult>>,
    /// How many scenarios were told as interrupted.
    interrupted: Cell<usize>,
}

impl Telling {
    fn tell(&self, event: RunEvent) {
        self.reporters.borrow_mut().event(&event);
        if let RunEvent::ScenarioInterrupted { .. } = event {
            self.interrupted.set(self.interrupted.get() + 1);
        }
        if let RunEvent::ScenarioFinished(result) = event {
            self.results.borrow_mut().push(*result);
        }
    }
}

fn open_bundle(args: &RunArgs, stage: &Stage) -> Result<Bundle> {
    let bundle = match &args.out {
        Some(folder) => Bundle::create_at(folder)?,
        None => Bundle::create_below(Path::new(CAPTURES), &stamp())?,
    };
    let mut header = Header::new(args.seed(), stage.net.as_str(), &stage.asked, wall_clock());
    if let Some(lab) = &stage.lab {
        header.lab.clone_from(lab);
    }
    header.shard = args.shard;
    header.conditions = Some(args.conditions.words_in(stage));
    header.whole = args.is_whole();
    if let PhoneChoice::Profile { profile, .. } = &stage.phone {
        header.profile = Some((**profile).clone());
    }
    bundle.write_header(&header)?;
    Ok(bundle)
}

/// The tap, or nothing where it is not permitted.
fn open_tap() -> Result<Option<Tap>> {
    match Tap::open("lo") {
        Ok(tap) => Ok(Some(tap)),
        Err(error @ TapError::NotPermitted { .. }) => {
            eprintln!(
                "note: {error}; the evidence comes from the sockets, ICMP and TCP handshakes are not observable"
            );
            eprintln!("      to see packets:  sudo setcap cap_net_raw+ep $(which sipfarm)");
            Ok(None)
        }
        Err(error) => {
            Err(Error::lab(error.to_string(), "see that the loopback interface is up: ip link show lo"))
        }
    }
}

fn list(selected: &Selected) -> Exit {
    for scenario in &selected.scenarios {
        println!("{}:{}  {}", scenario.path.display(), scenario.line, scenario.name);
    }
    println!("{}", count(selected.scenarios.len(), "scenario"));
    Exit::Passed
}

/// The command that repeats one scenario of this run.
fn repeat_command(stage: &Stage, conditions: &Conditions) -> CommandOf {
    let options = written(&conditions.words_in(stage));
    Arc::new(move |place| {
        let scenario = quoted(&format!("{}:{}", place.feature, place.line));
        format!("sipfarm run {scenario}{options} --seed {}", place.run_seed)
    })
}

fn wall_clock() -> sipfarm_core::Instant {
    let since = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
    sipfarm_core::Instant::from_nanos(i64::try_from(since.as_nanos()).unwrap_or(i64::MAX))
}

/// The name of a bundle: seconds since the epoch, which sort by time.
fn stamp() -> String {
    format!("run-{}", wall_clock().as_nanos() / 1_000_000_000)
}
