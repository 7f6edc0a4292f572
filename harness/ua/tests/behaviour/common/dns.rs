//! Scripted DNS servers for the phone's bench, and what the phone asked them.

use std::collections::BTreeMap;
use std::net::SocketAddr;

use sipfarm_core::Instant;
use sipfarm_core::dns::{
    DnsMessage, Naptr, Record, RecordData, RecordKind, ResponseCode, Srv, StreamFramer, to_stream,
};
use sipfarm_core::machine::{IcmpKind, Input, StreamId, Transport};
use sipfarm_core::profile::Profile;
use sipfarm_ua::{Defects, Destination, Line, PhoneConfig, Server};

use super::{Bench, EPOCH, phone_addr};

/// What a DNS server does with a query that came over that transport.
pub type DnsScript = Box<dyn FnMut(&DnsMessage, Transport) -> Vec<DnsMessage>>;

/// The DNS servers of a bench.
#[derive(Default)]
pub struct Resolvers {
    scripts: BTreeMap<SocketAddr, DnsScript>,
    framers: BTreeMap<StreamId, StreamFramer>,
    /// DNS servers on whose host nobody listens.
    pub closed: Vec<SocketAddr>,
    pub asked: Vec<Asked>,
}

/// A query of the phone.
#[derive(Debug, Clone)]
pub struct Asked {
    /// Seconds since the start.
    pub at: f64,
    pub to: SocketAddr,
    /// The port of the phone; none over TCP.
    pub local: Option<SocketAddr>,
    pub message: DnsMessage,
}

impl Asked {
    /// `A pbx.test`
    pub fn question(&self) -> String {
        let question = self.message.question().unwrap();
        format!("{} {}", question.kind, question.name)
    }
}

pub fn dns_addr(number: u8) -> SocketAddr {
    SocketAddr::from(([192, 0, 2, 50 + number], 53))
}

impl Resolvers {
    pub fn serves(&self, addr: SocketAddr) -> bool {
        self.scripts.contains_key(&addr)
    }

    pub fn on_datagram(
        &mut self,
        now: Instant,
        local: SocketAddr,
        remote: SocketAddr,
        payload: &[u8],
    ) -> Vec<Input> {
        let input = |payload| Input::Datagram { local, remote, payload };
        let answers = self.answers(now, Some(local), remote, payload);
        if self.closed.contains(&remote) {
            let kind = IcmpKind::port_unreachable(remote.ip());
            return vec![Input::Icmp { local, remote, kind }];
        }
        answers.into_iter().map(input).collect()
    }

    pub fn on_stream(
        &mut self,
        now: Instant,
        stream: StreamId,
        remote: SocketAddr,
        data: &[u8],
    ) -> Vec<Input> {
        let queries = self.framers.entry(stream).or_default().push(data);
        let answers = queries.iter().flat_map(|query| self.answers(now, None, remote, query));
        answers.map(|octets| Input::StreamData { stream, data: to_stream(&octets).unwrap() }).collect()
    }

    fn answers(
        &mut self,
        now: Instant,
        local: Option<SocketAddr>,
        to: SocketAddr,
        octets: &[u8],
    ) -> Vec<Vec<u8>> {
        let message = DnsMessage::decode(octets).expect("the phone sent a broken query");
        let transport = if local.is_some() { Transport::Udp } else { Transport::Tcp };
        let answers = self.scripts.get_mut(&to).map(|script| script(&message, transport)).unwrap_or_default();
        self.asked.push(Asked { at: (now - EPOCH).as_secs_f64(), to, local, message });
        answers.iter().map(|answer| answer.encode().unwrap()).collect()
    }
}

/// A server behind a name: `main=pbx.test`, `main=pbx.test:5070`.
pub fn named(text: &str) -> Server {
    let (name, at) = text.split_once('=').unwrap();
    let at = match at.split_once(':') {
        Some((host, port)) => Destination::Name { host: host.to_owned(), port: port.parse().ok() },
        None => Destination::Name { host: at.to_owned(), port: None },
    };
    Server { name: name.to_owned(), at, transport: None }
}

/// A server at an address.
pub fn at(name: &str, addr: SocketAddr) -> Server {
    Server { name: name.to_owned(), at: Destination::Address(addr), transport: None }
}

