//! Header fields that are missing, stand too often or do not fit together.

use std::collections::BTreeSet;

use super::super::defect::{Defect, DefectKind};
use super::super::head::{ContentLength, content_length};
use super::super::header::canonical_name;
use super::super::message::{Message, StartLine};
use super::super::method::Method;
use super::super::resource_priority::ResourceValue;
use super::super::text::split_all;
use super::super::via::Via;

/// Those that may stand once and hold one value. Others are lists (section 7.3.1), or not known.
const ONCE: [&str; 28] = [
    "Call-ID",
    "CSeq",
    "From",
    "To",
    "Max-Forwards",
    "Content-Length",
    "Content-Type",
    "Content-Disposition",
    "Date",
    "Event",
    "Expires",
    "MIME-Version",
    "Min-Expires",
    "Min-SE",
    "Organization",
    "Priority",
    "RAck",
    "RSeq",
    "Refer-To",
    "Referred-By",
    "Replaces",
    "Reply-To",
    "Retry-After",
    "Server",
    "Session-Expires",
    "Subject",
    "Timestamp",
    "User-Agent",
];

pub(super) fn check(message: &Message) -> Vec<Defect> {
    let mut found = Vec::new();
    // Without a start line there is no telling what the message should hold.
    if !matches!(message.start, StartLine::Broken(_)) {
        missing(message, &mut found);
        missing_tag(message, &mut found);
    }
    repeated(message, &mut found);
    contradictory_lengths(message, &mut found);
    cseq_mismatch(message, &mut found);
    empty_branch(message, &mut found);
    repeated_namespace(message, &mut found);
    found
}

/// The `m` entries of tables 2 and 3 (section 20), and Content-Type with a body (section 20.15).
fn missing(message: &Message, found: &mut Vec<Defect>) {
    let mut wanted = vec!["Via", "From", "To", "Call-ID", "CSeq"];
    let invited = message.cseq().is_some_and(|cseq| cseq.method == Method::Invite);
    match (message.status(), message.method()) {
        (_, Some(Method::Invite)) => wanted.extend(["Max-Forwards", "Contact"]),
        (_, Some(_)) => wanted.push("Max-Forwards"),
        (Some(200..300), _) if invited => wanted.push("Contact"),
        (Some(401), _) => wanted.push("WWW-Authenticate"),
        (Some(405), _) => wanted.push("Allow"),
        (Some(407), _) => wanted.push("Proxy-Authenticate"),
        (Some(420), _) => wanted.push("Unsupported"),
        (Some(423), _) => wanted.push("Min-Expires"),
        _ => {}
    }
    if !message.body.is_empty() {
        wanted.push("Content-Type");
    }
    let end = message.headers.last().map_or(0, |header| header.span.end);
    for name in wanted.into_iter().filter(|name| message.header(name).is_none()) {
        found.push(Defect::new(DefectKind::MissingHeader, end..end, format!("{name} is missing")));
    }
}

fn missing_tag(message: &Message, found: &mut Vec<Defect>) {
    let to_needs_one = message.status().is_some_and(|code| code != 100);
    for (name, address, needed) in [("From", message.from(), true), ("To", message.to(), to_needs_one)] {
        if let (Some(field), Some(address), true) = (message.fields(name).next(), address, needed)
            && address.tag().is_none()
        {
            let detail = format!("{name} has no tag");
            found.push(Defect::new(DefectKind::MissingTag, field.span.clone(), detail));
        }
    }
}

fn repeated(message: &Message, found: &mut Vec<Defect>) {
    let mut seen: Vec<&str> = Vec::new();
    for field in &message.headers {
        let name = canonical_name(&field.name);
        let Some(known) = ONCE.iter().find(|known| known.eq_ignore_ascii_case(name)) else { continue };
        if seen.contains(known) {
            let detail = format!("{known} stands again");
            found.push(Defect::new(DefectKind::RepeatedHeader, field.span.clone(), detail));
        } else {
            seen.push(known);
        }
    }
}

/// Where one Content-Length alone is broken, its own check says so.
fn contradictory_lengths(message: &Message, found: &mut Vec<Defect>) {
    let fields: Vec<_> = message.fields("Content-Length").collect();
    let alone = |field: &_| !matches!(content_length([*field]), ContentLength::Unusable);
    let together = content_length(fields.iter().copied());
    if let (ContentLength::Unusable, Some(last)) = (together, fields.last())
        && fields.iter().all(alone)
    {
        let detail = "the values of Content-Length contradict each other";
        found.push(Defect::new(DefectKind::BadContentLength, last.span.clone(), detail));
    }
}

fn cseq_mismatch(message: &Message, found: &mut Vec<Defect>) {
    let (Some(method), Some(field)) = (message.method(), message.fields("CSeq").next()) else { return };
    // The number may be out of range; the method is compared all the same.
    if let Some(named) = field.value.split_whitespace().nth(1)
        && named != method.as_str()
    {
        let detail = format!("CSeq says {named}, the request {method}");
        found.push(Defect::new(DefectKind::CSeqMethodMismatch, field.span.clone(), detail));
    }
}

