//! Secrets and names in text, each replaced by a substitute of the same length: the same name by the same
//! substitute, wherever it stands.

use std::collections::BTreeMap;
use std::ops::Bound;

/// Header fields with an address, before which a display name may stand (RFC 3261 section 25.1; RFC 3325, 3515,
/// 3892, 5806, 7044), long and compact.
const ADDRESSED: [&str; 16] = [
    "from",
    "f",
    "to",
    "t",
    "contact",
    "m",
    "reply-to",
    "refer-to",
    "r",
    "referred-by",
    "b",
    "diversion",
    "p-asserted-identity",
    "p-preferred-identity",
    "remote-party-id",
    "history-info",
];
/// Parameters of digest (RFC 7616) of which a password can be guessed, or that tell whose answer it was.
const OF_DIGEST: [&str; 6] = ["response", "cnonce", "nonce", "nextnonce", "rspauth", "opaque"];
/// What stands before a key for media (RFC 4568, RFC 8839).
const KEYS: [&str; 2] = ["inline:", "ice-pwd:"];
/// A user part that says that there is no name (RFC 3323).
const NOBODY: &[u8] = b"anonymous";
/// What is shorter may be any number, and is replaced only where its place tells that it is a name.
const SURE_OCTETS: usize = 3;

/// What was replaced so far, and by what.
#[derive(Debug, Clone, Default)]
pub struct Words {
    names: BTreeMap<Vec<u8>, Vec<u8>>,
    secrets: BTreeMap<Vec<u8>, Vec<u8>>,
    /// How many names of the same form, and secrets of the same length, there were.
    counts: BTreeMap<Vec<u8>, u64>,
}

impl Words {
    /// Replaces what stands where SIP and SDP have names and secrets.
    pub fn in_message(&mut self, text: &mut [u8]) {
        self.scan(text, false);
    }

    /// The same, and every word that was a name or a secret in a message before.
    pub fn in_notes(&mut self, text: &mut [u8]) {
        self.scan(text, true);
    }

    fn scan(&mut self, text: &mut [u8], notes: bool) {
        let mut at = 0;
        while at < text.len() {
            let starts_line = at == 0 || text[at - 1] == b'\n';
            let starts_word = at == 0 || !is_word(text[at - 1]);
            let end = match () {
                () if starts_word => self.uri(text, at).or_else(|| self.parameter(text, at)),
                () => None,
            };
            let end = end.or_else(|| if starts_line { self.line(text, at) } else { None });
            let end = end.or_else(|| self.quoted_name(text, at));
            let end = end.or_else(|| if notes && starts_word { self.known(text, at) } else { None });
            at = end.unwrap_or(at + 1);
        }
    }

    /// `sip:user:password@host` and `tel:number`; gives where it ends.
    fn uri(&mut self, text: &mut [u8], at: usize) -> Option<usize> {
        let rest = &text[at..];
        let scheme = ["sip:", "sips:", "tel:"].into_iter().find(|scheme| starts(rest, scheme))?;
        let from = at + scheme.len();
        let until = |stop: &dyn Fn(u8) -> bool, from: usize| {
            text[from..].iter().position(|octet| stop(*octet)).map_or(text.len(), |found| from + found)
        };
        if scheme == "tel:" {
            let to = until(&|octet| !octet.is_ascii_digit() && !b"+-.()*#".contains(&octet), from);
            self.name(&mut text[from..to]);
            return Some(to);
        }
        let end = until(&|octet| b"@<>\"\\, \t\r\n".contains(&octet), from);
        if text.get(end) != Some(&b'@') {
            return None;
        }
        let user = until(&|octet| b":;@".contains(&octet), from);
        self.name(&mut text[from..user]);
        if text[user] == b':' {
            text[user + 1..end].fill(b'x');
        }
        Some(end)
    }

    /// A parameter of digest, or a key for media.
    fn parameter(&mut self, text: &mut [u8], at: usize) -> Option<usize> {
        let rest = &text[at..];
        if let Some(key) = KEYS.into_iter().find(|key| starts(rest, key)) {
            let from = at + key.len();
            let to = from + text[from..].iter().take_while(|octet| !b"| \r\n\"\\".contains(octet)).count();
            text[from..to].fill(b'A');
            return Some(to);
        }
        let is_user = starts(rest, "username");
        let name =
            if is_user { "username" } else { OF_DIGEST.into_iter().find(|name| starts(rest, name))? };
        let mut from = at + name.len();
        for expected in [&b"="[..], b"\\", b"\""] {
            match text.get(from..)?.starts_with(expected) {
                true => from += 1,
                false if expected == b"\\" => {}
                false => return None,
            }
        }
        let to = from + text[from..].iter().position(|octet| b"\"\\\r\n".contains(octet))?;
        if is_user {
            let user =
                text[from..to].iter().position(|octet| *octet == b'@').map_or(to, |found| from + found);
            self.name(&mut text[from..user]);
        } else {
            self.secret(&mut text[from..to]);
        }
        Some(to)
    }

