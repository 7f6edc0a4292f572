//! A file that is read from front to back, with the place in it.

use std::io::{self, Read};

use super::Note;

/// The longest block or packet, in octets; Wireshark draws the line there too.
pub const MAX_OCTETS: usize = 16 << 20;

/// Why reading stopped.
#[derive(Debug)]
pub enum Stop {
    /// The file is cut or damaged.
    Damage(Note),
    /// The system said so.
    Io(io::Error),
}

impl Stop {
    /// Damage at a place.
    pub fn damage(offset: u64, what: impl Into<String>) -> Self {
        Stop::Damage(Note { offset, what: what.into() })
    }
}

/// Reads and counts.
pub struct Source<R> {
    inner: R,
    offset: u64,
}

impl<R: Read> Source<R> {
    /// From the start of a file.
    pub fn new(inner: R) -> Self {
        Source { inner, offset: 0 }
    }

    /// Octets read so far.
    pub fn offset(&self) -> u64 {
        self.offset
    }

    /// The next `octets`, which belong to `part`. Memory grows with what the file has, not with
    /// what it says.
    pub fn exactly(&mut self, octets: usize, part: &str) -> Result<Vec<u8>, Stop> {
        self.at_most(octets)?.ok_or_else(|| Stop::damage(self.offset, format!("the file ends within {part}")))
    }

    /// The next `N` octets, which belong to `part`.
    pub fn array<const N: usize>(&mut self, part: &str) -> Result<[u8; N], Stop> {
        let octets = self.exactly(N, part)?;
        Ok(std::array::from_fn(|at| octets[at]))
    }

    /// As [`Source::array`], or nothing where the file ends as it should.
    pub fn array_or_end<const N: usize>(&mut self, part: &str) -> Result<Option<[u8; N]>, Stop> {
        let start = self.offset;
        match self.at_most(N)? {
            Some(octets) => Ok(Some(std::array::from_fn(|at| octets[at]))),
            None if self.offset == start => Ok(None),
            None => Err(Stop::damage(self.offset, format!("the file ends within {part}"))),
        }
    }

    fn at_most(&mut self, octets: usize) -> Result<Option<Vec<u8>>, Stop> {
        let mut data = Vec::new();
        let limit = octets as u64;
        let read = self.inner.by_ref().take(limit).read_to_end(&mut data).map_err(Stop::Io)?;
        self.offset += read as u64;
        Ok((read == octets).then_some(data))
    }
}