fn empty_branch(message: &Message, found: &mut Vec<Defect>) {
    if let (Some(field), Some(branch)) = (message.fields("Via").next(), message.branch())
        && branch == Via::COOKIE
    {
        let detail = "the branch holds nothing but the magic cookie";
        found.push(Defect::new(DefectKind::EmptyBranch, field.span.clone(), detail));
    }
}

/// RFC 4412 section 3.1: in a message, a namespace stands once.
fn repeated_namespace(message: &Message, found: &mut Vec<Defect>) {
    let mut known = BTreeSet::new();
    for field in message.fields("Resource-Priority") {
        for value in split_all(&field.value, b',').into_iter().filter_map(ResourceValue::parse) {
            if !known.insert(value.namespace.clone()) {
                let detail = format!("Resource-Priority: namespace {} stands twice", value.namespace);
                found.push(Defect::new(DefectKind::RepeatedNamespace, field.span.clone(), detail));
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::super::super::MessageBuilder;
    use super::*;

    fn request(method: Method) -> MessageBuilder {
        let cseq = format!("1 {method}");
        MessageBuilder::request(&method, "sip:b@192.0.2.2")
            .header("Via", "SIP/2.0/UDP 192.0.2.1;branch=z9hG4bK1")
            .header("Max-Forwards", 70)
            .header("From", "<sip:a@192.0.2.1>;tag=1")
            .header("To", "<sip:b@192.0.2.2>")
            .header("Call-ID", "1")
            .header("CSeq", cseq)
    }

    fn details(builder: &MessageBuilder) -> Vec<String> {
        builder.build().defects.into_iter().map(|defect| defect.detail).collect()
    }

    fn missing(builder: &MessageBuilder) -> Vec<String> {
        let defects = builder.build().defects;
        assert!(defects.iter().all(|defect| defect.kind == DefectKind::MissingHeader), "{defects:?}");
        defects.into_iter().map(|defect| defect.detail.replace(" is missing", "")).collect()
    }

    #[test]
    fn every_request_carries_six_fields() {
        let options = request(Method::Options);
        assert_eq!(missing(&options), [""; 0]);
        for name in ["Via", "Max-Forwards", "From", "To", "Call-ID", "CSeq"] {
            assert_eq!(missing(&options.clone().remove(name)), [name]);
        }
        assert_eq!(missing(&request(Method::Invite)), ["Contact"]);
        assert_eq!(missing(&request(Method::Invite).header("m", "<sip:a@b>")), [""; 0]);
    }

    #[test]
    fn responses_carry_what_their_code_asks_for() {
        let answer = |method: Method, code| {
            MessageBuilder::response_to(&request(method).build(), code, "x", (code != 100).then_some("2"))
        };
        assert_eq!(missing(&answer(Method::Invite, 100)), [""; 0]);
        assert_eq!(missing(&answer(Method::Invite, 180)), [""; 0]);
        assert_eq!(missing(&answer(Method::Invite, 200)), ["Contact"]);
        assert_eq!(missing(&answer(Method::Bye, 200)), [""; 0]);
        assert_eq!(missing(&answer(Method::Register, 401)), ["WWW-Authenticate"]);
        assert_eq!(missing(&answer(Method::Register, 423)), ["Min-Expires"]);
        assert_eq!(missing(&answer(Method::Bye, 405)), ["Allow"]);
        assert_eq!(missing(&answer(Method::Invite, 407)), ["Proxy-Authenticate"]);
        assert_eq!(missing(&answer(Method::Invite, 420)), ["Unsupported"]);
        assert_eq!(missing(&answer(Method::Bye, 503).remove("Via")), ["Via"]);
    }

    #[test]
    fn a_body_names_its_type() {
        let with_body = request(Method::Message).body("text/plain", "hello");
        assert_eq!(missing(&with_body), [""; 0]);
        assert_eq!(missing(&with_body.remove("Content-Type")), ["Content-Type"]);
    }

    #[test]
    fn tags_are_wanted_where_dialogs_need_them() {
        let no_tag = request(Method::Options).set("From", "<sip:a@192.0.2.1>");
        assert_eq!(details(&no_tag), ["From has no tag"]);
        let response =
            |code| details(&MessageBuilder::response_to(&request(Method::Options).build(), code, "x", None));
        assert_eq!(response(100), [""; 0]);
        assert_eq!(response(180), ["To has no tag"]);
        assert_eq!(response(486), ["To has no tag"]);
    }

    #[test]
    fn single_fields_stand_once_whatever_their_form() {
        let twice = request(Method::Options).header("i", "2").header("f", "<sip:a@192.0.2.1>;tag=1");
        assert_eq!(details(&twice), ["Call-ID stands again", "From stands again"]);
        let lists = request(Method::Options)
            .header("Supported", "a")
            .header("k", "b")
            .header("X-a", 1)
            .header("X-a", 2);
        assert_eq!(details(&lists), [""; 0]);
    }

    #[test]
    fn cseq_names_the_method_of_the_request() {
        let wrong = request(Method::Options).set("CSeq", "1 INVITE");
        assert_eq!(details(&wrong), ["CSeq says INVITE, the request OPTIONS"]);
        let case = request(Method::Options).set("CSeq", "1 options");
        assert_eq!(details(&case).len(), 1, "methods are case-sensitive");
    }
}
