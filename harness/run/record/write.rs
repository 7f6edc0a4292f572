//! The record as it is written: `events.ndjson`, one event a line and flushed, so that a run that is
//! killed leaves what was known; and `summary.json` at the end.

use std::fs::{self, File};
use std::io::{self, Write};
use std::path::{Path, PathBuf};

use super::{Event, Summary};

/// Writes the events of a run into its bundle.
#[derive(Debug)]
pub struct Recorder {
    folder: PathBuf,
    lines: File,
}

impl Recorder {
    /// Opens `events.ndjson` in a bundle's folder.
    ///
    /// # Errors
    /// The file exists, or cannot be made.
    pub fn create(folder: &Path) -> io::Result<Self> {
        let lines = File::create_new(folder.join("events.ndjson"))?;
        Ok(Recorder { folder: folder.to_owned(), lines })
    }

    /// Writes an event; with the last one, `summary.json` too.
    ///
    /// # Errors
    /// A file cannot be written.
    pub fn event(&mut self, event: &Event) -> io::Result<()> {
        let mut line = serde_json::to_vec(event)?;
        line.push(b'\n');
        // One write, so that no reader and no crash sees half a line of ours and half of nothing.
        self.lines.write_all(&line)?;
        self.lines.flush()?;
        match event {
            Event::Finished(summary) => self.summary(summary),
            _ => Ok(()),
        }
    }

    fn summary(&self, summary: &Summary) -> io::Result<()> {
        let unfinished = self.folder.join("summary.json.part");
        fs::write(&unfinished, serde_json::to_string_pretty(summary)? + "\n")?;
        fs::rename(unfinished, self.folder.join("summary.json"))
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use sipfarm_core::{Instant, Span};
    use sipfarm_judge::Verdict;

    use super::*;
    use crate::run::bundle::Bundle;
    use crate::run::events::tests::result;
    use crate::run::events::{self, RunEvent};
    use crate::run::record::{Header, Recorded};

    #[test]
    fn a_killed_run_leaves_what_was_known() {
        let folder = tempfile::tempdir().unwrap();
        let bundle = Bundle::create_at(folder.path()).unwrap();
        bundle.write_header(&Header::new(7, "virtual", "reference", Instant::EPOCH)).unwrap();
        let mut recorder = Recorder::create(folder.path()).unwrap();
        let started = Event::of(&RunEvent::Started(events::Started::new(7, "virtual", 2)), folder.path());
        let ended =
            Event::of(&RunEvent::ScenarioFinished(Box::new(result(1, &[Verdict::Fail]))), folder.path());
        recorder.event(&started).unwrap();
        recorder.event(&ended).unwrap();
        recorder.lines.write_all(b"{\"event\":\"scenario-fin").unwrap();
        drop(recorder);
        let recorded = Recorded::open(folder.path()).unwrap();
        assert_eq!(recorded.events, [started, ended]);
        assert_eq!((recorded.scenarios().len(), recorded.summary()), (1, None));
        assert!(!folder.path().join("summary.json").exists());
    }

    #[test]
    fn the_summary_comes_last_and_whole() {
        let folder = tempfile::tempdir().unwrap();
        let summary = events::Summary::of(1, &[result(1, &[Verdict::Pass])], None, Span::from_millis(20));
        let summary = Summary::from(&summary);
        let mut recorder = Recorder::create(folder.path()).unwrap();
        recorder.event(&Event::Finished(summary.clone())).unwrap();
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
