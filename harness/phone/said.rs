//! What a phone's program says on its standard output and error.

use std::collections::VecDeque;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use regex::Regex;
use tokio::io::{AsyncRead, AsyncReadExt};
use tokio::sync::Notify;
use tokio::task::JoinHandle;
use tokio::time::timeout;

/// How many lines are kept for the reason why it ended.
const LINES: usize = 10;
/// How long a line may be, in octets; what comes after counts as another.
const LINE_OCTETS: usize = 2048;
/// How long what it said last may take to reach us after its end.
const FAREWELL: Duration = Duration::from_secs(1);

/// Reads both as long as they last, so that the program never waits for us.
pub struct Said {
    heard: Arc<Heard>,
    readers: [JoinHandle<()>; 2],
}

#[derive(Default)]
struct Heard {
    state: Mutex<State>,
    bell: Notify,
}

#[derive(Default)]
struct State {
    last: VecDeque<String>,
    /// A line that is not at its end: a prompt waits there for what is typed.
    begun: String,
    /// What is waited for; none once it was heard.
    expected: Option<Regex>,
    found: bool,
}

impl Said {
    /// Listens from here on.
    pub fn by(
        output: impl AsyncRead + Send + Unpin + 'static,
        errors: impl AsyncRead + Send + Unpin + 'static,
    ) -> Self {
        let heard = Arc::<Heard>::default();
        let readers =
            [tokio::spawn(read(output, Arc::clone(&heard))), tokio::spawn(read(errors, Arc::clone(&heard)))];
        Said { heard, readers }
    }

    /// Waits for a line that matches, among the last that were said, too. A prompt counts, which is a line
    /// without an end.
    pub async fn wait_for(&mut self, expected: Regex, within: Duration) -> bool {
        {
            let mut state = self.heard.lock();
            if state.last.iter().chain([&state.begun]).any(|line| expected.is_match(line)) {
                return true;
            }
            state.expected = Some(expected);
        }
        let found = async {
            while !self.heard.lock().found {
                self.heard.bell.notified().await;
            }
        };
        timeout(within, found).await.is_ok()
    }

    /// The last of it, as the end of a sentence: `: a; b`. Meant for when the program has ended.
    pub async fn last(&mut self) -> String {
        for reader in &mut self.readers {
            if !reader.is_finished() {
                let _ = timeout(FAREWELL, reader).await;
            }
        }
        let state = self.heard.lock();
        let lines: Vec<&str> = state.last.iter().map(String::as_str).collect();
        if lines.is_empty() { String::new() } else { format!(": {}", lines.join("; ")) }
    }
}

impl Heard {
    fn lock(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn line(&self, octets: &[u8]) {
        let line = without_colours(&String::from_utf8_lossy(octets));
        if line.is_empty() {
            return;
        }
        tracing::debug!(line, "the phone says");
        let mut state = self.lock();
        self.compare(&mut state, &line);
        state.last.push_back(line);
        if state.last.len() > LINES {
            state.last.pop_front();
        }
    }

    fn begun(&self, octets: &[u8]) {
        let mut state = self.lock();
        state.begun = without_colours(&String::from_utf8_lossy(octets));
        let line = state.begun.clone();
        self.compare(&mut state, &line);
    }

    fn compare(&self, state: &mut State, line: &str) {
        if state.expected.as_ref().is_some_and(|expected| expected.is_match(line)) {
            state.found = true;
            self.bell.notify_one();
        }
    }
}

/// Without the control sequences of terminals (ECMA-48 section 5.4) and blanks at the ends.
fn without_colours(line: &str) -> String {
    let mut parts = line.split("\u{1b}[");
    let mut plain = parts.next().unwrap_or_default().to_owned();
    for part in parts {
        let end = part.find(|c: char| ('@'..='~').contains(&c)).map_or(part.len(), |at| at + 1);
        plain.push_str(&part[end..]);
    }
    plain.trim().to_owned()
}

async fn read(mut from: impl AsyncRead + Unpin, heard: Arc<Heard>) {
    let mut held: Vec<u8> = Vec::new();
    let mut chunk = [0; LINE_OCTETS];
    while let Ok(count @ 1..) = from.read(&mut chunk).await {
        for octet in &chunk[..count] {
            if *octet == b'\n' || held.len() == LINE_OCTETS {
                heard.line(&held);
                held.clear();
            }
            held.push(*octet);
        }
        heard.begun(&held);
    }
    heard.line(&held);
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;

    fn said(output: &'static [u8], errors: &'static [u8]) -> Said {
        Said::by(output, errors)
    }

    #[test]
    fn colours_are_left_out() {
        assert_eq!(without_colours("\u{1b}[31mno such \u{1b}[1;4mmodule\u{1b}[;m "), "no such module");
        assert_eq!(without_colours("plain"), "plain");
        assert_eq!(without_colours("cut \u{1b}[31"), "cut");
    }

    #[tokio::test]
    async fn it_waits_for_a_line_on_either_stream() {
        let ready = || Regex::new("is ready$").unwrap();
        let within = Duration::from_secs(5);
        assert!(said(b"hello\nphone is ready\n", b"").wait_for(ready(), within).await);
        assert!(said(b"", b"\x1b[31mphone is ready\x1b[0m\n").wait_for(ready(), within).await);
    }

    #[tokio::test]
    async fn a_prompt_is_heard_before_its_line_ends() {
        let (mut phone, output) = tokio::io::duplex(100);
        let mut said = Said::by(output, &b""[..]);
        tokio::io::AsyncWriteExt::write_all(&mut phone, b"welcome\nphone> ").await.unwrap();
        assert!(said.wait_for(Regex::new("^phone>$").unwrap(), Duration::from_secs(5)).await);
    }

    #[tokio::test]
    async fn what_is_not_said_is_not_heard() {
        let ready = Regex::new("is ready$").unwrap();
        assert!(!said(b"ready is nothing\n", b"").wait_for(ready, Duration::from_millis(20)).await);
    }

    #[tokio::test]
    async fn the_last_lines_are_kept_and_no_line_grows_without_end() {
        let long: &'static [u8] = Box::leak(vec![b'x'; 3 * LINE_OCTETS].into_boxed_slice());
        let last = said(long, b"").last().await;
        assert!(last.split("; ").all(|line| line.trim_start_matches(": ").len() <= LINE_OCTETS), "{last}");
        assert_eq!(said(b"a\n\nb", b"").last().await, ": a; b");
        assert_eq!(said(b"", b"").last().await, "");
    }
}
