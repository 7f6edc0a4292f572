//! How a phone's process says that the machine under it was late: then it could not keep time,
//! whatever its profile says, and is not to be accused of it.

use std::fmt;
use std::str::FromStr;

use sipfarm_core::{Instant, Span};

/// A time at which the phone should have been served, and how long it had to wait.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Lateness {
    /// When it should have been served.
    pub at: Instant,
    /// How much later it was.
    pub by: Span,
}

impl Lateness {
    /// Less is within what a phone's timers may be off (`abs_ms` of a profile, 100 by default).
    pub const LEAST: Span = Span::from_millis(50);
}

/// As a report of `sipfarm phone`.
impl fmt::Display for Lateness {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "late by {} ns at {} ns", self.by.as_nanos(), self.at.as_nanos())
    }
}

impl FromStr for Lateness {
    type Err = ();

    fn from_str(text: &str) -> Result<Self, ()> {
        let (by, at) = text.strip_prefix("late by ").and_then(|rest| rest.split_once(" at ")).ok_or(())?;
        let nanos = |text: &str| text.strip_suffix(" ns").and_then(|number| number.parse().ok()).ok_or(());
        Ok(Lateness { at: Instant::from_nanos(nanos(at)?), by: Span::from_nanos(nanos(by)?) })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn it_reads_back_as_it_prints() {
        let late =
            Lateness { at: Instant::from_nanos(1_790_000_000_000_000_001), by: Span::from_millis(123) };
        assert_eq!(late.to_string().parse(), Ok(late));
        assert_eq!("registered with primary".parse::<Lateness>(), Err(()));
        assert_eq!("late by 5 ns at noon".parse::<Lateness>(), Err(()));
    }
}
