//! `sipfarm merge`: bundles of shards or of several labs become one.

use std::fs;
use std::path::PathBuf;

use super::report::{open, write_views};
use super::reporters::{ReporterArg, Reporters};
use crate::error::{Error, Exit, Result};
use crate::run::bundle::Bundle;
use crate::run::merge::merge as join;

/// Arguments of `sipfarm merge`.
#[derive(Debug, clap::Args)]
pub struct MergeArgs {
    /// The bundles: folders that runs have left
    #[arg(required = true, value_name = "BUNDLE")]
    bundles: Vec<PathBuf>,
    /// Where the joined bundle goes: a new folder, or an empty one
    #[arg(long, value_name = "DIR")]
    out: PathBuf,
    /// The lab of each bundle, in their order [default: what its run has named]
    #[arg(long = "lab", value_name = "NAME")]
    labs: Vec<String>,
    /// How the whole is shown; several with commas or again
    #[arg(long = "reporter", value_name = "NAME", value_enum, value_delimiter = ',', default_value = "line")]
    reporters: Vec<ReporterArg>,
}

/// Joins the bundles, and ends as a run of all of it would have ended.
///
/// # Errors
/// A bundle cannot be read, they do not fit, or the new one cannot be written.
pub fn merge(args: &MergeArgs) -> Result<Exit> {
    let bundles = args.bundles.iter().map(|folder| open(folder)).collect::<Result<Vec<_>>>()?;
    let merged = join(&bundles, &args.labs)?;
    let bundle = Bundle::create_at(&args.out)?;
    for (from, name) in &merged.captures {
        let to = bundle.folder().join(name);
        let copied = fs::File::open(from).map_err(|source| Error::Unreadable { path: from.clone(), source });
        let mut copied = copied?;
        fs::File::create_new(&to)
            .and_then(|mut file| std::io::copy(&mut copied, &mut file))
            .map_err(|source| Error::Unwritable { path: to, source })?;
    }
    bundle.write_header(&merged.header)?;
    let mut reporters = Reporters::new(&args.reporters, &bundle)?;
    merged.events.iter().for_each(|event| reporters.recorded(event));
    let unmade = write_views(bundle.folder()).err();
    Ok(reporters.unwritten().iter().chain(&unmade).fold(merged.exit(), |exit, error| {
        eprintln!("{}", error.explain());
        exit.or(error.exit())
    }))
}
