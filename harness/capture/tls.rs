//! TLS 1.3 (RFC 8446) in one direction of a connection: from records to clear octets, with the secrets that
//! came with the capture.

use super::octets::u16_at;
use super::tcp::{Carrier, Carriers};

mod keys;

use keys::{ClientRandom, Opener, Stage, Suite};

pub use keys::{Secrets, Side};

/// The longest record, with its header (section 5.2).
const MAX_RECORD: usize = 5 + (1 << 14) + 256;
/// The longest message of a handshake that is read.
const MAX_HANDSHAKE: usize = 64 << 10;
/// What may wait for its secret; a record comes after it by far in our captures.
const MAX_WAITING: usize = 256 << 10;
/// The version in ServerHello that means 1.3 (section 4.2.1), and the extension that holds it.
const VERSION_1_3: u16 = 0x0304;
const SUPPORTED_VERSIONS: u16 = 43;
/// The random of a ServerHello that is a HelloRetryRequest begins so (section 4.1.3).
const RETRY: [u8; 4] = [0xcf, 0x21, 0xad, 0x74];

/// Types of records (section 5.1).
const ALERT: u8 = 21;
const HANDSHAKE: u8 = 22;
const APPLICATION_DATA: u8 = 23;

/// Whether a stream that begins with that octet is TLS: no line of text does.
pub fn begins(first: u8) -> bool {
    matches!(first, ALERT | HANDSHAKE)
}

/// Why a whole connection cannot be read, from its first message to its last.
pub const NO_SECRET: &str = "it is TLS, and the capture has no secret of it";

/// What is found.
#[derive(Debug, PartialEq, Eq)]
pub enum Said {
    /// Octets of the application.
    Clear {
        /// The octets.
        octets: Vec<u8>,
        /// What carried them.
        carrier: Carrier,
    },
    /// The first message of a handshake.
    ClientHello(Carrier),
    /// The side has ended its part of the handshake.
    Finished(Carrier),
    /// An alert other than the ordinary end.
    Alert(u8, Carrier),
    /// Nothing more can be read, and why.
    Lost(&'static str, Carrier),
}

/// What the two directions have to know of each other.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Facts {
    random: Option<ClientRandom>,
    suite: Option<Suite>,
}

impl Facts {
    /// What either says.
    pub fn or(self, other: Facts) -> Facts {
        Facts { random: self.random.or(other.random), suite: self.suite.or(other.suite) }
    }
}

/// The records of one direction.
#[derive(Debug, Default)]
pub struct Records {
    /// What is not taken apart yet.
    octets: Vec<u8>,
    carriers: Carriers,
    /// Messages of the handshake that are not whole.
    handshake: Vec<u8>,
    side: Option<Side>,
    facts: Facts,
    opener: Option<Opener>,
    finished: bool,
    /// Nothing can be read any more.
    opaque: bool,
}

impl Records {
    /// Takes octets in order.
    pub fn push(&mut self, octets: &[u8], carrier: Carrier, others: Facts, secrets: &Secrets) -> Vec<Said> {
        let mut said = Vec::new();
        if self.opaque {
            return said;
        }
        self.octets.extend_from_slice(octets);
        self.carriers.push(octets.len(), carrier);
        while let Some(length) = self.whole_record() {
            let (kind, header) = (self.octets[0], self.octets[..5].to_vec());
            if kind == APPLICATION_DATA && !self.can_open(others, secrets) {
                break;
            }
            let record: Vec<u8> = self.octets.drain(..length).skip(5).collect();
            let carrier = self.carriers.consume(length);
            if let Err(why) = self.record(kind, &header, record, &carrier, &mut said) {
                said.push(self.lose(why, carrier));
                return said;
            }
        }
        if self.octets.len() > MAX_WAITING || self.whole_record().is_some() && !self.may_open(others) {
            let carrier = self.carriers.consume(self.octets.len());
            said.push(self.lose(NO_SECRET, carrier));
        }
        said
    }

    /// Something is missing: what follows cannot be opened.
    pub fn interrupt(&mut self) {
        *self = Records { opaque: true, ..Records::default() };
    }

    /// Whether what is missing could have been read.
    pub fn may_matter(&self, others: Facts, secrets: &Secrets) -> bool {
        let random = self.facts.or(others).random;
        !self.opaque && random.is_some_and(|random| secrets.knows(&random))
    }

    /// What the other direction has to know.
    pub fn facts(&self) -> Facts {
        self.facts
    }

    /// Roughly how much memory it takes.
    pub fn held(&self) -> usize {
        self.octets.len() + self.handshake.len() + self.carriers.held()
    }

