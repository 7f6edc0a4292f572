//! Text from a feature file, a bundle or the network, which must not be able to steer a terminal.

/// On one line, and without characters that control a terminal or turn the direction of writing.
pub fn clean(text: &str) -> String {
    text.chars().map(|c| if steers(c) { ' ' } else { c }).collect()
}

/// The same, with its lines left as they are.
pub fn clean_lines(text: &str) -> String {
    text.chars().map(|c| if steers(c) && c != '\n' { ' ' } else { c }).collect()
}

/// Controls of C0 and C1, and the marks, embeddings, overrides and isolates of the bidirectional algorithm.
fn steers(c: char) -> bool {
    c.is_control()
        || matches!(c, '\u{61c}' | '\u{200e}' | '\u{200f}' | '\u{202a}'..='\u{202e}' | '\u{2066}'..='\u{2069}')
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn nothing_steers_the_terminal() {
        assert_eq!(clean("a\x1b[31mb\nc\u{9b}d\u{202e}e"), "a [31mb c d e");
        assert_eq!(clean_lines("a\n\x07b\t\u{2066}"), "a\n b  ");
        assert_eq!(clean("J\u{f6}rg \u{2026} \u{418}"), "J\u{f6}rg \u{2026} \u{418}");
    }
}
