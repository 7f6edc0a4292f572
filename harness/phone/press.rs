//! Why a key could not be pressed.

use sipfarm_core::Key;

/// Why a key could not be pressed. Never the phone's verdict: what depends on it was not exercised.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum PressError {
    /// The phone is in no state for it.
    #[error("the phone cannot {key}: {reason}")]
    Refused {
        /// What was to be done.
        key: Key,
        /// The phone's own reason.
        reason: String,
    },
    /// The phone's driver has no such key.
    #[error("the phone cannot {key}: its profile has nothing under control.process.keys.{name}")]
    NoKey {
        /// What was to be done.
        key: Key,
        /// The key's name in the profile.
        name: String,
    },
    /// The profile does not describe the phone's program rightly.
    #[error("{0}")]
    Profile(String),
    /// The phone's process is gone or does not answer.
    #[error("the phone is lost: {0}")]
    Lost(String),
    /// The reference phone itself has met a bug of ours.
    #[error("the reference phone broke: {0}")]
    Bug(String),
}
