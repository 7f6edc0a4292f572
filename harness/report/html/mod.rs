//! A run as one page of HTML: `report.html`, a file by itself that asks no network for anything.
//!
//! The pages of scenarios are made one by one ([`page`]), so that whoever calls may do it on several processors, and
//! lie in the file as text that no browser reads before somebody opens them. What a phone, an author or a file says
//! goes through `escape::Escaped` everywhere; and if something slipped through, the page's own policy forbids every
//! script but the one that stands beside this file.

mod coverage;
mod escape;
mod ladder;
mod matrix;
mod overview;
mod policy;
mod scenario;
mod times;
mod words;

use std::collections::BTreeMap;
use std::fmt::Write as _;

use sipfarm_judge::Timeline;

use self::escape::Escaped;
use crate::requirements::Requirements;
use crate::run::events::ScenarioId;
use crate::run::record::{Recorded, Scenario};

const STYLE: &str = include_str!("report.css");
const SCRIPT: &str = include_str!("report.js");

/// The page of one scenario, with what its capture shows, or why that cannot be read.
pub fn page(scenario: &Scenario, seen: Result<&Timeline, &str>, known: &Requirements) -> String {
    scenario::render(scenario, seen, known)
}

/// The report of a run with the pages of its scenarios.
pub fn render(recorded: &Recorded, pages: &BTreeMap<ScenarioId, String>, known: &Requirements) -> String {
    let scenarios = recorded.scenarios();
    let mut text = head(recorded);
    text += "<main id=\"overview\">\n";
    text += &overview::summary(recorded, &scenarios);
    text += "<nav class=\"tabs\" aria-label=\"Views\"><a href=\"#\" data-tab=\"list\">Scenarios</a> \
             <a href=\"#coverage\" data-tab=\"coverage\">Requirements</a> <a href=\"#phones\" data-tab=\"phones\">Phones</a> \
             <a href=\"#times\" data-tab=\"times\">Times</a></nav>\n";
    text += &overview::list(&scenarios, known);
    text += &coverage::render(&scenarios, known);
    text += &matrix::render(&scenarios);
    text += &times::render(&scenarios);
    text += "</main>\n<main id=\"scenario\" hidden></main>\n\
             <aside id=\"message\" hidden tabindex=\"-1\" aria-label=\"Message\"><div class=\"bar\"><b></b>\
             <button type=\"button\" class=\"close\">close (Esc)</button></div><pre></pre></aside>\n";
    for (id, page) in pages {
        let _ = writeln!(text, "<script type=\"text/plain\" id=\"p{id:03}\">{page}</script>");
    }
    let _ = write!(text, "<script>{SCRIPT}</script>\n</body>\n</html>\n");
    text
}

fn head(recorded: &Recorded) -> String {
    format!(
        "<!doctype html>\n<html lang=\"en\">\n<head>\n<meta charset=\"utf-8\">\n\
         <meta http-equiv=\"Content-Security-Policy\" content=\"{}\">\n\
         <meta name=\"viewport\" content=\"width=device-width\">\n<meta name=\"color-scheme\" content=\"light dark\">\n\
         <title>sipfarm: {}</title>\n<style>{STYLE}</style>\n</head>\n<body>\n",
        policy::policy(STYLE, SCRIPT),
        Escaped(&recorded.header.lab),
    )
}

#[cfg(test)]
mod tests;
