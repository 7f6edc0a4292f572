//! Where SIP, SDP and what is written about them have names and secrets.

use super::words::{Words, is_word};

/// What stands before somebody's name in a URI (RFC 3261 section 19.1, RFC 3966, RFC 3860, RFC 6068), and how its colon
/// and its `@` are written there: within a header of a URI they are escaped (RFC 3261 section 19.1.1).
const SCHEMES: [(&str, &[u8]); 8] = [
    ("sip:", b"@"),
    ("sips:", b"@"),
    ("im:", b"@"),
    ("pres:", b"@"),
    ("mailto:", b"@"),
    ("sip%3a", b"%40"),
    ("sips%3a", b"%40"),
    ("mailto%3a", b"%40"),
];
/// Parameters of digest (RFC 7616) of which a password can be guessed, or that tell whose answer it was.
const OF_DIGEST: [&str; 6] = ["response", "cnonce", "nonce", "nextnonce", "rspauth", "opaque"];
/// Parameters that name somebody, or his phone (RFC 3966, RFC 5626, RFC 5627, RFC 7616).
const OF_NAMES: [&str; 7] = ["username", "username*", "ext", "isub", "postd", "gr", "+sip.instance"];
/// What stands before a key for media, or a name that goes with it (RFC 4568, RFC 8839, RFC 8866 section 5.12).
const KEYS: [&str; 5] = ["inline:", "ice-pwd:", "ice-ufrag:", "k=clear:", "k=base64:"];
/// Schemes of which the whole is a secret (RFC 7617, RFC 6750).
const CREDENTIALS: [&str; 2] = ["basic ", "bearer "];
/// Lines of SDP that somebody has written: subject, information, mail, telephone (RFC 8866 section 5).
const OF_SESSION: [&[u8]; 4] = [b"s=", b"i=", b"e=", b"p="];

/// A walk through a text.
pub struct Scan<'w> {
    pub words: &'w mut Words,
    /// Whether every word that is known is replaced, too, wherever it stands.
    pub notes: bool,
}

