//! The registrar of one domain with the accounts of one phone's lines (RFC 3261 section 10.3).

use std::collections::BTreeSet;

use sipfarm_core::digest::{Algorithm, Authorization, Challenge, Covered, Credentials, Qop, Refusal};
use sipfarm_core::sip::{Contact, Message, Method, NameAddr, Uri};
use sipfarm_core::{Instant, Span};

use super::flows::Flow;
use super::{Account, Binding};
use crate::farm::stack::{Path, Stack};

/// Granted at most, and where nothing is asked, in seconds.
const EXPIRES_MAX_S: u32 = 3_600;
/// A nonce older than that is stale.
const NONCE_LIFE: Span = Span::from_secs(300);
/// One account has no more contacts than that.
const BINDINGS_MAX: usize = 32;

/// Bindings and what is needed to grant them.
#[derive(Debug)]
pub(super) struct Registrar {
    domain: String,
    /// Of the first line, and of the others.
    accounts: Vec<Account>,
    challenges: bool,
    /// Granted at most, in seconds.
    pub(super) expires_s: Option<u32>,
    /// Asked at least, in seconds; shorter ones get 423.
    pub(super) min_expires_s: u32,
    /// What makes nonces ours.
    secret: u64,
    bindings: Vec<Stored>,
}

/// A binding with what decides whether a later REGISTER may change it.
#[derive(Debug, Clone)]
struct Stored {
    /// Whose it is.
    user: String,
    contact: NameAddr,
    uri: Uri,
    since: Instant,
    until: Instant,
    call_id: String,
    cseq: u32,
    flow: Flow,
}

/// A response to REGISTER: its code and its own header fields.
#[derive(Debug)]
pub(super) struct Reply {
    pub code: u16,
    pub headers: Vec<(&'static str, String)>,
}

/// Who asks for credentials, and with what (sections 22.2 and 22.3).
struct Door {
    code: u16,
    /// The header field of the challenge …
    challenge: &'static str,
    /// … and of its answer.
    credentials: &'static str,
}

impl Door {
    const REGISTRAR: Door = Door { code: 401, challenge: "WWW-Authenticate", credentials: "Authorization" };
    const PROXY: Door =
        Door { code: 407, challenge: "Proxy-Authenticate", credentials: "Proxy-Authorization" };
}

impl Reply {
    fn code(code: u16) -> Self {
        Reply { code, headers: Vec::new() }
    }

    fn with(mut self, name: &'static str, value: impl ToString) -> Self {
        self.headers.push((name, value.to_string()));
        self
    }
}

impl Registrar {
    pub(super) fn new(
        domain: &str,
        accounts: Vec<Account>,
        challenges: bool,
        expires_s: Option<u32>,
        seed: u64,
    ) -> Self {
        Registrar {
            domain: domain.to_owned(),
            accounts,
            challenges,
            expires_s,
            min_expires_s: 0,
            secret: seed,
            bindings: Vec::new(),
        }
    }

    /// Serves a REGISTER for this domain: all of it or nothing of it.
    pub(super) fn register(&mut self, request: &Message, path: Path, now: Instant) -> Reply {
        self.expire(now);
        self.try_register(request, path, now).unwrap_or_else(|refusal| refusal)
    }

    /// Forgets every binding, and which nonces are its own.
    pub(super) fn forget(&mut self) {
        self.bindings.clear();
        self.secret = self.secret.wrapping_mul(0x9e37_79b9_7f4a_7c15).wrapping_add(1);
    }

    /// Drops the bindings of the phones at those hosts.
    pub(super) fn dismiss(&mut self, phones: &BTreeSet<String>) {
        self.bindings.retain(|binding| !phones.contains(&binding.uri.host.to_string()));
    }

    /// The phones that have bindings, by their hosts.
    pub(super) fn phones(&self) -> BTreeSet<String> {
        self.bindings.iter().map(|binding| binding.uri.host.to_string()).collect()
    }

    /// Forgets bindings that have ended.
    pub(super) fn expire(&mut self, now: Instant) {
        self.bindings.retain(|binding| binding.until > now);
    }

    /// When the next binding ends.
    pub(super) fn next_expiry(&self) -> Option<Instant> {
        self.bindings.iter().map(|binding| binding.until).min()
    }

