//! A line: an address of record of its own, with room for some calls.

use std::fmt;

/// A line of the phone.
#[derive(Clone, PartialEq, Eq)]
pub struct Line {
    /// The user part of its address of record, and its name in digest.
    pub user: String,
    /// Its password.
    pub password: String,
    /// How many calls it can have at once, in whatever state; a conference counts as one (PA-09).
    pub appearances: u8,
}

/// Without the password.
impl fmt::Debug for Line {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Line")
            .field("user", &self.user)
            .field("appearances", &self.appearances)
            .finish_non_exhaustive()
    }
}
