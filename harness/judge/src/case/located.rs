//! Where the servers of a phone that knows them by name are, as far as DNS told it (RFC 3263
//! section 4, RFC 2782).

use std::net::SocketAddr;

use sipfarm_core::Instant;
use sipfarm_core::dns::{RecordData, RecordKind, Srv, plain};
use sipfarm_core::machine::Transport;
use sipfarm_core::profile::SrvWeight;

use super::Case;
use super::dns::RecordSet;

/// An address that the phone has to try, and its place.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Candidate {
    /// The address.
    pub addr: SocketAddr,
    /// The lowest first; among equals any order is right.
    pub rank: Rank,
}

/// The place of an address: that of its server in the phone's list, then its priority, then its
/// weight where the profile says that weights have an order.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Default)]
pub struct Rank {
    /// The place in the phone's list.
    pub server: usize,
    /// The priority of SRV; 0 without.
    pub priority: u16,
    /// How far its weight is below the highest there can be; 0 where weights are drawn at random.
    pub lightness: u16,
}

impl Case<'_> {
    /// Whether the phone was told to find a server by name.
    pub fn locates_by_dns(&self) -> bool {
        self.listed().iter().any(|name| self.names.node(name).is_none())
    }

    /// The addresses that the phone was told to use as they are.
    pub fn literal(&self) -> Vec<SocketAddr> {
        self.listed().iter().filter_map(|name| Some(self.names.node(name)?.addr)).collect()
    }

    /// Whether the phone has been seen to ask for one of the names on its list by then. If not, its
    /// resolver is elsewhere, or it knew the answers before the capture began.
    pub fn asked_for_its_servers(&self, by: Instant) -> bool {
        let hosts: Vec<String> = self.listed().iter().map(|name| host_and_port(name).0).collect();
        self.dns.lookups.iter().filter(|lookup| lookup.at() <= by).any(|lookup| {
            let name = &lookup.question.name;
            hosts
                .iter()
                .any(|host| name == host || name.strip_suffix(host).is_some_and(|rest| rest.ends_with('.')))
        })
    }

    /// What the phone has to try, by what it had been told: which hosts by `chosen`, when it made its
    /// list, and their addresses by `at`. More than one list where an older answer still held when
    /// it was told something else.
    pub fn located(&self, transport: Transport, chosen: Instant, at: Instant) -> Vec<Vec<Candidate>> {
        let mut lists: Vec<Vec<Candidate>> = vec![Vec::new()];
        for (server, name) in self.listed().iter().enumerate() {
            let variants = match self.names.node(name) {
                Some(node) => {
                    vec![vec![Candidate {
                        addr: node.over(transport),
                        rank: Rank { server, ..Rank::default() },
                    }]]
                }
                None => self.behind(server, name, transport, chosen, at),
            };
            lists = lists
                .iter()
                .flat_map(|list| variants.iter().map(|more| [list.as_slice(), more].concat()))
                .collect();
        }
        lists
    }

    fn listed(&self) -> &[String] {
        self.notes.scene.map_or(&[], |scene| &scene.servers)
    }

    /// The addresses behind a name.
    fn behind(
        &self,
        server: usize,
        name: &str,
        transport: Transport,
        chosen: Instant,
        at: Instant,
    ) -> Vec<Vec<Candidate>> {
        let (host, port) = host_and_port(name);
        let by_address = |host: &str, port: u16, rank: Rank| -> Vec<Candidate> {
            let addresses = self.dns.addresses(host, at);
            addresses.iter().map(|(ip, _)| Candidate { addr: SocketAddr::new(*ip, port), rank }).collect()
        };
        let plain_rank = Rank { server, ..Rank::default() };
        let sets = match port {
            Some(_) => Vec::new(), // RFC 3263 section 4.2: a port says that there is no SRV to ask for
            None => self.services(&host, transport, chosen),
        };
        if sets.is_empty() {
            return vec![by_address(&host, port.unwrap_or(transport.default_port()), plain_rank)];
        }
        let list = |set: &RecordSet<'_>| {
            let records = set.data.iter().filter_map(|data| srv(data));
            let targets = records.filter(|srv| !srv.target.is_empty());
            targets.flat_map(|srv| by_address(&srv.target, srv.port, self.rank(server, srv))).collect()
        };
        sets.iter().map(list).collect()
    }

    fn rank(&self, server: usize, srv: &Srv) -> Rank {
        let lightness = match self.profile.servers.srv_weight {
            SrvWeight::HighestFirst => u16::MAX - srv.weight,
            SrvWeight::Random => 0,
        };
        Rank { server, priority: srv.priority, lightness }
    }

    /// The SRV records of a domain, as told last, and before that if it held still.
    fn services(&self, host: &str, transport: Transport, chosen: Instant) -> Vec<RecordSet<'_>> {
        let (service, fallback) = match transport {
            Transport::Udp => ("SIP+D2U", "_sip._udp"),
            Transport::Tcp => ("SIP+D2T", "_sip._tcp"),
            Transport::Tls => ("SIPS+D2T", "_sips._tcp"),
        };
        let naptr = self.dns.told(host, RecordKind::Naptr, chosen).pop();
        let replacement = naptr.iter().flat_map(|set| &set.data).find_map(|data| match data {
            RecordData::Naptr(naptr) if naptr.service.eq_ignore_ascii_case(service) => {
                Some(naptr.replacement.clone())
            }
            _ => None,
        });
        let owner = replacement.unwrap_or_else(|| format!("{fallback}.{host}"));
        let mut told = self.dns.told(&owner, RecordKind::Srv, chosen);
        let Some(last) = told.pop() else { return Vec::new() };
        let before = told.pop().filter(|set| set.until >= chosen && set.data != last.data);
        [Some(last), before].into_iter().flatten().filter(|set| !set.data.is_empty()).collect()
    }
}

fn srv(data: &RecordData) -> Option<&Srv> {
    match data {
        RecordData::Srv(srv) => Some(srv),
        _ => None,
    }
}

/// The parts of `example.test:5070`.
fn host_and_port(name: &str) -> (String, Option<u16>) {
    match name.rsplit_once(':').map(|(host, port)| (host, port.parse())) {
        Some((host, Ok(port))) => (plain(host), Some(port)),
        _ => (plain(name), None),
    }
}
