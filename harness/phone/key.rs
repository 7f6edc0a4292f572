//! What a user does with a phone, in one vocabulary for every driver.

use std::fmt;
use std::str::FromStr;

/// Something that a user does.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Key {
    /// Register with the servers of the profile.
    Register,
    /// Give the binding up.
    Unregister,
    /// Call somebody: a user part or a whole URI.
    Dial(String),
    /// Take the call that rings.
    Answer,
    /// Refuse the call that rings.
    Reject(u16),
    /// End or abandon the call.
    HangUp,
    /// Switch off and on.
    Reboot,
}

/// As a line on the standard input of `sipfarm phone`.
impl fmt::Display for Key {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Key::Register => f.write_str("register"),
            Key::Unregister => f.write_str("unregister"),
            Key::Dial(target) => write!(f, "dial {target}"),
            Key::Answer => f.write_str("answer"),
            Key::Reject(code) => write!(f, "reject {code}"),
            Key::HangUp => f.write_str("hang up"),
            Key::Reboot => f.write_str("reboot"),
        }
    }
}

/// The words that [`Key`] understands, for help and for errors.
pub const KEYS: &str = "register, unregister, dial TARGET, answer, reject CODE, hang up, reboot";

impl FromStr for Key {
    type Err = String;

    fn from_str(line: &str) -> Result<Self, String> {
        let line = line.trim();
        let (word, rest) = line.split_once(char::is_whitespace).unwrap_or((line, ""));
        let rest = rest.trim();
        match (word, rest) {
            ("register", "") => Ok(Key::Register),
            ("unregister", "") => Ok(Key::Unregister),
            ("dial", target) if !target.is_empty() => Ok(Key::Dial(target.to_owned())),
            ("answer", "") => Ok(Key::Answer),
            ("reject", code) => match code.parse() {
                Ok(code @ 300..=699) => Ok(Key::Reject(code)),
                _ => Err(format!("reject takes a status code from 300 to 699, not {code:?}")),
            },
            ("hang", "up") | ("hangup", "") => Ok(Key::HangUp),
            ("reboot", "") => Ok(Key::Reboot),
            _ => Err(format!("no such command: {line:?}; there are: {KEYS}")),
        }
    }
}

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

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;

    #[test]
    fn every_key_reads_back_as_it_prints() {
        let keys = [
            Key::Register,
            Key::Unregister,
            Key::Dial("sip:1002@lab.example".to_owned()),
            Key::Answer,
            Key::Reject(486),
            Key::HangUp,
            Key::Reboot,
        ];
        for key in keys {
            assert_eq!(key.to_string().parse(), Ok(key));
        }
    }

    #[test]
    fn nonsense_names_what_there_is() {
        assert!("dail 1002".parse::<Key>().unwrap_err().contains("dial TARGET"));
        assert!("reject 200".parse::<Key>().unwrap_err().contains("300 to 699"));
        assert!("dial".parse::<Key>().is_err());
    }
}
