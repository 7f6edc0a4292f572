//! Messages out of a stream (RFC 3261 section 18.3, RFC 5626 section 4.4.1).

use super::defect::{Defect, DefectKind};
use super::head::{ContentLength, Head, body_start};
use super::message::Message;

/// How much a [`Framer`] holds.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct FramerLimits {
    /// The longest head, in octets, its empty line included.
    pub head_octets: usize,
    /// The longest body, in octets.
    pub body_octets: usize,
}

/// 64 KiB of head, 256 KiB of body: far above what a datagram could carry.
impl Default for FramerLimits {
    fn default() -> Self {
        FramerLimits { head_octets: 64 * 1024, body_octets: 256 * 1024 }
    }
}

/// What a [`Framer`] found.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Framed {
    /// A message.
    Message(Message),
    /// A CRLF between messages.
    KeepAlive {
        /// It is the second of a pair: a ping, which a server answers with one CRLF (RFC 5626
        /// section 4.4.1). A client takes any CRLF as the answer to its ping.
        ping: bool,
    },
    /// Where the next message begins cannot be told any more. What else arrives is dropped until
    /// [`Framer::reset`]; a peer closes the connection (RFC 4475 section 3.1.2.3).
    Lost {
        /// Why.
        reason: FramingLoss,
        /// The head in question; for one that does not end, its first octets.
        head: Vec<u8>,
    },
}

/// Why a stream cannot be cut into messages any further.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum FramingLoss {
    /// The message before, which was delivered, has no usable Content-Length.
    NoContentLength,
    /// A head longer than the limit.
    HeadTooLong,
    /// A body longer than the limit.
    BodyTooLong,
}

/// Cuts the octets of one direction of a stream into messages. Where the network cut them makes no
/// difference. Holds at most one message within its [`FramerLimits`] and what was pushed last.
#[derive(Debug, Default)]
pub struct Framer {
    limits: FramerLimits,
    buffer: Vec<u8>,
    /// So many octets of the buffer have been given out.
    taken: usize,
    state: State,
    /// The last thing found was a CRLF that no other one has made a pair with.
    half_ping: bool,
}

#[derive(Debug)]
enum State {
    /// Looking for the end of a head; so many octets are known to hold none.
    Head { scanned: usize },
    /// The head is read. Without a usable Content-Length the message ends with its head, and
    /// nothing can follow.
    Body { head: Head, begin: usize, length: Option<usize> },
    /// Lost; the report, until it has been given.
    Lost(Option<(FramingLoss, Vec<u8>)>),
}

impl Default for State {
    fn default() -> Self {
        State::Head { scanned: 0 }
    }
}

impl Framer {
    /// With the limits of [`FramerLimits::default`].
    pub fn new() -> Self {
        Framer::default()
    }

    /// With other limits.
    pub fn with_limits(limits: FramerLimits) -> Self {
        Framer { limits, ..Framer::default() }
    }

    /// Takes octets in. Those that arrive after a loss are dropped.
    pub fn push(&mut self, octets: &[u8]) {
        if !self.is_lost() {
            self.buffer.drain(..self.taken);
            self.taken = 0;
            self.buffer.extend_from_slice(octets);
        }
    }

    /// The next find, in order; `None` until more octets arrive.
    pub fn pop(&mut self) -> Option<Framed> {
        if let State::Head { scanned } = self.state {
            if self.rest().starts_with(b"\r\n") {
                return Some(self.keep_alive());
            }
            self.state = self.read_head(scanned);
        }
        match std::mem::take(&mut self.state) {
            State::Body { head, begin, length } if self.rest().len() >= begin + length.unwrap_or(0) => {
                Some(self.message(head, begin, length))
            }
            State::Lost(report) => {
                self.state = State::Lost(None);
                report.map(|(reason, head)| Framed::Lost { reason, head })
            }
            waiting => {
                self.state = waiting;
                None
            }
        }
    }

    /// Whether nothing more will be found before [`Framer::reset`], but for what
    /// [`Framer::pop`] has yet to give out.
    pub fn is_lost(&self) -> bool {
        matches!(self.state, State::Lost(_))
    }

    /// Starts anew, as on a new connection.
    pub fn reset(&mut self) {
        *self = Framer::with_limits(self.limits);
    }

    /// The stream has ended: what is left of a message, with the defects that it has for being
    /// cut off.
    pub fn finish(&mut self) -> Option<Message> {
        let rest = self.rest().to_vec();
        self.reset();
        rest.iter().any(|octet| !matches!(octet, b'\r' | b'\n')).then(|| Message::parse(&rest))
    }

