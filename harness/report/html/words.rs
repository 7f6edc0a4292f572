//! Verdicts as the page shows them: a word and a colour's name, never a colour alone.

use sipfarm_judge::Verdict;

use super::escape::Escaped;

/// How much a verdict weighs beside others, as the judge has it of a scenario.
pub fn severity(verdict: Verdict) -> u8 {
    match verdict {
        Verdict::Fail => 7,
        Verdict::Inconclusive | Verdict::Pending => 6,
        Verdict::NotExercised => 5,
        Verdict::UnexpectedPass => 4,
        Verdict::KnownIssue => 3,
        Verdict::Warn => 2,
        Verdict::Pass => 1,
        Verdict::NotApplicable => 0,
    }
}

/// The heaviest of some verdicts.
pub fn worst(verdicts: impl Iterator<Item = Verdict>) -> Option<Verdict> {
    verdicts.max_by_key(|verdict| severity(*verdict))
}

/// The name of its colour.
pub fn class(verdict: Verdict) -> &'static str {
    match verdict {
        Verdict::Pass => "pass",
        Verdict::Fail => "fail",
        Verdict::Warn | Verdict::KnownIssue | Verdict::UnexpectedPass => "warn",
        Verdict::Inconclusive | Verdict::Pending => "inco",
        Verdict::NotApplicable | Verdict::NotExercised => "none",
    }
}

/// In a word or two.
pub fn short(verdict: Verdict) -> &'static str {
    match verdict {
        Verdict::Pass => "pass",
        Verdict::Fail => "fail",
        Verdict::Warn => "warning",
        Verdict::Inconclusive | Verdict::Pending => "inconclusive",
        Verdict::NotApplicable => "not applicable",
        Verdict::NotExercised => "not exercised",
        Verdict::KnownIssue => "known issue",
        Verdict::UnexpectedPass => "unexpected pass",
    }
}

/// A verdict as a chip with that word on it.
pub fn chip(word: &str, verdict: Verdict) -> String {
    format!("<span class=\"chip {}\">{}</span>", class(verdict), Escaped(word))
}
