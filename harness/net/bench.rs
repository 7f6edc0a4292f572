//! Where a scenario's machines stand: on a simulated network of their own, or on real sockets.

use sipfarm_core::Instant;
use sipfarm_core::machine::Machine;

use super::{Driver, MachineId, RealLab, Trouble, VirtualNet};

/// A scenario's machines and the network under them.
pub enum Bench {
    /// Simulated: time moves only while somebody waits.
    Virtual(Box<Driver<VirtualNet>>),
    /// Real sockets, driven by a thread of their own.
    Real(RealLab),
}

impl Bench {
    /// The time here.
    pub fn now(&mut self) -> Instant {
        match self {
            Bench::Virtual(driver) => driver.now(),
            Bench::Real(lab) => lab.now(),
        }
    }

    /// What went wrong so far, but for the first `known`.
    pub fn troubles(&mut self, known: usize) -> Vec<Trouble> {
        match self {
            Bench::Virtual(driver) => driver.net().troubles().get(known..).unwrap_or_default().to_vec(),
            Bench::Real(lab) => lab.troubles_after(known),
        }
    }

    /// Puts a machine on the bench.
    pub fn add(&mut self, machine: Box<dyn Machine>) -> MachineId {
        match self {
            Bench::Virtual(driver) => driver.add(machine),
            Bench::Real(lab) => lab.add(machine),
        }
    }

    /// Runs a command of the machine's own type on it.
    pub fn command<M: Machine, R: Send + 'static>(
        &mut self,
        id: MachineId,
        command: impl FnOnce(&mut M, Instant) -> R + Send + 'static,
    ) -> R {
        match self {
            Bench::Virtual(driver) => driver.command(id, command),
            Bench::Real(lab) => lab.command(id, command),
        }
    }
}
