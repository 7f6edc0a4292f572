//! Whose packets weigh on a verdict, as far as the capture's own scene says.

use std::collections::BTreeSet;
use std::net::IpAddr;

use sipfarm_judge::mark::Scene;

/// Which way a packet goes, seen from the farm: it is the farm's wire that is tapped.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Direction {
    /// A phone sent it.
    Inbound,
    /// It goes to a phone.
    Outbound,
}

/// The phones and the nodes. Before a scene is known, and in captures without one, anybody may be either.
#[derive(Debug, Clone, Default)]
pub struct Whose {
    phone: BTreeSet<IpAddr>,
    nodes: BTreeSet<IpAddr>,
}

impl Whose {
    /// Takes note of who is who.
    pub fn read(&mut self, scene: &Scene) {
        self.phone.extend(&scene.phone);
        self.nodes.extend(scene.nodes.iter().map(|node| node.addr.ip()));
    }

    /// Takes note of the addresses of one more phone.
    pub fn also(&mut self, phone: &[IpAddr]) {
        self.phone.extend(phone);
    }

    /// Which way a packet goes; none between nodes, between phones, and where it is not known who is who.
    pub fn direction(&self, src: IpAddr, dst: IpAddr) -> Option<Direction> {
        match (self.phone.contains(&src), self.phone.contains(&dst)) {
            (true, false) => Some(Direction::Inbound),
            (false, true) => Some(Direction::Outbound),
            _ => None,
        }
    }

    /// Whether a message between two addresses, either way, may be evidence: of the phone with anybody, or
    /// between nodes. What strangers say, to a node too, is none.
    pub fn may_matter(&self, one: IpAddr, other: IpAddr) -> bool {
        let ours = |ip| self.phone.contains(&ip) || self.nodes.contains(&ip);
        let phones = |ip| self.phone.contains(&ip);
        match (self.phone.is_empty(), self.nodes.is_empty()) {
            (true, true) => true,
            (true, false) => ours(one) || ours(other),
            (false, _) => phones(one) || phones(other) || ours(one) && ours(other),
        }
    }
}

#[cfg(test)]
impl Whose {
    /// A phone and a node.
    pub fn of(phone: &str, node: &str) -> Whose {
        let ip = |addr: &str| addr.parse::<std::net::SocketAddr>().expect("an address").ip();
        Whose { phone: [ip(phone)].into(), nodes: [ip(node)].into() }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_a_phone_sends_comes_in_at_the_farm() {
        let [phone, second, node, far_end] = [1, 2, 3, 4].map(|n| IpAddr::from([10, 0, 0, n]));
        let whose = Whose { phone: [phone, second].into(), nodes: [node, far_end].into() };
        assert_eq!(whose.direction(phone, node), Some(Direction::Inbound));
        assert_eq!(whose.direction(node, second), Some(Direction::Outbound));
        assert_eq!(whose.direction(node, far_end), None);
        assert_eq!(whose.direction(phone, second), None);
        assert_eq!(Whose::default().direction(phone, node), None);
    }

    #[test]
    fn strangers_matter_only_while_nobody_knows_who_is_who() {
        let [phone, node, far_end, stranger, other] = [1, 2, 3, 4, 5].map(|n| IpAddr::from([10, 0, 0, n]));
        let matter = |whose: &Whose| {
            [(phone, node), (node, far_end), (phone, stranger), (stranger, node), (stranger, other)]
                .map(|(one, other)| (whose.may_matter(one, other), whose.may_matter(other, one)))
                .map(|(forth, back)| forth && back)
        };
        let nodes = BTreeSet::from([node, far_end]);
        assert_eq!(matter(&Whose::default()), [true; 5]);
        let unknown_phone = Whose { phone: BTreeSet::new(), nodes: nodes.clone() };
        assert_eq!(matter(&unknown_phone), [true, true, false, true, false]);
        let whose = Whose { phone: BTreeSet::from([phone]), nodes };
        assert_eq!(matter(&whose), [true, true, true, false, false]);
    }
}
