//! Frames in and out of pcapng; live sniffing; frames to timeline.
//!
//! One path of evidence: a frame from the live tap, from the simulated network or from a file goes
//! through the same [`decode::Decoder`] into the timeline.

pub mod comments;
pub mod decode;
pub mod read;
pub mod recorder;
pub mod redact;
pub mod tap;

mod blocks;
mod fragments;
mod icmp;
mod ip;
mod limit;
mod link;
mod marks;
mod octets;
mod sip;
mod tcp;
mod tls;
mod whose;
mod write;

#[cfg(test)]
mod properties_tests;

#[cfg(test)]
#[path = "../tests/support/frames.rs"]
mod frames;

#[cfg(test)]
#[path = "../tests/support/audited.rs"]
mod audited;
