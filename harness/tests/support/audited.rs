//! Octets as a capture file, read and judged: shared by property tests and fuzz targets. Whoever
//! includes it has the reader beside it.

use sipfarm_core::profile::Profile;
use sipfarm_judge::judge;

use super::read::read;

/// Reads and judges octets as a file; gives what the reader counted. Panics when it counts more than
/// there can be.
pub fn packets(file: &[u8]) -> usize {
    let folder = tempfile::tempdir().expect("a folder for the file");
    let path = folder.path().join("some.pcapng");
    std::fs::write(&path, file).expect("room for the file");
    let Ok(recording) = read(&path) else { return 0 };
    let end = recording.until;
    judge(&recording.timeline, &Profile::default(), end);
    // The shortest packet takes 16 octets.
    assert!(recording.packets as usize <= file.len() / 16, "{} packets", recording.packets);
    recording.packets as usize
}
