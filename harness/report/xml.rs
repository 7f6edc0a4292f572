//! XML as we write it: elements with attributes, text between them, and nothing that a parser refuses.

use std::fmt::Write as _;

/// An element with what is in it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Element {
    name: &'static str,
    attributes: Vec<(&'static str, String)>,
    inside: Vec<Inside>,
}

#[derive(Debug, Clone, PartialEq, Eq)]
enum Inside {
    Element(Element),
    Text(String),
}

impl Element {
    /// An empty element of that name.
    pub fn new(name: &'static str) -> Self {
        Element { name, attributes: Vec::new(), inside: Vec::new() }
    }

    /// With an attribute.
    pub fn with(mut self, name: &'static str, value: impl Into<String>) -> Self {
        self.attributes.push((name, value.into()));
        self
    }

    /// With text after what is in it.
    pub fn text(mut self, text: impl Into<String>) -> Self {
        self.inside.push(Inside::Text(text.into()));
        self
    }

    /// With elements after what is in it.
    pub fn holding(mut self, elements: impl IntoIterator<Item = Element>) -> Self {
        self.inside.extend(elements.into_iter().map(Inside::Element));
        self
    }

    /// The whole document of which this is the root.
    pub fn document(&self) -> String {
        let mut text = String::from("<?xml version=\"1.0\" encoding=\"UTF-8\"?>\n");
        self.write(&mut text, 0);
        text
    }

    fn write(&self, text: &mut String, depth: usize) {
        let Element { name, attributes, inside } = self;
        let indent = "  ".repeat(depth);
        let _ = write!(text, "{indent}<{name}");
        for (name, value) in attributes {
            let _ = write!(text, " {name}=\"{}\"", escaped(value, true));
        }
        if inside.is_empty() {
            return text.push_str("/>\n");
        }
        text.push('>');
        // Where there is text, every blank counts.
        let mixed = inside.iter().any(|inside| matches!(inside, Inside::Text(_)));
        if !mixed {
            text.push('\n');
        }
        for inside in inside {
            match inside {
                Inside::Element(element) => element.write(text, if mixed { 0 } else { depth + 1 }),
                Inside::Text(inside) => text.push_str(&escaped(inside, false)),
            }
        }
        if !mixed {
            text.push_str(&indent);
        }
        let _ = writeln!(text, "</{name}>");
    }
}

/// Text as XML 1.0 has it. A character that it has not, even as a reference (2.2, *Char*: most control
/// characters, U+FFFE, U+FFFF), is told by its number, `\x1b`, so that it is seen and no parser stops at it.
fn escaped(text: &str, attribute: bool) -> String {
    let mut out = String::with_capacity(text.len());
    for c in text.chars() {
        match c {
            '&' => out.push_str("&amp;"),
            '<' => out.push_str("&lt;"),
            '>' => out.push_str("&gt;"),
            '"' if attribute => out.push_str("&quot;"),
            // In an attribute a parser makes them blanks (3.3.3), and everywhere it makes CR LF one LF (2.11).
            '\n' | '\t' if attribute => _ = write!(out, "&#{};", u32::from(c)),
            '\r' => out.push_str("&#13;"),
            '\n' | '\t' | ' '..='\u{7e}' | '\u{a0}'..='\u{fffd}' | '\u{10000}'.. => out.push(c),
            // From 7F to 9F they are allowed and discouraged, for a terminal obeys them.
            c if u32::from(c) <= 0xff => _ = write!(out, "\\x{:02x}", u32::from(c)),
            c => _ = write!(out, "\\u{{{:x}}}", u32::from(c)),
        }
    }
    out
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use proptest::prelude::*;

    use super::*;

    fn holding(text: &str) -> String {
        Element::new("a").with("b", text).text(text).document()
    }

    #[test]
    fn what_comes_from_the_network_stays_text() {
        let hostile = "]]></a><script>\"'&amp;\r\n\tü";
        let document = holding(hostile);
        let parsed = roxmltree::Document::parse(&document).unwrap();
        let root = parsed.root_element();
        assert_eq!((root.attribute("b"), root.text()), (Some(hostile), Some(hostile)));
        assert_eq!(root.children().filter(roxmltree::Node::is_element).count(), 0);
    }

    #[test]
    fn what_xml_forbids_is_told_by_its_number() {
        let document = holding("a\u{0}\u{1b}[2J\u{7f}\u{85}\u{ffff}b");
        let parsed = roxmltree::Document::parse(&document).unwrap();
        assert_eq!(parsed.root_element().text(), Some("a\\x00\\x1b[2J\\x7f\\x85\\u{ffff}b"));
    }

    #[test]
    fn elements_are_indented_and_text_is_not() {
        let element = Element::new("a").holding([
            Element::new("b").with("c", "1"),
            Element::new("d").holding([Element::new("e").text("one\n  two")]),
        ]);
        insta::assert_snapshot!(element.document(), @r#"
        <?xml version="1.0" encoding="UTF-8"?>
        <a>
          <b c="1"/>
          <d>
            <e>one
          two</e>
          </d>
        </a>
        "#);
    }

    proptest! {
        #[test]
        fn whatever_is_written_can_be_read(text in any::<String>()) {
            let document = holding(&text);
            let parsed = roxmltree::Document::parse(&document);
            prop_assert!(parsed.is_ok(), "{:?}: {}", parsed, document);
        }
    }
}
