//! A call of the far end's, from the first INVITE to BYE (RFC 3261 section 12).

use std::net::SocketAddr;

use sipfarm_core::Span;
use sipfarm_core::machine::Transport;
use sipfarm_core::rtp::Talker;
use sipfarm_core::sdp::{Direction, Local};
use sipfarm_core::sip::{Message, MessageBuilder, Method, NameAddr, Uri, Via};

use crate::farm::stack::{Key, Path};

/// One call.
#[derive(Debug)]
pub(super) struct Call {
    /// As it stands in the header.
    pub call_id: String,
    /// Where it is reached for this call, with what it says of itself.
    pub contact: String,
    /// The port of its audio; RTCP has the one after it.
    pub media_port: u16,
    /// Resource-Priority of what it sends in this call, one value for each header field.
    pub precedence: Vec<String>,
    /// From of what we send, with our tag.
    pub local: String,
    /// To of what we send, with the other side's tag once it is known.
    pub remote: String,
    /// The other side's Contact.
    pub target: String,
    /// The route set.
    pub routes: Vec<String>,
    /// The last CSeq number that we used.
    pub cseq: u32,
    /// Where requests go while there is no route set.
    pub first_hop: Path,
    pub state: State,
    /// The number of the session in our SDP.
    pub session_id: u64,
    /// How many descriptions we have made.
    pub versions: u64,
    /// The direction that it wants.
    pub direction: Direction,
    /// Its last session description.
    pub said: Vec<u8>,
    /// Its INVITE within the dialog that is not answered yet.
    pub reinvite: Option<Key>,
    /// What it says.
    pub talker: Talker,
    /// BYE follows as soon as it may.
    pub ends: bool,
    /// It leaves the other side's BYE unanswered.
    pub ignores_bye: bool,
}

/// How far a call is.
#[derive(Debug)]
pub(super) enum State {
    /// An INVITE came in and is not answered yet.
    Offered { server: Key },
    /// Our INVITE is out and not answered yet.
    Calling { client: Key },
    /// Our 200 is out and waits for its ACK.
    Answered { server: Key, ok: Message, interval: Span },
    /// Both sides know.
    Established { ack: Option<Message> },
}

impl Call {
    /// A request inside the dialog, with the next CSeq number.
    pub(super) fn request(&mut self, method: &Method, addr: SocketAddr, branch: &str) -> (Message, Path) {
        self.cseq += 1;
        let cseq = self.cseq;
        self.request_numbered(method, cseq, addr, branch)
    }

    /// A request inside the dialog; ACK takes the number of its INVITE.
    pub(super) fn request_numbered(
        &self,
        method: &Method,
        cseq: u32,
        addr: SocketAddr,
        branch: &str,
    ) -> (Message, Path) {
        let path = self.next_hop();
        let builder = MessageBuilder::request(method, &self.target)
            .header("Via", format!("SIP/2.0/{} {addr};branch={}{branch}", path.transport, Via::COOKIE))
            .header("Max-Forwards", 70);
        let builder = self.routes.iter().fold(builder, |builder, route| builder.header("Route", route));
        let builder = builder
            .header("From", &self.local)
            .header("To", &self.remote)
            .header("Call-ID", &self.call_id)
            .header("CSeq", format!("{cseq} {method}"));
        (prioritised(builder, &self.precedence).build(), path)
    }

    /// The next description of our side.
    pub(super) fn description(&mut self, audio: SocketAddr) -> Local {
        let version = self.session_id + self.versions;
        self.versions += 1;
        Local { version, direction: self.direction, ..Local::g711(audio, self.session_id) }
    }

    /// Takes route set, target and tag from what made the dialog. A caller reads Record-Route from
    /// bottom to top (section 12.1.2).
    pub(super) fn establish(&mut self, response: &Message) {
        self.routes = response.values("Record-Route").into_iter().rev().map(str::to_owned).collect();
        self.remote = response.header("To").unwrap_or_default().to_owned();
        self.retarget(response);
    }

    /// Contact of a request or response that refreshes the target.
    pub(super) fn retarget(&mut self, message: &Message) {
        if let Some(contact) = message.contact() {
            self.target = contact.uri;
        }
    }

    /// Where its audio is, on the host of the far end.
    pub(super) fn audio(&self, addr: SocketAddr) -> SocketAddr {
        SocketAddr::new(addr.ip(), self.media_port)
    }

    /// The first route, else the target, when it is an address.
    pub(super) fn next_hop(&self) -> Path {
        let route = self.routes.first().and_then(|route| NameAddr::parse(route)?.sip_uri());
        let Some(uri) = route.or_else(|| Uri::parse(&self.target)) else { return self.first_hop };
        let Some(remote) = uri.socket_addr() else { return self.first_hop };
        let transport = uri.transport().unwrap_or(Transport::Udp);
        Path { transport, remote, stream: None }
    }
}

/// A message with one Resource-Priority for each of the values (RFC 4412 section 3.1).
pub(super) fn prioritised(builder: MessageBuilder, values: &[String]) -> MessageBuilder {
    values.iter().fold(builder, |builder, value| builder.header("Resource-Priority", value))
}
