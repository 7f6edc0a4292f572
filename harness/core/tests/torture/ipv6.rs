//! RFC 5118: messages with IPv6 addresses. Its archive has bare line feeds, two heads that do not
//! end, and two lengths that no way of counting lines explains; the first test says so file by
//! file. The second mends that, and then only what the text names is left.

use std::net::SocketAddr;

use sipfarm_core::sdp;
use sipfarm_core::sip::DefectKind::*;
use sipfarm_core::sip::{Host, Message, Uri};

use super::support::rfc_5118_mended;
use super::{Row, compare, files};

#[test]
fn rfc_5118_as_archived() {
    let mut rows = rows();
    for row in &mut rows {
        row.defects = match row.file {
            "ipv6-bad" => &[BadRequestUri, BareLineFeed],
            "ipv6-bug-abnf-3-colons" | "ipv6-correct-abnf-2-colons" => &[BareLineFeed, UnterminatedHead],
            "ipv6-in-sdp" | "mult-ip-in-sdp" => &[BareLineFeed, BodyTooShort],
            "via-received-param-with-delim" => &[BareLineFeed, BadHeaderValue],
            _ => &[BareLineFeed],
        };
    }
    compare(&files("rfc5118"), &rows);
}

#[test]
fn rfc_5118_as_meant() {
    compare(&rfc_5118_mended(), &rows());
}

fn rows() -> Vec<Row> {
    let row = |file, reason, says| Row { file, defects: &[], reason, says };
    vec![
        row("ipv6-good", "4.1: references in Request-URI, Via and Contact", |message| {
            assert_eq!(request_host(message), "[2001:db8::10]");
            assert_eq!(message.top_via().unwrap().host, ip("2001:db8::9:1"));
            assert_eq!(message.contact().unwrap().sip_uri().unwrap().host, ip("2001:db8::1"));
        }),
        Row {
            defects: &[BadRequestUri],
            ..row("ipv6-bad", "4.2: a reference without brackets", |message| {
                assert_eq!(message.request_uri(), Some("sip:2001:db8::10"));
            })
        },
        row("port-ambiguous", "4.3: well-formed; what looks like a port is address", |message| {
            assert_eq!(request_host(message), "[2001:db8::10:5070]");
            assert_eq!(request_uri(message).port, None);
        }),
        row("port-unambiguous", "4.4: the port outside the brackets", |message| {
            assert_eq!(
                (request_host(message).as_str(), request_uri(message).port),
                ("[2001:db8::10]", Some(5070))
            );
        }),
        Row {
            defects: &[BadHeaderValue],
            ..row(
                "via-received-param-with-delim",
                "4.5: not valid by the grammar, to be read all the same",
                |message| {
                    assert_eq!(
                        message.top_via().unwrap().received(),
                        Some("2001:db8::9:255".parse().unwrap())
                    );
                    assert_eq!(message.branch().as_deref(), Some("z9hG4bKas3-111"));
                },
            )
        },
        row("via-received-param-no-delim", "4.5: valid by the grammar", |message| {
            assert_eq!(message.top_via().unwrap().received(), Some("2001:db8::9:255".parse().unwrap()));
        }),
        row("ipv6-in-sdp", "4.6: addresses without brackets in SDP", |message| {
            let audio = media(message, 0);
            assert_eq!(audio, "[2001:db8::20]:6000".parse().unwrap());
        }),
        row("mult-ip-in-header", "4.7: both families in the Vias", |message| {
            let hosts: Vec<Host> = message.vias().into_iter().map(|via| via.host).collect();
            assert_eq!(hosts, [ip("2001:db8::9:1"), ip("192.0.2.1"), ip("2001:db8::9:255")]);
            assert_eq!(message.vias()[0].port, Some(6050));
            assert_eq!(message.vias()[2].received(), Some("192.0.2.200".parse().unwrap()));
        }),
        row("mult-ip-in-sdp", "4.8: both families in SDP", |message| {
            assert_eq!(media(message, 0), "192.0.2.1:22334".parse().unwrap());
            assert_eq!(media(message, 1), "[2001:db8::1]:6024".parse().unwrap());
        }),
        row("ipv4-mapped-ipv6", "4.9: IPv4-mapped addresses everywhere", |message| {
            let via = message.top_via().unwrap();
            assert_eq!((via.host, via.port), (ip("::ffff:192.0.2.10"), Some(19823)));
            assert_eq!(message.contact().unwrap().sip_uri().unwrap().host, ip("::ffff:192.0.2.2"));
            assert_eq!(media(message, 0), "[::ffff:192.0.2.2]:6000".parse().unwrap());
        }),
        row("ipv6-bug-abnf-3-colons", "4.10: the colon too many of RFC 3261's grammar", |message| {
            assert_eq!(request_uri(message).host, ip("2001:db8::192.0.2.1"));
            assert_eq!(message.to().unwrap().sip_uri().unwrap().host, ip("2001:db8::192.0.2.1"));
        }),
        row("ipv6-correct-abnf-2-colons", "4.10: the same without it", |message| {
            assert_eq!(request_uri(message).host, ip("2001:db8::192.0.2.1"));
        }),
    ]
}

fn ip(text: &str) -> Host {
    Host::Ip(text.parse().unwrap())
}

fn request_uri(message: &Message) -> Uri {
    Uri::parse(message.request_uri().unwrap()).unwrap()
}

fn request_host(message: &Message) -> String {
    request_uri(message).host.to_string()
}

/// Where the stream of that number is to be sent. The description carries no defect but the line
/// ends of the archive.
fn media(message: &Message, number: usize) -> SocketAddr {
    let session = sdp::Session::parse(&message.body);
    let line_ends = |defect: &sdp::SdpDefect| defect.kind == sdp::SdpDefectKind::BareLineFeed;
    assert!(session.defects.iter().all(line_ends), "{:?}", session.defects);
    session.address(&session.media[number]).unwrap()
}