    /// What has not been given out.
    fn rest(&self) -> &[u8] {
        &self.buffer[self.taken..]
    }

    fn keep_alive(&mut self) -> Framed {
        self.taken += 2;
        self.state = State::default();
        let ping = self.half_ping;
        self.half_ping = !ping;
        Framed::KeepAlive { ping }
    }

    /// Looks for the end of the head and learns the length of the body.
    fn read_head(&mut self, scanned: usize) -> State {
        let limits = self.limits;
        match body_start(self.rest(), scanned) {
            Some(begin) if begin <= limits.head_octets => {
                let head = Head::parse(&self.rest()[..begin]);
                match head.content_length() {
                    ContentLength::Octets(octets) if octets > limits.body_octets => {
                        self.lose(FramingLoss::BodyTooLong, begin)
                    }
                    ContentLength::Octets(octets) => State::Body { head, begin, length: Some(octets) },
                    ContentLength::Absent | ContentLength::Unusable => {
                        State::Body { head, begin, length: None }
                    }
                }
            }
            None if self.rest().len() <= limits.head_octets => State::Head { scanned: self.rest().len() },
            _ => self.lose(FramingLoss::HeadTooLong, limits.head_octets),
        }
    }

    /// Gives out the message whose octets are all there.
    fn message(&mut self, mut head: Head, begin: usize, length: Option<usize>) -> Framed {
        let end = begin + length.unwrap_or(0);
        let raw = self.rest()[..end].to_vec();
        self.half_ping = false;
        if length.is_some() {
            self.taken += end;
        } else {
            if matches!(head.content_length(), ContentLength::Absent) {
                let detail = "Content-Length is missing, which a message on a stream needs";
                head.defects.push(Defect::new(DefectKind::MissingHeader, begin..begin, detail));
            }
            self.state = self.lose(FramingLoss::NoContentLength, end);
        }
        Framed::Message(Message::from_head(head, raw, begin))
    }

