//! Why a step ended its scenario, sorted by who is at fault.

use sipfarm_judge::Finding;

use crate::phone::PressError;

/// What mends a lab that is not fit.
pub mod fix {
    /// An address or a port is taken.
    pub const TAKEN: &str = "see who has it: ss -lnptu; end that, or run fewer scenarios at once with --jobs";
    /// A packet could not be sent as from somebody else.
    pub const FORGING: &str = "let the program do it: sudo setcap cap_net_raw+ep $(which sipfarm)";
    /// A capture cannot be written.
    pub const NO_ROOM: &str = "make room there, or choose another folder with --out DIR";
    /// The system gives no sockets, threads or memory.
    pub const NO_SOCKETS: &str = "see what you may have: ulimit -a; let more files be open: ulimit -n 4096";
    /// No loopback address can be had.
    pub const NO_LOOPBACK: &str =
        "see that the interface is up and who has ports there: ip address show lo; ss -lnptu";
    /// The phone was lost.
    pub const LOST: &str =
        "see that the phone runs, then try again what did not end well: sipfarm run --failed";
}

/// Why a step ended its scenario.
#[derive(Debug, Clone, thiserror::Error)]
pub enum StepFailure {
    /// A rule was not kept, or could not be decided.
    #[error("expected {}; seen: {}", .0.expectation(), .0.seen)]
    Finding(Box<Finding>),
    /// A condition that the rest rests on did not come to pass.
    #[error("precondition not met: {0}")]
    Unmet(String),
    /// The phone did not take a command.
    #[error("not exercised: {0}")]
    NotExercised(String),
    /// The scenario does not fit together: its author's fault.
    #[error("{0}")]
    Setup(String),
    /// The lab does not permit it: an address, a port, a lost phone.
    #[error("the lab is not fit: {what}")]
    Lab {
        /// What is wrong.
        what: String,
        /// What mends it.
        fix: &'static str,
    },
    /// A bug of ours.
    #[error("bug in sipfarm: {0}")]
    Bug(String),
}

impl StepFailure {
    /// The lab does not permit it, and what mends that.
    pub fn lab(what: impl ToString, fix: &'static str) -> Self {
        StepFailure::Lab { what: what.to_string(), fix }
    }

    /// What to do about it.
    pub fn hint(&self) -> Option<String> {
        match self {
            StepFailure::Lab { fix, .. } => Some((*fix).to_owned()),
            _ => None,
        }
    }

    /// A bug of ours.
    pub fn bug(what: impl Into<String>) -> Self {
        StepFailure::Bug(what.into())
    }
}

impl From<PressError> for StepFailure {
    fn from(error: PressError) -> Self {
        let text = error.to_string();
        match error {
            PressError::Refused { .. } | PressError::NoKey { .. } => StepFailure::NotExercised(text),
            PressError::Profile(_) => StepFailure::Setup(text),
            PressError::Lost(_) => StepFailure::lab(text, fix::LOST),
            PressError::Bug(_) => StepFailure::Bug(text),
        }
    }
}
