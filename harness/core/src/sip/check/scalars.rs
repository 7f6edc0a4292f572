//! Numbers, dates and the values built around them.

use super::super::defect::DefectKind;
use super::super::grammar::{is_digits, is_quoted_string, is_token, skip_comment};
use super::super::host::Host;
use super::address::{elements, parameters};
use super::sink::Sink;

/// The largest number of seconds (sections 20.10, 20.19).
const MAX_SECONDS: u64 = u32::MAX as u64;

/// A number from 0 to `max`.
pub(super) fn number(value: &str, max: u64, sink: &mut Sink) {
    let (negative, digits) = value.strip_prefix('-').map_or((false, value), |digits| (true, digits));
    if !is_digits(digits) {
        return sink.require(false, value, "a number");
    }
    if negative || digits.parse::<u64>().map_or(true, |number| number > max) {
        sink.add(DefectKind::NumberOutOfRange, format!("{value} is not within 0 to {max}"));
    }
}

/// Expires, Min-Expires, the parameter `expires`.
pub(super) fn seconds(value: &str, sink: &mut Sink) {
    number(value, MAX_SECONDS, sink);
}

/// Max-Forwards (section 20.22).
pub(super) fn hops(value: &str, sink: &mut Sink) {
    number(value, 255, sink);
}

/// RSeq (RFC 3262 section 7.1).
pub(super) fn sequence(value: &str, sink: &mut Sink) {
    number(value, u64::from(u32::MAX), sink);
}

/// Session-Expires, Min-SE (RFC 4028 sections 4 and 5).
pub(super) fn seconds_with_parameters(value: &str, sink: &mut Sink) {
    let (seconds, params) = value.split_once(';').map_or((value, None), |(s, params)| (s, Some(params)));
    self::seconds(seconds.trim_end(), sink);
    parameters(params, sink);
}

/// Retry-After (section 20.33): seconds, a comment, parameters.
pub(super) fn retry_after(value: &str, sink: &mut Sink) {
    let (number, rest) = value.split_at(value.find(['(', ';', ' ', '\t']).unwrap_or(value.len()));
    seconds(number, sink);
    let rest = rest.trim_start();
    let rest = match rest.starts_with('(') {
        false => rest,
        true => match skip_comment(rest) {
            Some(rest) => rest.trim_start(),
            None => return sink.add(DefectKind::Unbalanced, format!("{value:?} leaves a comment open")),
        },
    };
    match rest.strip_prefix(';') {
        Some(params) => parameters(Some(params), sink),
        None => sink.require(rest.is_empty(), value, "seconds, a comment and parameters"),
    }
}

/// CSeq (sections 8.1.1.5 and 20.16).
pub(super) fn cseq(value: &str, sink: &mut Sink) {
    let parts: Vec<&str> = value.split_whitespace().collect();
    let [sequence, method] = parts[..] else { return sink.require(false, value, "a number and a method") };
    number(sequence, (1 << 31) - 1, sink);
    sink.require(is_token(method), method, "a method");
}

/// RAck (RFC 3262 section 7.2).
pub(super) fn rack(value: &str, sink: &mut Sink) {
    let parts: Vec<&str> = value.split_whitespace().collect();
    let [response, request, method] = parts[..] else {
        return sink.require(false, value, "two numbers and a method");
    };
    sequence(response, sink);
    number(request, (1 << 31) - 1, sink);
    sink.require(is_token(method), method, "a method");
}

/// Content-Length (section 20.14). Larger than what fits into 32 bits is no length either.
pub(super) fn content_length(value: &str, sink: &mut Sink) {
    if !is_digits(value) || value.parse::<u32>().is_err() {
        sink.add(DefectKind::BadContentLength, format!("{value:?} is not a number of octets"));
    }
}

/// `qvalue`: 0 to 1 with up to three decimals.
pub(super) fn q_value(value: &str, sink: &mut Sink) {
    let (whole, decimals) = value.split_once('.').unwrap_or((value, ""));
    if !is_digits(whole) || !(decimals.is_empty() || is_digits(decimals)) {
        return sink.require(false, value, "a q value");
    }
    let above_one = whole.trim_start_matches('0') == "1" && !decimals.bytes().all(|digit| digit == b'0');
    let large = !matches!(whole.trim_start_matches('0'), "" | "1");
    if above_one || large || decimals.len() > 3 {
        sink.add(DefectKind::NumberOutOfRange, format!("q={value} is not within 0 to 1 by thousandths"));
    }
}

/// Warning (section 20.43).
pub(super) fn warning(value: &str, sink: &mut Sink) {
    for element in elements(value, sink) {
        let mut parts = element.splitn(3, ' ');
        let (code, agent, text) = (parts.next(), parts.next(), parts.next());
        let code = code.unwrap_or("");
        if is_digits(code) && code.len() > 3 {
            sink.add(DefectKind::NumberOutOfRange, format!("the code {code} has more than three digits"));
        } else {
            sink.require(is_digits(code) && code.len() == 3, element, "a warning");
        }
        let agent = agent.unwrap_or("");
        sink.require(is_token(agent) || Host::parse_with_port(agent).is_some(), element, "a warning");
        sink.require(text.is_some_and(is_quoted_string), element, "a warning");
    }
}

/// Timestamp (section 20.38): seconds, then perhaps a delay.
pub(super) fn timestamp(value: &str, sink: &mut Sink) {
    let decimal = |text: &str, whole_needed: bool| {
        let (whole, part) = text.split_once('.').unwrap_or((text, ""));
        let digits = |text: &str| text.bytes().all(|octet| octet.is_ascii_digit());
        digits(whole) && digits(part) && !(whole_needed && whole.is_empty())
    };
    let mut parts = value.split_whitespace();
    let time = parts.next().unwrap_or("");
    let sound = decimal(time, true) && parts.next().is_none_or(|delay| decimal(delay, false));
    sink.require(sound && parts.next().is_none(), value, "a timestamp");
}

/// Date (section 20.17): `Sat, 13 Nov 2010 23:29:00 GMT` and no other form.
pub(super) fn date(value: &str, sink: &mut Sink) {
    if !is_date(value) {
        sink.add(DefectKind::BadDate, format!("{value:?} is not a date in GMT"));
    }
}

fn is_date(value: &str) -> bool {
    const WEEKDAYS: [&str; 7] = ["Mon", "Tue", "Wed", "Thu", "Fri", "Sat", "Sun"];
    const MONTHS: [&str; 12] =
        ["Jan", "Feb", "Mar", "Apr", "May", "Jun", "Jul", "Aug", "Sep", "Oct", "Nov", "Dec"];
    let parts: Vec<&str> = value.split(' ').collect();
    let [weekday, day, month, year, time, "GMT"] = parts[..] else { return false };
    let within = |text: &str, width: usize, least: u32, most: u32| {
        let number = text.parse::<u32>().ok().filter(|_| is_digits(text) && text.len() == width);
        number.is_some_and(|number| (least..=most).contains(&number))
    };
    let clock: Vec<&str> = time.split(':').collect();
    let [hour, minute, second] = clock[..] else { return false };
    weekday.strip_suffix(',').is_some_and(|name| WEEKDAYS.contains(&name))
        && MONTHS.contains(&month)
        && within(day, 2, 1, 31)
        && within(year, 4, 0, 9999)
        && within(hour, 2, 0, 23)
        && within(minute, 2, 0, 59)
        && within(second, 2, 0, 59)
}
