//! What holds for every input: nothing panics, nothing grows without bound, cuts make no
//! difference, and what is written is read again. `PROPTEST_CASES=20000` looks longer.

#![allow(clippy::unwrap_used)]

mod checks;
mod hostile;
mod round_trips;
#[path = "../support/mod.rs"]
mod support;