    /// Where a user is reached: the contact registered last and the way to it. A call is not forked.
    pub(super) fn reach(&self, user: &str, stack: &Stack) -> Option<(String, Path)> {
        let theirs = self.bindings.iter().filter(|binding| binding.user == user);
        let newest = theirs.max_by_key(|binding| binding.since)?;
        Some((newest.contact.uri.clone(), newest.flow.path(stack)))
    }

    pub(super) fn bindings(&self) -> Vec<Binding> {
        let show = |stored: &Stored| Binding {
            contact: stored.contact.uri.clone(),
            until: stored.until,
            from: stored.flow.source().remote,
            transport: stored.flow.source().transport,
        };
        self.bindings.iter().map(show).collect()
    }

    /// The steps of section 10.3 in their order.
    fn try_register(&mut self, request: &Message, path: Path, now: Instant) -> Result<Reply, Reply> {
        let required = request.values("Require");
        if !required.is_empty() {
            return Err(Reply::code(420).with("Unsupported", required.join(", ")));
        }
        let aor = request.to().and_then(|to| to.sip_uri());
        let account = aor.as_ref().and_then(|aor| self.account(aor.user.as_deref()?)).cloned();
        if self.challenges {
            let first = self.accounts.first().ok_or_else(|| Reply::code(404))?;
            self.authenticate(request, &Door::REGISTRAR, account.as_ref().unwrap_or(first), now)?;
        }
        let Account { user, .. } =
            account.ok_or_else(|| Reply::code(if aor.is_some() { 404 } else { 400 }))?;
        let bindings = self.updated(request, &user, path, now)?;
        if bindings.len() > BINDINGS_MAX {
            return Err(Reply::code(403));
        }
        let list = |reply: Reply, stored: &Stored| reply.with("Contact", stored.shown(now));
        let reply = bindings.iter().fold(Reply::code(200), list);
        self.bindings.retain(|stored| stored.user != user);
        self.bindings.extend(bindings);
        Ok(reply)
    }

    fn account(&self, user: &str) -> Option<&Account> {
        self.accounts.iter().find(|account| account.user == user)
    }

    /// Steps 6 and 7: the bindings of that user as they would be, if all goes well.
    fn updated(&self, request: &Message, user: &str, path: Path, now: Instant) -> Result<Vec<Stored>, Reply> {
        let mut bindings: Vec<Stored> =
            self.bindings.iter().filter(|stored| stored.user == user).cloned().collect();
        let contacts = request.contacts();
        if contacts.len() != request.values("Contact").len() {
            return Err(Reply::code(400)); // one of them cannot be read
        }
        let call_id = request.call_id().unwrap_or_default();
        let cseq = request.cseq().map_or(0, |cseq| cseq.number);
        let overtaken = |stored: &Stored| stored.call_id == call_id && stored.cseq >= cseq;
        if contacts.contains(&Contact::Star) {
            if contacts.len() > 1 || request.number("Expires") != Some(0) {
                return Err(Reply::code(400));
            }
            return if bindings.iter().any(overtaken) { Err(Reply::code(500)) } else { Ok(Vec::new()) };
        }
        for contact in contacts {
            let Contact::Addr(contact) = contact else { continue };
            let uri = contact.sip_uri().ok_or_else(|| Reply::code(400))?;
            let expires_s = self.granted(&contact, request)?;
            let place = bindings.iter().position(|stored| stored.uri.is_equivalent(&uri));
            if place.is_some_and(|place| overtaken(&bindings[place])) {
                return Err(Reply::code(500));
            }
            let stored = Stored {
                user: user.to_owned(),
                flow: Flow::new(&uri, path),
                contact,
                uri,
                since: now,
                until: now + Span::from_secs(expires_s.into()),
                call_id: call_id.to_owned(),
                cseq,
            };
            match place {
                Some(place) if expires_s == 0 => drop(bindings.remove(place)),
                Some(place) => bindings[place] = stored,
                None if expires_s == 0 => {}
                None => bindings.push(stored),
            }
        }
        Ok(bindings)
    }

