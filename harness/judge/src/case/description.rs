//! Session descriptions in the bodies of messages: as the body, or as a part of a body of several
//! parts (RFC 2046 section 5.1, RFC 5621 section 3).

use sipfarm_core::sdp::Session;

use super::seen::Seen;

/// How deep parts may lie within parts.
const DEEPEST: u8 = 4;

/// The session description in a message. None where it has several: which of them holds depends on what
/// the reader makes of them (RFC 2046 section 5.1.4).
pub(super) fn description(seen: &Seen<'_>) -> Option<Session> {
    let mut all = descriptions(seen);
    if all.len() == 1 { all.pop() } else { None }
}

/// Every session description in a message, in order.
pub(super) fn descriptions(seen: &Seen<'_>) -> Vec<Session> {
    let mut found = Vec::new();
    if let Some(kind) = seen.message.header("Content-Type") {
        read(kind, &seen.message.body, DEEPEST, &mut found);
    }
    found
}

fn read(kind: &str, body: &[u8], deepest: u8, found: &mut Vec<Session>) {
    let (name, params) = kind.split_once(';').unwrap_or((kind, ""));
    let name = name.trim().to_ascii_lowercase();
    if name == "application/sdp" {
        found.extend((!body.is_empty()).then(|| Session::parse(body)));
        return;
    }
    let Some(boundary) = boundary(params).filter(|_| name.starts_with("multipart/") && deepest > 0) else {
        return;
    };
    for part in parts(body, &boundary) {
        if let Some((kind, body)) = head_and_body(part) {
            read(&kind, body, deepest - 1, found);
        }
    }
}

/// The parameter `boundary`, without its quotes. No semicolon may stand in it.
fn boundary(params: &str) -> Option<String> {
    params.split(';').find_map(|param| {
        let (name, value) = param.split_once('=')?;
        let value = value.trim().trim_matches('"');
        (name.trim().eq_ignore_ascii_case("boundary") && !value.is_empty()).then(|| value.to_owned())
    })
}

/// What stands between the lines that begin with two hyphens and the boundary. The end of the line before
/// such a line belongs to it.
fn parts<'b>(body: &'b [u8], boundary: &str) -> Vec<&'b [u8]> {
    let mut parts = Vec::new();
    let (mut begun, mut at) = (None, 0);
    for line in body.split_inclusive(|octet| *octet == b'\n') {
        let next = at + line.len();
        let rest = line.strip_prefix(b"--").and_then(|line| line.strip_prefix(boundary.as_bytes()));
        if let Some(rest @ (b"" | b"--")) = rest.map(<[u8]>::trim_ascii_end) {
            parts.extend(begun.map(|begun| without_line_end(&body[begun..at])));
            begun = rest.is_empty().then_some(next);
            if begun.is_none() {
                return parts;
            }
        }
        at = next;
    }
    // A body that was cut off has no last line.
    parts.extend(begun.map(|begun| &body[begun..]));
    parts
}

fn without_line_end(text: &[u8]) -> &[u8] {
    let text = text.strip_suffix(b"\n").unwrap_or(text);
    text.strip_suffix(b"\r").unwrap_or(text)
}

/// The Content-Type of a part, and what follows its header fields. None where it names no type: then it
/// is plain text (RFC 2046 section 5.1).
fn head_and_body(part: &[u8]) -> Option<(String, &[u8])> {
    let mut kind: Option<String> = None;
    let (mut at, mut is_kind) = (0, false);
    for line in part.split_inclusive(|octet| *octet == b'\n') {
        at += line.len();
        let text = String::from_utf8_lossy(line);
        let text = text.trim_end();
        if text.is_empty() {
            return Some((kind?, &part[at..]));
        }
        // A field may go on in the next line (RFC 5322 section 2.2.3).
        if !text.starts_with([' ', '\t']) {
            let (name, value) = text.split_once(':').unwrap_or((text, ""));
            is_kind = name.trim().eq_ignore_ascii_case("Content-Type");
            kind = if is_kind { Some(value.trim().to_owned()) } else { kind };
        } else if let Some(kind) = kind.as_mut().filter(|_| is_kind) {
            kind.push_str(text);
        }
    }
    None
}
