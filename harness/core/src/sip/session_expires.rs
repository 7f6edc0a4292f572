//! Session-Expires (RFC 4028 section 4): how long a session lasts without a refresh, and who refreshes.

use super::{Message, Params};

/// The option tag of session timers.
pub const TIMER: &str = "timer";

/// A Session-Expires header field. As text: `90;refresher=uac`.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct SessionExpires {
    /// The session interval, in seconds.
    pub seconds: u32,
    /// Whether the side that has sent the request refreshes; none where that is left open.
    pub by_uac: Option<bool>,
}

impl SessionExpires {
    /// That of a message, if it has one that can be read.
    pub fn of(message: &Message) -> Option<SessionExpires> {
        let value = message.header("Session-Expires")?;
        let (seconds, params) = value.split_once(';').unwrap_or((value, ""));
        let params = Params::parse(params);
        let by_uac = match params.value("refresher") {
            Some(side) if side.eq_ignore_ascii_case("uac") => Some(true),
            Some(side) if side.eq_ignore_ascii_case("uas") => Some(false),
            _ => None,
        };
        Some(SessionExpires { seconds: seconds.trim().parse().ok()?, by_uac })
    }
}

impl std::fmt::Display for SessionExpires {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self.by_uac {
            Some(true) => write!(f, "{};refresher=uac", self.seconds),
            Some(false) => write!(f, "{};refresher=uas", self.seconds),
            None => write!(f, "{}", self.seconds),
        }
    }
}

impl Message {
    /// Whether it names an option tag in Supported or in Require.
    pub fn knows(&self, tag: &str) -> bool {
        let names = |field| self.values(field).iter().any(|value| value.eq_ignore_ascii_case(tag));
        names("Supported") || names("Require")
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::sip::MessageBuilder;

    fn read(value: &str) -> Option<SessionExpires> {
        let response = MessageBuilder::response(200, "OK").header("x", value).build();
        SessionExpires::of(&response)
    }

    #[test]
    fn seconds_and_refresher_are_read_also_from_the_compact_form() {
        let expires = |seconds, by_uac| Some(SessionExpires { seconds, by_uac });
        assert_eq!(read("90"), expires(90, None));
        assert_eq!(read("1800 ; refresher = UAC"), expires(1800, Some(true)));
        assert_eq!(read("90;x=y;refresher=uas"), expires(90, Some(false)));
        assert_eq!(read("90;refresher=none"), expires(90, None));
        assert_eq!(read("soon"), None);
    }

    #[test]
    fn it_is_written_as_it_is_read() {
        for text in ["90", "90;refresher=uac", "1800;refresher=uas"] {
            assert_eq!(read(text).map(|read| read.to_string()).as_deref(), Some(text));
        }
    }
}
