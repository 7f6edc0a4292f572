//! The messages under `fixtures/messages/`.

use std::collections::BTreeMap;
use std::path::PathBuf;

/// The files of a folder, by name without `.dat`.
pub fn files(folder: &str) -> BTreeMap<String, Vec<u8>> {
    let path = PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("../../fixtures/messages").join(folder);
    let entries = std::fs::read_dir(path).unwrap().map(|entry| entry.unwrap().path());
    let messages = entries.filter(|path| path.extension().is_some_and(|end| end == "dat"));
    messages
        .map(|path| (path.file_stem().unwrap().to_str().unwrap().to_owned(), std::fs::read(&path).unwrap()))
        .collect()
}

/// The files of RFC 5118 as they would be on the wire: lines end in CRLF, the head in an empty line,
/// and Content-Length counts what is there.
pub fn rfc_5118_mended() -> BTreeMap<String, Vec<u8>> {
    files("rfc5118").into_iter().map(|(name, raw)| (name, mend(&raw))).collect()
}

fn mend(raw: &[u8]) -> Vec<u8> {
    let text = std::str::from_utf8(raw).unwrap().replace('\n', "\r\n");
    let (head, body) = text.split_once("\r\n\r\n").unwrap_or((text.trim_end(), ""));
    let lines: Vec<String> = head
        .lines()
        .map(|line| match line.starts_with("Content-Length") {
            true => format!("Content-Length: {}", body.len()),
            false => line.to_owned(),
        })
        .collect();
    format!("{}\r\n\r\n{body}", lines.join("\r\n")).into_bytes()
}
