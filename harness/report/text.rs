//! Words and numbers as all views write them.

pub use crate::error::clean;
use sipfarm_core::{Instant, Span};
use sipfarm_judge::Verdict;

use crate::error::Blame;
use crate::run::record::Scenario;

/// A length of time in seconds, with as many decimals as say something: `16.02 s`, `0.512 s`,
/// `32.5 s`, `0 s`.
pub fn seconds(span: Span) -> String {
    let decimals = match span.abs().as_nanos() {
        0..1_000_000 => 6,
        1_000_000..1_000_000_000 => 3,
        1_000_000_000..100_000_000_000 => 2,
        _ => 1,
    };
    let text = format!("{:.decimals$}", span.as_secs_f64());
    let text = text.trim_end_matches('0').trim_end_matches('.');
    format!("{} s", if text == "-0" { "0" } else { text })
}

/// The same with its sign: `+16.02 s`.
pub fn after(span: Span) -> String {
    let sign = if span < Span::ZERO { "" } else { "+" };
    format!("{sign}{}", seconds(span))
}

/// A point in time as ISO 8601 has it, in UTC and whole seconds: `2026-09-21T14:13:20Z`.
pub fn utc(at: Instant) -> String {
    let seconds = at.as_nanos().div_euclid(1_000_000_000);
    let (days, second) = (seconds.div_euclid(86_400), seconds.rem_euclid(86_400));
    // Years from March on, so that the day that a leap year adds is its last; eras of 400 years, which are alike.
    let days = days + 719_468;
    let (era, day) = (days.div_euclid(146_097), days.rem_euclid(146_097));
    let year = (day - day / 1_460 + day / 36_524 - day / 146_096) / 365;
    let day = day - (365 * year + year / 4 - year / 100);
    let month = (5 * day + 2) / 153;
    let day = day - (153 * month + 2) / 5 + 1;
    let month = if month < 10 { month + 3 } else { month - 9 };
    let year = year + era * 400 + i64::from(month <= 2);
    let (hour, minute, second) = (second / 3_600, second / 60 % 60, second % 60);
    format!("{year:04}-{month:02}-{day:02}T{hour:02}:{minute:02}:{second:02}Z")
}

/// What stands before a known issue that is gone.
pub const FIXED: &str = "FIXED";

/// How a scenario ended, in at most five letters.
pub fn label(result: &Scenario) -> &'static str {
    match (result.trouble.as_ref().map(|trouble| trouble.blame), result.verdict) {
        (Some(Blame::Ours), _) => "BUG",
        _ if result.is_flaky() => "FLAKY",
        (_, Verdict::Fail) => "FAIL",
        (Some(Blame::Lab), _) => "LAB",
        (Some(Blame::Author), _) => "ERROR",
        (None, Verdict::Pass) => "PASS",
        (None, Verdict::Warn) => "WARN",
        (None, Verdict::KnownIssue) => "KNOWN",
        (None, Verdict::UnexpectedPass) => FIXED,
        (None, Verdict::NotApplicable) => "SKIP",
        (None, Verdict::NotExercised) => "NOEX",
        (None, Verdict::Inconclusive | Verdict::Pending) => "INCO",
    }
}

/// At most so many characters.
pub fn cut(text: &str, length: usize) -> String {
    if text.chars().count() <= length {
        return text.to_owned();
    }
    text.chars().take(length.saturating_sub(1)).chain(['…']).collect()
}

/// `1 scenario`, `2 scenarios`.
pub fn count(number: usize, thing: &str) -> String {
    format!("{number} {thing}{}", if number == 1 { "" } else { "s" })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn seconds_show_what_matters() {
        for (nanos, text) in [
            (0, "0 s"),
            (16_021_400_000, "16.02 s"),
            (32_500_000_000, "32.5 s"),
            (512_300_000, "0.512 s"),
            (4_200, "0.000004 s"),
            (3_600_000_000_000, "3600 s"),
            (-1_500_000_000, "-1.5 s"),
            (-10, "0 s"),
        ] {
            assert_eq!(seconds(Span::from_nanos(nanos)), text);
        }
        assert_eq!(after(Span::from_millis(16_020)), "+16.02 s");
        assert_eq!(after(Span::from_millis(-20)), "-0.02 s");
    }

    #[test]
    fn a_date_is_that_of_the_calendar() {
        // From `date -u -d @N +%FT%TZ`.
        for (second, text) in [
            (0, "1970-01-01T00:00:00Z"),
            (951_782_399, "2000-02-28T23:59:59Z"),
            (951_782_400, "2000-02-29T00:00:00Z"),
            (951_868_800, "2000-03-01T00:00:00Z"),
            (1_790_000_000, "2026-09-21T14:13:20Z"),
            (4_107_542_400, "2100-03-01T00:00:00Z"),
            (-1, "1969-12-31T23:59:59Z"),
        ] {
            assert_eq!(utc(Instant::from_nanos(second * 1_000_000_000)), text);
        }
    }

    #[test]
    fn a_phone_cannot_steer_the_terminal() {
        assert_eq!(clean("a\x1b[2Jb\r\nc"), "a [2Jb  c");
        assert_eq!(cut("abcdef", 4), "abc…");
        assert_eq!(cut("abcd", 4), "abcd");
    }
}
