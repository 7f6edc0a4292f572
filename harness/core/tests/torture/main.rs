//! The torture test messages of RFC 4475 and of RFC 5118: what each file says, by the text of its
//! section, and exactly those defects that the text names. A file without a row fails.

#![allow(clippy::unwrap_used)]

mod invalid;
mod ipv6;
mod semantics;
#[path = "../support/mod.rs"]
mod support;
mod valid;

use std::collections::BTreeMap;

use sipfarm_core::sip::{DefectKind, Message};

use support::files;

/// What is expected of one file.
struct Row {
    /// The file without `.dat`.
    file: &'static str,
    /// The kinds of its defects, in the order of their places.
    defects: &'static [DefectKind],
    /// Why these, in the words of the section that describes it.
    reason: &'static str,
    /// What the message says.
    says: fn(&Message),
}

/// Checks each row against its file, and that files and rows are the same.
fn compare(files: &BTreeMap<String, Vec<u8>>, rows: &[Row]) {
    let mut named: Vec<&str> = rows.iter().map(|row| row.file).collect();
    named.sort_unstable();
    assert_eq!(files.keys().map(String::as_str).collect::<Vec<_>>(), named, "files and rows");
    for row in rows {
        let message = Message::parse(&files[row.file]);
        let kinds: Vec<DefectKind> = message.defects.iter().map(|defect| defect.kind).collect();
        assert_eq!(kinds, row.defects, "{}: {}\n{:#?}", row.file, row.reason, message.defects);
        for defect in &message.defects {
            let place = message.raw.get(defect.span.clone());
            assert!(place.is_some(), "{}: {defect} lies outside the message", row.file);
        }
        (row.says)(&message);
    }
}

#[test]
fn rfc_4475() {
    let rows: Vec<Row> = valid::rows().into_iter().chain(invalid::rows()).chain(semantics::rows()).collect();
    // 49 messages are in the text; the archive holds one more.
    assert_eq!(rows.len(), 50);
    compare(&files("rfc4475"), &rows);
}

/// On a stream each message whose length is known comes out of the framer as it is, whatever else
/// is wrong with it, and the next one after it.
#[test]
fn rfc_4475_on_a_stream() {
    use sipfarm_core::sip::{Framed, Framer, FramingLoss};

    let follower = &files("rfc4475")["zeromf"];
    for (name, raw) in files("rfc4475") {
        let mut framer = Framer::new();
        framer.push(&raw);
        framer.push(follower);
        let found: Vec<Framed> = std::iter::from_fn(|| framer.pop()).collect();
        let messages: Vec<&Message> = found
            .iter()
            .filter_map(|framed| match framed {
                Framed::Message(message) => Some(message),
                _ => None,
            })
            .collect();
        match name.as_str() {
            // No Content-Length, none that is a number, two (sections 3.1.2.3, 3.3.9, 3.4.1).
            "inv2543" | "ncl" | "mcl01" => {
                let reason = FramingLoss::NoContentLength;
                let lost = matches!(found.last(), Some(Framed::Lost { reason: r, .. }) if *r == reason);
                assert!(messages.len() == 1 && lost, "{name}: {found:#?}");
            }
            "clerr" => assert_eq!(found, [], "waits for more, as section 3.1.2.2 says"),
            // The two heads cannot be told apart where the empty line is missing.
            "baddn" => assert_eq!(messages.len(), 1),
            // The octets that a datagram throws away are a message on a stream.
            "dblreq" => assert_eq!(messages.len(), 3),
            _ => {
                assert_eq!(messages.len(), 2, "{name}: {found:#?}");
                assert!(raw.starts_with(&messages[0].raw), "{name}");
                assert_eq!(messages[0], &Message::parse(&messages[0].raw), "{name}");
                assert_eq!(&messages[1].raw, follower, "{name}");
            }
        }
    }
}
