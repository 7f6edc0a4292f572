//! Strings of others in HTML: what a phone sends, what an author writes, is text and nothing else.

use std::fmt;

/// A text as it may stand in HTML and SVG, between tags as well as in an attribute in quotation marks.
/// Control characters, which no page may hold or which would turn a line around, show as pictures.
#[derive(Debug, Clone, Copy)]
pub struct Escaped<'a>(pub &'a str);

impl fmt::Display for Escaped<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let mut plain = 0;
        for (at, c) in self.0.char_indices() {
            let mut picture = [0; 4];
            let instead = match c {
                '&' => "&amp;",
                '<' => "&lt;",
                '>' => "&gt;",
                '"' => "&quot;",
                '\'' => "&#39;",
                '\n' | '\t' => continue,
                '\0'..='\x1f' => visible(c).encode_utf8(&mut picture),
                '\x7f'..='\u{9f}' | '\u{202a}'..='\u{202e}' | '\u{2066}'..='\u{2069}' => "\u{fffd}",
                _ => continue,
            };
            f.write_str(&self.0[plain..at])?;
            f.write_str(instead)?;
            plain = at + c.len_utf8();
        }
        f.write_str(&self.0[plain..])
    }
}

/// The picture of a control character.
fn visible(c: char) -> char {
    char::from_u32(0x2400 + u32::from(c)).unwrap_or('\u{fffd}')
}

/// A path within the bundle as a link beside the report; none for one that leads elsewhere.
pub fn link(path: &str) -> Option<String> {
    use fmt::Write as _;
    if path.starts_with('/') || path.split('/').any(|part| part == "..") {
        return None;
    }
    let mut href = "./".to_owned();
    for octet in path.bytes() {
        match octet {
            b'a'..=b'z' | b'A'..=b'Z' | b'0'..=b'9' | b'-' | b'.' | b'_' | b'/' => {
                href.push(char::from(octet))
            }
            _ => {
                let _ = write!(href, "%{octet:02X}");
            }
        }
    }
    Some(href)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn no_text_ends_its_place() {
        for (text, shown) in [
            ("<script>alert(1)</script>", "&lt;script&gt;alert(1)&lt;/script&gt;"),
            ("a\" onload=\"b", "a&quot; onload=&quot;b"),
            ("it's & that", "it&#39;s &amp; that"),
            ("--><!--", "--&gt;&lt;!--"),
            ("a\x1b[2J\0\r\n\tb", "a␛[2J␀␍\n\tb"),
            ("\u{202e}txt.exe", "\u{fffd}txt.exe"),
            ("größer", "größer"),
        ] {
            assert_eq!(Escaped(text).to_string(), shown);
        }
    }

    #[test]
    fn a_link_stays_in_the_bundle() {
        assert_eq!(link("seed-2/014.pcapng").as_deref(), Some("./seed-2/014.pcapng"));
        assert_eq!(link("javascript:alert(1)").as_deref(), Some("./javascript%3Aalert%281%29"));
        assert_eq!(link("\"><b>").as_deref(), Some("./%22%3E%3Cb%3E"));
        assert_eq!((link("/etc/passwd"), link("../../x")), (None, None));
    }
}
