//! A fault in words: the same in Gherkin, on the command line and in the API.

use std::fmt;
use std::str::FromStr;

use thiserror::Error;

use super::declare::Words;
use super::scope::Scope;
use super::{ActsOn, Declaration, FAULTS, NodeKind, Rule, TEMPLATES};
use crate::farm::dns::Row;

/// A fault and its parameters, checked: `status code=503 retry-after=120 method=INVITE first=1`.
///
/// Text goes in by [`FromStr`] and comes out by `Display`, word for word in the order given. A
/// value with spaces stands in quotes, double or single: `header="Min-Expires: 60"`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct FaultSpec {
    name: &'static str,
    words: Vec<(String, String)>,
}

impl FaultSpec {
    /// The names of all faults.
    pub fn names() -> impl Iterator<Item = &'static str> {
        FAULTS.iter().map(|fault| fault.name)
    }

    /// A fault with its defaults.
    ///
    /// # Errors
    /// No fault has that name, or it cannot do without a parameter.
    pub fn new(name: &str) -> Result<Self, FaultError> {
        FaultSpec::checked(name, Vec::new())
    }

    /// The same fault with one more parameter.
    ///
    /// # Errors
    /// The fault has no such parameter, has it already, or cannot take the value.
    pub fn with(mut self, parameter: &str, value: impl ToString) -> Result<Self, FaultError> {
        self.words.push((parameter.to_owned(), value.to_string()));
        FaultSpec::checked(self.name, self.words)
    }

    /// The name of the fault.
    pub fn name(&self) -> &'static str {
        self.name
    }

    /// A parameter as it was given.
    pub fn parameter(&self, name: &str) -> Option<&str> {
        self.words.iter().find(|(n, _)| n == name).map(|(_, value)| value.as_str())
    }

    /// Whether it keeps what the phone sends, or what the phone is told, from the node's sockets:
    /// then only packet capture can see it.
    pub fn hides_from_sockets(&self) -> bool {
        self.start().is_ok_and(|(rule, _)| rule.hides_from_sockets())
    }

    /// Whether it does something with TLS, and so nothing where nobody wants that.
    pub fn is_of_tls(&self) -> bool {
        self.start().is_ok_and(|(rule, _)| rule.tls_manner().is_some())
    }

    /// Whether it can be switched on at a node of that kind.
    ///
    /// # Errors
    /// It cannot, or not with these parameters; the message says which faults can.
    pub fn fits(&self, node: NodeKind) -> Result<(), FaultError> {
        let (rule, scope) = self.start()?;
        let fault = self.name.to_owned();
        if !rule.fits(node) {
            let fitting = |fault: &&Declaration| {
                let spec = FaultSpec { name: fault.name, words: Vec::new() };
                // What cannot start without its parameters is known by what it acts on.
                let of_dns = node == NodeKind::Dns && fault.acts_on == ActsOn::Records;
                spec.start().map_or(of_dns, |(rule, _)| rule.fits(node))
            };
            let names: Vec<_> = FAULTS.iter().filter(fitting).map(|fault| fault.name).collect();
            return Err(FaultError::Misplaced { fault, node, fitting: names.join(", ") });
        }
        match scope.stranger(node) {
            Some(word) => Err(FaultError::Contradiction {
                fault,
                problem: format!("\"{word}\" has no meaning at {node}"),
            }),
            None => Ok(()),
        }
    }

    /// The records that stand instead of a zone's own while it is on.
    pub(in crate::farm) fn records(&self) -> Vec<Row> {
        self.start().map(|(rule, _)| rule.records()).unwrap_or_default()
    }

    /// What it acts on.
    pub(super) fn acts_on(&self) -> ActsOn {
        FAULTS
            .iter()
            .chain(TEMPLATES)
            .find(|fault| fault.name == self.name)
            .map_or(ActsOn::Messages, |fault| fault.acts_on)
    }

    /// What carries the fault out, and the messages that it is meant for.
    pub(super) fn start(&self) -> Result<(Box<dyn Rule>, Scope), FaultError> {
        let words = Words { fault: self.name, words: &self.words };
        Ok(((find(self.name)?.start)(&words)?, Scope::read(&words)?))
    }

    fn checked(name: &str, words: Vec<(String, String)>) -> Result<Self, FaultError> {
        let declaration = find(name)?;
        for (at, (word, _)) in words.iter().enumerate() {
            check_name(declaration, word)?;
            if words[..at].iter().any(|(earlier, _)| earlier == word) {
                return Err(FaultError::Repeated { fault: name.to_owned(), parameter: word.clone() });
            }
        }
        let spec = FaultSpec { name: declaration.name, words };
        match spec.start()?.0.contradiction() {
            Some(problem) => Err(FaultError::Contradiction { fault: name.to_owned(), problem }),
            None => Ok(spec),
        }
    }
}

impl FromStr for FaultSpec {
    type Err = FaultError;

