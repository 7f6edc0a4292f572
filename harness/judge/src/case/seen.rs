//! A SIP message of the phone's traffic, with what the rules ask for most read once.

use std::net::SocketAddr;
use std::rc::Rc;

use sipfarm_core::Instant;
use sipfarm_core::machine::Transport;
use sipfarm_core::sip::{DefectKind, Message, Method};

use crate::timeline::{Event, SipEvent};

/// A message that went to the phone or came from it.
#[derive(Debug, Clone)]
pub struct Seen<'a> {
    /// When, at the tap.
    pub at: Instant,
    /// The packets that carried it.
    pub packets: &'a [u32],
    /// Under SIP.
    pub transport: Transport,
    /// Sender.
    pub src: SocketAddr,
    /// Receiver.
    pub dst: SocketAddr,
    /// The message.
    pub message: &'a Message,
    /// The branch of the topmost Via; empty when there is none.
    pub branch: String,
    /// The number in CSeq.
    pub cseq: Option<u32>,
    /// The method: of a request its own, of a response that of CSeq.
    pub method: Option<Method>,
    /// Call-ID; empty when there is none.
    pub call_id: &'a str,
    /// The tag of From.
    pub from_tag: Option<String>,
    /// The tag of To.
    pub to_tag: Option<String>,
}

/// A message that several parts of the case point at.
pub type SeenRef<'a> = Rc<Seen<'a>>;

impl<'a> Seen<'a> {
    pub(super) fn new(event: &'a Event, sip: &'a SipEvent) -> Self {
        let message: &Message = &sip.message;
        let cseq = message.cseq();
        Seen {
            at: event.at,
            packets: &event.packets,
            transport: sip.transport,
            src: sip.src,
            dst: sip.dst,
            message,
            branch: message.branch().unwrap_or_default(),
            method: message.method().cloned().or_else(|| cseq.as_ref().map(|cseq| cseq.method.clone())),
            cseq: cseq.map(|cseq| cseq.number),
            call_id: message.call_id().unwrap_or_default(),
            from_tag: message.from().and_then(|from| from.tag().map(str::to_owned)),
            to_tag: message.to().and_then(|to| to.tag().map(str::to_owned)),
        }
    }

    /// Whether its datagram ends before its body does; a response is to be discarded then (RFC 3261 section 18.3).
    pub fn is_cut(&self) -> bool {
        self.message.defects.iter().any(|defect| defect.kind == DefectKind::BodyTooShort)
    }

    /// Whether it is a request of that method.
    pub fn is_request(&self, method: &Method) -> bool {
        self.message.is_request(method)
    }

    /// The number of the packet that completed it; 0 when it has none.
    pub fn packet(&self) -> u32 {
        self.packets.last().copied().unwrap_or(0)
    }

    /// What it is: `INVITE`, `503 to INVITE`.
    pub fn what(&self) -> String {
        let method = self.method.as_ref().map_or("an unreadable request", Method::as_str);
        match self.message.status() {
            Some(code) => format!("{code} to {method}"),
            None => method.to_owned(),
        }
    }
}
