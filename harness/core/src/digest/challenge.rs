//! What a server asks: the value of WWW-Authenticate and Proxy-Authenticate.

use std::fmt;

use super::fields::{Fields, Writer};
use super::{Algorithm, Authorization, ClientNonce, Covered, Credentials, DigestError, Qop};

/// A digest challenge (RFC 7616 section 3.3).
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Challenge {
    /// Whose password is wanted.
    pub realm: String,
    /// The server's nonce.
    pub nonce: String,
    /// Given back unchanged by the client.
    pub opaque: Option<String>,
    /// The algorithm; MD5 where none is named.
    pub algorithm: Algorithm,
    /// The choices of qop, the server's order; empty for a server of RFC 2069.
    pub qop: Vec<Qop>,
    /// Only the nonce was wrong: answer again with the same password.
    pub stale: bool,
}

/// Why an authorization does not answer a challenge.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Refusal {
    /// Another user.
    User,
    /// Another realm.
    Realm,
    /// Another nonce than the one of the challenge.
    Nonce,
    /// `opaque` did not come back unchanged.
    Opaque,
    /// Another algorithm than the one of the challenge.
    Algorithm,
    /// A qop that was not offered, or none where one was.
    Qop,
    /// Another URI than the one expected.
    Uri,
    /// The response does not follow from the password and the rest.
    Response,
}

impl Challenge {
    /// Reads a header value.
    pub fn parse(value: &str) -> Result<Challenge, DigestError> {
        let fields = Fields::parse(value)?;
        let qop = fields.value("qop").unwrap_or("");
        Ok(Challenge {
            realm: fields.required("realm")?,
            nonce: fields.required("nonce")?,
            opaque: fields.owned("opaque"),
            algorithm: fields.value("algorithm").map(Algorithm::named).unwrap_or_default(),
            qop: qop.split(',').map(str::trim).filter(|name| !name.is_empty()).map(Qop::named).collect(),
            stale: fields.value("stale").is_some_and(|value| value.eq_ignore_ascii_case("true")),
        })
    }

    /// The client's answer; its `Display` is the value of Authorization or Proxy-Authorization.
    /// Chooses `auth` where it is offered, else `auth-int`. `None` when the challenge cannot be
    /// answered (unknown algorithm, only unknown qops), as RFC 8760 section 2.4 foresees.
    pub fn respond(
        &self,
        who: Credentials<'_>,
        what: Covered<'_>,
        client: ClientNonce<'_>,
    ) -> Option<Authorization> {
        let qop = match () {
            _ if self.qop.is_empty() => None,
            _ if self.qop.contains(&Qop::Auth) => Some(Qop::Auth),
            _ if self.qop.contains(&Qop::AuthInt) => Some(Qop::AuthInt),
            _ => return None,
        };
        // A session key needs the cnonce even where no qop carries it.
        let with_cnonce = qop.is_some() || self.algorithm.is_session();
        let mut answer = Authorization {
            user: who.user.to_owned(),
            realm: self.realm.clone(),
            nonce: self.nonce.clone(),
            uri: what.uri.to_owned(),
            response: String::new(),
            algorithm: self.algorithm.clone(),
            cnonce: with_cnonce.then(|| client.cnonce.to_owned()),
            opaque: self.opaque.clone(),
            nc: qop.as_ref().map(|_| client.nc),
            qop,
        };
        answer.response = super::response(&answer, who.password, what.method, what.body)?;
        Some(answer)
    }

    /// Whether an authorization answers this challenge for that user and request; the first thing
    /// that is wrong with it otherwise. That `nc` grows is for the caller to watch.
    pub fn verify(
        &self,
        answer: &Authorization,
        who: Credentials<'_>,
        what: Covered<'_>,
    ) -> Result<(), Refusal> {
        let qop_fits = match &answer.qop {
            Some(qop) => self.qop.contains(qop),
            None => self.qop.is_empty(),
        };
        // An empty `opaque` says as much as none.
        let opaque = |value: &Option<String>| value.clone().unwrap_or_default();
        let checks = [
            (answer.user == who.user, Refusal::User),
            (answer.realm == self.realm, Refusal::Realm),
            (answer.nonce == self.nonce, Refusal::Nonce),
            (opaque(&answer.opaque) == opaque(&self.opaque), Refusal::Opaque),
            (answer.algorithm == self.algorithm, Refusal::Algorithm),
            (qop_fits, Refusal::Qop),
            (answer.uri == what.uri, Refusal::Uri),
            (answer.verify(who.password, what.method, what.body), Refusal::Response),
        ];
        checks.into_iter().find(|(holds, _)| !holds).map_or(Ok(()), |(_, refusal)| Err(refusal))
    }
}

/// The header value.
impl fmt::Display for Challenge {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let mut out = Writer::new().quoted("realm", &self.realm).quoted("nonce", &self.nonce);
        if let Some(opaque) = &self.opaque {
            out = out.quoted("opaque", opaque);
        }
        if self.stale {
            out = out.token("stale", "true");
        }
        out = out.token("algorithm", &self.algorithm);
        if !self.qop.is_empty() {
            let names: Vec<String> = self.qop.iter().map(Qop::to_string).collect();
            out = out.quoted("qop", &names.join(","));
        }
        f.write_str(&out.finish())
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::sip::Method;

