//! The secrets that came with the capture, and the keys of TLS 1.3 that follow from them (RFC 8446
//! sections 5.2, 5.3, 7.2 and 7.3).

use std::collections::BTreeMap;

use ring::aead::{
    AES_128_GCM, AES_256_GCM, Aad, Algorithm, CHACHA20_POLY1305, LessSafeKey, Nonce, UnboundKey,
};
use ring::hkdf::{HKDF_SHA256, HKDF_SHA384, KeyType, Prk};

/// Sessions whose secrets are kept.
const MAX_SESSIONS: usize = 65_536;

/// Who speaks.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Side {
    /// Who connected.
    Client,
    /// Who was connected to.
    Server,
}

/// Which of a side's two secrets.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Stage {
    /// Up to its Finished.
    Handshake,
    /// Behind that.
    Application,
}

/// The random of a ClientHello, by which secrets are found.
pub type ClientRandom = [u8; 32];

/// Secrets by session, as NSS's key log has them.
#[derive(Debug, Default)]
pub struct Secrets {
    sessions: BTreeMap<ClientRandom, BTreeMap<(Side, Stage), Vec<u8>>>,
}

impl Secrets {
    /// Takes the lines of a key log; those that say nothing of TLS 1.3 are passed over.
    pub fn add(&mut self, lines: &str) {
        for line in lines.lines() {
            let mut words = line.split_ascii_whitespace();
            let (label, random, secret) = (words.next(), words.next(), words.next());
            let Some(which) = label.and_then(which) else { continue };
            let random = random.and_then(octets).and_then(|random| ClientRandom::try_from(random).ok());
            let (Some(random), Some(secret)) = (random, secret.and_then(octets)) else { continue };
            if self.sessions.len() < MAX_SESSIONS || self.sessions.contains_key(&random) {
                self.sessions.entry(random).or_default().insert(which, secret);
            }
        }
    }

    /// Whether there is any secret of that session.
    pub(super) fn knows(&self, random: &ClientRandom) -> bool {
        self.sessions.contains_key(random)
    }

    pub(super) fn find(&self, random: &ClientRandom, side: Side, stage: Stage) -> Option<&[u8]> {
        self.sessions.get(random)?.get(&(side, stage)).map(Vec::as_slice)
    }
}

fn which(label: &str) -> Option<(Side, Stage)> {
    Some(match label {
        "CLIENT_HANDSHAKE_TRAFFIC_SECRET" => (Side::Client, Stage::Handshake),
        "SERVER_HANDSHAKE_TRAFFIC_SECRET" => (Side::Server, Stage::Handshake),
        "CLIENT_TRAFFIC_SECRET_0" => (Side::Client, Stage::Application),
        "SERVER_TRAFFIC_SECRET_0" => (Side::Server, Stage::Application),
        _ => return None,
    })
}

fn octets(hex: &str) -> Option<Vec<u8>> {
    let pairs = hex.as_bytes().chunks(2).map(|pair| std::str::from_utf8(pair).ok());
    pairs.map(|pair| u8::from_str_radix(pair.filter(|pair| pair.len() == 2)?, 16).ok()).collect()
}

/// A cipher suite of TLS 1.3 (RFC 8446 appendix B.4).
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Suite(pub u16);

impl Suite {
    fn parts(self) -> Option<(&'static Algorithm, ring::hkdf::Algorithm)> {
        Some(match self.0 {
            0x1301 => (&AES_128_GCM, HKDF_SHA256),
            0x1302 => (&AES_256_GCM, HKDF_SHA384),
            0x1303 => (&CHACHA20_POLY1305, HKDF_SHA256),
            _ => return None,
        })
    }

    /// Whether its records can be opened at all.
    pub fn is_known(self) -> bool {
        self.parts().is_some()
    }
}

/// What opens the records of one side in order.
#[derive(Debug)]
pub struct Opener {
    suite: Suite,
    secret: Vec<u8>,
    key: LessSafeKey,
    iv: [u8; 12],
    sequence: u64,
}

impl Opener {
    /// From a traffic secret.
    pub fn new(suite: Suite, secret: &[u8]) -> Option<Self> {
        let (cipher, hash) = suite.parts()?;
        let prk = Prk::new_less_safe(hash, secret);
        let key = expand(&prk, b"key", cipher.key_len())?;
        let iv = expand(&prk, b"iv", 12)?.try_into().ok()?;
        let key = LessSafeKey::new(UnboundKey::new(cipher, &key).ok()?);
        Some(Opener { suite, secret: secret.to_vec(), key, iv, sequence: 0 })
    }

    /// With the key after this one (section 7.2).
    pub fn updated(&self) -> Option<Self> {
        let (_, hash) = self.suite.parts()?;
        let prk = Prk::new_less_safe(hash, &self.secret);
        Opener::new(self.suite, &expand(&prk, b"traffic upd", self.secret.len())?)
    }

    /// The content of a record and its type, from its header and what follows that.
    pub fn open(&mut self, header: &[u8], sealed: &[u8]) -> Option<(u8, Vec<u8>)> {
        let mut nonce = self.iv;
        for (octet, count) in nonce[4..].iter_mut().zip(self.sequence.to_be_bytes()) {
            *octet ^= count;
        }
        self.sequence += 1;
        let mut octets = sealed.to_vec();
        let nonce = Nonce::assume_unique_for_key(nonce);
        let content = self.key.open_in_place(nonce, Aad::from(header), &mut octets).ok()?;
        // Zeros may be appended to hide the length (section 5.4).
        let end = content.iter().rposition(|octet| *octet != 0)?;
        Some((content[end], content[..end].to_vec()))
    }
}

/// HKDF-Expand-Label without a context (section 7.1).
fn expand(prk: &Prk, label: &[u8], octets: usize) -> Option<Vec<u8>> {
    struct Length(usize);
    impl KeyType for Length {
        fn len(&self) -> usize {
            self.0
        }
    }
    let length = u16::try_from(octets).ok()?.to_be_bytes();
    let label_length = [u8::try_from(6 + label.len()).ok()?];
    let info = [length.as_slice(), &label_length, b"tls13 ", label, &[0]];
    let mut out = vec![0; octets];
    prk.expand(&info, Length(octets)).ok()?.fill(&mut out).ok()?;
    Some(out)
}
