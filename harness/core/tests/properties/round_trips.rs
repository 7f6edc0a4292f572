//! What is written is read again.

use std::net::{IpAddr, SocketAddr};

use proptest::collection::{btree_map, vec};
use proptest::option;
use proptest::prelude::*;
use sipfarm_core::digest::{
    Algorithm, Authorization, Challenge, ClientNonce, Covered, Credentials, Qop, Refusal,
};
use sipfarm_core::sdp::{Codec, Direction, Local, Session};
use sipfarm_core::sip::{Host, Message, MessageBuilder, Method, NameAddr, Params, Uri, Via};

const TOKEN: &str = "[A-Za-z0-9.!%*_+`'~-]{1,12}";

fn host() -> impl Strategy<Value = Host> {
    prop_oneof![
        "[a-z0-9]([a-z0-9-]{0,8}[a-z0-9])?(\\.[a-z]([a-z0-9-]{0,8}[a-z0-9])?){1,3}".prop_map(Host::Name),
        any::<IpAddr>().prop_map(Host::Ip),
    ]
}

fn params(value: &'static str) -> impl Strategy<Value = Params> {
    // A name stands once.
    btree_map("x[a-z0-9.!*_~'-]{1,10}", option::of(value), 0..4)
        .prop_map(|params| Params(params.into_iter().collect()))
}

fn uri() -> impl Strategy<Value = Uri> {
    let user = "([A-Za-z0-9_.!~*'()&=+$,;?/-]|%[0-9A-F]{2}){1,12}(:[A-Za-z0-9&=+$,]{0,6})?";
    let headers = "[a-z]{1,6}=([A-Za-z0-9/?:+$-]|%[0-9a-f]{2}){0,8}(&[a-z]{1,6}=[a-z]{0,4}){0,2}";
    (
        proptest::sample::select(vec!["sip", "sips"]),
        option::of(user),
        host(),
        option::of(any::<u16>()),
        params("([A-Za-z0-9:&+$/-]|%[0-9A-F]{2}){1,8}"),
        option::of(headers),
    )
        .prop_map(|(scheme, user, host, port, params, headers)| Uri {
            scheme: scheme.to_owned(),
            user,
            host,
            port,
            params,
            headers,
        })
}

fn method() -> impl Strategy<Value = Method> {
    prop_oneof![
        proptest::sample::select(vec![Method::Options, Method::Bye, Method::Message]),
        TOKEN.prop_map(Method::from),
    ]
}

fn via() -> impl Strategy<Value = Via> {
    ("[A-Z]{2,4}", host(), option::of(any::<u16>()), params(TOKEN))
        .prop_map(|(transport, host, port, params)| Via { transport, host, port, params })
}

fn name_addr() -> impl Strategy<Value = NameAddr> {
    let display = option::of("[ -~äж大]{1,20}");
    let value = "([A-Za-z0-9.]{1,8}|\"[a-z;,<>=]{0,8}\")";
    (display, uri(), params(value)).prop_map(|(display, uri, params)| {
        let mut address = NameAddr::new(uri.to_string());
        address.display = display;
        address.params = params;
        address
    })
}

/// A request that nothing is wrong with.
fn request(method: &Method, uri: &Uri, via: &Via, from: &NameAddr, to: &NameAddr) -> MessageBuilder {
    let mut from = from.clone();
    from.params.set("tag", Some("1"));
    MessageBuilder::request(method, &uri.to_string())
        .header("Via", via)
        .header("Max-Forwards", 70)
        .header("From", from)
        .header("To", to)
        .header("Call-ID", "1@192.0.2.1")
        .header("CSeq", format!("1 {method}"))
        .header("Contact", "<sip:a@192.0.2.1>")
}

