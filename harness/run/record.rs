//! What a run leaves on disk, as types of their own: the live ones may change with the code, these only
//! with [`SCHEMA`]. Every view of a run is made from them, during the run as well as long after it.
//!
//! A bundle holds `run.json` (a [`Header`]), `events.ndjson` (one [`Event`] a line, written as it
//! happens), `summary.json` (a [`Summary`]), and the captures. Times within a scenario are nanoseconds
//! since its start; only the start itself counts from the Unix epoch.

mod finding;
mod live;
mod read;
mod write;

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};
use sipfarm_core::profile::Profile;
use sipfarm_core::{Instant, Span};
use sipfarm_judge::Verdict;

pub use self::finding::{Finding, Nearest, Origin, Window};
pub use self::read::{RecordError, Recorded};
pub use self::write::Recorder;
use super::events::ScenarioId;
use super::shard::Shard;
use crate::error::{Blame, Exit};

/// The version of everything here, `NAME/NUMBER`. The number grows when an older program would read
/// a newer bundle wrongly; a field that it may ignore does not count.
pub const SCHEMA: &str = "sipfarm.bundle/1";

/// How a run was called: what it takes to repeat it. This is `run.json`.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Header {
    /// [`SCHEMA`].
    pub schema: String,
    /// The version of sipfarm.
    pub version: String,
    /// The commit that it was built from; none where it was not built in a repository.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub commit: Option<String>,
    /// The command line, word by word.
    pub command: Vec<String>,
    /// The seed of everything random.
    pub seed: u64,
    /// `virtual` or `loopback`.
    pub net: String,
    /// The phone as it was chosen: `reference`, a profile, or a phone of the lab.
    pub phone: String,
    /// The name of the lab: where the run took place. Without an inventory, that of the network.
    pub lab: String,
    /// When it began.
    #[serde(rename = "started_ns")]
    pub started: Instant,
    /// The options that a verdict may depend on, word by word, but for the seed; none where runs with different ones were
    /// merged.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub conditions: Option<Vec<String>>,
    /// Whether everything in its files was selected, apart from the shard: only then may it say that a known issue is gone.
    #[serde(default)]
    pub whole: bool,
    /// The part of the selection that it was; none when it was all of it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub shard: Option<Shard>,
    /// Where it ran.
    pub host: Host,
    /// The profile that was chosen, whole. Of `reference` there is none: each capture holds the one of its
    /// scenario.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub profile: Option<Profile>,
}

impl Header {
    /// Of this version, this process and this machine. The lab has the name of its network.
    pub fn new(seed: u64, net: &str, phone: &str, started: Instant) -> Self {
        Header {
            schema: SCHEMA.to_owned(),
            version: env!("CARGO_PKG_VERSION").to_owned(),
            commit: option_env!("SIPFARM_COMMIT").map(str::to_owned),
            command: std::env::args_os().map(|word| word.to_string_lossy().into_owned()).collect(),
            seed,
            net: net.to_owned(),
            phone: phone.to_owned(),
            lab: net.to_owned(),
            started,
            conditions: None,
            whole: false,
            shard: None,
            host: Host {
                os: std::env::consts::OS.to_owned(),
                arch: std::env::consts::ARCH.to_owned(),
                cores: std::thread::available_parallelism().map_or(1, usize::from),
            },
            profile: None,
        }
    }
}

/// The machine of a run, as far as it may matter to somebody who repeats it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Host {
    /// `linux`, …
    pub os: String,
    /// `x86_64`, …
    pub arch: String,
    /// How many processors it lends.
    pub cores: usize,
}

