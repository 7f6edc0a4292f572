//! What GitHub Actions shows of a run: annotations at the lines of the feature files, and the job's summary.
//!
//! GitHub shows ten errors of a step and drops the rest in silence, so there are ten at most here, accusations
//! first, and the summary has all.

use std::fmt::Write as _;
use std::path::Path;

use sipfarm_judge::Verdict;

use super::conclusion::tally;
use super::failure::{reason, render_failure};
use super::text::{clean, count, cut, label};
use crate::run::record::{Scenario, Summary};

/// As many annotations as GitHub shows of one step.
const SHOWN: usize = 10;
/// GitHub refuses a summary of more than 1 MiB; failures beyond this many octets are told by their line only.
const SUMMARY_OCTETS: usize = 500_000;

/// The workflow commands for standard output. Paths below `workspace` are told from there on.
pub fn annotations(scenarios: &[&Scenario], workspace: Option<&Path>) -> String {
    let told = told(scenarios, false);
    let mut text = String::new();
    for scenario in told.iter().take(SHOWN) {
        let finding = scenario.findings.iter().find(|finding| finding.verdict == scenario.verdict);
        let line = finding.and_then(|finding| finding.line).unwrap_or(scenario.line);
        let path = Path::new(&scenario.feature);
        let path = workspace.and_then(|workspace| path.strip_prefix(workspace).ok()).unwrap_or(path);
        let title = format!("{} {} ({})", label(scenario), scenario.name, scenario.held_to());
        let why = reason(scenario).unwrap_or_else(|| scenario.verdict.to_string());
        let repeat =
            if scenario.repeat.is_empty() { String::new() } else { format!("\n{}", scenario.repeat) };
        let _ = writeln!(
            text,
            "::error file={},line={line},title={}::{}",
            property(&path.display().to_string()),
            property(&title),
            message(&format!("{why}{repeat}"))
        );
    }
    if told.len() > SHOWN {
        let _ = writeln!(text, "{} more in the summary of the job", count(told.len() - SHOWN, "scenario"));
    }
    text
}

/// The page for `$GITHUB_STEP_SUMMARY`, in Markdown.
pub fn summary_page(scenarios: &[&Scenario], summary: &Summary, bundle: &Path) -> String {
    let mut page = format!("## sipfarm: {}\n\n", tally(&summary.counts));
    let _ = writeln!(
        page,
        "Exit code {}. Bundle: {}\n",
        summary.exit.code(),
        code(&bundle.display().to_string())
    );
    let told = told(scenarios, true);
    if told.is_empty() {
        return page;
    }
    page += "| | scenario | phone | place | |\n|---|---|---|---|---|\n";
    for scenario in &told {
        let _ = writeln!(
            page,
            "| {} | {} | {} | {} | {} |",
            label(scenario),
            cell(&scenario.name),
            cell(&scenario.held_to()),
            code(&format!("{}:{}", scenario.feature, scenario.line)),
            cell(&cut(&reason(scenario).unwrap_or_default(), 160))
        );
    }
    for scenario in told {
        let failure = render_failure(scenario, bundle);
        if page.len() + failure.len() > SUMMARY_OCTETS {
            page += "\nThe rest is in the report of the bundle.\n";
            break;
        }
        // Indented, so that nothing in it is taken for Markdown or HTML.
        let failure: Vec<String> = failure.lines().map(|line| format!("    {line}")).collect();
        let _ = write!(page, "\n{}\n", failure.join("\n"));
    }
    page
}

/// Who did not end well, accusations first; in the summary also who did only when tried again.
fn told<'a>(scenarios: &[&'a Scenario], flaky_too: bool) -> Vec<&'a Scenario> {
    let is_told = |s: &&Scenario| !s.ended_well() || flaky_too && s.is_flaky();
    let mut told: Vec<&Scenario> = scenarios.iter().copied().filter(is_told).collect();
    told.sort_by_key(|scenario| (scenario.verdict != Verdict::Fail, scenario.trouble.is_none(), scenario.id));
    told
}

/// The text of a workflow command: one line, in which a line feed is written so.
fn message(text: &str) -> String {
    let lines: Vec<String> = text.lines().map(clean).collect();
    lines.join("\n").replace('%', "%25").replace('\r', "%0D").replace('\n', "%0A")
}

