//! `name-addr` and `addr-spec` as in From, To, Contact, Route (RFC 3261 section 20.10).

use std::fmt;

use super::params::Params;
use super::text::{closing_quote, quote, unescape};
use super::uri::Uri;

/// An address with a display name and parameters.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct NameAddr {
    /// Display name without its quotes.
    pub display: Option<String>,
    /// The URI as it stands; [`NameAddr::sip_uri`] reads it.
    pub uri: String,
    /// Header parameters, `tag` among them.
    pub params: Params,
}

impl NameAddr {
    /// With neither name nor parameters.
    pub fn new(uri: impl Into<String>) -> Self {
        NameAddr { display: None, uri: uri.into(), params: Params::default() }
    }

    /// Reads one element; `None` where the grammar is broken.
    pub fn parse(text: &str) -> Option<Self> {
        let text = text.trim();
        let (display, rest) = if let Some(quoted) = text.strip_prefix('"') {
            let end = closing_quote(quoted)?;
            (Some(unescape(&quoted[..end])), quoted[end + 1..].trim_start())
        } else {
            match text.find('<') {
                Some(0) | None => (None, text),
                Some(at) => (Some(text[..at].trim().to_owned()), &text[at..]),
            }
        };
        if let Some(inner) = rest.strip_prefix('<') {
            let (uri, rest) = inner.split_once('>')?;
            let rest = rest.trim_start();
            let params = match rest.strip_prefix(';') {
                Some(params) => Params::parse(params),
                None if rest.is_empty() => Params::default(),
                None => return None,
            };
            return Some(NameAddr { display, uri: uri.trim().to_owned(), params });
        }
        if display.is_some() {
            return None;
        }
        // Without brackets, parameters belong to the header (section 20.10).
        let (uri, params) = match rest.split_once(';') {
            Some((uri, params)) => (uri, Params::parse(params)),
            None => (rest, Params::default()),
        };
        Some(NameAddr { display: None, uri: uri.trim().to_owned(), params })
    }

    /// The `tag` parameter.
    pub fn tag(&self) -> Option<&str> {
        self.params.value("tag")
    }

    /// The URI, when it is SIP or SIPS and well-formed.
    pub fn sip_uri(&self) -> Option<Uri> {
        Uri::parse(&self.uri)
    }
}

impl fmt::Display for NameAddr {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if let Some(display) = &self.display {
            write!(f, "{} ", quote(display))?;
        }
        write!(f, "<{}>{}", self.uri, self.params)
    }
}

/// A value of Contact: `*` or an address.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Contact {
    /// All bindings (RFC 3261 section 10.2.2).
    Star,
    /// One address.
    Addr(NameAddr),
}
