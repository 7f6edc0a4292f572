//! Reads capture files into a timeline: our own, other people's pcapng (any resolution of time,
//! several interfaces and sections, either order of octets) and pcap.

use std::collections::BTreeMap;
use std::fmt;
use std::fs::File;
use std::io::{self, Read};
use std::path::{Path, PathBuf};

use sipfarm_core::frame::{Frame, LinkType};
use sipfarm_core::{Instant, Span};
use sipfarm_judge::mark::Mark;
use sipfarm_judge::timeline::{Event, EventKind, Timeline};

use super::decode::Decoder;
use super::limit::Limit;
use super::{link, marks};

mod pcap;
mod pcapng;
mod source;

use source::{Source, Stop};

/// What a capture file holds.
#[derive(Debug, Clone, Default)]
pub struct Recording {
    /// Its events.
    pub timeline: Timeline,
    /// How many packets it has.
    pub packets: u32,
    /// When its last packet was captured, of whatever kind: what did not come until then, the
    /// capture shows not to have come.
    pub until: Instant,
    /// How many packets have which link type that is not read here, and where the first of them ends.
    pub unread: BTreeMap<u32, (u32, u64)>,
    /// What is wrong with the file. What weighs on a verdict (lost packets, a missing end) stands
    /// on the timeline too, as [`Mark::Trouble`].
    pub notes: Vec<Note>,
}

/// Something wrong with a capture file that leaves the rest of it readable.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Note {
    /// Where: octets from the start of the file.
    pub offset: u64,
    /// What.
    pub what: String,
}

impl fmt::Display for Note {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} (octet {} of the file)", self.what, self.offset)
    }
}

/// Why nothing can be read from a file.
#[derive(Debug, thiserror::Error)]
pub enum CaptureError {
    /// The file cannot be opened or read.
    #[error("cannot read {}: {source}", path.display())]
    Unreadable {
        /// The file.
        path: PathBuf,
        /// Why.
        source: io::Error,
    },
    /// There is nothing in it.
    #[error("{} is empty", .0.display())]
    Empty(PathBuf),
    /// It is no file at all.
    #[error("{} is a folder; name a capture in it", .0.display())]
    Folder(PathBuf),
    /// The file is no capture in a format that we know.
    #[error("{} is not a pcapng or pcap file: {what} (octet {offset} of the file)", path.display())]
    NotACapture {
        /// The file.
        path: PathBuf,
        /// Where that shows: octets from the start of the file.
        offset: u64,
        /// How it shows.
        what: String,
    },
}

/// Reads a capture file. A file that ends in the middle or is damaged further on yields what was
/// whole before that place, with a note.
///
/// # Errors
/// When the file cannot be read, or does not begin as a capture does.
pub fn read(path: &Path) -> Result<Recording, CaptureError> {
    let unreadable = |source| CaptureError::Unreadable { path: path.to_owned(), source };
    let file = File::open(path).map_err(unreadable)?;
    let metadata = file.metadata().map_err(unreadable)?;
    if metadata.is_dir() {
        return Err(CaptureError::Folder(path.to_owned()));
    }
    if metadata.is_file() && metadata.len() == 0 {
        return Err(CaptureError::Empty(path.to_owned()));
    }
    read_from(file).map_err(|stop| match stop {
        Stop::Io(source) => unreadable(source),
        Stop::Damage(Note { offset, what }) => {
            CaptureError::NotACapture { path: path.to_owned(), offset, what }
        }
    })
}

/// What a reader finds next in a file.
enum Item {
    /// A packet, which lies in the frame that was given for it. Without a time it has that of the packet
    /// before it.
    Packet {
        /// When it was captured.
        at: Option<Instant>,
        /// Whether its time is told in more than milliseconds.
        coarse: bool,
        /// Whether less of it was kept than there was.
        cut: bool,
    },
    /// Something that Wireshark counts as a packet and that carries none.
    Numbered,
    /// An interface lost that many packets.
    Drops { count: u64 },
    /// Secrets of TLS, as lines of NSS's key log.
    Secrets(String),
}

enum Format {
    PcapNg(pcapng::Reader),
    Pcap(pcap::Reader),
}

impl Format {
    fn next(&mut self, source: &mut Source<impl Read>, frame: &mut Frame) -> Result<Option<Item>, Stop> {
        match self {
            Format::PcapNg(reader) => reader.next(source, frame),
            Format::Pcap(reader) => reader.next(source, frame),
        }
    }
}

