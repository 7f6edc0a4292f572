//! sipfarm, the ground: time, SIP messages, SDP, RTP, DNS messages, phone profiles.
//!
//! Nothing here owns a clock or a socket. What a machine (phone, farm node, far end) says to the
//! world and hears from it is the vocabulary in [`machine`].

pub mod digest;
pub mod dns;
pub mod fact;
pub mod frame;
pub mod key;
pub mod machine;
pub mod nearest;
pub mod profile;
pub mod rtp;
pub mod sdp;
pub mod sip;
pub mod time;

pub use fact::{Answer, Fact, Topic};
pub use key::Key;
pub use time::{Instant, Span};
