//! Our own fault: a panic becomes a report file, a few honest lines and exit code 70.

use std::any::Any;
use std::backtrace::Backtrace;
use std::cell::{Cell, RefCell};
use std::fs;
use std::io::{self, Write as _};
use std::panic::{self, AssertUnwindSafe, PanicHookInfo};
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Mutex, PoisonError};

use super::Exit;

static SEEN: AtomicBool = AtomicBool::new(false);

/// Where reports go; nothing while no [`guard`] watches.
static FOLDER: Mutex<Option<PathBuf>> = Mutex::new(None);

/// What the panics said that were told already.
static TOLD: Mutex<Vec<String>> = Mutex::new(Vec::new());

thread_local! {
    /// What panicked on this thread, and where.
    static NOTED: RefCell<Vec<(String, String)>> = const { RefCell::new(Vec::new()) };
    /// Whether panics on this thread are caught and dealt with elsewhere.
    static ONLY_NOTED: Cell<bool> = const { Cell::new(false) };
}

/// Runs a command. A panic in it, on any thread, leaves a report in `folder` and makes the exit
/// code 70, whatever the command says. Destructors run, so faults end and captures are closed.
/// A reader of our output that goes away (`sipfarm lint | head`) is nobody's bug, and neither is an
/// output that cannot be written, which is the lab's matter.
pub fn guard(folder: &Path, command: impl FnOnce() -> Exit) -> Exit {
    *FOLDER.lock().unwrap_or_else(PoisonError::into_inner) = Some(folder.to_owned());
    panic::set_hook(Box::new(on_panic));
    match panic::catch_unwind(AssertUnwindSafe(command)) {
        _ if seen() => Exit::Bug,
        Ok(exit) => exit,
        Err(payload) => {
            let message = message_of(&*payload);
            match unprinted(&message) {
                Some(why) if why.contains("Broken pipe") => Exit::Interrupted,
                Some(why) => {
                    let _ = writeln!(io::stderr(), "error[unwritable]: cannot write what was found: {why}");
                    Exit::LabUnfit
                }
                // Somebody has taken our hook away, so that nothing was told yet.
                None => {
                    tell(folder, &message, &noted_place(&message).unwrap_or_else(|| "unknown".to_owned()));
                    Exit::Bug
                }
            }
        }
    }
}

/// A panic is told at once, with its report, unless its thread deals with panics itself.
fn on_panic(info: &PanicHookInfo<'_>) {
    let message = message_of(info.payload());
    let folder = FOLDER.lock().unwrap_or_else(PoisonError::into_inner).clone();
    match folder {
        Some(folder) if !ONLY_NOTED.get() => {
            if unprinted(&message).is_none() {
                tell(&folder, &message, &place_of(info));
            }
        }
        _ => note(info),
    }
}

/// From here on, panics on this thread say nothing and only leave their place for [`noted_place`];
/// those on other threads are told all the same.
/// For code that catches panics itself, as cucumber does around every step: it takes the panic hook
/// away at its start and gives it back at its end, so this is called in between. Where several
/// threads do so at once, each may get the hook of another back, which does the same.
pub fn only_note_places() {
    ONLY_NOTED.set(true);
    panic::set_hook(Box::new(on_panic));
}

fn note(info: &PanicHookInfo<'_>) {
    const AT_MOST: usize = 1_000;
    NOTED.with_borrow_mut(|noted| {
        if noted.len() < AT_MOST {
            noted.push((message_of(info.payload()), place_of(info)));
        }
    });
}

fn place_of(info: &PanicHookInfo<'_>) -> String {
    info.location().map_or_else(|| "unknown".to_owned(), ToString::to_string)
}

/// Where the panic with that message happened on this thread, if it was noted.
pub fn noted_place(message: &str) -> Option<String> {
    NOTED.with_borrow(|noted| noted.iter().rfind(|(said, _)| said == message).map(|(_, place)| place.clone()))
}

/// The last panic on this thread that was only noted: what it said, and its place.
pub fn last_noted() -> Option<(String, String)> {
    NOTED.with_borrow(|noted| noted.last().cloned())
}

/// Whether a panic was told already that said this, or a part of this.
pub fn is_told(message: &str) -> bool {
    let told = TOLD.lock().unwrap_or_else(PoisonError::into_inner);
    told.iter().any(|told| !told.is_empty() && message.contains(told.as_str()))
}

/// Whether a panic of ours has been seen since the start.
pub fn seen() -> bool {
    SEEN.load(Ordering::SeqCst)
}

/// Writes the report of a bug that was caught elsewhere (where the panic hook was not ours).
/// Returns the file, or nothing where no file could be written.
pub fn report(folder: &Path, message: &str, place: &str) -> Option<PathBuf> {
    SEEN.store(true, Ordering::SeqCst);
    let text = report_text(message, place, &Backtrace::force_capture().to_string());
    let free = |folder: &Path| {
        (1..1_000).map(|n| folder.join(format!("sipfarm-bug-{n:03}.txt"))).find(|path| !path.exists())
    };
    [folder, &std::env::temp_dir()].into_iter().filter_map(free).find(|path| fs::write(path, &text).is_ok())
}

