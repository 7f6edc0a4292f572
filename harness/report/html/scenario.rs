//! The page of a scenario: what it says, what was found, and its ladder.

use std::fmt::Write as _;
use std::path::Path;

use sipfarm_core::Span;
use sipfarm_judge::{Timeline, Verdict};

use super::escape::{Escaped, link};
use super::ladder::{Ladder, svg};
use super::overview::place;
use super::words::{chip, severity, worst};
use crate::report::failure::{Failure, Next, counted_from, what_packets_show};
use crate::report::text::{after, cut, label, seconds};
use crate::requirements::Requirements;
use crate::run::record::{Finding, Scenario, Step, Window};

/// The page of a scenario, with what its capture shows, or why that cannot be read.
pub fn render(scenario: &Scenario, seen: Result<&Timeline, &str>, known: &Requirements) -> String {
    let mut page = heading(scenario);
    page += "<div class=\"split\">\n<section class=\"story\" aria-label=\"Steps and findings\">\n";
    page += &steps(scenario);
    page += &trouble(scenario);
    page += &findings(scenario, known);
    page += &commands(scenario);
    page += "</section>\n<section class=\"wire\" aria-label=\"Ladder\">\n";
    match seen {
        Ok(timeline) => {
            let ladder = Ladder::of(scenario, timeline);
            page += &svg::legend();
            let steps_of = |packets: &[u32]| steps_of(scenario, packets);
            let _ =
                write!(page, "<div class=\"scroll\" tabindex=\"0\">{}</div>", svg::draw(&ladder, &steps_of));
        }
        Err(why) => {
            let _ = writeln!(page, "<p class=\"missing\">There is no ladder: {}</p>", Escaped(why));
        }
    }
    page + "</section>\n</div>\n"
}

/// The steps whose findings show a packet.
fn steps_of(scenario: &Scenario, packets: &[u32]) -> Vec<u32> {
    let shows = |finding: &&Finding| finding.packets.iter().any(|packet| packets.contains(packet));
    scenario.findings.iter().filter(shows).filter_map(|finding| finding.line).collect()
}

fn heading(scenario: &Scenario) -> String {
    let origin = [&scenario.feature_name, &place(scenario)];
    let origin: String =
        origin.iter().filter(|part| !part.is_empty()).map(|part| format!("{part} · ")).collect();
    let mut text = format!(
        "<header class=\"top\"><p class=\"crumb\"><a href=\"#\">All scenarios</a> › {:03} \
         <span class=\"nav\"><a href=\"#\" data-go=\"-1\">previous (k)</a> <a href=\"#\" data-go=\"1\">next (j)</a></span></p>\n\
         <h2 tabindex=\"-1\">{} {}</h2>\n<p class=\"facts\">{}phone {} · {}{}",
        scenario.id,
        chip(label(scenario), scenario.verdict),
        Escaped(&scenario.name),
        Escaped(&origin),
        Escaped(&scenario.held_to()),
        seconds(scenario.duration()),
        if scenario.virtual_time.is_some() { " of virtual time" } else { "" },
    );
    if let Some(lab) = &scenario.lab {
        let _ = write!(text, " · lab {}", Escaped(lab));
    }
    if let Some((shown, href)) =
        scenario.capture.as_deref().and_then(|capture| Some((capture, link(capture)?)))
    {
        let _ = write!(text, " · capture <a href=\"{href}\">{}</a>", Escaped(shown));
    }
    text += "</p>\n<p class=\"tags\">";
    for tag in &scenario.tags {
        let _ = write!(text, "<span class=\"tag\">@{}</span> ", Escaped(tag));
    }
    text + "</p></header>\n"
}

fn steps(scenario: &Scenario) -> String {
    let mut text = "<ol class=\"steps\">\n".to_owned();
    for step in &scenario.steps {
        let (word, verdict) = outcome(scenario, step);
        let _ = writeln!(
            text,
            "<li class=\"stp\" data-step=\"{line}\" tabindex=\"0\"><span class=\"when\">{}</span><span class=\"said\">\
             <b>{}</b> {}{}</span>{}</li>",
            step.at.map(after).unwrap_or_default(),
            Escaped(step.keyword.trim()),
            Escaped(&step.text),
            table(step),
            verdict.map_or_else(
                || format!("<span class=\"chip none\">{word}</span>"),
                |verdict| chip(word, verdict)
            ),
            line = step.line,
        );
    }
    text + "</ol>\n"
}

/// How a step ended: in a word, and where it was judged, as a verdict.
fn outcome(scenario: &Scenario, step: &Step) -> (&'static str, Option<Verdict>) {
    let of_step = scenario.findings.iter().filter(|finding| finding.line == Some(step.line));
    match worst(of_step.map(|finding| finding.verdict)) {
        Some(verdict) => (super::words::short(verdict), Some(verdict)),
        None if scenario.failed_step.as_ref().is_some_and(|failed| failed.line == step.line) => {
            ("stopped here", Some(Verdict::Inconclusive))
        }
        None if step.at.is_none() => ("not reached", None),
        None => ("done", None),
    }
}

