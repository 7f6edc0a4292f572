//! A rule's verdict with its evidence: first a value, then its views.

use std::borrow::Cow;
use std::fmt;

use serde::{Deserialize, Serialize};
use sipfarm_core::Instant;

use crate::mark::Which;

/// How a rule ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Verdict {
    /// As it must be.
    Pass,
    /// The phone broke the rule. Only this accuses it.
    Fail,
    /// Legal but poor.
    Warn,
    /// We cannot tell: we were late, packets were lost, a precondition never held.
    Inconclusive,
    /// The profile says that it does not apply.
    NotApplicable,
    /// Nobody pressed the key.
    NotExercised,
    /// The phone broke it, and its profile says that it does.
    KnownIssue,
    /// The profile says that the phone breaks it, and in a whole run it did not.
    UnexpectedPass,
    /// Too early to tell: only in a live wait.
    Pending,
}

impl fmt::Display for Verdict {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Verdict::Pass => "pass",
            Verdict::Fail => "fail",
            Verdict::Warn => "warn",
            Verdict::Inconclusive => "inconclusive",
            Verdict::NotApplicable => "not applicable",
            Verdict::NotExercised => "not exercised",
            Verdict::KnownIssue => "known issue",
            Verdict::UnexpectedPass => "unexpected pass",
            Verdict::Pending => "pending",
        })
    }
}

/// What a window says of what happens in it.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum WindowKind {
    /// It is to happen within it: before it is early, after it late.
    #[default]
    Allowed,
    /// It must not happen within it.
    Forbidden,
    /// It holds all the time.
    Throughout,
}

impl fmt::Display for WindowKind {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            WindowKind::Allowed => "allowed",
            WindowKind::Forbidden => "forbidden",
            WindowKind::Throughout => "throughout",
        })
    }
}

/// From when to when something is allowed, forbidden, or to last.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct Window {
    /// Its first instant.
    pub from: Instant,
    /// Its last instant.
    pub to: Instant,
}

/// A packet that nearly met an expectation.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Nearest {
    /// Its number in the capture.
    pub packet: u32,
    /// Its time.
    pub at: Instant,
    /// What it is, as `REGISTER to "primary"`.
    pub what: String,
    /// Why it does not count.
    pub why: String,
}

/// A rule's verdict with its evidence.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Finding {
    /// The rule's id, such as `retransmission-schedule`.
    pub rule: String,
    /// Requirement ids and RFC sections that the rule stands on.
    pub requirements: Vec<String>,
    /// How it ended.
    pub verdict: Verdict,
    /// The phone that it is about.
    #[serde(default)]
    pub phone: Which,
    /// The expectation it answers; none for a standing rule.
    pub expected_id: Option<u32>,
    /// The line of the step in the feature file, where there is one.
    pub line: Option<u32>,
    /// What had to happen, in a sentence that leaves out whose.
    pub expected: String,
    /// When it was allowed to happen, forbidden, or to last.
    pub window: Option<Window>,
    /// Which of these.
    #[serde(default)]
    pub window_kind: WindowKind,
    /// What was seen instead, or as evidence.
    pub seen: String,
    /// The packets that show it.
    pub packets: Vec<u32>,
    /// When the first of them was seen.
    #[serde(default)]
    pub shown_from: Option<Instant>,
    /// The instant that is held against the window; none where the verdict rests on what never came.
    pub decided: Option<Instant>,
    /// Up to three that came near.
    pub nearest: Vec<Nearest>,
    /// For a pending rule: when to ask again at the latest.
    pub until: Option<Instant>,
}

impl Finding {
    /// What had to happen, in a sentence that says of which phone where there are two.
    pub fn expectation(&self) -> Cow<'_, str> {
        match self.phone {
            Which::First => Cow::Borrowed(&self.expected),
            Which::Second => Cow::Owned(format!("of the second phone: {}", self.expected)),
        }
    }
}
