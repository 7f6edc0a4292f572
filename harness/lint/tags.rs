//! Tags: those that name requirements, and one that would turn failures into successes.

use std::sync::LazyLock;

use regex::Regex;
use sipfarm_core::nearest::distance;

use super::{Complaint, FileLint};
use crate::requirements::is_meant_as_id;
use crate::world::{PRECEDENCE, TIME_SCALE};

/// The letters of a tag, which a slip leaves as they are.
fn letters(tag: &str) -> String {
    tag.chars().filter(char::is_ascii_alphabetic).collect::<String>().to_lowercase()
}

/// Tags that mean something, and what one that is only like them does not do.
const MEANT: [(&str, &str); 2] =
    [(TIME_SCALE, "shortens no times"), (PRECEDENCE, "does not set a phone without precedence aside")];

/// What to say of a tag that is nearly one of them.
fn meant(tag: &str) -> Option<Complaint> {
    let is_near = |known: &str| letters(tag) == letters(known) || distance(tag, known) == 1;
    let (known, what) = MEANT.into_iter().find(|(known, _)| tag != *known && is_near(known))?;
    Some(Complaint { message: format!("@{tag} {what}"), help: Some(format!("write @{known}")) })
}

impl FileLint<'_> {
    /// A tag in the form of a requirement id must be one, letter by letter. `@retry` is cucumber's: it runs a scenario
    /// again until it passes, but what a phone has done wrong once is a fact.
    pub(super) fn tags(&mut self) {
        static ID: LazyLock<Option<Regex>> = LazyLock::new(|| Regex::new("^[A-Z]{2,4}-[0-9]+[a-z]*$").ok());
        let mut found: Vec<(usize, String, &str, Complaint)> = Vec::new();
        for (at, line) in self.file.source.lines().enumerate() {
            if !line.trim_start().starts_with('@') {
                continue;
            }
            let words = line.split_whitespace().take_while(|word| !word.starts_with('#'));
            for tag in words.filter_map(|word| word.strip_prefix('@')) {
                let complaint = if tag.starts_with("retry") {
                    Some(("tag-retry", "a failure is a fact; it is not tried away".into()))
                } else if is_meant_as_id(tag) || ID.as_ref().is_some_and(|form| form.is_match(tag)) {
                    (self.facts.requirement)(tag).err().map(|complaint| ("unknown-requirement", complaint))
                } else {
                    meant(tag).map(|complaint| ("tag-misspelt", complaint))
                };
                found.extend(complaint.map(|(code, complaint)| (at + 1, format!("@{tag}"), code, complaint)));
            }
        }
        for (line, tag, code, complaint) in found {
            let place = self.place_of(line, &tag);
            let diagnostic = self.add(line, code, complaint.message, complaint.help.as_deref());
            diagnostic.place = place;
        }
    }
}
