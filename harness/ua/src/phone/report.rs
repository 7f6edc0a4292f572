//! What the phone tells its user.

use std::fmt;

/// Something that the phone's user would notice.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub enum Report {
    /// A binding stands, or stands with another server than before.
    Registered {
        /// With which server.
        server: String,
    },
    /// A binding was taken away.
    Unregistered {
        /// At which server.
        server: String,
    },
    /// A server that is known by name was not found.
    NotFound {
        /// Which.
        server: String,
        /// Why.
        reason: String,
    },
    /// No server took the registration.
    RegistrationFailed {
        /// The last one tried.
        server: String,
        /// Its response; `None` when there was none.
        code: Option<u16>,
    },
    /// A call comes in.
    Ringing {
        /// The caller's URI.
        from: String,
    },
    /// The call that comes in has precedence.
    Precedence {
        /// What the screen says of it.
        text: Option<String>,
        /// The ring type; `None`: the normal one, faster.
        ring_type: Option<u8>,
    },
    /// Several calls ring.
    AlertingList {
        /// Their Call-IDs, as the screen lists them from above.
        calls: Vec<String>,
    },
    /// The far end rings.
    Alerting,
    /// A call is up.
    CallEstablished,
    /// A call did not come about.
    CallFailed {
        /// The last response; `None` when there was none.
        code: Option<u16>,
    },
    /// A call is over, or an unanswered one was given up.
    CallEnded,
    /// A call gives way to a higher one, here or on the other side.
    CallPreempted,
    /// A call lives on although its server is lost.
    CallPreserved,
    /// The phone starts anew.
    Rebooted,
}

/// One line, as `sipfarm phone` prints it.
impl fmt::Display for Report {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Report::Registered { server } => write!(f, "registered with {server}"),
            Report::Unregistered { server } => write!(f, "unregistered at {server}"),
            Report::NotFound { server, reason } => write!(f, "cannot find {server}: {reason}"),
            Report::RegistrationFailed { server, code: Some(code) } => {
                write!(f, "registration failed: {code} from {server}")
            }
            Report::RegistrationFailed { server, code: None } => {
                write!(f, "registration failed: no answer from {server}")
            }
            Report::Ringing { from } => write!(f, "ringing: call from {from}"),
            Report::Precedence { text, ring_type } => {
                let text = text.as_deref().unwrap_or("none");
                let ring = ring_type.map_or_else(|| "normal, faster".to_owned(), |number| number.to_string());
                write!(f, "precedence: {text}; ring type: {ring}")
            }
            Report::AlertingList { calls } => write!(f, "alerting list: {}", calls.join(", ")),
            Report::Alerting => f.write_str("alerting"),
            Report::CallEstablished => f.write_str("call established"),
            Report::CallFailed { code: Some(code) } => write!(f, "call failed: {code}"),
            Report::CallFailed { code: None } => f.write_str("call failed: no answer"),
            Report::CallEnded => f.write_str("call ended"),
            Report::CallPreempted => f.write_str("call preempted"),
            Report::CallPreserved => f.write_str("call preserved"),
            Report::Rebooted => f.write_str("rebooted"),
        }
    }
}

/// Why the phone does not do what it was told.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Refusal {
    /// Every call appearance of the line is taken.
    Busy,
    /// There is no call.
    NoCall,
    /// No call rings here.
    NothingRings,
    /// The phone has no servers.
    NoServers,
    /// The call is not up, or is on hold already, or is being changed.
    CannotHold,
    /// The call is not on hold, or is being changed.
    CannotResume,
    /// That cannot be dialled.
    BadTarget(String),
    /// The phone has no line of that number.
    NoLine(u8),
    /// The phone has no call with that Call-ID.
    NoSuchCall(String),
    /// No two calls of a line are up.
    NothingToJoin,
    /// No calls are joined.
    NoConference,
    /// A call is rejected with 300 to 699.
    BadCode(u16),
}

impl fmt::Display for Refusal {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Refusal::Busy => f.write_str("there is a call already"),
            Refusal::NoCall => f.write_str("there is no call"),
            Refusal::NothingRings => f.write_str("no call rings here"),
            Refusal::CannotHold => f.write_str("the call is not up, on hold already, or being changed"),
            Refusal::CannotResume => f.write_str("the call is not on hold, or being changed"),
            Refusal::NoServers => f.write_str("the phone has no servers"),
            Refusal::NoLine(number) => write!(f, "the phone has no line {number}"),
            Refusal::NoSuchCall(call_id) => write!(f, "the phone has no call with the Call-ID {call_id:?}"),
            Refusal::NothingToJoin => f.write_str("no two calls of the line are up"),
            Refusal::NoConference => f.write_str("no calls are joined"),
            Refusal::BadTarget(target) => write!(f, "{target:?} cannot be dialled"),
            Refusal::BadCode(code) => write!(f, "a call is not rejected with {code}"),
        }
    }
}

impl std::error::Error for Refusal {}
