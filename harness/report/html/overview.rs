//! What a run came to, and the list of its scenarios with its filters.

use std::cmp::Reverse;
use std::collections::{BTreeMap, BTreeSet};
use std::fmt::Write as _;

use sipfarm_core::Span;

use super::escape::Escaped;
use super::words::{chip, class, severity};
use crate::report::text::{count, label, seconds};
use crate::requirements::Requirements;
use crate::run::record::{Event, Recorded, Scenario};

/// The run in a few lines.
pub fn summary(recorded: &Recorded, scenarios: &[&Scenario]) -> String {
    let header = &recorded.header;
    let mut text = "<header class=\"top\"><h1>sipfarm report</h1>\n<p class=\"counts\">".to_owned();
    let mut counts: BTreeMap<&str, (usize, &str)> = BTreeMap::new();
    for scenario in scenarios {
        counts.entry(label(scenario)).or_insert((0, class(scenario.verdict))).0 += 1;
    }
    for (word, (number, class)) in &counts {
        let _ = write!(
            text,
            "<button type=\"button\" class=\"count {class}\" data-verdict=\"{word}\"><b>{number}</b> {word}</button> "
        );
    }
    let _ = write!(text, "<span class=\"all\">{}", count(scenarios.len(), "scenario"));
    match recorded.summary() {
        Some(summary) => {
            if summary.real_time > Span::ZERO {
                let _ = write!(text, " in {}", seconds(summary.real_time));
            }
            let missing = summary.selected.saturating_sub(scenarios.len());
            if missing > 0 {
                let _ = write!(text, ", {missing} of those selected did not come to an end");
            }
        }
        None => text += "; the run was cut off before its end",
    }
    text += "</span></p>\n";
    let commit = header
        .commit
        .as_deref()
        .map(|commit| format!(" ({})", commit.chars().take(12).collect::<String>()))
        .unwrap_or_default();
    let _ = writeln!(
        text,
        "<p class=\"facts\">sipfarm {}{} · {} network · lab {} · phone {} · seed {} · {} {}, {}</p>\n\
         <p class=\"facts\"><code>{}</code></p>",
        Escaped(&header.version),
        Escaped(&commit),
        Escaped(&header.net),
        Escaped(&header.lab),
        Escaped(&header.phone),
        header.seed,
        Escaped(&header.host.os),
        Escaped(&header.host.arch),
        count(header.host.cores, "core"),
        Escaped(&header.command.join(" ")),
    );
    for pass in recorded.summary().map(|summary| summary.unexpected_passes.as_slice()).unwrap_or_default() {
        let _ = writeln!(
            text,
            "<p class=\"trouble\"><b>Known issue gone</b> {} of {}: expected {}; seen {}</p>",
            Escaped(&pass.rule),
            Escaped(&pass.phone),
            Escaped(&pass.expected),
            Escaped(&pass.seen)
        );
    }
    text + &interrupted(recorded)
        + "<noscript><p class=\"trouble\">The pages of the scenarios need the script of this file.\
        </p></noscript></header>\n"
}

fn interrupted(recorded: &Recorded) -> String {
    let mut text = String::new();
    let mut number = 0;
    for event in &recorded.events {
        if let Event::ScenarioInterrupted { id, name, feature, line, .. } = event {
            let _ = writeln!(
                text,
                "<p class=\"trouble\"><b>Interrupted</b> {id:03} {} ({}:{line})</p>",
                Escaped(name),
                Escaped(feature)
            );
            number += 1;
        }
    }
    match number {
        0..=3 => text,
        _ => format!(
            "<details class=\"trouble\"><summary>{} interrupted</summary>\n{text}</details>\n",
            count(number, "scenario")
        ),
    }
}

/// The list of scenarios, with what filters it.
pub fn list(scenarios: &[&Scenario], known: &Requirements) -> String {
    let mut text = "<section id=\"list\" data-view=\"list\" aria-label=\"Scenarios\">\n".to_owned();
    text += &filters(scenarios, known);
    text += "<table class=\"list\"><thead><tr><th scope=\"col\">no.</th><th scope=\"col\">verdict</th>\
             <th scope=\"col\">scenario</th><th scope=\"col\">phone</th><th scope=\"col\" class=\"n\">time</th></tr></thead>\n<tbody>\n";
    // What somebody has to look into comes first.
    let mut scenarios = scenarios.to_vec();
    scenarios.sort_by_key(|s| (s.ended_well(), Reverse(severity(s.verdict)), s.id));
    for scenario in scenarios {
        text += &row(scenario);
    }
    text + "</tbody></table>\n<p id=\"nothing\" hidden>No scenario is like that. <button type=\"button\" id=\"reset\">Show all</button></p>\n</section>\n"
}

fn filters(scenarios: &[&Scenario], known: &Requirements) -> String {
    let tags = scenarios.iter().flat_map(|scenario| scenario.tags.iter().map(String::as_str));
    let (ids, others): (BTreeSet<&str>, BTreeSet<&str>) = tags.partition(|tag| known.contains(tag));
    let labels: BTreeSet<&str> = scenarios.iter().map(|scenario| label(scenario)).collect();
    let phones: BTreeSet<&str> = scenarios.iter().map(|scenario| scenario.phone.as_str()).collect();
    let mut text = "<form class=\"filters\" role=\"search\" aria-label=\"Filter\"><label>Search (/) \
        <input type=\"search\" id=\"text\" autocomplete=\"off\"></label>\n"
        .to_owned();
    for (id, name, values) in [
        ("verdict", "Verdict", labels),
        ("phone", "Phone", phones),
        ("tag", "Tag", others),
        ("requirement", "Requirement", ids),
    ] {
        let _ = write!(text, "<label>{name} <select id=\"{id}\"><option value=\"\">all</option>");
        for value in values {
            let _ = write!(text, "<option>{}</option>", Escaped(value));
        }
        text += "</select></label>\n";
    }
    text + "<output id=\"shown\" aria-live=\"polite\"></output></form>\n"
}

/// Where it stands; nothing for a capture without a scenario.
pub fn place(scenario: &Scenario) -> String {
    if scenario.feature.is_empty() {
        String::new()
    } else {
        format!("{}:{}", scenario.feature, scenario.line)
    }
}

fn row(scenario: &Scenario) -> String {
    let lab = scenario.lab.as_deref().map(|lab| format!(" @ {lab}")).unwrap_or_default();
    format!(
        "<tr data-id=\"{id:03}\" data-verdict=\"{label}\" data-phone=\"{phone}\" data-tags=\"{}\"><td>{id:03}</td><td>{}</td>\
         <td><a href=\"#{id:03}\">{}</a> <small>{}</small></td><td>{phone}{}</td><td class=\"n\">{}</td></tr>\n",
        Escaped(&scenario.tags.join(" ")),
        chip(label(scenario), scenario.verdict),
        Escaped(&scenario.name),
        Escaped(&place(scenario)),
        Escaped(&lab),
        seconds(scenario.duration()),
        id = scenario.id,
        label = label(scenario),
        phone = Escaped(&scenario.phone),
    )
}
