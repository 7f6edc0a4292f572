//! Tables below steps: which step takes one, and what stands in it.

use gherkin::Step;

use super::FileLint;
use super::steps::{Name, quoted};

/// How a step ends whose table holds settings of a resilience group.
const GROUP_SETTINGS: &str = "a resilience group with settings";

/// How steps end whose tables have headings, and these.
pub(super) const TABLES: [(&str, &[&str]); 3] = [
    ("the phone has lines", &["line", "appearances"]),
    (" occupied by", &["call", "precedence", "state", "age"]),
    (" has the calls", &["call", "precedence", "state", "age"]),
];

impl FileLint<'_> {
    /// A table below a step that ends in `settings` holds settings of the profile, one below a step that
    /// ends in `records` those of a zone, and some have headings; no other step reads a table, and none reads
    /// a text.
    pub(super) fn settings(&mut self, step: &Step) {
        let line = step.position.line;
        let records = step.value.ends_with(" records");
        let headings =
            TABLES.iter().find(|(end, _)| step.value.ends_with(end)).map(|(_, headings)| *headings);
        let taken = records || headings.is_some() || step.value.ends_with("settings");
        let help = Some(
            "a table stands below a step that ends in `settings`, `records`, `lines`, `occupied by` or `has the calls`",
        );
        match &step.table {
            None if taken => {
                let of_records =
                    || if records { "name | ttl | type | data" } else { "path.of.the.setting | value" };
                let form = headings.map_or_else(|| of_records().to_owned(), |headings| headings.join(" | "));
                let help = format!("write  | {form} |  below it");
                let help = Some(help.as_str());
                self.add(line, "table-missing", "this step needs a table", help);
            }
            Some(_) if !taken => {
                self.add(line, "table-not-taken", "nobody reads the table below this step", help);
            }
            Some(table) if records => self.records(step, &table.rows),
            Some(table) if headings.is_some() => self.headed(step, &table.rows, headings.unwrap_or_default()),
            Some(table) => self.rows(step, &table.rows),
            None => {}
        }
        if step.docstring.is_some() {
            self.add(line, "table-not-taken", "nobody reads the text below this step", help);
        }
    }

    /// A record has a name, a TTL, a type and data.
    fn records(&mut self, step: &Step, rows: &[Vec<String>]) {
        if let Some(row) = rows.iter().find(|row| row.len() != 4) {
            let message = format!("a record has four cells (name, ttl, type, data), not {}", row.len());
            self.add(step.position.line, "table-row", message, None);
        }
    }

    /// A table whose columns have names.
    fn headed(&mut self, step: &Step, rows: &[Vec<String>], headings: &[&str]) {
        let head = rows.first().map(Vec::as_slice).unwrap_or_default();
        let is_right = head.len() == headings.len() && headings.iter().all(|h| head.iter().any(|x| x == h));
        if is_right && rows.len() > 1 {
            return self.calls_of_table(step);
        }
        let message = "the table needs its row of headings and at least one row below it";
        let help = format!("the headings are  | {} |", headings.join(" | "));
        self.add(step.position.line, "table-row", message, Some(&help));
    }

    fn rows(&mut self, step: &Step, rows: &[Vec<String>]) {
        let mut settings = Vec::new();
        for row in rows {
            let [path, value] = row.as_slice() else {
                let message = format!("a row of settings has two cells, not {}", row.len());
                self.add(step.position.line, "table-row", message, None);
                return;
            };
            settings.push((path.clone(), value.clone()));
        }
        let twice = settings
            .iter()
            .enumerate()
            .find(|(at, (path, _))| settings[..*at].iter().any(|(p, _)| p == path));
        if let Some((_, (path, _))) = twice {
            let line = self.row_of(step, path, 1);
            let place = self.place_of(line, path);
            let message = "this setting stands twice in the table";
            self.add(line, "setting-twice", message, Some("write it once, with the value that counts"))
                .place = place;
            return;
        }
        let checked = match step.value.ends_with(GROUP_SETTINGS) {
            true => (self.facts.group)(&settings),
            false => {
                let mut named = quoted(&step.value).into_iter().filter(|word| word.kind == Name::Profile);
                (self.facts.settings)(named.next().map(|word| word.text).as_deref(), &settings)
            }
        };
        let Err((at, complaint)) = checked else { return };
        let path = &settings[at].0;
        let line = self.row_of(step, path, 0);
        let place = self.place_of(line, path);
        self.add(line, "unknown-setting", complaint.message, complaint.help.as_deref()).place = place;
    }

    /// The line of the row below a step in which a setting stands, after so many others of it.
    pub(super) fn row_of(&self, step: &Step, path: &str, before: usize) -> usize {
        let below = self.file.source.lines().enumerate().skip(step.position.line);
        let table = below.take_while(|(_, line)| !line.trim().is_empty());
        let is_it = |line: &str| line.split('|').any(|cell| cell.trim() == path);
        let found = table.filter(|(_, line)| is_it(line)).nth(before);
        found.map_or(step.position.line, |(at, _)| at + 1)
    }
}
