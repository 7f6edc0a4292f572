//! How the phone finds a server that it knows by name (RFC 3263): it is its own DNS client, and
//! what it asks and hears are datagrams like any other.
//!
//! A [`Search`] says what to ask next and, when nothing is left to ask, which servers there are; a
//! [`Client`] asks, over UDP and where need be over TCP, and keeps what it heard for its time.

mod cache;
mod client;
mod order;
mod query;
mod search;

use std::fmt;

use sipfarm_core::dns::{Record, ResponseCode};
use sipfarm_core::{Instant, Span};

pub use client::Client;
pub use order::arrange;
pub use search::{Found, Search, Step, Wanted};

/// What DNS says to a question.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Answer {
    /// These records, other names for the same thing included.
    Records {
        /// The records.
        records: Vec<Record>,
        /// How long they may be kept.
        ttl: Span,
        /// Until when that is.
        expires: Instant,
    },
    /// There is no such record of that name (NODATA).
    NoData,
    /// There is no such name (NXDOMAIN).
    NoName,
    /// It is not known whether there are records.
    Failed(Failure),
}

impl Answer {
    /// The same for one request: nothing of it may be kept.
    fn without_life(self, now: Instant) -> Self {
        match self {
            Answer::Records { records, .. } => Answer::Records { records, ttl: Span::ZERO, expires: now },
            other => other,
        }
    }
}

/// Why a question has no answer.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Failure {
    /// No DNS server answered.
    Silence,
    /// The last DNS server to answer could not or would not tell.
    Refused(ResponseCode),
    /// The phone has no DNS server to ask.
    NoServers,
    /// Other names lead to other names without end.
    Endless,
}

/// Why no server was found behind a name.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum NotFound {
    /// DNS could not be asked.
    Failed(Failure),
    /// There is no such name.
    NoName,
    /// The name has no address of the phone's family.
    NoAddress,
    /// The domain says that it does not offer the service (RFC 2782: the target is ".").
    NotOffered,
}

impl fmt::Display for NotFound {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            NotFound::Failed(Failure::Silence) => f.write_str("no DNS server answers"),
            NotFound::Failed(Failure::Refused(code)) => write!(f, "the DNS server says {code}"),
            NotFound::Failed(Failure::NoServers) => f.write_str("there is no DNS server to ask"),
            NotFound::Failed(Failure::Endless) => f.write_str("its other names lead nowhere"),
            NotFound::NoName => f.write_str("DNS has no such name"),
            NotFound::NoAddress => f.write_str("DNS has no address for it"),
            NotFound::NotOffered => f.write_str("the domain does not offer SIP"),
        }
    }
}
