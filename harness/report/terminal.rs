//! A run on a terminal, or in the log of a CI job.
//!
//! Every scenario leaves one line when it ends. A terminal also shows up to eight that are
//! running and a counter; a log has the counter in front of each line instead. What did not pass
//! is told in full at the end, where it is read.

use std::collections::BTreeMap;
use std::fmt::Write as _;
use std::io::{self, IsTerminal, Write};
use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

use sipfarm_core::Span;
use sipfarm_judge::Verdict;

use super::failure::{reason, render_failure, render_remark, render_unexpected_pass};
use super::text::{FIXED, clean, count, cut, label, seconds};
use crate::error::Exit;
use crate::run::events::ScenarioId;
use crate::run::record::{Event, Scenario, Started, Summary};

/// Scenarios that are shown while they run.
const SHOWN_RUNNING: usize = 8;
/// The shortest time between two pictures of what is running.
const REDRAW: Duration = Duration::from_millis(50);
/// The room for a scenario's name.
const NAME_WIDTH: usize = 60;

/// How to write.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Style {
    /// Whether lines can be drawn over again.
    pub live: bool,
    /// Whether colours are wanted.
    pub colour: bool,
}

impl Style {
    /// Plain lines, as in a log.
    pub const PLAIN: Style = Style { live: false, colour: false };

    /// What suits standard output: live on a terminal, in colour unless `NO_COLOR` says no.
    pub fn detect() -> Self {
        let set = |name: &str| std::env::var_os(name).is_some_and(|value| !value.is_empty());
        let dumb = std::env::var_os("TERM").is_none_or(|term| term == "dumb");
        let live = io::stdout().is_terminal() && !dumb;
        Style { live, colour: live && !set("NO_COLOR") }
    }
}

/// Shows a run.
#[derive(Debug)]
pub struct Terminal<W> {
    out: W,
    style: Style,
    bundle: PathBuf,
    selected: usize,
    running: BTreeMap<ScenarioId, Running>,
    /// How many lines of the present picture stand below the cursor's line of departure.
    drawn: usize,
    drawn_at: Option<Instant>,
    results: Vec<Scenario>,
}

#[derive(Debug)]
struct Running {
    name: String,
    phone: String,
    what: String,
    elapsed: Span,
    window: Option<Span>,
}

impl<W: Write> Terminal<W> {
    /// On that output, of a run whose bundle lies there.
    pub fn new(out: W, style: Style, bundle: PathBuf) -> Self {
        Terminal {
            out,
            style,
            bundle,
            selected: 0,
            running: BTreeMap::new(),
            drawn: 0,
            drawn_at: None,
            results: Vec::new(),
        }
    }

    /// Shows what happened.
    ///
    /// # Errors
    /// The output cannot be written.
    pub fn event(&mut self, event: &Event) -> io::Result<()> {
        let mut text = String::new();
        match event {
            Event::Started(started) => {
                self.selected = started.selected;
                text = header(started);
            }
            Event::ScenarioStarted { id, name } => {
                let name = name.clone();
                let running = Running {
                    name,
                    phone: String::new(),
                    what: String::new(),
                    elapsed: Span::ZERO,
                    window: None,
                };
                self.running.insert(*id, running);
            }
            Event::Waiting { id, phone, what, elapsed, window } => {
                if let Some(running) = self.running.get_mut(id) {
                    running.phone.clone_from(phone);
                    running.what.clone_from(what);
                    (running.elapsed, running.window) = (*elapsed, *window);
                }
            }
            Event::ScenarioFinished(result) => {
                self.running.remove(&result.id);
                self.results.push((**result).clone());
                text = self.result_line(result);
            }
            Event::ScenarioInterrupted { id, name, feature, line, real_time } => {
                self.running.remove(id);
                text = self.interrupted_line(*id, name, &format!("{feature}:{line}"), *real_time);
            }
            Event::Finished(summary) => {
                self.running.clear();
                text = self.conclusion(summary);
            }
        }
        let last = matches!(event, Event::Finished(_));
        self.show(&text, last)
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
        let mut lines: Vec<String> = self.running.values().take(SHOWN_RUNNING).map(running_line).collect();
        if self.running.len() > SHOWN_RUNNING {
            lines.push(format!("  … and {} more", self.running.len() - SHOWN_RUNNING));
        }
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
        let painted = self.paint(label, &format!("{label:<5}"));
        let name = cut(&clean(name), NAME_WIDTH);
        format!("{counter} {painted} [{took}]  {id:03}  {name:<NAME_WIDTH$}  {}", clean(place))
    }

    fn conclusion(&self, summary: &Summary) -> String {
        let mut text = String::new();
        let mut results: Vec<&Scenario> = self.results.iter().collect();
        results.sort_by_key(|result| result.id);
        let remarked = |verdict| matches!(verdict, Verdict::Warn | Verdict::KnownIssue);
        let silent = |verdict| matches!(verdict, Verdict::Pass | Verdict::NotApplicable);
        let (fine, others): (Vec<_>, Vec<_>) = results.into_iter().partition(|result| {
            result.trouble.is_none() && (remarked(result.verdict) || silent(result.verdict))
        });
        for result in fine.iter().filter(|result| remarked(result.verdict)) {
            text += &format!("\n{}", render_remark(result));
        }
        for result in others {
            let failure = render_failure(result, &self.bundle);
            let word = label(result);
            let rest = failure.strip_prefix(word).unwrap_or(&failure);
            text += &format!("\n{}{rest}", self.paint(word, word));
        }
        for pass in &summary.unexpected_passes {
            let told = render_unexpected_pass(pass);
            let rest = told.strip_prefix(FIXED).unwrap_or(&told);
            text += &format!("\n{}{rest}", self.paint(FIXED, FIXED));
        }
        text + "\n" + &render_summary(summary, &self.bundle)
    }