proptest! {
    #[test]
    fn uris(uri in uri()) {
        let again = Uri::parse(&uri.to_string()).unwrap();
        prop_assert_eq!(&again, &uri);
        prop_assert!(again.is_equivalent(&uri));
    }

    #[test]
    fn vias_and_addresses(via in via(), address in name_addr()) {
        prop_assert_eq!(Via::parse(&via.to_string()), Some(via));
        prop_assert_eq!(NameAddr::parse(&address.to_string()), Some(address));
    }

    /// What is built of sound parts is read whole, and carries no defect.
    #[test]
    fn messages(
        (method, mut uri) in (method(), uri()),
        vias in vec(via(), 1..4),
        (from, to) in (name_addr(), name_addr()),
        others in vec(("X-[A-Za-z0-9]{1,8}", "([!-~]([ -~ä]{0,20}[!-~])?)?"), 0..6),
        body in vec(any::<u8>(), 1..100),
    ) {
        uri.headers = None;
        let mut builder = request(&method, &uri, &vias[0], &from, &to);
        for via in &vias[1..] {
            builder = builder.header("v", via);
        }
        for (name, value) in &others {
            builder = builder.header(name, value);
        }
        let message = builder.body("application/octet-stream", body.clone()).build();
        prop_assert_eq!(&message.defects, &[]);
        prop_assert_eq!(message.method(), Some(&method));
        prop_assert_eq!(message.request_uri().map(str::to_owned), Some(uri.to_string()));
        prop_assert_eq!(message.vias(), vias);
        prop_assert_eq!(message.to(), Some(to));
        prop_assert_eq!(&message.from().unwrap().uri, &from.uri);
        let kept: Vec<_> = message.headers.iter().filter(|h| h.name.starts_with("X-")).collect();
        let kept: Vec<_> = kept.iter().map(|h| (h.name.clone(), h.value.clone())).collect();
        prop_assert_eq!(kept, others);
        prop_assert_eq!(&message.body, &body);
        prop_assert_eq!(&message.rebuild().build().headers.len(), &message.headers.len());
        prop_assert_eq!(Message::parse(&message.raw), message);
    }

    #[test]
    fn answers_to_challenges(
        (realm, nonce, opaque) in ("[ -~]{0,20}", "[ -~]{1,20}", option::of("[ -~]{0,20}")),
        (user, password) in ("[ -~]{1,10}", "\\PC{0,10}"),
        algorithm in proptest::sample::select(vec![
            Algorithm::Md5, Algorithm::Md5Sess, Algorithm::Sha256, Algorithm::Sha256Sess, Algorithm::Sha512t256,
        ]),
        qop in proptest::sample::subsequence(vec![Qop::AuthInt, Qop::named("other"), Qop::Auth], 0..=3),
        (uri, body) in (uri(), vec(any::<u8>(), 0..50)),
        (nc, stale) in (any::<u32>(), any::<bool>()),
    ) {
        let challenge = Challenge { realm, nonce, opaque, algorithm, qop, stale };
        prop_assert_eq!(Challenge::parse(&challenge.to_string()), Ok(challenge.clone()));
        let who = Credentials { user: &user, password: &password };
        let uri = uri.to_string();
        let what = Covered { method: &Method::Register, uri: &uri, body: &body };
        let answer = challenge.respond(who, what, ClientNonce { cnonce: "0a4f113b", nc });
        prop_assert_eq!(answer.is_none(), challenge.qop == [Qop::named("other")]);
        if let Some(answer) = answer {
            let read = Authorization::parse(&answer.to_string()).unwrap();
            prop_assert_eq!(challenge.verify(&read, who, what), Ok(()));
            let wrong = Credentials { password: &format!("{password}x"), ..who };
            prop_assert_eq!(challenge.verify(&read, wrong, what), Err(Refusal::Response));
            let elsewhere = Covered { method: &Method::Invite, ..what };
            prop_assert_eq!(challenge.verify(&read, who, elsewhere), Err(Refusal::Response));
            prop_assert_eq!(read, answer);
        }
    }

    #[test]
    fn offers_and_answers(
        (ip, port) in (any::<IpAddr>(), 1..u16::MAX),
        offered in proptest::sample::subsequence(vec![Codec::PCMA, Codec::PCMU, Codec::TELEPHONE_EVENT], 1..=3),
        (theirs, ours) in (0..4_usize, 0..4_usize),
        (session_id, version) in (any::<u64>(), any::<u64>()),
    ) {
        let directions = [Direction::SendRecv, Direction::SendOnly, Direction::RecvOnly, Direction::Inactive];
        let address = SocketAddr::new(ip, port);
        let codecs = offered.clone();
        let local = Local { address, codecs, direction: directions[theirs], session_id, version };
        let offer = Session::offer(&local);
        prop_assert_eq!(&Session::parse(offer.to_string().as_bytes()), &offer);
        prop_assert_eq!(offer.address(&offer.media[0]), Some(address));
        let local = Local { direction: directions[ours], ..Local::g711(address, 1) };
        let answer = offer.answer(&local);
        prop_assert_eq!(&Session::parse(answer.to_string().as_bytes()), &answer);
        let speaks_g711 = offered.iter().any(|codec| *codec != Codec::TELEPHONE_EVENT);
        prop_assert_eq!(answer.audio().is_some(), speaks_g711);
        if let Some(audio) = answer.audio() {
            let (theirs, ours) = (directions[theirs], answer.direction(audio));
            prop_assert!(!ours.sends() || theirs.receives());
            prop_assert!(!ours.receives() || theirs.sends());
        }
    }
}
