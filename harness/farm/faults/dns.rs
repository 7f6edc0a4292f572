//! What faults see of DNS, and what they can do about it.

use std::fmt;
use std::net::SocketAddr;

use sipfarm_core::Span;
use sipfarm_core::dns::{DnsMessage, ResponseCode};
use sipfarm_core::machine::Transport;

use super::Direction;

/// What a node of the farm speaks; not every fault makes sense at every node.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum NodeKind {
    /// SIP: a registrar and proxy.
    Sip,
    /// DNS.
    Dns,
    /// The other party of a call.
    FarEnd,
}

impl fmt::Display for NodeKind {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            NodeKind::Sip => "a SIP server",
            NodeKind::Dns => "a DNS server",
            NodeKind::FarEnd => "the far end",
        })
    }
}

/// A DNS message as the faults see it.
pub(in crate::farm) struct SeenDns<'a> {
    /// The message.
    pub message: &'a DnsMessage,
    /// Towards the node or away from it.
    pub direction: Direction,
    /// Over what.
    pub transport: Transport,
    /// The address of the other side.
    pub peer: SocketAddr,
}

/// What a fault does with a DNS message.
#[derive(Debug, Clone)]
pub(in crate::farm) enum DnsAction {
    /// The query is answered so, without records.
    Code(ResponseCode),
    /// The query is answered without records, and that the answer did not fit.
    Truncate,
    /// The message goes on later, to the faults behind this one.
    Delay(Span),
    /// The message is gone.
    Drop,
    /// The message goes on now, and again `count` times, each `every` after the one before.
    Duplicate {
        /// How many copies.
        count: u32,
        /// How far apart.
        every: Span,
    },
    /// The connection that carries the message is reset; the message is gone.
    Reset,
}
