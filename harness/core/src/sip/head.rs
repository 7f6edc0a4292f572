//! The head of a message: where it ends, its lines, its header fields.

use std::ops::Range;

use super::defect::{Defect, DefectKind};
use super::grammar;
use super::header::{Header, same_header};
use super::message::StartLine;
use super::start_line;

/// What the octets up to the body say.
#[derive(Debug)]
pub(super) struct Head {
    pub start: StartLine,
    pub headers: Vec<Header>,
    pub defects: Vec<Defect>,
}

/// What Content-Length says.
pub(super) enum ContentLength {
    /// Nothing.
    Absent,
    /// A number of octets.
    Octets(usize),
    /// Nothing that a body could be cut by.
    Unusable,
}

impl Head {
    /// Reads the octets before the body; `raw` ends where the body begins.
    pub(super) fn parse(raw: &[u8]) -> Head {
        let mut defects = Vec::new();
        let mut lines = logical_lines(raw, &mut defects).into_iter();
        let start = match lines.next() {
            Some(line) => start_line::parse(&text(raw, &line, &mut defects), line, &mut defects),
            None => {
                defects.push(Defect::new(DefectKind::BadStartLine, 0..raw.len(), "there is no start line"));
                StartLine::Broken(String::new())
            }
        };
        let headers = lines.filter_map(|line| header(raw, line, &mut defects)).collect();
        Head { start, headers, defects }
    }

    /// How long the body is.
    pub(super) fn content_length(&self) -> ContentLength {
        let mut length = ContentLength::Absent;
        for field in self.headers.iter().filter(|header| same_header(&header.name, "Content-Length")) {
            let digits = grammar::is_digits(&field.value);
            let octets = field.value.parse::<u32>().ok().filter(|_| digits).map(|octets| octets as usize);
            length = match (length, octets) {
                (ContentLength::Absent, Some(octets)) => ContentLength::Octets(octets),
                (ContentLength::Octets(before), Some(octets)) if before == octets => {
                    ContentLength::Octets(octets)
                }
                _ => ContentLength::Unusable,
            };
        }
        length
    }
}

/// Where the body begins: behind the first empty line that follows the start line. Lines end in
/// CRLF or, against the grammar, in LF. `scanned` octets are known to hold no such place.
pub(super) fn body_start(raw: &[u8], scanned: usize) -> Option<usize> {
    let first = raw.iter().position(|octet| !matches!(octet, b'\r' | b'\n'))?;
    // The LF that ends the line before may be the last octet scanned, or the CR of the empty line.
    let from = scanned.saturating_sub(2).max(first);
    raw[from..].iter().enumerate().filter(|(_, octet)| **octet == b'\n').find_map(|(at, _)| {
        match &raw[from + at + 1..] {
            [b'\n', ..] => Some(from + at + 2),
            [b'\r', b'\n', ..] => Some(from + at + 3),
            _ => None,
        }
    })
}

/// The lines of the head without their ends, folded lines joined (section 7.3.1), as spans.
/// Empty lines before the first are skipped.
fn logical_lines(raw: &[u8], defects: &mut Vec<Defect>) -> Vec<Range<usize>> {
    let mut lines: Vec<Range<usize>> = Vec::new();
    let mut bare: Option<Range<usize>> = None;
    let mut skipped = 0;
    let mut at = 0;
    while at < raw.len() {
        let feed = raw[at..].iter().position(|octet| *octet == b'\n').map(|n| at + n);
        let mut stop = feed.unwrap_or(raw.len());
        match feed {
            Some(feed) if feed > at && raw[feed - 1] == b'\r' => stop = feed - 1,
            Some(feed) => bare = bare.or(Some(feed..feed + 1)),
            None => {}
        }
        match lines.last_mut() {
            Some(last) if stop > at && matches!(raw[at], b' ' | b'\t') => last.end = stop,
            _ if stop > at => lines.push(at..stop),
            None => skipped = feed.map_or(raw.len(), |feed| feed + 1),
            _ => {}
        }
        at = feed.map_or(raw.len(), |feed| feed + 1);
    }
    if skipped > 0 {
        let detail = "empty lines before the start line";
        defects.push(Defect::new(DefectKind::EmptyLineBeforeStart, 0..skipped, detail));
    }
    if let Some(span) = bare {
        defects.push(Defect::new(DefectKind::BareLineFeed, span, "a line ends in LF without CR"));
    }
    lines
}

/// A logical line as text: folds become one space; what is not UTF-8 is read as Latin-1.
fn text(raw: &[u8], span: &Range<usize>, defects: &mut Vec<Defect>) -> String {
    let octets = &raw[span.clone()];
    let text = match std::str::from_utf8(octets) {
        Ok(text) => text.to_owned(),
        Err(error) => {
            let at = span.start + error.valid_up_to();
            defects.push(Defect::new(DefectKind::NotUtf8, at..at + 1, "octets that are not UTF-8"));
            octets.iter().map(|octet| char::from(*octet)).collect()
        }
    };
    if text.contains('\n') {
        let parts = text.split('\n').map(|part| part.trim_matches([' ', '\t', '\r']));
        parts.collect::<Vec<_>>().join(" ").trim_end().to_owned()
    } else {
        text
    }
}

fn header(raw: &[u8], span: Range<usize>, defects: &mut Vec<Defect>) -> Option<Header> {
    let line = text(raw, &span, defects);
    let mut defect = |kind, detail: String| defects.push(Defect::new(kind, span.clone(), detail));
    let Some((name, value)) = line.split_once(':') else {
        defect(DefectKind::HeaderWithoutColon, format!("{line:?} has no colon"));
        return None;
    };
    let (name, value) = (name.trim_end_matches([' ', '\t']), value.trim_matches([' ', '\t']));
    // HCOLON allows blanks before the colon, but no line break.
    let colon = raw[span.clone()].iter().position(|octet| *octet == b':').unwrap_or(0);
    let folded = raw[span.start..span.start + colon].contains(&b'\n');
    if folded || !grammar::is_token(name) {
        defect(DefectKind::BadHeaderName, format!("{name:?} is not a header name"));
    }
    if grammar::has_control_character(value) {
        defect(DefectKind::ControlCharacter, format!("a control character in {name}"));
    }
    Some(Header { name: name.to_owned(), value: value.to_owned(), span })
}
