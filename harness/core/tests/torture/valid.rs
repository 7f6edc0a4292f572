//! RFC 4475 section 3.1.1: well-formed messages, understood whole.

use sipfarm_core::sdp;
use sipfarm_core::sip::{DefectKind, Message, Method, Uri};

use super::Row;

pub fn rows() -> Vec<Row> {
    let row = |file, reason, says| Row { file, defects: &[], reason, says };
    vec![
        row("wsinv", "3.1.1.1: folding, blanks, compact forms, unusual values", wsinv),
        row("intmeth", "3.1.1.2: the wide range of valid characters", intmeth),
        row("esc01", "3.1.1.3: escapes where they are escapes", esc01),
        row("escnull", "3.1.1.4: escaped NULs in URIs", escnull),
        row("esc02", "3.1.1.5: percent signs that are not escapes", esc02),
        row("lwsdisp", "3.1.1.6: no blank before the bracket is a bug of the grammar", lwsdisp),
        row("longreq", "3.1.1.7: long values", longreq),
        Row {
            defects: &[DefectKind::BodyTooLong],
            ..row("dblreq", "3.1.1.8: the REGISTER is valid; the octets after it are noise", dblreq)
        },
        row("semiuri", "3.1.1.9: parameters in the user part", semiuri),
        row("transports", "3.1.1.10: known and unknown transports", transports),
        row("mpart01", "3.1.1.11: a binary body with NULs", mpart01),
        row("unreason", "3.1.1.12: a reason phrase in Cyrillic letters", unreason),
        row("noreason", "3.1.1.13: an empty reason phrase", noreason),
    ]
}

fn wsinv(message: &Message) {
    assert!(message.is_request(&Method::Invite));
    assert_eq!(message.request_uri(), Some("sip:vivekg@chair-dnrc.example.com;unknownparam"));
    let uri = Uri::parse(message.request_uri().unwrap()).unwrap();
    assert!(uri.params.has("unknownparam"));
    let (to, from) = (message.to().unwrap(), message.from().unwrap());
    assert_eq!((to.uri.as_str(), to.tag()), ("sip:vivekg@chair-dnrc.example.com", Some("1918181833n")));
    assert_eq!(from.display.as_deref(), Some("J Rosenberg \\\""));
    assert_eq!((from.uri.as_str(), from.tag()), ("sip:jdrosen@example.com", Some("98asjd8")));
    assert_eq!(message.number("Max-Forwards"), Some(68));
    assert_eq!(message.call_id(), Some("wsinv.ndaksdj@192.0.2.1"));
    let cseq = message.cseq().unwrap();
    assert_eq!((cseq.number, cseq.method), (9, Method::Invite));
    let vias: Vec<_> = message
        .vias()
        .iter()
        .map(|via| (via.transport.clone(), via.host.to_string(), via.branch().map(str::to_owned)))
        .collect();
    let via = |transport: &str, host: &str, branch: &str| {
        (transport.to_owned(), host.to_owned(), Some(branch.to_owned()))
    };
    assert_eq!(
        vias,
        [
            via("UDP", "192.0.2.2", "390skdjuw"),
            via("TCP", "spindle.example.com", "z9hG4bK9ikj8"),
            via("UDP", "192.168.255.111", "z9hG4bK30239"),
        ]
    );
    assert_eq!(message.header("Subject"), Some(""));
    assert_eq!(message.header("newfangledheader"), Some("newfangled value continued newfangled value"));
    assert_eq!(message.header("UnknownHeaderWithUnusualValue"), Some(";;,,;;,;"));
    let route = &message.name_addrs("Route")[0].sip_uri().unwrap();
    assert_eq!(route.host.to_string(), "services.example.com");
    assert!(route.params.has("lr") && route.params.has("unknown-no-value"));
    assert_eq!(route.params.value("unknownwith"), Some("value"));
    let contact = message.contact().unwrap();
    assert_eq!(contact.display.as_deref(), Some("Quoted string \"\""));
    assert_eq!(contact.params.value("newparam"), Some("newvalue"));
    assert_eq!(contact.params.value("q"), Some("0.33"));
    assert!(contact.params.has("secondparam"));
    assert_eq!(message.body.len(), 150);
    let session = sdp::Session::parse(&message.body);
    assert_eq!(session.address(&session.media[0]), Some("192.0.2.4:49217".parse().unwrap()));
    // The section has no quarrel with it, but an rtpmap needs a clock rate (RFC 8866, 6.6).
    let kinds: Vec<_> = session.defects.iter().map(|defect| defect.kind).collect();
    assert_eq!(kinds, [sdp::SdpDefectKind::BadAttribute]);
}

