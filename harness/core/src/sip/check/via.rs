//! Via (RFC 3261 section 20.42, RFC 3581).

use super::super::defect::DefectKind;
use super::super::grammar::{is_digits, is_token, parse_ip};
use super::super::host::Host;
use super::super::params::Params;
use super::address::{elements, parameters};
use super::scalars;
use super::sink::Sink;

pub(super) fn list(value: &str, sink: &mut Sink) {
    for element in elements(value, sink) {
        one(element, sink);
    }
}

fn one(value: &str, sink: &mut Sink) {
    let (head, params) = value.split_once(';').map_or((value, None), |(head, params)| (head, Some(params)));
    let parts: Vec<&str> = head.splitn(3, '/').map(str::trim).collect();
    let sent = parts.get(2).and_then(|rest| rest.split_once(char::is_whitespace));
    let (Some(name), Some(version), Some((transport, sent_by))) = (parts.first(), parts.get(1), sent) else {
        return sink.require(false, value, "a Via");
    };
    sink.require([*name, *version, transport].into_iter().all(is_token), head, "a protocol and a sender");
    if !name.eq_ignore_ascii_case("SIP") || *version != "2.0" {
        sink.add(DefectKind::BadVersion, format!("the protocol is {name}/{version}, not SIP/2.0"));
    }
    self::sent_by(sent_by.trim(), sink);
    parameters(params, sink);
    let params = Params::parse(params.unwrap_or(""));
    for (name, value) in &params.0 {
        known_parameter(name, value.as_deref(), sink);
    }
}

fn sent_by(text: &str, sink: &mut Sink) {
    let port = text.rsplit_once(':').map(|(_, port)| port.trim()).filter(|port| is_digits(port));
    if port.is_some_and(|port| port.parse::<u16>().is_err()) && !text.ends_with(']') {
        return sink.add(DefectKind::NumberOutOfRange, format!("the port of {text:?} is above 65535"));
    }
    let host = Host::parse_with_port(text);
    sink.require(host.is_some_and(|(host, _)| host.is_sound()), text, "a host");
}

fn known_parameter(name: &str, value: Option<&str>, sink: &mut Sink) {
    let text = value.unwrap_or("");
    match name.to_ascii_lowercase().as_str() {
        "branch" => sink.require(is_token(text), text, "a branch"),
        "ttl" => scalars::number(text, 255, sink),
        // The grammar has no brackets here; half of all senders put them (RFC 5118 section 4.5).
        "received" => sink.require(parse_ip(text).is_some(), text, "an address without brackets"),
        "maddr" => {
            let host = Host::parse_with_port(text);
            sink.require(host.is_some_and(|(_, port)| port.is_none()), text, "a host");
        }
        "rport" if value.is_some() => scalars::number(text, u64::from(u16::MAX), sink),
        _ => {}
    }
}
