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
    /// Highlight the call with that Call-ID, as a user scrolls to it: the keys that concern one call are about it
    /// from then on, while it lives.
    Select(String),
    /// Choose the line, from 1, of the calls that are dialled from now on.
    Line(u8),
    /// Join the active call and those on hold of its line into one conference.
    Conference,
    /// Take the conference apart into calls.
    Split,
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
            Key::Select(call_id) => write!(f, "select {call_id}"),
            Key::Line(line) => write!(f, "line {line}"),
            Key::Conference => f.write_str("conference"),
            Key::Split => f.write_str("split"),
            Key::Reboot => f.write_str("reboot"),
        }
    }
}

/// The words that [`Key`] understands, for help and for errors.
pub const KEYS: &str = "register, unregister, dial TARGET, answer, reject CODE, hold, resume, hang up, select CALL-ID, line NUMBER, conference, split, reboot";

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
            ("select", call_id) if !call_id.is_empty() => Ok(Key::Select(call_id.to_owned())),
            ("line", number) => match number.parse() {
                Ok(line @ 1..) => Ok(Key::Line(line)),
                _ => Err(format!("line takes a number from 1, not {number:?}")),
            },
            ("conference", "") => Ok(Key::Conference),
            ("split", "") => Ok(Key::Split),
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
            Key::Select("a84b4c76e66710@10.0.0.1".to_owned()),
            Key::Line(2),
            Key::Conference,
            Key::Split,
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
        assert!("line 0".parse::<Key>().unwrap_err().contains("from 1"));
        assert!("select".parse::<Key>().is_err());
    }
}
