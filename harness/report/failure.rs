//! A scenario that did not pass, in full: what was expected, what was seen, in which packets, why
//! the nearest do not count, which rule says so, and how to see it again.

use std::collections::BTreeMap;
use std::fmt::Write as _;
use std::path::{Path, PathBuf};

use sipfarm_core::Span;
use sipfarm_judge::{Verdict, WindowKind};

use super::text::{FIXED, after, clean, label, seconds};
use crate::run::record::{FailedStep, Finding, Nearest, Origin, Scenario, UnexpectedPass};

/// So many findings of one rule are told in full in a text: the next are mostly its consequences.
const TOLD_OF_A_RULE: usize = 3;

/// A scenario that did not pass, as every view tells it.
#[derive(Debug, Clone, PartialEq)]
pub struct Failure<'a> {
    /// The scenario.
    pub scenario: &'a Scenario,
    /// How it ended, in at most five letters.
    pub label: &'static str,
    /// What was found, accusations first.
    pub accounts: Vec<Account<'a>>,
    /// The step at which it stopped, where no account tells of it.
    pub stopped: Option<&'a FailedStep>,
    /// What kept us from judging, where the step does not say so.
    pub trouble: Option<&'a str>,
    /// What to do about it.
    pub help: Option<&'a str>,
    /// Where the capture lies.
    pub capture: Option<PathBuf>,
    /// The commands that lead on from here.
    pub next: Next,
}

/// One finding, with all that is needed to understand it.
#[derive(Debug, Clone, PartialEq)]
pub struct Account<'a> {
    /// The finding: what was expected and seen, in which packets, what came near, which rule.
    pub finding: &'a Finding,
    /// The line in the feature file.
    pub line: u32,
    /// The step, in the author's words; none for a standing rule.
    pub step: Option<String>,
    /// When it was allowed to happen, forbidden, or to last.
    pub window: Option<Counted>,
    /// By how much it missed the window: late, or when negative early. None when it was in time, or never came.
    pub missed_by: Option<Span>,
    /// The packet to look at.
    pub packet: Option<u32>,
}

/// A window, counted from what the author counts from.
#[derive(Debug, Clone, PartialEq)]
pub struct Counted {
    /// What it says.
    pub kind: WindowKind,
    /// The first instant.
    pub from: Span,
    /// The last one.
    pub to: Span,
    /// What it is counted from: `line 20: When the phone registers`.
    pub counted_from: String,
}

/// Commands for who wants to see more.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Next {
    /// Judges the capture again.
    pub judge: Option<String>,
    /// Opens it at the packet; a capture without a bundle, in Wireshark by name.
    pub look: Option<String>,
    /// Repeats the scenario.
    pub repeat: String,
}

impl<'a> Failure<'a> {
    /// Of a scenario whose bundle lies in that folder.
    pub fn of(scenario: &'a Scenario, bundle: &Path) -> Self {
        // What the step that stopped says, the mark of it in the capture says again.
        let stop = scenario.failed_step.as_ref().filter(|_| scenario.trouble.is_some());
        let is_stop = |finding: &&Finding| {
            finding.rule == "precondition" && stop.is_some_and(|step| finding.line == Some(step.line))
        };
        let accounts: Vec<Account<'a>> = told(scenario)
            .into_iter()
            .filter(|finding| !is_stop(finding))
            .map(|finding| Account::of(scenario, finding))
            .collect();
        let told_by = |step: &&FailedStep| !accounts.iter().any(|told| told.finding.line == Some(step.line));
        let stopped = scenario.failed_step.as_ref().filter(told_by);
        let trouble = scenario.trouble.as_ref();
        let said = |message: &str| scenario.failed_step.as_ref().is_some_and(|step| step.message == message);
        let capture = scenario.capture.as_ref().map(|capture| bundle.join(capture));
        let path = capture.as_ref().map(|capture| quoted(&capture.display().to_string()));
        let packet = scenario.telling_packet();
        let look = |path: &String| match bundle.as_os_str().is_empty() {
            true => packet
                .map_or_else(|| format!("wireshark -r {path}"), |at| format!("wireshark -r {path} -g {at}")),
            false => {
                let at = packet.map(|packet| format!(" --packet {packet}")).unwrap_or_default();
                format!("sipfarm open {} {:03}{at}", quoted(&bundle.display().to_string()), scenario.id)
            }
        };
        let next = Next {
            judge: path.as_ref().map(|path| format!("sipfarm audit {path}")),
            look: path.as_ref().map(look),
            repeat: scenario.repeat.clone(),
        };
        Failure {
            scenario,
            label: label(scenario),
            accounts,
            stopped,
            trouble: trouble.map(|trouble| &*trouble.message).filter(|message| !said(message)),
            help: trouble.and_then(|trouble| trouble.hint.as_deref()),
            capture,
            next,
        }
    }
}

