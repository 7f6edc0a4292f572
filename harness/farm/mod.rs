//! The fake side: nodes (registrar and proxy), far ends, and the faults that make nodes misbehave.
//!
//! Nothing here owns a clock or a socket, and nothing here shares code with the phone side: a
//! node and a far end are machines ([`sipfarm_core::machine::Machine`]).

mod dns;
mod far_end;
mod faults;
mod group;
mod node;
mod stack;
#[cfg(test)]
mod testing;

pub use dns::{DnsConfig, DnsNode, Row};
pub use far_end::{Behaviour, CallOrder, FarEnd, FarEndConfig, FarEndKind, Precedence, Sessions};
pub use faults::{
    Direction, FaultError, FaultId, FaultInfo, FaultSpec, NodeKind, ParameterInfo, fault_catalogue,
};
pub use group::{
    Group, GroupSettings, Member, Note, Occurrence, Rings, Role, Switch, Trunk, TrunkEnd, Trunks,
};
pub use node::{Account, Binding, Node, NodeConfig};