    fn from_str(text: &str) -> Result<Self, FaultError> {
        let mut parts = split_words(text)?.into_iter();
        let name = parts.next().ok_or(FaultError::Empty)?;
        let declaration = find(&name)?;
        let words = parts
            .map(|part| match part.split_once('=') {
                Some((parameter, value)) => Ok((parameter.to_owned(), value.to_owned())),
                None => {
                    check_name(declaration, &part)?;
                    Err(FaultError::NoValue { fault: name.clone(), parameter: part })
                }
            })
            .collect::<Result<_, _>>()?;
        FaultSpec::checked(&name, words)
    }
}

impl fmt::Display for FaultSpec {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name)?;
        for (parameter, value) in &self.words {
            match value {
                value if value.contains('"') => write!(f, " {parameter}='{value}'")?,
                value if value.contains(|c: char| c.is_whitespace() || c == '\'') => {
                    write!(f, " {parameter}=\"{value}\"")?;
                }
                value => write!(f, " {parameter}={value}")?,
            }
        }
        Ok(())
    }
}

/// Why a fault could not be read.
#[derive(Debug, Clone, PartialEq, Eq, Error)]
pub enum FaultError {
    /// No words at all.
    #[error("the fault has no name; the first word must be one of: {}", names())]
    Empty,
    /// No fault has that name.
    #[error("there is no fault \"{name}\"{}", hint(suggestion, &names()))]
    UnknownFault {
        /// The name given.
        name: String,
        /// The nearest name that exists.
        suggestion: Option<String>,
    },
    /// The fault has no such parameter.
    #[error("fault \"{fault}\" has no parameter \"{parameter}\"{}", hint(suggestion, known))]
    UnknownParameter {
        /// The fault.
        fault: String,
        /// The word given.
        parameter: String,
        /// The nearest parameter that it has.
        suggestion: Option<String>,
        /// All that it has.
        known: String,
    },
    /// A parameter stands twice.
    #[error("fault \"{fault}\": \"{parameter}\" stands twice")]
    Repeated {
        /// The fault.
        fault: String,
        /// The parameter.
        parameter: String,
    },
    /// A word without an equals sign.
    #[error("fault \"{fault}\": \"{parameter}\" needs a value: {parameter}=…")]
    NoValue {
        /// The fault.
        fault: String,
        /// The parameter.
        parameter: String,
    },
    /// A parameter that has no default is missing.
    #[error("fault \"{fault}\" cannot do without {parameter}=…")]
    Missing {
        /// The fault.
        fault: String,
        /// The parameter.
        parameter: String,
    },
    /// A value that cannot be read.
    #[error("fault \"{fault}\": {parameter}={value} is not {expected}")]
    BadValue {
        /// The fault.
        fault: String,
        /// The parameter.
        parameter: String,
        /// The value given.
        value: String,
        /// What it should have been.
        expected: &'static str,
    },
    /// Two values that do not fit together.
    #[error("fault \"{fault}\": {problem}")]
    Contradiction {
        /// The fault.
        fault: String,
        /// What does not fit.
        problem: String,
    },
    /// The fault is for nodes of another kind.
    #[error("fault \"{fault}\" does nothing at {node}; there are: {fitting}")]
    Misplaced {
        /// The fault.
        fault: String,
        /// The kind of node.
        node: NodeKind,
        /// The faults that would do.
        fitting: String,
    },
    /// A quote that is never closed.
    #[error("a quote is not closed in: {text}")]
    OpenQuote {
        /// The whole text.
        text: String,
    },
}

/// Splits at white space outside quotes, and takes the quotes away.
fn split_words(text: &str) -> Result<Vec<String>, FaultError> {
    let mut words = Vec::new();
    let (mut word, mut open): (Option<String>, Option<char>) = (None, None);
    for c in text.chars() {
        match (c, open) {
            (c, Some(quote)) if c == quote => open = None,
            ('"' | '\'', None) => {
                open = Some(c);
                word.get_or_insert_default();
            }
            (c, None) if c.is_whitespace() => words.extend(word.take()),
            (c, _) => word.get_or_insert_default().push(c),
        }
    }
    if open.is_some() {
        return Err(FaultError::OpenQuote { text: text.to_owned() });
    }
    words.extend(word);
    Ok(words)
}

fn find(name: &str) -> Result<&'static Declaration, FaultError> {
    FAULTS.iter().chain(TEMPLATES).find(|fault| fault.name == name).ok_or_else(|| FaultError::UnknownFault {
        name: name.to_owned(),
        suggestion: nearest(name, FAULTS.iter().map(|fault| fault.name.to_owned())),
    })
}

fn check_name(declaration: &Declaration, word: &str) -> Result<(), FaultError> {
    let info = declaration.info();
    let known: Vec<String> = info.parameters.into_iter().chain(info.scope).map(|p| p.name).collect();
    if known.iter().any(|name| name == word) {
        return Ok(());
    }
    Err(FaultError::UnknownParameter {
        fault: declaration.name.to_owned(),
        parameter: word.to_owned(),
        suggestion: nearest(word, known.iter().cloned()),
        known: if known.is_empty() { "none".to_owned() } else { known.join(", ") },
    })
}

