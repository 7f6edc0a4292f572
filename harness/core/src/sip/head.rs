//! The head of a message: where it ends, its lines, its header fields.

use std::borrow::Cow;
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
        content_length(self.headers.iter().filter(|header| same_header(&header.name, "Content-Length")))
    }
}

/// What these Content-Length fields say together.
pub(super) fn content_length<'a>(fields: impl IntoIterator<Item = &'a Header>) -> ContentLength {
    let mut length = ContentLength::Absent;
    for field in fields {
        let octets = field.value.parse::<u32>().ok().filter(|_| grammar::is_digits(&field.value));
        length = match (length, octets) {
            (ContentLength::Absent, Some(octets)) => ContentLength::Octets(octets as usize),
            (ContentLength::Octets(before), Some(octets)) if before == octets as usize => {
                ContentLength::Octets(before)
            }
            _ => ContentLength::Unusable,
        };
    }
    length
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
fn text<'a>(raw: &'a [u8], span: &Range<usize>, defects: &mut Vec<Defect>) -> Cow<'a, str> {
    let octets = &raw[span.clone()];
    let text = match std::str::from_utf8(octets) {
        Ok(text) => Cow::Borrowed(text),
        Err(error) => {
            let at = span.start + error.valid_up_to();
            defects.push(Defect::new(DefectKind::NotUtf8, at..at + 1, "octets that are not UTF-8"));
            Cow::Owned(octets.iter().map(|octet| char::from(*octet)).collect())
        }
    };
    if text.contains('\n') {
        let parts = text.split('\n').map(|part| part.trim_matches([' ', '\t', '\r']));
        Cow::Owned(parts.collect::<Vec<_>>().join(" ").trim_end().to_owned())
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

#[cfg(test)]
mod tests {
    use super::super::Message;
    use super::DefectKind::{self, *};
    use super::*;

    const HEAD: &str = "OPTIONS sip:b@192.0.2.2 SIP/2.0\r\nVia: SIP/2.0/UDP 192.0.2.1;branch=z9hG4bK1\r\n\
        Max-Forwards: 70\r\nFrom: <sip:a@192.0.2.1>;tag=1\r\nTo: <sip:b@192.0.2.2>\r\nCall-ID: 1\r\n\
        CSeq: 1 OPTIONS\r\n";

    /// The message with these octets behind its CSeq.
    fn with(octets: &[u8]) -> Message {
        Message::parse(&[HEAD.as_bytes(), octets].concat())
    }

    fn kinds(message: &Message) -> Vec<DefectKind> {
        message.defects.iter().map(|defect| defect.kind).collect()
    }

    #[test]
    fn fields_keep_their_order_their_spelling_and_their_place() {
        let message = with(b"x-B: 1\r\nSubject : a\r\n\t b \r\nX-a:\r\n\r\n");
        assert_eq!(message.defects, []);
        let fields: Vec<_> =
            message.headers[6..].iter().map(|h| (h.name.as_str(), h.value.as_str())).collect();
        assert_eq!(fields, [("x-B", "1"), ("Subject", "a b"), ("X-a", "")]);
        let subject = &message.headers[7];
        assert_eq!(&message.raw[subject.span.clone()], b"Subject : a\r\n\t b ");
    }

    #[test]
    fn octets_that_are_not_utf_8_are_read_as_latin_1() {
        let message = with(b"Subject: caf\xe9\r\n\r\n");
        assert_eq!(message.header("Subject"), Some("café"));
        assert_eq!(kinds(&message), [NotUtf8]);
        assert_eq!(message.raw[message.defects[0].span.start], 0xe9);
    }

    #[test]
    fn bare_line_feeds_end_lines_and_are_said_once() {
        let text = format!("{HEAD}\r\n").replace("\r\n", "\n");
        let message = Message::parse(text.as_bytes());
        assert_eq!((message.headers.len(), kinds(&message)), (6, vec![BareLineFeed]));
        assert_eq!(message.defects[0].span, 31..32);
        let mixed = with(b"Subject: a\nX-b: b\r\n\r\nbody\n");
        assert_eq!(mixed.header("X-b"), Some("b"));
        assert_eq!(
            (mixed.body.as_slice(), kinds(&mixed)),
            (&b"body\n"[..], vec![BareLineFeed, MissingHeader])
        );
    }

    #[test]
    fn broken_lines_are_said_and_passed_over() {
        assert_eq!(kinds(&with(b"no colon\r\n\r\n")), [HeaderWithoutColon]);
        assert_eq!(kinds(&with(b": value\r\n\r\n")), [BadHeaderName]);
        assert_eq!(kinds(&with(b"a b: value\r\n\r\n")), [BadHeaderName]);
        assert_eq!(kinds(&with(b"Name\r\n : value\r\n\r\n")), [BadHeaderName]);
        assert_eq!(kinds(&with(b"Subject: a\rb\r\n\r\n")), [ControlCharacter]);
        assert_eq!(kinds(&with(b"Subject: a\0b\r\n\r\n")), [ControlCharacter]);
        assert_eq!(kinds(&with(b"X-a: \"a\\\0b\"\r\n\r\n")), [], "a quoted pair");
        assert_eq!(kinds(&with(b"X-a: y")), [UnterminatedHead]);
    }

    #[test]
    fn empty_lines_before_a_datagram_s_message_are_noise() {
        let message = Message::parse(format!("\r\n\r\n{HEAD}\r\n").as_bytes());
        assert_eq!(kinds(&message), [EmptyLineBeforeStart]);
        assert_eq!((message.defects[0].span.clone(), message.headers.len()), (0..4, 6));
        assert!(message.is_valid());
    }

    #[test]
    fn the_body_follows_content_length() {
        let message = with(b"Content-Type: text/plain\r\nl: 3\r\n\r\nabc");
        assert_eq!((message.body.as_slice(), kinds(&message)), (&b"abc"[..], vec![]));
        let long = with(b"Content-Type: text/plain\r\nl: 2\r\n\r\nabc");
        assert_eq!((long.body.as_slice(), kinds(&long)), (&b"ab"[..], vec![BodyTooLong]));
        assert_eq!(&long.raw[long.defects[0].span.clone()], b"c");
        let short = with(b"Content-Type: text/plain\r\nl: 4\r\n\r\nabc");
        assert_eq!((short.body.as_slice(), kinds(&short)), (&b"abc"[..], vec![BodyTooShort]));
        let twice = with(b"Content-Type: text/plain\r\nl: 3\r\nContent-Length: 03\r\n\r\nabc");
        assert_eq!((twice.body.as_slice(), kinds(&twice)), (&b"abc"[..], vec![RepeatedHeader]));
    }

    #[test]
    fn what_is_empty_or_garbage_is_a_message_too() {
        for raw in [&b""[..], b"\r\n\r\n", b"\n", b"\0\0\0\0", b"hello\r\n\r\n", b" a: b\r\n\r\n"] {
            let message = Message::parse(raw);
            assert!(kinds(&message).contains(&BadStartLine), "{raw:?}");
            assert!(matches!(message.start, StartLine::Broken(_)));
        }
    }
}
