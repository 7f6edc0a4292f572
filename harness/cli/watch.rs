//! `sipfarm watch`: `sipfarm run` once more whenever a file is saved.

use std::ffi::OsString;
use std::fs;
use std::io::IsTerminal;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::sync::mpsc::{self, Receiver};
use std::time::Duration;

use clap::Parser;
use notify::{EventKind, RecursiveMode, Watcher};

use super::run::RunArgs;
use crate::error::{Error, Exit, Result};
use crate::run::bundle::CAPTURES;
use crate::run::select::FEATURES;

/// Arguments of `sipfarm watch`.
#[derive(Debug, clap::Args)]
pub struct WatchArgs {
    /// What `sipfarm run` takes: feature files, folders, --tags, -k, --phone …
    #[arg(value_name = "PATH or OPTION of run", trailing_var_arg = true, allow_hyphen_values = true)]
    run: Vec<OsString>,
}

/// How long nothing may be saved until the run begins: an editor writes a file in several goes.
const QUIET: Duration = Duration::from_millis(100);

/// The arguments of a run by themselves.
#[derive(Debug, Parser)]
#[command(name = "sipfarm watch", no_binary_name = true)]
struct OfRun {
    #[command(flatten)]
    run: RunArgs,
}

/// Runs until it is interrupted. Every run writes over the bundle of the one before.
///
/// # Errors
/// The arguments are none of `sipfarm run`, or the files cannot be watched.
pub fn watch(args: &WatchArgs) -> Result<Exit> {
    let run = match OfRun::try_parse_from(&args.run) {
        Ok(of) => of.run,
        Err(error) => {
            let _ = error.print();
            return Ok(if error.use_stderr() { Exit::Usage } else { Exit::Passed });
        }
    };
    if run.has_folder() {
        return Err(Error::usage("--out: watch has a folder of its own, captures/watch", "leave --out away"));
    }
    let (saved, changes) = mpsc::channel();
    let mut watcher = notify::recommended_watcher(move |event: notify::Result<notify::Event>| {
        if event.is_ok_and(|event| is_save(&event)) {
            let _ = saved.send(());
        }
    })
    .map_err(unwatchable)?;
    for folder in folders(&run.files(), run.names_features()) {
        watcher.watch(&folder, RecursiveMode::Recursive).map_err(unwatchable)?;
    }
    let program = super::this_program()?;
    loop {
        run_once(&program, &args.run)?;
        println!("waiting for a file to be saved; Ctrl-C ends this");
        if !wait(&changes) {
            return Ok(Exit::Passed);
        }
    }
}

/// In a process of its own, as the user would: whatever becomes of it, the watch goes on.
fn run_once(program: &Path, arguments: &[OsString]) -> Result<()> {
    let bundle = Path::new(CAPTURES).join("watch");
    match fs::remove_dir_all(&bundle) {
        Err(source) if source.kind() != std::io::ErrorKind::NotFound => {
            return Err(Error::Unwritable { path: bundle, source });
        }
        _ => {}
    }
    if std::io::stdout().is_terminal() {
        print!("\x1b[2J\x1b[H");
    }
    let mut run = Command::new(program);
    run.arg("run").args(arguments).arg("--out").arg(&bundle);
    run.status().map_err(|error| {
        Error::lab(
            format!("{} cannot be started: {error}", program.display()),
            "see that the file is still there",
        )
    })?;
    Ok(())
}

/// Waits for a save, and until no other follows. False when nobody watches any more.
fn wait(changes: &Receiver<()>) -> bool {
    let saved = changes.recv().is_ok();
    while changes.recv_timeout(QUIET).is_ok() {}
    saved
}

/// Whether somebody has changed a file that a run depends on.
fn is_save(event: &notify::Event) -> bool {
    let matters = |path: &PathBuf| {
        path.extension().is_some_and(|extension| ["feature", "yaml", "yml"].iter().any(|e| *e == extension))
    };
    !matches!(event.kind, EventKind::Access(_)) && event.paths.iter().any(matters)
}

/// Where to watch: the folders of what is run, for an editor may put another file in the place of one;
/// those of the phone and the lab; and the profiles, where there are some.
fn folders(paths: &[String], features: bool) -> Vec<PathBuf> {
    let folder_of = |path: &String| {
        // `FILE:LINE` names a file, too.
        let file = path.rsplit_once(':').map_or(path.as_str(), |(file, _)| file);
        let path = [path, file].into_iter().map(Path::new).find(|path| path.exists());
        match path {
            Some(path) if path.is_dir() => path.to_owned(),
            Some(path) => {
                path.parent().filter(|p| !p.as_os_str().is_empty()).unwrap_or(Path::new(".")).to_owned()
            }
            None => PathBuf::from("."),
        }
    };
    let mut folders: Vec<PathBuf> = paths.iter().map(folder_of).collect();
    if !features {
        folders.push(PathBuf::from(FEATURES));
    }
    folders.push(PathBuf::from("fixtures/profiles"));
    folders.retain(|folder| folder.is_dir());
    folders.sort();
    folders.dedup();
    if folders.is_empty() { vec![PathBuf::from(".")] } else { folders }
}

fn unwatchable(error: notify::Error) -> Error {
    let paths: Vec<String> = error.paths.iter().map(|path| path.display().to_string()).collect();
    Error::lab(format!("cannot watch {}: {error}", paths.join(", ")), "see whether the folder may be read")
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;

    #[test]
    fn the_folder_of_a_file_is_watched_whatever_names_it() {
        let folder = tempfile::tempdir().unwrap();
        let file = folder.path().join("a.feature");
        fs::write(&file, "").unwrap();
        let watched = |path: String| folders(&[path], true);
        for path in
            [folder.path().display().to_string(), file.display().to_string(), format!("{}:3", file.display())]
        {
            assert!(watched(path.clone()).contains(&folder.path().to_owned()), "{path}");
        }
    }

    #[test]
    fn what_a_run_does_not_depend_on_starts_none() {
        let event = |kind, path: &str| notify::Event::new(kind).add_path(path.into());
        let written = EventKind::Modify(notify::event::ModifyKind::Any);
        assert!(is_save(&event(written, "features/a.feature")));
        assert!(is_save(&event(written, "p.yaml")));
        assert!(!is_save(&event(written, "features/.a.feature.swp")));
        assert!(!is_save(&event(EventKind::Access(notify::event::AccessKind::Any), "features/a.feature")));
    }
}
