//! Writes pcapng (draft-ietf-opsawg-pcapng) into memory, little-endian, in nanoseconds. The same
//! calls give the same octets: nothing of the host and no clock goes into the file.

use std::borrow::Cow;
use std::collections::BTreeMap;
use std::net::IpAddr;
use std::time::Duration;

use pcap_file::pcapng::PcapNgBlock;
use pcap_file::pcapng::PcapNgWriter;
use pcap_file::pcapng::blocks::enhanced_packet::{EnhancedPacketBlock, EnhancedPacketOption};
use pcap_file::pcapng::blocks::interface_description::{
    InterfaceDescriptionBlock, InterfaceDescriptionOption,
};
use pcap_file::pcapng::blocks::interface_statistics::{InterfaceStatisticsBlock, InterfaceStatisticsOption};
use pcap_file::pcapng::blocks::name_resolution::{Ipv4Record, Ipv6Record, NameResolutionBlock, Record};
use pcap_file::pcapng::blocks::section_header::{SectionHeaderBlock, SectionHeaderOption};
use pcap_file::pcapng::blocks::unknown::UnknownBlock;
use pcap_file::{DataLink, Endianness, PcapResult};
use sipfarm_core::Instant;
use sipfarm_core::frame::{Frame, LinkType};

use super::marks;
use super::whose::Direction;

/// Clocks of 10⁻⁹ seconds. Must be said for each interface: the default is microseconds.
const NANOSECONDS: u8 = 9;
/// The type of an enhanced packet block.
pub const ENHANCED_PACKET: u32 = 6;
/// The type of a decryption secrets block, and of the secrets in it.
pub const DECRYPTION_SECRETS: u32 = 10;
const TLS_KEY_LOG: u32 = 0x544c_534b;
/// Longest comment, in octets; the format holds 65 535.
const MAX_COMMENT: usize = 4_000;
/// The interface that the statistics speak of.
const TAP: u32 = 0;

/// Writes blocks into a buffer that its owner takes away.
pub struct Writer {
    pcapng: PcapNgWriter<Vec<u8>>,
    links: Vec<LinkType>,
}

impl Writer {
    /// Begins a file: the header, interface 0 for Ethernet and interface 1 for marks.
    pub fn new() -> PcapResult<Self> {
        let header = SectionHeaderBlock {
            endianness: Endianness::Little,
            options: vec![SectionHeaderOption::UserApplication(Cow::Borrowed("sipfarm"))],
            ..SectionHeaderBlock::default()
        };
        let pcapng = PcapNgWriter::with_section_header(Vec::new(), header)?;
        let mut writer = Writer { pcapng, links: Vec::new() };
        writer.interface(LinkType::ETHERNET)?;
        writer.interface(marks::LINK)?;
        Ok(writer)
    }

    /// Adds a packet with a comment in plain words.
    pub fn packet(
        &mut self,
        frame: &Frame,
        comment: Option<&str>,
        direction: Option<Direction>,
    ) -> PcapResult<()> {
        let interface_id = self.interface(frame.link)?;
        let comment = comment.map(|text| EnhancedPacketOption::Comment(Cow::Borrowed(shortened(text))));
        self.write(EnhancedPacketBlock {
            interface_id,
            timestamp: Duration::from_nanos(ticks(frame.at)),
            original_len: frame.data.len() as u32,
            data: Cow::Borrowed(&frame.data),
            options: comment.into_iter().chain(direction.map(flags)).collect(),
        })
    }

    /// Adds the head of an IP packet that had so many octets. It does not say the direction: of a long call
    /// that would make up a seventh of the file.
    pub fn head(&mut self, at: Instant, head: &[u8], octets: usize) -> PcapResult<()> {
        let interface_id = self.interface(LinkType::RAW)?;
        self.write(EnhancedPacketBlock {
            interface_id,
            timestamp: Duration::from_nanos(ticks(at)),
            original_len: octets as u32,
            data: Cow::Borrowed(head),
            options: Vec::new(),
        })
    }