fn table(step: &Step) -> String {
    if step.table.is_empty() {
        return String::new();
    }
    let mut text = "<table class=\"cells\">".to_owned();
    for row in &step.table {
        text += "<tr>";
        for cell in row {
            let _ = write!(text, "<td>{}</td>", Escaped(cell));
        }
        text += "</tr>";
    }
    text + "</table>"
}

fn trouble(scenario: &Scenario) -> String {
    let mut text = String::new();
    let Failure { stopped, trouble, help, .. } = Failure::of(scenario, Path::new(""));
    if let Some(step) = stopped {
        let place = if step.line > 0 { format!(" at line {}", step.line) } else { String::new() };
        let _ = writeln!(text, "<p class=\"trouble\"><b>Stopped</b>{place}: {}</p>", Escaped(&step.message));
    }
    let help = help.map(|help| format!("<i>{}</i>", Escaped(help)));
    let told = [trouble.map(|trouble| Escaped(trouble).to_string()), help];
    let told: Vec<String> = told.into_iter().flatten().collect();
    if !told.is_empty() {
        let _ = writeln!(text, "<p class=\"trouble\"><b>Trouble</b> {}</p>", told.join(" "));
    }
    if !scenario.calls_up.is_empty() {
        let calls = scenario.calls_up.join(", ");
        let _ = writeln!(text, "<p class=\"trouble\">Left a call up, now ended: {}</p>", Escaped(&calls));
    }
    text
}

fn findings(scenario: &Scenario, known: &Requirements) -> String {
    let idle = |finding: &Finding| {
        finding.line.is_none() && matches!(finding.verdict, Verdict::NotExercised | Verdict::NotApplicable)
    };
    let kept = |finding: &Finding| finding.verdict == Verdict::Pass && finding.line.is_none();
    let mut told: Vec<(usize, &Finding)> = scenario
        .findings
        .iter()
        .enumerate()
        .filter(|(_, finding)| !idle(finding) && !kept(finding))
        .collect();
    told.sort_by_key(|(number, finding)| (std::cmp::Reverse(severity(finding.verdict)), *number));
    let mut text = "<h3>Findings</h3>\n".to_owned();
    for (number, finding) in told {
        text += &card(scenario, number, finding, known);
    }
    text += &names("Kept in passing", scenario.findings.iter().filter(|finding| kept(finding)));
    text + &names("Without an occasion", scenario.findings.iter().filter(|finding| idle(finding)))
}

/// Rules in one line.
fn names<'a>(title: &str, findings: impl Iterator<Item = &'a Finding>) -> String {
    let rules: Vec<String> = findings.map(|finding| Escaped(&finding.rule).to_string()).collect();
    if rules.is_empty() {
        return String::new();
    }
    format!(
        "<details><summary>{title}: {} rules</summary><p>{}</p></details>\n",
        rules.len(),
        rules.join(", ")
    )
}

fn card(scenario: &Scenario, number: usize, finding: &Finding, known: &Requirements) -> String {
    let steps = finding.line.map(|line| format!(" data-step=\"{line}\"")).unwrap_or_default();
    let open = if matches!(finding.verdict, Verdict::Pass) { "" } else { " open" };
    let place =
        finding.line.map(|line| format!(" <span class=\"at\">line {line}</span>")).unwrap_or_default();
    let mut text = format!(
        "<details class=\"finding {}\" data-finding=\"{number}\"{steps}{open}><summary>{} <code>{}</code>{place}</summary>\n<dl>\n",
        super::words::class(finding.verdict),
        chip(super::words::short(finding.verdict), finding.verdict),
        Escaped(&finding.rule),
    );
    let mut row = |name: &str, value: String| {
        let _ = writeln!(text, "<dt>{name}</dt><dd>{value}</dd>");
    };
    if let Some(step) = &finding.step {
        row("step", Escaped(step).to_string());
    }
    row("expected", Escaped(&finding.expected).to_string());
    if let Some(window) = finding.window {
        row(&window.kind.to_string(), window_row(scenario, finding, window));
    }
    let seen = if finding.seen.is_empty() { "nothing" } else { &finding.seen };
    row("seen", format!("{}{}{}", Escaped(seen), decided(finding), packets(finding)));
    if !finding.nearest.is_empty() {
        row("nearest", nearest(finding));
    }
    row("rests on", requirements(finding, known));
    text + "</dl></details>\n"
}