    const NONCE: &str = "7ypf/xlj9XXwfDPEoM4URrv/xwf94BcCAzFZH4GiTo0v";
    const OPAQUE: &str = "FQhe/qaU925kfnzjCev0ciny7QMkPqMAFRtzCUYo5tdS";
    const CNONCE: &str = "f2/wE4q74E6zIJEtWaHKaf5wv/H5QzzpXusqGemxURZJ";
    const MUFASA: Credentials<'_> = Credentials { user: "Mufasa", password: "Circle of Life" };

    fn rfc7616_challenge(algorithm: &str) -> Challenge {
        Challenge::parse(&format!(
            "Digest\r\n realm=\"http-auth@example.org\",\r\n qop=\"auth, auth-int\",\r\n \
             algorithm={algorithm},\r\n nonce=\"{NONCE}\", opaque=\"{OPAQUE}\""
        ))
        .expect("the challenge of RFC 7616")
    }

    fn get(uri: &str) -> (Method, &str) {
        (Method::from("GET"), uri)
    }

    #[test]
    fn answers_of_rfc_7616_section_3_9_1() {
        let (method, uri) = get("/dir/index.html");
        let what = Covered { method: &method, uri, body: b"" };
        let client = ClientNonce { cnonce: CNONCE, nc: 1 };
        for (algorithm, response) in [
            ("MD5", "8ca523f5e9506fed4657c9700eebdbec"),
            ("SHA-256", "753927fa0e85d155564e2e272a28d1802ca10daf4496794697cf8db5856cb6c1"),
        ] {
            let challenge = rfc7616_challenge(algorithm);
            assert_eq!(challenge.qop, [Qop::Auth, Qop::AuthInt]);
            let answer = challenge.respond(MUFASA, what, client).expect("an answer");
            assert_eq!(answer.response, response, "{algorithm}");
            assert_eq!(challenge.verify(&answer, MUFASA, what), Ok(()));
        }
    }

    /// RFC 3261 section 22.4 shows the same response, taken over from there.
    #[test]
    fn answer_of_rfc_2617_section_3_5() {
        let challenge = Challenge::parse(
            r#"Digest realm="testrealm@host.com", qop="auth,auth-int",
            nonce="dcd98b7102dd2f0e8b11d0f600bfb0c093", opaque="5ccc069c403ebaf9f0171e9517f40e41""#,
        )
        .expect("a challenge");
        let who = Credentials { user: "Mufasa", password: "Circle Of Life" };
        let (method, uri) = get("/dir/index.html");
        let what = Covered { method: &method, uri, body: b"" };
        let answer = challenge.respond(who, what, ClientNonce { cnonce: "0a4f113b", nc: 1 });
        assert_eq!(answer.expect("an answer").response, "6629fae49393a05397450978507c4ef1");
    }

