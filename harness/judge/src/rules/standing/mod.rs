//! Standing rules: judged in every scenario and on every capture, without a step.

mod invite_schedule;

use super::Rule;

/// Every standing rule.
pub const ALL: &[&dyn Rule] = &[&invite_schedule::InviteSchedule];