    /// Says which names addresses have. Counts for the packets after it.
    pub fn names(&mut self, names: &BTreeMap<IpAddr, Vec<&str>>) -> PcapResult<()> {
        let records = names.iter().map(|(addr, names)| {
            let names = names.iter().map(|name| Cow::Borrowed(*name)).collect();
            match addr {
                IpAddr::V4(addr) => {
                    Record::Ipv4(Ipv4Record { ip_addr: addr.octets().to_vec().into(), names })
                }
                IpAddr::V6(addr) => {
                    Record::Ipv6(Ipv6Record { ip_addr: addr.octets().to_vec().into(), names })
                }
            }
        });
        self.write(NameResolutionBlock { records: records.collect(), options: Vec::new() })
    }

    /// Adds lines of NSS's key log as a decryption secrets block, for the packets after it.
    pub fn secrets(&mut self, lines: &str) -> PcapResult<()> {
        let octets = u32::try_from(lines.len()).unwrap_or(0);
        let padding = vec![0; lines.len().next_multiple_of(4) - lines.len()];
        // Little-endian, as the section is: the block is none of the library's.
        let parts = [&TLS_KEY_LOG.to_le_bytes(), &octets.to_le_bytes(), lines.as_bytes(), &padding];
        let body = parts.concat();
        self.write(UnknownBlock::new(DECRYPTION_SECRETS, 0, &body))
    }

    /// Says how many frames the tap saw and how many it lost, up to an instant.
    pub fn statistics(&mut self, at: Instant, received: u64, dropped: u64) -> PcapResult<()> {
        self.write(InterfaceStatisticsBlock {
            interface_id: TAP,
            // The upper half comes first, whatever the order of octets within each half.
            timestamp: ticks(at).rotate_left(32),
            options: vec![
                InterfaceStatisticsOption::IsbIfRecv(received),
                InterfaceStatisticsOption::IsbIfDrop(dropped),
            ],
        })
    }

    /// What was written since the last time, whole blocks.
    pub fn take(&mut self) -> Vec<u8> {
        std::mem::take(self.pcapng.get_mut())
    }

    /// The interface with that link type, described in the file on its first use.
    fn interface(&mut self, link: LinkType) -> PcapResult<u32> {
        if let Some(known) = self.links.iter().position(|known| *known == link) {
            return Ok(known as u32);
        }
        let name = match link {
            marks::LINK => "marks",
            LinkType::RAW => "audio",
            _ => "tap",
        };
        let mut options = vec![
            InterfaceDescriptionOption::IfName(Cow::Borrowed(name)),
            InterfaceDescriptionOption::IfTsResol(NANOSECONDS),
        ];
        if link == LinkType::RAW {
            let what = "RTP as it passed the tap, without link layer and payload";
            options.push(InterfaceDescriptionOption::IfDescription(Cow::Borrowed(what)));
        }
        let linktype = DataLink::from(link.0);
        self.write(InterfaceDescriptionBlock { linktype, snaplen: 0, options })?;
        self.links.push(link);
        Ok(self.links.len() as u32 - 1)
    }

    fn write<'a>(&mut self, block: impl PcapNgBlock<'a>) -> PcapResult<()> {
        self.pcapng.write_pcapng_block(block).map(drop)
    }
}

/// Nanoseconds since the epoch; the format knows none before it.
fn ticks(at: Instant) -> u64 {
    at.as_nanos().max(0) as u64
}

/// The flags of an enhanced packet block: the two lowest bits are the direction.
fn flags(direction: Direction) -> EnhancedPacketOption<'static> {
    EnhancedPacketOption::Flags(match direction {
        Direction::Inbound => 1,
        Direction::Outbound => 2,
    })
}

/// As much of a comment as a packet gets.
pub fn shortened(text: &str) -> &str {
    let mut end = text.len().min(MAX_COMMENT);
    while !text.is_char_boundary(end) {
        end -= 1;
    }
    &text[..end]
}
