//! Digest: challenges of registrars and proxies, stale nonces, refused passwords
//! (RFC 3261 section 22, RFC 7616, RFC 8760).

use std::cell::RefCell;
use std::rc::Rc;

use crate::common::*;
use sipfarm_core::digest::{Authorization, Challenge, Covered, Credentials};
use sipfarm_core::profile::Profile;
use sipfarm_core::sip::{Message, MessageBuilder, Method};

const MD5: &str = r#"Digest realm="example.org", nonce="first", qop="auth", algorithm=MD5"#;
const SHA: &str = r#"Digest realm="example.org", nonce="first", qop="auth,auth-int", algorithm=SHA-256"#;
const WHO: Credentials<'static> = Credentials { user: "1001", password: "secret" };

/// The answer in that field, when it fits the challenge.
fn answer(request: &Message, field: &str, challenge: &str) -> Option<Authorization> {
    let answer = Authorization::parse(request.header(field)?).unwrap();
    let what = Covered {
        method: request.method().unwrap(),
        uri: request.request_uri().unwrap(),
        body: &request.body,
    };
    Challenge::parse(challenge).unwrap().verify(&answer, WHO, what).ok().map(|()| answer)
}

/// A registrar that challenges whoever does not answer the current challenge.
fn registrar(bench: &mut Bench, server: usize, challenge: &Rc<RefCell<String>>) {
    let challenge = Rc::clone(challenge);
    bench.script(server, move |request| {
        let current = challenge.borrow();
        let ok = answer(request, "Authorization", &current).is_some();
        vec![if ok {
            registered(request, 60)
        } else {
            reply(request, 401).header("WWW-Authenticate", &*current)
        }]
    });
}

fn challenged(challenge: &str) -> (Bench, Rc<RefCell<String>>) {
    let challenge = Rc::new(RefCell::new(challenge.to_owned()));
    let mut bench = Bench::new(Profile::default());
    registrar(&mut bench, 0, &challenge);
    bench.tell(|phone, now| phone.register(now));
    (bench, challenge)
}

#[test]
fn a_challenge_is_answered_with_the_next_cseq() {
    for challenge in [MD5, SHA, r#"Digest realm="example.org", nonce="old""#] {
        let (bench, _) = challenged(challenge);
        assert_eq!(bench.reports(), ["registered with primary"], "{challenge}");
        let [first, second] = [&bench.sent[0].message, &bench.sent[1].message];
        assert_eq!(bench.sent.len(), 2);
        assert_eq!(first.header("Authorization"), None);
        assert_eq!((first.header("CSeq"), second.header("CSeq")), (Some("1 REGISTER"), Some("2 REGISTER")));
        assert_eq!(first.call_id(), second.call_id());
        assert_eq!(first.from(), second.from());
        assert_ne!(first.branch(), second.branch());
    }
}

#[test]
fn a_nonce_is_used_again_with_a_growing_count() {
    let (mut bench, _) = challenged(MD5);
    bench.run(200.0);
    let counts: Vec<_> = bench.sent[1..]
        .iter()
        .map(|sent| Authorization::parse(sent.message.header("Authorization").unwrap()).unwrap())
        .collect();
    assert!(counts.len() > 3);
    for (nth, answer) in counts.iter().enumerate() {
        assert_eq!(answer.nc, Some(nth as u32 + 1));
        assert_eq!(answer.nonce, "first");
    }
    assert_ne!(counts[0].cnonce, counts[1].cnonce);
}

#[test]
fn a_stale_nonce_is_replaced_without_a_failure() {
    let (mut bench, challenge) = challenged(MD5);
    *challenge.borrow_mut() = MD5.replace("first", "second") + ", stale=true";
    bench.run(60.0);
    assert_eq!(bench.reports(), ["registered with primary"]);
    let last = bench.sent.last().unwrap().message.header("Authorization").unwrap().to_owned();
    let answer = Authorization::parse(&last).unwrap();
    assert_eq!((answer.nonce.as_str(), answer.nc), ("second", Some(1)));
}

#[test]
fn a_password_that_was_refused_is_not_tried_again() {
    let mut bench = Bench::new(Profile::default());
    bench.script(0, |request| vec![reply(request, 401).header("WWW-Authenticate", MD5)]);
    bench.tell(|phone, now| phone.register(now));
    bench.run(1_000.0);
    assert_eq!(bench.sent.len(), 2);
    assert_eq!(bench.reports(), ["registration failed: 401 from primary"]);
}

