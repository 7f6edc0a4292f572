//! What is wrong with a message whose parts have been read: what is missing, what is there too
//! often, and each value against the grammar of its header field.

mod address;
mod fields;
mod presence;
mod scalars;
mod sink;
mod uri;
mod via;

use super::message::Message;

pub(super) use uri::request_uri;

/// Adds what is wrong with the header fields to what is known to be wrong, and puts all in the
/// order of their places.
pub(super) fn message(message: &mut Message) {
    let mut found = presence::check(message);
    found.extend(fields::check(message));
    message.defects.extend(found);
    message.defects.sort_by_key(|defect| defect.span.start);
}
