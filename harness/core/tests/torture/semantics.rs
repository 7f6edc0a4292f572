//! RFC 4475 sections 3.2 to 3.4: what the layers above have to deal with. Where a section says that
//! the message is well-formed it carries no defect.

use sipfarm_core::sdp;
use sipfarm_core::sip::DefectKind::*;
use sipfarm_core::sip::{Method, Uri};

use super::Row;

pub fn rows() -> Vec<Row> {
    let row = |file, defects, reason, says| Row { file, defects, reason, says };
    vec![
        row("badbranch", &[EmptyBranch], "3.2.1: the magic cookie and no identifier", |message| {
            assert_eq!(message.branch().as_deref(), Some("z9hG4bK"));
        }),
        row(
            "insuf",
            // Tables 2 and 3 of RFC 3261 want Max-Forwards and Contact as well.
            &[MissingHeader; 5],
            "3.3.1: no Call-ID, From or To",
            |message| {
                let missing: Vec<&str> =
                    message.defects.iter().map(|d| d.detail.split(' ').next().unwrap()).collect();
                assert_eq!(missing, ["From", "To", "Call-ID", "Max-Forwards", "Contact"]);
                assert_eq!(message.cseq().unwrap().number, 193_942);
            },
        ),
        row("unkscm", &[], "3.3.2: an unknown scheme, to be refused with 416", |message| {
            assert_eq!(message.request_uri(), Some("nobodyKnowsThisScheme:totallyopaquecontent"));
            assert_eq!(Uri::parse(message.request_uri().unwrap()), None);
        }),
        row("novelsc", &[], "3.3.3: a registered scheme that is not SIP", |message| {
            assert_eq!(message.request_uri(), Some("soap.beep://192.0.2.103:3002"));
        }),
        row("unksm2", &[], "3.3.4: other schemes in To, From and Contact", |message| {
            assert_eq!(message.to().unwrap().uri, "isbn:2983792873");
            let from = message.from().unwrap();
            assert_eq!((from.uri.as_str(), from.tag()), ("http://www.example.com", Some("3234233")));
            assert_eq!(message.contact().unwrap().uri, "name:John_Smith");
        }),
        row("bext01", &[], "3.3.5: option tags that nobody supports", |message| {
            assert_eq!(message.values("Require"), ["nothingSupportsThis", "nothingSupportsThisEither"]);
            assert_eq!(
                message.values("Proxy-Require"),
                ["noProxiesSupportThis", "norDoAnyProxiesSupportThis"]
            );
        }),
        row("invut", &[], "3.3.6: a body of unknown type", |message| {
            assert_eq!(message.header("Content-Type"), Some("application/unknownformat"));
            assert_eq!(message.body, b"<audio>\r\n <pcmu port=\"443\"/>\r\n</audio>\r\n");
        }),
        row("regaut01", &[], "3.3.7: an unknown authorization scheme", |message| {
            assert_eq!(message.header("Authorization"), Some("NoOneKnowsThisScheme opaque-data=here"));
            assert_eq!(message.authorizations(), []);
        }),
        row(
            "multi01",
            &[RepeatedHeader; 5],
            "3.3.8: two each of CSeq, Call-ID, To, From and Max-Forwards; two Contacts are allowed",
            |message| {
                let again: Vec<&str> =
                    message.defects.iter().map(|d| d.detail.split(' ').next().unwrap()).collect();
                assert_eq!(again, ["CSeq", "Call-ID", "To", "From", "Max-Forwards"]);
                assert_eq!(message.contacts().len(), 2);
            },
        ),
        row(
            "mcl01",
            &[RepeatedHeader, BadContentLength],
            "3.3.9: two values of Content-Length that contradict each other",
            |message| assert_eq!(message.fields("Content-Length").count(), 2),
        ),
        row("bcast", &[], "3.3.10: the broadcast address in the second Via", |message| {
            assert_eq!(message.status(), Some(200));
            let hosts: Vec<String> = message.vias().iter().map(|via| via.host.to_string()).collect();
            assert_eq!(hosts, ["192.0.2.198", "255.255.255.255"]);
        }),
        row("zeromf", &[], "3.3.11: Max-Forwards of zero is legal", |message| {
            assert_eq!(message.number("Max-Forwards"), Some(0));
        }),
        row("cparam01", &[], "3.3.12: a parameter of Contact, not of its URI", |message| {
            let contact = message.contact().unwrap();
            assert!(contact.params.has("unknownparam"));
            assert_eq!(contact.uri, "sip:+19725552222@gw1.example.net");
        }),
        row("cparam02", &[], "3.3.13: a parameter of the URI, not of Contact", |message| {
            let contact = message.contact().unwrap();
            assert!(!contact.params.has("unknownparam"));
            assert!(contact.sip_uri().unwrap().params.has("unknownparam"));
        }),
        row("regescrt", &[], "3.3.14: an escaped header in the URI of Contact", |message| {
            let uri = message.contact().unwrap().sip_uri().unwrap();
            assert_eq!(uri.headers.as_deref(), Some("Route=%3Csip:sip.example.com%3E"));
        }),
        row("sdp01", &[], "3.3.15: an Accept without application/sdp", |message| {
            assert_eq!(message.values("Accept"), ["text/nobodyKnowsThis"]);
            assert_eq!(sdp::Session::parse(&message.body).media.len(), 2);
        }),
        row(
            "inv2543",
            // Legal under RFC 2543; these are what RFC 3261 has added since.
            &[MissingTag, MissingHeader, MissingHeader],
            "3.4.1: no branch, no From tag, no Content-Length, no Max-Forwards (and no Contact)",
            |message| {
                assert!(message.is_request(&Method::Invite));
                assert_eq!(message.branch(), None);
                assert_eq!(message.from().unwrap().uri, "sip:+13035551111@ift.client.example.net;user=phone");
                let to = message.to().unwrap();
                assert_eq!(to.params.value("user"), Some("phone"));
                // All octets after the empty line are the body.
                let session = sdp::Session::parse(&message.body);
                assert_eq!(session.defects, []);
                assert_eq!(session.audio().unwrap().formats, ["0"]);
            },
        ),
    ]
}
