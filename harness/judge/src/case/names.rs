//! Who is who: the phone's addresses and the names of the nodes.

use std::collections::BTreeSet;
use std::net::{IpAddr, SocketAddr};

use sipfarm_core::machine::Transport;
use sipfarm_core::profile::Profile;
use sipfarm_core::sip::Method;

use super::notes::Notes;
use crate::mark::{Node, Scene, Which};
use crate::timeline::Timeline;

/// Addresses and their names.
#[derive(Debug, Clone)]
pub struct Names {
    phone: BTreeSet<IpAddr>,
    /// The addresses of the other phone of the scenario.
    other_phone: BTreeSet<IpAddr>,
    nodes: Vec<Node>,
    order: Vec<String>,
}

impl Names {
    /// From the scene. A capture without one has the names that somebody tells, and where nobody tells
    /// the phone it is [`Guess`]ed.
    pub fn new(notes: &Notes<'_>, timeline: &Timeline, profile: &Profile, which: Which) -> Self {
        match notes.scene {
            Some(scene) => Names {
                phone: addresses_of(notes, scene, which == Which::First),
                other_phone: addresses_of(notes, scene, which == Which::Second),
                nodes: scene.nodes.clone(),
                order: server_order(scene, profile),
            },
            None => {
                let cast = notes.cast.cloned().unwrap_or_default();
                let told: BTreeSet<_> = cast.phone.into_iter().collect();
                Names {
                    other_phone: BTreeSet::new(),
                    phone: if told.is_empty() { Guess::of(timeline).phone } else { told },
                    order: cast.servers.iter().map(|node| node.name.clone()).collect(),
                    nodes: cast.servers,
                }
            }
        }
    }

    /// Whether that address is the phone's.
    pub fn is_phone(&self, addr: SocketAddr) -> bool {
        self.phone.contains(&addr.ip()) && !self.nodes.iter().any(|node| node.is_at(addr))
    }

    /// Whether that address is the other phone's: nobody's, as far as this one is judged.
    pub fn is_other_phone(&self, addr: IpAddr) -> bool {
        self.other_phone.contains(&addr)
    }

    /// The phone's addresses.
    pub fn phone(&self) -> impl Iterator<Item = IpAddr> + '_ {
        self.phone.iter().copied()
    }

    /// Whether a node has that host address.
    pub fn is_host_of_node(&self, addr: IpAddr) -> bool {
        self.nodes.iter().any(|node| node.addr.ip() == addr)
    }

    /// Whether what goes from `from` to `to` comes to a node from neither the phone nor a node.
    pub fn is_stranger(&self, from: SocketAddr, to: SocketAddr) -> bool {
        !self.is_phone(from)
            && !self.is_other_phone(from.ip())
            && !self.is_host_of_node(from.ip())
            && self.nodes.iter().any(|node| node.is_at(to))
    }

    /// The node of that name.
    pub fn node(&self, name: &str) -> Option<&Node> {
        self.nodes.iter().find(|node| node.name == name)
    }

    /// The node at that address. A stream that a node opened comes from a port of its own, so over
    /// TCP a host address that only one node has is enough.
    pub fn node_at(&self, addr: SocketAddr, transport: Transport) -> Option<&Node> {
        let exact = self.nodes.iter().find(|node| node.is_at(addr));
        let same_host = || {
            let mut hosts = self.nodes.iter().filter(|node| node.addr.ip() == addr.ip());
            hosts.next().filter(|_| transport.is_reliable() && hosts.next().is_none())
        };
        exact.or_else(same_host)
    }

    /// Whether a message to or from `addr` is a message to or from the node of that name.
    pub fn is_node(&self, name: &str, addr: SocketAddr, transport: Transport) -> bool {
        self.node_at(addr, transport).is_some_and(|node| node.name == name)
    }

    /// The servers in the order in which the phone must try them; empty when it is not known.
    pub fn order(&self) -> &[String] {
        &self.order
    }

    /// The place of the server at that address in the order.
    pub fn place(&self, addr: SocketAddr, transport: Transport) -> Option<usize> {
        let name = &self.node_at(addr, transport)?.name;
        self.order.iter().position(|server| server == name)
    }

    /// An address for people: `"primary"`, or the address itself where it has no name.
    pub fn show(&self, addr: SocketAddr, transport: Transport) -> String {
        match self.node_at(addr, transport) {
            Some(node) => format!("\"{}\"", node.name),
            None => addr.to_string(),
        }
    }

    /// A node for people, with its address: `"primary" (127.0.0.11:5060)`.
    pub fn show_node(&self, name: &str) -> String {
        match self.node(name) {
            Some(node) => format!("\"{name}\" ({})", node.addr),
            None => format!("\"{name}\""),
        }
    }
}

/// The addresses of the first phone, or of the second.
fn addresses_of(notes: &Notes<'_>, scene: &Scene, first: bool) -> BTreeSet<IpAddr> {
    let addresses = if first { scene.phone.as_slice() } else { notes.second_phone };
    addresses.iter().copied().collect()
}

/// The profile's order, without servers that the scene does not have. A scene whose servers have
/// other names altogether is taken in the order of its declaration.
fn server_order(scene: &Scene, profile: &Profile) -> Vec<String> {
    let servers: Vec<_> = scene.nodes.iter().filter(|node| node.server).map(|node| &node.name).collect();
    let ordered: Vec<_> =
        profile.servers.order.iter().filter(|name| servers.contains(name)).cloned().collect();
    if ordered.is_empty() { servers.into_iter().cloned().collect() } else { ordered }
}

/// The phone of a capture in which nobody says who it is.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Guess {
    /// Its addresses; several where several phones register.
    pub phone: BTreeSet<IpAddr>,
    /// Why these, in words that follow the address.
    pub why: &'static str,
}

impl Guess {
    /// Whoever sends REGISTER as its first hop, else whoever sends the first INVITE.
    pub fn of(timeline: &Timeline) -> Guess {
        let first_hop = |method: Method| {
            timeline
                .sip()
                .filter(move |(_, sip)| {
                    sip.message.is_request(&method) && sip.message.values("Via").len() == 1
                })
                .map(|(_, sip)| sip.src.ip())
        };
        let registrants: BTreeSet<_> = first_hop(Method::Register).collect();
        if !registrants.is_empty() {
            return Guess { phone: registrants, why: "sends REGISTER with no Via but its own" };
        }
        let caller: BTreeSet<_> = first_hop(Method::Invite).take(1).collect();
        match caller.is_empty() {
            false => Guess { phone: caller, why: "sends the first INVITE with no Via but its own" },
            true => Guess { phone: caller, why: "nobody sends a REGISTER or INVITE with no Via but its own" },
        }
    }
}