impl Scan<'_> {
    /// Replaces everything in it.
    pub fn all(&mut self, text: &mut [u8]) {
        let mut at = 0;
        while at < text.len() {
            let starts_line = at == 0 || text[at - 1] == b'\n';
            let starts_word = at == 0 || !is_word(text[at - 1]);
            if starts_line {
                self.display_names(text, at);
            }
            let end = if starts_line { self.line(text, at) } else { None };
            let end = end.or_else(|| match starts_word {
                true => self.uri(text, at).or_else(|| self.parameter(text, at)),
                // What an escape ends before may begin a word.
                false => self.uri(text, at).filter(|_| at >= 3 && text[at - 3] == b'%'),
            });
            let end = end.or_else(|| self.quoted_name(text, at));
            let known = self.notes && starts_word;
            let end = end.or_else(|| if known { self.words.known(text, at) } else { None });
            at = end.unwrap_or(at + 1);
        }
    }

    /// `sip:user:password@host` and `tel:number`; gives where it ends.
    fn uri(&mut self, text: &mut [u8], at: usize) -> Option<usize> {
        if starts(&text[at..], "tel:") {
            let from = at + "tel:".len();
            let to = until(text, from, |octet| !octet.is_ascii_digit() && !b"+-.()*#".contains(&octet));
            self.words.name(&mut text[from..to]);
            return Some(to);
        }
        let (scheme, at_sign) = SCHEMES.into_iter().find(|(scheme, _)| starts(&text[at..], scheme))?;
        let from = at + scheme.len();
        let stop = until(text, from, |octet| b"<>\"\\ \t\r\n".contains(&octet));
        let end = from + find(&text[from..stop], at_sign)?;
        // A comma belongs to a name, but not before the next address of a list.
        if SCHEMES.iter().any(|(scheme, _)| find(&lower(&text[from..end]), scheme.as_bytes()).is_some()) {
            return None;
        }
        let user = until(&text[..end], from, |octet| b":;".contains(&octet));
        self.words.name(&mut text[from..user]);
        match text[user] {
            b':' => text[user + 1..end].fill(b'x'),
            // Parameters of the user part name his extension (RFC 3966).
            b';' => self.words.name(&mut text[user + 1..end]),
            _ => {}
        }
        Some(end)
    }

    /// A parameter that tells a name or is a secret, a key for media, or credentials as a whole.
    fn parameter(&mut self, text: &mut [u8], at: usize) -> Option<usize> {
        let rest = &text[at..];
        let whole = KEYS.into_iter().chain(CREDENTIALS).find(|head| starts(rest, head));
        if let Some(head) = whole {
            let to = until(text, at + head.len(), |octet| b"| \r\n\"\\,".contains(&octet));
            text[at + head.len()..to].fill(b'A');
            return Some(to);
        }
        let named = |name: &&str| starts(rest, name) && value_of(text, at + name.len()).is_some();
        let secret = OF_DIGEST.iter().find(|name| named(name));
        let name = secret.or_else(|| OF_NAMES.iter().find(|name| named(name)))?;
        let (from, to) = value_of(text, at + name.len())?;
        match (secret, find(&text[from..to], b"@")) {
            (Some(_), _) => self.words.secret(&mut text[from..to]),
            (None, user) => self.words.name(&mut text[from..user.map_or(to, |octets| from + octets)]),
        }
        Some(to)
    }

    /// At the start of a line: what SDP says of a session's owner and its subject (RFC 8866 section 5).
    fn line(&mut self, text: &mut [u8], at: usize) -> Option<usize> {
        let end = until(text, at, |octet| b"\r\n".contains(&octet));
        let line = &text[at..end];
        let to = match line.starts_with(b"o=") {
            true => at + line.iter().position(|octet| *octet == b' ')?,
            false if OF_SESSION.iter().any(|head| line.starts_with(head)) => end,
            false => return None,
        };
        if !matches!(&text[at + 2..to], b"-" | b" " | b"") {
            self.words.name(&mut text[at + 2..to]);
        }
        Some(to)
    }

    /// The display names without quotes in a header field, which may go over several lines (RFC 3261 sections 7.3.1 and
    /// 25.1): what stands before each `<` and an address.
    fn display_names(&mut self, text: &mut [u8], at: usize) {
        let mut end = until(text, at, |octet| octet == b'\n');
        while text.get(end + 1).is_some_and(|next| b" \t".contains(next)) {
            end = until(text, end + 1, |octet| octet == b'\n');
        }
        let token = until(&text[..end], at, |octet| !is_word(octet));
        let Some(colon) = text[token..end].iter().position(|octet| !b" \t".contains(octet)) else { return };
        if token == at || text[token + colon] != b':' {
            return;
        }
        let mut from = token + colon + 1;
        if [&b"subject"[..], b"s"].iter().any(|name| text[at..token].eq_ignore_ascii_case(name)) {
            let value = until(&text[..end], from, |octet| !b" \t".contains(&octet));
            let close = value + text[value..end].trim_ascii_end().len();
            return self.words.name(&mut text[value..close]);
        }
        while let Some(open) = text[from..end].iter().position(|octet| *octet == b'<').map(|n| from + n) {
            let is_address = SCHEMES.iter().any(|(scheme, _)| starts(&text[open + 1..], scheme))
                || starts(&text[open + 1..], "tel:");
            // The name begins after the last comma or quote.
            let begin = text[from..open].iter().rposition(|octet| b",\"".contains(octet));
            let begin = begin.map_or(from, |n| from + n + 1);
            let before = &text[begin..open];
            let name = begin + (before.len() - before.trim_ascii_start().len());
            let name = name..name + before.trim_ascii().len();
            let is_name = !name.is_empty() && !text[name.clone()].iter().any(|octet| b":;@=".contains(octet));
            if is_address && is_name {
                self.words.name(&mut text[name]);
            }
            from = until(&text[..end], open, |octet| octet == b'>');
        }
    }

    /// `"display name" <`, in a header of a URI `%22display name%22%3C`.
    fn quoted_name(&mut self, text: &mut [u8], at: usize) -> Option<usize> {
        if starts(&text[at..], "%22") {
            let from = at + 3;
            let close = from + find(&text[from..], b"%22")?;
            let is_name = starts(&text[close..], "%22%3c") && close - from < 256;
            return is_name.then(|| {
                self.words.name(&mut text[from..close]);
                close + 3
            });
        }
        if text[at] != b'"' {
            return None;
        }
        let mut close = at + 1;
        while !b"\"\r\n".contains(text.get(close)?) {
            close += if text[close] == b'\\' { 2 } else { 1 };
        }
        let is_name = text[close] == b'"' && text[close + 1..].trim_ascii_start().starts_with(b"<");
        is_name.then(|| {
            self.words.name(&mut text[at + 1..close]);
            close + 1
        })
    }
}

/// Where the value of a parameter lies, whose name ends here: behind an equals sign, with or without blanks and quotes
/// (RFC 3261 section 25.1).
fn value_of(text: &[u8], name_ends: usize) -> Option<(usize, usize)> {
    let blank = |octet: u8| !b" \t".contains(&octet);
    let equals = until(text, name_ends, blank);
    if text.get(equals) != Some(&b'=') {
        return None;
    }
    let from = until(text, equals + 1, blank);
    match text.get(from) {
        Some(b'"') => {
            let to = until(text, from + 1, |octet| b"\"\\\r\n".contains(&octet));
            Some((from + 1, to))
        }
        _ => {
            let to = until(text, from, |octet| b",;?<> \t\r\n\"\\".contains(&octet));
            (to > from).then_some((from, to))
        }
    }
}

/// The first place from here on where an octet stops it, or the end.
fn until(text: &[u8], from: usize, stops: impl Fn(u8) -> bool) -> usize {
    let from = from.min(text.len());
    text[from..].iter().position(|octet| stops(*octet)).map_or(text.len(), |found| from + found)
}

fn find(text: &[u8], word: &[u8]) -> Option<usize> {
    text.windows(word.len()).position(|octets| octets == word)
}

fn lower(text: &[u8]) -> Vec<u8> {
    text.to_ascii_lowercase()
}

fn starts(text: &[u8], word: &str) -> bool {
    text.get(..word.len()).is_some_and(|head| head.eq_ignore_ascii_case(word.as_bytes()))
}
