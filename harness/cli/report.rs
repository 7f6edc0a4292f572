//! `sipfarm report`: the views of a run, made from its bundle alone; the run itself makes them by the same function.

use std::fs;
use std::path::{Path, PathBuf};

use crate::error::{Error, Exit, Result};
use crate::report::{html, junit};
use crate::run::record::{RecordError, Recorded};

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
    let views = [("report.html", html::render(&recorded)), ("junit.xml", junit::render(&recorded))];
    let mut written = Vec::new();
    for (name, text) in views {
        let path = folder.join(name);
        replace(&path, &text).map_err(|source| Error::Unwritable { path: path.clone(), source })?;
        written.push(path);
    }
    Ok(written)
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
