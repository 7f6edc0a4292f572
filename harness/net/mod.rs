//! The network: one trait, one driver loop, two implementations.
//!
//! [`VirtualNet`] simulates hosts, links and a clock that jumps; [`RealNet`] owns sockets. Machines
//! cannot tell which of them carries their wishes.

mod bench;
mod driver;
pub mod frames;
mod kind;
mod real;
mod slices;
#[cfg(test)]
pub(crate) mod testing;
mod tls;
mod trouble;
mod virtual_net;

use sipfarm_core::machine::{Input, Output};
use sipfarm_core::{Instant, Span};

pub use bench::Bench;
pub use driver::Driver;
pub use kind::NetKind;
pub use real::{RealLab, RealNet, RealOptions};
pub use slices::{Slice, bind};
pub use tls::{SecretSink, TlsOptions, authority_pem};
pub use trouble::{OsError, Trouble};
pub use virtual_net::{Host, Link, VirtualNet};

/// How long a host sends SYN without an answer before it gives up, unless told otherwise: what
/// Linux does with `tcp_syn_retries` 6, SYN at 0, 1, 3, 7, 15, 31 and 63 s and the end at 127 s.
pub const CONNECT_TIMEOUT: Span = Span::from_secs(127);

/// How long a host waits for the acknowledgement of sent data, unless told otherwise: R2 of
/// RFC 1122 section 4.2.3.5 is at least 100 s.
pub const UNACKNOWLEDGED_TIMEOUT: Span = Span::from_secs(100);

/// A machine's place in its driver.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct MachineId(pub usize);

/// Carries the machines' wishes to the world, and the world's events to the machines.
pub trait Net {
    /// The time.
    fn now(&mut self) -> Instant;
    /// Does what a machine wants done.
    fn perform(&mut self, machine: MachineId, output: Output);
    /// Sends what was kept back: a network may keep datagrams for as long as events wait to be served.
    fn flush(&mut self) {}
    /// Waits for the next event, until `until` at the latest. The simulated network moves its
    /// clock here and nowhere else.
    fn next(&mut self, until: Instant) -> Option<(MachineId, Input)>;
    /// Closes all ports and streams of a machine.
    fn release(&mut self, machine: MachineId);
    /// Takes note of trouble that is not the phone's fault.
    fn note(&mut self, trouble: Trouble);
}
