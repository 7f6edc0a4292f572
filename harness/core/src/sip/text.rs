//! Quoted strings (RFC 3261 section 25.1), shared by every value that may hold one.

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
