//! Octets that nobody would send, and those that somebody cut.

use proptest::collection::vec;
use proptest::prelude::*;
use proptest::sample::Index;
use sipfarm_core::digest::{Authorization, Challenge};
use sipfarm_core::sdp::{Local, Session};
use sipfarm_core::sip::typed::{ContentType, Route, TypedContact, TypedFrom, TypedVia};
use sipfarm_core::sip::{Contact, Framed, Framer, FramerLimits, Host, Message, NameAddr, Params, Uri, Via};

use super::support;

/// Reads everything that can be read of a message.
fn read_all(message: &Message) {
    let _ = (message.vias(), message.from(), message.to(), message.cseq(), message.contacts());
    let _ = (message.challenges(), message.authorizations(), message.media_type(), message.sdp());
    let _ = (message.typed::<TypedFrom>(), message.typed::<TypedVia>(), message.typed::<TypedContact>());
    let _ = (message.typed::<Route>(), message.typed::<ContentType>());
    for header in &message.headers {
        let _ =
            (message.values(&header.name), message.number(&header.name), message.name_addrs(&header.name));
    }
    for contact in message.contacts() {
        if let Contact::Addr(address) = contact {
            let _ = address.sip_uri().map(|uri| (uri.user_name(), uri.is_equivalent(&uri), uri.param("lr")));
        }
    }
    let _ = message.rebuild().build();
}

/// What holds for whatever was read.
fn check(raw: &[u8], message: &Message) {
    assert_eq!(message.raw, raw);
    assert!(
        raw.ends_with(&message.body) || raw.windows(message.body.len().max(1)).any(|w| w == message.body)
    );
    for defect in &message.defects {
        assert!(raw.get(defect.span.clone()).is_some(), "{defect:?}");
        assert!(!defect.detail.is_empty() && defect.detail.len() < 210);
    }
    assert!(message.defects.is_sorted_by_key(|defect| defect.span.start));
    let held: usize = message.headers.iter().map(|h| h.name.len() + h.value.len()).sum();
    // Latin-1 needs two octets for one; nothing else makes text longer than it came.
    assert!(held <= 2 * raw.len());
    assert!(message.defects.len() <= 2 * raw.len() + 16);
}

/// A fixture with pieces cut out, doubled, overwritten.
fn mutated() -> impl Strategy<Value = Vec<u8>> {
    let fixtures: Vec<Vec<u8>> =
        support::files("rfc4475").into_values().chain(support::rfc_5118_mended().into_values()).collect();
    let change = (0..5_u8, any::<Index>(), any::<Index>(), any::<u8>());
    (proptest::sample::select(fixtures), vec(change, 1..8)).prop_map(|(mut raw, changes)| {
        for (kind, from, to, octet) in changes {
            if raw.is_empty() {
                break;
            }
            let (from, to) = (from.index(raw.len()), to.index(raw.len()));
            let piece = from.min(to)..from.max(to).min(from.min(to) + 40);
            match kind {
                0 => drop(raw.drain(piece)),
                1 => raw[from] = octet,
                2 => raw.insert(from, b"\r\n \t\";,<>:@=%\\"[usize::from(octet) % 14]),
                3 => drop(raw.splice(to..to, raw[piece].to_vec()).collect::<Vec<_>>()),
                _ => raw.truncate(from),
            }
        }
        raw
    })
}

/// Lines that look like those of a message.
fn nearly_a_message() -> impl Strategy<Value = Vec<u8>> {
    let line = prop_oneof![
        "(INVITE|ACK|SIP/2.0|SIP/7.0) ?(sip:[a-z@:;?%0-9<>\\[\\]]{0,20}|[0-9]{1,5}) ?(SIP/2.0)?",
        "(Via|v|To|From|m|CSeq|l|Expires|Route|Warning|Date|WWW-Authenticate|Authorization|User-Agent|X) ?: ?[ -~]{0,40}",
        "(Via|To|Contact|Accept|c|Retry-After) ?: ?[\"<>;,=@ /0-9a-z()\\\\]{0,40}",
        "[ \t][ -~]{0,10}",
        "\\PC{0,20}",
    ];
    let end = proptest::sample::select(vec!["\r\n", "\r\n", "\r\n", "\n", "\r", "\r\n\r\n"]);
    vec((line, end), 0..20).prop_map(|lines| {
        lines.into_iter().flat_map(|(line, end)| format!("{line}{end}").into_bytes()).collect()
    })
}

