//! Which messages are too broken to act on (RFC 3261 sections 8.2, 16.3 and 18.3).

use sipfarm_core::sip::{Defect, DefectKind, Message};

/// The header fields whose values go into our next message, or tell us which one is answered.
const VITAL: [&str; 7] = ["Via", "From", "To", "Call-ID", "CSeq", "Contact", "Record-Route"];

/// A request is refused for whatever leaves its meaning in doubt. What is merely untidy is read;
/// clients of RFC 2543 have no tags and no branches.
pub fn is_broken_request(request: &Message) -> bool {
    let tolerated = |defect: &Defect| {
        let untidy = matches!(
            defect.kind,
            DefectKind::BareLineFeed
                | DefectKind::NotUtf8
                | DefectKind::MissingTag
                | DefectKind::EmptyBranch
                | DefectKind::UnquotedText
        );
        untidy || defect.kind.is_noise()
    };
    lacks_identity(request) || !request.defects.iter().all(tolerated)
}

/// A response is dropped only when what we would send next would be broken by it, or when it is
/// not whole: whoever sent it cannot be told.
pub fn is_broken_response(response: &Message) -> bool {
    let vital = |defect: &Defect| {
        let in_field = |name: &&str| -> bool {
            response.fields(name).any(|field| {
                field.span.start <= defect.span.start
                    && defect.span.start < field.span.end.max(field.span.start + 1)
            })
        };
        VITAL.iter().any(in_field)
    };
    let fatal = |defect: &Defect| match defect.kind {
        DefectKind::BadVersion | DefectKind::BadStatusCode | DefectKind::UnterminatedHead => true,
        DefectKind::BadContentLength | DefectKind::BodyTooShort => true,
        DefectKind::MissingTag | DefectKind::BareLineFeed => false,
        _ => vital(defect),
    };
    lacks_identity(response) || response.defects.iter().any(fatal)
}

/// Without these nothing can be answered or matched (section 8.1.1).
fn lacks_identity(message: &Message) -> bool {
    message.from().is_none()
        || message.to().is_none()
        || message.call_id().is_none_or(str::is_empty)
        || message.cseq().is_none()
        || message.top_via().is_none()
}

#[cfg(test)]
mod tests {
    use super::*;

    const OK: &str = "SIP/2.0 200 OK\r\nVia: SIP/2.0/UDP 192.0.2.1;branch=z9hG4bK1\r\n\
        From: <sip:a@x>;tag=1\r\nTo: <sip:b@x>;tag=2\r\nCall-ID: c\r\nCSeq: 1 INVITE\r\n\
        Contact: <sip:b@192.0.2.2>\r\nContent-Length: 0\r\n\r\n";

    fn broken(from: &str, to: &str) -> bool {
        assert!(OK.contains(from));
        is_broken_response(&Message::parse(OK.replacen(from, to, 1).as_bytes()))
    }

    #[test]
    fn a_response_is_taken_as_long_as_we_can_go_on_from_it() {
        assert!(!broken("200 OK", "200 OK"));
        assert!(!broken(";tag=2", ""), "a server of RFC 2543");
        assert!(!broken("Content-Length: 0", "Content-Length: 0\r\nDate: yesterday"));
        assert!(!broken("INVITE\r\nContact: <sip:b@192.0.2.2>", "BYE"));
        assert!(broken("Call-ID: c\r\n", ""));
        assert!(broken("<sip:b@x>", "<sip:b@x"));
        assert!(broken("<sip:b@192.0.2.2>", "<sip:b@>"));
        assert!(broken("Content-Length: 0", "Content-Length: 10"));
    }
}
