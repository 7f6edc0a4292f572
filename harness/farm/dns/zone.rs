//! The records that a DNS node answers from, and how they are written.

use std::collections::BTreeMap;
use std::fmt;
use std::net::IpAddr;
use std::str::FromStr;

use sipfarm_core::dns::{
    DnsMessage, Naptr, Question, Record, RecordData, RecordKind, ResponseCode, Srv, plain,
};

/// A chain of CNAMEs is followed no further than that.
const CNAMES_MAX: usize = 8;

/// A record as a person writes it: `name ttl type data`, such as
/// `_sip._udp 30 SRV 10 0 5060 p.example.test`. The name may be relative to the zone, `@` is the zone
/// itself; A and AAAA take an address or the name of a node, whose record is then of the family that its
/// address has, so that a scenario can be run over IPv4 and IPv6. Data `-` says that there is no record of
/// that name and type.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Row {
    name: String,
    ttl_s: u32,
    kind: RecordKind,
    data: Data,
}

/// Names as written.
#[derive(Debug, Clone, PartialEq, Eq)]
enum Data {
    Nothing,
    Address(IpAddr),
    Node(String),
    Cname(String),
    Srv(Srv),
    Naptr(Naptr),
}

impl Row {
    /// From its four parts.
    ///
    /// # Errors
    /// A part cannot be read; the message says what it should look like.
    pub fn read(name: &str, ttl: &str, kind: &str, data: &str) -> Result<Row, String> {
        if name.is_empty() || name.contains(char::is_whitespace) {
            return Err(format!("{name:?} is no domain name"));
        }
        let ttl_s = ttl.parse().map_err(|_| format!("the TTL {ttl:?} is no whole number of seconds"))?;
        let kind = match kind.to_ascii_uppercase().as_str() {
            "A" => RecordKind::A,
            "AAAA" => RecordKind::Aaaa,
            "CNAME" => RecordKind::Cname,
            "SRV" => RecordKind::Srv,
            "NAPTR" => RecordKind::Naptr,
            _ => return Err(format!("a record of type {kind:?}: there are A, AAAA, CNAME, SRV, NAPTR")),
        };
        let data = Data::read(kind, data.trim())
            .ok_or_else(|| format!("{kind} data {data:?}: it should look like  {}", example(kind)))?;
        Ok(Row { name: name.to_owned(), ttl_s, kind, data })
    }

    /// Whether it is the address of that node.
    pub fn leads_to(&self, node: &str) -> bool {
        matches!(&self.data, Data::Node(name) if name == node)
    }

    /// The record in a zone; `None` when it says that there is none.
    fn resolve(&self, origin: &str, hosts: &BTreeMap<String, IpAddr>) -> Result<Option<Record>, String> {
        let full = |name: &str| full_name(name, origin);
        let data = match &self.data {
            Data::Nothing => return Ok(None),
            Data::Address(ip) => self.address(*ip)?,
            Data::Node(node) => {
                let names = || hosts.keys().map(|name| format!("\"{name}\"")).collect::<Vec<_>>().join(", ");
                let ip = hosts.get(node).ok_or_else(|| {
                    format!(
                        "{} {}: \"{node}\" is neither an address nor a node; there are {}",
                        self.name,
                        self.kind,
                        names()
                    )
                })?;
                match ip {
                    IpAddr::V4(ip) => RecordData::A(*ip),
                    IpAddr::V6(ip) => RecordData::Aaaa(*ip),
                }
            }
            Data::Cname(target) => RecordData::Cname(full(target)),
            Data::Srv(srv) => RecordData::Srv(Srv { target: full(&srv.target), ..srv.clone() }),
            Data::Naptr(naptr) => {
                RecordData::Naptr(Naptr { replacement: full(&naptr.replacement), ..naptr.clone() })
            }
        };
        Ok(Some(Record { name: full(&self.name), ttl_s: self.ttl_s, data }))
    }

    fn address(&self, ip: IpAddr) -> Result<RecordData, String> {
        match (self.kind, ip) {
            (RecordKind::A, IpAddr::V4(ip)) => Ok(RecordData::A(ip)),
            (RecordKind::Aaaa, IpAddr::V6(ip)) => Ok(RecordData::Aaaa(ip)),
            (kind, ip) => Err(format!("{} {kind}: {ip} is of the other family", self.name)),
        }
    }
}

/// `name ttl type data`, with white space between.
impl FromStr for Row {
    type Err = String;

    fn from_str(text: &str) -> Result<Row, String> {
        let mut rest = text.trim();
        let mut word = || {
            let (word, after) = rest.split_once(char::is_whitespace)?;
            rest = after.trim_start();
            Some(word)
        };
        match (word(), word(), word()) {
            (Some(name), Some(ttl), Some(kind)) => Row::read(name, ttl, kind, rest),
            _ => Err(format!("{text:?}: a record is written  name ttl type data")),
        }
    }
}

impl Data {
    fn read(kind: RecordKind, text: &str) -> Option<Data> {
        if text == "-" {
            return Some(Data::Nothing);
        }
        let words: Vec<&str> = text.split_whitespace().collect();
        match (kind, words.as_slice()) {
            (RecordKind::A | RecordKind::Aaaa, [_, ..]) => {
                Some(text.parse().map_or_else(|_| Data::Node(text.to_owned()), Data::Address))
            }
            (RecordKind::Cname, [target]) => Some(Data::Cname((*target).to_owned())),
            (RecordKind::Srv, [priority, weight, port, target]) => Some(Data::Srv(Srv {
                priority: priority.parse().ok()?,
                weight: weight.parse().ok()?,
                port: port.parse().ok()?,
                target: (*target).to_owned(),
            })),
            (RecordKind::Naptr, [order, preference, flags, service, regexp, replacement]) => {
                let bare = |text: &str| text.trim_matches(['"', '\'']).to_owned();
                Some(Data::Naptr(Naptr {
                    order: order.parse().ok()?,
                    preference: preference.parse().ok()?,
                    flags: bare(flags),
                    service: bare(service),
                    regexp: bare(regexp),
                    replacement: (*replacement).to_owned(),
                }))
            }
            _ => None,
        }
    }
}

