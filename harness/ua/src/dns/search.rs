//! The procedures of RFC 3263 section 4: from a name to the servers behind it.
//!
//! A search is asked for its next step again after each answer, and goes the whole way from the
//! start each time: there is no state but what DNS has said.

use std::collections::BTreeMap;
use std::net::{IpAddr, SocketAddr};

use sipfarm_core::dns::{Naptr, Question, RecordData, RecordKind, Srv};
use sipfarm_core::machine::Transport;
use sipfarm_core::{Instant, Span};

use super::query::MAX_ALIASES;
use super::{Answer, Failure, NotFound};
use crate::tx::Target;

/// How many hosts of one service are looked up, those of the lowest priority first.
const MAX_HOSTS: usize = 16;

/// What is looked for.
#[derive(Debug, Clone)]
pub struct Wanted {
    /// The name.
    pub host: String,
    /// Its port, where that is known.
    pub port: Option<u16>,
    /// The transport, where that is known.
    pub transport: Option<Transport>,
    /// The transports that the phone may use, the one that it likes best first.
    pub usable: Vec<Transport>,
    /// Whether the phone has an IPv6 address rather than an IPv4 address: it asks for addresses of
    /// its own family, for it could not send to others.
    pub v6: bool,
}

/// A search for the servers behind a name.
#[derive(Debug)]
pub struct Search {
    wanted: Wanted,
    answers: BTreeMap<Question, Answer>,
}

/// What a search does next.
#[derive(Debug, PartialEq, Eq)]
pub enum Step {
    /// It waits for the answers to these.
    Ask(Vec<Question>),
    /// It has found servers.
    Found(Found),
    /// There are none, or none to be found.
    NotFound(NotFound),
}

/// The servers behind a name.
#[derive(Debug, PartialEq, Eq)]
pub struct Found {
    /// The hosts, not yet in order.
    pub choices: Vec<Choice>,
    /// The shortest life of all records on the way here. `None`: no record was needed.
    pub ttl: Option<Span>,
    /// When the first of these records runs out.
    pub expires: Option<Instant>,
}

/// A host that serves.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Choice {
    /// The lowest is tried first.
    pub priority: u16,
    /// Its share among those of its priority.
    pub weight: u16,
    /// Its addresses.
    pub targets: Vec<Target>,
}

/// What is known of the records of a name.
enum Look<'a> {
    Records(Vec<&'a RecordData>),
    /// There are none.
    None(NotFound),
    Failed(Failure),
    /// That is to be asked first.
    Ask(Question),
}

/// A host that is to be looked up.
struct Host<'a> {
    priority: u16,
    weight: u16,
    name: &'a str,
    port: u16,
    transport: Transport,
}

impl Search {
    /// Nothing is known yet.
    pub fn new(wanted: Wanted) -> Self {
        Search { wanted, answers: BTreeMap::new() }
    }

    /// Takes note of an answer.
    pub fn learn(&mut self, question: Question, answer: Answer) {
        self.answers.insert(question, answer);
    }

    /// What to do next.
    pub fn step(&self) -> Step {
        let Wanted { host, port, transport, .. } = &self.wanted;
        let over = transport.unwrap_or(self.usual_transport());
        if let Ok(ip) = host.parse::<IpAddr>() {
            let addr = SocketAddr::new(ip, port.unwrap_or(over.default_port()));
            return self.found(vec![Choice::only(vec![Target { addr, transport: over }])]);
        }
        match (port, transport) {
            (Some(port), _) => self.hosts(vec![Host::only(host, *port, over)]),
            (None, Some(transport)) => self.services(&[*transport]),
            (None, None) => self.naptr(),
        }
    }

    /// Section 4.1: the domain says which transports it has and which it likes best.
    fn naptr(&self) -> Step {
        let records = match self.look(&self.wanted.host, RecordKind::Naptr) {
            Look::Ask(question) => return Step::Ask(vec![question]),
            Look::Failed(failure) => return Step::NotFound(NotFound::Failed(failure)),
            Look::None(_) => Vec::new(),
            Look::Records(records) => records,
        };
        let mut usable: Vec<(&Naptr, Transport)> = records
            .into_iter()
            .filter_map(|record| match record {
                RecordData::Naptr(naptr) => Some((naptr, self.transport_of(naptr)?)),
                _ => None,
            })
            .collect();
        usable.sort_by_key(|(naptr, _)| (naptr.order, naptr.preference));
        for (naptr, transport) in usable {
            match self.service(&naptr.replacement, transport) {
                // The next that the domain likes.
                Step::NotFound(NotFound::NoName | NotFound::NoAddress) => {}
                step => return step,
            }
        }
        self.services(&self.wanted.usable)
    }

    /// Section 4.1, without NAPTR: SRV for each transport, of which the phone takes the one that it
    /// likes best; section 4.2, without SRV: the addresses of the name itself.
    fn services(&self, transports: &[Transport]) -> Step {
        let mut unknown = Vec::new();
        let mut failure = None;
        let mut found = None;
        for transport in transports {
            let service = match transport {
                Transport::Udp => "_sip._udp",
                Transport::Tcp => "_sip._tcp",
                Transport::Tls => "_sips._tcp",
            };
            let name = format!("{service}.{}", self.wanted.host);
            match self.look(&name, RecordKind::Srv) {
                Look::Ask(question) => unknown.push(question),
                Look::Failed(reason) => failure = failure.or(Some(reason)),
                Look::None(_) => {}
                Look::Records(_) => found = found.or(Some((name, *transport))),
            }
        }
        match (found, failure) {
            _ if !unknown.is_empty() => Step::Ask(unknown),
            (Some((name, transport)), _) => self.service(&name, transport),
            (None, Some(failure)) => Step::NotFound(NotFound::Failed(failure)),
            (None, None) => {
                let over = self.wanted.transport.unwrap_or(self.usual_transport());
                self.hosts(vec![Host::only(&self.wanted.host, over.default_port(), over)])
            }
        }
    }

