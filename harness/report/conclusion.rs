//! The end of a run, as every reporter for people tells it: what did not pass, in full, and the summary.

use std::collections::BTreeMap;
use std::fmt::Write as _;
use std::io::{self, IsTerminal};
use std::path::Path;

use sipfarm_judge::Verdict;

use super::failure::{render_failure, render_remark, render_unexpected_pass};
use super::margins::{Margin, tightest};
use super::text::{FIXED, clean, count, cut, label, seconds};
use crate::error::Exit;
use crate::run::record::{Scenario, Started, Summary};

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

    /// A label, or what bears one, in its colour.
    pub fn paint(self, label: &str, text: &str) -> String {
        let code = match label {
            "PASS" => 32,
            "FAIL" | "BUG" | "LAB" | "ERROR" => 31,
            "INCO" | "NOEX" | "WARN" | "FLAKY" | FIXED => 33,
            _ => 2,
        };
        if self.colour { format!("\x1b[{code}m{text}\x1b[0m") } else { text.to_owned() }
    }
}

/// What stands above a run.
pub fn header(started: &Started) -> String {
    let Started { version, net, lab, seed, selected, .. } = started;
    let lab = lab.as_ref().map(|lab| format!("lab {}  ", clean(lab))).unwrap_or_default();
    format!("sipfarm {version}  {lab}{net} network  seed {seed}  {}\n", count(*selected, "scenario"))
}

/// What is told when all is over: what did not pass, in full, and what the run comes to.
pub fn conclusion(results: &[Scenario], summary: &Summary, bundle: &Path, style: Style) -> String {
    let mut text = String::new();
    let mut results: Vec<&Scenario> = results.iter().collect();
    results.sort_by_key(|result| result.id);
    let remarked = |verdict| matches!(verdict, Verdict::Warn | Verdict::KnownIssue);
    let told = results.clone();
    let (fine, others): (Vec<_>, Vec<_>) =
        results.into_iter().partition(|result| result.ended_well() && !result.is_flaky());
    for result in fine.iter().filter(|result| remarked(result.verdict)) {
        text += &format!("\n{}", render_remark(result));
    }
    for result in others {
        let failure = render_failure(result, bundle);
        let word = label(result);
        let rest = failure.strip_prefix(word).unwrap_or(&failure);
        text += &format!("\n{}{rest}", style.paint(word, word));
    }
    for pass in &summary.unexpected_passes {
        let told = render_unexpected_pass(pass);
        let rest = told.strip_prefix(FIXED).unwrap_or(&told);
        text += &format!("\n{}{rest}", style.paint(FIXED, FIXED));
    }
    text + "\n" + &render_summary(summary, &told, bundle)
}

/// The end of a run: counts, the slowest, where the bundle is, what the exit code means.
fn render_summary(summary: &Summary, scenarios: &[&Scenario], bundle: &Path) -> String {
    let done: usize = summary.counts.values().sum();
    let missing = summary.selected.saturating_sub(done + summary.interrupted);
    let mut text =
        format!("{} in {}: {}", count(done, "scenario"), seconds(summary.real_time), tally(&summary.counts));
    for (word, whose) in [("LAB", "the lab"), ("ERROR", "their authors"), ("BUG", "sipfarm")] {
        let number = scenarios.iter().filter(|scenario| label(scenario) == word).count();
        if number > 0 {
            let _ = write!(text, "  {number} of them through a fault of {whose}");
        }
    }
    if summary.flaky > 0 {
        let _ = write!(text, "  {} of them flaky", summary.flaky);
    }
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
    for (number, margin) in tightest(scenarios.iter().copied(), 5).iter().enumerate() {
        let name = if number == 0 { "tightest" } else { "" };
        let Margin { scenario, finding, left } = margin;
        let step = finding.step.as_ref().unwrap_or(&finding.expected);
        let place = format!("{:03} line {}", scenario.id, finding.line.unwrap_or(scenario.line));
        let _ = writeln!(text, "  {name:<8} {:>8} left  {place}  {}", seconds(*left), cut(&clean(step), 80));
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

/// How many ended how.
pub fn count_verdicts(results: &[Scenario]) -> BTreeMap<Verdict, usize> {
    let mut counts = BTreeMap::new();
    for result in results {
        *counts.entry(result.verdict).or_default() += 1;
    }
    counts
}

/// `9 passed  1 failed  1 known issue`.
pub fn tally(counts: &BTreeMap<Verdict, usize>) -> String {
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