#[test]
fn a_registrar_that_calls_every_nonce_stale_is_left_in_the_end() {
    let mut bench = Bench::new(Profile::default());
    bench.script(0, |request| {
        let nonce = request.branch().unwrap();
        vec![
            reply(request, 401)
                .header("WWW-Authenticate", format!(r#"Digest realm="r", nonce="{nonce}", stale=true"#)),
        ]
    });
    bench.tell(|phone, now| phone.register(now));
    bench.run(1_000.0);
    assert!(bench.sent.len() <= 4, "{}", bench.sent.len());
    assert_eq!(bench.reports(), ["registration failed: 401 from primary"]);
}

#[test]
fn of_several_challenges_the_first_known_one_is_answered() {
    let mut bench = Bench::new(Profile::default());
    bench.script(0, |request| match request.header("Authorization") {
        Some(_) => vec![registered(request, 60)],
        None => vec![
            reply(request, 401)
                .header("WWW-Authenticate", r#"Digest realm="example.org", nonce="x", algorithm=AKAv1-MD5"#)
                .header("WWW-Authenticate", SHA)
                .header("WWW-Authenticate", MD5),
        ],
    });
    bench.tell(|phone, now| phone.register(now));
    assert_eq!(bench.sent.len(), 2);
    assert!(answer(&bench.sent[1].message, "Authorization", SHA).is_some());
    assert_eq!(bench.sent[1].message.fields("Authorization").count(), 1);
}

#[test]
fn a_challenge_nobody_can_answer_is_a_failure() {
    let mut bench = Bench::new(Profile::default());
    bench.script(0, |request| vec![reply(request, 401).header("WWW-Authenticate", "Basic realm=\"x\"")]);
    bench.tell(|phone, now| phone.register(now));
    assert_eq!(bench.reports(), ["registration failed: 401 from primary"]);
}

/// A proxy that wants Proxy-Authorization in all but ACK and CANCEL.
fn proxy(request: &Message) -> Vec<MessageBuilder> {
    let method = request.method().unwrap();
    if *method == Method::Ack {
        return vec![];
    }
    if answer(request, "Proxy-Authorization", MD5).is_none() {
        return vec![reply(request, 407).header("Proxy-Authenticate", MD5)];
    }
    match method {
        Method::Invite => vec![
            reply(request, 100),
            accepted(request, "callee").set("Record-Route", "<sip:192.0.2.10:5060;lr>"),
        ],
        _ => vec![reply(request, 200)],
    }
}

#[test]
fn an_invite_is_answered_at_the_same_server_and_its_ack_carries_the_credentials() {
    let mut bench = Bench::new(Profile::default());
    bench.script(0, proxy);
    bench.tell(|phone, now| phone.dial("1002", now)).unwrap();
    let order: Vec<_> = bench.sent.iter().map(|sent| sent.message.header("CSeq").unwrap()).collect();
    assert_eq!(order, ["1 INVITE", "1 ACK", "2 INVITE", "2 ACK"]);
    assert_eq!(bench.sent[0].message.call_id(), bench.sent[2].message.call_id());
    let credentials = |nth: usize| bench.sent[nth].message.header("Proxy-Authorization");
    assert_eq!(credentials(3), credentials(2), "section 13.2.2.4");
    bench.tell(|phone, now| phone.hang_up(now)).unwrap();
    let bye = &bench.sent.last().unwrap().message;
    assert!(answer(bye, "Proxy-Authorization", MD5).is_some());
    assert_eq!(bye.header("CSeq"), Some("3 BYE"));
}

#[test]
fn a_challenged_bye_is_answered_once() {
    let mut bench = Bench::new(Profile::default());
    bench.script(0, |request| match request.method().unwrap() {
        Method::Invite => vec![accepted(request, "callee").set("Record-Route", "<sip:192.0.2.10:5060;lr>")],
        Method::Bye => vec![reply(request, 407).header("Proxy-Authenticate", MD5)],
        _ => vec![],
    });
    bench.tell(|phone, now| phone.dial("1002", now)).unwrap();
    bench.tell(|phone, now| phone.hang_up(now)).unwrap();
    let byes = bench.requests("BYE", "primary");
    assert_eq!(byes.len(), 2);
    assert!(answer(&byes[1].message, "Proxy-Authorization", MD5).is_some());
    assert_eq!(bench.reports(), ["call established", "call ended"]);
}

#[test]
fn no_server_sees_an_answer_to_anothers_challenge() {
    let (mut bench, _) = challenged(MD5);
    bench.silent(0);
    bench.healthy(1);
    bench.run(100.0);
    assert_eq!(bench.reports(), ["registered with primary", "registered with secondary"]);
    assert_eq!(bench.requests("REGISTER", "secondary")[0].message.header("Authorization"), None);
}

#[test]
fn the_password_is_nowhere_in_debug_output() {
    let (bench, _) = challenged(MD5);
    assert!(!format!("{:?}", bench.phone).contains("secret"));
}

#[test]
fn no_count_is_used_twice_with_one_nonce() {
    let mut bench = Bench::new(Profile::default());
    bench.script(0, |request| {
        let counted = request.header("Authorization").and_then(|value| Authorization::parse(value).ok()?.nc);
        match counted {
            Some(2) => vec![registered(request, 60)],
            _ => vec![reply(request, 401).header("WWW-Authenticate", format!("{MD5}, stale=true"))],
        }
    });
    bench.tell(|phone, now| phone.register(now));
    assert_eq!(bench.reports(), ["registered with primary"]);
    assert_eq!(bench.sent.len(), 3);
}