/// One line of `events.ndjson`.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(tag = "event", rename_all = "kebab-case")]
pub enum Event {
    /// First of all.
    Started(Started),
    /// A scenario begins.
    ScenarioStarted {
        /// Its number.
        id: ScenarioId,
        /// Its name.
        name: String,
    },
    /// A scenario waits for something.
    Waiting {
        /// The scenario's number.
        id: ScenarioId,
        /// The profile of the phone.
        phone: String,
        /// For what: the step's text.
        what: String,
        /// How long the scenario has run, on its own clock.
        #[serde(rename = "elapsed_ns")]
        elapsed: Span,
        /// How long it will wait at most, from its own start.
        #[serde(rename = "window_ns")]
        window: Option<Span>,
        /// What was on the wire last.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        last: Option<LastMessage>,
        /// The faults that are on, each as `"primary": silent`.
        #[serde(default, skip_serializing_if = "Vec::is_empty")]
        faults: Vec<String>,
    },
    /// A scenario is over.
    ScenarioFinished(Box<Scenario>),
    /// A scenario was under way when the run was interrupted: it has no verdict. What it saw is in its
    /// capture.
    ScenarioInterrupted {
        /// Its number.
        id: ScenarioId,
        /// Its name.
        name: String,
        /// The feature file.
        feature: String,
        /// The line of the scenario, or of its row among the examples.
        line: u32,
        /// How long it had run.
        #[serde(rename = "real_time_ns")]
        real_time: Span,
    },
    /// Last of all.
    Finished(Summary),
}

/// The last message that passed the tap before somebody was told.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct LastMessage {
    /// The number of its first packet in the capture.
    pub packet: u32,
    /// What it is, from whom, to whom.
    pub what: String,
    /// How long the scenario had run when it passed.
    #[serde(rename = "elapsed_ns")]
    pub elapsed: Span,
}

/// How a run begins.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Started {
    /// [`SCHEMA`].
    pub schema: String,
    /// The version of sipfarm.
    pub version: String,
    /// The seed of everything random.
    pub seed: u64,
    /// `virtual` or `loopback`.
    pub net: String,
    /// The name of the lab, where an inventory gives it one.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub lab: Option<String>,
    /// How many scenarios were selected.
    pub selected: usize,
}

/// How a scenario ended.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Scenario {
    /// Its number within the run, from 1; its capture bears it too.
    pub id: ScenarioId,
    /// The lab in which it ran, where bundles of several were merged.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub lab: Option<String>,
    /// The feature file.
    pub feature: String,
    /// The name of the feature.
    #[serde(default)]
    pub feature_name: String,
    /// The line of the scenario, or of its row among the examples.
    pub line: u32,
    /// Its name.
    pub name: String,
    /// Of a scenario outline, the row of its examples: each column's name with its value.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub example: Vec<(String, String)>,
    /// Its tags, inherited ones too, without the `@`.
    pub tags: Vec<String>,
    /// The phone: its name in its lab, or else the profile that it was held to.
    pub phone: String,
    /// By what its policy times were multiplied; none where they were as long as it says.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub time_scale: Option<f64>,
    /// What that profile says is broken: rule and reason.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub known_issues: BTreeMap<String, String>,
    /// What the findings and the trouble come to.
    pub verdict: Verdict,
    /// What this scenario alone would make the run's exit code.
    pub exit: Exit,
    /// What the rules said.
    pub findings: Vec<Finding>,
    /// When the scenario began, on the clock of its capture.
    #[serde(rename = "started_ns")]
    pub started: Instant,
    /// Its steps in order; those that were begun have a time.
    pub steps: Vec<Step>,
    /// The step that could not be carried out.
    pub failed_step: Option<FailedStep>,
    /// How much virtual time passed; none on a real network.
    #[serde(rename = "virtual_time_ns")]
    pub virtual_time: Option<Span>,
    /// How much real time passed.
    #[serde(rename = "real_time_ns")]
    pub real_time: Span,
    /// The capture, from the bundle's folder on; a path as it was given where there is no bundle.
    pub capture: Option<String>,
    /// The command that repeats this scenario.
    pub repeat: String,
    /// The Call-IDs of calls that a program, the phone, had still up at the end; they were hung up.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub calls_up: Vec<String>,
    /// What kept us from judging.
    pub trouble: Option<Trouble>,
    /// Every try, where it was tried again because the first, of which all this tells, did not end well.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub tries: Vec<Try>,
}

/// One of several tries of a scenario.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Try {
    /// How it ended.
    pub verdict: Verdict,
    /// What it alone would make the run's exit code.
    pub exit: Exit,
    /// The capture, from the bundle's folder on.
    pub capture: Option<String>,
}

impl Scenario {
    /// The profile that the phone was held to, and how its times were.
    pub fn held_to(&self) -> String {
        let scaled = self.time_scale.map(|scale| format!(", policy times × {scale}"));
        format!("{}{}", self.phone, scaled.unwrap_or_default())
    }