    fn paint(&self, label: &str, text: &str) -> String {
        let code = match label {
            "PASS" => 32,
            "FAIL" | "BUG" | "LAB" | "ERROR" => 31,
            "INCO" | "WARN" | FIXED => 33,
            _ => 2,
        };
        if self.style.colour { format!("\x1b[{code}m{text}\x1b[0m") } else { text.to_owned() }
    }
}

fn header(started: &Started) -> String {
    let Started { version, net, seed, selected, .. } = started;
    format!("sipfarm {version}  {net} network  seed {seed}  {}\n", count(*selected, "scenario"))
}

/// The end of a run: counts, the slowest, where the bundle is, what the exit code means.
pub fn render_summary(summary: &Summary, bundle: &Path) -> String {
    let done: usize = summary.counts.values().sum();
    let missing = summary.selected.saturating_sub(done + summary.interrupted);
    let mut text =
        format!("{} in {}: {}", count(done, "scenario"), seconds(summary.real_time), tally(&summary.counts));
    if summary.interrupted > 0 {
        let _ = write!(text, "  {} interrupted", summary.interrupted);
    }
    if missing > 0 {
        let _ = write!(text, "  {missing} not run");
    }
    text.push('\n');
    for (number, slow) in summary.slowest.iter().enumerate() {
        let name = if number == 0 { "slowest" } else { "" };
        let (took, clock) = slow.virtual_time.map_or((slow.real_time, " "), |span| (span, "v"));
        let _ = writeln!(text, "  {name:<8} {:>8.2} s {clock}  {}", took.as_secs_f64(), clean(&slow.name));
    }
    if summary.slowest.iter().any(|slow| slow.virtual_time.is_some()) {
        text += "           v: seconds of virtual time\n";
    }
    let _ = writeln!(text, "  bundle   {}", bundle.display());
    let _ = writeln!(text, "  exit     {}: {}", summary.exit.code(), meaning(summary.exit));
    text
}

fn meaning(exit: Exit) -> &'static str {
    match exit {
        Exit::Passed => "nothing against the phone",
        Exit::Finding => "findings against the phone",
        Exit::Usage => "something is wrong with a feature file or the configuration",
        Exit::NothingSelected => "nothing was judged",
        Exit::Inconclusive => "no finding against the phone, but not everything could be judged",
        Exit::LabUnfit => "the lab is not fit",
        Exit::KnownIssuePassed => "a known issue has passed: take it out of the profile",
        Exit::Bug => "a bug in sipfarm; please report it",
        Exit::Interrupted => "interrupted; the bundle is complete up to that point",
    }
}

fn count_verdicts(results: &[Scenario]) -> BTreeMap<Verdict, usize> {
    let mut counts = BTreeMap::new();
    for result in results {
        *counts.entry(result.verdict).or_default() += 1;
    }
    counts
}

/// `9 passed  1 failed  1 known issue`.
fn tally(counts: &BTreeMap<Verdict, usize>) -> String {
    let word = |verdict: Verdict, number: usize| match verdict {
        Verdict::Pass => format!("{number} passed"),
        Verdict::Fail => format!("{number} failed"),
        Verdict::Warn => format!("{number} passed with warnings"),
        Verdict::Inconclusive | Verdict::Pending => format!("{number} inconclusive"),
        Verdict::NotApplicable => format!("{number} not applicable"),
        Verdict::NotExercised => format!("{number} not exercised"),
        Verdict::KnownIssue => count(number, "known issue"),
        Verdict::UnexpectedPass => format!("{number} passed unexpectedly"),
    };
    let words: Vec<String> = counts.iter().map(|(verdict, number)| word(*verdict, *number)).collect();
    if words.is_empty() { "none finished".to_owned() } else { words.join("  ") }
}

fn running_line(running: &Running) -> String {
    let clock = |span: Span| {
        let seconds = span.as_millis() / 1_000;
        format!("{:02}:{:02}", seconds / 60, seconds % 60)
    };
    let mut line = match running.window {
        Some(window) => format!("  RUN   [{} of {}]  ", clock(running.elapsed), clock(window)),
        None => format!("  RUN   [{}]           ", clock(running.elapsed)),
    };
    line += &format!("{:<NAME_WIDTH$}", cut(&clean(&running.name), NAME_WIDTH));
    line += &format!("  {}", running.phone);
    if !running.what.is_empty() {
        line += &format!("  waiting {}", clean(&running.what));
    }
    if let Some(window) = running.window {
        line += &format!("  {}", bar(running.elapsed, window));
    }
    line.trim_end().to_owned()
}

/// How much of the window is gone.
fn bar(elapsed: Span, window: Span) -> String {
    const WIDTH: usize = 10;
    let part = if window > Span::ZERO { elapsed.as_secs_f64() / window.as_secs_f64() } else { 1.0 };
    let full = ((part * WIDTH as f64) as usize).min(WIDTH);
    "#".repeat(full) + &"-".repeat(WIDTH - full)
}

#[cfg(test)]
#[path = "terminal_tests.rs"]
mod tests;