fn read_from(file: impl Read) -> Result<Recording, Stop> {
    collect(file, Collector::default())
}

fn collect(file: impl Read, mut collector: Collector) -> Result<Recording, Stop> {
    let mut source = Source::new(file);
    let mut format = open(&mut source)?;
    let mut frame = Frame { at: Instant::EPOCH, link: LinkType::ETHERNET, data: Vec::new() };
    loop {
        match format.next(&mut source, &mut frame) {
            Ok(Some(item)) => collector.take(item, &mut frame, source.offset()),
            Ok(None) => return Ok(collector.whole()),
            Err(Stop::Damage(note)) => return Ok(collector.damaged(note)),
            Err(stop) => return Err(stop),
        }
    }
}

fn open(source: &mut Source<impl Read>) -> Result<Format, Stop> {
    let magic: [u8; 4] = source.array("the file header")?;
    if magic == pcapng::MAGIC {
        return pcapng::Reader::open(source).map(Format::PcapNg);
    }
    if let Some(reader) = pcap::Reader::open(magic, source)? {
        return Ok(Format::Pcap(reader));
    }
    let what = match magic {
        [0x1f, 0x8b, ..] => "it is compressed with gzip; unpack it first".to_owned(),
        _ => format!("it begins with {magic:02x?}"),
    };
    Err(Stop::damage(0, what))
}

/// How much older than one before it a packet may be: several interfaces, or several processors, write one file.
const MAX_DISORDER: Span = Span::from_millis(100);

/// How many packets may have one time where time is told at all.
const MAX_AT_ONCE: u32 = 8;

/// How many notes on single packets are kept; nobody reads on.
const MAX_NOTES: usize = 1_000;

/// Puts what is found on the timeline, by the same way as live frames.
#[derive(Default)]
struct Collector {
    decoder: Decoder,
    limit: Limit,
    recording: Recording,
    earliest: Option<Instant>,
    latest: Instant,
    /// Whether the harness has noted something: it minds its clock itself.
    noted: bool,
    /// Whether it was said that the clock went backwards.
    stepped: bool,
    /// Whether a packet has no time, or one that is worth little.
    coarse: bool,
    /// The first packet that is cut, where it ends, and how many are.
    cut: Option<(u32, u64, u32)>,
}

impl Collector {
    fn take(&mut self, item: Item, frame: &mut Frame, offset: u64) {
        match item {
            Item::Packet { at, coarse, cut } => {
                self.coarse |= coarse || at.is_none();
                self.packet(at, frame, offset);
                if cut {
                    self.cut.get_or_insert((self.recording.packets, offset, 0)).2 += 1;
                }
            }
            Item::Secrets(lines) => self.decoder.secrets(&lines),
            Item::Numbered => self.recording.packets += 1,
            Item::Drops { count: 0 } => {}
            Item::Drops { count } => self.drops(count, offset),
        }
    }

    fn packet(&mut self, at: Option<Instant>, frame: &mut Frame, offset: u64) {
        frame.at = at.unwrap_or(self.latest);
        self.recording.packets += 1;
        if at.is_none() {
            let what =
                format!("packet {} has no time; it gets that of the one before", self.recording.packets);
            self.note(offset, what);
        }
        self.noted |= frame.link == marks::LINK;
        if self.latest - frame.at > MAX_DISORDER {
            self.clock_went_back(frame.at, offset);
        }
        if frame.link != marks::LINK && !link::is_known(frame.link) {
            self.recording.unread.entry(frame.link.0).or_insert((0, offset)).0 += 1;
        }
        self.earliest = Some(self.earliest.unwrap_or(frame.at).min(frame.at));
        self.latest = self.latest.max(frame.at);
        self.recording.until = self.latest;
        if let Some(audio) = self.decoder.audio(self.recording.packets, frame) {
            let full = self.limit.hear(&mut self.recording.timeline, &audio.packet);
            return full.into_iter().for_each(|full| self.full(full, offset));
        }
        for event in self.decoder.push(self.recording.packets, frame) {
            let full = self.limit.insert(&mut self.recording.timeline, event);
            full.into_iter().for_each(|full| self.full(full, offset));
        }
    }

