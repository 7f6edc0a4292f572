//! What a client answers: the value of Authorization and Proxy-Authorization.

use std::fmt;

use super::fields::{Fields, Writer};
use super::{Algorithm, DigestError, Qop};
use crate::sip::Method;

/// A client's answer to a challenge (RFC 7616 section 3.4).
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Authorization {
    /// The user name.
    pub user: String,
    /// The realm of the challenge.
    pub realm: String,
    /// The nonce of the challenge.
    pub nonce: String,
    /// The digest URI.
    pub uri: String,
    /// The response: hexadecimal digits.
    pub response: String,
    /// The algorithm; MD5 where none is named.
    pub algorithm: Algorithm,
    /// The client's nonce.
    pub cnonce: Option<String>,
    /// `opaque` of the challenge.
    pub opaque: Option<String>,
    /// The qop chosen.
    pub qop: Option<Qop>,
    /// How many requests the client has sent with this nonce.
    pub nc: Option<u32>,
}

impl Authorization {
    /// Reads a header value.
    pub fn parse(value: &str) -> Result<Authorization, DigestError> {
        let fields = Fields::parse(value)?;
        Ok(Authorization {
            user: fields.required("username")?,
            realm: fields.required("realm")?,
            nonce: fields.required("nonce")?,
            uri: fields.required("uri")?,
            response: fields.required("response")?,
            algorithm: fields.value("algorithm").map(Algorithm::named).unwrap_or_default(),
            cnonce: fields.owned("cnonce"),
            opaque: fields.owned("opaque"),
            qop: fields.value("qop").map(Qop::named),
            nc: fields.value("nc").map(nonce_count).transpose()?,
        })
    }

    /// Whether the response follows from that password, method and body and from the values that
    /// stand in the header itself. Whether those are the right ones, [`super::Challenge::verify`]
    /// says.
    pub fn verify(&self, password: &str, method: &Method, body: &[u8]) -> bool {
        super::response(self, password, method, body)
            .is_some_and(|expected| expected.eq_ignore_ascii_case(&self.response))
    }
}

/// The header value. Which parameters stand in quotes follows RFC 7616 section 3.4.
impl fmt::Display for Authorization {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let mut out = Writer::new()
            .quoted("username", &self.user)
            .quoted("realm", &self.realm)
            .quoted("nonce", &self.nonce)
            .quoted("uri", &self.uri)
            .quoted("response", &self.response)
            .token("algorithm", &self.algorithm);
        if let Some(cnonce) = &self.cnonce {
            out = out.quoted("cnonce", cnonce);
        }
        if let Some(opaque) = &self.opaque {
            out = out.quoted("opaque", opaque);
        }
        if let Some(qop) = &self.qop {
            out = out.token("qop", qop);
        }
        if let Some(nc) = self.nc {
            out = out.token("nc", format!("{nc:08x}"));
        }
        f.write_str(&out.finish())
    }
}

fn nonce_count(text: &str) -> Result<u32, DigestError> {
    let digits = text.len() == 8 && text.bytes().all(|octet| octet.is_ascii_hexdigit());
    match u32::from_str_radix(text, 16) {
        Ok(count) if digits => Ok(count),
        _ => Err(DigestError::BadNonceCount(text.to_owned())),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The Authorization of RFC 3261 section 22.4 and 20.7 has this shape.
    const VALUE: &str = r#"Digest username="bob", realm="biloxi.com",
        nonce="dcd98b7102dd2f0e8b11d0f600bfb0c093", uri="sip:bob@biloxi.com",
        qop=auth, nc=00000001, cnonce="0a4f113b",
        response="6629fae49393a05397450978507c4ef1",
        opaque="5ccc069c403ebaf9f0171e9517f40e41""#;

    #[test]
    fn reads_the_value_of_rfc_3261() {
        let answer = Authorization::parse(VALUE).expect("an authorization");
        assert_eq!(answer.user, "bob");
        assert_eq!(answer.uri, "sip:bob@biloxi.com");
        assert_eq!((answer.nc, answer.qop.as_ref()), (Some(1), Some(&Qop::Auth)));
        assert_eq!(answer.algorithm, Algorithm::Md5);
        assert_eq!(Authorization::parse(&answer.to_string()), Ok(answer));
    }

    #[test]
    fn nc_is_eight_hexadecimal_digits() {
        let with = |nc: &str| Authorization::parse(&VALUE.replace("00000001", nc)).map(|answer| answer.nc);
        assert_eq!(with("00000010"), Ok(Some(16)));
        assert_eq!(with("0000000a"), Ok(Some(10)));
        assert_eq!(with("FFFFFFFF"), Ok(Some(u32::MAX)));
        for bad in ["1", "0000000g", "000000001", "+0000001", ""] {
            assert_eq!(with(bad), Err(DigestError::BadNonceCount(bad.into())), "{bad}");
        }
    }

    #[test]
    fn a_response_in_capital_letters_counts() {
        let mut answer = Authorization::parse(VALUE).expect("an authorization");
        let right = super::super::response(&answer, "zanzibar", &Method::Invite, b"").expect("a response");
        answer.response = right.to_ascii_uppercase();
        assert!(answer.verify("zanzibar", &Method::Invite, b""));
        assert!(!answer.verify("zanzibar", &Method::Register, b""));
    }
}