    /// Whether it did not end well at first, and did so when tried again.
    pub fn is_flaky(&self) -> bool {
        self.tries.iter().any(|again| again.exit == Exit::Passed)
    }

    /// Whether nobody has to look into it: by itself it lets the run end with 0.
    pub fn ended_well(&self) -> bool {
        self.exit == Exit::Passed
    }

    /// The packet to look at: where it was decided against the phone, or what leaves that in doubt.
    pub fn telling_packet(&self) -> Option<u32> {
        let of = |verdict| self.findings.iter().filter(move |finding| finding.verdict == verdict);
        let order = [Verdict::Fail, Verdict::Inconclusive, Verdict::KnownIssue, Verdict::Warn];
        order.into_iter().flat_map(of).find_map(Finding::telling_packet)
    }

    /// How its tries ended, in words; none where there was one only.
    pub fn tries_in_words(&self) -> Option<String> {
        let verdicts: Vec<String> = self.tries.iter().map(|again| again.verdict.to_string()).collect();
        let word = if self.is_flaky() { "flaky" } else { "tried again" };
        (!verdicts.is_empty()).then(|| format!("{word}: {}", verdicts.join(", then ")))
    }

    /// The step at that line, as it was begun last.
    pub fn step_at(&self, line: u32) -> Option<&Step> {
        self.steps.iter().rfind(|step| step.line == line)
    }

    /// How long it took, on the clock that its phone lived by.
    pub fn duration(&self) -> Span {
        self.virtual_time.unwrap_or(self.real_time)
    }
}

/// A step of a scenario.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
pub struct Step {
    /// `Given`, `When` or `Then`.
    pub keyword: String,
    /// Its text.
    pub text: String,
    /// Its line in the feature file.
    pub line: u32,
    /// Its table, row by row.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub table: Vec<Vec<String>>,
    /// When it began; none when it was not reached.
    #[serde(rename = "at_ns")]
    pub at: Option<Span>,
}

/// A step that could not be carried out.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct FailedStep {
    /// `Given`, `When` or `Then`.
    pub keyword: String,
    /// Its text.
    pub text: String,
    /// Its line in the feature file.
    pub line: u32,
    /// Why.
    pub message: String,
}

/// What kept us from judging, and whose matter it is.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Trouble {
    /// Who can mend it.
    pub blame: Blame,
    /// What happened.
    pub message: String,
    /// What to do.
    pub hint: Option<String>,
}

/// What a run comes to. This is `summary.json`.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Summary {
    /// [`SCHEMA`].
    pub schema: String,
    /// How many scenarios were selected.
    pub selected: usize,
    /// How many ended how.
    pub counts: BTreeMap<Verdict, usize>,
    /// How many were under way when the run was interrupted.
    #[serde(default)]
    pub interrupted: usize,
    /// How many did not end well at first, and did so when tried again.
    #[serde(default)]
    pub flaky: usize,
    /// Known issues of a profile that no scenario has shown, though some could have.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub unexpected_passes: Vec<UnexpectedPass>,
    /// The five that took longest on their own clocks, longest first.
    pub slowest: Vec<Slow>,
    /// How much real time the run took.
    #[serde(rename = "real_time_ns")]
    pub real_time: Span,
    /// The exit code's name.
    pub exit: Exit,
}

impl Summary {
    /// How many scenarios ended so.
    pub fn count(&self, verdict: Verdict) -> usize {
        self.counts.get(&verdict).copied().unwrap_or(0)
    }
}

/// A known issue that a whole run has not shown.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct UnexpectedPass {
    /// The phone whose profile is out of date.
    pub phone: String,
    /// The rule.
    pub rule: String,
    /// What the profile says.
    pub expected: String,
    /// What was seen.
    pub seen: String,
}

/// A scenario that took long.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Slow {
    /// Its number.
    pub id: ScenarioId,
    /// Its name.
    pub name: String,
    /// How long it took in real time.
    #[serde(rename = "real_time_ns")]
    pub real_time: Span,
    /// How long it took in virtual time.
    #[serde(rename = "virtual_time_ns")]
    pub virtual_time: Option<Span>,
}
