//! Header fields: names and their compact forms (RFC 3261 section 7.3.3).

use std::ops::Range;

/// One header field as it came, in order.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Header {
    /// The name as spelt on the wire.
    pub name: String,
    /// The value, unfolded and trimmed. A line that is not UTF-8 is read as Latin-1.
    pub value: String,
    /// Where the whole field stands in the message, without its line end.
    pub span: Range<usize>,
}

const COMPACT: [(&str, &str); 20] = [
    ("a", "Accept-Contact"),
    ("b", "Referred-By"),
    ("c", "Content-Type"),
    ("d", "Request-Disposition"),
    ("e", "Content-Encoding"),
    ("f", "From"),
    ("i", "Call-ID"),
    ("j", "Reject-Contact"),
    ("k", "Supported"),
    ("l", "Content-Length"),
    ("m", "Contact"),
    ("n", "Identity-Info"),
    ("o", "Event"),
    ("r", "Refer-To"),
    ("s", "Subject"),
    ("t", "To"),
    ("u", "Allow-Events"),
    ("v", "Via"),
    ("x", "Session-Expires"),
    ("y", "Identity"),
];

/// The long form of a header name; names without a compact form come back as they are.
pub fn canonical_name(name: &str) -> &str {
    if name.len() != 1 {
        return name; // asked for every field of every message
    }
    COMPACT.iter().find(|(short, _)| short.eq_ignore_ascii_case(name)).map_or(name, |(_, long)| long)
}

/// Whether two spellings name the same header field.
pub fn same_header(a: &str, b: &str) -> bool {
    canonical_name(a).eq_ignore_ascii_case(canonical_name(b))
}