    /// H(H(A1):nonce:H(A2)), RFC 2617 section 3.2.2.1.
    #[test]
    fn without_qop_the_answer_is_that_of_rfc_2069() {
        let challenge = Challenge::parse(r#"Digest realm="r", nonce="n""#).expect("a challenge");
        let what = Covered { method: &Method::Register, uri: "sip:r", body: b"" };
        let who = Credentials { user: "u", password: "p" };
        let answer = challenge.respond(who, what, ClientNonce { cnonce: "c", nc: 1 }).expect("an answer");
        let h = |text: &str| Algorithm::Md5.hash(text.as_bytes()).expect("md5");
        assert_eq!(answer.response, h(&format!("{}:n:{}", h("u:r:p"), h("REGISTER:sip:r"))));
        assert_eq!((answer.qop, answer.nc, answer.cnonce), (None, None, None));
    }

    #[test]
    fn nc_is_written_in_hexadecimal_and_enters_the_hash_so() {
        let challenge = rfc7616_challenge("MD5");
        let (method, uri) = get("/dir/index.html");
        let what = Covered { method: &method, uri, body: b"" };
        let answer = challenge.respond(MUFASA, what, ClientNonce { cnonce: "c", nc: 26 }).expect("an answer");
        assert!(answer.to_string().contains("nc=0000001a"), "{answer}");
        let h = |text: &str| Algorithm::Md5.hash(text.as_bytes()).expect("md5");
        let key = h("Mufasa:http-auth@example.org:Circle of Life");
        let covered = h("GET:/dir/index.html");
        assert_eq!(answer.response, h(&format!("{key}:{NONCE}:0000001a:c:auth:{covered}")));
    }

    #[test]
    fn auth_int_covers_the_body() {
        let challenge = Challenge { qop: vec![Qop::AuthInt], ..rfc7616_challenge("SHA-256") };
        let with = |body| Covered { method: &Method::Invite, uri: "sip:a@b", body };
        let client = ClientNonce { cnonce: "c", nc: 1 };
        let answer = challenge.respond(MUFASA, with(b"v=0"), client).expect("an answer");
        assert_eq!(challenge.verify(&answer, MUFASA, with(b"v=0")), Ok(()));
        assert_eq!(challenge.verify(&answer, MUFASA, with(b"v=1")), Err(Refusal::Response));
        let h = |text: &str| Algorithm::Sha256.hash(text.as_bytes()).expect("sha-256");
        let key = h("Mufasa:http-auth@example.org:Circle of Life");
        let covered = h(&format!("INVITE:sip:a@b:{}", h("v=0")));
        assert_eq!(answer.response, h(&format!("{key}:{NONCE}:00000001:c:auth-int:{covered}")));
    }

    #[test]
    fn a_session_key_covers_both_nonces() {
        let challenge = Challenge { algorithm: Algorithm::Md5Sess, ..rfc7616_challenge("MD5") };
        let what = Covered { method: &Method::Invite, uri: "sip:a@b", body: b"" };
        let answer = challenge.respond(MUFASA, what, ClientNonce { cnonce: "c", nc: 1 }).expect("an answer");
        let h = |text: &str| Algorithm::Md5.hash(text.as_bytes()).expect("md5");
        let key = h(&format!("{}:{NONCE}:c", h("Mufasa:http-auth@example.org:Circle of Life")));
        let covered = h("INVITE:sip:a@b");
        assert_eq!(answer.response, h(&format!("{key}:{NONCE}:00000001:c:auth:{covered}")));
    }

    #[test]
    fn what_cannot_be_answered_is_not() {
        let what = Covered { method: &Method::Invite, uri: "sip:a@b", body: b"" };
        let client = ClientNonce { cnonce: "c", nc: 1 };
        let token = Challenge { qop: vec![Qop::named("token")], ..rfc7616_challenge("MD5") };
        assert_eq!(token.respond(MUFASA, what, client), None);
        assert_eq!(rfc7616_challenge("AKAv1-MD5").respond(MUFASA, what, client), None);
    }

    #[test]
    fn a_challenge_goes_there_and_back() {
        for stale in [false, true] {
            let challenge =
                Challenge { realm: r#"a "quoted\" realm"#.into(), stale, ..rfc7616_challenge("SHA-256") };
            assert_eq!(Challenge::parse(&challenge.to_string()), Ok(challenge));
        }
    }

    #[test]
    fn what_is_wrong_with_a_value_is_said() {
        let fails = |value: &str| Challenge::parse(value).expect_err(value);
        assert_eq!(fails("Basic realm=\"x\""), DigestError::OtherScheme("Basic".into()));
        assert_eq!(fails("Digest realm=\"x\""), DigestError::Missing("nonce"));
        assert_eq!(fails("Digest nonce=\"x\""), DigestError::Missing("realm"));
        assert!(matches!(fails("Digest realm=\"x\" nonce=\"y\""), DigestError::BadParameter(_)));
        assert!(matches!(fails("Digest realm=\"x"), DigestError::BadParameter(_)));
        assert!(matches!(fails(""), DigestError::OtherScheme(_)));
    }

    #[test]
    fn an_empty_opaque_is_none() {
        let challenge = Challenge { opaque: None, ..rfc7616_challenge("MD5") };
        let what = Covered { method: &Method::Register, uri: "sip:example.org", body: b"" };
        let answer = challenge.respond(MUFASA, what, ClientNonce { cnonce: "c", nc: 1 }).expect("an answer");
        let answer = Authorization { opaque: Some(String::new()), ..answer };
        assert_eq!(challenge.verify(&answer, MUFASA, what), Ok(()));
    }

    #[test]
    fn each_refusal_has_its_reason() {
        let challenge = rfc7616_challenge("MD5");
        let what = Covered { method: &Method::Register, uri: "sip:example.org", body: b"" };
        let good = challenge.respond(MUFASA, what, ClientNonce { cnonce: "c", nc: 1 }).expect("an answer");
        let refused = |change: fn(&mut Authorization)| {
            let mut answer = good.clone();
            change(&mut answer);
            challenge.verify(&answer, MUFASA, what).expect_err("a refusal")
        };
        assert_eq!(refused(|a| a.user = "Scar".into()), Refusal::User);
        assert_eq!(refused(|a| a.realm = "other".into()), Refusal::Realm);
        assert_eq!(refused(|a| a.nonce = "other".into()), Refusal::Nonce);
        assert_eq!(refused(|a| a.opaque = None), Refusal::Opaque);
        assert_eq!(refused(|a| a.algorithm = Algorithm::Sha256), Refusal::Algorithm);
        assert_eq!(refused(|a| a.qop = None), Refusal::Qop);
        assert_eq!(refused(|a| a.uri = "sip:other".into()), Refusal::Uri);
        assert_eq!(refused(|a| a.nc = Some(2)), Refusal::Response);
        let wrong = Credentials { password: "hakuna", ..MUFASA };
        assert_eq!(challenge.verify(&good, wrong, what), Err(Refusal::Response));
    }
}
