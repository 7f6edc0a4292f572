//! A scenario that did not pass, in full: what was expected, what was seen, in which packets, why
//! the nearest do not count, which rule says so, and how to see it again.

use std::fmt::Write as _;

use std::path::Path;

use sipfarm_core::Span;
use sipfarm_judge::Verdict;

use super::text::{FIXED, after, clean, label};
use crate::run::record::{FailedStep, Finding, Nearest, Scenario, Step, UnexpectedPass};

/// Everything about a scenario that did not pass; its bundle lies in that folder.
pub fn render_failure(result: &Scenario, bundle: &Path) -> String {
    let mut text = headline(result);
    let findings = told(result);
    for finding in &findings {
        text += &render_finding(result, finding);
    }
    if let Some(step) = result.failed_step.as_ref().filter(|step| !told_by(&findings, step)) {
        text += &place(result, if step.line > 0 { step.line } else { result.line });
        let _ = writeln!(text, "        {}", clean(&sentence(&step.keyword, &step.text)));
        line(&mut text, "stopped", &step.message);
    } else if findings.is_empty() {
        text += &place(result, result.line);
    }
    if let Some(trouble) = &result.trouble {
        if result.failed_step.as_ref().is_none_or(|step| step.message != trouble.message) {
            line(&mut text, "trouble", &trouble.message);
        }
        if let Some(hint) = &trouble.hint {
            line(&mut text, "help", hint);
        }
    }
    if findings.is_empty() && result.failed_step.is_none() && result.trouble.is_none() {
        line(&mut text, "seen", "nothing that any rule or step could judge");
    }
    if let Some(capture) = &result.capture {
        let capture = bundle.join(capture).display().to_string();
        line(&mut text, "evidence", &capture);
        line(&mut text, "judge", &format!("sipfarm audit {}", quoted(&capture)));
        if let Some(packet) = findings.iter().find_map(|finding| telling_packet(finding)) {
            line(&mut text, "look", &format!("wireshark -r {} -g {packet}", quoted(&capture)));
        }
    }
    line(&mut text, "repeat", &result.repeat);
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
    let next =
        format!("when all scenarios that could show it have run: take it out of known_issues: of {phone}");
    line(&mut text, "next", &next);
    text
}

/// Why it did not simply pass, in a few words.
pub fn reason(result: &Scenario) -> Option<String> {
    if let Some(trouble) = &result.trouble {
        return Some(trouble.message.clone());
    }
    if matches!(result.verdict, Verdict::Pass) {
        return None;
    }
    let finding = result.findings.iter().find(|finding| finding.verdict == result.verdict);
    let seen = finding.map(|finding| finding.seen.clone()).filter(|seen| !seen.is_empty());
    seen.or_else(|| result.failed_step.as_ref().map(|step| step.message.clone()))
        .or_else(|| (result.verdict == Verdict::NotExercised).then(|| "nothing was judged".to_owned()))
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

fn told_by(findings: &[&Finding], step: &FailedStep) -> bool {
    findings.iter().any(|finding| finding.line == Some(step.line))
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

fn render_finding(result: &Scenario, finding: &Finding) -> String {
    let mut text = place(result, finding.line.unwrap_or(result.line));
    let step = finding.line.and_then(|line| result.steps.iter().find(|step| step.line == line));
    if let Some(step) = step {
        let _ = writeln!(text, "        {}", clean(&sentence(&step.keyword, &step.text)));
    } else if let Some(step) = &finding.step {
        let _ = writeln!(text, "        {}", clean(step));
    }
    let since = finding.since;
    line(&mut text, "expected", &finding.expected);
    if let Some(window) = finding.window {
        let (from, to) = (after(window.from - since), after(window.to - since));
        line(&mut text, "allowed", &format!("{from} to {to}, {}", counted_from(result, since)));
    }
    let seen = match finding.packets.as_slice() {
        [] => finding.seen.clone(),
        _ if finding.seen.contains("(packet") => finding.seen.clone(),
        packets => format!("{} ({})", finding.seen, packet_list(packets)),
    };
    let seen_or_none = if seen.is_empty() { "nothing" } else { &seen };
    line(&mut text, "seen", seen_or_none);
    nearest_table(&mut text, &finding.nearest, since);
    let rule = if finding.requirements.is_empty() {
        finding.rule.clone()
    } else {
        format!("{} ({})", finding.rule, finding.requirements.join(", "))
    };
    line(&mut text, "rule", &rule);
    if finding.verdict != result.verdict {
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

/// What the times of an expectation are counted from: the last `When` step up to there.
fn counted_from(result: &Scenario, since: Span) -> String {
    let is_trigger = |step: &&Step| step.at.is_some_and(|at| at <= since) && step.is_trigger();
    match result.steps.iter().rfind(is_trigger) {
        Some(step) => format!("counted from line {}: {}", step.line, sentence(&step.keyword, &step.text)),
        None => "counted from the start of the scenario".to_owned(),
    }
}

/// The packet to look at: the last one, at which the matter was decided.
fn telling_packet(finding: &Finding) -> Option<u32> {
    finding.packets.last().copied().or_else(|| finding.nearest.first().map(|near| near.packet))
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
fn quoted(path: &str) -> String {
    let plain = |c: char| c.is_ascii_alphanumeric() || "/._-+:,@%".contains(c);
    if path.chars().all(plain) { path.to_owned() } else { format!("'{}'", path.replace('\'', "'\\''")) }
}

fn line(text: &mut String, name: &str, value: &str) {
    let _ = writeln!(text, "      {name:<10} {}", clean(value));
}
