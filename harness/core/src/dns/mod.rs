//! DNS messages on the wire, as far as SIP needs them (RFC 1035, RFC 2782, RFC 3403, RFC 3596).
//!
//! hickory-proto reads and writes the octets; what it says is put into few types of our own, so
//! that phone, farm and judge need not know it.

mod convert;
mod stream;

use std::fmt;
use std::net::{Ipv4Addr, Ipv6Addr};

use serde::{Deserialize, Serialize};

pub use stream::{StreamFramer, to_stream};

/// What DNS over UDP carries at most without EDNS (RFC 1035 section 4.2.1), in octets.
pub const MAX_DATAGRAM_OCTETS: usize = 512;

/// A query or an answer.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct DnsMessage {
    /// Ties the answer to its query.
    pub id: u16,
    /// An answer rather than a query.
    pub is_response: bool,
    /// Not all of the answer fitted: ask again over TCP.
    pub truncated: bool,
    /// How the query went.
    pub code: ResponseCode,
    /// What is asked; one in practice, but a hostile message may hold any number.
    pub questions: Vec<Question>,
    /// What answers it.
    pub answers: Vec<Record>,
    /// What was not asked for but will be needed: addresses of SRV targets.
    pub additional: Vec<Record>,
}

/// What is asked.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub struct Question {
    /// A domain name, in lower case, without the dot at the end.
    pub name: String,
    /// Which kind of record.
    pub kind: RecordKind,
}

/// The kinds of records that locate a SIP server (RFC 3263), and others by number.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "UPPERCASE")]
pub enum RecordKind {
    /// An IPv4 address.
    A,
    /// An IPv6 address.
    Aaaa,
    /// Another name for the same.
    Cname,
    /// Which transports a domain has, and in which order (RFC 3403).
    Naptr,
    /// Which hosts serve, and in which order (RFC 2782).
    Srv,
    /// Any other, by its number.
    Other(u16),
}

impl fmt::Display for RecordKind {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            RecordKind::A => f.write_str("A"),
            RecordKind::Aaaa => f.write_str("AAAA"),
            RecordKind::Cname => f.write_str("CNAME"),
            RecordKind::Naptr => f.write_str("NAPTR"),
            RecordKind::Srv => f.write_str("SRV"),
            RecordKind::Other(number) => write!(f, "TYPE{number}"),
        }
    }
}

/// How a query went (RFC 1035 section 4.1.1).
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "UPPERCASE")]
pub enum ResponseCode {
    /// The name exists; without answers there is no such record (NODATA).
    NoError,
    /// The query was not understood.
    FormErr,
    /// The server could not answer.
    ServFail,
    /// There is no such name.
    NxDomain,
    /// The server does not do such queries.
    NotImp,
    /// The server will not answer.
    Refused,
    /// Any other, by its number.
    Other(u16),
}

impl fmt::Display for ResponseCode {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            ResponseCode::NoError => f.write_str("NOERROR"),
            ResponseCode::FormErr => f.write_str("FORMERR"),
            ResponseCode::ServFail => f.write_str("SERVFAIL"),
            ResponseCode::NxDomain => f.write_str("NXDOMAIN"),
            ResponseCode::NotImp => f.write_str("NOTIMP"),
            ResponseCode::Refused => f.write_str("REFUSED"),
            ResponseCode::Other(number) => write!(f, "RCODE{number}"),
        }
    }
}

/// One record.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub struct Record {
    /// Whose it is, in lower case, without the dot at the end.
    pub name: String,
    /// How long it may be kept, in seconds.
    pub ttl_s: u32,
    /// What it says.
    pub data: RecordData,
}

/// What a record says.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "UPPERCASE")]
pub enum RecordData {
    /// An IPv4 address.
    A(Ipv4Addr),
    /// An IPv6 address.
    Aaaa(Ipv6Addr),
    /// Another name for the same.
    Cname(String),
    /// A transport (RFC 3263 section 4.1).
    Naptr(Naptr),
    /// A host (RFC 2782).
    Srv(Srv),
    /// A record of another kind, by its number; what it says is not read.
    Other(u16),
}

impl RecordData {
    /// Its kind.
    pub fn kind(&self) -> RecordKind {
        match self {
            RecordData::A(_) => RecordKind::A,
            RecordData::Aaaa(_) => RecordKind::Aaaa,
            RecordData::Cname(_) => RecordKind::Cname,
            RecordData::Naptr(_) => RecordKind::Naptr,
            RecordData::Srv(_) => RecordKind::Srv,
            RecordData::Other(number) => RecordKind::Other(*number),
        }
    }
}

/// Which service a domain has over which transport (RFC 3403 section 4.1).
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub struct Naptr {
    /// The lowest is taken.
    pub order: u16,
    /// At equal order the lowest first.
    pub preference: u16,
    /// `s`: the replacement has SRV records; `a`: it has addresses.
    pub flags: String,
    /// `SIP+D2U`, `SIP+D2T`, `SIPS+D2T`.
    pub service: String,
    /// A substitution; empty where SIP is located.
    pub regexp: String,
    /// The next name to ask for.
    pub replacement: String,
}

/// A host that serves (RFC 2782).
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub struct Srv {
    /// The lowest is tried first.
    pub priority: u16,
    /// At equal priority the share of requests.
    pub weight: u16,
    /// Its port.
    pub port: u16,
    /// Its name; empty: the service is not to be had here.
    pub target: String,
}

/// Why octets are no DNS message.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("no DNS message: {0}")]
pub struct DnsDefect(String);

impl DnsMessage {
    /// Asks for the records of that kind of a name.
    pub fn query(id: u16, name: &str, kind: RecordKind) -> Self {
        let question = Question { name: plain(name), kind };
        DnsMessage {
            id,
            is_response: false,
            truncated: false,
            code: ResponseCode::NoError,
            questions: vec![question],
            answers: Vec::new(),
            additional: Vec::new(),
        }
    }

    /// Answers this query.
    pub fn answer(&self, code: ResponseCode, answers: Vec<Record>, additional: Vec<Record>) -> Self {
        DnsMessage { is_response: true, truncated: false, code, answers, additional, ..self.clone() }
    }

    /// The first question.
    pub fn question(&self) -> Option<&Question> {
        self.questions.first()
    }

    /// Reads a message, whole.
    pub fn decode(octets: &[u8]) -> Result<DnsMessage, DnsDefect> {
        convert::decode(octets).map_err(DnsDefect)
    }

    /// Its octets. Names and texts that DNS cannot carry (a label of more than 63 octets, a text of
    /// more than 255) are errors.
    pub fn encode(&self) -> Result<Vec<u8>, DnsDefect> {
        convert::encode(self).map_err(DnsDefect)
    }

    /// Its octets for a datagram: what does not fit into that many octets is left out, first the
    /// additional records, then all answers, and then the message says that it is truncated.
    pub fn encode_within(&self, max_octets: usize) -> Result<Vec<u8>, DnsDefect> {
        let whole = self.encode()?;
        if whole.len() <= max_octets {
            return Ok(whole);
        }
        let bare = DnsMessage { additional: Vec::new(), ..self.clone() };
        let octets = bare.encode()?;
        if octets.len() <= max_octets {
            return Ok(octets);
        }
        DnsMessage { truncated: true, answers: Vec::new(), ..bare }.encode()
    }
}

/// As names are kept here: lower case, without the dot at the end (RFC 4343 section 2).
pub fn plain(name: &str) -> String {
    name.strip_suffix('.').unwrap_or(name).to_ascii_lowercase()
}

#[cfg(test)]
mod tests;
