//! What a test says that cannot run here. A test that returns early is green without having proven anything, so
//! where somebody promises that the tools are there, it fails instead.
#![allow(dead_code, missing_docs)]

use std::fmt::Display;

/// Set to 1, it promises that every program is installed that a test wants; `.ci/run` sets it where it can.
pub const REQUIRED: &str = "SIPFARM_REQUIRE_TOOLS";

/// A program is missing.
pub fn tool(why: impl Display) {
    say(why, std::env::var_os(REQUIRED).is_some_and(|value| value == "1"));
}

/// This machine does not permit it: no CAP_NET_RAW, no network namespace. No tool can mend that.
pub fn right(why: impl Display) {
    say(why, false);
}

/// Notes what is not proven here.
///
/// # Panics
/// When it must be.
pub fn say(why: impl Display, must: bool) {
    assert!(!must, "{REQUIRED} is 1, and yet: {why}");
    println!("SKIPPED: {why}");
}
