//! The first line of a message (RFC 3261 section 7.1 and 7.2).

use std::ops::Range;

use super::check;
use super::defect::{Defect, DefectKind};
use super::grammar;
use super::message::StartLine;
use super::method::Method;

const BLANKS: [char; 2] = [' ', '\t'];

/// Reads the line. As much as can be understood is, whatever the defects.
pub(super) fn parse(line: &str, span: Range<usize>, defects: &mut Vec<Defect>) -> StartLine {
    let mut defect = |kind, detail: String| defects.push(Defect::new(kind, span.clone(), detail));
    if grammar::has_control_character(line) {
        defect(DefectKind::ControlCharacter, "a control character in the start line".to_owned());
    }
    let trimmed = line.trim_start_matches(BLANKS);
    let first = trimmed.split(BLANKS).next().unwrap_or("");
    let read = match is_version(first) {
        true => status_line(trimmed, first, &mut defect),
        false => request_line(line, &mut defect),
    };
    read.unwrap_or_else(|| StartLine::Broken(line.to_owned()))
}

fn status_line(line: &str, version: &str, defect: &mut impl FnMut(DefectKind, String)) -> Option<StartLine> {
    check_version(version, defect);
    let rest = &line[version.len()..];
    let after = rest.trim_start_matches(BLANKS);
    let code_text = after.split(BLANKS).next().unwrap_or("");
    let reason = after[code_text.len()..].strip_prefix(' ');
    if rest.len() != after.len() + 1 || reason.is_none() {
        let detail = "the status line does not have one space on each side of the code";
        defect(DefectKind::StartLineSpacing, detail.to_owned());
    }
    let code = code_text.parse::<u16>().ok().filter(|code| (100..700).contains(code));
    match code.filter(|_| code_text.len() == 3 && grammar::is_digits(code_text)) {
        Some(code) => Some(StartLine::Response { code, reason: reason.unwrap_or("").to_owned() }),
        None => {
            defect(DefectKind::BadStatusCode, format!("{code_text:?} is not a status code"));
            None
        }
    }
}

fn request_line(line: &str, defect: &mut impl FnMut(DefectKind, String)) -> Option<StartLine> {
    let trimmed = line.trim_matches(BLANKS);
    let parts = trimmed
        .split_once(BLANKS)
        .and_then(|(method, rest)| Some((method, rest.rsplit_once(BLANKS)?)))
        .filter(|(_, (_, version))| is_version(version));
    let Some((method, (between, version))) = parts else {
        defect(DefectKind::BadStartLine, format!("{line:?} is neither a request line nor a status line"));
        return None;
    };
    check_version(version, defect);
    let uri = between.trim_matches(BLANKS);
    if trimmed.len() != line.len() || uri.len() != between.len() {
        defect(DefectKind::StartLineSpacing, "extra spaces in the request line".to_owned());
    }
    if !grammar::is_token(method) {
        defect(DefectKind::BadMethod, format!("{method:?} is not a method"));
    }
    if let Err((kind, detail)) = check::request_uri(uri) {
        defect(kind, detail);
    }
    Some(StartLine::Request { method: Method::from(method), uri: uri.to_owned() })
}

/// `SIP/1.0` and the like, whatever the numbers.
fn is_version(text: &str) -> bool {
    let numbers = text.get(..4).filter(|name| name.eq_ignore_ascii_case("SIP/")).map(|_| &text[4..]);
    numbers
        .and_then(|numbers| numbers.split_once('.'))
        .is_some_and(|(major, minor)| grammar::is_digits(major) && grammar::is_digits(minor))
}

fn check_version(version: &str, defect: &mut impl FnMut(DefectKind, String)) {
    if version != "SIP/2.0" {
        defect(DefectKind::BadVersion, format!("the version is {version}, not SIP/2.0"));
    }
}

#[cfg(test)]
mod tests {
    use super::super::Message;
    use super::DefectKind::*;
    use super::*;

