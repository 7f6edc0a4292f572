//! The text of a profile.
#![no_main]

#[path = "../../core/tests/properties/checks.rs"]
#[allow(dead_code)]
mod checks;

libfuzzer_sys::fuzz_target!(|text: &str| checks::profile(text));
