//! The feature files that are part of the program, so that a run needs no file of the user's. Those of
//! the current folder come first. `build.rs` beside this file takes them in.

use std::path::Path;

include!(concat!(env!("OUT_DIR"), "/features.rs"));

/// The files of that name or below that folder, such as `features/calls`: name and text.
pub fn below(path: &Path) -> impl Iterator<Item = (&'static str, &'static str)> {
    let path = path.strip_prefix(".").unwrap_or(path).to_owned();
    FEATURES.iter().copied().filter(move |(name, _)| Path::new(name).starts_with(&path))
}