    /// The start line and the kinds of its defects.
    fn read(line: &str) -> (StartLine, Vec<DefectKind>) {
        let mut defects = Vec::new();
        let start = parse(line, 0..line.len(), &mut defects);
        (start, defects.into_iter().map(|defect| defect.kind).collect())
    }

    fn request(method: Method, uri: &str) -> StartLine {
        StartLine::Request { method, uri: uri.to_owned() }
    }

    fn response(code: u16, reason: &str) -> StartLine {
        StartLine::Response { code, reason: reason.to_owned() }
    }

    #[test]
    fn good_lines_are_read() {
        assert_eq!(read("INVITE sip:a@b SIP/2.0"), (request(Method::Invite, "sip:a@b"), vec![]));
        assert_eq!(read("invite tel:+1 SIP/2.0"), (request(Method::from("invite"), "tel:+1"), vec![]));
        assert_eq!(read("SIP/2.0 200 OK"), (response(200, "OK"), vec![]));
        assert_eq!(read("SIP/2.0 503 "), (response(503, ""), vec![]));
        assert_eq!(read("SIP/2.0 699 Not a good  day "), (response(699, "Not a good  day "), vec![]));
    }

    #[test]
    fn liberties_are_named_and_the_rest_is_read() {
        let invite = || request(Method::Invite, "sip:a@b");
        assert_eq!(read("INVITE  sip:a@b SIP/2.0"), (invite(), vec![StartLineSpacing]));
        assert_eq!(read("INVITE sip:a@b\tSIP/2.0 "), (invite(), vec![StartLineSpacing]));
        assert_eq!(read(" INVITE sip:a@b SIP/2.0"), (invite(), vec![StartLineSpacing]));
        assert_eq!(read("INVITE sip:a@b sip/2.0"), (invite(), vec![BadVersion]));
        assert_eq!(read("INVITE sip:a@b SIP/3.0"), (invite(), vec![BadVersion]));
        assert_eq!(read("IN(VITE sip:a@b SIP/2.0"), (request("IN(VITE".into(), "sip:a@b"), vec![BadMethod]));
        assert_eq!(read("INVITE a@b SIP/2.0"), (request(Method::Invite, "a@b"), vec![BadRequestUri]));
        assert_eq!(read("INVITE sip:a@b:99999 SIP/2.0").1, [NumberOutOfRange]);
        assert_eq!(read("INVITE sip:a@b\u{1} SIP/2.0").1, [ControlCharacter, BadRequestUri]);
        assert_eq!(read("SIP/2.0 200"), (response(200, ""), vec![StartLineSpacing]));
        assert_eq!(read("SIP/2.0  200 OK"), (response(200, "OK"), vec![StartLineSpacing]));
        assert_eq!(read("SIP/1.0 200 OK"), (response(200, "OK"), vec![BadVersion]));
    }

    #[test]
    fn what_cannot_be_read_is_kept_as_it_stands() {
        for (line, kinds) in [
            ("SIP/2.0 99 x", vec![BadStatusCode]),
            ("SIP/2.0 700 x", vec![BadStatusCode]),
            ("SIP/2.0 0200 x", vec![BadStatusCode]),
            ("SIP/2.0 +20 x", vec![BadStatusCode]),
            ("SIP/2.0", vec![StartLineSpacing, BadStatusCode]),
            ("INVITE sip:a@b", vec![BadStartLine]),
            ("INVITE sip:a@b HTTP/1.1", vec![BadStartLine]),
            ("INVITE SIP/2.0", vec![BadStartLine]),
            ("INVITE sip:a@b SIP/2", vec![BadStartLine]),
            ("ж", vec![BadStartLine]),
        ] {
            assert_eq!(read(line), (StartLine::Broken(line.to_owned()), kinds));
        }
    }

    #[test]
    fn a_start_line_is_not_folded() {
        let message = Message::parse(b"INVITE sip:a@b SIP/2.0\r\n folded\r\n\r\n");
        assert!(matches!(message.start, StartLine::Broken(_)));
    }
}
