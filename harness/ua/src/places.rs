//! Where the phone's servers are. Servers are numbered by their place in the phone's list; an
//! address that DNS gives for one of them gets the next free number and keeps it, so that whatever
//! is known of it (that it is to be left alone, that a registration stands there) stays known.

use std::collections::{BTreeMap, BTreeSet, VecDeque};
use std::net::SocketAddr;

use sipfarm_core::dns::Question;
use sipfarm_core::machine::{Input, Output, Transport};
use sipfarm_core::profile::SrvWeight;
use sipfarm_core::{Instant, Span};

use crate::defect::{Defect, Defects};
use crate::dns::{Client, Found, NotFound, Search, Step, Wanted, arrange};
use crate::phone::{Destination, PhoneConfig};
use crate::tx::Target;

/// How many addresses are known at a time. More are not used: who has so many invents them.
const MAX_ADDRESSES: usize = 1024;

/// What the seed of DNS differs in from that of SIP, so that who asks DNS draws the same branches.
const DNS_SEED: u64 = 0x444e_5300;

/// Where the servers are, as far as that is known.
#[derive(Debug)]
pub struct Places {
    /// The servers of the list.
    servers: Vec<Place>,
    /// The addresses that DNS gave, and for which server; their numbers follow those of the list.
    addresses: Vec<(usize, Target)>,
    lists: BTreeMap<usize, List>,
    searches: BTreeMap<usize, Running>,
    ended: VecDeque<(usize, Result<(), NotFound>)>,
    client: Client,
    srv_weight: SrvWeight,
    defects: Defects,
}

/// A server of the phone's list.
#[derive(Debug)]
enum Place {
    At(Target),
    Behind(Wanted),
}

/// What DNS said about a server.
#[derive(Debug)]
struct List {
    /// Its addresses, by number, in the order in which they are tried. It is drawn once for each
    /// answer, so that requests stay with their server while the answer lives.
    order: Vec<usize>,
    found_at: Instant,
    /// `None`: for ever.
    life: Option<(Span, Instant)>,
}

#[derive(Debug)]
struct Running {
    search: Search,
    waits_for: BTreeSet<Question>,
}

/// Where a server is.
#[derive(Debug, PartialEq, Eq)]
pub enum Whereabouts {
    /// At these addresses, by number, in the order in which they are tried.
    At(Vec<usize>),
    /// DNS has been asked.
    Asked,
    /// Nowhere.
    Nowhere(NotFound),
}

impl Places {
    /// Of the servers of that configuration.
    pub fn new(config: &PhoneConfig) -> Self {
        let allowed = &config.profile.transport.allowed;
        let preferred = config.profile.transport.default;
        let others = allowed.iter().copied().filter(|transport| *transport != preferred);
        let usable: Vec<Transport> = std::iter::once(preferred).chain(others).collect();
        let place = |server: &crate::phone::Server| match &server.at {
            Destination::Address(addr) => {
                Place::At(Target { addr: *addr, transport: server.transport.unwrap_or(Transport::Udp) })
            }
            Destination::Name { host, port } => Place::Behind(Wanted {
                host: host.clone(),
                // Where a port is given there is no SRV to ask for.
                port: port.or(config.defects.has(Defect::AsksNoSrv).then_some(preferred.default_port())),
                transport: server.transport,
                usable: usable.clone(),
                v6: config.local.is_ipv6(),
            }),
        };
        Places {
            servers: config.servers.iter().map(place).collect(),
            addresses: Vec::new(),
            lists: BTreeMap::new(),
            searches: BTreeMap::new(),
            ended: VecDeque::new(),
            client: Client::new(config.local, config.dns.clone(), config.seed ^ DNS_SEED, &config.defects)
                .keeping(config.profile.servers.keeps_dns),
            srv_weight: config.profile.servers.srv_weight,
            defects: config.defects.clone(),
        }
    }

    /// The server of the list that an address belongs to; of the list's own numbers, themselves.
    pub fn owner(&self, number: usize) -> usize {
        match number.checked_sub(self.servers.len()) {
            Some(index) => self.addresses.get(index).map_or(number, |(owner, _)| *owner),
            None => number,
        }
    }

    /// Where requests go that are sent to that number; `None` for a name.
    pub fn target(&self, number: usize) -> Option<Target> {
        match self.servers.get(number) {
            Some(Place::At(target)) => Some(*target),
            Some(Place::Behind(_)) => None,
            None => self.addresses.get(number - self.servers.len()).map(|(_, target)| *target),
        }
    }

    /// The name behind which DNS has found that target.
    pub fn domain_of(&self, target: Target) -> Option<&str> {
        let (owner, _) = self.addresses.iter().find(|(_, known)| *known == target)?;
        match self.servers.get(*owner)? {
            Place::Behind(wanted) => Some(&wanted.host),
            Place::At(_) => None,
        }
    }

    /// Whether one of the servers is at that address.
    pub fn is_server(&self, addr: SocketAddr) -> bool {
        let listed = self.servers.iter().filter_map(|place| match place {
            Place::At(target) => Some(target),
            Place::Behind(_) => None,
        });
        listed.chain(self.addresses.iter().map(|(_, target)| target)).any(|target| target.addr == addr)
    }

    /// Whether that number is a name, or an address that DNS gave.
    pub fn is_of_dns(&self, number: usize) -> bool {
        matches!(self.servers.get(self.owner(number)), Some(Place::Behind(_)))
    }

