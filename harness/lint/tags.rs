//! Tags that name requirements.

use std::sync::LazyLock;

use regex::Regex;

use super::FileLint;

impl FileLint<'_> {
    /// A tag in the form of a requirement id must be one.
    pub(super) fn tags(&mut self) {
        static ID: LazyLock<Option<Regex>> = LazyLock::new(|| Regex::new("^[A-Z]{2,4}-[0-9]+[a-z]*$").ok());
        let mut found = Vec::new();
        for (at, line) in self.file.source.lines().enumerate() {
            if !line.trim_start().starts_with('@') {
                continue;
            }
            let words = line.split_whitespace().take_while(|word| !word.starts_with('#'));
            for id in words.filter_map(|word| word.strip_prefix('@')) {
                if !ID.as_ref().is_some_and(|form| form.is_match(id)) {
                    continue;
                }
                if let Err(complaint) = (self.facts.requirement)(id) {
                    found.push((at + 1, format!("@{id}"), complaint));
                }
            }
        }
        for (line, tag, complaint) in found {
            let place = self.place_of(line, &tag);
            let diagnostic =
                self.add(line, "unknown-requirement", complaint.message, complaint.help.as_deref());
            diagnostic.place = place;
        }
    }
}