fn window_row(scenario: &Scenario, finding: &Finding, window: Window) -> String {
    let since = finding.since;
    let from = counted_from(scenario, finding);
    let times = format!("{} to {}", after(window.from - since), after(window.to - since));
    format!("{times}, counted from {}{}", Escaped(&from), bar(finding, window))
}

/// When it was decided, and by how much it missed its window.
fn decided(finding: &Finding) -> String {
    let (Some(at), Some(_)) = (finding.decided, finding.window) else { return String::new() };
    let missed = finding.missed_by().map(|by| format!(", <b class=\"by\">{}</b>", svg::late(by)));
    format!(" <span class=\"at\">at {}{}</span>", after(at - finding.since), missed.unwrap_or_default())
}

/// The window to scale: green what is allowed, red what is forbidden or beyond, a dot what was seen.
fn bar(finding: &Finding, window: Window) -> String {
    const WIDTH: f64 = 320.0;
    let start = finding.since.min(window.from);
    let end = finding.decided.unwrap_or(window.to).max(window.to);
    let whole = (end - start).as_secs_f64().max(1e-6) * 1.04;
    let x = |at: Span| 6.0 + (WIDTH - 12.0) * ((at - start).as_secs_f64() / whole).clamp(0.0, 1.0);
    let (from, to) = (x(window.from), x(window.to));
    let mut text = format!(
        "<svg class=\"bar\" width=\"{WIDTH}\" height=\"18\" role=\"img\" aria-label=\"timing bar\"><rect class=\"track\" x=\"0\" y=\"7\" \
         width=\"{WIDTH}\" height=\"4\"/><rect class=\"{}\" x=\"{from:.1}\" y=\"4\" width=\"{:.1}\" height=\"10\" rx=\"3\"/>",
        window.kind,
        (to - from).max(2.0)
    );
    if let Some(at) = finding.decided {
        let dot = x(at);
        if finding.missed_by().is_some() {
            let (left, right) = if dot > to { (to, dot) } else { (dot, from) };
            let _ = write!(
                text,
                "<rect class=\"beyond\" x=\"{left:.1}\" y=\"7\" width=\"{:.1}\" height=\"4\"/>",
                (right - left).max(1.0)
            );
        }
        let _ = write!(text, "<circle class=\"dot\" cx=\"{dot:.1}\" cy=\"9\" r=\"5\"/>");
    }
    text + "</svg>"
}

fn packets(finding: &Finding) -> String {
    const SHOWN: usize = 12;
    let (packets, what) = (&finding.packets, what_packets_show(finding));
    let links: Vec<String> = packets.iter().take(SHOWN).map(|packet| packet_link(*packet)).collect();
    match packets.len() {
        0 => String::new(),
        1..=SHOWN => format!(" ({what}packet {})", links.join(", ")),
        number => format!(" ({what}packet {} and {} more)", links.join(", "), number - SHOWN),
    }
}

fn packet_link(packet: u32) -> String {
    format!("<a href=\"#\" data-packet=\"{packet}\">{packet}</a>")
}

fn nearest(finding: &Finding) -> String {
    let mut text = "<table class=\"near\">".to_owned();
    for near in &finding.nearest {
        let _ = write!(
            text,
            "<tr><td>packet {}</td><td>{}</td><td class=\"n\">{}</td><td>{}</td></tr>",
            packet_link(near.packet),
            Escaped(&near.what),
            after(near.at - finding.since),
            Escaped(&near.why)
        );
    }
    text + "</table>"
}

fn requirements(finding: &Finding, known: &Requirements) -> String {
    let words = finding.requirements.iter().map(|id| match known.get(id) {
        Some(requirement) => format!(
            "<li><a href=\"#coverage\">{id}</a> {}</li>",
            Escaped(&requirement.text),
            id = Escaped(id)
        ),
        None => format!("<li>{}</li>", Escaped(id)),
    });
    format!("<ul class=\"rests\">{}</ul>", words.collect::<String>())
}

/// What to type next, in the folder where the report lies.
fn commands(scenario: &Scenario) -> String {
    let Next { judge, look, repeat } = Failure::of(scenario, Path::new("")).next;
    let rows = [("look", look), ("judge again", judge), ("repeat", Some(repeat))];
    let mut text = "<h3>Next</h3>\n<p class=\"hint\">The first two in the folder of this report.</p>\n<dl class=\"next\">\n".to_owned();
    if scenario.capture.is_none() {
        text = "<h3>Next</h3>\n<dl class=\"next\">\n".to_owned();
    }
    for (name, command) in rows.into_iter().filter_map(|(name, command)| Some((name, command?))) {
        let _ = writeln!(
            text,
            "<dt>{name}</dt><dd><code>{}</code> <button type=\"button\" class=\"copy\">copy</button></dd>",
            Escaped(&cut(&command, 600))
        );
    }
    text + "</dl>\n"
}
