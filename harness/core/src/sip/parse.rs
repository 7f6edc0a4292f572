//! From octets to a message.

use super::defect::{Defect, DefectKind};
use super::head::{ContentLength, Head, body_start};
use super::message::Message;

impl Message {
    /// Reads one message from the payload of a datagram, or from octets that a stream's
    /// [`Framer`](super::Framer) has cut. Never fails: what is wrong becomes a [`Defect`].
    pub fn parse(raw: &[u8]) -> Message {
        let start = body_start(raw, 0);
        let mut head = Head::parse(&raw[..start.unwrap_or(raw.len())]);
        if start.is_none() {
            let detail = "the empty line that ends the head is missing";
            let end = raw.len()..raw.len();
            head.defects.push(Defect::new(DefectKind::UnterminatedHead, end, detail));
        }
        Message::from_head(head, raw.to_vec(), start.unwrap_or(raw.len()))
    }

    /// Cuts the body and checks the whole. The body begins at `body_start` in `raw`.
    pub(super) fn from_head(head: Head, raw: Vec<u8>, body_start: usize) -> Message {
        let length = head.content_length();
        let Head { start, headers, mut defects } = head;
        let present = raw.len() - body_start;
        let octets = match length {
            ContentLength::Absent => present,
            // Section 18.3: a datagram's end is the message's end.
            ContentLength::Octets(octets) if octets > present => {
                let detail = format!("Content-Length says {octets} octets, but there are {present}");
                defects.push(Defect::new(DefectKind::BodyTooShort, body_start..raw.len(), detail));
                present
            }
            ContentLength::Octets(octets) => {
                if octets < present {
                    let detail = format!("{} octets follow the body", present - octets);
                    let span = body_start + octets..raw.len();
                    defects.push(Defect::new(DefectKind::BodyTooLong, span, detail));
                }
                octets
            }
            ContentLength::Unusable => present,
        };
        let body = raw[body_start..body_start + octets].to_vec();
        let mut message = Message { start, headers, body, raw, defects };
        super::check::message(&mut message);
        message
    }
}
