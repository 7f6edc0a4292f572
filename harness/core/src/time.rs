//! Points in time and lengths of time, as integers of nanoseconds, so that the kernel, a capture
//! file and the simulated network agree to the last digit.

use std::fmt;
use std::ops::{Add, AddAssign, Mul, Neg, Sub};

use serde::{Deserialize, Serialize};

/// A point in time: nanoseconds since the Unix epoch.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Default, Serialize, Deserialize)]
#[serde(transparent)]
pub struct Instant(i64);

/// A length of time in nanoseconds; negative when it points back.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Default, Serialize, Deserialize)]
#[serde(transparent)]
pub struct Span(i64);

impl Instant {
    /// The Unix epoch.
    pub const EPOCH: Instant = Instant(0);
    /// Later than every event.
    pub const FAR_FUTURE: Instant = Instant(i64::MAX);

    /// From nanoseconds since the Unix epoch.
    pub const fn from_nanos(nanos: i64) -> Self {
        Instant(nanos)
    }

    /// Nanoseconds since the Unix epoch.
    pub const fn as_nanos(self) -> i64 {
        self.0
    }

    /// The length of time from `earlier` to `self`.
    pub fn since(self, earlier: Instant) -> Span {
        self - earlier
    }
}

impl Span {
    /// No time at all.
    pub const ZERO: Span = Span(0);

    /// From nanoseconds.
    pub const fn from_nanos(nanos: i64) -> Self {
        Span(nanos)
    }
    /// From microseconds.
    pub const fn from_micros(micros: i64) -> Self {
        Span(micros.saturating_mul(1_000))
    }
    /// From milliseconds.
    pub const fn from_millis(millis: i64) -> Self {
        Span(millis.saturating_mul(1_000_000))
    }
    /// From seconds.
    pub const fn from_secs(secs: i64) -> Self {
        Span(secs.saturating_mul(1_000_000_000))
    }
    /// From seconds with a fraction, rounded to the nanosecond.
    pub fn from_secs_f64(secs: f64) -> Self {
        Span((secs * 1e9).round() as i64)
    }
    /// In nanoseconds.
    pub const fn as_nanos(self) -> i64 {
        self.0
    }
    /// In whole milliseconds, cut off.
    pub const fn as_millis(self) -> i64 {
        self.0 / 1_000_000
    }
    /// In seconds with a fraction.
    pub fn as_secs_f64(self) -> f64 {
        self.0 as f64 / 1e9
    }
    /// Multiplied by a factor, rounded to the nanosecond.
    pub fn scale(self, factor: f64) -> Self {
        Span((self.0 as f64 * factor).round() as i64)
    }
    /// The same length without its sign.
    pub const fn abs(self) -> Self {
        Span(self.0.saturating_abs())
    }
}

impl Add<Span> for Instant {
    type Output = Instant;
    fn add(self, span: Span) -> Instant {
        Instant(self.0.saturating_add(span.0))
    }
}
impl AddAssign<Span> for Instant {
    fn add_assign(&mut self, span: Span) {
        *self = *self + span;
    }
}
impl Sub<Span> for Instant {
    type Output = Instant;
    fn sub(self, span: Span) -> Instant {
        Instant(self.0.saturating_sub(span.0))
    }
}
impl Sub for Instant {
    type Output = Span;
    fn sub(self, earlier: Instant) -> Span {
        Span(self.0.saturating_sub(earlier.0))
    }
}
impl Add for Span {
    type Output = Span;
    fn add(self, other: Span) -> Span {
        Span(self.0.saturating_add(other.0))
    }
}
impl AddAssign for Span {
    fn add_assign(&mut self, other: Span) {
        *self = *self + other;
    }
}
impl Sub for Span {
    type Output = Span;
    fn sub(self, other: Span) -> Span {
        Span(self.0.saturating_sub(other.0))
    }
}
impl Neg for Span {
    type Output = Span;
    fn neg(self) -> Span {
        Span(self.0.saturating_neg())
    }
}
impl Mul<i64> for Span {
    type Output = Span;
    fn mul(self, factor: i64) -> Span {
        Span(self.0.saturating_mul(factor))
    }
}

/// Seconds, with as many decimals as the value needs and at least one: `1.5 s`, `0.02 s`.
impl fmt::Display for Span {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if let Some(decimals) = f.precision() {
            return write!(f, "{:.decimals$} s", self.as_secs_f64());
        }
        let sign = if self.0 < 0 { "-" } else { "" };
        let nanos = self.0.unsigned_abs();
        let fraction = format!("{:09}", nanos % 1_000_000_000);
        let fraction = fraction.trim_end_matches('0');
        let fraction = if fraction.is_empty() { "0" } else { fraction };
        write!(f, "{sign}{}.{fraction} s", nanos / 1_000_000_000)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn arithmetic_saturates_instead_of_wrapping() {
        assert_eq!(Instant::FAR_FUTURE + Span::from_secs(1), Instant::FAR_FUTURE);
        assert_eq!(Instant::from_nanos(5) - Span::from_nanos(7), Instant::from_nanos(-2));
    }

    #[test]
    fn spans_print_as_seconds() {
        assert_eq!(Span::from_millis(1_500).to_string(), "1.5 s");
        assert_eq!(Span::from_nanos(-20_000_000).to_string(), "-0.02 s");
        assert_eq!(Span::from_secs(32).to_string(), "32.0 s");
        assert_eq!(format!("{:.2}", Span::from_millis(37_914)), "37.91 s");
    }
}
