//! The grammar of URIs (RFC 3261 sections 19.1.1 and 25.1).

use std::collections::BTreeSet;

use super::super::defect::DefectKind;
use super::super::grammar::{is_digits, is_escaped_text, is_token};
use super::super::host::Host;

/// What is wrong with a URI, and in which words to say it.
type Fault = (DefectKind, String);

/// Checks a Request-URI.
pub(in crate::sip) fn request_uri(text: &str) -> Result<(), Fault> {
    let parts = match check(text) {
        Err((DefectKind::BadUri, detail)) => return Err((DefectKind::BadRequestUri, detail)),
        Err(fault) => return Err(fault),
        Ok(parts) => parts,
    };
    match parts {
        Some(SipParts { headers: Some(_), .. }) => {
            Err((DefectKind::ForbiddenInRequestUri, format!("{text:?} has headers")))
        }
        Some(SipParts { params, .. })
            if params.iter().any(|(name, _)| name.eq_ignore_ascii_case("method")) =>
        {
            Err((DefectKind::ForbiddenInRequestUri, format!("{text:?} has a method parameter")))
        }
        _ => Ok(()),
    }
}

/// Checks a URI of any scheme.
pub(super) fn any(text: &str) -> Result<(), Fault> {
    check(text).map(|_| ())
}

/// The parts of a SIP URI that may be forbidden where it stands.
struct SipParts<'a> {
    params: Vec<(&'a str, Option<&'a str>)>,
    headers: Option<&'a str>,
}

fn check(text: &str) -> Result<Option<SipParts<'_>>, Fault> {
    let bad = |what: &str| Err((DefectKind::BadUri, format!("{text:?}: {what}")));
    let Some((scheme, rest)) = text.split_once(':') else { return bad("there is no scheme") };
    let scheme_octet = |octet: u8| octet.is_ascii_alphanumeric() || b"+-.".contains(&octet);
    if !scheme.starts_with(|first: char| first.is_ascii_alphabetic()) || !scheme.bytes().all(scheme_octet) {
        return bad("the scheme is broken");
    }
    if scheme.eq_ignore_ascii_case("sip") || scheme.eq_ignore_ascii_case("sips") {
        return sip(rest).map(Some).or_else(|(kind, what)| match kind {
            DefectKind::BadUri => bad(&what),
            kind => Err((kind, format!("{text:?}: {what}"))),
        });
    }
    // `uric` of RFC 2396, and the brackets that RFC 2732 adds for IPv6.
    match is_escaped_text(rest, b";/?:@&=+$,[]#") && !rest.is_empty() {
        true => Ok(None),
        false => bad("what follows the scheme is broken"),
    }
}

/// What follows `sip:`.
fn sip(text: &str) -> Result<SipParts<'_>, Fault> {
    let bad = |what: &str| (DefectKind::BadUri, what.to_owned());
    let rest = match text.rsplit_once('@') {
        Some((userinfo, rest)) => {
            let (user, password) = userinfo.split_once(':').unwrap_or((userinfo, ""));
            if user.is_empty() || !is_escaped_text(user, b"&=+$,;?/") {
                return Err(bad("the user is broken"));
            }
            if !is_escaped_text(password, b"&=+$,") {
                return Err(bad("the password is broken"));
            }
            rest
        }
        None => text,
    };
    let (rest, headers) = rest.split_once('?').map_or((rest, None), |(rest, headers)| (rest, Some(headers)));
    let mut parts = rest.split(';');
    host_and_port(parts.next().unwrap_or(""))?;
    let params: Vec<_> = parts
        .map(|part| part.split_once('=').map_or((part, None), |(name, value)| (name, Some(value))))
        .collect();
    let mut names = BTreeSet::new();
    for (name, value) in &params {
        parameter(name, *value)?;
        if !names.insert(name.to_ascii_lowercase()) {
            return Err((DefectKind::RepeatedParameter, format!("the parameter {name} stands twice")));
        }
    }
    let header = |header: &str| {
        let allowed = b"[]/?:+$";
        let parts = header.split_once('=');
        parts.is_some_and(|(name, value)| {
            !name.is_empty() && is_escaped_text(name, allowed) && is_escaped_text(value, allowed)
        })
    };
    match headers {
        Some(headers) if !headers.split('&').all(header) => Err(bad("its headers are broken")),
        headers => Ok(SipParts { params, headers }),
    }
}

