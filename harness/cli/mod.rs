//! The command line: one file per command.

mod asked;
mod audit;
mod bundle;
mod check;
mod completions;
mod conditions;
mod coverage;
mod explain;
mod lint;
mod log;
mod merge;
mod mutants;
mod new;
mod open;
mod phone;
mod repeat;
mod report;
mod reporters;
mod run;
mod schema;
mod stage;
mod steps;
mod watch;

use std::path::{Path, PathBuf};

use clap::{CommandFactory, Parser, Subcommand};
use serde::Serialize;
use sipfarm_core::profile::check_time_scale;
use tokio::runtime::{Builder, Runtime};

use crate::error::{Blame, Error, Exit, Result, bug};
use crate::run::events::ScenarioResult;
use crate::world::fix;

/// A SIP conformance and failover test harness.
#[derive(Debug, Parser)]
#[command(name = "sipfarm", version, about, propagate_version = true)]
struct Cli {
    #[command(subcommand)]
    command: Command,
}

#[derive(Debug, Subcommand)]
enum Command {
    /// Run scenarios and judge the phone
    Run(run::RunArgs),
    /// Make the views of a run (report.html, junit.xml) again, from its bundle alone
    Report(report::ReportArgs),
    /// Join the bundles of shards or of several labs into one
    Merge(merge::MergeArgs),
    /// Be the reference phone, told what to do on standard input
    #[command(after_help = phone::after_help())]
    Phone(phone::PhoneArgs),
    /// Judge a capture again, or one that somebody else made
    Audit(audit::AuditArgs),
    /// Start Wireshark on the capture of a scenario
    Open(open::OpenArgs),
    /// Take names and secrets out of a bundle, for somebody who must not know them
    Bundle(bundle::BundleArgs),
    /// Check feature files without running them
    Lint(lint::LintArgs),
    /// Say what a code of lint means, with an example of wrong and right
    Explain(explain::ExplainArgs),
    /// Show that every rule can fail: run the scenarios against each defect of the reference phone
    Mutants(mutants::MutantsArgs),
    /// Write a file to begin with: a scenario, a profile, a lab, a fault or a rule
    New(new::NewArgs),
    /// List the sentences that a scenario can be written with, or those about something
    Steps(steps::StepsArgs),
    /// List every requirement with its scenarios, or why it has none
    Coverage(coverage::CoverageArgs),
    /// Run scenarios again whenever a file is saved
    Watch(watch::WatchArgs),
    /// Print the JSON schema of profiles or of labs, for editors
    Schema(schema::SchemaArgs),
    /// Print completions for a shell
    Completions(completions::CompletionsArgs),
    /// Print the manual page: `sipfarm man | man -l -`
    Man,
}

/// How a command prints what it found.
#[derive(Debug, Clone, Copy, PartialEq, Eq, clap::ValueEnum)]
enum Format {
    /// For people.
    Text,
    /// For programs.
    Json,
}

/// Reads the command line and does what it says. Expected errors are printed with what to do next.
pub fn main() -> Exit {
    let cli = match Cli::try_parse() {
        Ok(cli) => cli,
        Err(error) => {
            // Help and version are no errors and go to standard output.
            let _ = error.print();
            return if error.use_stderr() { Exit::Usage } else { Exit::Passed };
        }
    };
    log::start();
    let done: Result<Exit> = match cli.command {
        Command::Run(args) => run::run(args),
        Command::Report(args) => report::report(&args),
        Command::Merge(args) => merge::merge(&args),
        Command::Phone(args) => phone::phone(args),
        Command::Audit(args) => audit::audit(&args),
        Command::Open(args) => open::open(&args),
        Command::Bundle(args) => bundle::bundle(&args),
        Command::Lint(args) => lint::lint(&args),
        Command::Explain(args) => explain::explain(&args),
        Command::Mutants(args) => mutants::mutants(&args),
        Command::New(args) => new::new(&args),
        Command::Steps(args) => steps::steps(&args),
        Command::Coverage(args) => coverage::coverage(&args),
        Command::Watch(args) => watch::watch(&args),
        Command::Schema(args) => schema::schema(&args),
        Command::Completions(args) => completions::completions(&args, Cli::command()),
        Command::Man => completions::man(Cli::command()),
    };
    done.unwrap_or_else(|error| {
        eprintln!("{}", error.explain());
        error.exit()
    })
}

/// Reads a number for an option.
fn whole_number(text: &str) -> std::result::Result<u64, String> {
    text.parse().map_err(|_| format!("write a whole number from 0 to {}", u64::MAX))
}

/// Reads by what policy times are multiplied.
fn time_scale(text: &str) -> std::result::Result<f64, String> {
    let scale: f64 = text.parse().map_err(|_| "write a number such as 0.1".to_owned())?;
    check_time_scale(scale).map(|()| scale)
}

/// Reads how many of something an option asks for.
fn at_least_one(text: &str) -> std::result::Result<u32, String> {
    let number = text.parse().ok().filter(|number| *number > 0);
    number.ok_or_else(|| format!("write a whole number from 1 to {}, or leave the option away", u32::MAX))
}

/// What scenarios run on.
fn runtime() -> Result<Runtime> {
    let built = Builder::new_current_thread().enable_all().build();
    built.map_err(|error| Error::lab(format!("nothing can run here: {error}"), fix::NO_SOCKETS))
}

/// The program that this is, which is also the reference phone as a process.
fn this_program() -> Result<PathBuf> {
    let why = |error| {
        Error::lab(format!("this program cannot find itself: {error}"), "install it again, or mount /proc")
    };
    std::env::current_exe().map_err(why)
}

/// As JSON for people and machines.
fn json(value: &impl Serialize) -> String {
    serde_json::to_string_pretty(value)
        .expect("what is printed has names for its keys, and no key of another kind")
}

/// One report in that folder for each bug of ours that results show, however many scenarios it hit, but for those that
/// were told when they happened.
fn report_bugs(results: &[ScenarioResult], folder: &Path) {
    for result in results {
        let trouble = result.trouble.as_ref().filter(|trouble| trouble.blame == Blame::Ours);
        if let Some(trouble) = trouble.filter(|trouble| !bug::is_told(&trouble.message)) {
            bug::tell(folder, &trouble.message, &result.repeat);
        }
    }
}
