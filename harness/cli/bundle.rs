//! `sipfarm bundle --redact`: a copy of a bundle without names, numbers and secrets.

use std::fs;
use std::io;
use std::path::{Path, PathBuf};

use sipfarm_judge::{Mark, Verdict, judge};

use crate::capture;
use crate::capture::redact::{Words, redact};
use crate::error::{Error, Exit, Result};
use crate::run::bundle::Bundle;

/// Arguments of `sipfarm bundle`.
#[derive(Debug, clap::Args)]
pub struct BundleArgs {
    /// Replace names, numbers, digest responses and keys by others of the same length, in captures and records
    #[arg(long, required = true)]
    redact: bool,
    /// The bundle's folder
    #[arg(value_name = "DIR")]
    bundle: PathBuf,
    /// Where the copy goes: a new folder [default: DIR-redacted]
    #[arg(long, value_name = "DIR")]
    out: Option<PathBuf>,
}

/// Writes the copy; the bundle stays as it is.
///
/// # Errors
/// There is no bundle, the copy's folder is not empty, or a capture is broken. Where the copy's verdict is another one,
/// that is told, with exit code 4.
pub fn bundle(args: &BundleArgs) -> Result<Exit> {
    let recorded = super::report::open(&args.bundle)?;
    let folder = recorded.folder.canonicalize().unwrap_or(recorded.folder);
    let out = args.out.clone().unwrap_or_else(|| {
        let name = folder.file_name().unwrap_or_default().to_string_lossy().into_owned();
        folder.with_file_name(format!("{name}-redacted"))
    });
    let files = files(&folder)?;
    let out = Bundle::create_at(&out)?.folder().to_owned();
    let (mut words, mut shut, mut changed, mut left_out) = (Words::default(), 0, Vec::new(), Vec::new());
    let is = |file: &Path, ends: &[&str]| file.extension().is_some_and(|end| ends.iter().any(|e| end == *e));
    // Messages say what is a name; the records name it again.
    let (captures, others): (Vec<_>, Vec<_>) = files.into_iter().partition(|file| is(file, &["pcapng"]));
    for file in &captures {
        learn(&folder.join(file), &mut words);
    }
    for file in &captures {
        let redacted = redact(&read(&folder.join(file))?, &mut words)
            .map_err(|source| Error::Unreadable { path: folder.join(file), source })?;
        shut += usize::from(redacted.had_secrets);
        write(&out.join(file), &redacted.file)?;
        if !redacted.had_secrets && judged(&folder.join(file)) != judged(&out.join(file)) {
            changed.push(file.display().to_string());
        }
    }
    for file in others {
        if is(&file, &["json", "ndjson"]) {
            let mut text = read(&folder.join(&file))?;
            words.in_json(&mut text);
            write(&out.join(&file), &text)?;
        } else {
            left_out.push(file);
        }
    }
    let views = super::report::write_views(&out)?;
    left_out.retain(|file| !views.contains(&out.join(file)));
    println!("{}: {} captures without names, numbers and secrets", out.display(), captures.len());
    if shut > 0 {
        println!(
            "{shut} of them had secrets of TLS, which are gone: what was said over TLS cannot be judged again"
        );
    }
    if !changed.is_empty() {
        println!(
            "of {} an audit of the copy does not come to the verdict of the original: a name there is a word of ours, too",
            changed.join(", ")
        );
    }
    if !left_out.is_empty() {
        let names = left_out.iter().map(|file| file.display().to_string()).collect::<Vec<_>>();
        println!("left out: {}", names.join(", "));
    }
    Ok(if changed.is_empty() { Exit::Passed } else { Exit::Inconclusive })
}

/// Learns the names and secrets of a capture, those within TLS as well: what they opened goes, and the names stand in
/// marks, comments and records, too.
fn learn(capture: &Path, words: &mut Words) {
    let Ok(recording) = capture::read::read(capture) else { return };
    for (_, sip) in recording.timeline.sip() {
        words.in_message(&mut sip.message.raw.to_vec());
    }
}

/// What an audit says of a capture of ours: of each rule the verdict and its packets. None where it is none.
fn judged(capture: &Path) -> Option<Vec<(String, Verdict, Vec<u32>)>> {
    let recording = capture::read::read(capture).ok()?;
    let scene = recording.timeline.marks().find_map(|(_, mark)| match mark {
        Mark::Scenario(scene) => Some(scene),
        _ => None,
    })?;
    let findings = judge(&recording.timeline, &scene.profile, recording.until);
    Some(findings.into_iter().map(|finding| (finding.rule, finding.verdict, finding.packets)).collect())
}

/// The files of a bundle and of the folders in it, in order.
fn files(folder: &Path) -> Result<Vec<PathBuf>> {
    let mut files = Vec::new();
    for path in entries(folder)? {
        match path.is_dir() {
            true => files.extend(entries(&path)?.into_iter().filter(|path| path.is_file())),
            false => files.push(path),
        }
    }
    let within = files.into_iter().filter_map(|path| Some(path.strip_prefix(folder).ok()?.to_owned()));
    Ok(within.collect())
}

fn entries(folder: &Path) -> Result<Vec<PathBuf>> {
    let listed = fs::read_dir(folder).and_then(|entries| {
        let paths: io::Result<Vec<PathBuf>> = entries.map(|entry| Ok(entry?.path())).collect();
        paths
    });
    let mut paths = listed.map_err(|source| Error::Unreadable { path: folder.to_owned(), source })?;
    paths.sort();
    Ok(paths)
}

fn read(path: &Path) -> Result<Vec<u8>> {
    fs::read(path).map_err(|source| Error::Unreadable { path: path.to_owned(), source })
}

fn write(path: &Path, octets: &[u8]) -> Result<()> {
    let folder = path.parent().unwrap_or(Path::new("."));
    fs::create_dir_all(folder)
        .and_then(|()| fs::write(path, octets))
        .map_err(|source| Error::Unwritable { path: path.to_owned(), source })
}
