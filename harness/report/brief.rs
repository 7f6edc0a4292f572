//! Reporters that say little while all is well: `dot`, a character for each scenario, and `line`, one line that
//! is written over. What did not pass is told in full at the end, as by every reporter.

use std::io::{self, Write};
use std::path::PathBuf;
use std::time::Instant;

use super::conclusion::{Style, conclusion, count_verdicts, header, tally};
use super::failure::reason;
use super::running::Running;
use super::text::{clean, cut, label};
use crate::run::record::{Event, Scenario};

/// Dots in a row.
const ROW: usize = 80;

/// How brief.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Kind {
    /// `.` for each that passed, a letter for each other.
    Dot,
    /// The counts and the last one, in one line; in a log, only what did not pass, and the counts now and then.
    Line,
}

/// Shows a run briefly.
#[derive(Debug)]
pub struct Brief<W> {
    kind: Kind,
    out: W,
    style: Style,
    bundle: PathBuf,
    selected: usize,
    running: Running,
    results: Vec<Scenario>,
}

impl<W: Write> Brief<W> {
    /// On that output, of a run whose bundle lies there.
    pub fn new(kind: Kind, out: W, style: Style, bundle: PathBuf) -> Self {
        let (running, results) = (Running::default(), Vec::new());
        Brief { kind, out, style, bundle, selected: 0, running, results }
    }

    /// Shows what happened. The end is told in full only where no other reporter has told it.
    ///
    /// # Errors
    /// The output cannot be written.
    pub fn event(&mut self, event: &Event, concludes: bool) -> io::Result<()> {
        self.running.event(event, Instant::now());
        let text = match event {
            Event::Started(started) => {
                self.selected = started.selected;
                header(started)
            }
            Event::ScenarioFinished(scenario) => {
                self.results.push((**scenario).clone());
                match self.kind {
                    Kind::Dot => self.dot(scenario),
                    Kind::Line => self.line(scenario),
                }
            }
            Event::Finished(summary) => {
                let end = self.end_of_line();
                let told = if concludes {
                    conclusion(&self.results, summary, &self.bundle, self.style)
                } else {
                    String::new()
                };
                end + &told
            }
            Event::ScenarioStarted { .. } | Event::Waiting { .. } | Event::ScenarioInterrupted { .. } => {
                String::new()
            }
        };
        self.write(&text)
    }

    /// Tells what is running, for somebody who asks.
    ///
    /// # Errors
    /// The output cannot be written.
    pub fn state(&mut self) -> io::Result<()> {
        let text = self.end_of_line() + &self.running.state(Instant::now());
        self.write(&text)
    }

    fn dot(&self, scenario: &Scenario) -> String {
        let label = label(scenario);
        let letter = match label {
            "PASS" => ".",
            "SKIP" => "-",
            "INCO" | "NOEX" => "?",
            "FLAKY" => "~",
            other => &other[..1],
        };
        let mut text = self.style.paint(label, letter);
        let done = self.results.len();
        if done.is_multiple_of(ROW) || done == self.selected {
            text += &format!("  {done}/{}\n", self.selected);
        }
        text
    }

    fn line(&self, scenario: &Scenario) -> String {
        let label = label(scenario);
        let done = self.results.len();
        let counter = format!("{done}/{}", self.selected);
        let fine = scenario.ended_well() && !scenario.is_flaky();
        let mut text = if self.style.live { "\r\x1b[K".to_owned() } else { String::new() };
        if !fine {
            let why =
                reason(scenario).map(|why| format!("   {}", cut(&clean(&why), 100))).unwrap_or_default();
            let (id, name) = (scenario.id, clean(&scenario.name));
            let place = format!("{}:{}", clean(&scenario.feature), scenario.line);
            text += &format!(
                "{} {id:03}  {name}  {place}{why}\n",
                self.style.paint(label, &format!("{label:<5}"))
            );
        }
        let tally = tally(&count_verdicts(&self.results));
        if self.style.live {
            text += &cut(&format!("{counter}  {tally}  {}", clean(&scenario.name)), 79);
        } else if done == self.selected || done.is_multiple_of(self.selected.div_ceil(10).max(1)) {
            text += &format!("{counter}  {tally}\n");
        }
        text
    }

