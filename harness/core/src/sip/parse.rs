//! From octets to a message.

use std::ops::Range;

use super::defect::{Defect, DefectKind};
use super::header::Header;
use super::message::{Message, StartLine};
use super::method::Method;

impl Message {
    /// Reads one message from the payload of a datagram, or from octets that a
    /// stream framer has cut. Never fails: what is wrong becomes a [`Defect`].
    pub fn parse(raw: &[u8]) -> Message {
        let mut defects = Vec::new();
        let head_end = find_head_end(raw).unwrap_or_else(|| {
            defects.push(Defect { kind: DefectKind::UnterminatedHead, span: raw.len()..raw.len() });
            raw.len()..raw.len()
        });
        let mut lines = logical_lines(raw, head_end.start).into_iter();
        let start = match lines.next() {
            Some(line) => parse_start_line(&text(raw, &line), line, &mut defects),
            None => {
                defects.push(Defect { kind: DefectKind::BadStartLine, span: 0..0 });
                StartLine::Broken(String::new())
            }
        };
        let headers = lines.filter_map(|line| parse_header(raw, line, &mut defects)).collect();
        let mut message = Message { start, headers, body: Vec::new(), raw: raw.to_vec(), defects };
        message.body = cut_body(&mut message.defects.clone(), &message, &raw[head_end.end..]);
        message
    }
}

fn cut_body(_defects: &mut Vec<Defect>, message: &Message, rest: &[u8]) -> Vec<u8> {
    match message.number("Content-Length") {
        Some(length) => rest[..rest.len().min(length as usize)].to_vec(),
        None => rest.to_vec(),
    }
}

/// The empty line between head and body.
fn find_head_end(raw: &[u8]) -> Option<Range<usize>> {
    let at = raw.windows(4).position(|window| window == b"\r\n\r\n")?;
    Some(at..at + 4)
}

/// The lines of the head with folded lines joined (RFC 3261 section 7.3.1), as spans.
fn logical_lines(raw: &[u8], end: usize) -> Vec<Range<usize>> {
    let mut lines: Vec<Range<usize>> = Vec::new();
    let mut at = 0;
    while at < end {
        let stop = raw[at..end].windows(2).position(|w| w == b"\r\n").map_or(end, |n| at + n);
        match lines.last_mut() {
            Some(last) if matches!(raw[at], b' ' | b'\t') => last.end = stop,
            _ if stop > at => lines.push(at..stop),
            _ => {}
        }
        at = stop + 2;
    }
    lines
}

fn text(raw: &[u8], span: &Range<usize>) -> String {
    let text = String::from_utf8_lossy(&raw[span.clone()]);
    if text.contains('\n') {
        text.split(['\r', '\n']).map(str::trim).collect::<Vec<_>>().join(" ")
    } else {
        text.into_owned()
    }
}

fn parse_start_line(line: &str, span: Range<usize>, defects: &mut Vec<Defect>) -> StartLine {
    let mut parts = line.splitn(3, ' ');
    if let (Some(first), Some(second), third) = (parts.next(), parts.next(), parts.next()) {
        if first == "SIP/2.0" {
            if let Ok(code) = second.parse::<u16>() {
                return StartLine::Response { code, reason: third.unwrap_or("").to_owned() };
            }
        } else if third == Some("SIP/2.0") {
            return StartLine::Request { method: Method::from(first), uri: second.to_owned() };
        }
    }
    defects.push(Defect { kind: DefectKind::BadStartLine, span });
    StartLine::Broken(line.to_owned())
}

fn parse_header(raw: &[u8], span: Range<usize>, defects: &mut Vec<Defect>) -> Option<Header> {
    let line = text(raw, &span);
    match line.split_once(':') {
        Some((name, value)) => {
            Some(Header { name: name.trim().to_owned(), value: value.trim().to_owned(), span })
        }
        None => {
            defects.push(Defect { kind: DefectKind::HeaderWithoutColon, span });
            None
        }
    }
}
