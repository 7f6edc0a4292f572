//! A run as one page of HTML: `report.html`. It is a file by itself and asks no network for anything.

mod escape;

use std::fmt::Write as _;

use sipfarm_judge::Verdict;

use self::escape::Escaped;
use super::text::{count, label, seconds};
use crate::run::record::{Recorded, Scenario};

/// The page of a run.
pub fn render(recorded: &Recorded) -> String {
    let scenarios = recorded.scenarios();
    let mut page = String::from(
        "<!doctype html>\n<html lang=\"en\">\n<head>\n<meta charset=\"utf-8\">\n\
         <meta http-equiv=\"Content-Security-Policy\" content=\"default-src 'none'\">\n\
         <title>sipfarm report</title>\n</head>\n<body>\n<main>\n<h1>sipfarm report</h1>\n",
    );
    page += &summary(recorded, &scenarios);
    page += "<table>\n<thead><tr><th scope=\"col\">no.</th><th scope=\"col\">verdict</th>\
             <th scope=\"col\">scenario</th><th scope=\"col\">phone</th><th scope=\"col\">time</th></tr></thead>\n<tbody>\n";
    for scenario in scenarios {
        page += &row(scenario);
    }
    page += "</tbody>\n</table>\n</main>\n</body>\n</html>\n";
    page
}

fn summary(recorded: &Recorded, scenarios: &[&Scenario]) -> String {
    let header = &recorded.header;
    let mut text = format!("<p>{}", count(scenarios.len(), "scenario"));
    if recorded.summary().is_none() {
        text += ", and the run did not come to its end";
    }
    for verdict in [Verdict::Fail, Verdict::Inconclusive, Verdict::Pass] {
        let number = scenarios.iter().filter(|scenario| scenario.verdict == verdict).count();
        let _ = write!(text, ", {number} {verdict}");
    }
    let command = header.command.join(" ");
    let _ = writeln!(
        text,
        "</p>\n<p>sipfarm {}, {} network, seed {}: <code>{}</code></p>",
        Escaped(&header.version),
        Escaped(&header.net),
        header.seed,
        Escaped(&command)
    );
    text
}

fn row(scenario: &Scenario) -> String {
    format!(
        "<tr id=\"{id:03}\"><td>{id:03}</td><td>{}</td><td>{} <small>{}:{}</small></td><td>{}</td><td>{}</td></tr>\n",
        label(scenario),
        Escaped(&scenario.name),
        Escaped(&scenario.feature),
        scenario.line,
        Escaped(&scenario.phone),
        seconds(scenario.duration()),
        id = scenario.id,
    )
}
