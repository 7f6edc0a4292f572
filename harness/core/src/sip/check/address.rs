//! Addresses and parameters (RFC 3261 sections 20.10, 20.20, 20.30, 20.34, 20.39).

use std::collections::BTreeSet;

use super::super::defect::DefectKind;
use super::super::grammar::{is_gen_value, is_quoted_string, is_token};
use super::super::text::{find_unquoted, is_balanced, split_all};
use super::scalars;
use super::sink::Sink;
use super::uri;

/// From, To, Reply-To, Refer-To: one address.
pub(super) fn one(value: &str, sink: &mut Sink) {
    address(value, false, sink);
}

/// Addresses in a list: P-Asserted-Identity, Diversion.
pub(super) fn list(value: &str, sink: &mut Sink) {
    for element in elements(value, sink) {
        address(element, false, sink);
    }
}

/// Route and what is built like it: addresses in angle brackets.
pub(super) fn bracketed_list(value: &str, sink: &mut Sink) {
    for element in elements(value, sink) {
        address(element, true, sink);
    }
}

/// Contact: `*` or addresses.
pub(super) fn contact(value: &str, sink: &mut Sink) {
    let elements = elements(value, sink);
    if elements.contains(&"*") {
        sink.require(elements.len() == 1, value, "* alone");
        return;
    }
    for element in elements {
        address(element, false, sink);
    }
}

/// The elements of a list that must have at least one. Where quotes or brackets are not closed the
/// elements cannot be told apart, and none is returned.
pub(super) fn elements<'v>(value: &'v str, sink: &mut Sink) -> Vec<&'v str> {
    if !is_balanced(value) {
        sink.add(DefectKind::Unbalanced, format!("{value:?} leaves a quote or a bracket open"));
        return Vec::new();
    }
    if value.is_empty() {
        sink.add(DefectKind::BadHeaderValue, "there is no value");
        return Vec::new();
    }
    let mut elements = split_all(value, b',');
    if elements.iter().any(|element| element.is_empty()) {
        sink.add(DefectKind::ExtraSeparator, format!("{value:?} has a comma with nothing to separate"));
        elements.retain(|element| !element.is_empty());
    }
    elements
}

fn address(value: &str, needs_brackets: bool, sink: &mut Sink) {
    if !is_balanced(value) {
        return sink.add(DefectKind::Unbalanced, format!("{value:?} leaves a quote or a bracket open"));
    }
    let Some(open) = find_unquoted(value, b'<') else {
        let (uri, params) = value.split_once(';').map_or((value, None), |(uri, params)| (uri, Some(params)));
        if needs_brackets || uri.contains(['?', ',']) {
            sink.add(DefectKind::UriNeedsBrackets, format!("{value:?} must stand in angle brackets"));
        } else {
            sink.take(uri::any(uri.trim_end()));
        }
        return parameters(params, sink);
    };
    let (display, rest) = (value[..open].trim(), &value[open + 1..]);
    if !display.is_empty() && !is_quoted_string(display) && !display.split_whitespace().all(is_token) {
        sink.add(DefectKind::BadDisplayName, format!("{display:?} is neither tokens nor quoted"));
    }
    let (uri, rest) = rest.split_once('>').unwrap_or((rest, ""));
    sink.take(uri::any(uri));
    match rest.trim_start().strip_prefix(';') {
        Some(params) => parameters(Some(params), sink),
        None => sink.require(rest.trim().is_empty(), value, "an address"),
    }
}

/// Header parameters: what follows the first semicolon, if one stands. Those whose meaning is the
/// same wherever they stand are checked for it.
pub(super) fn parameters(text: Option<&str>, sink: &mut Sink) {
    let Some(text) = text else { return };
    let mut extra = false;
    let mut names = BTreeSet::new();
    for part in split_all(text, b';') {
        extra |= part.is_empty();
        let (name, value) = match part.split_once('=') {
            Some((name, value)) => (name.trim_end(), Some(value.trim_start())),
            None => (part, None),
        };
        if !part.is_empty() {
            sink.require(is_token(name) && value.is_none_or(is_gen_value), part, "a parameter");
            known_parameter(name, value, sink);
            if !names.insert(name.to_ascii_lowercase()) {
                sink.add(DefectKind::RepeatedParameter, format!("{name} stands twice"));
            }
        }
    }
    if extra {
        sink.add(DefectKind::ExtraSeparator, format!("{text:?} has a semicolon with nothing to separate"));
    }
}

fn known_parameter(name: &str, value: Option<&str>, sink: &mut Sink) {
    let value = value.unwrap_or("");
    match name.to_ascii_lowercase().as_str() {
        "tag" => sink.require(is_token(value), value, "a tag"),
        "q" => scalars::q_value(value, sink),
        "expires" => scalars::seconds(value, sink),
        _ => {}
    }
}
