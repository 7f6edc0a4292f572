//! The networks that there are, by name.

use schemars::JsonSchema;
use serde::Deserialize;

/// Where the farm stands.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize, JsonSchema, clap::ValueEnum)]
#[serde(rename_all = "lowercase")]
pub enum NetKind {
    /// In a simulated network, in virtual time
    Virtual,
    /// On real sockets in 127.0.0.0/8, in real time
    Loopback,
}

impl NetKind {
    /// As on the command line.
    pub fn as_str(self) -> &'static str {
        match self {
            NetKind::Virtual => "virtual",
            NetKind::Loopback => "loopback",
        }
    }
}