    /// Where a server of the list is. What DNS said is used for as long as it may be, and at the
    /// instant at which it came.
    pub fn locate(&mut self, server: usize, now: Instant) -> Whereabouts {
        let Some(Place::Behind(wanted)) = self.servers.get(server) else {
            return Whereabouts::At(vec![server]);
        };
        let keeps = self.defects.has(Defect::KeepsExpiredDnsAnswer);
        if let Some(list) = self.lists.get(&server).filter(|list| list.is_good(now) || keeps) {
            return Whereabouts::At(list.order.clone());
        }
        if self.searches.contains_key(&server) {
            return Whereabouts::Asked;
        }
        let search = Search::new(wanted.clone());
        match self.go_on(server, Running { search, waits_for: BTreeSet::new() }, now) {
            None => Whereabouts::Asked,
            Some(Err(reason)) => Whereabouts::Nowhere(reason),
            Some(Ok(())) => {
                Whereabouts::At(self.lists.get(&server).map(|list| list.order.clone()).unwrap_or_default())
            }
        }
    }

    /// What DNS said last about a name: its addresses in order, whether still good or not.
    pub fn known(&self, server: usize) -> Option<&[usize]> {
        self.lists.get(&server).map(|list| list.order.as_slice())
    }

    /// Whether nothing comes before that number along these servers of the list.
    pub fn is_first(&self, servers: &[usize], number: usize) -> bool {
        servers.first().is_some_and(|first| {
            *first == number || self.known(*first).is_some_and(|known| known.first() == Some(&number))
        })
    }

    /// How long DNS said that its last answer about a server may be kept, and until when.
    pub fn life(&self, server: usize) -> Option<(Span, Instant)> {
        self.lists.get(&server)?.life
    }

    /// Takes note of what happened on the network, and gives back what is no answer of DNS.
    pub fn handle(&mut self, input: Input, now: Instant) -> Option<Input> {
        let rest = self.client.handle(input, now);
        self.take_answers(now);
        rest
    }

    /// Does what is due.
    pub fn fire(&mut self, now: Instant) {
        self.client.fire(now);
        self.take_answers(now);
    }

    /// When to fire next.
    pub fn deadline(&self) -> Option<Instant> {
        self.client.deadline()
    }

    /// The next server that DNS was asked about and that was found, or was not.
    pub fn poll_ended(&mut self) -> Option<(usize, Result<(), NotFound>)> {
        self.ended.pop_front()
    }

    /// What the network has to do next.
    pub fn poll_output(&mut self) -> Option<Output> {
        self.client.poll_output()
    }

    /// Forgets everything that DNS said.
    pub fn forget(&mut self) {
        self.client.forget();
        self.addresses.clear();
        self.lists.clear();
        self.searches.clear();
        self.ended.clear();
    }

    fn take_answers(&mut self, now: Instant) {
        while let Some((question, answer)) = self.client.poll_answer() {
            let asks = |running: &Running| running.waits_for.contains(&question);
            let asking: Vec<usize> = self
                .searches
                .iter()
                .filter(|(_, running)| asks(running))
                .map(|(server, _)| *server)
                .collect();
            for server in asking {
                let Some(mut running) = self.searches.remove(&server) else { continue };
                running.waits_for.remove(&question);
                running.search.learn(question.clone(), answer.clone());
                if let Some(end) = self.go_on(server, running, now) {
                    self.ended.push_back((server, end));
                }
            }
        }
    }

    /// Goes on with a search until it waits for DNS (`None`) or has ended.
    fn go_on(&mut self, server: usize, mut running: Running, now: Instant) -> Option<Result<(), NotFound>> {
        loop {
            let questions = match running.search.step() {
                Step::Ask(questions) => questions,
                Step::Found(found) => {
                    self.note(server, found, now);
                    return Some(Ok(()));
                }
                Step::NotFound(reason) => {
                    self.lists.remove(&server);
                    return Some(Err(reason));
                }
            };
            for question in questions {
                if running.waits_for.contains(&question) {
                    continue;
                }
                match self.client.ask(&question, now) {
                    Some(answer) => running.search.learn(question, answer),
                    None => drop(running.waits_for.insert(question)),
                }
            }
            if !running.waits_for.is_empty() {
                self.searches.insert(server, running);
                return None;
            }
        }
    }

    fn note(&mut self, server: usize, found: Found, now: Instant) {
        let targets = arrange(found.choices, self.srv_weight, &self.defects, self.client.rng());
        let order = targets.into_iter().filter_map(|target| self.number(server, target)).collect();
        let life = found.ttl.zip(found.expires);
        self.lists.insert(server, List { order, found_at: now, life });
    }

    /// The number of an address of that server.
    fn number(&mut self, server: usize, target: Target) -> Option<usize> {
        let known = self.addresses.iter().position(|address| *address == (server, target));
        let index = known.or_else(|| {
            (self.addresses.len() < MAX_ADDRESSES).then(|| {
                self.addresses.push((server, target));
                self.addresses.len() - 1
            })
        })?;
        Some(self.servers.len() + index)
    }
}

impl List {
    fn is_good(&self, now: Instant) -> bool {
        self.found_at == now || self.life.is_none_or(|(_, expires)| now < expires)
    }
}
