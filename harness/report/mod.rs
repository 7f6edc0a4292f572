//! Views of a run: for a terminal, for machines. They see run events, findings and nothing else.

pub mod json;
