//! Digest access authentication for SIP (RFC 7616, RFC 3261 section 22, RFC 8760).
//!
//! [`Challenge`] is what a server asks, [`Authorization`] is what a client answers. The names of
//! the header fields (WWW- or Proxy-) do not matter here: the values have one grammar.

mod authorization;
mod challenge;
mod fields;

use std::fmt;

use md5::Md5;
use sha2::{Digest, Sha256, Sha512_256};
use thiserror::Error;

use crate::sip::Method;

pub use authorization::Authorization;
pub use challenge::{Challenge, Refusal};

/// Why a challenge or an authorization could not be read.
#[derive(Debug, Clone, PartialEq, Eq, Error)]
pub enum DigestError {
    /// Another scheme than `Digest`, such as `Basic`, which SIP forbids.
    #[error("the scheme is {0:?}, not Digest")]
    OtherScheme(String),
    /// The list of parameters breaks the grammar there.
    #[error("{0:?} is not a parameter")]
    BadParameter(String),
    /// A parameter that must be there is not.
    #[error("there is no {0}")]
    Missing(&'static str),
    /// `nc` is not eight hexadecimal digits.
    #[error("nc is {0:?}, not eight hexadecimal digits")]
    BadNonceCount(String),
}

/// The hash and whether the key is bound to the session (RFC 7616 section 3.3). Names compare
/// without case; unknown ones are kept and cannot be computed.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub enum Algorithm {
    /// `MD5`, which also holds where no algorithm is named.
    #[default]
    Md5,
    /// `MD5-sess`.
    Md5Sess,
    /// `SHA-256`.
    Sha256,
    /// `SHA-256-sess`.
    Sha256Sess,
    /// `SHA-512-256`.
    Sha512t256,
    /// `SHA-512-256-sess`.
    Sha512t256Sess,
    /// Another one, as spelt.
    Other(String),
}

impl Algorithm {
    const KNOWN: [(&'static str, Algorithm); 6] = [
        ("MD5", Algorithm::Md5),
        ("MD5-sess", Algorithm::Md5Sess),
        ("SHA-256", Algorithm::Sha256),
        ("SHA-256-sess", Algorithm::Sha256Sess),
        ("SHA-512-256", Algorithm::Sha512t256),
        ("SHA-512-256-sess", Algorithm::Sha512t256Sess),
    ];

    /// By its name.
    pub fn named(name: &str) -> Algorithm {
        Self::KNOWN
            .into_iter()
            .find(|(known, _)| known.eq_ignore_ascii_case(name))
            .map_or_else(|| Algorithm::Other(name.to_owned()), |(_, algorithm)| algorithm)
    }

    /// Whether H(A1) covers nonce and cnonce as well.
    pub fn is_session(&self) -> bool {
        matches!(self, Algorithm::Md5Sess | Algorithm::Sha256Sess | Algorithm::Sha512t256Sess)
    }

    /// The hash in lower-case hexadecimal digits; `None` for an algorithm we do not know.
    pub fn hash(&self, data: &[u8]) -> Option<String> {
        match self {
            Algorithm::Md5 | Algorithm::Md5Sess => Some(hex(&Md5::digest(data))),
            Algorithm::Sha256 | Algorithm::Sha256Sess => Some(hex(&Sha256::digest(data))),
            Algorithm::Sha512t256 | Algorithm::Sha512t256Sess => Some(hex(&Sha512_256::digest(data))),
            Algorithm::Other(_) => None,
        }
    }
}

impl fmt::Display for Algorithm {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Algorithm::Other(name) => f.write_str(name),
            known => {
                let entry = Self::KNOWN.iter().find(|(_, algorithm)| algorithm == known);
                f.write_str(entry.map_or("", |(name, _)| name))
            }
        }
    }
}

/// Quality of protection: what the response covers.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Qop {
    /// `auth`: method and URI.
    Auth,
    /// `auth-int`: the body too.
    AuthInt,
    /// Another one, as spelt.
    Other(String),
}

