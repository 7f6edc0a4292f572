//! The list of parameters that challenge and authorization share.

use super::DigestError;
use crate::sip::text::{quote, split_list, unquote};

/// Parameters in order, values without their quotes.
pub(super) struct Fields(Vec<(String, String)>);

impl Fields {
    /// Reads what follows the scheme.
    pub(super) fn parse(value: &str) -> Result<Fields, DigestError> {
        let value = value.trim();
        let (scheme, rest) = value.split_once(char::is_whitespace).unwrap_or((value, ""));
        if !scheme.eq_ignore_ascii_case("Digest") {
            return Err(DigestError::OtherScheme(scheme.to_owned()));
        }
        let field = |part: &str| {
            let (name, value) = part.split_once('=')?;
            let (name, value) = (name.trim(), unquote(value.trim())?);
            (!name.is_empty()).then(|| (name.to_owned(), value))
        };
        split_list(rest)
            .into_iter()
            .map(|part| field(part).ok_or_else(|| DigestError::BadParameter(part.to_owned())))
            .collect::<Result<_, _>>()
            .map(Fields)
    }

    /// The value of that name.
    pub(super) fn value(&self, name: &str) -> Option<&str> {
        let (_, value) = self.0.iter().find(|(known, _)| known.eq_ignore_ascii_case(name))?;
        Some(value)
    }

    /// The value of that name, owned.
    pub(super) fn owned(&self, name: &str) -> Option<String> {
        self.value(name).map(str::to_owned)
    }

    /// The value of a name that must be there.
    pub(super) fn required(&self, name: &'static str) -> Result<String, DigestError> {
        self.owned(name).ok_or(DigestError::Missing(name))
    }
}

/// Puts a header value together.
pub(super) struct Writer(String);

impl Writer {
    pub(super) fn new() -> Self {
        Writer("Digest".to_owned())
    }

    /// A parameter that the grammar wants as a token.
    pub(super) fn token(mut self, name: &str, value: impl ToString) -> Self {
        self.0.push_str(if self.0.contains('=') { ", " } else { " " });
        self.0.push_str(&format!("{name}={}", value.to_string()));
        self
    }

    /// A parameter that the grammar wants in quotes.
    pub(super) fn quoted(self, name: &str, value: &str) -> Self {
        let value = quote(value);
        self.token(name, value)
    }

    pub(super) fn finish(self) -> String {
        self.0
    }
}
