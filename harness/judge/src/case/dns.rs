//! What the phone asked DNS, and what it was told.

use std::net::{IpAddr, SocketAddr};

use sipfarm_core::dns::{DnsMessage, Question, RecordData, RecordKind, ResponseCode};
use sipfarm_core::machine::Transport;
use sipfarm_core::{Instant, Span};

use super::names::Names;
use crate::timeline::Timeline;

/// A query of the phone's, its repetitions, and the answer to it.
#[derive(Debug, Clone)]
pub struct Lookup<'a> {
    /// What is asked.
    pub question: &'a Question,
    /// The phone's address and port.
    pub from: SocketAddr,
    /// The DNS server.
    pub to: SocketAddr,
    /// Over what.
    pub transport: Transport,
    /// When it was sent, and in which packets.
    pub sends: Vec<(Instant, &'a [u32])>,
    /// The answer, if one came.
    pub answer: Option<Told<'a>>,
    id: u16,
}

/// An answer that the phone was sent.
#[derive(Debug, Clone, Copy)]
pub struct Told<'a> {
    /// When.
    pub at: Instant,
    /// In which packets.
    pub packets: &'a [u32],
    /// What.
    pub message: &'a DnsMessage,
}

impl<'a> Lookup<'a> {
    /// When it was sent first.
    pub fn at(&self) -> Instant {
        self.sends.first().map_or(Instant::EPOCH, |(at, _)| *at)
    }

    /// For people: `DNS SRV _sip._udp.example.test`.
    pub fn what(&self) -> String {
        format!("DNS {} {}", self.question.kind, self.question.name)
    }
}

/// Records of one name and type that the phone was told at one time.
#[derive(Debug, Clone)]
pub struct RecordSet<'a> {
    /// When.
    pub at: Instant,
    /// Until when they may be used: the least TTL counts.
    pub until: Instant,
    /// In which packets.
    pub packets: &'a [u32],
    /// What they say; none where the answer said that there are none.
    pub data: Vec<&'a RecordData>,
}

/// All that the phone asked DNS, in order of time.
#[derive(Debug, Clone, Default)]
pub struct Dns<'a> {
    /// Its queries.
    pub lookups: Vec<Lookup<'a>>,
    /// Queries at a DNS server of the farm's that come from neither the phone's address nor a node's: a
    /// program that binds its address for SIP alone may ask so.
    pub strangers: Vec<Stranger<'a>>,
}

/// A query of nobody knows whom.
#[derive(Debug, Clone)]
pub struct Stranger<'a> {
    /// When.
    pub at: Instant,
    /// In which packets.
    pub packets: &'a [u32],
    /// What is asked.
    pub question: &'a Question,
    /// From where.
    pub from: SocketAddr,
}

impl<'a> Dns<'a> {
    pub(super) fn read(timeline: &'a Timeline, names: &Names, horizon: Instant) -> Self {
        let mut dns = Dns::default();
        for (event, seen) in timeline.dns().filter(|(event, _)| event.at <= horizon) {
            let message: &DnsMessage = &seen.message;
            let Some(question) = message.question() else { continue };
            if !message.is_response && names.is_stranger(seen.src, seen.dst) {
                let (at, packets, from) = (event.at, &event.packets, seen.src);
                dns.strangers.push(Stranger { at, packets, question, from });
            } else if !message.is_response && names.is_phone(seen.src) {
                let way = (seen.src, seen.dst, seen.transport);
                match dns.find(message.id, question, way) {
                    Some(same) if same.answer.is_none() => same.sends.push((event.at, &event.packets)),
                    _ => dns.lookups.push(Lookup {
                        question,
                        from: seen.src,
                        to: seen.dst,
                        transport: seen.transport,
                        sends: vec![(event.at, &event.packets)],
                        answer: None,
                        id: message.id,
                    }),
                }
            } else if message.is_response && names.is_phone(seen.dst) {
                let way = (seen.dst, seen.src, seen.transport);
                if let Some(lookup) = dns.find(message.id, question, way) {
                    let told = Told { at: event.at, packets: &event.packets, message };
                    lookup.answer.get_or_insert(told);
                }
            }
        }
        dns
    }

    fn find(
        &mut self,
        id: u16,
        question: &Question,
        (from, to, transport): (SocketAddr, SocketAddr, Transport),
    ) -> Option<&mut Lookup<'a>> {
        self.lookups.iter_mut().rev().find(|lookup| {
            lookup.id == id
                && lookup.question == question
                && (lookup.from, lookup.to, lookup.transport) == (from, to, transport)
        })
    }

    /// Everything that the phone had been told of the records of that name and type by `at`, oldest
    /// first. Additional records count: the phone may use them.
    pub fn told(&self, name: &str, kind: RecordKind, at: Instant) -> Vec<RecordSet<'a>> {
        let answers = self.lookups.iter().filter_map(|lookup| Some((lookup, lookup.answer?)));
        let mut sets: Vec<RecordSet<'a>> = answers
            .filter(|(_, told)| told.at <= at)
            .filter_map(|(lookup, told)| record_set(lookup.question, told, name, kind))
            .collect();
        sets.sort_by_key(|set| set.at);
        sets
    }

    /// The addresses of a host, as the phone had been told last by `at`, and until when they hold.
    pub fn addresses(&self, host: &str, at: Instant) -> Vec<(IpAddr, Instant)> {
        let newest = |kind| self.told(host, kind, at).pop();
        let sets = [RecordKind::A, RecordKind::Aaaa].into_iter().filter_map(newest);
        let ip = |data: &RecordData| match data {
            RecordData::A(ip) => Some(IpAddr::V4(*ip)),
            RecordData::Aaaa(ip) => Some(IpAddr::V6(*ip)),
            _ => None,
        };
        sets.flat_map(|set| {
            set.data.iter().filter_map(|data| Some((ip(data)?, set.until))).collect::<Vec<_>>()
        })
        .collect()
    }
}

/// What one answer says of a name and type; `None` where it says nothing.
fn record_set<'a>(
    question: &Question,
    told: Told<'a>,
    name: &str,
    kind: RecordKind,
) -> Option<RecordSet<'a>> {
    let message = told.message;
    // Records of its CNAME stand for a name.
    let alias = (question.name == name).then(|| message.answers.last().map(|r| r.name.as_str())).flatten();
    let of_it = |owner: &str| owner == name || alias == Some(owner);
    let records: Vec<_> = message
        .answers
        .iter()
        .chain(&message.additional)
        .filter(|record| record.data.kind() == kind && of_it(&record.name))
        .collect();
    let denied = question.name == name
        && question.kind == kind
        && !message.truncated
        && matches!(message.code, ResponseCode::NoError | ResponseCode::NxDomain);
    if records.is_empty() && !denied {
        return None;
    }
    let ttl_s = records.iter().map(|record| record.ttl_s).min().unwrap_or(0);
    Some(RecordSet {
        at: told.at,
        until: told.at + Span::from_secs(ttl_s.into()),
        packets: told.packets,
        data: records.iter().map(|record| &record.data).collect(),
    })
}
