//! Takes a scenario's frames and marks, keeps its timeline and writes its capture.

use std::collections::BTreeMap;
use std::fs::{self, File};
use std::io::{self, BufReader, BufWriter, Write};
use std::net::IpAddr;
use std::path::{Path, PathBuf};

use pcap_file::{PcapError, PcapResult};
use sipfarm_core::Instant;
use sipfarm_core::frame::Frame;
use sipfarm_judge::mark::{Mark, Scene};
use sipfarm_judge::timeline::Timeline;

use super::comments::Comments;
use super::decode::Decoder;
use super::limit::Limit;
use super::marks;
use super::tap::Loss;
use super::write::Writer;

/// When the capture goes to disk.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Mode {
    /// Whole, at the end, under its final name: for runs in virtual time. One that grows long goes
    /// to disk before.
    Buffered,
    /// Block by block, at once: a run that is killed leaves a capture that Wireshark opens.
    Streamed,
}

/// Writes each frame and mark as a packet, numbers it as Wireshark does, decodes it and puts what
/// it finds on the timeline. Of audio it writes the headers only, so that a call of two hours takes
/// megabytes and nobody's words are kept.
///
/// Dropped without [`Recorder::finish`], it still leaves the capture, without the closing
/// statistics.
pub struct Recorder {
    decoder: Decoder,
    timeline: Timeline,
    limit: Limit,
    packets: u32,
    /// The earliest and the latest time of a packet.
    extent: Option<(Instant, Instant)>,
    frames: u64,
    /// Packets that the tap has lost.
    drops: u64,
    file: Option<CaptureFile>,
    /// The first failure to write; the timeline goes on without the file.
    failure: Option<io::Error>,
}

impl Recorder {
    /// A recorder that writes to `target`, or only decodes when there is none. The folder of
    /// `target` is made if need be.
    ///
    /// # Errors
    /// When the folder or the file cannot be made.
    pub fn new(target: Option<PathBuf>, mode: Mode) -> io::Result<Recorder> {
        Ok(Recorder {
            decoder: Decoder::default(),
            timeline: Timeline::default(),
            limit: Limit::default(),
            packets: 0,
            extent: None,
            frames: 0,
            drops: 0,
            file: target.map(|path| CaptureFile::new(path, mode)).transpose()?,
            failure: None,
        })
    }

    /// Takes a frame of the tap; gives its packet number. When the timeline is full, that is noted as
    /// trouble, and later frames are not taken any more.
    pub fn frame(&mut self, frame: Frame) -> u32 {
        if self.limit.is_full() {
            return self.packets;
        }
        self.frames += 1;
        self.packet(&frame, None)
    }

    /// Takes a secret of TLS, a line of NSS's key log, before the frames that it opens.
    pub fn secret(&mut self, line: &str) {
        self.decoder.secrets(line);
        self.write(|file| file.writer.secrets(line));
    }

    /// Notes a mark; gives its packet number, for a mark is a packet too.
    pub fn mark(&mut self, mark: Mark, at: Instant) -> u32 {
        if let Mark::Scenario(scene) = &mark {
            self.write(|file| file.writer.names(&names(scene)));
        }
        let frame = marks::to_frame(&mark, at);
        self.packet(&frame, Some(&marks::words(&mark)))
    }

    /// Notes that the tap has lost packets, as trouble in the stretch in which it may have been.
    pub fn lost(&mut self, loss: Loss) {
        self.drops += loss.count;
        let packets = if loss.count == 1 { "packet" } else { "packets" };
        let what = format!("the tap lost {} {packets}", loss.count);
        self.mark(Mark::Trouble { what, since: Some(loss.from) }, loss.to);
    }

    /// What was seen so far.
    pub fn timeline(&self) -> &Timeline {
        &self.timeline
    }

    /// Ends the capture; gives the file's path when there is one.
    ///
    /// # Errors
    /// The first failure to write, whenever it happened.
    pub fn finish(self) -> io::Result<Option<PathBuf>> {
        self.finish_with(&Comments::default())
    }

