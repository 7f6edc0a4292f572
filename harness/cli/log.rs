//! The program's own log, for those who look for a fault in it: silent unless `SIPFARM_LOG` asks,
//! as in `SIPFARM_LOG=sipfarm=debug`. Evidence never goes here; it is in the capture.

use tracing_subscriber::EnvFilter;

/// Starts the log on standard error.
pub fn start() {
    let Ok(filter) = EnvFilter::try_from_env("SIPFARM_LOG") else { return };
    tracing_subscriber::fmt().with_env_filter(filter).with_writer(std::io::stderr).init();
}