/// A property of a workflow command, in which a colon or a comma would end it.
fn property(text: &str) -> String {
    message(text).replace(':', "%3A").replace(',', "%2C")
}

/// A cell of a table.
fn cell(text: &str) -> String {
    let mut out = String::new();
    for c in clean(text).chars() {
        match c {
            '&' => out += "&amp;",
            '<' => out += "&lt;",
            '>' => out += "&gt;",
            '|' | '\\' | '`' | '*' | '_' | '[' | ']' | '@' | '#' => _ = write!(out, "&#{};", u32::from(c)),
            c => out.push(c),
        }
    }
    out
}

/// Words as they are.
fn code(text: &str) -> String {
    format!("<code>{}</code>", cell(text))
}

#[cfg(test)]
mod tests {
    use sipfarm_core::Span;

    use super::*;
    use crate::error::Blame;
    use crate::run::events::tests::result;
    use crate::run::events::{self, Trouble};

    fn scenario(id: u32, verdict: Verdict) -> Scenario {
        Scenario::of(&result(id, &[verdict]), Path::new("b"))
    }

    #[test]
    fn an_annotation_stands_at_the_line_and_is_one_line() {
        let mut failed = scenario(1, Verdict::Fail);
        failed.name = "100%: a, b\r\n::error::c".into();
        failed.feature = "/work/features/a:b,c.feature".into();
        failed.findings[0].line = Some(21);
        failed.findings[0].expected = "one\n::stop-commands::x".into();
        failed.repeat = "sipfarm run a.feature:3".into();
        let text = annotations(&[&failed], Some(Path::new("/work")));
        assert_eq!(
            text,
            "::error file=features/a%3Ab%2Cc.feature,line=21,title=FAIL 100%25%3A a%2C b%0A%3A%3Aerror%3A%3Ac (rfc3261)\
             ::something else; expected one%0A::stop-commands::x%0Asipfarm run a.feature:3\n"
        );
    }

    #[test]
    fn ten_at_most_and_accusations_first() {
        let mut scenarios: Vec<Scenario> = (1..=8).map(|id| scenario(id, Verdict::Inconclusive)).collect();
        scenarios.extend((9..=12).map(|id| scenario(id, Verdict::Fail)));
        let mut lab = result(13, &[Verdict::Pass]);
        lab.trouble = Some(Trouble { blame: Blame::Lab, message: "taken".into(), hint: None });
        lab.conclude();
        scenarios.push(Scenario::of(&lab, Path::new("b")));
        scenarios.push(scenario(14, Verdict::Pass));
        let scenarios: Vec<&Scenario> = scenarios.iter().collect();
        let text = annotations(&scenarios, None);
        let errors: Vec<&str> = text.lines().filter(|line| line.starts_with("::error")).collect();
        assert_eq!(errors.len(), 10);
        assert!(errors[..4].iter().all(|error| error.contains("title=FAIL")), "{text}");
        assert!(errors[4].contains("title=LAB") && errors[5].contains("title=INCO"), "{text}");
        assert!(text.ends_with("3 scenarios more in the summary of the job\n"), "{text}");
    }

    #[test]
    fn the_page_has_all_of_them_and_nothing_from_the_network_is_markup() {
        let mut results: Vec<_> = (1..=12).map(|id| result(id, &[Verdict::Fail])).collect();
        results[0].name = "<script>|[a](b)".into();
        let summary = Summary::from(&events::Summary::of(12, &results, None, Span::ZERO));
        let scenarios: Vec<Scenario> = results.iter().map(|r| Scenario::of(r, Path::new("b"))).collect();
        let scenarios: Vec<&Scenario> = scenarios.iter().collect();
        let page = summary_page(&scenarios, &summary, Path::new("b"));
        assert_eq!(page.lines().filter(|line| line.starts_with("| FAIL |")).count(), 12);
        assert!(page.contains("| &lt;script&gt;&#124;&#91;a&#93;(b) |"), "{page}");
        let bare = page.lines().filter(|line| line.contains("<script>"));
        assert!(bare.clone().count() == 1 && bare.clone().all(|line| line.starts_with("    ")), "{page}");
        let none = summary_page(&[], &summary, Path::new("b"));
        assert!(!none.contains("| |"), "{none}");
    }
}
