//! Digest on the client's side (RFC 3261 section 22, RFC 7616, RFC 8760): which challenges were
//! heard from whom, and the answers to them.

use std::collections::BTreeMap;
use std::fmt;
use std::net::SocketAddr;

use sipfarm_core::digest::{Challenge, ClientNonce, Covered, Credentials};
use sipfarm_core::sip::{Message, MessageBuilder};

use crate::defect::{Defect, Defects};
use crate::ids::Ids;

/// The fields of a challenge and of its answer.
const FIELDS: [(&str, &str); 2] =
    [("WWW-Authenticate", "Authorization"), ("Proxy-Authenticate", "Proxy-Authorization")];

/// How many challenges are remembered; the oldest is forgotten, at the price of being challenged
/// again. Three servers with one realm each as registrar and as proxy are six: who has many more
/// invents them.
const MAX_KNOWN: usize = 16;

/// The password and the challenges heard so far.
pub struct Auth {
    user: String,
    password: String,
    known: BTreeMap<Space, Nonce>,
    /// How many challenges were taken in, ever.
    heard: u64,
    defects: Defects,
}

/// Where an answer is valid: with whom, in which field, for which realm.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
struct Space {
    addr: SocketAddr,
    field: &'static str,
    realm: String,
}

/// A server's nonce and how often it was used.
#[derive(Debug)]
struct Nonce {
    challenge: Challenge,
    used: u32,
    /// Its place in the order in which challenges were heard.
    heard: u64,
}

impl Auth {
    /// Nothing heard yet.
    pub fn new(user: &str, password: &str, defects: &Defects) -> Self {
        Auth {
            user: user.to_owned(),
            password: password.to_owned(),
            known: BTreeMap::new(),
            heard: 0,
            defects: defects.clone(),
        }
    }

    /// Takes note of the challenges of a 401 or 407. False when none of them can be answered. Of
    /// several for one realm, the first that we can answer counts (RFC 8760 section 2.4).
    pub fn learn(&mut self, addr: SocketAddr, response: &Message) -> bool {
        let mut heard: BTreeMap<Space, Nonce> = BTreeMap::new();
        for (asked, field) in FIELDS {
            for challenge in response.fields(asked).filter_map(|asked| Challenge::parse(&asked.value).ok()) {
                let space = Space { addr, field, realm: challenge.realm.clone() };
                if self.answerable(&challenge) && !heard.contains_key(&space) {
                    heard.insert(space, Nonce { challenge, used: 0, heard: 0 });
                }
            }
        }
        let any = !heard.is_empty();
        for (space, mut nonce) in heard {
            // A nonce that comes again goes on being counted: no count is used twice.
            if let Some(before) = self.known.get(&space)
                && before.challenge.nonce == nonce.challenge.nonce
            {
                nonce.used = before.used;
            }
            self.heard += 1;
            nonce.heard = self.heard;
            self.known.insert(space, nonce);
            self.forget_oldest();
        }
        any
    }

    /// Adds the answers to the challenges heard from that address.
    pub fn authorize(&mut self, request: MessageBuilder, addr: SocketAddr, ids: &mut Ids) -> MessageBuilder {
        let message = request.build();
        let (Some(method), Some(uri)) = (message.method(), message.request_uri()) else { return request };
        let uri = if self.defects.has(Defect::DigestForAnotherUri) { "sip:elsewhere" } else { uri };
        let covered = Covered { method, uri, body: &message.body };
        let who = Credentials { user: &self.user, password: &self.password };
        let mut request = request;
        for (space, nonce) in self.known.iter_mut().filter(|(space, _)| space.addr == addr) {
            nonce.used = if self.defects.has(Defect::ReusesNonceCount) { 1 } else { nonce.used + 1 };
            let cnonce = ids.cnonce();
            let client = ClientNonce { cnonce: &cnonce, nc: nonce.used };
            request = request.header_opt(space.field, nonce.challenge.respond(who, covered, client));
        }
        request
    }

    /// Forgets every challenge.
    pub fn clear(&mut self) {
        self.known.clear();
    }

    fn forget_oldest(&mut self) {
        if self.known.len() > MAX_KNOWN
            && let Some(oldest) = self.known.iter().min_by_key(|(_, nonce)| nonce.heard)
        {
            let oldest = oldest.0.clone();
            self.known.remove(&oldest);
        }
    }

    fn answerable(&self, challenge: &Challenge) -> bool {
        let who = Credentials { user: &self.user, password: &self.password };
        let covered = Covered { method: &sipfarm_core::sip::Method::Register, uri: "sip:x", body: b"" };
        challenge.respond(who, covered, ClientNonce { cnonce: "x", nc: 1 }).is_some()
    }
}

/// Whether a 401 or 407 refuses only the nonce, not the password.
pub fn is_stale(response: &Message) -> bool {
    FIELDS
        .iter()
        .flat_map(|(asked, _)| response.fields(asked))
        .filter_map(|asked| Challenge::parse(&asked.value).ok())
        .any(|challenge| challenge.stale)
}

/// Without the password.
impl fmt::Debug for Auth {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Auth").field("user", &self.user).field("known", &self.known).finish_non_exhaustive()
    }
}
