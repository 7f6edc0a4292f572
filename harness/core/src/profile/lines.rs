//! The lines of a phone.

use super::Profile;

section! {
    /// The lines of a phone.
    Lines {
        /// How many calls each can have at once, in whatever state; a conference counts as one until it is split
        /// (PA-06, PA-09). A further call gets 486, or takes the place of another (see `mlpp`).
        appearances: u8 = 1,
    }
}

/// A line without room for a call is none.
pub(super) fn check(profile: &Profile) -> Result<(), (&'static str, String)> {
    match profile.lines.appearances {
        0 => Err(("lines.appearances", "a line has at least one call appearance".to_owned())),
        _ => Ok(()),
    }
}
