//! The resilience group that a scenario asks for.

use sipfarm_core::Instant;

use crate::farm::{Group, GroupSettings, Node, Role};

/// The resilience group that a scenario asks for.
#[derive(Debug, Clone)]
pub struct GroupPlan {
    /// The home of the phone.
    pub home: String,
    /// The system that takes it when the home is gone.
    pub alternate: String,
    /// How it is set up.
    pub settings: GroupSettings,
}

impl GroupPlan {
    /// The group, when its systems begin to see each other.
    pub(super) fn found(&self, now: Instant) -> Group {
        Group::new([&self.home, &self.alternate], self.settings.clone(), now)
    }

    /// The domain of that node, where it is another than the farm's.
    pub(super) fn domain_of(&self, node: &str) -> Option<&str> {
        self.settings.alternate_domain().filter(|_| node == self.alternate)
    }

    /// Gives a node its place in the group, if it has one.
    pub(super) fn place(&self, group: &Group, node: &mut Node) {
        if node.name() == self.home {
            node.join(group.member(Role::Home));
        } else if node.name() == self.alternate {
            node.join(group.member(Role::Alternate));
        }
    }
}
