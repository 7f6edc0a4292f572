//! The rules: each one requirement made checkable. README.md beside this file lists them and says
//! how to add one.

pub mod acks;
pub mod draft;
pub mod expectations;
pub mod occasion;
pub mod preemption;
pub mod repetition;
pub mod responses;
pub mod schedule;
pub mod standing;

use crate::case::Case;
use crate::finding::Finding;

pub use draft::Draft;

/// What a rule is called and what it stands on.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct RuleInfo {
    /// Its id, such as `invite-schedule`.
    pub id: &'static str,
    /// RFC sections and requirement ids.
    pub requirements: &'static [&'static str],
    /// What it says, in a sentence.
    pub about: &'static str,
    /// Whether it is judged without a step that asks for it.
    pub standing: bool,
}

/// A rule that needs no step: judged in every scenario and on every capture.
pub trait Rule: Sync {
    /// Its id, such as `invite-schedule`.
    fn id(&self) -> &'static str;

    /// RFC sections and requirement ids.
    fn requirements(&self) -> &'static [&'static str];

    /// What it says, in a sentence.
    fn about(&self) -> &'static str;

    /// Its findings: one for each time the phone broke it; else one *pass*, or one *not exercised*
    /// when the capture gave it no occasion.
    fn judge(&self, case: &Case<'_>) -> Vec<Finding>;

    /// The three above in one.
    fn info(&self) -> RuleInfo {
        RuleInfo { id: self.id(), requirements: self.requirements(), about: self.about(), standing: true }
    }
}

/// Every rule, standing rules first.
pub fn catalogue() -> Vec<RuleInfo> {
    let standing = standing::ALL.iter().map(|rule| rule.info());
    let occasions = [occasion::PRECONDITION, occasion::COMMAND, occasion::COMPLETE];
    standing.chain(expectations::ALL.iter().copied()).chain(occasions).collect()
}