fn example(kind: RecordKind) -> &'static str {
    match kind {
        RecordKind::A => "192.0.2.1  or the name of a node",
        RecordKind::Aaaa => "2001:db8::1  or the name of a node",
        RecordKind::Srv => "10 0 5060 p.example.test  (priority, weight, port, target)",
        RecordKind::Naptr => "10 10 s SIP+D2U \"\" _sip._udp.example.test",
        _ => "another.example.test",
    }
}

/// Names are relative to the zone unless they end in its name or in a dot.
fn full_name(name: &str, origin: &str) -> String {
    let written = plain(name);
    match name {
        "@" => origin.to_owned(),
        _ if name.ends_with('.') || is_within(&written, origin) => written,
        _ => format!("{written}.{origin}"),
    }
}

fn is_within(name: &str, origin: &str) -> bool {
    name == origin || name.strip_suffix(origin).is_some_and(|rest| rest.ends_with('.'))
}

/// The records of one domain and of everything below it.
#[derive(Debug, Clone)]
pub struct Zone {
    origin: String,
    sets: BTreeMap<(String, RecordKind), Vec<Record>>,
}

impl fmt::Display for Zone {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "zone {} with {} records", self.origin, self.sets.values().map(Vec::len).sum::<usize>())
    }
}

impl Zone {
    /// Without records.
    pub fn new(origin: &str) -> Self {
        Zone { origin: plain(origin), sets: BTreeMap::new() }
    }

    /// The same zone, where these records stand instead of those of the same name and type.
    ///
    /// # Errors
    /// A record is not of the zone, or names a node that there is not.
    pub fn with(&self, rows: &[Row], hosts: &BTreeMap<String, IpAddr>) -> Result<Zone, String> {
        let mut fresh: BTreeMap<(String, RecordKind), Vec<Record>> = BTreeMap::new();
        for row in rows {
            let name = full_name(&row.name, &self.origin);
            if !is_within(&name, &self.origin) {
                return Err(format!("{name} is not in the zone {}", self.origin));
            }
            let record = row.resolve(&self.origin, hosts)?;
            let kind = record.as_ref().map_or(row.kind, |record| record.data.kind());
            fresh.entry((name, kind)).or_default().extend(record);
        }
        let mut zone = self.clone();
        zone.sets.extend(fresh);
        zone.sets.retain(|_, records| !records.is_empty());
        Ok(zone)
    }

    /// What the zone says to a query.
    pub fn answer(&self, query: &DnsMessage) -> DnsMessage {
        let [question] = query.questions.as_slice() else {
            return query.answer(ResponseCode::FormErr, Vec::new(), Vec::new());
        };
        if !is_within(&question.name, &self.origin) {
            return query.answer(ResponseCode::Refused, Vec::new(), Vec::new());
        }
        let (answers, last) = self.follow(question);
        let found = answers.last().is_some_and(|record| record.data.kind() != RecordKind::Cname);
        let exists = found || !is_within(&last, &self.origin) || self.exists(&last);
        let code = if exists { ResponseCode::NoError } else { ResponseCode::NxDomain };
        let additional = self.additional(&answers);
        query.answer(code, answers, additional)
    }

    /// The records asked for, behind the CNAMEs that lead there, and the name at which that ends.
    fn follow(&self, question: &Question) -> (Vec<Record>, String) {
        let (mut answers, mut name) = (Vec::new(), question.name.clone());
        for _ in 0..CNAMES_MAX {
            let records = self.records(&name, question.kind);
            let cname = self.records(&name, RecordKind::Cname).first();
            match cname {
                Some(cname) if records.is_empty() => {
                    answers.push(cname.clone());
                    if let RecordData::Cname(target) = &cname.data {
                        name.clone_from(target);
                    }
                }
                _ => {
                    answers.extend_from_slice(records);
                    break;
                }
            }
        }
        (answers, name)
    }

    fn records(&self, name: &str, kind: RecordKind) -> &[Record] {
        self.sets.get(&(name.to_owned(), kind)).map_or(&[], Vec::as_slice)
    }

    /// A name exists when it has records of any type, or when a name below it has (RFC 8020).
    fn exists(&self, name: &str) -> bool {
        name == self.origin || self.sets.keys().any(|(owner, _)| is_within(owner, name))
    }

    /// What will be asked next: SRV behind NAPTR, addresses behind SRV (RFC 2782, RFC 3263).
    fn additional(&self, answers: &[Record]) -> Vec<Record> {
        let srv = answers.iter().filter_map(|record| match &record.data {
            RecordData::Naptr(naptr) => Some(self.records(&naptr.replacement, RecordKind::Srv)),
            _ => None,
        });
        let mut additional: Vec<Record> = srv.flatten().cloned().collect();
        let targets = answers.iter().chain(&additional).filter_map(|record| match &record.data {
            RecordData::Srv(srv) => Some(srv.target.clone()),
            _ => None,
        });
        let mut hosts: Vec<String> = Vec::new();
        for target in targets {
            if !hosts.contains(&target) {
                hosts.push(target);
            }
        }
        for host in hosts {
            additional.extend_from_slice(self.records(&host, RecordKind::A));
            additional.extend_from_slice(self.records(&host, RecordKind::Aaaa));
        }
        additional
    }
}
