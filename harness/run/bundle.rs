//! The folder that one run leaves behind. What lies in it: [`super::record`].

use std::fs;
use std::io;
use std::path::{Path, PathBuf};

use super::events::ScenarioId;
use super::record::Header;
use crate::error::{Error, Result};

/// Where bundles go unless told otherwise.
pub const CAPTURES: &str = "captures";

/// A bundle's folder. It never held another bundle.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Bundle {
    folder: PathBuf,
}

impl Bundle {
    /// A new folder of that name below `parent` (by default [`CAPTURES`]); `name-2`, `name-3` …
    /// where earlier runs have taken it.
    ///
    /// # Errors
    /// The folder cannot be made.
    pub fn create_below(parent: &Path, name: &str) -> Result<Self> {
        fs::create_dir_all(parent).map_err(|source| Error::Unwritable { path: parent.to_owned(), source })?;
        for number in 1..=10_000_u32 {
            let name = if number == 1 { name.to_owned() } else { format!("{name}-{number}") };
            let folder = parent.join(&name);
            match fs::create_dir(&folder) {
                Ok(()) => {
                    point_latest(parent, &name);
                    return Ok(Bundle { folder });
                }
                Err(error) if error.kind() == io::ErrorKind::AlreadyExists => {}
                Err(source) => return Err(Error::Unwritable { path: folder, source }),
            }
        }
        Err(Error::usage(format!("{} is full of bundles", parent.display()), "remove the older ones"))
    }

    /// Exactly that folder, for `--out DIR`: new, or empty.
    ///
    /// # Errors
    /// It cannot be made, or holds something already.
    pub fn create_at(folder: &Path) -> Result<Self> {
        let unwritable = |source| Error::Unwritable { path: folder.to_owned(), source };
        fs::create_dir_all(folder).map_err(unwritable)?;
        if fs::read_dir(folder).map_err(unwritable)?.next().is_some() {
            return Err(Error::usage(
                format!("--out {}: the folder is not empty", folder.display()),
                "a bundle never overwrites another: name a new folder, or remove this one",
            ));
        }
        Ok(Bundle { folder: folder.to_owned() })
    }

    /// The folder.
    pub fn folder(&self) -> &Path {
        &self.folder
    }

    /// The capture of a scenario.
    pub fn capture(&self, id: ScenarioId) -> PathBuf {
        self.folder.join(format!("{id:03}.pcapng"))
    }

    /// The capture of a scenario that is tried for the second time, the third …
    pub fn capture_of_try(&self, number: u32, id: ScenarioId) -> PathBuf {
        self.folder.join(format!("{id:03}-try-{number}.pcapng"))
    }

    /// The capture of a scenario in a repetition of the run under another seed.
    pub fn capture_of_seed(&self, seed: u64, id: ScenarioId) -> PathBuf {
        self.folder.join(format!("seed-{seed}")).join(format!("{id:03}.pcapng"))
    }

    /// Writes `run.json`.
    ///
    /// # Errors
    /// The file cannot be written.
    pub fn write_header(&self, header: &Header) -> Result<()> {
        let path = self.folder.join("run.json");
        serde_json::to_string_pretty(header)
            .map_err(io::Error::from)
            .and_then(|text| fs::write(&path, text + "\n"))
            .map_err(|source| Error::Unwritable { path, source })
    }
}

/// Lets `latest` beside the bundles lead to this one. A convenience: where links cannot be made,
/// there is none.
fn point_latest(parent: &Path, name: &str) {
    let latest = parent.join("latest");
    if !latest.exists() || latest.is_symlink() {
        let _ = fs::remove_file(&latest);
        let _ = std::os::unix::fs::symlink(name, &latest);
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use sipfarm_core::Instant;

    use super::*;
    use crate::error::Exit;

    #[test]
    fn a_bundle_never_overwrites_another() {
        let captures = tempfile::tempdir().unwrap();
        let parent = captures.path().join("captures");
        let first = Bundle::create_below(&parent, "20261122-0510").unwrap();
        let second = Bundle::create_below(&parent, "20261122-0510").unwrap();
        assert_eq!(first.folder(), parent.join("20261122-0510"));
        assert_eq!(second.folder(), parent.join("20261122-0510-2"));
        assert_eq!(fs::read_link(parent.join("latest")).unwrap(), Path::new("20261122-0510-2"));
        assert_eq!(second.capture(7), parent.join("20261122-0510-2/007.pcapng"));
    }

    #[test]
    fn a_folder_of_ones_own_must_be_empty() {
        let out = tempfile::tempdir().unwrap();
        let bundle = Bundle::create_at(&out.path().join("new")).unwrap();
        Bundle::create_at(bundle.folder()).unwrap();
        bundle.write_header(&Header::new(7, "virtual", "reference", Instant::EPOCH)).unwrap();
        let error = Bundle::create_at(bundle.folder()).unwrap_err();
        assert_eq!(error.exit(), Exit::Usage, "{error}");
        assert_eq!(fs::read_dir(bundle.folder()).unwrap().count(), 1);
    }

    #[test]
    fn a_folder_that_cannot_be_made_is_an_error() {
        let file = tempfile::NamedTempFile::new().unwrap();
        let error = Bundle::create_below(file.path(), "x").unwrap_err();
        assert!(matches!(error, Error::Unwritable { .. }), "{error}");
    }

    #[test]
    fn the_header_is_read_back_as_written() {
        let out = tempfile::tempdir().unwrap();
        let bundle = Bundle::create_at(out.path()).unwrap();
        let header = Header::new(7, "loopback", "baresip", Instant::from_nanos(1_790_000_000_000_000_000));
        bundle.write_header(&header).unwrap();
        let text = fs::read_to_string(out.path().join("run.json")).unwrap();
        assert_eq!(serde_json::from_str::<Header>(&text).unwrap(), header);
    }
}
