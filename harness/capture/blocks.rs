//! The blocks of a capture of ours, octet by octet, for those who change one that is written already.

use std::io::{self, ErrorKind, Read};

/// Reads the next whole block; false at the end.
pub fn next(capture: &mut impl Read, block: &mut Vec<u8>) -> io::Result<bool> {
    block.clear();
    if capture.take(8).read_to_end(block)? == 0 {
        return Ok(false);
    }
    let octets = word(block, 4).ok_or_else(|| broken("a block header"))?;
    let rest = u64::from(octets).checked_sub(8).ok_or_else(|| broken("a block header"))?;
    let read = capture.take(rest).read_to_end(block)?;
    if read as u64 == rest { Ok(true) } else { Err(broken("a block")) }
}

/// The number at `at`, in the order of octets of our captures.
pub fn word(block: &[u8], at: usize) -> Option<u32> {
    Some(u32::from_le_bytes(block.get(at..at + 4)?.try_into().ok()?))
}

/// It ends too early.
pub fn broken(what: &str) -> io::Error {
    io::Error::new(ErrorKind::UnexpectedEof, format!("the capture ends within {what}"))
}
