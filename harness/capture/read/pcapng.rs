//! The blocks of pcapng (draft-ietf-opsawg-pcapng).

use std::io::Read;

use sipfarm_core::Span;
use sipfarm_core::frame::{Frame, LinkType};

use super::source::{MAX_OCTETS, Source, Stop};
use super::{Item, Resolution, hold, instant};

/// The type of the section header block, the same in either order of octets.
pub const MAGIC: [u8; 4] = [0x0a, 0x0d, 0x0d, 0x0a];

const INTERFACE_DESCRIPTION: u32 = 1;
const OBSOLETE_PACKET: u32 = 2;
const SIMPLE_PACKET: u32 = 3;
const INTERFACE_STATISTICS: u32 = 5;
const ENHANCED_PACKET: u32 = 6;
const JOURNAL_ENTRY: u32 = 9;
const DECRYPTION_SECRETS: u32 = 10;
const TLS_KEY_LOG: u32 = 0x544c_534b;
const CUSTOM: [u32; 2] = [0x0bad, 0x4000_0bad];
const BYTE_ORDER: u32 = 0x1a2b_3c4d;

const OPTION_END: u16 = 0;
const IF_TSRESOL: u16 = 9;
const IF_TSOFFSET: u16 = 14;
const ISB_IFDROP: u16 = 5;
const ISB_OSDROP: u16 = 7;

/// Reads blocks, section by section.
pub struct Reader {
    order: Order,
    interfaces: Vec<Interface>,
}

#[derive(Clone, Copy)]
struct Interface {
    link: LinkType,
    /// The longest packet that it kept; zero for no limit.
    snap_octets: u32,
    resolution: Resolution,
    offset: Span,
}

impl Reader {
    /// Reads the first section header, whose type has been read.
    pub fn open(source: &mut Source<impl Read>) -> Result<Self, Stop> {
        let mut reader = Reader { order: Order::Little, interfaces: Vec::new() };
        reader.section(source)?;
        Ok(reader)
    }

    /// The next packet, into `frame`, or count of lost packets; `None` at the end.
    pub fn next(&mut self, source: &mut Source<impl Read>, frame: &mut Frame) -> Result<Option<Item>, Stop> {
        loop {
            let start = source.offset();
            let Some(kind) = source.array_or_end::<4>("a block header")? else { return Ok(None) };
            if kind == MAGIC {
                self.section(source)?;
                continue;
            }
            let kind = self.order.u32(kind);
            let length = self.order.u32(source.array("a block header")?);
            let body = rest(self.order, length, start, source)?;
            let broken = || Stop::damage(start, format!("a block of type {kind} is broken"));
            match kind {
                INTERFACE_DESCRIPTION => self.interfaces.push(self.interface(body).ok_or_else(broken)?),
                ENHANCED_PACKET => return self.enhanced_packet(body, frame).ok_or_else(broken).map(Some),
                OBSOLETE_PACKET => return self.obsolete_packet(body, frame).ok_or_else(broken).map(Some),
                SIMPLE_PACKET => return self.simple_packet(body, frame).ok_or_else(broken).map(Some),
                INTERFACE_STATISTICS => return Ok(Some(self.statistics(body).ok_or_else(broken)?)),
                // Without a packet of ours, but Wireshark counts them.
                DECRYPTION_SECRETS => return self.secrets(body).ok_or_else(broken).map(Some),
                JOURNAL_ENTRY => return Ok(Some(Item::Numbered)),
                kind if CUSTOM.contains(&kind) => return Ok(Some(Item::Numbered)),
                _ => {}
            }
        }
    }

    /// A section header after its type: it says the order of octets, and interfaces count anew.
    fn section(&mut self, source: &mut Source<impl Read>) -> Result<(), Stop> {
        let start = source.offset() - 4;
        let length: [u8; 4] = source.array("a section header")?;
        let order: [u8; 4] = source.array("a section header")?;
        self.order = match u32::from_be_bytes(order) {
            BYTE_ORDER => Order::Big,
            order if order.swap_bytes() == BYTE_ORDER => Order::Little,
            _ => return Err(Stop::damage(start + 8, "no byte-order magic in a section header")),
        };
        self.interfaces.clear();
        let body = rest(self.order, self.order.u32(length), start, source)?;
        match self.order.u16_at(body, 0) {
            Some(1) => Ok(()),
            version => {
                Err(Stop::damage(start + 12, format!("version {} of the format", version.unwrap_or(0))))
            }
        }
    }

    fn interface(&self, body: &[u8]) -> Option<Interface> {
        let mut interface = Interface {
            link: LinkType(u32::from(self.order.u16_at(body, 0)?)),
            snap_octets: self.order.u32_at(body, 4)?,
            resolution: Resolution::Decimal(6),
            offset: Span::ZERO,
        };
        self.options(body.get(8..)?, |code, value| match (code, value) {
            (IF_TSRESOL, [octet, ..]) if octet & 0x80 == 0 => {
                interface.resolution = Resolution::Decimal(*octet)
            }
            (IF_TSRESOL, [octet, ..]) => interface.resolution = Resolution::Binary(octet & 0x7f),
            (IF_TSOFFSET, value) => {
                let seconds = self.order.u64_at(value, 0).unwrap_or(0) as i64;
                interface.offset = Span::from_secs(seconds);
            }
            _ => {}
        })?;
        Some(interface)
    }