fn octets() -> impl Strategy<Value = Vec<u8>> {
    prop_oneof![vec(any::<u8>(), 0..300), mutated(), nearly_a_message()]
}

fn finds<'a>(pieces: impl Iterator<Item = &'a [u8]>, limits: FramerLimits) -> (Vec<Framed>, Option<Message>) {
    let mut framer = Framer::with_limits(limits);
    let mut found = Vec::new();
    for piece in pieces {
        framer.push(piece);
        found.extend(std::iter::from_fn(|| framer.pop()));
    }
    (found, framer.finish())
}

proptest! {
    #[test]
    fn no_datagram_is_too_broken(raw in octets()) {
        let message = Message::parse(&raw);
        check(&raw, &message);
        read_all(&message);
    }

    #[test]
    fn no_value_is_too_broken(text in "[ -~\\PC]{0,60}", body in vec(any::<u8>(), 0..200)) {
        let _ = (Uri::parse(&text), Via::parse(&text), NameAddr::parse(&text), Params::parse(&text));
        let _ = (Host::parse_with_port(&text), Challenge::parse(&text), Authorization::parse(&text));
        for session in [Session::parse(&body), Session::parse(text.replace(' ', "\r\n").as_bytes())] {
            let answer = session.answer(&Local::g711("192.0.2.1:4000".parse().unwrap(), 1));
            prop_assert_eq!(answer.media.len(), session.media.len());
        }
    }

    /// Messages, keep-alives and garbage in one stream, cut anywhere.
    #[test]
    fn cuts_make_no_difference(
        parts in vec(prop_oneof![octets(), Just(b"\r\n".to_vec())], 1..5),
        sizes in vec(1..200_usize, 1..40),
        head_octets in prop_oneof![Just(64 * 1024), 100..2000_usize],
        body_octets in prop_oneof![Just(256 * 1024), 0..300_usize],
    ) {
        let stream = parts.concat();
        let limits = FramerLimits { head_octets, body_octets };
        let at_once = finds(std::iter::once(stream.as_slice()), limits);
        let mut rest = stream.as_slice();
        let pieces = sizes.iter().cycle().map_while(|size| {
            let (piece, behind) = rest.split_at((*size).min(rest.len()));
            rest = behind;
            (!piece.is_empty()).then_some(piece)
        });
        prop_assert_eq!(&finds(pieces, limits), &at_once);
        prop_assert_eq!(&finds(stream.chunks(1), limits), &at_once);
        for framed in at_once.0 {
            if let Framed::Message(message) = framed {
                check(&message.raw.clone(), &message);
            }
        }
    }
}

/// Not quadratic: the longest datagram, and a stream of nothing but line ends, in the blink of an
/// eye.
#[test]
#[allow(clippy::disallowed_types)] // How long it takes is the question here.
fn long_inputs_take_time_in_proportion() {
    let clock = std::time::Instant::now();
    for unit in ["\n", "\r\n", " ", ";", ",", "\"", "<", "a:b\n", "v:,;\r\n", "t:<\r\n ", "\\\"", "(", "%"] {
        for head in ["", "OPTIONS sip:a@b SIP/2.0\r\nVia: ", "OPTIONS sip:a@b SIP/2.0\r\nContact: <sip:a@b>;"]
        {
            let raw = format!("{head}{}", unit.repeat(65_535 / unit.len())).into_bytes();
            check(&raw, &Message::parse(&raw));
            finds(raw.chunks(7), FramerLimits::default());
            finds(std::iter::once(raw.as_slice()), FramerLimits::default());
        }
    }
    // Far above what it takes (a second or two without optimisation), far below what a quadratic
    // step would.
    assert!(clock.elapsed().as_secs() < 60, "{:?}", clock.elapsed());
}
