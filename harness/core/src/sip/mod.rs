//! The wire layer of SIP (RFC 3261 sections 7, 18.3, 19.1, 20, 25).
//!
//! Parsing never fails and never loses evidence: it yields what it understood, the bytes, and a
//! list of [`Defect`]s.

mod build;
mod check;
mod defect;
mod framer;
mod grammar;
mod head;
mod header;
mod host;
mod message;
mod method;
mod name_addr;
mod namespace;
mod params;
mod parse;
mod reason;
mod release_reason;
mod resource_priority;
mod session_expires;
mod start_line;
pub(crate) mod text;
pub mod typed;
mod uri;
mod via;

pub use build::MessageBuilder;
pub use defect::{Defect, DefectKind};
pub use framer::{Framed, Framer, FramerLimits, FramingLoss};
pub use header::{Header, canonical_name, same_header};
pub use host::Host;
pub use message::{CSeq, Message, StartLine};
pub use method::Method;
pub use name_addr::{Contact, NameAddr};
pub use namespace::{Namespace, Policy};
pub use params::Params;
pub use reason::reason_phrase;
pub use release_reason::Reason;
pub use resource_priority::{RESOURCE_PRIORITY, ResourceValue};
pub use session_expires::{SessionExpires, TIMER};
pub use uri::Uri;
pub use via::Via;
