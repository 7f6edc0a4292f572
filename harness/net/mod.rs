//! The network: one trait, one driver loop, two implementations.

use sipfarm_core::Instant;
use sipfarm_core::machine::{Input, Output};

/// A machine's place in its driver.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct MachineId(pub usize);

/// Carries the machines' wishes to the world, and the world's events to the machines.
pub trait Net {
    /// The time.
    fn now(&mut self) -> Instant;
    /// Does what a machine wants done.
    fn perform(&mut self, machine: MachineId, output: Output);
    /// Waits for the next event, until `until` at the latest. The simulated network moves its
    /// clock here and nowhere else.
    fn next(&mut self, until: Instant) -> Option<(MachineId, Input)>;
}
