//! sipfarm: a SIP conformance and failover test harness.

pub mod capture;
pub mod cli;
pub mod error;
pub mod farm;
pub mod lint;
pub mod net;
pub mod phone;
pub mod report;
pub mod requirements;
pub mod run;
pub mod steps;
pub mod world;
