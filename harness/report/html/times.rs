//! What passed by little, and what took long.

use std::cmp::Reverse;
use std::fmt::Write as _;

use super::escape::Escaped;
use crate::report::margins::{Margin, tightest};
use crate::report::text::{after, seconds};
use crate::run::record::Scenario;

/// Rows of each table.
const SHOWN: usize = 20;

/// Both tables.
pub fn render(scenarios: &[&Scenario]) -> String {
    let mut text = "<section id=\"times\" data-view=\"times\" aria-label=\"Times\">\n<h2>Tightest margins</h2>\n\
        <p>What was on time, by how little: the part of its window that was left.</p>\n\
        <table><thead><tr><th scope=\"col\">scenario</th><th scope=\"col\">what</th><th scope=\"col\" class=\"n\">allowed</th>\
        <th scope=\"col\" class=\"n\">seen</th><th scope=\"col\" class=\"n\">left</th></tr></thead>\n<tbody>\n".to_owned();
    for margin in tightest(scenarios.iter().copied(), SHOWN) {
        let Margin { scenario, finding, left } = margin;
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
            seconds(left),
            margin.part() * 100.0,
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
