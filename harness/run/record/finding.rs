//! Findings as a bundle has them.

use serde::{Deserialize, Serialize};
use sipfarm_core::Span;
use sipfarm_judge::{Verdict, WindowKind};

/// A rule's verdict with its evidence.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Finding {
    /// The rule's id.
    pub rule: String,
    /// Requirement ids and RFC sections that the rule stands on.
    pub requirements: Vec<String>,
    /// How it ended.
    pub verdict: Verdict,
    /// The line of the step in the feature file, where there is one.
    pub line: Option<u32>,
    /// The text of the step; none for a standing rule.
    pub step: Option<String>,
    /// Whether it is about the second phone, where there are two; `expected` says so, too.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub second_phone: bool,
    /// What had to happen, in a sentence.
    pub expected: String,
    /// When the times that it is told with begin.
    #[serde(rename = "since_ns")]
    pub since: Span,
    /// What they are counted from.
    #[serde(default)]
    pub counted_from: Origin,
    /// When it was allowed to happen, forbidden, or to last.
    pub window: Option<Window>,
    /// The instant that is held against the window; none where the verdict rests on what never came.
    #[serde(rename = "decided_ns")]
    pub decided: Option<Span>,
    /// What was seen instead, or as evidence.
    pub seen: String,
    /// The packets that show it, by their numbers in the capture.
    pub packets: Vec<u32>,
    /// Up to three that came near.
    pub nearest: Vec<Nearest>,
}

impl Finding {
    /// The packet to look at: the last one, at which the matter was decided, or what came nearest.
    pub fn telling_packet(&self) -> Option<u32> {
        self.packets.last().copied().or_else(|| self.nearest.first().map(|near| near.packet))
    }

    /// By how much it missed the window in which it was allowed: late, or when negative early. None where it was in
    /// time, or never came.
    pub fn missed_by(&self) -> Option<Span> {
        self.window?.missed_by(self.decided?)
    }
}

/// What times are counted from.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Origin {
    /// The start of the scenario, or of the capture.
    #[default]
    Start,
    /// The step at that line.
    Line(u32),
    /// That packet, the first of those that show it.
    Packet(u32),
}

/// From when to when something is allowed, forbidden, or to last.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct Window {
    /// Its first instant.
    #[serde(rename = "from_ns")]
    pub from: Span,
    /// Its last instant.
    #[serde(rename = "to_ns")]
    pub to: Span,
    /// Which of these.
    #[serde(default)]
    pub kind: WindowKind,
}

impl Window {
    /// By how much an instant misses it, where it is one in which something is allowed: positive when late, negative
    /// when early.
    pub fn missed_by(self, at: Span) -> Option<Span> {
        match at {
            _ if self.kind != WindowKind::Allowed => None,
            at if at > self.to => Some(at - self.to),
            at if at < self.from => Some(at - self.from),
            _ => None,
        }
    }
}

/// A packet that nearly met an expectation.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Nearest {
    /// Its number in the capture.
    pub packet: u32,
    /// Its time.
    #[serde(rename = "at_ns")]
    pub at: Span,
    /// What it is.
    pub what: String,
    /// Why it does not count.
    pub why: String,
}