    /// Empties the buffer, but for the octets that the report carries.
    fn lose(&mut self, reason: FramingLoss, octets: usize) -> State {
        let head = self.rest()[..octets].to_vec();
        self.buffer.clear();
        self.taken = 0;
        State::Lost(Some((reason, head)))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::sip::Method;

    const INVITE: &str = "INVITE sip:b@192.0.2.2 SIP/2.0\r\nVia: SIP/2.0/TCP 192.0.2.1;branch=z9hG4bK1\r\n\
        Max-Forwards: 70\r\nFrom: <sip:a@192.0.2.1>;tag=1\r\nTo: <sip:b@192.0.2.2>\r\nCall-ID: 1\r\n\
        CSeq: 1 INVITE\r\nContact: <sip:a@192.0.2.1>\r\nContent-Type: text/plain\r\n\
        Content-Length: 8\r\n\r\na\r\n\r\nb\r\n";
    const BYE: &str = "BYE sip:b@192.0.2.2 SIP/2.0\r\nVia: SIP/2.0/TCP 192.0.2.1;branch=z9hG4bK2\r\n\
        Max-Forwards: 70\r\nFrom: <sip:a@192.0.2.1>;tag=1\r\nTo: <sip:b@192.0.2.2>;tag=2\r\nCall-ID: 1\r\n\
        CSeq: 2 BYE\r\nl: 0\r\n\r\n";

    /// All finds when the octets come in pieces of that size.
    fn finds(octets: &[u8], piece: usize) -> Vec<Framed> {
        let mut framer = Framer::new();
        let mut found = Vec::new();
        for piece in octets.chunks(piece) {
            framer.push(piece);
            found.extend(std::iter::from_fn(|| framer.pop()));
        }
        found
    }

    fn methods(found: &[Framed]) -> Vec<Option<Method>> {
        let method = |framed: &Framed| match framed {
            Framed::Message(message) => message.method().cloned(),
            _ => None,
        };
        found.iter().map(method).collect()
    }

    #[test]
    fn a_message_may_be_split_at_every_octet() {
        let whole = format!("{INVITE}{BYE}");
        let at_once = finds(whole.as_bytes(), whole.len());
        assert_eq!(methods(&at_once), [Some(Method::Invite), Some(Method::Bye)]);
        let Framed::Message(invite) = &at_once[0] else { panic!("a message") };
        assert_eq!(invite.body, b"a\r\n\r\nb\r\n");
        assert_eq!((invite.raw.as_slice(), invite.defects.len()), (INVITE.as_bytes(), 0));
        assert_eq!(finds(whole.as_bytes(), 1), at_once);
        for cut in 1..whole.len() {
            let mut framer = Framer::new();
            let mut found = Vec::new();
            for piece in [&whole.as_bytes()[..cut], &whole.as_bytes()[cut..]] {
                framer.push(piece);
                found.extend(std::iter::from_fn(|| framer.pop()));
            }
            assert_eq!(found, at_once, "cut at {cut}");
        }
    }

    #[test]
    fn line_ends_between_messages_are_keep_alives() {
        let stream = format!("\r\n\r\n{BYE}\r\n{BYE}\r\n\r\n\r\n");
        for piece in [1, 2, 3, stream.len()] {
            let pings: Vec<Option<bool>> = finds(stream.as_bytes(), piece)
                .iter()
                .map(|framed| match framed {
                    Framed::KeepAlive { ping } => Some(*ping),
                    _ => None,
                })
                .collect();
            let (half, ping) = (Some(false), Some(true));
            assert_eq!(pings, [half, ping, None, half, None, half, ping, half]);
        }
    }

    #[test]
    fn without_a_usable_length_the_message_comes_and_then_nothing() {
        for (field, kind) in [
            ("", DefectKind::MissingHeader),
            ("Content-Length: -999\r\n", DefectKind::BadContentLength),
            ("Content-Length: five\r\n", DefectKind::BadContentLength),
            ("Content-Length: 13\r\nContent-Length: 5\r\n", DefectKind::BadContentLength),
        ] {
            let stream = format!("{}{BYE}", BYE.replace("l: 0\r\n", field));
            for piece in [1, stream.len()] {
                let found = finds(stream.as_bytes(), piece);
                let [Framed::Message(message), Framed::Lost { reason, head }] = found.as_slice() else {
                    panic!("{field}: {found:?}");
                };
                assert!(message.defects.iter().any(|defect| defect.kind == kind), "{:?}", message.defects);
                assert_eq!((*reason, head), (FramingLoss::NoContentLength, &message.raw));
            }
        }
    }

    #[test]
    fn what_is_too_long_is_said_and_not_held() {
        let limits = FramerLimits { head_octets: 300, body_octets: 10 };
        let long_head = INVITE.replace("Call-ID: 1", &format!("Call-ID: {}", "1".repeat(300)));
        let endless = "x".repeat(1000);
        let long_body = BYE.replace("l: 0", "l: 11");
        let huge_body = BYE.replace("l: 0", "l: 4294967295");
        for (stream, reason, octets) in [
            (&long_head, FramingLoss::HeadTooLong, 300),
            (&endless, FramingLoss::HeadTooLong, 300),
            (&long_body, FramingLoss::BodyTooLong, long_body.len()),
            (&huge_body, FramingLoss::BodyTooLong, huge_body.len()),
        ] {
            for piece in [1, 7, stream.len()] {
                let mut framer = Framer::with_limits(limits);
                for piece in stream.as_bytes().chunks(piece) {
                    framer.push(piece);
                    if let Some(Framed::Lost { reason: said, head }) = framer.pop() {
                        assert_eq!((said, head.as_slice()), (reason, &stream.as_bytes()[..octets]));
                    }
                }
                assert!(framer.is_lost() && framer.buffer.is_empty());
                framer.reset();
                framer.push(BYE.as_bytes());
                assert_eq!(methods(&[framer.pop().expect("a message")]), [Some(Method::Bye)]);
            }
        }
    }

    #[test]
    fn the_end_of_the_stream_shows_what_was_cut_off() {
        let mut framer = Framer::new();
        framer.push(&INVITE.as_bytes()[..INVITE.len() - 3]);
        assert_eq!(framer.pop(), None);
        let kinds = |message: Message| message.defects.iter().map(|d| d.kind).collect::<Vec<_>>();
        assert_eq!(framer.finish().map(kinds), Some(vec![DefectKind::BodyTooShort]));
        framer.push(b"BYE sip:b@192.0.2.2 SIP/2.0\r\nVia");
        let cut = framer.finish().map(kinds).expect("a message");
        assert!(cut.contains(&DefectKind::UnterminatedHead));
        framer.push(b"\r");
        assert_eq!(framer.finish(), None);
    }
}
