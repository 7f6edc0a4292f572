//! Names and secrets, each replaced by a substitute of the same length: the same one by the same substitute, wherever
//! it stands.

use std::collections::BTreeMap;
use std::net::{IpAddr, SocketAddr};
use std::ops::Bound;

use sipfarm_core::rtp::rtcp_descriptions;

use super::scan::Scan;

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
    /// Replaces what stands where SIP, SDP and RTCP have names and secrets.
    pub fn in_message(&mut self, text: &mut [u8]) {
        for description in rtcp_descriptions(text) {
            // `user@host` (RFC 3550 section 6.5.1), or somebody's name, mail or place.
            let said = &mut text[description];
            let user = said.iter().position(|octet| *octet == b'@').unwrap_or(said.len());
            self.name(&mut said[..user]);
        }
        Scan { words: self, notes: false }.all(text);
    }

    /// The same, and every word that was a name or a secret in a message before.
    pub fn in_notes(&mut self, text: &mut [u8]) {
        Scan { words: self, notes: true }.all(text);
    }

    /// As [`Words::in_notes`], in the texts of JSON alone: keys, numbers and addresses stay what they are.
    pub fn in_json(&mut self, json: &mut [u8]) {
        let mut at = 0;
        while let Some(begin) = json[at..].iter().position(|octet| *octet == b'"').map(|found| at + found) {
            let Some(end) = end_of_string(json, begin) else { return };
            at = end;
            let is_key = json[end..].trim_ascii_start().starts_with(b":");
            let Ok(text) = serde_json::from_slice::<String>(&json[begin..end]) else { continue };
            if is_key || text.parse::<IpAddr>().is_ok() || text.parse::<SocketAddr>().is_ok() {
                continue;
            }
            let mut octets = text.into_bytes();
            self.in_notes(&mut octets);
            let replaced = String::from_utf8(octets).ok().and_then(|text| serde_json::to_vec(&text).ok());
            // Substitutes have nothing that JSON would write in another length.
            if let Some(replaced) = replaced.filter(|replaced| replaced.len() == end - begin) {
                json[begin..end].copy_from_slice(&replaced);
            }
        }
    }

    /// A word of notes that is known, at this place: one that nothing but a name looks like. Gives where it ends.
    pub fn known(&self, text: &mut [u8], at: usize) -> Option<usize> {
        let first = text[at];
        let begin = (Bound::Included(&text[at..=at]), Bound::Unbounded);
        let names = self.names.range::<[u8], _>(begin).take_while(|(name, _)| name.first() == Some(&first));
        let secrets =
            self.secrets.range::<[u8], _>(begin).take_while(|(name, _)| name.first() == Some(&first));
        let found = names.chain(secrets).filter(|(name, _)| {
            let end = at + name.len();
            let ends = text.get(end).is_none_or(|next| !is_word(*next));
            is_sure(name) && ends && text[at..].starts_with(name) && !is_quantity(text, at, end)
        });
        let (name, substitute) = found.max_by_key(|(name, _)| name.len())?;
        text[at..at + name.len()].copy_from_slice(substitute);
        Some(at + name.len())
    }

    /// Replaces a name: digits by digits, letters by letters, everything else of ASCII stays, so that a number is
    /// still one. The first of its form becomes `000` or `aaa`, the next `001` or `aab`.
    pub fn name(&mut self, name: &mut [u8]) {
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
                b'a'..=b'z' | 0x80.. => b'a',
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
    pub fn secret(&mut self, secret: &mut [u8]) {
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

/// Where a string of JSON that begins here ends: after its closing quote.
fn end_of_string(json: &[u8], begin: usize) -> Option<usize> {
    let mut at = begin + 1;
    loop {
        match json.get(at)? {
            b'\\' => at += 2,
            b'"' => return Some(at + 1),
            _ => at += 1,
        }
    }
}

/// Whether the octet belongs to a word.
pub fn is_word(octet: u8) -> bool {
    octet.is_ascii_alphanumeric() || octet == b'_' || octet == b'-' || !octet.is_ascii()
}

/// Whether it is no word of a sentence and none of a format: those have neither digits nor capitals.
fn is_sure(name: &[u8]) -> bool {
    let tells = |octet: &u8| octet.is_ascii_digit() || octet.is_ascii_uppercase();
    name.len() >= SURE_OCTETS && name.iter().any(tells)
}

/// Whether what stands there counts or measures something, though it may be a number of somebody's: a part of a
/// time, an address or a version, a time with its unit, the number of a packet or a line.
fn is_quantity(text: &[u8], begin: usize, end: usize) -> bool {
    const COUNTED: [&[u8]; 4] = [b"packet ", b"packets ", b"line ", b"port "];
    const UNITS: [&[u8]; 4] = [b" s", b" ms", b" %", b" times"];
    if !text[begin..end].iter().all(u8::is_ascii_digit) {
        return false;
    }
    let (before, after) = (&text[..begin], &text[end..]);
    let joined_before = matches!(before, [.., d, b'.' | b':'] if d.is_ascii_digit());
    let joined_after = matches!(after, [b'.', next, ..] if next.is_ascii_digit());
    let unit = |unit: &&[u8]| {
        after.strip_prefix(*unit).is_some_and(|rest| rest.first().is_none_or(|next| !is_word(*next)))
    };
    joined_before
        || joined_after
        || COUNTED.iter().any(|word| before.ends_with(word))
        || UNITS.iter().any(unit)
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
        let text = "f: \"Alice Smith\" <sip:a@b>;tag=Alice\r\nTo: Bob <sip:b@b>\r\nSubject: News\r\nServer: \"none\"\r\n";
        let expected = "f: \"Aaaaa Aaaaa\" <sip:a@b>;tag=Alice\r\nTo: Aaa <sip:b@b>\r\nSubject: Aaaa\r\nServer: \"none\"\r\n";
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
    fn who_sends_audio_is_not_told() {
        let mut words = Words::default();
        redacted(&mut words, "<sip:1001@lab>");
        let mut sdes = b"\x81\xca\0\x06\0\0\0\x01\x01\x091001@host\x02\x05Alice\0\0".to_vec();
        words.in_message(&mut sdes);
        assert_eq!(sdes, b"\x81\xca\0\x06\0\0\0\x01\x01\x090000@host\x02\x05Aaaaa\0\0");
    }

    #[test]
    fn every_way_to_write_a_secret_or_a_name_is_known() {
        let gone = |text: &str, words: &[&str]| {
            let told = redacted(&mut Words::default(), text);
            assert_eq!(told.len(), text.len(), "{told}");
            assert!(words.iter().all(|word| !told.contains(word)), "{told}");
        };
        gone(
            "Authorization: Digest username = \"Ann\", nonce =\"n0Nc\", response = \"beef\"\r\n",
            &["Ann", "n0Nc", "beef"],
        );
        gone("Authorization: Digest username=Ann7, response=beef77\r\n", &["Ann7", "beef77"]);
        gone("Authorization: Digest username*=UTF-8''J%C3%B6rg, opaque=\"q\"\r\n", &["J%C3", "rg,"]);
        gone("Authorization: Basic QW5uOnB3\r\nProxy-Authorization: Bearer t0ken\r\n", &["QW5u", "t0ken"]);
        gone("From: \"Ann \\\"Bo\\\" Cole\" <sip:1@h>\r\n", &["Ann", "Bo", "Cole"]);
        gone(
            "From: \"J\u{f6}rg\" <sip:1@h>\r\nTo: \u{418}\u{432}\u{430}\u{43d} <sip:2@h>\r\n",
            &["\u{f6}", "rg", "\u{418}"],
        );
        gone("P-Asserted-Identity: Ann <sip:1@h>, Bob <tel:+15>\r\n", &["Ann", "Bob", "15"]);
        gone("P-Called-Party-ID: Ann <sip:1@h>\r\nFrom:\r\n Bob <sip:2@h>\r\n", &["Ann", "Bob"]);
        gone("Contact: <sip:Cole,Ann@h>, <sip:9:pa,ss@h>\r\n", &["Cole", "Ann", "pa,ss"]);
        gone("Refer-To: <sip:5@h?From=%22Ann%22%3Csip%3ABob%40h%3E>\r\n", &["Ann", "Bob"]);
        gone(
            "Contact: <im:Ann@h>, <tel:+49;ext=4711>, <sip:+4@h;isub=Ann9>, <sip:+5;isub=Bo7@h>;+sip.instance=\"<urn:uuid:0a95>\"\r\n",
            &["Ann", "Bo7", "4711", "0a95"],
        );
        gone(
            "v=0\r\ns=Ann calls\r\ne=Ann@h\r\np=+49 30\r\nk=clear:kEy\r\na=ice-ufrag:uFrg\r\n",
            &["Ann", "49 30", "kEy", "uFrg"],
        );
        let two = "Contact: sip:a.example,sip:bob@b.example\r\n";
        assert_eq!(redacted(&mut Words::default(), two), two.replace("bob", "aaa"));
    }

    #[test]
    fn keys_numbers_and_addresses_of_json_stay_and_so_do_times() {
        let mut words = Words::default();
        redacted(&mut words, "<sip:500@a> <sip:5060@a> <sip:Key9@a> \"Al \\\"Bo\\\" Go\" <sip:1@a>");
        let mut json = br#"{"Key9":500,"at":"192.0.2.1:5060","said":"dial 500 after 500 ms, 0.500, packet 500","by":"\"Al \\\"Bo\\\" Go\" <sip:500@a>"}"#.to_vec();
        words.in_json(&mut json);
        let expected = r#"{"Key9":500,"at":"192.0.2.1:5060","said":"dial 000 after 500 ms, 0.500, packet 500","by":"\"Aa \\\"Aa\\\" Aa\" <sip:000@a>"}"#;
        assert_eq!(String::from_utf8(json).unwrap(), expected);
    }

    #[test]
    fn notes_lose_the_names_that_messages_had_and_no_other_words() {
        let mut words = Words::default();
        redacted(&mut words, "<sip:1001@a> <sip:primary@a> <sip:2@a> \"Al Gore\" <sip:x1@a>");
        let mut note = br#"{"command":"dial 1001","from":"Al Gore","at":"primary","n":2,"m":10012}"#.to_vec();
        words.in_json(&mut note);
        let expected = r#"{"command":"dial 0000","from":"Aa Aaaa","at":"primary","n":2,"m":10012}"#;
        assert_eq!(String::from_utf8(note).unwrap(), expected);
    }
}