    fn whole_record(&self) -> Option<usize> {
        let length = 5 + usize::from(u16_at(&self.octets, 3)?);
        (self.octets.len() >= length).then_some(length)
    }

    /// Whether secrets may still come: all that is known so far is not enough to look for them.
    fn may_open(&self, others: Facts) -> bool {
        let facts = self.facts.or(others);
        self.side.is_none() || facts.random.is_none() || facts.suite.is_none()
    }

    fn can_open(&mut self, others: Facts, secrets: &Secrets) -> bool {
        if self.opener.is_none() {
            let facts = self.facts.or(others);
            let stage = if self.finished { Stage::Application } else { Stage::Handshake };
            let secret =
                self.side.zip(facts.random).and_then(|(side, random)| secrets.find(&random, side, stage));
            self.opener = secret.zip(facts.suite).and_then(|(secret, suite)| Opener::new(suite, secret));
        }
        self.opener.is_some()
    }

    fn lose(&mut self, why: &'static str, carrier: Carrier) -> Said {
        self.interrupt();
        Said::Lost(why, carrier)
    }

    fn record(
        &mut self,
        kind: u8,
        header: &[u8],
        record: Vec<u8>,
        carrier: &Carrier,
        said: &mut Vec<Said>,
    ) -> Result<(), &'static str> {
        if record.len() + 5 > MAX_RECORD {
            return Err("a record of TLS in it is longer than any may be");
        }
        let (kind, content) = match (kind, &mut self.opener) {
            (APPLICATION_DATA, Some(opener)) => opener
                .open(header, &record)
                .ok_or("a record of TLS in it cannot be opened with the secret")?,
            _ => (kind, record),
        };
        match kind {
            APPLICATION_DATA => said.push(Said::Clear { octets: content, carrier: carrier.clone() }),
            HANDSHAKE => {
                self.handshake.extend(content);
                self.messages(carrier, said)?;
            }
            // Of level and description the second says it all; 0 and 90 are ordinary ends (section 6.1).
            ALERT => match content.get(1) {
                Some(0 | 90) | None => {}
                Some(code) => said.push(Said::Alert(*code, carrier.clone())),
            },
            _ => {} // change_cipher_spec, which says nothing
        }
        Ok(())
    }

    /// Messages of the handshake (section 4).
    fn messages(&mut self, carrier: &Carrier, said: &mut Vec<Said>) -> Result<(), &'static str> {
        while let [kind, high, mid, low, ..] = self.handshake[..] {
            let length = 4 + usize::from(high) * 65_536 + usize::from(mid) * 256 + usize::from(low);
            if length > MAX_HANDSHAKE {
                return Err("a message of the TLS handshake in it is longer than is held");
            }
            if self.handshake.len() < length {
                break;
            }
            let message: Vec<u8> = self.handshake.drain(..length).skip(4).collect();
            match kind {
                1 => self.client_hello(&message, carrier, said),
                2 => self.server_hello(&message)?,
                20 => {
                    (self.finished, self.opener) = (true, None);
                    said.push(Said::Finished(carrier.clone()));
                }
                24 => self.opener = self.opener.as_ref().and_then(Opener::updated),
                _ => {}
            }
        }
        Ok(())
    }

    fn client_hello(&mut self, message: &[u8], carrier: &Carrier, said: &mut Vec<Said>) {
        let again = self.facts.random.is_some();
        self.side = Some(Side::Client);
        self.facts.random = message.get(2..34).and_then(|random| random.try_into().ok());
        if !again {
            said.push(Said::ClientHello(carrier.clone()));
        }
    }

    fn server_hello(&mut self, message: &[u8]) -> Result<(), &'static str> {
        const BROKEN: &str = "its TLS handshake cannot be read";
        self.side = Some(Side::Server);
        let id_octets = usize::from(*message.get(34).ok_or(BROKEN)?);
        let suite = Suite(u16_at(message, 35 + id_octets).ok_or(BROKEN)?);
        if version(message.get(38 + id_octets..).unwrap_or_default()) != Some(VERSION_1_3) {
            return Err("it is TLS of another version than 1.3, which is not read");
        }
        if !suite.is_known() {
            return Err("its cipher suite of TLS is not known");
        }
        if message.get(2..6) != Some(&RETRY) {
            self.facts.suite = Some(suite);
        }
        Ok(())
    }
}

/// The version in the extensions of a ServerHello.
fn version(extensions: &[u8]) -> Option<u16> {
    let mut rest = extensions.get(2..)?;
    loop {
        let (kind, octets) = (u16_at(rest, 0)?, usize::from(u16_at(rest, 2)?));
        if kind == SUPPORTED_VERSIONS {
            return u16_at(rest, 4);
        }
        rest = rest.get(4 + octets..)?;
    }
}
