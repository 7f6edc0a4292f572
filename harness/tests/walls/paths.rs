//! Reads which paths a Rust source names. It knows just enough of the language for that: comments,
//! literals, identifiers, and the trees of `use`.

/// A path and the line on which it begins.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct NamedPath {
    /// From 1.
    pub line: usize,
    /// `use a::{b, c::*}` names `a::b` and `a::c::*`.
    pub segments: Vec<String>,
}

/// Every path that `source` names, single identifiers included.
pub fn paths(source: &str) -> Vec<NamedPath> {
    let tokens = tokens(source);
    let mut found = Vec::new();
    let mut at = 0;
    while at < tokens.len() {
        if tokens[at].is_ident() {
            at = tree(&tokens, at, Vec::new(), &mut found);
        } else {
            at += 1;
        }
    }
    found
}

/// Reads one path from `at`, with all branches of its tree, and says where it ends.
fn tree(tokens: &[Token], mut at: usize, mut segments: Vec<String>, found: &mut Vec<NamedPath>) -> usize {
    let Some(first) = tokens.get(at) else { return at };
    let line = first.line;
    loop {
        match tokens.get(at) {
            Some(token) if token.text == "{" => return branches(tokens, at + 1, &segments, found),
            Some(token) if token.is_ident() || token.text == "*" => segments.push(token.text.clone()),
            _ => break,
        }
        at += 1;
        match tokens.get(at) {
            Some(token) if token.text == "::" => at += 1,
            _ => break,
        }
    }
    found.push(NamedPath { line, segments });
    at
}

/// Reads `a, b::c}` under a path.
fn branches(tokens: &[Token], mut at: usize, above: &[String], found: &mut Vec<NamedPath>) -> usize {
    while let Some(token) = tokens.get(at) {
        if token.text == "}" {
            return at + 1;
        }
        // A comma, or `as name`, which is no path of its own.
        let skips = if token.text == "as" { 2 } else { usize::from(!token.is_ident() && token.text != "*") };
        at = if skips > 0 { at + skips } else { tree(tokens, at, above.to_vec(), found) };
    }
    at
}

#[derive(Debug)]
struct Token {
    line: usize,
    text: String,
}

impl Token {
    fn is_ident(&self) -> bool {
        self.text.starts_with(|c: char| c.is_alphabetic() || c == '_')
    }
}

/// Identifiers, `::` and single signs; comments and literals are left out.
fn tokens(source: &str) -> Vec<Token> {
    let mut rest = source;
    let mut tokens = Vec::new();
    let mut line = 1;
    while let Some(first) = rest.chars().next() {
        let length = skipped(rest).unwrap_or_else(|| {
            let ident = rest.find(|c: char| !(c.is_alphanumeric() || c == '_')).unwrap_or(rest.len());
            let length = if ident > 0 { ident } else { first.len_utf8() };
            let length = if rest.starts_with("::") { 2 } else { length };
            if !first.is_whitespace() && !first.is_numeric() {
                tokens.push(Token { line, text: rest[..length].to_owned() });
            }
            length
        });
        line += rest[..length].matches('\n').count();
        rest = &rest[length..];
    }
    tokens
}

/// The length of the comment or literal at the start of `text`, or of the `r#` of a raw identifier.
fn skipped(text: &str) -> Option<usize> {
    if text.starts_with("//") {
        return Some(text.find('\n').unwrap_or(text.len()));
    }
    if text.starts_with("/*") {
        return Some(block_comment(text));
    }
    let unprefixed = text.trim_start_matches(['b', 'c']);
    let prefix = text.len() - unprefixed.len();
    if prefix < 2 && unprefixed.starts_with('"') {
        return Some(prefix + quoted(unprefixed));
    }
    if prefix < 2 && unprefixed.starts_with('r') {
        let hashes = unprefixed[1..].len() - unprefixed[1..].trim_start_matches('#').len();
        if unprefixed[1 + hashes..].starts_with('"') {
            let end = format!("\"{}", "#".repeat(hashes));
            let body = &unprefixed[2 + hashes..];
            return Some(prefix + 2 + hashes + body.find(&end).map_or(body.len(), |at| at + end.len()));
        }
        return (hashes == 1).then_some(2);
    }
    (prefix < 2 && unprefixed.starts_with('\'')).then(|| prefix + character(unprefixed))
}

/// The length of a character literal, or of the quote of a lifetime, which nothing closes.
fn character(text: &str) -> usize {
    let mut chars = text.chars().skip(1);
    match (chars.next(), chars.next()) {
        (Some('\\'), Some(escaped)) => {
            let from = 2 + escaped.len_utf8();
            text[from..].find('\'').map_or(text.len(), |at| from + at + 1)
        }
        (Some(letter), Some('\'')) => 2 + letter.len_utf8(),
        _ => 1,
    }
}

fn quoted(text: &str) -> usize {
    let mut escaped = false;
    for (at, letter) in text.char_indices().skip(1) {
        match letter {
            '"' if !escaped => return at + 1,
            _ => escaped = letter == '\\' && !escaped,
        }
    }
    text.len()
}

fn block_comment(text: &str) -> usize {
    let (mut depth, mut at) = (0_usize, 0);
    while at < text.len() {
        if text[at..].starts_with("/*") {
            (depth, at) = (depth + 1, at + 2);
        } else if text[at..].starts_with("*/") {
            (depth, at) = (depth - 1, at + 2);
            if depth == 0 {
                return at;
            }
        } else {
            at += text[at..].chars().next().map_or(1, char::len_utf8);
        }
    }
    text.len()
}

fn named(source: &str) -> Vec<String> {
    paths(source).into_iter().map(|path| path.segments.join("::")).collect()
}

#[test]
fn trees_of_use_are_followed_to_their_ends() {
    let source = "use a::{b, c::{d as e, *}, self};\nfn f(x: g::H) -> Vec<i::J> {}";
    let expected = "use a::b a::c::d a::c::* a::self fn f x g::H Vec i::J";
    assert_eq!(named(source).join(" "), expected);
}

#[test]
fn comments_and_literals_name_nothing() {
    let source = "// a::b\n/* c::d /* e */ f */ let s = \"g::h \\\" i\"; r#\"j \" k\"#; b'l'; '\\''; 'm'; x as r#match;";
    assert_eq!(named(source).join(" "), "let s x as match");
    assert_eq!(named("impl<'a> T<'a> { const C: char = 'ä'; }").join(" "), "impl a T a const C char");
    assert_eq!(named("let br = 5; br; b + c; \"\"; brx").join(" "), "let br br b c brx");
}

#[test]
fn lines_are_counted_from_one() {
    let lines: Vec<usize> = paths("a::b;\n/* \n */ c;\n\"\n\"; d").iter().map(|path| path.line).collect();
    assert_eq!(lines, [1, 3, 5]);
}
