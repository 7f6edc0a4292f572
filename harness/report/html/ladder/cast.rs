//! The columns of a ladder: nodes by their names, strangers by their addresses.

use std::collections::BTreeMap;
use std::net::{IpAddr, SocketAddr};

use sipfarm_judge::Timeline;
use sipfarm_judge::mark::{Mark, Node};

/// How many strangers have a column of their own; the others share one.
const MAX_STRANGERS: usize = 6;

/// One who takes part.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Column {
    /// His name; of a stranger his address.
    pub name: String,
    /// Where he is reached.
    pub address: String,
}

/// Who stands in which column.
#[derive(Debug, Default)]
pub struct Cast {
    columns: Vec<Column>,
    nodes: Vec<(Node, usize)>,
    hosts: BTreeMap<IpAddr, usize>,
    strangers: usize,
}

impl Cast {
    /// As the scenario's marks say: the phone, the servers in their order, the far ends.
    pub fn of(timeline: &Timeline) -> Cast {
        let mut cast = Cast::default();
        for (_, mark) in timeline.marks() {
            match mark {
                Mark::Scenario(scene) => {
                    cast.phone("phone", &scene.phone);
                    scene.nodes.iter().for_each(|node| cast.node(node));
                }
                Mark::Cast(told) => {
                    cast.phone("phone", &told.phone);
                    told.servers.iter().for_each(|node| cast.node(node));
                }
                Mark::SecondPhone { addresses } => cast.phone("second phone", addresses),
                _ => {}
            }
        }
        cast
    }

    /// The column of an address; a stranger gets a new one.
    pub fn at(&mut self, addr: SocketAddr) -> usize {
        let node = self.nodes.iter().find(|(node, _)| node.is_at(addr));
        match node.map(|(_, column)| *column) {
            Some(column) => column,
            None => self.host(addr.ip()),
        }
    }

    /// The column of a host.
    pub fn host(&mut self, ip: IpAddr) -> usize {
        if let Some(column) = self.hosts.get(&ip) {
            return *column;
        }
        self.strangers += 1;
        if self.strangers <= MAX_STRANGERS {
            self.columns.push(Column { name: ip.to_string(), address: String::new() });
        } else if self.strangers == MAX_STRANGERS + 1 {
            self.columns.push(Column { name: "others".to_owned(), address: String::new() });
        }
        let column = self.columns.len() - 1;
        self.hosts.insert(ip, column);
        column
    }

    /// The column of the node of that name.
    pub fn named(&self, name: &str) -> Option<usize> {
        self.nodes.iter().find(|(node, _)| node.name == name).map(|(_, column)| *column)
    }

    /// The phone's column, where somebody says who that is.
    pub fn of_phone(&self, second: bool) -> Option<usize> {
        let name = if second { "second phone" } else { "phone" };
        self.columns.iter().position(|column| column.name == name)
    }

    /// How many columns there are.
    pub fn len(&self) -> usize {
        self.columns.len()
    }

    /// All columns, from left to right.
    pub fn into_columns(self) -> Vec<Column> {
        self.columns
    }

    /// Whether a column is shown even where nothing comes or goes: the phone's and those of servers, for a server that
    /// is left alone says something.
    pub fn is_shown_idle(&self, column: usize) -> bool {
        let is_server = self.nodes.iter().any(|(node, its)| *its == column && node.server);
        is_server || Some(column) == self.of_phone(false)
    }

    fn phone(&mut self, name: &str, addresses: &[IpAddr]) {
        let Some(first) = addresses.first() else { return };
        let column = self.columns.len();
        self.columns.push(Column { name: name.to_owned(), address: first.to_string() });
        for address in addresses {
            self.hosts.entry(*address).or_insert(column);
        }
    }

    fn node(&mut self, node: &Node) {
        let column = self.columns.len();
        self.columns.push(Column { name: node.name.clone(), address: node.addr.to_string() });
        self.hosts.entry(node.addr.ip()).or_insert(column);
        self.nodes.push((node.clone(), column));
    }
}