    /// From here on, what is found has no room.
    fn full(&mut self, (trouble, at): (Mark, Instant), offset: u64) {
        let what = format!("more than fits in memory from packet {} on", self.recording.packets);
        self.recording.notes.push(Note { offset, what });
        let kind = EventKind::Mark(trouble);
        self.recording.timeline.insert(Event { at, packets: Vec::new(), kind });
    }

    /// A note on a packet: of these there can be one for each.
    fn note(&mut self, offset: u64, what: String) {
        if self.recording.notes.len() < MAX_NOTES {
            self.recording.notes.push(Note { offset, what });
        }
    }

    /// In the order of the file, a packet is much older than one before it. Nobody knows which of the times
    /// before and after are right, so all are in doubt. Said once.
    fn clock_went_back(&mut self, at: Instant, offset: u64) {
        if self.noted || std::mem::replace(&mut self.stepped, true) {
            return;
        }
        let what = format!(
            "the clock goes back by {:.3} at packet {}: no time in this capture is certain",
            self.latest - at,
            self.recording.packets
        );
        self.trouble(what.clone(), None);
        self.trouble(what.clone(), Some(self.earliest.unwrap_or(at).min(at)));
        self.recording.notes.push(Note { offset, what });
    }

    /// Our own captures say on the timeline when packets were lost; others only count them.
    fn drops(&mut self, count: u64, offset: u64) {
        let what = format!("{count} packets were lost while capturing");
        let told = self.recording.timeline.marks().next().is_some();
        if !told {
            // Nobody knows when.
            self.trouble(what.clone(), Some(self.earliest.unwrap_or(self.latest)));
        }
        self.recording.notes.push(Note { offset, what });
    }

    fn damaged(mut self, note: Note) -> Recording {
        self.trouble(format!("the capture is not whole: {note}"), None);
        self.recording.notes.push(note);
        self.whole()
    }

    fn whole(mut self) -> Recording {
        let at_once = self.recording.packets > MAX_AT_ONCE && self.earliest == Some(self.latest);
        if (self.coarse || at_once) && !self.noted {
            let what =
                "packets have no times, or none to the millisecond: nothing is certain that rests on time";
            self.trouble(what.to_owned(), self.earliest);
            self.recording.notes.push(Note { offset: 0, what: what.to_owned() });
        }
        if let Some((first, offset, packets)) = self.cut.filter(|_| !self.noted) {
            let what = format!(
                "{packets} packets are cut, the first is packet {first}: capture them whole (tcpdump -s 0)"
            );
            self.recording.notes.push(Note { offset, what });
        }
        for (link, (packets, offset)) in &self.recording.unread {
            let what = format!("{packets} packets of link type {link}, which sipfarm does not read");
            self.recording.notes.push(Note { offset: *offset, what });
        }
        self.recording
    }

    fn trouble(&mut self, what: String, since: Option<Instant>) {
        let kind = EventKind::Mark(Mark::Trouble { what, since });
        self.recording.timeline.insert(Event { at: self.latest, packets: Vec::new(), kind });
    }
}

/// Puts a packet into the frame that all packets of a file share.
fn hold(frame: &mut Frame, link: LinkType, data: &[u8]) {
    frame.link = link;
    frame.data.clear();
    frame.data.extend_from_slice(data);
}

/// Units of time of a file, as nanoseconds since the epoch.
fn instant(ticks: u64, resolution: Resolution, offset: Span) -> Instant {
    let nanos = match resolution {
        Resolution::Decimal(9) => u128::from(ticks),
        Resolution::Decimal(digits @ 0..=9) => u128::from(ticks) * 10u128.pow(9 - u32::from(digits)),
        Resolution::Decimal(digits) => {
            10u128.checked_pow(u32::from(digits) - 9).map_or(0, |unit| u128::from(ticks) / unit)
        }
        Resolution::Binary(digits) => {
            (u128::from(ticks) * 1_000_000_000).checked_shr(u32::from(digits)).unwrap_or(0)
        }
    };
    Instant::from_nanos(i64::try_from(nanos).unwrap_or(i64::MAX)) + offset
}

/// How long a tick is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Resolution {
    /// 10 to the minus this, in seconds.
    Decimal(u8),
    /// 2 to the minus this, in seconds.
    Binary(u8),
}

impl Resolution {
    /// Whether a tick is longer than a millisecond.
    fn is_coarse(self) -> bool {
        matches!(self, Resolution::Decimal(..3) | Resolution::Binary(..10))
    }
}

#[cfg(test)]
mod tests;