    /// As [`Recorder::finish`], and puts comments on packets.
    ///
    /// # Errors
    /// As [`Recorder::finish`].
    pub fn finish_with(mut self, comments: &Comments) -> io::Result<Option<PathBuf>> {
        let end = self.extent.map_or(Instant::EPOCH, |(_, latest)| latest);
        let (frames, drops) = (self.frames, self.drops);
        self.write(|file| file.writer.statistics(end, frames, drops));
        let file = self.file.take();
        match self.failure.take() {
            Some(failure) => Err(failure),
            None => file.map(|file| file.finish(comments)).transpose(),
        }
    }

    /// Ends without leaving a capture.
    ///
    /// # Errors
    /// What is on disk already cannot be removed.
    pub fn discard(mut self) -> io::Result<()> {
        match self.file.take() {
            Some(CaptureFile { stream: Some(_), path, .. }) => fs::remove_file(path),
            _ => Ok(()),
        }
    }

    fn packet(&mut self, frame: &Frame, comment: Option<&str>) -> u32 {
        self.packets += 1;
        let (earliest, latest) = self.extent.unwrap_or((frame.at, frame.at));
        self.extent = Some((earliest.min(frame.at), latest.max(frame.at)));
        let mut full = None;
        if let Some(audio) = self.decoder.audio(self.packets, frame) {
            full = self.limit.hear(&mut self.timeline, &audio.packet);
            self.write(|file| {
                file.held += audio.head.len();
                file.writer.head(frame.at, audio.head, audio.octets)
            });
        } else {
            let direction = self.decoder.direction(frame);
            self.write(|file| {
                file.held += frame.data.len();
                file.writer.packet(frame, comment, direction)
            });
            for event in self.decoder.push(self.packets, frame) {
                full = self.limit.insert(&mut self.timeline, event).or(full);
            }
        }
        let number = self.packets;
        if let Some((trouble, at)) = full {
            self.mark(trouble, at);
        }
        number
    }

    fn write(&mut self, block: impl FnOnce(&mut CaptureFile) -> PcapResult<()>) {
        let Some(file) = &mut self.file else { return };
        if let Err(failure) = block(file).map_err(io_error).and_then(|()| file.flush()) {
            self.failure.get_or_insert(failure);
        }
    }
}

impl Drop for Recorder {
    fn drop(&mut self) {
        // A scenario that panicked: its evidence is wanted all the more. Nobody hears of an error.
        if let Some(file) = self.file.take() {
            let _ = file.finish(&Comments::default());
        }
    }
}

/// The capture on its way to disk.
struct CaptureFile {
    path: PathBuf,
    writer: Writer,
    /// Where whole blocks go at once; `None` when all goes at the end.
    stream: Option<File>,
    /// Octets of packets that wait for the end.
    held: usize,
}

impl CaptureFile {
    /// Octets that wait for the end. A scenario in virtual time makes a thousandth of it.
    const MAX_HELD: usize = 64 << 20;

    fn new(path: PathBuf, mode: Mode) -> io::Result<Self> {
        // A buffered capture that nobody wants in the end leaves no folder either.
        let stream = match mode {
            Mode::Buffered => None,
            Mode::Streamed => Some(create(&path)?),
        };
        let mut file = CaptureFile { path, writer: Writer::new().map_err(io_error)?, stream, held: 0 };
        file.flush()?;
        Ok(file)
    }

    /// One call to the system for each block, so that a killed run leaves whole ones.
    fn flush(&mut self) -> io::Result<()> {
        if self.stream.is_none() && self.held > Self::MAX_HELD {
            self.stream = Some(create(&self.path)?);
        }
        match &mut self.stream {
            Some(stream) => stream.write_all(&self.writer.take()),
            None => Ok(()),
        }
    }

    /// Either the file is as it was, or it has the comments: a run that is killed here leaves a whole one.
    fn finish(mut self, comments: &Comments) -> io::Result<PathBuf> {
        let streamed = self.stream.take().is_some();
        if streamed && comments.is_empty() {
            return Ok(self.path);
        }
        fs::create_dir_all(folder(&self.path))?;
        let mut temporary = BufWriter::new(temporary_file(folder(&self.path))?);
        match streamed {
            true => comments.put_into(BufReader::new(File::open(&self.path)?), &mut temporary)?,
            false => comments.put_into(self.writer.take().as_slice(), &mut temporary)?,
        }
        let temporary = temporary.into_inner().map_err(io::IntoInnerError::into_error)?;
        temporary.persist(&self.path).map_err(|failure| failure.error)?;
        Ok(self.path)
    }
}

