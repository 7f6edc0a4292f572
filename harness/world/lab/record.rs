//! What a scenario's lab has seen so far: the capture that is being written, and the timeline in it.

use std::sync::{Mutex, MutexGuard, PoisonError};

use sipfarm_core::Instant;
use sipfarm_core::frame::Frame;
use sipfarm_judge::Mark;
use tokio::sync::Notify;

use crate::capture::recorder::Recorder;
use crate::capture::tap::Loss;

/// What was recorded, and a bell for those who wait for more.
pub(super) struct Record {
    /// None when the capture is closed.
    pub recorder: Mutex<Option<Recorder>>,
    pub bell: Notify,
}

impl Record {
    pub fn lock(&self) -> MutexGuard<'_, Option<Recorder>> {
        self.recorder.lock().unwrap_or_else(PoisonError::into_inner)
    }

    pub fn frame(&self, frame: Frame) {
        if self.frames([frame]) {
            self.bell.notify_one();
        }
    }

    /// Takes frames, and says whether there is news in them.
    pub fn frames(&self, frames: impl IntoIterator<Item = Frame>) -> bool {
        let mut recorder = self.lock();
        let Some(recorder) = recorder.as_mut() else { return false };
        let before = recorder.timeline().revision();
        frames.into_iter().for_each(|frame| _ = recorder.frame(frame));
        recorder.timeline().revision() != before
    }

    /// Takes a secret of TLS, before any frame that needs it.
    pub fn secret(&self, line: &str) {
        if let Some(recorder) = self.lock().as_mut() {
            recorder.secret(line);
        }
    }

    pub fn mark(&self, mark: Mark, at: Instant) {
        if let Some(recorder) = self.lock().as_mut() {
            recorder.mark(mark, at);
        }
    }

    pub fn lost(&self, loss: Loss) {
        if let Some(recorder) = self.lock().as_mut() {
            recorder.lost(loss);
        }
    }
}
