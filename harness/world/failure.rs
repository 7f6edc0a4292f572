//! Why a step ended its scenario, sorted by who is at fault.

use sipfarm_judge::Finding;

use crate::phone::PressError;

/// Why a step ended its scenario.
#[derive(Debug, Clone, thiserror::Error)]
pub enum StepFailure {
    /// A rule was not kept, or could not be decided.
    #[error("expected {}; seen: {}", .0.expected, .0.seen)]
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
    #[error("the lab is not fit: {0}")]
    Lab(String),
    /// A bug of ours.
    #[error("bug in sipfarm: {0}")]
    Bug(String),
}

impl StepFailure {
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
            PressError::Lost(_) => StepFailure::Lab(text),
            PressError::Bug(_) => StepFailure::Bug(text),
        }
    }
}
