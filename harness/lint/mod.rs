//! What is wrong with feature files before anything runs.
//!
//! Gherkin lets much pass in silence: a misspelt keyword becomes description, a scenario without
//! steps succeeds, a second `Feature:` vanishes. Here each of them is a problem with a place.

pub mod catalogue;
pub mod lines;
