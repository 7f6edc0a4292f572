//! What went wrong in the lab or in the harness, and is therefore never the phone's fault.

use std::fmt;
use std::io;
use std::net::{IpAddr, SocketAddr};

use sipfarm_core::machine::Transport;
use sipfarm_core::{Instant, Span};
use thiserror::Error;

use super::MachineId;

/// Trouble of the lab's or of ours. A verdict that rests on the time or place it names is
/// inconclusive.
#[derive(Debug, Clone, PartialEq, Eq, Error)]
pub enum Trouble {
    /// A machine was served late: a deadline or a datagram waited.
    #[error("the harness was {by:.3} late")]
    Late {
        /// When it should have been served.
        at: Instant,
        /// By how much it was late.
        by: Span,
    },
    /// Somebody set the wall clock. The harness's own time went on evenly; kernel timestamps
    /// made after this are off by as much.
    #[error("the wall clock was stepped by {by:.3}")]
    Stepped {
        /// When it was still right, in the harness's own time.
        since: Instant,
        /// When it was noticed.
        at: Instant,
        /// By how much; negative when it was set back.
        by: Span,
    },
    /// An address could not be bound.
    #[error("cannot bind {transport} {addr}: {error}{}", hint(error.kind))]
    BindFailed {
        /// When.
        at: Instant,
        /// Over which transport.
        transport: Transport,
        /// The address.
        addr: SocketAddr,
        /// Why.
        error: OsError,
    },
    /// A datagram could not be sent.
    #[error("cannot send from {local} to {remote}: {error}")]
    SendFailed {
        /// When.
        at: Instant,
        /// From which address of ours.
        local: SocketAddr,
        /// To whom.
        remote: SocketAddr,
        /// Why.
        error: OsError,
    },
    /// Datagrams came faster than they were read, and found no room in the socket.
    #[error(
        "{count} datagrams to {local} were lost in this host before they were read (the sysctl net.core.rmem_max bounds how many may wait)"
    )]
    Overflowed {
        /// When the last one came that found room before.
        since: Instant,
        /// When the first one came that found room again.
        at: Instant,
        /// At which address of ours.
        local: SocketAddr,
        /// How many were lost.
        count: u32,
    },
    /// An ICMP error could not be forged.
    #[error("cannot send ICMP from {local}: {error} (a raw socket needs the privilege CAP_NET_RAW)")]
    ForgeryFailed {
        /// When.
        at: Instant,
        /// From which address of ours.
        local: IpAddr,
        /// Why.
        error: OsError,
    },
    /// A machine panicked and is gone. A bug of ours.
    #[error("machine {} panicked: {message}", machine.0)]
    Panicked {
        /// When.
        at: Instant,
        /// Which.
        machine: MachineId,
        /// What it said.
        message: String,
    },
    /// So much went wrong that the rest is not listed: from then on nothing is certain.
    #[error("more went wrong than is kept")]
    TooMany {
        /// When the first began that is not listed.
        at: Instant,
    },
}

impl Trouble {
    /// When it began.
    pub fn at(&self) -> Instant {
        match self {
            Trouble::Late { at, .. }
            | Trouble::Stepped { at, .. }
            | Trouble::BindFailed { at, .. }
            | Trouble::SendFailed { at, .. }
            | Trouble::Overflowed { since: at, .. }
            | Trouble::ForgeryFailed { at, .. }
            | Trouble::Panicked { at, .. }
            | Trouble::TooMany { at } => *at,
        }
    }
}

/// What the operating system said, in a form that can be copied and compared.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct OsError {
    /// Its kind.
    pub kind: io::ErrorKind,
    /// Its text.
    pub text: String,
}

impl From<io::Error> for OsError {
    fn from(error: io::Error) -> Self {
        OsError { kind: error.kind(), text: error.to_string() }
    }
}

impl fmt::Display for OsError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.text)
    }
}

/// What mends a failed bind.
fn hint(kind: io::ErrorKind) -> &'static str {
    match kind {
        io::ErrorKind::AddrInUse => " (another program holds it: `ss -lunpt` names it)",
        io::ErrorKind::AddrNotAvailable => " (no interface has it: `ip addr` shows those that are)",
        io::ErrorKind::PermissionDenied => " (ports below 1024 need the privilege)",
        _ => "",
    }
}