    /// The hosts of a service (RFC 2782). Precisely one with the target "." means that it is not
    /// offered.
    fn service(&self, name: &str, transport: Transport) -> Step {
        let records = match self.look(name, RecordKind::Srv) {
            Look::Ask(question) => return Step::Ask(vec![question]),
            Look::Failed(failure) => return Step::NotFound(NotFound::Failed(failure)),
            Look::None(reason) => return Step::NotFound(reason),
            Look::Records(records) => records,
        };
        let all = records.into_iter().filter_map(|record| match record {
            RecordData::Srv(srv) => Some(srv),
            _ => None,
        });
        let mut offered: Vec<&Srv> = all.filter(|srv| !srv.target.is_empty() && srv.port != 0).collect();
        if offered.is_empty() {
            return Step::NotFound(NotFound::NotOffered);
        }
        offered.sort_by_key(|srv| srv.priority);
        offered.truncate(MAX_HOSTS);
        self.hosts(offered.into_iter().map(|srv| Host::of(srv, transport)).collect())
    }

    /// The addresses of hosts. Those without an address are left out.
    fn hosts(&self, hosts: Vec<Host<'_>>) -> Step {
        let kind = if self.wanted.v6 { RecordKind::Aaaa } else { RecordKind::A };
        let (mut unknown, mut choices, mut reason) = (Vec::new(), Vec::new(), None);
        for host in hosts {
            match self.look(host.name, kind) {
                Look::Ask(question) if unknown.contains(&question) => {}
                Look::Ask(question) => unknown.push(question),
                Look::Failed(failure) => reason = Some(NotFound::Failed(failure)),
                Look::None(none) => reason = reason.or(Some(none)),
                Look::Records(records) => choices.push(host.at(&records)),
            }
        }
        match () {
            () if !unknown.is_empty() => Step::Ask(unknown),
            () if choices.is_empty() => Step::NotFound(reason.unwrap_or(NotFound::NoAddress)),
            () => self.found(choices),
        }
    }

    /// The records of a name, whatever its other names.
    fn look(&self, name: &str, kind: RecordKind) -> Look<'_> {
        let mut question = Question { name: sipfarm_core::dns::plain(name), kind };
        for _ in 0..=MAX_ALIASES {
            let records = match self.answers.get(&question) {
                None => return Look::Ask(question),
                Some(Answer::NoData) => return Look::None(NotFound::NoAddress),
                Some(Answer::NoName) => return Look::None(NotFound::NoName),
                Some(Answer::Failed(failure)) => return Look::Failed(*failure),
                Some(Answer::Records { records, .. }) => records,
            };
            let wanted: Vec<_> =
                records.iter().map(|record| &record.data).filter(|data| data.kind() == kind).collect();
            if !wanted.is_empty() {
                return Look::Records(wanted);
            }
            match records.last().map(|record| &record.data) {
                Some(RecordData::Cname(next)) => question.name.clone_from(next),
                _ => return Look::None(NotFound::NoAddress),
            }
        }
        Look::Failed(Failure::Endless)
    }

    /// What a NAPTR record is for, when that is for us: another flag than `s` leads to no SRV record.
    fn transport_of(&self, naptr: &Naptr) -> Option<Transport> {
        let transport = match naptr.service.to_ascii_uppercase().as_str() {
            "SIP+D2U" => Transport::Udp,
            "SIP+D2T" => Transport::Tcp,
            "SIPS+D2T" => Transport::Tls,
            _ => return None,
        };
        let leads_to_srv = naptr.flags.eq_ignore_ascii_case("s") && naptr.regexp.is_empty();
        (leads_to_srv && self.wanted.usable.contains(&transport)).then_some(transport)
    }

    /// UDP where nobody says otherwise (section 4.1).
    fn usual_transport(&self) -> Transport {
        let usable = &self.wanted.usable;
        match usable.first() {
            Some(first) if !usable.contains(&Transport::Udp) => *first,
            _ => Transport::Udp,
        }
    }

    fn found(&self, choices: Vec<Choice>) -> Step {
        let lives = || {
            self.answers.values().filter_map(|answer| match answer {
                Answer::Records { ttl, expires, .. } => Some((*ttl, *expires)),
                _ => None,
            })
        };
        let ttl = lives().map(|(ttl, _)| ttl).min();
        let expires = lives().map(|(_, expires)| expires).min();
        Step::Found(Found { choices, ttl, expires })
    }
}

impl Choice {
    fn only(targets: Vec<Target>) -> Self {
        Choice { priority: 0, weight: 0, targets }
    }
}

impl<'a> Host<'a> {
    fn only(name: &'a str, port: u16, transport: Transport) -> Self {
        Host { priority: 0, weight: 0, name, port, transport }
    }

    fn of(srv: &'a Srv, transport: Transport) -> Self {
        let Srv { priority, weight, port, target } = srv;
        Host { priority: *priority, weight: *weight, name: target, port: *port, transport }
    }

    fn at(&self, records: &[&RecordData]) -> Choice {
        let ips = records.iter().filter_map(|record| match record {
            RecordData::A(ip) => Some(IpAddr::V4(*ip)),
            RecordData::Aaaa(ip) => Some(IpAddr::V6(*ip)),
            _ => None,
        });
        let target = |ip| Target { addr: SocketAddr::new(ip, self.port), transport: self.transport };
        Choice { priority: self.priority, weight: self.weight, targets: ips.map(target).collect() }
    }
}
