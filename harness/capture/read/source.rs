//! A file that is read from front to back, with the place in it.

use std::io::{self, ErrorKind, Read};

use super::Note;

/// The longest block or packet, in octets; Wireshark draws the line there too.
pub const MAX_OCTETS: usize = 16 << 20;

/// Octets that are asked of the system at once.
const CHUNK: usize = 256 << 10;

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

/// Reads and counts. What it gives lies in its buffer, so that a packet of audio, of which there are millions,
/// costs no memory of its own.
pub struct Source<R> {
    inner: R,
    /// What was read ahead: `buffer[start..end]` is still to be given.
    buffer: Vec<u8>,
    start: usize,
    end: usize,
    offset: u64,
}

impl<R: Read> Source<R> {
    /// From the start of a file.
    pub fn new(inner: R) -> Self {
        Source { inner, buffer: Vec::new(), start: 0, end: 0, offset: 0 }
    }

    /// Octets read so far.
    pub fn offset(&self) -> u64 {
        self.offset
    }

    /// The next `octets`, which belong to `part`. Memory grows with what the file has, not with
    /// what it says.
    pub fn exactly(&mut self, octets: usize, part: &str) -> Result<&[u8], Stop> {
        match self.has(octets)? {
            true => Ok(self.give(octets)),
            false => Err(self.ends_within(part)),
        }
    }

    /// The next `N` octets, which belong to `part`.
    pub fn array<const N: usize>(&mut self, part: &str) -> Result<[u8; N], Stop> {
        let octets = self.exactly(N, part)?;
        Ok(std::array::from_fn(|at| octets[at]))
    }

    /// As [`Source::array`], or nothing where the file ends as it should.
    pub fn array_or_end<const N: usize>(&mut self, part: &str) -> Result<Option<[u8; N]>, Stop> {
        if !self.has(N)? && self.start == self.end {
            return Ok(None);
        }
        self.array(part).map(Some)
    }

    /// Whether there are so many octets more.
    fn has(&mut self, octets: usize) -> Result<bool, Stop> {
        while self.end - self.start < octets {
            if self.buffer.len() - self.start < octets {
                self.buffer.copy_within(self.start..self.end, 0);
                (self.start, self.end) = (0, self.end - self.start);
            }
            if self.end == self.buffer.len() {
                let grown = (self.buffer.len() * 2).max(CHUNK);
                self.buffer.resize(grown, 0);
            }
            match self.inner.read(&mut self.buffer[self.end..]) {
                Ok(0) => return Ok(false),
                Ok(read) => self.end += read,
                Err(error) if error.kind() == ErrorKind::Interrupted => {}
                Err(error) => return Err(Stop::Io(error)),
            }
        }
        Ok(true)
    }

    fn give(&mut self, octets: usize) -> &[u8] {
        let start = self.start;
        self.start += octets;
        self.offset += octets as u64;
        &self.buffer[start..self.start]
    }

    fn ends_within(&mut self, part: &str) -> Stop {
        self.give(self.end - self.start);
        Stop::damage(self.offset, format!("the file ends within {part}"))
    }
}