fn intmeth(message: &Message) {
    let method = "!interesting-Method0123456789_*+`.%indeed'~";
    assert_eq!(message.method(), Some(&Method::Other(method.to_owned())));
    let uri = Uri::parse(message.request_uri().unwrap()).unwrap();
    assert_eq!(uri.user_name().as_deref(), Some("1_unusual.URI~(to-be!sure)&isn't+it$/crazy?,/;;*"));
    assert!(uri.user.as_deref().unwrap().ends_with(":&it+has=1,weird!*pas$wo~d_too.(doesn't-it)"));
    assert_eq!(uri.host.to_string(), "example.com");
    assert_eq!(message.branch().as_deref(), Some("z9hG4bK-.!%66*_+`'~"));
    let to = message.to().unwrap();
    assert_eq!(to.display.as_deref(), Some("BEL:\u{7} NUL:\0 DEL:\u{7f}"));
    assert_eq!(to.uri, "sip:1_unusual.URI~(to-be!sure)&isn't+it$/crazy?,/;;*@example.com");
    let from = message.from().unwrap();
    assert_eq!(from.display.as_deref(), Some("token1~` token2'+_ token3*%!.-"));
    assert_eq!(from.uri, "sip:mundane@example.com");
    assert_eq!(from.params.value("fromParam''~+*_!.-%"), Some("\"работающий\""));
    assert_eq!(from.tag(), Some("_token~1'+`*%!-."));
    assert_eq!(message.call_id(), Some("intmeth.word%ZK-!.*_+'@word`~)(><:\\/\"][?}{"));
    let cseq = message.cseq().unwrap();
    assert_eq!((cseq.number, cseq.method.as_str()), (139_122_385, method));
    assert_eq!(message.number("Max-Forwards"), Some(255));
    assert_eq!(message.header("extensionHeader-!.%*+_`'~"), Some("\u{feff}大停電"));
}

fn esc01(message: &Message) {
    let uri = Uri::parse(message.request_uri().unwrap()).unwrap();
    assert_eq!(uri.user_name().as_deref(), Some("sips:user@example.com"));
    assert_eq!(uri.host.to_string(), "example.net");
    let user = |uri: Option<Uri>| uri.unwrap().user_name().unwrap();
    assert_eq!(user(message.to().unwrap().sip_uri()), "user");
    assert_eq!(user(message.from().unwrap().sip_uri()), "I have spaces");
    let contact = message.contact().unwrap().sip_uri().unwrap();
    assert_eq!(contact.user_name().as_deref(), Some("caller"));
    // "value%41", which is not "valueA": escapes are never resolved twice.
    assert_eq!(contact.param("name").as_deref(), Some("value%41"));
    assert_eq!(contact.param("lr").as_deref(), Some(""));
    assert_eq!(message.header("Content-Type"), Some("application/sdp"));
    assert_eq!(message.body.len(), 150);
}

fn escnull(message: &Message) {
    let user = |uri: Uri| uri.user_name().unwrap();
    assert_eq!(user(message.to().unwrap().sip_uri().unwrap()), "null-\0-null");
    let contacts: Vec<Uri> = message.name_addrs("Contact").iter().map(|c| c.sip_uri().unwrap()).collect();
    assert_eq!(contacts.iter().cloned().map(user).collect::<Vec<_>>(), ["\0", "\0\0"]);
    assert!(!contacts[0].is_equivalent(&contacts[1]), "two distinct bindings");
}

fn esc02(message: &Message) {
    assert_eq!(message.method(), Some(&Method::Other("RE%47IST%45R".to_owned())));
    assert_ne!(message.method(), Some(&Method::Register));
    assert_eq!(message.to().unwrap().display.as_deref(), Some("%Z%45"));
    assert_eq!(message.from().unwrap().display.as_deref(), Some("%Z%45"));
    let contacts: Vec<String> = message.name_addrs("Contact").into_iter().map(|c| c.uri).collect();
    assert_eq!(contacts, ["sip:alias1@host1.example.com", "sip:alias3@host3.example.com"]);
    assert_eq!(message.header("C%6Fntact"), Some("<sip:alias2@host2.example.com>"));
}