impl<'a> Account<'a> {
    fn of(scenario: &Scenario, finding: &'a Finding) -> Self {
        let taken = finding.line.and_then(|line| scenario.step_at(line));
        let step = taken.map(|step| sentence(&step.keyword, &step.text)).or_else(|| finding.step.clone());
        Account {
            finding,
            line: finding.line.unwrap_or(scenario.line),
            step,
            window: finding.window.map(|window| Counted {
                kind: window.kind,
                from: window.from - finding.since,
                to: window.to - finding.since,
                counted_from: counted_from(scenario, finding),
            }),
            missed_by: finding.missed_by().filter(|_| finding.verdict == Verdict::Fail),
            packet: finding.telling_packet(),
        }
    }

    /// `37.91 s, late by 5.41 s (packet 88)`.
    pub fn seen(&self) -> String {
        let Finding { seen, packets, .. } = self.finding;
        let mut text = if seen.is_empty() { "nothing".to_owned() } else { seen.clone() };
        if let Some(missed) = self.missed_by.filter(|_| !seen.contains("late by")) {
            let word = if missed > Span::ZERO { "late" } else { "early" };
            text += &format!(", {word} by {}", seconds(missed.abs()));
        }
        match packets.as_slice() {
            [] => text,
            _ if seen.contains("(packet") => text,
            _ => format!("{text} ({}{})", what_packets_show(self.finding), packet_list(packets)),
        }
    }

    /// The rule with the requirements and sections of RFCs that it stands on.
    pub fn rule(&self) -> String {
        match self.finding.requirements.as_slice() {
            [] => self.finding.rule.clone(),
            requirements => format!("{} ({})", self.finding.rule, requirements.join(", ")),
        }
    }
}

/// Everything about a scenario that did not pass; its bundle lies in that folder.
pub fn render_failure(scenario: &Scenario, bundle: &Path) -> String {
    let failure = Failure::of(scenario, bundle);
    let mut text = headline(scenario);
    let mut times: BTreeMap<(&str, Verdict), usize> = BTreeMap::new();
    for account in &failure.accounts {
        let again = times.entry((account.finding.rule.as_str(), account.finding.verdict)).or_default();
        *again += 1;
        if *again <= TOLD_OF_A_RULE {
            text += &render_account(scenario, account);
        }
    }
    for ((rule, verdict), times) in times.into_iter().filter(|(_, times)| *times > TOLD_OF_A_RULE) {
        let more = format!(
            "{rule}: {verdict} {} times more; the report of the bundle has all",
            times - TOLD_OF_A_RULE
        );
        line(&mut text, "more", &more);
    }
    if let Some(step) = failure.stopped {
        text += &place(scenario, if step.line > 0 { step.line } else { scenario.line });
        let _ = writeln!(text, "        {}", clean(&sentence(&step.keyword, &step.text)));
        line(&mut text, "stopped", &step.message);
    } else if failure.accounts.is_empty() {
        text += &place(scenario, scenario.line);
    }
    for (name, told) in [("trouble", failure.trouble), ("help", failure.help)] {
        if let Some(told) = told {
            line(&mut text, name, told);
        }
    }
    if failure.accounts.is_empty() && scenario.failed_step.is_none() && scenario.trouble.is_none() {
        line(&mut text, "seen", "nothing that any rule or step could judge");
    }
    if let Some(tries) = scenario.tries_in_words() {
        line(&mut text, "tries", &tries);
        let others = scenario.tries.iter().skip(1).filter_map(|again| again.capture.as_ref());
        for capture in others {
            line(&mut text, "", &bundle.join(capture).display().to_string());
        }
    }
    let capture = failure.capture.map(|capture| capture.display().to_string());
    let Next { judge, look, repeat } = failure.next;
    for (name, told) in [("evidence", capture), ("judge", judge), ("look", look), ("repeat", Some(repeat))] {
        if let Some(told) = told {
            line(&mut text, name, &told);
        }
    }
    text
}

/// A scenario that passed with a remark (a warning, a known issue): one line for each remark.
pub fn render_remark(result: &Scenario) -> String {
    let mut text = headline(result) + &place(result, result.line);
    let remarks = result.findings.iter().filter(|f| matches!(f.verdict, Verdict::Warn | Verdict::KnownIssue));
    for finding in remarks {
        line(&mut text, &finding.rule, &finding.seen);
    }
    text
}

/// A known issue that the whole run has not shown.
pub fn render_unexpected_pass(pass: &UnexpectedPass) -> String {
    let UnexpectedPass { phone, rule, expected, seen } = pass;
    let mut text = format!("{FIXED} {}   ({})\n", clean(rule), clean(phone));
    line(&mut text, "expected", expected);
    line(&mut text, "seen", seen);
    let next = format!(
        "when all scenarios that could show it have run: take it out of known_issues: in the profile of {phone}"
    );
    line(&mut text, "next", &next);
    text
}

/// Why it did not simply pass, in a few words.
pub fn reason(result: &Scenario) -> Option<String> {
    if let Some(tries) = result.tries_in_words().filter(|_| result.is_flaky()) {
        return Some(tries);
    }
    if let Some(trouble) = &result.trouble {
        return Some(trouble.message.clone());
    }
    if matches!(result.verdict, Verdict::Pass) {
        return None;
    }
    let finding = told(result).into_iter().find(|finding| finding.verdict == result.verdict);
    finding
        .map(in_a_line)
        .or_else(|| result.failed_step.as_ref().map(|step| step.message.clone()))
        .or_else(|| (result.verdict == Verdict::NotExercised).then(|| "nothing was judged".to_owned()))
}