    fn enhanced_packet(&self, body: &[u8], frame: &mut Frame) -> Option<Item> {
        let interface = self.order.u32_at(body, 0)? as usize;
        self.packet(interface, body, frame)
    }

    /// As the enhanced packet, but with a shorter interface number and a count of lost packets.
    fn obsolete_packet(&self, body: &[u8], frame: &mut Frame) -> Option<Item> {
        let interface = usize::from(self.order.u16_at(body, 0)?);
        self.packet(interface, body, frame)
    }

    fn packet(&self, interface: usize, body: &[u8], frame: &mut Frame) -> Option<Item> {
        let interface = self.interfaces.get(interface)?;
        let high = u64::from(self.order.u32_at(body, 4)?);
        let ticks = high << 32 | u64::from(self.order.u32_at(body, 8)?);
        let (kept, octets) = (self.order.u32_at(body, 12)?, self.order.u32_at(body, 16)?);
        hold(frame, interface.link, body.get(20..)?.get(..kept as usize)?);
        let at = Some(instant(ticks, interface.resolution, interface.offset));
        Some(Item::Packet { at, coarse: interface.resolution.is_coarse(), cut: kept < octets })
    }

    /// A packet without a time, of interface 0. How much of it was kept follows from the limit.
    fn simple_packet(&self, body: &[u8], frame: &mut Frame) -> Option<Item> {
        let interface = self.interfaces.first()?;
        let limit = match interface.snap_octets {
            0 => usize::MAX,
            octets => octets as usize,
        };
        let octets = self.order.u32_at(body, 0)? as usize;
        hold(frame, interface.link, body.get(4..)?.get(..octets.min(limit))?);
        Some(Item::Packet { at: None, coarse: false, cut: octets > limit })
    }

    fn statistics(&self, body: &[u8]) -> Option<Item> {
        let mut count = 0u64;
        self.options(body.get(12..)?, |code, value| {
            if matches!(code, ISB_IFDROP | ISB_OSDROP) {
                count = count.saturating_add(self.order.u64_at(value, 0).unwrap_or(0));
            }
        })?;
        Some(Item::Drops { count })
    }

    /// Secrets of other protocols than TLS give nothing.
    fn secrets(&self, body: &[u8]) -> Option<Item> {
        let octets = self.order.u32_at(body, 4)? as usize;
        let lines = body.get(8..8 + octets)?;
        let is_tls = self.order.u32_at(body, 0)? == TLS_KEY_LOG;
        Some(Item::Secrets(if is_tls { String::from_utf8_lossy(lines).into_owned() } else { String::new() }))
    }

    /// Walks options; `None` when one reaches beyond the block.
    fn options(&self, mut rest: &[u8], mut option: impl FnMut(u16, &[u8])) -> Option<()> {
        while !rest.is_empty() {
            let code = self.order.u16_at(rest, 0)?;
            let octets = usize::from(self.order.u16_at(rest, 2)?);
            if code == OPTION_END {
                break;
            }
            option(code, rest.get(4..4 + octets)?);
            rest = rest.get(4 + octets.next_multiple_of(4)..)?;
        }
        Some(())
    }
}

/// The rest of a block of `length` octets that began at `start`, without its trailer.
fn rest<R: Read>(order: Order, length: u32, start: u64, source: &mut Source<R>) -> Result<&[u8], Stop> {
    let read = (source.offset() - start) as usize;
    let octets = (length as usize).checked_sub(read + 4).filter(|_| length.is_multiple_of(4));
    let Some(octets) = octets.filter(|octets| *octets <= MAX_OCTETS) else {
        return Err(Stop::damage(start, format!("a block of {length} octets")));
    };
    let (body, trailer) = source.exactly(octets + 4, "a block")?.split_at(octets);
    match order.u32_at(trailer, 0).unwrap_or(0) {
        trailer if trailer == length => Ok(body),
        trailer => Err(Stop::damage(start, format!("a block of {length} octets says {trailer} at its end"))),
    }
}

/// The order of octets in numbers.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Order {
    Little,
    Big,
}

impl Order {
    fn u32(self, octets: [u8; 4]) -> u32 {
        match self {
            Order::Little => u32::from_le_bytes(octets),
            Order::Big => u32::from_be_bytes(octets),
        }
    }

    fn u16_at(self, data: &[u8], at: usize) -> Option<u16> {
        let octets = data.get(at..at + 2)?.try_into().ok()?;
        Some(match self {
            Order::Little => u16::from_le_bytes(octets),
            Order::Big => u16::from_be_bytes(octets),
        })
    }

    fn u32_at(self, data: &[u8], at: usize) -> Option<u32> {
        Some(self.u32(data.get(at..at + 4)?.try_into().ok()?))
    }

    fn u64_at(self, data: &[u8], at: usize) -> Option<u64> {
        let octets = data.get(at..at + 8)?.try_into().ok()?;
        Some(match self {
            Order::Little => u64::from_le_bytes(octets),
            Order::Big => u64::from_be_bytes(octets),
        })
    }
}