/// A file that anybody may read, as the umask allows; by default only its owner may.
fn temporary_file(folder: &Path) -> io::Result<tempfile::NamedTempFile> {
    let mut builder = tempfile::Builder::new();
    #[cfg(unix)]
    builder.permissions(std::os::unix::fs::PermissionsExt::from_mode(0o666));
    builder.prefix(".").suffix(".pcapng").tempfile_in(folder)
}

/// A new file, in a new folder if need be.
fn create(path: &Path) -> io::Result<File> {
    fs::create_dir_all(folder(path))?;
    File::create(path)
}

fn folder(path: &Path) -> &Path {
    match path.parent() {
        Some(folder) if folder != Path::new("") => folder,
        _ => Path::new("."),
    }
}

fn io_error(error: PcapError) -> io::Error {
    match error {
        PcapError::IoError(error) => error,
        other => io::Error::other(other),
    }
}

/// The names of the nodes and the phone by address.
fn names(scene: &Scene) -> BTreeMap<IpAddr, Vec<&str>> {
    let mut names: BTreeMap<IpAddr, Vec<&str>> = BTreeMap::new();
    let nodes = scene.nodes.iter().map(|node| (node.addr.ip(), node.name.as_str()));
    for (addr, name) in nodes.chain(scene.phone.iter().map(|addr| (*addr, "phone"))) {
        let known = names.entry(addr).or_default();
        if !known.contains(&name) {
            known.push(name);
        }
    }
    names
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use std::panic::{AssertUnwindSafe, catch_unwind};

    use sipfarm_judge::timeline::{Event, EventKind};

    use super::super::frames::datagram;
    use super::super::read::read;
    use super::*;

    const MESSAGE: &[u8] = b"OPTIONS sip:primary SIP/2.0\r\nContent-Length: 0\r\n\r\n";

    fn frame(at: i64) -> Frame {
        datagram(1_790_000_000_000_000_000 + at, "127.0.1.1:5060", "127.0.1.2:5060", MESSAGE)
    }

    fn fault(on: bool) -> Mark {
        Mark::Fault { node: "primary".into(), fault: "status 503".into(), on }
    }

    /// What a small recording leaves on disk.
    fn recorded(mode: Mode) -> Vec<u8> {
        let folder = tempfile::tempdir().unwrap();
        let target = folder.path().join("run/001.pcapng");
        let mut recorder = Recorder::new(Some(target.clone()), mode).unwrap();
        let numbers = [
            recorder.mark(fault(true), frame(0).at),
            recorder.frame(frame(1)),
            recorder.frame(frame(2)),
            recorder.mark(fault(false), frame(3).at),
        ];
        assert_eq!(numbers, [1, 2, 3, 4]);
        assert_eq!(target.exists(), mode == Mode::Streamed, "a buffered file appears when it is whole");
        assert_eq!(recorder.finish().unwrap(), Some(target.clone()));
        assert_eq!(fs::read_dir(target.parent().unwrap()).unwrap().count(), 1, "nothing else is left");
        fs::read(target).unwrap()
    }

    #[test]
    fn the_same_input_gives_the_same_octets_in_either_mode() {
        let octets = recorded(Mode::Buffered);
        assert_eq!(octets, recorded(Mode::Buffered));
        assert_eq!(octets, recorded(Mode::Streamed));
        insta::assert_binary_snapshot!("small.pcapng", octets);
    }

    #[test]
    fn a_capture_that_nobody_wants_is_not_left() {
        for mode in [Mode::Buffered, Mode::Streamed] {
            let folder = tempfile::tempdir().unwrap();
            let mut recorder = Recorder::new(Some(folder.path().join("001.pcapng")), mode).unwrap();
            recorder.frame(frame(1));
            recorder.discard().unwrap();
            assert_eq!(fs::read_dir(folder.path()).unwrap().count(), 0, "{mode:?}");
        }
    }

    #[test]
    fn a_scenario_that_panics_leaves_its_capture() {
        let folder = tempfile::tempdir().unwrap();
        let target = folder.path().join("001.pcapng");
        let scenario = || {
            let mut recorder = Recorder::new(Some(target.clone()), Mode::Buffered).unwrap();
            recorder.frame(frame(1));
            panic!("on purpose");
        };
        assert!(catch_unwind(AssertUnwindSafe(scenario)).is_err());
        assert_eq!(read(&target).unwrap().timeline.sip().count(), 1);
    }

    #[test]
    fn lost_packets_are_trouble_while_they_may_have_been_lost() {
        let folder = tempfile::tempdir().unwrap();
        let mut recorder = Recorder::new(Some(folder.path().join("001.pcapng")), Mode::Buffered).unwrap();
        recorder.frame(frame(1));
        recorder.frame(frame(2));
        recorder.lost(Loss { count: 1, from: frame(1).at, to: frame(3).at });
        recorder.frame(frame(4));
        recorder.lost(Loss { count: 2, from: frame(3).at, to: frame(5).at });
        let trouble = |lost: &str, since, at, number| {
            let what = format!("the tap lost {lost}");
            let kind = EventKind::Mark(Mark::Trouble { what, since: Some(frame(since).at) });
            Event { at: frame(at).at, packets: vec![number], kind }
        };
        let marks = recorder.timeline().events().iter().filter(|e| matches!(e.kind, EventKind::Mark(_)));
        let marks: Vec<_> = marks.cloned().collect();
        assert_eq!(marks, [trouble("1 packet", 1, 3, 3), trouble("2 packets", 3, 5, 5)]);
        let live = recorder.timeline().clone();
        let recording = read(&recorder.finish().unwrap().unwrap()).unwrap();
        assert_eq!(recording.timeline.events(), live.events());
        assert_eq!(recording.notes[0].what, "3 packets were lost while capturing");
    }

    #[test]
    fn without_a_file_the_timeline_is_kept_all_the_same() {
        let mut recorder = Recorder::new(None, Mode::Buffered).unwrap();
        assert_eq!(recorder.frame(frame(1)), 1);
        assert_eq!(recorder.timeline().sip().count(), 1);
        assert_eq!(recorder.finish().unwrap(), None);
    }

    #[test]
    fn a_flood_fills_the_timeline_and_is_trouble_live_and_in_the_file() {
        let folder = tempfile::tempdir().unwrap();
        let mut recorder = Recorder::new(Some(folder.path().join("001.pcapng")), Mode::Buffered).unwrap();
        recorder.limit = Limit::new(10 * (256 + MESSAGE.len()));
        let numbers: Vec<u32> = (1..=100).map(|at| recorder.frame(frame(at))).collect();
        assert_eq!((numbers[10], numbers[99]), (11, 12), "ten fit, one does not, and the trouble");
        assert_eq!(recorder.mark(fault(false), frame(200).at), 13, "marks are taken all the same");
        assert_eq!(recorder.timeline().sip().count(), 10);
        let is_trouble = |mark: &Mark| matches!(mark, Mark::Trouble { since: None, .. });
        let troubles: Vec<_> = recorder.timeline().marks().filter(|(_, mark)| is_trouble(mark)).collect();
        assert_eq!(troubles.iter().map(|(at, _)| *at).collect::<Vec<_>>(), [frame(11).at]);
        let recording = read(&recorder.finish().unwrap().unwrap()).unwrap();
        assert!(recording.timeline.marks().any(|(_, mark)| is_trouble(mark)));
    }

    #[test]
    fn a_buffered_capture_that_grows_long_goes_to_disk() {
        let folder = tempfile::tempdir().unwrap();
        let target = folder.path().join("001.pcapng");
        let mut recorder = Recorder::new(Some(target.clone()), Mode::Buffered).unwrap();
        recorder.frame(frame(1));
        assert!(!target.exists());
        recorder.file.as_mut().unwrap().held = CaptureFile::MAX_HELD;
        recorder.frame(frame(2));
        assert!(fs::metadata(&target).unwrap().len() > 0);
        recorder.frame(frame(3));
        assert_eq!(read(&recorder.finish().unwrap().unwrap()).unwrap().timeline.sip().count(), 3);
    }

    #[test]
    fn a_full_disk_is_an_error() {
        if Path::new("/dev/full").exists() {
            assert!(Recorder::new(Some("/dev/full".into()), Mode::Streamed).is_err());
        }
    }
}
