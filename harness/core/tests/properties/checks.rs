//! What holds for whatever octets come: shared by the property tests and by the fuzz targets under
//! `harness/fuzz`. Each panics when it does not hold.

use sipfarm_core::dns::{DnsMessage, MAX_DATAGRAM_OCTETS, ResponseCode, StreamFramer};
use sipfarm_core::profile::{Source, load};
use sipfarm_core::sip::typed::{ContentType, Route, TypedContact, TypedFrom, TypedVia};
use sipfarm_core::sip::{Contact, Framed, Framer, FramerLimits, Message};

/// The profile that others extend.
const BASE: &str = include_str!("../../../../fixtures/profiles/rfc3261.yaml");

/// A datagram as a message: every part can be read, and nothing is found that is not there.
pub fn datagram(raw: &[u8]) {
    let parsed = Message::parse(raw);
    message(raw, &parsed);
    read_all(&parsed);
}

/// What was read of these octets.
pub fn message(raw: &[u8], message: &Message) {
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

/// A stream of SIP: wherever it is cut, the same is found in it.
pub fn stream(octets: &[u8], sizes: &[usize], limits: FramerLimits) {
    let at_once = frame(std::iter::once(octets), limits);
    assert_eq!(frame(pieces(octets, sizes), limits), at_once);
    assert_eq!(frame(octets.chunks(1), limits), at_once);
    for framed in at_once.0 {
        if let Framed::Message(found) = framed {
            message(&found.raw.clone(), &found);
        }
    }
}

/// What a framer finds in these pieces.
pub fn frame<'a>(
    pieces: impl Iterator<Item = &'a [u8]>,
    limits: FramerLimits,
) -> (Vec<Framed>, Option<Message>) {
    let mut framer = Framer::with_limits(limits);
    let mut found = Vec::new();
    for piece in pieces {
        framer.push(piece);
        found.extend(std::iter::from_fn(|| framer.pop()));
    }
    (found, framer.finish())
}

/// A DNS message: what can be written again says the same, and a stream of such messages can be cut
/// anywhere.
pub fn dns(octets: &[u8], sizes: &[usize]) {
    let mut framer = StreamFramer::default();
    let cut: Vec<Vec<u8>> = pieces(octets, sizes).flat_map(|piece| framer.push(piece)).collect();
    assert_eq!(cut, StreamFramer::default().push(octets));
    assert!(cut.iter().map(|message| message.len() + 2).sum::<usize>() <= octets.len());
    let Ok(message) = DnsMessage::decode(octets) else { return };
    let Ok(again) = message.encode() else { return };
    let read = DnsMessage::decode(&again).expect("what we write can be read");
    // A code of more than four bits needs EDNS, which we do not write.
    if !matches!(message.code, ResponseCode::Other(_)) {
        assert_eq!(read, message);
    }
    let short = message.encode_within(MAX_DATAGRAM_OCTETS).expect("what is shorter can be written too");
    let short_read = DnsMessage::decode(&short).expect("what is shorter can be read too");
    assert!(short.len() <= MAX_DATAGRAM_OCTETS || short_read.answers.is_empty());
}

/// A profile's text: what is loaded and written is loaded again as the same, and what is wrong has its
/// place in the text.
pub fn profile(text: &str) {
    let base = Source { origin: "rfc3261".to_owned(), text: BASE.to_owned() };
    let lookup = |name: &str| (name == "rfc3261").then(|| base.clone());
    let source = |text: String| Source { origin: "text".to_owned(), text };
    match load(&source(text.to_owned()), &lookup) {
        Ok(profile) => {
            let written = serde_yaml::to_string(&profile).expect("a profile can be written");
            assert_eq!(load(&source(written), &lookup), Ok(profile));
        }
        Err(error) => {
            assert!(!error.problem.is_empty() && !error.to_string().is_empty());
            let lines = text.split(['\n', '\r']).count();
            assert!(error.place.is_none_or(|place| (1..=lines + 1).contains(&place.line)), "{error:?}");
        }
    }
}

/// Cuts octets into pieces of these sizes, again and again; without sizes into one.
fn pieces<'a>(octets: &'a [u8], sizes: &'a [usize]) -> impl Iterator<Item = &'a [u8]> {
    let mut rest = octets;
    let sizes = sizes.iter().copied().filter(|size| *size > 0).collect::<Vec<_>>();
    let mut next = if sizes.is_empty() { vec![octets.len().max(1)] } else { sizes }.into_iter().cycle();
    std::iter::from_fn(move || {
        let (piece, behind) = rest.split_at(next.next()?.min(rest.len()));
        rest = behind;
        (!piece.is_empty()).then_some(piece)
    })
}