    /// At the start of a line: a display name without quotes, or the user of SDP's `o=` (RFC 8866 section 5.2).
    fn line(&mut self, text: &mut [u8], at: usize) -> Option<usize> {
        let end = text[at..].iter().position(|octet| b"\r\n".contains(octet)).map_or(text.len(), |n| at + n);
        let line = &text[at..end];
        if line.starts_with(b"o=") {
            let user = line[2..].iter().position(|octet| *octet == b' ')?;
            if &line[2..2 + user] != b"-" {
                self.name(&mut text[at + 2..at + 2 + user]);
            }
            return Some(at + 2 + user);
        }
        let colon = line.iter().position(|octet| *octet == b':')?;
        let field = line[..colon].trim_ascii_end();
        ADDRESSED.iter().find(|name| field.eq_ignore_ascii_case(name.as_bytes()))?;
        let value = &line[colon + 1..];
        let name = value[..value.iter().position(|octet| *octet == b'<')?].trim_ascii();
        if name.is_empty() || name.iter().any(|octet| b"\":;@".contains(octet)) {
            return None;
        }
        let from = at + colon + 1 + (value.len() - value.trim_ascii_start().len());
        let to = from + name.len();
        self.name(&mut text[from..to]);
        Some(to)
    }

    /// `"display name" <`.
    fn quoted_name(&mut self, text: &mut [u8], at: usize) -> Option<usize> {
        if text[at] != b'"' {
            return None;
        }
        let inner = text[at + 1..].iter().position(|octet| b"\"\r\n".contains(octet))?;
        let close = at + 1 + inner;
        let is_name = text[close] == b'"' && text[close + 1..].trim_ascii_start().starts_with(b"<");
        is_name.then(|| {
            self.name(&mut text[at + 1..close]);
            close + 1
        })
    }

    /// A word of notes that is known: one that nothing but a name looks like.
    fn known(&mut self, text: &mut [u8], at: usize) -> Option<usize> {
        let first = text[at];
        let begin = (Bound::Included(&text[at..=at]), Bound::Unbounded);
        let names = self.names.range::<[u8], _>(begin).take_while(|(name, _)| name.first() == Some(&first));
        let secrets =
            self.secrets.range::<[u8], _>(begin).take_while(|(name, _)| name.first() == Some(&first));
        let found = names.chain(secrets).filter(|(name, _)| {
            let ends = text.get(at + name.len()).is_none_or(|next| !is_word(*next));
            is_sure(name) && ends && text[at..].starts_with(name)
        });
        let (name, substitute) = found.max_by_key(|(name, _)| name.len())?;
        text[at..at + name.len()].copy_from_slice(substitute);
        Some(at + name.len())
    }

    /// Replaces a name: digits by digits, letters by letters, everything else stays, so that a number is still
    /// one. The first of its form becomes `000` or `aaa`, the next `001` or `aab`.
    fn name(&mut self, name: &mut [u8]) {
        if name.is_empty() || name == NOBODY {
            return;
        }
        if let Some(known) = self.names.get(&*name) {
            return name.copy_from_slice(known);
        }
        let form: Vec<u8> = name
            .iter()
            .map(|octet| match octet {
                b'0'..=b'9' => b'0',
                b'a'..=b'z' => b'a',
                b'A'..=b'Z' => b'A',
                other => *other,
            })
            .collect();
        let mut number = self.number(form.clone());
        let mut substitute = form;
        for octet in substitute.iter_mut().rev() {
            let radix = match octet {
                b'0' => 10,
                b'a' | b'A' => 26,
                _ => continue,
            };
            *octet += (number % radix) as u8;
            number /= radix;
        }
        self.names.insert(name.to_vec(), substitute.clone());
        name.copy_from_slice(&substitute);
    }

    /// Replaces a secret by a number: which of its places had letters would already tell a right guess.
    fn secret(&mut self, secret: &mut [u8]) {
        if let Some(known) = self.secrets.get(&*secret) {
            return secret.copy_from_slice(known);
        }
        let mut length = b"secret ".to_vec();
        length.extend(secret.len().to_le_bytes());
        let mut number = self.number(length);
        let mut substitute = vec![b'0'; secret.len()];
        for octet in substitute.iter_mut().rev() {
            *octet += (number % 10) as u8;
            number /= 10;
        }
        self.secrets.insert(secret.to_vec(), substitute.clone());
        secret.copy_from_slice(&substitute);
    }

    fn number(&mut self, form: Vec<u8>) -> u64 {
        let count = self.counts.entry(form).or_default();
        *count += 1;
        *count - 1
    }
}

