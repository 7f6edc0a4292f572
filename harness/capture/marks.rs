//! Marks as packets: the mark's JSON under Wireshark's own link type for upper-layer data, so that
//! Wireshark shows it as JSON.

use sipfarm_core::frame::{Frame, LinkType};
use sipfarm_core::{Instant, Span};
use sipfarm_judge::mark::Mark;

use super::octets::u16_at;

/// LINKTYPE_WIRESHARK_UPPER_PDU: tags that say which dissector to use, then the data.
pub const LINK: LinkType = LinkType(252);

const TAG_END: u16 = 0;
const TAG_DISSECTOR: u16 = 12;
const DISSECTOR: &[u8] = b"json";
/// What Wireshark shows in its column of protocols.
const TAG_PROTOCOL: u16 = 33;
const PROTOCOL: &[u8] = b"mark";

/// The frame that carries a mark.
pub fn to_frame(mark: &Mark, at: Instant) -> Frame {
    let mut data = Vec::new();
    // Values are multiples of four octets, and these are.
    for (tag, value) in [(TAG_DISSECTOR, DISSECTOR), (TAG_PROTOCOL, PROTOCOL), (TAG_END, b"")] {
        data.extend_from_slice(&tag.to_be_bytes());
        data.extend_from_slice(&(value.len() as u16).to_be_bytes());
        data.extend_from_slice(value);
    }
    // Marks are plain data with text as keys, which JSON always holds.
    serde_json::to_writer(&mut data, mark).expect("a mark can be written as JSON");
    Frame { at, link: LINK, data }
}

/// The mark that a frame carries; `None` for other upper-layer data. A mark that cannot be
/// understood (a newer harness wrote it) becomes trouble, since the judge would miss it.
pub fn from_frame(frame: &Frame) -> Option<Mark> {
    let value: serde_json::Value = serde_json::from_slice(json(frame)?).ok()?;
    let name = value.get("mark")?.as_str()?.to_owned();
    let mark = serde_json::from_value(value);
    Some(mark.unwrap_or_else(|error| Mark::Trouble {
        what: format!("a mark of kind {name:?} in the capture cannot be read: {error}"),
        since: None,
    }))
}

/// What stands after the tags, when they ask for the dissector of JSON.
fn json(frame: &Frame) -> Option<&[u8]> {
    let mut rest = frame.data.as_slice();
    let mut is_json = false;
    loop {
        let (tag, octets) = (u16_at(rest, 0)?, usize::from(u16_at(rest, 2)?));
        let value = rest.get(4..4 + octets)?;
        rest = &rest[4 + octets..];
        match tag {
            TAG_END => return is_json.then_some(rest),
            // Writers may pad the name with zeros.
            TAG_DISSECTOR => is_json = value.split(|octet| *octet == 0).next() == Some(DISSECTOR),
            _ => {}
        }
    }
}

/// A mark in plain words, as a comment on its packet.
pub fn words(mark: &Mark) -> String {
    match mark {
        Mark::Scenario(scene) => {
            format!("scenario {} ({}:{}), seed {}", scene.name, scene.feature, scene.line, scene.seed)
        }
        Mark::Cast(_) => "who is who, as told".to_owned(),
        Mark::SecondPhone { .. } => "there is a second phone".to_owned(),
        Mark::OfSecondPhone { of } => format!("of the second phone: {}", words(of)),
        Mark::Step { keyword, text, line } => format!("{keyword} {text} (line {line})"),
        Mark::Command { command, .. } => format!("the phone is told: {command}"),
        Mark::CommandFailed { command, reason } => {
            format!("the phone could not be told: {command}: {reason}")
        }
        Mark::Fault { node, fault, on: true } => format!("fault on at {node}: {fault}"),
        Mark::Fault { node, fault, on: false } => format!("fault off at {node}: {fault}"),
        Mark::Link { delay, jitter, loss, duplicate, reorder } => format!(
            "the phone's link: delay {delay}, jitter up to {jitter}, {:.1} % lost, {:.1} % doubled, {:.1} % overtaken",
            loss * 100.0,
            duplicate * 100.0,
            reorder * 100.0
        ),
        Mark::Noted { node, what } => format!("{node}: {what}"),
        Mark::CallNamed { name, call_id } => format!("call {name:?} is {call_id}"),
        Mark::Expect(expected) => format!("expected: {} (line {})", expected.text, expected.line),
        Mark::Observed { fact, answer, by, .. } => format!("{by} is asked: {} {answer}", fact.question()),
        Mark::Trouble { what, since: Some(since) } => {
            format!("trouble since {}: {what}", Span::from_nanos(since.as_nanos()))
        }
        Mark::Trouble { what, since: None } => format!("trouble: {what}"),
        Mark::Late { who, since } => {
            format!("{who} was served late, since {}", Span::from_nanos(since.as_nanos()))
        }
        Mark::Unmet { precondition } => format!("precondition not met: {precondition}"),
        Mark::End => "end of the scenario".to_owned(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn note(json: &str) -> Option<Mark> {
        let mut frame = to_frame(&Mark::End, Instant::EPOCH);
        let tags = frame.data.len() - r#"{"mark":"end"}"#.len();
        frame.data.truncate(tags);
        frame.data.extend_from_slice(json.as_bytes());
        from_frame(&frame)
    }

    #[test]
    fn a_mark_comes_back_as_it_was() {
        let mark = Mark::Fault { node: "primary".into(), fault: "status 503".into(), on: true };
        let frame = to_frame(&mark, Instant::from_nanos(5));
        assert_eq!(frame.at, Instant::from_nanos(5));
        assert_eq!(from_frame(&frame), Some(mark));
    }

    #[test]
    fn an_unknown_mark_is_trouble_and_other_json_is_nothing() {
        assert!(matches!(note(r#"{"mark":"from-the-future"}"#), Some(Mark::Trouble { .. })));
        assert_eq!(note(r#"{"temperature":21}"#), None);
        assert_eq!(note("{"), None);
    }
}
