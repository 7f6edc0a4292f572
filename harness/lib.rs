//! sipfarm: a SIP conformance and failover test harness.

#[cfg(not(target_os = "linux"))]
compile_error!(
    "sipfarm builds on Linux only: packet capture (AF_PACKET), the kernel's timestamps and the error queue \
     of sockets are Linux's. The crates sipfarm-core, sipfarm-ua and sipfarm-judge build everywhere."
);

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

#[cfg(test)]
#[path = "tests/support/skip.rs"]
mod skip;
