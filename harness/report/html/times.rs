//! What passed by little, and what took long.

use std::cmp::Reverse;
use std::fmt::Write as _;

use sipfarm_core::Span;
use sipfarm_judge::Verdict;

use super::escape::Escaped;
use crate::report::text::{after, seconds};
use crate::run::record::{Finding, Scenario};

/// Rows of each table.
const SHOWN: usize = 20;

/// An expectation that was met, and how nearly it was not.
#[derive(Debug, PartialEq)]
pub struct Margin<'a> {
    /// Where.
    pub scenario: &'a Scenario,
    /// Which.
    pub finding: &'a Finding,
    /// What was left to the nearer end of its window …
    pub left: Span,
    /// … as a part of the window, from 0 to ½.
    pub part: f64,
}

/// Both tables.
pub fn render(scenarios: &[&Scenario]) -> String {
    let mut text = "<section id=\"times\" data-view=\"times\" aria-label=\"Times\">\n<h2>Tightest margins</h2>\n\
        <p>What was on time, by how little: the part of its window that was left to the nearer end.</p>\n\
        <table><thead><tr><th scope=\"col\">scenario</th><th scope=\"col\">what</th><th scope=\"col\" class=\"n\">allowed</th>\
        <th scope=\"col\" class=\"n\">seen</th><th scope=\"col\" class=\"n\">left</th></tr></thead>\n<tbody>\n".to_owned();
    for Margin { scenario, finding, left, part } in margins(scenarios).iter().take(SHOWN) {
        let (since, window) = (finding.since, finding.window);
        let allowed =
            window.map(|window| format!("{} to {}", after(window.from - since), after(window.to - since)));
        let _ = writeln!(
            text,
            "<tr><td><a href=\"#{id:03}\">{id:03}</a> {}</td><td>{}</td><td class=\"n\">{}</td><td class=\"n\">{}</td>\
             <td class=\"n\">{} ({:.0} %)</td></tr>",
            Escaped(&scenario.name),
            Escaped(finding.step.as_deref().unwrap_or(&finding.rule)),
            allowed.unwrap_or_default(),
            finding.decided.map(|at| after(at - since)).unwrap_or_default(),
            seconds(*left),
            part * 100.0,
            id = scenario.id,
        );
    }
    text += "</tbody></table>\n<h2>Slowest</h2>\n<table><thead><tr><th scope=\"col\">scenario</th><th scope=\"col\" class=\"n\">time</th>\
        <th scope=\"col\" class=\"n\">real time</th></tr></thead>\n<tbody>\n";
    let mut slowest = scenarios.to_vec();
    slowest.sort_by_key(|scenario| (Reverse(scenario.duration()), scenario.id));
    for scenario in slowest.iter().take(SHOWN) {
        let _ = writeln!(
            text,
            "<tr><td><a href=\"#{id:03}\">{id:03}</a> {}</td><td class=\"n\">{}</td><td class=\"n\">{}</td></tr>",
            Escaped(&scenario.name),
            seconds(scenario.duration()),
            seconds(scenario.real_time),
            id = scenario.id,
        );
    }
    text + "</tbody></table>\n</section>\n"
}

/// Every expectation that was met within a window, the tightest first.
pub fn margins<'a>(scenarios: &[&'a Scenario]) -> Vec<Margin<'a>> {
    let mut margins: Vec<Margin> = scenarios
        .iter()
        .flat_map(|scenario| scenario.findings.iter().filter_map(|finding| margin(scenario, finding)))
        .collect();
    margins.sort_by(|a, b| a.part.total_cmp(&b.part).then(a.scenario.id.cmp(&b.scenario.id)));
    margins
}

fn margin<'a>(scenario: &'a Scenario, finding: &'a Finding) -> Option<Margin<'a>> {
    let (window, at) = (finding.window?, finding.decided?);
    let width = window.to - window.from;
    if finding.verdict != Verdict::Pass || at < window.from || at > window.to || width <= Span::ZERO {
        return None;
    }
    // A window that is open from the start has no early end to miss.
    let early = (window.from > finding.since).then(|| at - window.from);
    let left = early.map_or(window.to - at, |early| early.min(window.to - at));
    Some(Margin { scenario, finding, left, part: left.as_secs_f64() / width.as_secs_f64() })
}