impl Bench {
    /// A phone with these servers, which asks as many DNS servers as that.
    pub fn with_dns(profile: Profile, servers: Vec<Server>, dns: u8, seed: u64) -> Bench {
        Bench::of(PhoneConfig {
            profile,
            servers,
            dns: (0..dns).map(dns_addr).collect(),
            local: phone_addr(),
            lines: vec![Line { user: "1001".to_owned(), password: "secret".to_owned(), appearances: 1 }],
            domain: "example.org".to_owned(),
            defects: Defects::default(),
            seed,
        })
    }

    /// A phone with the server `pbx.test`, and a DNS server that knows these records.
    pub fn named(profile: Profile, zone: &[&str]) -> Bench {
        let mut bench = Bench::with_dns(profile, vec![named("main=pbx.test")], 1, 1);
        bench.zone(0, zone);
        bench
    }

    /// That DNS server knows these records: `pbx.test 60 A 192.0.2.10`.
    pub fn zone(&mut self, dns: u8, lines: &[&str]) {
        let records: Vec<Record> = lines.iter().map(|line| record(line)).collect();
        self.dns_script(dns, move |query, _| vec![look_up(query, &records)]);
    }

    pub fn dns_script(
        &mut self,
        dns: u8,
        script: impl FnMut(&DnsMessage, Transport) -> Vec<DnsMessage> + 'static,
    ) {
        self.dns.scripts.insert(dns_addr(dns), Box::new(script));
    }

    /// What the phone asked, in order.
    pub fn questions(&self) -> Vec<String> {
        self.dns.asked.iter().map(Asked::question).collect()
    }

    /// The addresses that requests of that method went to, each once, in order.
    pub fn path(&self, method: &str) -> Vec<String> {
        let mut path: Vec<String> = Vec::new();
        for sent in
            self.sent.iter().filter(|sent| sent.message.method().is_some_and(|m| m.as_str() == method))
        {
            let to = format!("{} {}", sent.transport, sent.addr);
            if path.last() != Some(&to) {
                path.push(to);
            }
        }
        path
    }

    /// What arrives from a DNS server for the phone's last query.
    pub fn answer(&mut self, from: SocketAddr, message: &DnsMessage) {
        let local = self.dns.asked.last().unwrap().local.unwrap();
        self.hear(Input::Datagram { local, remote: from, payload: message.encode().unwrap() });
    }
}

/// `NAME TTL TYPE DATA`, as in a zone file.
pub fn record(line: &str) -> Record {
    let words: Vec<&str> = line.split_whitespace().collect();
    let number = |index: usize| words[index].parse::<u16>().unwrap();
    let name = |index: usize| sipfarm_core::dns::plain(words[index]);
    let data = match words[2] {
        "A" => RecordData::A(words[3].parse().unwrap()),
        "CNAME" => RecordData::Cname(name(3)),
        "SRV" => {
            RecordData::Srv(Srv { priority: number(3), weight: number(4), port: number(5), target: name(6) })
        }
        "NAPTR" => RecordData::Naptr(Naptr {
            order: number(3),
            preference: number(4),
            flags: words[5].to_owned(),
            service: words[6].to_owned(),
            regexp: String::new(),
            replacement: name(7),
        }),
        other => panic!("no such type here: {other}"),
    };
    Record { name: name(0), ttl_s: words[1].parse().unwrap(), data }
}

/// What a DNS server that knows these records says.
pub fn look_up(query: &DnsMessage, records: &[Record]) -> DnsMessage {
    let question = query.question().unwrap();
    let of = |name: &str, kind: RecordKind| -> Vec<Record> {
        records.iter().filter(|record| record.name == name && record.data.kind() == kind).cloned().collect()
    };
    let mut answers = of(&question.name, question.kind);
    if answers.is_empty() {
        let alias = of(&question.name, RecordKind::Cname);
        if let Some(Record { data: RecordData::Cname(next), .. }) = alias.first() {
            answers = [alias.clone(), of(next, question.kind)].concat();
        }
    }
    let suffix = format!(".{}", question.name);
    let exists = |record: &Record| record.name == question.name || record.name.ends_with(&suffix);
    let code = if records.iter().any(exists) { ResponseCode::NoError } else { ResponseCode::NxDomain };
    query.answer(code, answers, Vec::new())
}
