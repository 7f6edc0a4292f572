//! Which phone did what in which scenario.

use std::collections::{BTreeMap, BTreeSet};
use std::fmt::Write as _;

use super::escape::Escaped;
use super::words::class;
use crate::report::text::label;
use crate::run::record::Scenario;

/// The table: a row for each scenario, a column for each phone, and where bundles were merged, for each lab.
pub fn render(scenarios: &[&Scenario]) -> String {
    let columns: BTreeSet<String> = scenarios.iter().map(|scenario| column(scenario)).collect();
    let mut rows: BTreeMap<(&str, u32, &str), BTreeMap<String, Vec<&Scenario>>> = BTreeMap::new();
    for scenario in scenarios {
        let row = rows.entry((&scenario.feature, scenario.line, &scenario.name)).or_default();
        row.entry(column(scenario)).or_default().push(scenario);
    }
    let mut text = "<section id=\"phones\" data-view=\"phones\" aria-label=\"Phones\">\n<h2>Phones × scenarios</h2>\n\
        <div class=\"scroll\" tabindex=\"0\"><table class=\"matrix\"><thead><tr><th scope=\"col\">scenario</th>".to_owned();
    for name in &columns {
        let _ = write!(text, "<th scope=\"col\">{}</th>", Escaped(name));
    }
    text += "</tr></thead>\n<tbody>\n";
    let mut feature = "";
    for ((file, _, name), cells) in &rows {
        if feature != *file {
            feature = file;
            let _ = writeln!(
                text,
                "<tr class=\"group\"><th colspan=\"{}\" scope=\"rowgroup\">{}</th></tr>",
                columns.len() + 1,
                Escaped(file)
            );
        }
        let _ = write!(text, "<tr><th scope=\"row\">{}</th>", Escaped(name));
        for column in &columns {
            let cell: String =
                cells.get(column).into_iter().flatten().map(|scenario| link(scenario)).collect();
            let _ = write!(text, "<td>{cell}</td>");
        }
        text += "</tr>\n";
    }
    text + "</tbody></table></div>\n</section>\n"
}

fn column(scenario: &Scenario) -> String {
    match &scenario.lab {
        Some(lab) => format!("{} @ {lab}", scenario.phone),
        None => scenario.phone.clone(),
    }
}

fn link(scenario: &Scenario) -> String {
    format!(
        "<a class=\"chip {}\" href=\"#{:03}\">{}</a>",
        class(scenario.verdict),
        scenario.id,
        label(scenario)
    )
}
