//! What a user does with a phone: one vocabulary for every driver, and for the judge.

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
    /// Put the call on hold.
    Hold,
    /// Take it off hold.
    Resume,
    /// End or abandon the call.
    HangUp,
    /// Switch off and on.
    Reboot,
}

impl Key {
    /// Whether it makes the phone register, or give its binding up.
    pub fn is_for_registration(&self) -> bool {
        matches!(self, Key::Register | Key::Unregister | Key::Reboot)
    }
}

/// As a line on the standard input of `sipfarm phone`, and in the marks of a capture.
impl fmt::Display for Key {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Key::Register => f.write_str("register"),
            Key::Unregister => f.write_str("unregister"),
            Key::Dial(target) => write!(f, "dial {target}"),
            Key::Answer => f.write_str("answer"),
            Key::Reject(code) => write!(f, "reject {code}"),
            Key::Hold => f.write_str("hold"),
            Key::Resume => f.write_str("resume"),
            Key::HangUp => f.write_str("hang up"),
            Key::Reboot => f.write_str("reboot"),
        }
    }
}

/// The words that [`Key`] understands, for help and for errors.
pub const KEYS: &str =
    "register, unregister, dial TARGET, answer, reject CODE, hold, resume, hang up, reboot";

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
            ("hold", "") => Ok(Key::Hold),
            ("resume", "") => Ok(Key::Resume),
            ("hang", "up") | ("hangup", "") => Ok(Key::HangUp),
            ("reboot", "") => Ok(Key::Reboot),
            _ => Err(format!("no such command: {line:?}; there are: {KEYS}")),
        }
    }
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
            Key::Hold,
            Key::Resume,
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
