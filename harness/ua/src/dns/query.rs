//! One question on its way: to which DNS server, since when, over what.

use std::collections::BTreeSet;
use std::net::SocketAddr;

use sipfarm_core::dns::{DnsMessage, Question, Record, RecordData, ResponseCode, StreamFramer};
use sipfarm_core::machine::StreamId;
use sipfarm_core::{Instant, Span};

use super::{Answer, Failure};
use crate::defect::{Defect, Defects};

/// How long one DNS server has for its answer. Five seconds and two rounds are what resolv.conf(5)
/// has by default.
pub const PATIENCE: Span = Span::from_secs(5);

/// How often each DNS server is asked.
pub const ROUNDS: u32 = 2;

/// How patient the phone is with DNS servers.
#[derive(Debug, Clone, Copy)]
pub struct Pace {
    /// How long one has for its answer.
    pub patience: Span,
    /// How often each is asked.
    pub rounds: u32,
}

impl Pace {
    /// Of a phone with these defects: as it should be, or the same time with many more tries in it.
    pub fn of(defects: &Defects) -> Self {
        let hasty = if defects.has(Defect::HammersDns) { HASTE } else { 1 };
        Pace { patience: PATIENCE.scale(1.0 / f64::from(hasty)), rounds: ROUNDS * hasty }
    }
}

/// How many times the tries of a phone that hammers are: one every 250 ms.
const HASTE: u32 = 20;

/// How many names one after the other are other names for the next.
pub const MAX_ALIASES: usize = 8;

/// How many records of one answer are looked at. A name with more servers than this has them in vain.
const MAX_RECORDS: usize = 64;

/// How long a record is kept at most: a week (RFC 8767 section 4). A life with the highest bit set
/// is none (RFC 2181 section 8).
const MAX_TTL_S: u32 = 604_800;

/// A question on its way.
#[derive(Debug)]
pub struct Query {
    /// The port of ours that it is asked from.
    pub local: SocketAddr,
    /// The message id of this try.
    pub id: u16,
    /// When this try is given up.
    pub give_up: Instant,
    /// The connection over which it is asked once more, when the answer did not fit a datagram.
    pub stream: Option<Stream>,
    pace: Pace,
    server: usize,
    round: u32,
    /// The DNS servers that said that they cannot tell; they are not asked again.
    refused: BTreeSet<usize>,
    last_code: Option<ResponseCode>,
}

/// A connection to a DNS server.
#[derive(Debug)]
pub struct Stream {
    pub id: StreamId,
    pub framer: StreamFramer,
}

impl Query {
    /// To be put to the first DNS server, from that port.
    pub fn new(local: SocketAddr, id: u16, pace: Pace, now: Instant) -> Self {
        Query {
            local,
            id,
            give_up: now + pace.patience,
            stream: None,
            pace,
            server: 0,
            round: 0,
            refused: BTreeSet::new(),
            last_code: None,
        }
    }

    /// The number of the DNS server that is asked now.
    pub fn server(&self) -> usize {
        self.server
    }

    /// The DNS server that is asked now cannot or will not tell.
    pub fn refuse(&mut self, code: ResponseCode) {
        self.refused.insert(self.server);
        self.last_code = Some(code);
    }

    /// Goes on to the next DNS server, one of so many. An error when nobody is left.
    pub fn advance(&mut self, servers: usize, now: Instant) -> Result<(), Failure> {
        self.give_up = now + self.pace.patience;
        while self.round < self.pace.rounds {
            self.server += 1;
            if self.server >= servers {
                self.server = 0;
                self.round += 1;
            }
            if self.round < self.pace.rounds && !self.refused.contains(&self.server) {
                return Ok(());
            }
        }
        Err(self.last_code.map_or(Failure::Silence, Failure::Refused))
    }

    /// Whether a message answers this try: the message id and the question are its own (RFC 5452
    /// section 9.1). Where it came from is for the caller to check.
    pub fn is_answered_by(&self, question: &Question, message: &DnsMessage) -> bool {
        message.is_response && message.id == self.id && message.questions.as_slice() == [question.clone()]
    }
}

/// Reads an answer that is whole. `None` when the DNS server cannot tell.
pub fn read(question: &Question, message: &DnsMessage, now: Instant) -> Option<Answer> {
    match message.code {
        ResponseCode::NoError => {}
        ResponseCode::NxDomain => return Some(Answer::NoName),
        _ => return None,
    }
    let records = relevant(question, &message.answers);
    let Some(ttl_s) = records.iter().map(|record| record.ttl_s).map(life_s).min() else {
        return Some(Answer::NoData);
    };
    let ttl = Span::from_secs(ttl_s.into());
    Some(Answer::Records { records, ttl, expires: now + ttl })
}

/// The records that belong to the question: those of its name, and of the names that this is
/// another name for. Others are not to be trusted (RFC 2181 section 5.4.1).
fn relevant(question: &Question, answers: &[Record]) -> Vec<Record> {
    let answers = &answers[..answers.len().min(MAX_RECORDS)];
    let mut name = question.name.as_str();
    let mut relevant = Vec::new();
    for _ in 0..=MAX_ALIASES {
        let own = answers.iter().filter(|record| record.name == name);
        let (own, aliases): (Vec<_>, Vec<_>) = own
            .filter(|record| {
                record.data.kind() == question.kind || matches!(record.data, RecordData::Cname(_))
            })
            .partition(|record| record.data.kind() == question.kind);
        relevant.extend(own.iter().map(|record| (*record).clone()));
        let alias = aliases.first().filter(|_| own.is_empty());
        let Some(Record { data: RecordData::Cname(next), .. }) = alias else { break };
        relevant.extend(alias.map(|record| (*record).clone()));
        name = next;
    }
    relevant
}

fn life_s(ttl_s: u32) -> u32 {
    if ttl_s > i32::MAX as u32 { 0 } else { ttl_s.min(MAX_TTL_S) }
}
