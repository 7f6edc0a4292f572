//! The wire layer of SIP (RFC 3261 sections 7, 18.3, 19.1, 20, 25).
//!
//! Parsing never fails and never loses evidence: it yields what it understood, the bytes, and a
//! list of [`Defect`]s.

mod build;
mod defect;
mod header;
mod message;
mod method;
mod name_addr;
mod params;
mod parse;
pub(crate) mod text;
mod uri;
mod via;

pub use build::MessageBuilder;
pub use defect::{Defect, DefectKind};
pub(crate) use header::split_list;
pub use header::{Header, canonical_name, same_header};
pub use message::{CSeq, Message, StartLine};
pub use method::Method;
pub use name_addr::{Contact, NameAddr};
pub use params::Params;
pub use uri::{Host, Uri};
pub use via::Via;