/// A finding in a line that can be understood alone: `+37.91 s, expected REGISTER to "secondary", within …`.
fn in_a_line(finding: &Finding) -> String {
    let seen = if finding.seen.is_empty() { "nothing" } else { &finding.seen };
    format!("{seen}; expected {}", finding.expected)
}

/// The findings that a reader must see: the accusations and doubts, or whatever makes the verdict.
fn told(result: &Scenario) -> Vec<&Finding> {
    use Verdict::{Fail, Inconclusive, NotExercised, Pending, UnexpectedPass};
    let heavy = |finding: &&Finding| match finding.verdict {
        Fail | Inconclusive | Pending | UnexpectedPass => true,
        NotExercised => finding.line.is_some(),
        _ => finding.verdict == result.verdict,
    };
    let mut findings: Vec<&Finding> = result.findings.iter().filter(heavy).collect();
    findings.sort_by_key(|finding| finding.verdict != Fail);
    findings
}

fn headline(result: &Scenario) -> String {
    format!("{:<5} {}   ({})\n", label(result), clean(&result.name), result.held_to())
}

/// `features/a.feature:18`, as editors and CI systems make a link of it; nothing for a capture without a
/// scenario.
fn place(result: &Scenario, line: u32) -> String {
    if result.feature.is_empty() {
        return String::new();
    }
    format!("      {}:{line}\n", clean(&result.feature))
}

fn render_account(scenario: &Scenario, account: &Account<'_>) -> String {
    let finding = account.finding;
    let mut text = place(scenario, account.line);
    if let Some(step) = &account.step {
        let _ = writeln!(text, "        {}", clean(step));
    }
    line(&mut text, "expected", &finding.expected);
    if let Some(Counted { kind, from, to, counted_from }) = &account.window {
        let window = format!("{} to {}, counted from {counted_from}", after(*from), after(*to));
        line(&mut text, &kind.to_string(), &window);
    }
    line(&mut text, "seen", &account.seen());
    nearest_table(&mut text, &finding.nearest, finding.since);
    line(&mut text, "rule", &account.rule());
    if finding.verdict != scenario.verdict {
        line(&mut text, "verdict", &finding.verdict.to_string());
    }
    text
}

fn nearest_table(text: &mut String, nearest: &[Nearest], since: Span) {
    let rows: Vec<[String; 3]> = nearest
        .iter()
        .map(|near| [format!("packet {}", near.packet), clean(&near.what), after(near.at - since)])
        .collect();
    let width = |column: usize| rows.iter().map(|row| row[column].chars().count()).max().unwrap_or(0);
    let widths = [width(0), width(1), width(2)];
    for (number, (row, near)) in rows.iter().zip(nearest).enumerate() {
        let name = if number == 0 { "nearest" } else { "" };
        let [packet, what, at] = row;
        let row = format!(
            "{packet:<w0$}  {what:<w1$}  {at:>w2$}   {}",
            near.why,
            w0 = widths[0],
            w1 = widths[1],
            w2 = widths[2]
        );
        line(text, name, &row);
    }
}

/// What the times of a finding are counted from, in words.
pub fn counted_from(result: &Scenario, finding: &Finding) -> String {
    let start =
        || if result.feature.is_empty() { "the start of the capture" } else { "the start of the scenario" };
    match finding.counted_from {
        Origin::Start => start().to_owned(),
        Origin::Packet(packet) => format!("packet {packet}"),
        Origin::Line(line) => match result.step_at(line) {
            Some(step) => format!("line {line}: {}", sentence(&step.keyword, &step.text)),
            None => format!("line {line}"),
        },
    }
}

/// What stands before the packets of a finding: they show what was seen, or after what nothing came.
pub fn what_packets_show(finding: &Finding) -> &'static str {
    let is_absent = finding.decided.is_none() && finding.verdict == Verdict::Fail;
    if is_absent { "after " } else { "" }
}

fn packet_list(packets: &[u32]) -> String {
    const SHOWN: usize = 12;
    let shown: Vec<String> = packets.iter().take(SHOWN).map(u32::to_string).collect();
    let more =
        if packets.len() > SHOWN { format!(" and {} more", packets.len() - SHOWN) } else { String::new() };
    format!("packet{} {}{more}", if packets.len() == 1 { "" } else { "s" }, shown.join(", "))
}

fn sentence(keyword: &str, text: &str) -> String {
    format!("{} {text}", keyword.trim()).trim().to_owned()
}

/// A path as a shell takes it.
pub fn quoted(path: &str) -> String {
    let plain = |c: char| c.is_ascii_alphanumeric() || "/._-+:,@%=".contains(c);
    if path.chars().all(plain) { path.to_owned() } else { format!("'{}'", path.replace('\'', "'\\''")) }
}

fn line(text: &mut String, name: &str, value: &str) {
    let _ = writeln!(text, "      {name:<10} {}", clean(value));
}
