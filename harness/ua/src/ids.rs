//! Everything random: branches, tags, Call-IDs, cnonces. One seed, one sequence.

use sipfarm_core::sip::Via;

use crate::defect::{Defect, Defects};

/// The seeded source of all identifiers.
#[derive(Debug, Clone)]
pub struct Ids {
    rng: fastrand::Rng,
    cookie: &'static str,
}

impl Ids {
    /// From a seed: same seed, same identifiers.
    pub fn new(seed: u64, defects: &Defects) -> Self {
        let cookie = if defects.has(Defect::BadMagicCookie) { "z9hG4bk" } else { Via::COOKIE };
        Ids { rng: fastrand::Rng::with_seed(seed), cookie }
    }

    /// A branch with the magic cookie (RFC 3261 section 8.1.1.7).
    pub fn branch(&mut self) -> String {
        self.cookie.to_owned() + &self.token(16)
    }

    /// A tag for From or To, with more than the 32 random bits of section 19.3.
    pub fn tag(&mut self) -> String {
        self.token(10)
    }

    /// A Call-ID.
    pub fn call_id(&mut self) -> String {
        self.token(22)
    }

    /// A client nonce for digest.
    pub fn cnonce(&mut self) -> String {
        self.token(16)
    }

    /// A share of one, from 0 up to but not including 1.
    pub fn share(&mut self) -> f64 {
        self.rng.f64()
    }

    /// Any 32-bit number (the session id of SDP).
    pub fn number(&mut self) -> u32 {
        self.rng.u32(..)
    }

    fn token(&mut self, length: usize) -> String {
        (0..length)
            .map(|_| char::from(b"abcdefghijklmnopqrstuvwxyz0123456789"[self.rng.usize(..36)]))
            .collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn one_seed_gives_one_sequence_without_repeats() {
        let ids = |seed| Ids::new(seed, &Defects::default());
        let (mut a, mut b, mut c) = (ids(7), ids(7), ids(8));
        let first = a.branch();
        assert_eq!(first, b.branch());
        assert_ne!(first, a.branch());
        assert_ne!(first, c.branch());
        assert!(first.starts_with("z9hG4bK"));
    }
}
