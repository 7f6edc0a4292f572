//! Octets that nobody would send, and those that somebody cut.

use proptest::collection::vec;
use proptest::option;
use proptest::prelude::*;
use proptest::sample::{Index, select};
use sipfarm_core::digest::{Authorization, Challenge};
use sipfarm_core::dns::{DnsMessage, Record, RecordData, RecordKind, ResponseCode, Srv};
use sipfarm_core::profile::{Source, load};
use sipfarm_core::sdp::{Local, Session};
use sipfarm_core::sip::{FramerLimits, Host, Message, NameAddr, Params, Uri, Via};

use super::{checks, support};

/// A fixture with pieces cut out, doubled, overwritten.
fn mutated() -> impl Strategy<Value = Vec<u8>> {
    let fixtures: Vec<Vec<u8>> =
        support::files("rfc4475").into_values().chain(support::rfc_5118_mended().into_values()).collect();
    let change = (0..5_u8, any::<Index>(), any::<Index>(), any::<u8>());
    (select(fixtures), vec(change, 1..8)).prop_map(|(mut raw, changes)| {
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
    let end = select(vec!["\r\n", "\r\n", "\r\n", "\n", "\r", "\r\n\r\n"]);
    vec((line, end), 0..20).prop_map(|lines| {
        lines.into_iter().flat_map(|(line, end)| format!("{line}{end}").into_bytes()).collect()
    })
}

fn octets() -> impl Strategy<Value = Vec<u8>> {
    prop_oneof![vec(any::<u8>(), 0..300), mutated(), nearly_a_message()]
}

/// Answers and queries as RFC 1035 has them, and what is nearly one.
fn nearly_dns() -> impl Strategy<Value = Vec<u8>> {
    let name = "_?[a-z]{1,8}(\\.[a-z][a-z0-9]{0,11}){0,3}";
    let data = prop_oneof![
        any::<[u8; 4]>().prop_map(|octets| RecordData::A(octets.into())),
        any::<[u8; 16]>().prop_map(|octets| RecordData::Aaaa(octets.into())),
        name.prop_map(RecordData::Cname),
        (any::<[u16; 3]>(), name).prop_map(|([priority, weight, port], target)| {
            RecordData::Srv(Srv { priority, weight, port, target })
        }),
    ];
    let record =
        (name, any::<u32>(), data).prop_map(|(name, ttl_s, data)| Record { name, ttl_s: ttl_s >> 1, data });
    let records = (name, vec(record.clone(), 0..6), vec(record, 0..6));
    let change = (any::<Index>(), any::<u8>());
    (records, vec(change, 0..6), option::of(any::<Index>())).prop_map(
        |((name, answers, additional), changes, cut)| {
            let query = DnsMessage::query(7, &name, RecordKind::Srv);
            let answer = query.answer(ResponseCode::NoError, answers, additional);
            let mut octets = answer.encode().unwrap();
            changes.iter().for_each(|(at, octet)| *at.get_mut(&mut octets) = *octet);
            octets.truncate(cut.map_or(octets.len(), |cut| cut.index(octets.len())));
            octets
        },
    )
}

/// The text of one of our profiles.
fn profile_text(name: &str) -> String {
    let path = std::path::Path::new(env!("CARGO_MANIFEST_DIR")).join("../../fixtures/profiles");
    std::fs::read_to_string(path.join(name).with_extension("yaml")).unwrap()
}

/// The profiles of ours with lines left out, doubled and changed.
fn nearly_a_profile() -> impl Strategy<Value = String> {
    let texts = ["rfc3261", "yealink-t5x", "baresip"].map(profile_text);
    let word = prop_oneof![
        select(vec![
            "null",
            "[]",
            "{}",
            "-1",
            "0",
            "true",
            "99999999999999999999",
            "1e400",
            "&a",
            "*a",
            "\"",
            "!x"
        ])
        .prop_map(str::to_owned),
        "[ -~]{0,12}",
        "\\PC{0,6}",
    ];
    let change = (0..4_u8, any::<Index>(), any::<Index>(), word);
    (select(texts.to_vec()), vec(change, 0..5)).prop_map(|(text, changes)| {
        let mut lines: Vec<String> = text.lines().map(str::to_owned).collect();
        for (kind, from, to, word) in changes {
            let (from, to) = (from.index(lines.len().max(1)), to.index(lines.len().max(1)));
            match (kind, lines.get(from).cloned()) {
                (_, None) => lines.push(word),
                (0, Some(_)) => drop(lines.remove(from)),
                (1, Some(line)) => lines.insert(to, line),
                (2, Some(line)) => {
                    lines[from] = format!("{}: {word}", line.split(':').next().unwrap_or_default());
                }
                (_, Some(line)) => lines[from] = format!("{line}{word}"),
            }
        }
        lines.join("\n")
    })
}

proptest! {
    #[test]
    fn no_datagram_is_too_broken(raw in octets()) {
        checks::datagram(&raw);
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
        checks::stream(&stream, &sizes, limits);
    }

    #[test]
    fn no_dns_message_is_too_broken(
        octets in prop_oneof![1 => vec(any::<u8>(), 0..300), 3 => nearly_dns()],
        sizes in vec(1..40_usize, 0..8),
    ) {
        checks::dns(&octets, &sizes);
    }

    #[test]
    fn no_profile_is_too_broken(text in prop_oneof![1 => "\\PC{0,80}", 4 => nearly_a_profile()]) {
        checks::profile(&text);
    }
}

/// The texts from which broken ones are made are sound themselves.
#[test]
fn the_good_ones_are_good() {
    for name in ["rfc3261", "yealink-t5x"] {
        let text = profile_text(name);
        let base = |name: &str| Some(Source { origin: name.to_owned(), text: profile_text(name) });
        assert!(load(&Source { origin: name.to_owned(), text: text.clone() }, &base).is_ok(), "{name}");
        checks::profile(&text);
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
            checks::message(&raw, &Message::parse(&raw));
            checks::frame(raw.chunks(7), FramerLimits::default());
            checks::frame(std::iter::once(raw.as_slice()), FramerLimits::default());
        }
    }
    // Far above what it takes (a second or two without optimisation), far below what a quadratic
    // step would.
    assert!(clock.elapsed().as_secs() < 60, "{:?}", clock.elapsed());
}
