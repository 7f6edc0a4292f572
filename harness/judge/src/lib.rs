//! sipfarm, the judge: timeline, rules, findings.
//!
//! Everything here is derived from packets, from the harness's marks among them, from the profile
//! and from the numbers of the RFCs; never from the code of the phone that is judged.
//!
//! [`judge()`] judges a whole capture, [`judge_one`] a single expectation while a step waits for it,
//! and [`verdict`] sums findings up;
//! [`unexpected_passes`] looks at a whole run. [`catalogue`] lists the rules.

pub mod audio;
pub mod case;
pub mod expectation;
pub mod finding;
mod judge;
pub mod mark;
pub mod rules;
pub mod timeline;

pub use expectation::Expectation;
pub use finding::{Finding, Nearest, Verdict, Window, WindowKind};
pub use judge::{UnexpectedPass, calls_up, judge, judge_one, judge_one_of, unexpected_passes, verdict};
pub use mark::Mark;
pub use rules::{RuleInfo, catalogue};
pub use timeline::{Event, EventKind, Timeline};