    /// Seconds granted to a contact; 423 for less than the minimum.
    fn granted(&self, contact: &NameAddr, request: &Message) -> Result<u32, Reply> {
        let asked_s = match contact.params.value("expires") {
            // A malformed value counts as 3600 (section 20.10).
            Some(value) => value.parse().unwrap_or(EXPIRES_MAX_S),
            None => request.number("Expires").unwrap_or(EXPIRES_MAX_S),
        };
        if asked_s > 0 && asked_s < EXPIRES_MAX_S && asked_s < self.min_expires_s {
            return Err(Reply::code(423).with("Min-Expires", self.min_expires_s));
        }
        Ok(asked_s.min(self.expires_s.unwrap_or(EXPIRES_MAX_S)))
    }

    /// Whether a proxy sends an INVITE of one of its users on: only with his credentials (section 22.3). Calls of
    /// others come from where they were let in.
    pub(super) fn admit(&self, invite: &Message, now: Instant) -> Result<(), Reply> {
        let caller = invite.from().and_then(|from| from.sip_uri());
        let account = caller.and_then(|caller| self.account(caller.user.as_deref()?).cloned());
        account.map_or(Ok(()), |account| self.authenticate(invite, &Door::PROXY, &account, now))
    }

    /// Step 3 and 4: a challenge, or 403 for somebody else. Whether `nc` grows is the
    /// judge's business: a node that refused it would hide the phone's fault behind a loop of 401.
    fn authenticate(
        &self,
        request: &Message,
        door: &Door,
        account: &Account,
        now: Instant,
    ) -> Result<(), Reply> {
        let answer = request
            .fields(door.credentials)
            .filter_map(|field| Authorization::parse(&field.value).ok())
            .find(|answer| answer.realm == self.domain);
        let challenge =
            |stale: bool| Reply::code(door.code).with(door.challenge, self.new_challenge(stale, now));
        let Some(answer) = answer else { return Err(challenge(false)) };
        let asked = Challenge { nonce: answer.nonce.clone(), ..self.new_challenge(false, now) };
        let who = Credentials { user: &account.user, password: &account.password };
        let method = request.method().unwrap_or(&Method::Register);
        let what = Covered { method, uri: &answer.uri, body: &request.body };
        match asked.verify(&answer, who, what) {
            Ok(()) if !same_host(&answer.uri, request.request_uri()) => Err(challenge(false)),
            Ok(()) if !self.is_fresh(&answer.nonce, now) => Err(challenge(true)),
            Ok(()) => Ok(()),
            Err(Refusal::User) => Err(Reply::code(403)),
            Err(_) => Err(challenge(false)),
        }
    }

    fn new_challenge(&self, stale: bool, now: Instant) -> Challenge {
        Challenge {
            realm: self.domain.clone(),
            nonce: self.nonce(now),
            opaque: None,
            algorithm: Algorithm::Md5,
            qop: vec![Qop::Auth],
            stale,
        }
    }

    /// A nonce tells when it was made, and cannot be made without the secret: nothing is stored.
    fn nonce(&self, at: Instant) -> String {
        let seal = Algorithm::Md5.hash(format!("{}:{}", at.as_nanos(), self.secret).as_bytes());
        format!("{:016x}{}", at.as_nanos(), seal.unwrap_or_default())
    }

    fn is_fresh(&self, nonce: &str, now: Instant) -> bool {
        let made = nonce.get(..16).and_then(|digits| i64::from_str_radix(digits, 16).ok());
        made.map(Instant::from_nanos)
            .is_some_and(|made| self.nonce(made) == nonce && now.since(made) <= NONCE_LIFE)
    }
}

impl Stored {
    /// The value of Contact: as it was registered, with the seconds left, begun ones counted whole.
    fn shown(&self, now: Instant) -> NameAddr {
        let left_ns = self.until.since(now).as_nanos();
        let left_s = (left_ns + 999_999_999) / 1_000_000_000;
        let mut contact = self.contact.clone();
        contact.params.set("expires", Some(&left_s.to_string()));
        contact
    }
}

/// The digest URI is to name the same server as the Request-URI, however it is spelt.
fn same_host(digest_uri: &str, request_uri: Option<&str>) -> bool {
    let host = |text: &str| Uri::parse(text).map(|uri| uri.host.to_string().to_ascii_lowercase());
    host(digest_uri).is_some_and(|digest| Some(digest) == request_uri.and_then(host))
}
