//! What to run.