fn names() -> String {
    FaultSpec::names().collect::<Vec<_>>().join(", ")
}

fn hint(suggestion: &Option<String>, known: &str) -> String {
    match suggestion {
        Some(suggestion) => format!("; did you mean \"{suggestion}\"?"),
        None => format!("; there are: {known}"),
    }
}

/// The candidate with the fewest edits, when they are few enough to be a slip.
fn nearest(word: &str, candidates: impl Iterator<Item = String>) -> Option<String> {
    let limit = 1 + word.len() / 3;
    candidates
        .map(|candidate| (edits(word, &candidate), candidate))
        .filter(|(edits, _)| *edits <= limit)
        .min()
        .map(|(_, candidate)| candidate)
}

/// Insertions, deletions and replacements between two words.
fn edits(a: &str, b: &str) -> usize {
    let b: Vec<char> = b.chars().collect();
    let mut row: Vec<usize> = (0..=b.len()).collect();
    for (i, x) in a.chars().enumerate() {
        let mut diagonal = std::mem::replace(&mut row[0], i + 1);
        for (j, y) in b.iter().enumerate() {
            let replace = diagonal + usize::from(x != *y);
            diagonal = row[j + 1];
            row[j + 1] = replace.min(diagonal + 1).min(row[j] + 1);
        }
    }
    row[b.len()]
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]

    use super::*;
    use crate::farm::fault_catalogue;

    fn error(text: &str) -> String {
        text.parse::<FaultSpec>().unwrap_err().to_string()
    }

    #[test]
    fn what_works_below_sip_is_hidden_from_sockets() {
        let hidden = |words: &str| words.parse::<FaultSpec>().unwrap().hides_from_sockets();
        for words in ["closed", "tcp-refuse", "tcp-blackhole", "tcp-reset", "tcp-reset when=request"] {
            assert!(hidden(words), "{words}");
        }
        for words in ["silent", "status code=503", "drop", "delay", "trying-then-silent"] {
            assert!(!hidden(words), "{words}");
        }
    }

    #[test]
    fn words_go_in_and_come_out_again() {
        for text in [
            "status code=503 retry-after=120 method=INVITE first=1",
            "status header=\"Min-Expires: 60\" code=423",
            "drop k=2 n=3 direction=in from=[2001:db8::9]:5060",
            "status code=401 header='WWW-Authenticate: Digest realm=\"a b\", nonce=\"1\"'",
            "status reason=\"Don't ask\"",
            "silent",
        ] {
            assert_eq!(text.parse::<FaultSpec>().unwrap().to_string(), text);
        }
        let built = FaultSpec::new("status").unwrap().with("code", 503).unwrap().with("first", 1).unwrap();
        assert_eq!(built, "status code=503 first=1".parse().unwrap());
        assert_eq!(built.parameter("code"), Some("503"));
    }

    #[test]
    fn every_fault_starts_with_its_defaults() {
        for info in fault_catalogue() {
            match FaultSpec::new(info.name) {
                Ok(_) => {}
                Err(FaultError::Missing { parameter, .. }) => {
                    assert!(info.parameters.iter().any(|p| p.name == parameter && p.default.is_none()));
                }
                Err(error) => panic!("{error}"),
            }
        }
    }

    #[test]
    fn a_misspelt_word_is_answered_with_the_right_one() {
        assert!(error("silence").ends_with("did you mean \"silent\"?"));
        assert!(error("tcp-rest").ends_with("did you mean \"tcp-reset\"?"));
        assert!(error("status retry_after=3").ends_with("did you mean \"retry-after\"?"));
        assert!(error("status metod=INVITE").ends_with("did you mean \"method\"?"));
        assert!(error("explode").contains("there are: status, silent"));
        assert!(error("").contains("no name"));
    }

    #[test]
    fn a_wrong_value_says_what_was_expected() {
        assert_eq!(error("status code=99"), "fault \"status\": code=99 is not a status code from 100 to 699");
        assert!(error("status code=abc").contains("is not a status code"));
        assert!(error("drop probability=1.5").contains("from 0 to 1"));
        assert!(error("delay ms=-1").contains("milliseconds"));
        assert!(error("drop direction=up").contains("in, out"));
        assert!(error("status method=invite").contains("in capitals"));
        assert!(error("status first=0").contains("at least 1"));
        assert!(error("status code=503 code=500").contains("twice"));
        assert!(error("status code").contains("needs a value"));
        assert!(error("status reason=\"Busy").contains("not closed"));
        assert!(error("drop k=3 n=2").contains("k=3"));
    }

    #[test]
    fn a_scope_word_without_meaning_is_refused() {
        assert!(error("closed method=INVITE").contains("has no parameter \"method\""));
        assert!(error("status direction=in").contains("has no parameter \"direction\""));
    }
}