impl Qop {
    /// By its name.
    pub fn named(name: &str) -> Qop {
        match name {
            _ if name.eq_ignore_ascii_case("auth") => Qop::Auth,
            _ if name.eq_ignore_ascii_case("auth-int") => Qop::AuthInt,
            other => Qop::Other(other.to_owned()),
        }
    }
}

impl fmt::Display for Qop {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Qop::Auth => "auth",
            Qop::AuthInt => "auth-int",
            Qop::Other(name) => name,
        })
    }
}

/// A user and the shared secret; the secret stays out of debug output.
#[derive(Clone, Copy, PartialEq, Eq)]
pub struct Credentials<'a> {
    /// The user name.
    pub user: &'a str,
    /// The password.
    pub password: &'a str,
}

impl fmt::Debug for Credentials<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Credentials").field("user", &self.user).finish_non_exhaustive()
    }
}

/// What of a request the response covers (A2 of RFC 7616 section 3.4.3).
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Covered<'a> {
    /// Its method.
    pub method: &'a Method,
    /// The digest URI: the Request-URI as its sender wrote it.
    pub uri: &'a str,
    /// Its body, counted with `auth-int` only.
    pub body: &'a [u8],
}

/// What a client mixes into its answer so that no two are alike.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct ClientNonce<'a> {
    /// Random text.
    pub cnonce: &'a str,
    /// How many requests were sent with the server's nonce, this one included.
    pub nc: u32,
}

/// The `response` of RFC 7616 section 3.4.1; without `qop` that of RFC 2069. `None` when the
/// algorithm or the qop is one that we do not know, or a session key lacks its cnonce.
fn response(answer: &Authorization, password: &str, method: &Method, body: &[u8]) -> Option<String> {
    let Authorization { user, realm, nonce, uri, algorithm, .. } = answer;
    let hash = |text: String| algorithm.hash(text.as_bytes());
    let mut key = hash(format!("{user}:{realm}:{password}"))?;
    if algorithm.is_session() {
        key = hash(format!("{key}:{nonce}:{}", answer.cnonce.as_deref()?))?;
    }
    let covered = match &answer.qop {
        Some(Qop::AuthInt) => hash(format!("{method}:{uri}:{}", algorithm.hash(body)?))?,
        Some(Qop::Other(_)) => return None,
        Some(Qop::Auth) | None => hash(format!("{method}:{uri}"))?,
    };
    match &answer.qop {
        None => hash(format!("{key}:{nonce}:{covered}")),
        Some(qop) => {
            let (cnonce, nc) = (answer.cnonce.as_deref()?, answer.nc?);
            hash(format!("{key}:{nonce}:{nc:08x}:{cnonce}:{qop}:{covered}"))
        }
    }
}

fn hex(octets: &[u8]) -> String {
    octets.iter().map(|octet| format!("{octet:02x}")).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn hashes_of_nothing_are_the_published_ones() {
        let nothing = |algorithm: Algorithm| algorithm.hash(b"").expect("a known algorithm");
        assert_eq!(nothing(Algorithm::Md5), "d41d8cd98f00b204e9800998ecf8427e");
        // RFC 8760 section 2.6, item 7.
        assert_eq!(
            nothing(Algorithm::Sha256),
            "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855"
        );
        assert_eq!(
            nothing(Algorithm::Sha512t256),
            "c672b8d1ef56ed28ab87c3622c5114069bdd3ad7b8f9737498d0c01ecef0967a"
        );
        assert_eq!(Algorithm::Other("MD4".into()).hash(b""), None);
    }

    #[test]
    fn algorithm_names_go_there_and_back() {
        for (name, algorithm) in Algorithm::KNOWN {
            assert_eq!(Algorithm::named(&name.to_ascii_lowercase()), algorithm);
            assert_eq!(algorithm.to_string(), name);
        }
        assert_eq!(Algorithm::named("AKAv1-MD5").to_string(), "AKAv1-MD5");
    }

    #[test]
    fn a_password_does_not_reach_debug_output() {
        let shown = format!("{:?}", Credentials { user: "bob", password: "zanzibar" });
        assert!(shown.contains("bob") && !shown.contains("zanzibar"));
    }
}
