//! Words and numbers as all views write them.

use sipfarm_core::Span;
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

/// What stands before a known issue that is gone.
pub const FIXED: &str = "FIXED";

/// How a scenario ended, in at most five letters.
pub fn label(result: &Scenario) -> &'static str {
    match (result.trouble.as_ref().map(|trouble| trouble.blame), result.verdict) {
        (Some(Blame::Ours), _) => "BUG",
        (_, Verdict::Fail) => "FAIL",
        (Some(Blame::Lab), _) => "LAB",
        (Some(Blame::Author), _) => "ERROR",
        (None, Verdict::Pass) => "PASS",
        (None, Verdict::Warn) => "WARN",
        (None, Verdict::KnownIssue) => "KNOWN",
        (None, Verdict::UnexpectedPass) => FIXED,
        (None, Verdict::NotApplicable) => "SKIP",
        (None, Verdict::Inconclusive | Verdict::NotExercised | Verdict::Pending) => "INCO",
    }
}

/// A text that came from a feature file or from the network, on one line and without control
/// characters: a phone must not be able to steer the terminal.
pub fn clean(text: &str) -> String {
    text.chars().map(|c| if c.is_control() { ' ' } else { c }).collect()
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
    fn a_phone_cannot_steer_the_terminal() {
        assert_eq!(clean("a\x1b[2Jb\r\nc"), "a [2Jb  c");
        assert_eq!(cut("abcdef", 4), "abc…");
        assert_eq!(cut("abcd", 4), "abcd");
    }
}
