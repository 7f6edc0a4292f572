//! What to run, in which order, the stream of run events, the recording.

pub mod applies;
pub mod built_in;
pub mod bundle;
pub mod coverage;
pub mod events;
pub mod execute;
pub mod merge;
pub mod mutants;
pub mod record;
pub mod repeat;
pub mod select;
pub mod shard;
pub mod spread;
pub mod tries;
