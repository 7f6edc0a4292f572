//! The phone's messages follow the grammar and carry what every message must: the defects that reading
//! them finds (RFC 3261 sections 7, 8.1.1, 8.2.6, 20, 25).

use sipfarm_core::sip::Method;

use crate::case::{Case, Seen, SeenRef};
use crate::finding::Finding;
use crate::rules::Rule;
use crate::rules::draft::Docket;

/// See the module.
pub struct WellFormed;

impl Rule for WellFormed {
    fn id(&self) -> &'static str {
        "well-formed"
    }

    fn requirements(&self) -> &'static [&'static str] {
        &["RFC 3261 7", "RFC 3261 8.1.1", "RFC 3261 8.2.6", "RFC 3261 20", "RFC 3261 25"]
    }

    fn about(&self) -> &'static str {
        "The phone's messages follow the grammar, and its responses repeat what the request identifies itself by."
    }

    fn judge(&self, case: &Case<'_>) -> Vec<Finding> {
        let mut docket = Docket::open(case, self);
        let mut told: Vec<(String, String)> = Vec::new();
        for message in case.messages.iter().filter(|message| case.names.is_phone(message.src)) {
            let defects = message.message.defects.iter().map(ToString::to_string);
            let faults: Vec<String> = defects.chain(not_one_contact(message)).collect();
            if faults.is_empty() {
                docket.kept(message.packets);
                continue;
            }
            // A phone says the same thing wrong every time: once is enough.
            let key =
                (message.what(), format!("{}{}", kinds(message), message.message.values("Contact").len()));
            if !told.contains(&key) {
                told.push(key);
                let draft = docket.draft(format!("{} without a defect", message.what()));
                docket.add(draft.seen(faults.join("; ")).message(message).fail());
            }
        }
        for (request, response) in responses(case) {
            if let Some(fault) = not_repeated(request, response) {
                let draft = docket.draft(format!(
                    "{} with the Via, From, Call-ID and CSeq of its request",
                    response.what()
                ));
                docket.add(draft.seen(fault).message(request).message(response).fail());
            }
        }
        docket.close()
    }
}

fn kinds(message: &Seen<'_>) -> String {
    message.message.defects.iter().map(|defect| format!("{:?} ", defect.kind)).collect()
}

/// What is wrong with the Contact of a request that begins a call: it has exactly one (RFC 3261 section 8.1.1.8).
fn not_one_contact(message: &Seen<'_>) -> Option<String> {
    let addresses = message.message.values("Contact").len();
    let begins = message.is_request(&Method::Invite) && message.to_tag.is_none();
    (begins && addresses != 1).then(|| format!("Contact: {addresses} addresses, and exactly one is wanted"))
}

fn responses<'c, 'a>(case: &'c Case<'a>) -> impl Iterator<Item = (&'c SeenRef<'a>, &'c SeenRef<'a>)> {
    case.server
        .iter()
        .flat_map(|exchange| exchange.responses.first().map(|response| (exchange.first(), response)))
}

/// What a response must have of its request (RFC 3261 section 8.2.6.2) and has not.
fn not_repeated(request: &Seen<'_>, response: &Seen<'_>) -> Option<String> {
    let count = |seen: &Seen<'_>| seen.message.values("Via").len();
    if count(request) != count(response) {
        return Some(format!("{} Via, the request has {}", count(response), count(request)));
    }
    let header = |name| (request.message.header(name), response.message.header(name));
    let same_text = |(asked, answered): (Option<&str>, Option<&str>)| asked == answered;
    if !same_text(header("Call-ID")) {
        return Some("another Call-ID".to_owned());
    }
    // `0009  OPTIONS` and `9 OPTIONS` say the same (section 25.1).
    let same_cseq = match (request.message.cseq(), response.message.cseq()) {
        (Some(asked), Some(answered)) => asked == answered,
        _ => same_text(header("CSeq")),
    };
    if !same_cseq {
        return Some("another CSeq".to_owned());
    }
    (request.from_tag != response.from_tag).then(|| "another From tag".to_owned())
}
