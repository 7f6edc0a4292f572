//! The run as JSON: `run.jsonl`, one event a line and flushed, so that a run that is killed
//! leaves what was known; and `summary.json` at the end.

use std::fs::{self, File};
use std::io::{self, Write};
use std::path::{Path, PathBuf};

use crate::run::events::{RunEvent, Summary};

/// Writes the events of a run into its bundle.
#[derive(Debug)]
pub struct Recorder {
    folder: PathBuf,
    lines: File,
}

impl Recorder {
    /// Opens `run.jsonl` in a bundle's folder.
    ///
    /// # Errors
    /// The file exists, or cannot be made.
    pub fn create(folder: &Path) -> io::Result<Self> {
        let lines = File::create_new(folder.join("run.jsonl"))?;
        Ok(Recorder { folder: folder.to_owned(), lines })
    }

    /// Writes an event; with the last one, `summary.json` too.
    ///
    /// # Errors
    /// A file cannot be written.
    pub fn event(&mut self, event: &RunEvent) -> io::Result<()> {
        let mut line = serde_json::to_vec(event)?;
        line.push(b'\n');
        // One write, so that no reader and no crash sees half a line of ours and half of nothing.
        self.lines.write_all(&line)?;
        self.lines.flush()?;
        match event {
            RunEvent::Finished(summary) => self.summary(summary),
            _ => Ok(()),
        }
    }

    fn summary(&self, summary: &Summary) -> io::Result<()> {
        let unfinished = self.folder.join("summary.json.part");
        fs::write(&unfinished, serde_json::to_string_pretty(summary)? + "\n")?;
        fs::rename(unfinished, self.folder.join("summary.json"))
    }
}

/// The events of a recorded run. A last line that was cut off is left out.
///
/// # Errors
/// The file cannot be read, or holds something else.
pub fn read_events(folder: &Path) -> io::Result<Vec<RunEvent>> {
    let text = fs::read_to_string(folder.join("run.jsonl"))?;
    let whole = text.rfind('\n').map_or("", |end| &text[..end]);
    whole.lines().map(|line| serde_json::from_str(line).map_err(io::Error::from)).collect()
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use sipfarm_core::Span;
    use sipfarm_judge::Verdict;

    use super::*;
    use crate::run::events::Started;
    use crate::run::events::tests::result;

    #[test]
    fn a_killed_run_leaves_what_was_known() {
        let folder = tempfile::tempdir().unwrap();
        let mut recorder = Recorder::create(folder.path()).unwrap();
        let started = RunEvent::Started(Started::new(7, "virtual", 2));
        let ended = RunEvent::ScenarioFinished(Box::new(result(1, &[Verdict::Fail])));
        recorder.event(&started).unwrap();
        recorder.event(&ended).unwrap();
        recorder.lines.write_all(b"{\"event\":\"scenario-fin").unwrap();
        drop(recorder);
        assert_eq!(read_events(folder.path()).unwrap(), [started, ended]);
        assert!(!folder.path().join("summary.json").exists());
    }

    #[test]
    fn the_summary_comes_last_and_whole() {
        let folder = tempfile::tempdir().unwrap();
        let summary = Summary::of(1, &[result(1, &[Verdict::Pass])], None, Span::from_millis(20));
        let mut recorder = Recorder::create(folder.path()).unwrap();
        recorder.event(&RunEvent::Finished(summary.clone())).unwrap();
        let text = fs::read_to_string(folder.path().join("summary.json")).unwrap();
        assert_eq!(serde_json::from_str::<Summary>(&text).unwrap(), summary);
        assert_eq!(fs::read_dir(folder.path()).unwrap().count(), 2, "no part is left behind");
    }

    #[test]
    fn a_recording_is_never_overwritten() {
        let folder = tempfile::tempdir().unwrap();
        Recorder::create(folder.path()).unwrap();
        assert!(Recorder::create(folder.path()).is_err());
    }
}
