//! `sipfarm lint`: feature files are checked and not run.

use super::check::{tell_built_in, with_facts};
use crate::error::{Exit, Result, Severity, count};
use crate::lint::{in_order, lint as lint_files};
use crate::report::Style;
use crate::run::select::Selection;

/// Arguments of `sipfarm lint`.
#[derive(Debug, clap::Args)]
pub struct LintArgs {
    /// Feature files or folders [default: features]
    paths: Vec<String>,
    /// How the problems are printed
    #[arg(long, value_enum, default_value_t = super::Format::Text)]
    format: super::Format,
}

/// Prints every problem.
///
/// # Errors
/// A path leads nowhere or cannot be read.
pub fn lint(args: &LintArgs) -> Result<Exit> {
    let selection = Selection { paths: args.paths.clone(), ..Selection::default() };
    let reading = selection.read()?;
    tell_built_in(reading.built_in);
    let read = reading.files.len() + reading.problems.len();
    let mut problems = reading.problems;
    problems.extend(with_facts(|steps, facts| lint_files(&reading.files, steps, facts)));
    let problems = in_order(problems);
    let errors = problems.iter().filter(|problem| problem.severity == Severity::Error).count();
    match args.format {
        super::Format::Json => {
            println!("{}", super::json(&problems));
        }
        super::Format::Text => {
            let colour = Style::detect().colour;
            for problem in &problems {
                println!("{}", problem.render(colour));
            }
            let warnings = count(problems.len() - errors, "warning");
            println!("{}, {}, {warnings}", count(read, "file"), count(errors, "error"));
            if let Some(problem) = problems.first() {
                println!("more about a problem, with an example:  sipfarm explain {}", problem.code);
            }
        }
    }
    Ok(if errors > 0 { Exit::Usage } else { Exit::Passed })
}
