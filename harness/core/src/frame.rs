//! A link-layer frame with its time: what the tap sees, what the simulated network makes, what a
//! capture file holds.

use crate::time::Instant;

/// A link type as registered for pcap files.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct LinkType(pub u32);

impl LinkType {
    /// Ethernet II.
    pub const ETHERNET: LinkType = LinkType(1);
    /// Raw IPv4 or IPv6.
    pub const RAW: LinkType = LinkType(101);
}

/// One frame.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Frame {
    /// When it passed the tap.
    pub at: Instant,
    /// How to read the first octets.
    pub link: LinkType,
    /// The octets.
    pub data: Vec<u8>,
}
