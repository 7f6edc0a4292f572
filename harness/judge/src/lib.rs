//! sipfarm, the judge: timeline, rules, findings.
//!
//! Everything here is derived from packets, from the harness's marks among them, from the profile
//! and from the numbers of the RFCs; never from the code of the phone that is judged.

pub mod expectation;
pub mod finding;
pub mod mark;
pub mod timeline;

pub use expectation::Expectation;
pub use finding::{Finding, Nearest, Verdict, Window};
pub use mark::Mark;
pub use timeline::{Event, EventKind, Timeline};