fn lwsdisp(message: &Message) {
    let from = message.from().unwrap();
    assert_eq!(from.display.as_deref(), Some("caller"));
    assert_eq!((from.uri.as_str(), from.tag()), ("sip:caller@example.com", Some("323")));
}

fn longreq(message: &Message) {
    let to = message.to().unwrap();
    let display = format!("I have a user name of {} proportion", "extreme".repeat(10));
    assert_eq!(to.display, Some(display));
    let uri = to.sip_uri().unwrap();
    assert_eq!(uri.port, Some(6000));
    let value = format!("very{}value", "long".repeat(20));
    assert_eq!(uri.params.value("unknownparam1"), Some(value.as_str()));
    assert_eq!(uri.params.value(&format!("longparam{}", "name".repeat(25))), Some("shortvalue"));
    assert!(uri.params.has(&format!("very{}ParameterNameWithNoValue", "long".repeat(25))));
    let from = message.from().unwrap();
    assert_eq!(from.uri, format!("sip:{}@example.net", "amazinglylongcallername".repeat(5)));
    assert_eq!(from.tag(), Some(format!("12{}424", "982".repeat(50)).as_str()));
    assert_eq!(message.call_id(), Some(format!("longreq.one{}longcallid", "really".repeat(20)).as_str()));
    let vias = message.vias();
    assert_eq!(vias.len(), 34);
    let hosts: Vec<String> = vias.iter().map(|via| via.host.to_string()).collect();
    let expected = (1..=33).rev().map(|n| format!("sip{n}.example.com"));
    assert_eq!(hosts, expected.chain(["host.example.com".to_owned()]).collect::<Vec<_>>());
    let branch = format!("very{}branchvalue", "long".repeat(50));
    assert_eq!(vias[33].branch(), Some(branch.as_str()));
    assert_eq!(vias[33].received(), Some("192.0.2.5".parse().unwrap()));
    assert_eq!(message.body.len(), 150);
}

fn dblreq(message: &Message) {
    assert!(message.is_request(&Method::Register) && message.is_valid());
    assert_eq!(message.call_id(), Some("dblreq.0ha0isndaksdj99sdfafnl3lk233412"));
    assert_eq!(message.number("Max-Forwards"), Some(8));
    assert_eq!(message.body, b"");
    let noise = &message.raw[message.defects[0].span.clone()];
    assert!(noise.starts_with(b"\r\nINVITE sip:joe@example.com SIP/2.0\r\n"));
}

fn semiuri(message: &Message) {
    let uri = Uri::parse(message.request_uri().unwrap()).unwrap();
    assert_eq!(uri.user_name().as_deref(), Some("user;par=u@example.net"));
    assert_eq!(uri.host.to_string(), "example.com");
    assert_eq!(
        message.values("Accept"),
        [
            "application/sdp",
            "application/pkcs7-mime",
            "multipart/mixed",
            "multipart/signed",
            "message/sip",
            "message/sipfrag"
        ]
    );
}

fn transports(message: &Message) {
    let transports: Vec<String> = message.vias().into_iter().map(|via| via.transport).collect();
    assert_eq!(transports, ["UDP", "SCTP", "TLS", "UNKNOWN", "TCP"]);
    assert_eq!(message.top_via().unwrap().host.to_string(), "t1.example.com");
}

fn mpart01(message: &Message) {
    assert!(message.is_request(&Method::Message));
    assert!(message.top_via().unwrap().params.has("rport"));
    assert_eq!(message.body.len(), 553);
    // The start of the binary part, in the section's hexadecimal digits.
    let binary = b"\x30\x82\x01\x52\x06\x09\x2a\x86\x48\x86\xf7\x0d";
    assert!(message.body.windows(binary.len()).any(|window| window == binary));
    assert!(message.body.ends_with(b"--7a9cbec02ceef655--\r\n"));
    assert!(message.body.contains(&0));
}

fn unreason(message: &Message) {
    assert_eq!(message.status(), Some(200));
    let sipfarm_core::sip::StartLine::Response { reason, .. } = &message.start else { panic!() };
    assert_eq!(reason, "= 2**3 * 5**2 но сто девяносто девять - простое");
    assert_eq!(message.body.len(), 154);
}

fn noreason(message: &Message) {
    let sipfarm_core::sip::StartLine::Response { code, reason } = &message.start else { panic!() };
    assert_eq!((*code, reason.as_str()), (100, ""));
    assert_eq!(message.from().unwrap().tag(), Some("39ansfi3"));
}
