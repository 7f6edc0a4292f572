//! What of the requirements, and of the RFCs that rules stand on, the run has tried.

use std::collections::{BTreeMap, BTreeSet};
use std::fmt::Write as _;

use sipfarm_judge::Verdict;

use super::escape::Escaped;
use super::words::{chip, short, worst};
use crate::requirements::{Gap, Requirements};
use crate::run::record::Scenario;

/// Links that a row shows at most.
const SHOWN: usize = 12;

/// Both tables.
pub fn render(scenarios: &[&Scenario], known: &Requirements) -> String {
    let mut rows = String::new();
    let (mut covered, mut all) = (0, 0);
    for requirement in known.iter() {
        let of: Vec<&&Scenario> =
            scenarios.iter().filter(|scenario| scenario.tags.contains(&requirement.id)).collect();
        all += 1;
        covered += usize::from(!of.is_empty());
        let verdict = worst(of.iter().map(|scenario| scenario.verdict));
        let _ = writeln!(
            rows,
            "<tr><th scope=\"row\">{}</th><td>{}</td><td>{}</td><td>{}</td></tr>",
            Escaped(&requirement.id),
            verdict.map_or_else(
                || "<span class=\"chip none\">not covered</span>".to_owned(),
                |verdict| chip(short(verdict), verdict)
            ),
            shown(&of, requirement.gap(of.iter().map(|scenario| scenario.tags.as_slice()))),
            Escaped(&requirement.text),
        );
    }
    format!(
        "<section id=\"coverage\" data-view=\"coverage\" aria-label=\"Requirements\">\n<h2>Requirements</h2>\n\
         <p>{covered} of {all} have a scenario in this run. Of several verdicts the heaviest is shown.</p>\n\
         <table><thead><tr><th scope=\"col\">id</th><th scope=\"col\">verdict</th><th scope=\"col\">scenarios</th>\
         <th scope=\"col\">what it asks</th></tr></thead>\n<tbody>\n{rows}</tbody></table>\n{}</section>\n",
        standards(scenarios)
    )
}

/// The scenarios of a requirement, and what of it none of this run covers.
fn shown(scenarios: &[&&Scenario], gap: Option<Gap>) -> String {
    let links = links(scenarios.iter().map(|scenario| **scenario));
    let gap = gap.map(|gap| format!("<i>{gap}</i>"));
    [Some(links).filter(|links| !links.is_empty()), gap].into_iter().flatten().collect::<Vec<_>>().join(" ")
}

fn links<'a>(scenarios: impl Iterator<Item = &'a Scenario>) -> String {
    let all: Vec<String> =
        scenarios.map(|scenario| format!("<a href=\"#{id:03}\">{id:03}</a>", id = scenario.id)).collect();
    let more = all.len().saturating_sub(SHOWN);
    let shown = all[..all.len() - more].join(" ");
    if more > 0 { format!("{shown} and {more} more") } else { shown }
}

/// What rules say of the sections of RFCs.
#[derive(Default)]
struct Section<'a> {
    rules: BTreeSet<&'a str>,
    verdicts: BTreeMap<Verdict, usize>,
    heaviest: Option<Verdict>,
}

fn standards(scenarios: &[&Scenario]) -> String {
    let mut sections: BTreeMap<(&str, Vec<u32>, &str), Section> = BTreeMap::new();
    for finding in scenarios.iter().flat_map(|scenario| &scenario.findings) {
        for id in finding.requirements.iter().filter(|id| id.starts_with("RFC ")) {
            let section = sections.entry(order(id)).or_default();
            section.rules.insert(&finding.rule);
            *section.verdicts.entry(finding.verdict).or_default() += 1;
            // A standing rule that had no occasion says nothing beside one that had.
            if finding.verdict != Verdict::NotExercised || finding.line.is_some() {
                section.heaviest = worst(section.heaviest.into_iter().chain([finding.verdict]));
            }
        }
    }
    let mut text = "<h2>Sections of RFCs</h2>\n<p>Each rule is judged in each scenario; most have no occasion in most.</p>\n\
        <table><thead><tr><th scope=\"col\">section</th><th scope=\"col\">heaviest</th><th scope=\"col\">verdicts</th>\
        <th scope=\"col\">rules</th></tr></thead>\n<tbody>\n".to_owned();
    for ((_, _, id), section) in &sections {
        let verdicts =
            section.verdicts.iter().map(|(verdict, number)| format!("{number} {}", short(*verdict)));
        let rules: Vec<String> = section.rules.iter().map(|rule| Escaped(rule).to_string()).collect();
        let _ = writeln!(
            text,
            "<tr><th scope=\"row\">{}</th><td>{}</td><td>{}</td><td>{}</td></tr>",
            Escaped(id),
            section.heaviest.map_or_else(
                || chip(short(Verdict::NotExercised), Verdict::NotExercised),
                |verdict| chip(short(verdict), verdict)
            ),
            verdicts.collect::<Vec<_>>().join(", "),
            rules.join(", ")
        );
    }
    text + "</tbody></table>\n"
}

/// Sections in the order of their numbers: 9.1 before 17.1.
fn order(id: &str) -> (&str, Vec<u32>, &str) {
    let mut words = id.splitn(3, ' ');
    let (_, rfc, section) = (words.next(), words.next().unwrap_or(""), words.next().unwrap_or(""));
    (rfc, section.split('.').filter_map(|part| part.parse().ok()).collect(), id)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn sections_stand_in_the_order_of_their_numbers() {
        let mut ids = ["RFC 3261 17.1.1.2", "RFC 3263 4.3", "RFC 3261 9.1"];
        ids.sort_by_key(|id| order(id));
        assert_eq!(ids, ["RFC 3261 9.1", "RFC 3261 17.1.1.2", "RFC 3263 4.3"]);
    }
}