    /// What ends a line that is not at its end.
    fn end_of_line(&self) -> String {
        let done = self.results.len();
        let open = match self.kind {
            Kind::Dot => !done.is_multiple_of(ROW) && done != self.selected,
            Kind::Line => self.style.live && done > 0,
        };
        if open { "\n".to_owned() } else { String::new() }
    }

    fn write(&mut self, text: &str) -> io::Result<()> {
        self.out.write_all(text.as_bytes())?;
        self.out.flush()
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use sipfarm_core::Span;
    use sipfarm_judge::Verdict;

    use super::*;
    use crate::run::events::tests::result;
    use crate::run::events::{RunEvent, Started, Summary};

    fn shown(kind: Kind, style: Style, verdicts: &[Verdict], concludes: bool) -> String {
        let results: Vec<_> = (1..).zip(verdicts).map(|(id, verdict)| result(id, &[*verdict])).collect();
        let mut events = vec![RunEvent::Started(Started::new(7, "virtual", results.len()))];
        let summary = Summary::of(results.len(), &results, None, Span::from_millis(20));
        events.extend(results.into_iter().map(|result| RunEvent::ScenarioFinished(Box::new(result))));
        events.push(RunEvent::Finished(summary));
        let mut out = Vec::new();
        let mut brief = Brief::new(kind, &mut out, style, "b".into());
        for event in events {
            brief.event(&Event::of(&event, "b".as_ref()), concludes).unwrap();
        }
        let text = String::from_utf8(out).unwrap();
        let (header, text) = text.split_once('\n').unwrap();
        assert!(header.contains("virtual network  seed 7"), "{header}");
        text.to_owned()
    }

    #[test]
    fn a_dot_is_a_scenario_and_a_letter_one_that_did_not_simply_pass() {
        use Verdict::*;
        let verdicts =
            [Pass, Fail, Warn, KnownIssue, NotApplicable, Inconclusive, NotExercised, UnexpectedPass];
        assert_eq!(shown(Kind::Dot, Style::PLAIN, &verdicts, false), ".FWK-??F  8/8\n");
        let many = shown(Kind::Dot, Style::PLAIN, &[Pass; 90], false);
        assert_eq!(many, format!("{}  80/90\n{}  90/90\n", ".".repeat(80), ".".repeat(10)));
    }

    #[test]
    fn the_end_is_told_in_full_by_who_is_asked_to() {
        let text = shown(Kind::Dot, Style::PLAIN, &[Verdict::Fail], true);
        assert!(text.starts_with("F  1/1\n\nFAIL  scenario 1") && text.contains("exit     1"), "{text}");
    }

    #[test]
    fn a_log_has_a_line_for_each_failure_and_the_counts_ten_times() {
        let mut verdicts = [Verdict::Pass; 40];
        verdicts[17] = Verdict::Fail;
        let text = shown(Kind::Line, Style::PLAIN, &verdicts, false);
        let lines: Vec<&str> = text.lines().collect();
        assert_eq!(lines.len(), 11, "{text}");
        assert_eq!(
            lines[4],
            "FAIL  018  scenario 18  features/a.feature:3   something else; expected something"
        );
        assert_eq!(lines[5], "20/40  19 passed  1 failed");
        assert!(!text.contains(['\x1b', '\r']), "{text}");
    }

    #[test]
    fn a_terminal_has_one_line_that_is_written_over() {
        let text = shown(Kind::Line, Style { live: true, colour: false }, &[Verdict::Pass; 3], false);
        assert_eq!(text.matches('\n').count(), 1, "{text:?}");
        assert!(text.ends_with("\r\x1b[K3/3  3 passed  scenario 3\n"), "{text:?}");
    }
}
