//! RFC 4475 section 3.1.2: each malformed message carries what its section names, and is
//! understood as far as the section says that a liberal receiver may.

use sipfarm_core::sip::DefectKind::*;
use sipfarm_core::sip::{Message, Method, Uri};

use super::Row;

pub fn rows() -> Vec<Row> {
    let row = |file, defects, reason, says| Row { file, defects, reason, says };
    vec![
        row(
            "badinv01",
            // The list has empty elements, and one that is a lone semicolon and so no Via.
            &[ExtraSeparator, ExtraSeparator, BadHeaderValue, ExtraSeparator],
            "3.1.2.1: extra semicolons and commas in Via, extra semicolons in Contact",
            |message| {
                assert_eq!(message.top_via().unwrap().host.to_string(), "192.0.2.15");
                assert_eq!(message.contact().unwrap().display.as_deref(), Some("Joe"));
            },
        ),
        row("clerr", &[BodyTooShort], "3.1.2.2: Content-Length larger than the body", |message| {
            assert_eq!(message.number("Content-Length"), Some(9999));
            assert_eq!(message.body.len(), 154);
        }),
        row("ncl", &[BadContentLength], "3.1.2.3: a negative Content-Length", |message| {
            assert_eq!(message.number("Content-Length"), None);
            assert_eq!(message.number("Max-Forwards"), Some(254));
        }),
        row(
            "scalar02",
            &[NumberOutOfRange; 4],
            "3.1.2.4: CSeq, Max-Forwards, Expires and the expires of Contact too large",
            |message| {
                assert_eq!(message.cseq(), None);
                assert_eq!(message.number("Expires"), None);
                let fields: Vec<&str> =
                    message.defects.iter().map(|d| d.detail.split(':').next().unwrap()).collect();
                assert_eq!(fields, ["CSeq", "Max-Forwards", "Expires", "Contact"]);
            },
        ),
        row(
            "scalarlg",
            // The To of a response must have a tag (RFC 3261 section 8.2.6.2).
            &[MissingTag, NumberOutOfRange, NumberOutOfRange, NumberOutOfRange],
            "3.1.2.5: CSeq, Retry-After and the code of Warning too large",
            |message| {
                assert_eq!(message.status(), Some(503));
                assert_eq!(message.cseq(), None);
                assert_eq!(message.top_via().unwrap().received(), Some("192.0.2.129".parse().unwrap()));
            },
        ),
        row("quotbal", &[Unbalanced], "3.1.2.6: a quoted string that does not end", |message| {
            assert_eq!(message.to(), None, "no guess is made at the missing quote");
        }),
        row("ltgtruri", &[BadRequestUri], "3.1.2.7: a Request-URI in brackets", |message| {
            assert_eq!(message.request_uri(), Some("<sip:user@example.com>"));
        }),
        row("lwsruri", &[BadRequestUri], "3.1.2.8: a blank in the Request-URI", |message| {
            assert_eq!(message.request_uri(), Some("sip:user@example.com; lr"));
            assert_eq!(message.cseq().unwrap().number, 2_130_706_432);
        }),
        row("lwsstart", &[StartLineSpacing], "3.1.2.9: two spaces in the request line", |message| {
            assert!(message.is_request(&Method::Invite));
            assert_eq!(message.request_uri(), Some("sip:user@example.com"));
        }),
        row("trws", &[StartLineSpacing], "3.1.2.10: spaces at its end", |message| {
            assert!(message.is_request(&Method::Options));
            assert_eq!(message.request_uri(), Some("sip:remote-target@example.com"));
        }),
        row("escruri", &[ForbiddenInRequestUri], "3.1.2.11: escaped headers in the Request-URI", |message| {
            let uri = Uri::parse(message.request_uri().unwrap()).unwrap();
            assert_eq!(uri.headers.as_deref(), Some("Route=%3Csip:example.com%3E"));
            assert_eq!(message.header("Route"), None);
        }),
        row("baddate", &[BadDate], "3.1.2.12: a time zone that is not GMT", |message| {
            assert_eq!(message.header("Date"), Some("Fri, 01 Jan 2010 16:00:00 EST"));
        }),
        row(
            "regbadct",
            &[UriNeedsBrackets],
            "3.1.2.13: a URI with headers outside angle brackets",
            |message| assert!(message.is_request(&Method::Register)),
        ),
        row("badaspec", &[BadUri], "3.1.2.14: blanks within the addr-spec of To", |message| {
            let to = message.to().unwrap();
            assert_eq!(to.display.as_deref(), Some("Watson, Thomas"));
            assert_eq!(to.uri, "sip:t.watson@example.org");
            assert_eq!(message.from().unwrap().display.as_deref(), Some("Bell, Alexander"));
        }),
        row(
            "baddn",
            // The archive's file lacks the empty line that the printed message has.
            &[BadDisplayName, BadDisplayName, UnterminatedHead],
            "3.1.2.15: unquoted display names with characters that are not of tokens",
            |message| {
                assert_eq!(message.from().unwrap().uri, "sip:a.g.bell@example.com");
                assert_eq!(message.to().unwrap().display.as_deref(), Some("Watson, Thomas"));
            },
        ),
        row("badvers", &[BadVersion; 2], "3.1.2.16: version 7.0, also in Via", |message| {
            assert!(message.is_request(&Method::Options));
            assert_eq!(message.from().unwrap().display.as_deref(), Some("A. Bell"));
        }),
        row("mismatch01", &[CSeqMethodMismatch], "3.1.2.17: OPTIONS with the CSeq of an INVITE", |message| {
            assert!(message.is_request(&Method::Options));
            assert_eq!(message.cseq().unwrap().method, Method::Invite);
        }),
        row(
            "mismatch02",
            &[CSeqMethodMismatch],
            "3.1.2.18: an unknown method with the CSeq of an INVITE",
            |message| assert_eq!(message.method(), Some(&Method::Other("NEWMETHOD".to_owned()))),
        ),
        row("bigcode", &[BadStatusCode], "3.1.2.19: a status code above 699", |message| {
            assert_eq!(message.status(), None, "to be dropped, not to be taken for 4xx");
        }),
        row(
            "test",
            &[BadStartLine, BadUri, BadUri, HeaderWithoutColon],
            "in the archive only: no version, To and From without a scheme, a line without a colon",
            |message: &Message| {
                assert_eq!(message.header("Meaning"), Some("foo bar spam"));
                assert_eq!(message.body, b"v=0\r\ntesting=123\r\n");
            },
        ),
    ]
}
