//! `sipfarm coverage`: which requirement has which scenarios.

use super::check::check;
use crate::error::{Exit, Result};
use crate::requirements::Requirements;
use crate::run::coverage::Coverage;
use crate::run::select::Selection;

/// Arguments of `sipfarm coverage`.
#[derive(Debug, clap::Args)]
pub struct CoverageArgs {
    /// Feature files or folders [default: features]
    paths: Vec<String>,
    /// Only what is not covered
    #[arg(long)]
    missing: bool,
    /// How the list is printed
    #[arg(long, value_enum, default_value_t = super::Format::Text)]
    format: super::Format,
}

/// Prints every requirement with its scenarios.
///
/// # Errors
/// A mistake in the arguments or the feature files.
pub fn coverage(args: &CoverageArgs) -> Result<Exit> {
    let selection = Selection { paths: args.paths.clone(), ..Selection::default() };
    let (selected, _) = check(&selection)?;
    let mut coverage = Coverage::of(&Requirements::load_embedded(), &selected.scenarios);
    if args.missing {
        coverage = coverage.only_missing();
    }
    match args.format {
        super::Format::Text => print!("{coverage}"),
        super::Format::Json => {
            println!("{}", super::json(&coverage));
        }
    }
    Ok(Exit::Passed)
}
