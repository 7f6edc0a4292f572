//! The older pcap format (draft-ietf-opsawg-pcap), microseconds and nanoseconds.

use std::io::Read;

use sipfarm_core::Span;
use sipfarm_core::frame::{Frame, LinkType};

use super::source::{MAX_OCTETS, Source, Stop};
use super::{Item, Resolution, hold, instant};

const MICROSECONDS: u32 = 0xa1b2_c3d4;
const NANOSECONDS: u32 = 0xa1b2_3c4d;

/// Reads records.
pub struct Reader {
    number: fn([u8; 4]) -> u32,
    fraction: Resolution,
    link: LinkType,
}

impl Reader {
    /// Reads the rest of the file header; `None` when the magic number is that of another format.
    pub fn open(magic: [u8; 4], source: &mut Source<impl Read>) -> Result<Option<Self>, Stop> {
        let both: [fn([u8; 4]) -> u32; 2] = [u32::from_le_bytes, u32::from_be_bytes];
        for number in both {
            let fraction = match number(magic) {
                MICROSECONDS => Resolution::Decimal(6),
                NANOSECONDS => Resolution::Decimal(9),
                _ => continue,
            };
            let rest: [u8; 20] = source.array("the file header")?;
            let [.., a, b, c, d] = rest;
            // The upper bits say how long the frame check sequence is.
            let link = LinkType(number([a, b, c, d]) & 0x0fff_ffff);
            return Ok(Some(Reader { number, fraction, link }));
        }
        Ok(None)
    }

    /// The next packet, into `frame`; `None` at the end.
    pub fn next(&mut self, source: &mut Source<impl Read>, frame: &mut Frame) -> Result<Option<Item>, Stop> {
        let start = source.offset();
        let Some(header) = source.array_or_end::<16>("a packet header")? else { return Ok(None) };
        let [seconds, fraction, octets, whole] =
            std::array::from_fn(|n| (self.number)(std::array::from_fn(|at| header[n * 4 + at])));
        if octets as usize > MAX_OCTETS {
            return Err(Stop::damage(start, format!("a packet of {octets} octets")));
        }
        let data = source.exactly(octets as usize, "a packet")?;
        let at = instant(u64::from(fraction), self.fraction, Span::from_secs(i64::from(seconds)));
        hold(frame, self.link, data);
        Ok(Some(Item::Packet { at: Some(at), coarse: false, cut: octets < whole }))
    }
}
