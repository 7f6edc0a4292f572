//! What to run, in which order, the stream of run events, the recording.

pub mod events;
pub mod select;
