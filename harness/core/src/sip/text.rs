//! Quoted strings and separators (RFC 3261 section 25.1), shared by every value that may hold them.

/// Where the quoted string ends whose content `text` begins with: the place of its closing quote.
pub(crate) fn closing_quote(text: &str) -> Option<usize> {
    let mut escaped = false;
    for (at, octet) in text.bytes().enumerate() {
        match octet {
            _ if escaped => escaped = false,
            b'\\' => escaped = true,
            b'"' => return Some(at),
            _ => {}
        }
    }
    None
}

/// The content of a quoted string, with its quoted pairs resolved.
pub(crate) fn unescape(text: &str) -> String {
    let mut out = String::with_capacity(text.len());
    let mut chars = text.chars();
    while let Some(c) = chars.next() {
        out.push(if c == '\\' { chars.next().unwrap_or('\\') } else { c });
    }
    out
}

/// A quoted string with that content.
pub(crate) fn quote(content: &str) -> String {
    format!("\"{}\"", content.replace('\\', "\\\\").replace('"', "\\\""))
}

/// The content of a value that may or may not be quoted; `None` when its quotes are unbalanced.
pub(crate) fn unquote(value: &str) -> Option<String> {
    match value.strip_prefix('"') {
        None => Some(value.to_owned()),
        Some(rest) => {
            let end = closing_quote(rest)?;
            (end + 1 == rest.len()).then(|| unescape(&rest[..end]))
        }
    }
}

/// Splits a list value at its commas, but not inside quotes or angle brackets. Parts are trimmed,
/// empty ones dropped.
pub(crate) fn split_list(value: &str) -> Vec<&str> {
    split_outside(value, b',')
}

/// Splits at a separator that stands outside quoted strings and angle brackets. Parts are trimmed,
/// empty ones dropped.
pub(super) fn split_outside(value: &str, separator: u8) -> Vec<&str> {
    split_all(value, separator).into_iter().filter(|part| !part.is_empty()).collect()
}

/// Splits at a separator that stands outside quoted strings and angle brackets. Parts are trimmed,
/// empty ones kept.
pub(super) fn split_all(value: &str, separator: u8) -> Vec<&str> {
    let mut parts = Vec::new();
    let mut start = 0;
    let mut enclosure = Enclosure::default();
    for (at, octet) in value.bytes().enumerate() {
        if enclosure.is_outside() && octet == separator {
            parts.push(value[start..at].trim());
            start = at + 1;
        }
        enclosure.step(octet);
    }
    parts.push(value[start..].trim());
    parts
}

/// Where an octet stands outside quoted strings first.
pub(super) fn find_unquoted(value: &str, wanted: u8) -> Option<usize> {
    let mut enclosure = Enclosure::default();
    value.bytes().enumerate().find_map(|(at, octet)| {
        let found = !enclosure.quoted && octet == wanted;
        enclosure.step(octet);
        found.then_some(at)
    })
}

/// Whether every quoted string and every angle bracket is closed, and none is nested.
pub(super) fn is_balanced(value: &str) -> bool {
    let mut enclosure = Enclosure::default();
    let nested = value.bytes().any(|octet| {
        let nested = match octet {
            b'<' => enclosure.angle && !enclosure.quoted,
            b'>' => !enclosure.angle && !enclosure.quoted,
            _ => false,
        };
        enclosure.step(octet);
        nested
    });
    !nested && enclosure.is_outside()
}

/// Whether an octet stands within quotes or angle brackets.
#[derive(Default)]
struct Enclosure {
    quoted: bool,
    escaped: bool,
    angle: bool,
}

impl Enclosure {
    fn is_outside(&self) -> bool {
        !self.quoted && !self.angle
    }

    fn step(&mut self, octet: u8) {
        match octet {
            _ if self.escaped => self.escaped = false,
            b'\\' if self.quoted => self.escaped = true,
            b'"' if !self.angle => self.quoted = !self.quoted,
            b'<' if !self.quoted => self.angle = true,
            b'>' if !self.quoted => self.angle = false,
            _ => {}
        }
    }
}
