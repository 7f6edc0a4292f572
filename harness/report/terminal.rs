//! A run on a terminal, or in the log of a CI job.
//!
//! Every scenario leaves one line when it ends. A terminal also shows up to eight that are
//! running and a counter; a log has the counter in front of each line instead. What did not pass
//! is told in full at the end, where it is read.

use std::fmt::Write as _;
use std::io::{self, Write};
use std::path::PathBuf;
use std::time::{Duration, Instant};

use sipfarm_core::Span;

use super::conclusion::{Style, conclusion, count_verdicts, header, tally};
use super::failure::reason;
use super::running::Running;
use super::text::{clean, cut, label};
use crate::run::events::ScenarioId;
use crate::run::record::{Event, Scenario};

/// Scenarios that are shown while they run.
const SHOWN_RUNNING: usize = 8;
/// The shortest time between two pictures of what is running.
const REDRAW: Duration = Duration::from_millis(50);
/// The room for a scenario's name.
const NAME_WIDTH: usize = 60;

/// Shows a run.
#[derive(Debug)]
pub struct Terminal<W> {
    out: W,
    style: Style,
    bundle: PathBuf,
    selected: usize,
    running: Running,
    /// How many lines of the present picture stand below the cursor's line of departure.
    drawn: usize,
    drawn_at: Option<Instant>,
    results: Vec<Scenario>,
}

impl<W: Write> Terminal<W> {
    /// On that output, of a run whose bundle lies there.
    pub fn new(out: W, style: Style, bundle: PathBuf) -> Self {
        Terminal {
            out,
            style,
            bundle,
            selected: 0,
            running: Running::default(),
            drawn: 0,
            drawn_at: None,
            results: Vec::new(),
        }
    }

    /// Shows what happened. The end is told in full only where no other reporter has told it.
    ///
    /// # Errors
    /// The output cannot be written.
    pub fn event(&mut self, event: &Event, concludes: bool) -> io::Result<()> {
        let mut text = String::new();
        self.running.event(event, Instant::now());
        match event {
            Event::Started(started) => {
                self.selected = started.selected;
                text = header(started);
            }
            Event::ScenarioFinished(result) => {
                self.results.push((**result).clone());
                text = self.result_line(result);
            }
            Event::ScenarioInterrupted { id, name, feature, line, real_time } => {
                text = self.interrupted_line(*id, name, &format!("{feature}:{line}"), *real_time);
            }
            Event::Finished(summary) if concludes => {
                text = conclusion(&self.results, summary, &self.bundle, self.style);
            }
            Event::ScenarioStarted { .. } | Event::Waiting { .. } | Event::Finished(_) => {}
        }
        let last = matches!(event, Event::Finished(_));
        self.show(&text, last)
    }

    /// Draws what is running once more, for time passes between two events, too.
    ///
    /// # Errors
    /// The output cannot be written.
    pub fn tick(&mut self) -> io::Result<()> {
        if self.style.live { self.show("", false) } else { Ok(()) }
    }

    /// Tells what is running, for somebody who asks.
    ///
    /// # Errors
    /// The output cannot be written.
    pub fn state(&mut self) -> io::Result<()> {
        let state = self.running.state(Instant::now());
        self.show(&state, false)
    }

    /// Writes text that stays, and draws what is running below it.
    fn show(&mut self, text: &str, last: bool) -> io::Result<()> {
        if !self.style.live {
            self.out.write_all(text.as_bytes())?;
            return self.out.flush();
        }
        let due = self.drawn_at.is_none_or(|at| at.elapsed() >= REDRAW);
        if text.is_empty() && !due {
            return Ok(());
        }
        let mut picture = String::new();
        if self.drawn > 0 {
            let _ = write!(picture, "\x1b[{}A\x1b[J", self.drawn);
        }
        picture += text;
        let lines = if last { Vec::new() } else { self.picture() };
        // Without wrapping, a long line cannot upset the count of lines.
        picture += "\x1b[?7l";
        for line in &lines {
            picture += &format!("{line}\n");
        }
        picture += "\x1b[?7h";
        self.drawn = lines.len();
        self.drawn_at = Some(Instant::now());
        self.out.write_all(picture.as_bytes())?;
        self.out.flush()
    }

    fn picture(&self) -> Vec<String> {
        let mut lines = self.running.lines(SHOWN_RUNNING, NAME_WIDTH, Instant::now());
        lines.push(format!(
            " {}/{}   {}",
            self.results.len(),
            self.selected,
            tally(&count_verdicts(&self.results))
        ));
        lines
    }

    fn result_line(&self, result: &Scenario) -> String {
        let clock = if result.virtual_time.is_some() { "v" } else { " " };
        let took = format!("{:>8.2} s {clock}", result.duration().as_secs_f64());
        let place = format!("{}:{}", result.feature, result.line);
        let line = self.line(label(result), &took, result.id, &result.name, &place);
        let reason =
            reason(result).map(|reason| format!("   {}", cut(&clean(&reason), 100))).unwrap_or_default();
        let left = match result.calls_up.as_slice() {
            [] => String::new(),
            calls => format!("   left a call up, now ended: {}", cut(&clean(&calls.join(", ")), 60)),
        };
        format!("{line}  {}{reason}{left}\n", result.held_to())
    }

    fn interrupted_line(&self, id: ScenarioId, name: &str, place: &str, real_time: Span) -> String {
        let took = format!("{:>8.2} s  ", real_time.as_secs_f64());
        self.line("CUT", &took, id, name, place) + "  interrupted\n"
    }

    /// What every scenario's line has: how many are over, how this one ended, how long it took, the
    /// number that its capture bears, its name and place.
    fn line(&self, label: &str, took: &str, id: ScenarioId, name: &str, place: &str) -> String {
        let counter = if self.style.live {
            " ".to_owned()
        } else {
            let width = self.selected.to_string().len();
            format!("{:>width$}/{}", self.results.len(), self.selected)
        };
        let painted = self.style.paint(label, &format!("{label:<5}"));
        let name = cut(&clean(name), NAME_WIDTH);
        format!("{counter} {painted} [{took}]  {id:03}  {name:<NAME_WIDTH$}  {}", clean(place))
    }
}

#[cfg(test)]
#[path = "terminal_tests.rs"]
mod tests;
