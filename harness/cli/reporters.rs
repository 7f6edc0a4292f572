//! Who is told of a run while it runs: its record in the bundle, and the reporters that were asked for.

use std::collections::BTreeSet;
use std::fs::OpenOptions;
use std::io::{self, Stdout, Write};
use std::path::{Path, PathBuf};

use crate::error::{Error, Result};
use crate::report::brief::{Brief, Kind};
use crate::report::terminal::Terminal;
use crate::report::{Style, github};
use crate::run::bundle::Bundle;
use crate::run::events::RunEvent;
use crate::run::record::{Event, Recorder, Scenario, Summary};

/// How a run is shown.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, clap::ValueEnum)]
pub enum ReporterArg {
    /// A line for each scenario, and on a terminal what is running
    List,
    /// One line that is written over; in a log, what did not pass and the counts now and then
    Line,
    /// A character for each scenario
    Dot,
    /// Annotations and the job's summary on GitHub, ten annotations at most
    Github,
}

/// Shows events as they come, and records them in the bundle.
pub struct Reporters {
    views: Vec<View>,
    record: Recorder,
    /// The bundle's folder.
    folder: PathBuf,
    /// The first failure to show …
    unshown: Option<io::Error>,
    /// … and to record.
    unrecorded: Option<io::Error>,
}

impl Reporters {
    /// Those, each once, for the run of that bundle.
    ///
    /// # Errors
    /// The bundle cannot be written.
    pub fn new(wanted: &[ReporterArg], bundle: &Bundle) -> Result<Self> {
        let wanted: BTreeSet<ReporterArg> = wanted.iter().copied().collect();
        let unwritable = |source| Error::Unwritable { path: bundle.folder().to_owned(), source };
        let folder = bundle.folder().to_owned();
        let record = Recorder::create(&folder).map_err(unwritable)?;
        Ok(Reporters { views: views(&wanted, &folder), record, folder, unshown: None, unrecorded: None })
    }

    /// The run goes on without its record, and without a reader of its output.
    pub fn event(&mut self, event: &RunEvent) {
        let event = Event::of(event, &self.folder);
        self.recorded(&event);
    }

    /// The same of an event that was recorded before.
    pub fn recorded(&mut self, event: &Event) {
        if let Err(error) = self.record.event(event) {
            self.unrecorded.get_or_insert(error);
        }
        if let Err(error) = show(&mut self.views, event) {
            self.unshown.get_or_insert(error);
        }
    }

    /// Tells what is running, on standard output, for somebody who asks.
    pub fn state(&mut self) {
        if let Some(Err(error)) = self.views.iter_mut().find_map(View::state) {
            self.unshown.get_or_insert(error);
        }
    }

    /// Lets time be seen to pass.
    pub fn tick(&mut self) {
        for view in &mut self.views {
            if let View::List(terminal) = view
                && let Err(error) = terminal.tick()
            {
                self.unshown.get_or_insert(error);
            }
        }
    }

    /// What could not be written, and is missed. A reader that has gone away misses nothing.
    pub fn unwritten(&self) -> Vec<Error> {
        let folder = self.folder.display();
        let unshown = self.unshown.as_ref().filter(|error| error.kind() != io::ErrorKind::BrokenPipe);
        let unshown = unshown.map(|error| {
            let fix = format!("make room there; the whole result is in {folder}/events.ndjson");
            Error::lab(format!("the report could not be written to standard output: {error}"), fix)
        });
        let unrecorded = self.unrecorded.as_ref().map(|error| {
            let fix = "make room there, or choose another folder with --out DIR";
            Error::lab(format!("the record of the run could not be written to {folder}: {error}"), fix)
        });
        unshown.into_iter().chain(unrecorded).collect()
    }
}

/// A reporter at work.
enum View {
    List(Terminal<Stdout>),
    Brief(Brief<Stdout>),
    Github(Github),
}

impl View {
    /// Whether it writes for people, and so tells the end in full.
    fn concludes(&self) -> bool {
        !matches!(self, View::Github(_))
    }

    fn state(&mut self) -> Option<io::Result<()>> {
        match self {
            View::List(terminal) => Some(terminal.state()),
            View::Brief(brief) => Some(brief.state()),
            View::Github(_) => None,
        }
    }
}

/// That none of them writes into the lines of another.
///
/// # Errors
/// One would.
pub fn check_fit(wanted: &[ReporterArg]) -> Result<()> {
    let other = wanted.iter().find(|other| matches!(other, ReporterArg::List | ReporterArg::Line));
    match other {
        Some(other) if wanted.contains(&ReporterArg::Dot) => Err(Error::usage(
            format!(
                "--reporter {}: dot writes into the lines of the other",
                if *other == ReporterArg::List { "list,dot" } else { "line,dot" }
            ),
            "choose one of them; github goes with each",
        )),
        _ => Ok(()),
    }
}

fn views(wanted: &BTreeSet<ReporterArg>, folder: &Path) -> Vec<View> {
    // Only who writes alone can draw over what it has written.
    let alone = wanted.iter().filter(|wanted| **wanted != ReporterArg::Github).count() == 1;
    let style = Style { live: alone && Style::detect().live, ..Style::detect() };
    let brief = |kind| View::Brief(Brief::new(kind, io::stdout(), style, folder.to_owned()));
    let view = |wanted: &ReporterArg| match wanted {
        ReporterArg::List => View::List(Terminal::new(io::stdout(), style, folder.to_owned())),
        ReporterArg::Line => brief(Kind::Line),
        ReporterArg::Dot => brief(Kind::Dot),
        ReporterArg::Github => View::Github(Github { folder: folder.to_owned(), scenarios: Vec::new() }),
    };
    wanted.iter().map(view).collect()
}

/// The end is told in full once, by the first that writes for people.
fn show(views: &mut [View], event: &Event) -> io::Result<()> {
    let first = views.iter().position(View::concludes);
    let mut shown = Ok(());
    for (number, view) in views.iter_mut().enumerate() {
        let concludes = first == Some(number);
        shown = shown.and(match view {
            View::List(terminal) => terminal.event(event, concludes),
            View::Brief(brief) => brief.event(event, concludes),
            View::Github(github) => github.event(event),
        });
    }
    shown
}

/// Keeps what happened until its end.
struct Github {
    folder: PathBuf,
    scenarios: Vec<Scenario>,
}

impl Github {
    fn event(&mut self, event: &Event) -> io::Result<()> {
        match event {
            Event::ScenarioFinished(scenario) => self.scenarios.push((**scenario).clone()),
            Event::Finished(summary) => return self.tell(summary),
            _ => {}
        }
        Ok(())
    }

    fn tell(&self, summary: &Summary) -> io::Result<()> {
        let scenarios: Vec<&Scenario> = self.scenarios.iter().collect();
        let workspace = std::env::var_os("GITHUB_WORKSPACE").map(PathBuf::from);
        io::stdout().write_all(github::annotations(&scenarios, workspace.as_deref()).as_bytes())?;
        let Some(page) = std::env::var_os("GITHUB_STEP_SUMMARY").filter(|path| !path.is_empty()) else {
            return Ok(());
        };
        let mut file = OpenOptions::new().create(true).append(true).open(page)?;
        file.write_all(github::summary_page(&scenarios, summary, &self.folder).as_bytes())
    }
}