fn starts(text: &[u8], word: &str) -> bool {
    text.get(..word.len()).is_some_and(|head| head.eq_ignore_ascii_case(word.as_bytes()))
}

fn is_word(octet: u8) -> bool {
    octet.is_ascii_alphanumeric() || octet == b'_' || octet == b'-'
}

/// Whether it is no word of a sentence and none of a format: those have neither digits nor capitals.
fn is_sure(name: &[u8]) -> bool {
    let tells = |octet: &u8| octet.is_ascii_digit() || octet.is_ascii_uppercase();
    name.len() >= SURE_OCTETS && name.iter().any(tells)
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;

    fn redacted(words: &mut Words, text: &str) -> String {
        let mut octets = text.as_bytes().to_vec();
        words.in_message(&mut octets);
        String::from_utf8(octets).unwrap()
    }

    #[test]
    fn names_and_numbers_of_uris_have_substitutes_of_their_own() {
        let mut words = Words::default();
        let text = "INVITE sip:+4930123@lab.example;user=phone SIP/2.0\r\nFrom: <sips:alice:pw1@lab.example>;tag=1\r\n\
                    To: <tel:+4930123>\r\nContact: <sip:lab.example:5060>\r\nReply-To: <sip:bob01@lab.example>\r\n";
        assert_eq!(
            redacted(&mut words, text),
            "INVITE sip:+0000000@lab.example;user=phone SIP/2.0\r\nFrom: <sips:aaaaa:xxx@lab.example>;tag=1\r\n\
             To: <tel:+0000000>\r\nContact: <sip:lab.example:5060>\r\nReply-To: <sip:aaa00@lab.example>\r\n"
        );
        assert_eq!(redacted(&mut words, "<sip:carol@a> <sip:alice@a>"), "<sip:aaaab@a> <sip:aaaaa@a>");
        assert_eq!(redacted(&mut words, "<sip:anonymous@a>"), "<sip:anonymous@a>");
    }

    #[test]
    fn display_names_go_with_and_without_quotes() {
        let text = "f: \"Alice Smith\" <sip:a@b>;tag=Alice\r\nTo: Bob <sip:b@b>\r\nSubject: \"none\"\r\n";
        let expected = "f: \"Aaaaa Aaaaa\" <sip:a@b>;tag=Alice\r\nTo: Aaa <sip:b@b>\r\nSubject: \"none\"\r\n";
        assert_eq!(redacted(&mut Words::default(), text), expected);
    }

    #[test]
    fn answers_of_digest_leave_no_form_to_guess_by() {
        let text = "Authorization: Digest username=\"1001\", realm=\"lab\", nonce=\"ab12\", uri=\"sip:lab\", \
                    response=\"d41d8cd98f00b204e9800998ecf8427e\", cnonce=\"q1w2\", nc=00000001\r\n";
        let expected = "Authorization: Digest username=\"0000\", realm=\"lab\", nonce=\"0000\", uri=\"sip:lab\", \
                        response=\"00000000000000000000000000000000\", cnonce=\"0001\", nc=00000001\r\n";
        let mut words = Words::default();
        assert_eq!(redacted(&mut words, text), expected);
        assert_eq!(redacted(&mut words, "nonce=\"ab12\" nonce=\"zz12\""), "nonce=\"0000\" nonce=\"0002\"");
    }

    #[test]
    fn keys_for_media_and_the_owner_of_a_session_go() {
        let text = "v=0\r\no=bob01 1 1 IN IP4 192.0.2.1\r\na=crypto:1 AES_CM_128_HMAC_SHA1_80 inline:c2VjcmV0|2^31\r\n";
        let expected = "v=0\r\no=aaa00 1 1 IN IP4 192.0.2.1\r\na=crypto:1 AES_CM_128_HMAC_SHA1_80 inline:AAAAAAAA|2^31\r\n";
        assert_eq!(redacted(&mut Words::default(), text), expected);
        assert_eq!(
            redacted(&mut Words::default(), "o=- 1 1 IN IP4 192.0.2.1\r\n"),
            "o=- 1 1 IN IP4 192.0.2.1\r\n"
        );
    }

    #[test]
    fn notes_lose_the_names_that_messages_had_and_no_other_words() {
        let mut words = Words::default();
        redacted(&mut words, "<sip:1001@a> <sip:primary@a> <sip:2@a> \"Al Gore\" <sip:x1@a>");
        let mut note = br#"{"command":"dial 1001","from":"Al Gore","at":"primary","n":2,"m":10012}"#.to_vec();
        words.in_notes(&mut note);
        let expected = r#"{"command":"dial 0000","from":"Aa Aaaa","at":"primary","n":2,"m":10012}"#;
        assert_eq!(String::from_utf8(note).unwrap(), expected);
    }
}