/// What a caught panic said.
pub fn message_of(payload: &(dyn Any + Send)) -> String {
    payload
        .downcast_ref::<&str>()
        .map(|text| (*text).to_owned())
        .or_else(|| payload.downcast_ref::<String>().cloned())
        .unwrap_or_else(|| "a panic without a message".to_owned())
}

/// Why `println!` could not print, when that is what a panic says.
fn unprinted(message: &str) -> Option<&str> {
    message
        .strip_prefix("failed printing to std")
        .map(|rest| rest.split_once(": ").map_or(rest, |(_, why)| why))
}

/// Reports a bug, and says so on standard error.
pub fn tell(folder: &Path, message: &str, place: &str) {
    TOLD.lock().unwrap_or_else(PoisonError::into_inner).push(message.to_owned());
    let file = report(folder, message, place);
    let file = file.map(|file| format!("  report  {}\n", file.display())).unwrap_or_default();
    // Not `eprintln!`: it would panic on a closed pipe, here of all places.
    let _ = write!(
        io::stderr(),
        "bug in sipfarm: {message}\n  where   {place}\n{file}  This is our fault, not the phone's and not yours. \
         Please open an issue and attach the report.\n"
    );
}

fn report_text(message: &str, place: &str, backtrace: &str) -> String {
    let command: Vec<String> = std::env::args_os().map(|arg| arg.to_string_lossy().into_owned()).collect();
    let thread = std::thread::current();
    format!(
        "A bug in sipfarm\n\nversion  {}\ncommand  {}\nsystem   {} {}\nthread   {}\nmessage  {message}\nplace    \
         {place}\n\n{backtrace}\n",
        env!("CARGO_PKG_VERSION"),
        command.join(" "),
        std::env::consts::OS,
        std::env::consts::ARCH,
        thread.name().unwrap_or("unnamed"),
    )
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;

    #[test]
    fn a_report_says_what_where_and_how_it_was_called() {
        let folder = tempfile::tempdir().unwrap();
        let first = report(folder.path(), "index out of bounds", "harness/x.rs:1:2").unwrap();
        let second = report(folder.path(), "again", "harness/x.rs:1:2").unwrap();
        assert_ne!(first, second, "a report never overwrites another");
        let text = fs::read_to_string(first).unwrap();
        for part in [env!("CARGO_PKG_VERSION"), "index out of bounds", "harness/x.rs:1:2"] {
            assert!(text.contains(part), "{part} in {text}");
        }
    }

    /// The other side of [`a_panic_on_any_thread_makes_the_exit_code_70`]: a process of its own,
    /// because a panic hook belongs to the whole process.
    #[test]
    fn child() {
        let Some(folder) = std::env::var_os("SIPFARM_TEST_BUG_FOLDER") else { return };
        let exit = guard(Path::new(&folder), || {
            only_note_places();
            assert!(panic::catch_unwind(|| panic!("a step failed")).is_err());
            assert!(noted_place("a step failed").is_some_and(|place| place.contains("bug.rs:")));
            assert_eq!(noted_place("another"), None);
            Exit::Passed
        });
        assert_eq!(exit, Exit::Passed, "a panic that was caught is no bug by itself");
        let exit =
            guard(Path::new(&folder), || panic!("failed printing to stdout: Broken pipe (os error 32)"));
        assert_eq!(exit, Exit::Interrupted);
        let exit = guard(Path::new(&folder), || {
            panic!("failed printing to stdout: No space left on device (os error 28)")
        });
        assert_eq!(exit, Exit::LabUnfit);
        let exit = guard(Path::new(&folder), || {
            // As while scenarios run: only the panics of this thread are somebody's to catch.
            only_note_places();
            let thread = std::thread::Builder::new().name("tap".into()).spawn(|| panic!("index 7 of 3"));
            assert!(thread.unwrap().join().is_err());
            assert!(is_told("a machine panicked: index 7 of 3") && !is_told("index 8"));
            Exit::Passed
        });
        std::process::exit(exit.code().into());
    }

    #[test]
    fn a_panic_on_any_thread_makes_the_exit_code_70() {
        let folder = tempfile::tempdir().unwrap();
        let child = std::process::Command::new(std::env::current_exe().unwrap())
            .args(["--exact", "error::bug::tests::child", "--nocapture"])
            .env("SIPFARM_TEST_BUG_FOLDER", folder.path())
            .output()
            .unwrap();
        assert_eq!(child.status.code(), Some(70));
        let told = String::from_utf8(child.stderr).unwrap();
        assert!(told.contains("cannot write what was found: No space left on device"), "{told}");
        assert!(
            told.contains("bug in sipfarm: index 7 of 3") && told.contains("sipfarm-bug-001.txt"),
            "{told}"
        );
        let report = fs::read_to_string(folder.path().join("sipfarm-bug-001.txt")).unwrap();
        assert!(report.contains("thread   tap") && report.contains("message  index 7 of 3"), "{report}");
        assert_eq!(fs::read_dir(folder.path()).unwrap().count(), 1, "one bug, one report");
    }

    #[test]
    fn without_a_folder_the_report_goes_to_the_temporary_one() {
        let file = report(Path::new("/nonexistent/folder"), "lost", "nowhere").unwrap();
        assert!(file.starts_with(std::env::temp_dir()));
        fs::remove_file(file).unwrap();
    }
}
