//! sipfarm: a SIP conformance and failover test harness.

pub mod capture;
pub mod farm;
pub mod net;