/// `hostport`, in which no blank has a place.
fn host_and_port(text: &str) -> Result<(), Fault> {
    let port = text.rsplit_once(':').map(|(_, port)| port).filter(|port| is_digits(port));
    if port.is_some_and(|port| port.parse::<u16>().is_err()) && !text.ends_with(']') {
        return Err((DefectKind::NumberOutOfRange, "the port is above 65535".to_owned()));
    }
    let host = Host::parse_with_port(text).filter(|(host, _)| host.is_sound());
    match host.is_some() && !text.contains([' ', '\t']) {
        true => Ok(()),
        false => Err((DefectKind::BadUri, "the host is broken".to_owned())),
    }
}

fn parameter(name: &str, value: Option<&str>) -> Result<(), Fault> {
    let allowed = b"[]/:&+$";
    let sound = |text: &str| !text.is_empty() && is_escaped_text(text, allowed);
    let known_value = match (name.to_ascii_lowercase().as_str(), value) {
        ("transport" | "user" | "method", Some(value)) => is_token(value),
        ("transport" | "user" | "method" | "ttl" | "maddr", None) => false,
        ("ttl", Some(value)) if is_digits(value) && value.parse::<u8>().is_err() => {
            return Err((DefectKind::NumberOutOfRange, "ttl is above 255".to_owned()));
        }
        ("ttl", Some(value)) => is_digits(value),
        _ => true,
    };
    match sound(name) && value.is_none_or(sound) && known_value {
        true => Ok(()),
        false => Err((DefectKind::BadUri, format!("the parameter {name:?} is broken"))),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_the_grammar_allows_passes() {
        for text in [
            "sip:user@example.com",
            "SIPS:example.com:5061;lr",
            "sip:1_unusual.URI~(to-be!sure)&isn't+it$/crazy?,/;;*:&it+has=1,weird!*pas$wo~d_too.(doesn't-it)@example.com",
            "sip:[2001:db8::10]:5070;transport=tcp",
            "sip:[2001:db8::10:5070]",
            "sip:user@example.com;maddr=[::1];ttl=16?Route=%3Csip:sip.example.com%3E&b=",
            "sip:%00@host5.example.com",
            "tel:+1-201-555-0123;ext=1",
            "urn:service:sos",
            "nobodyKnowsThisScheme:totallyopaquecontent",
            "soap.beep://192.0.2.103:3002",
        ] {
            assert_eq!(any(text), Ok(()));
        }
    }

    #[test]
    fn what_it_forbids_does_not() {
        for text in [
            "",
            "user@example.com",
            "sip:",
            "sip:@example.com",
            "sip:a b@example.com",
            "sip:user@example.com; lr",
            "<sip:user@example.com>",
            "sip:2001:db8::10",
            "sip:a@b@c",
            "sip:a@example.com;;lr",
            "sip:a@example.com;=x",
            "sip:a@example.com;x=",
            "sip:a%4@example.com",
            "sip:a%zz@example.com",
            "sip:a@example.com?x",
            "sip:a@b_c",
            "sip:a@example.com;transport",
            "1x:y",
            "tel:",
            "tel:a b",
            "sip:a\"b@c",
            "sip:ж@example.com",
        ] {
            let kind = any(text).expect_err(text).0;
            assert_eq!(kind, DefectKind::BadUri, "{text}");
        }
    }

    #[test]
    fn numbers_have_ranges() {
        let kind = |text| any(text).expect_err(text).0;
        assert_eq!(kind("sip:a@example.com:65536"), DefectKind::NumberOutOfRange);
        assert_eq!(kind("sip:a@[::1]:99999"), DefectKind::NumberOutOfRange);
        assert_eq!(kind("sip:a@example.com;ttl=256"), DefectKind::NumberOutOfRange);
    }

    #[test]
    fn a_parameter_stands_once() {
        let fault = any("sip:a@example.com;lr;x=1;LR").expect_err("twice");
        assert_eq!(fault.0, DefectKind::RepeatedParameter);
    }

    #[test]
    fn a_request_uri_carries_neither_headers_nor_a_method() {
        let kind = |text| request_uri(text).expect_err(text).0;
        assert_eq!(kind("sip:a@example.com?Route=%3Csip:b%3E"), DefectKind::ForbiddenInRequestUri);
        assert_eq!(kind("sip:a@example.com;method=INVITE"), DefectKind::ForbiddenInRequestUri);
        assert_eq!(kind("sip:a@example.com; lr"), DefectKind::BadRequestUri);
        assert_eq!(request_uri("sip:a@example.com;lr"), Ok(()));
    }
}
