//! Anchored media: the node stands in the way of the audio. It writes itself into every session
//! description that it passes on, and passes on what it then hears (RFC 3264 knows nothing of it; a
//! back-to-back user agent or a relay does so).

use std::collections::{BTreeMap, VecDeque};
use std::net::{IpAddr, SocketAddr};

use sipfarm_core::machine::{Input, Output, PortState, Transport};
use sipfarm_core::sdp::{Connection, Session};
use sipfarm_core::sip::Message;

/// The ports of the first call; each has four: RTP and RTCP towards the phone, and towards the far end.
const FIRST_PORT: u16 = 30_000;
const PORTS: u16 = 4;
/// Calls on top of so many run past the node.
const CALLS_MAX: usize = 256;

/// A side of a call: it is also the place of its ports.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Side {
    Phone = 0,
    FarEnd = 1,
}

impl Side {
    fn other(self) -> Side {
        if self == Side::Phone { Side::FarEnd } else { Side::Phone }
    }
}

/// The audio that passes through a node.
#[derive(Debug)]
pub(super) struct Anchor {
    ip: IpAddr,
    /// The first port and the two ears, by Call-ID.
    calls: BTreeMap<String, (u16, [Option<SocketAddr>; 2])>,
    outputs: VecDeque<Output>,
}

impl Anchor {
    pub(super) fn new(ip: IpAddr) -> Self {
        Anchor { ip, calls: BTreeMap::new(), outputs: VecDeque::new() }
    }

    /// The message as the other side gets it: where it tells that side where to send audio, that is
    /// here.
    pub(super) fn pass(&mut self, message: Message, from: Side) -> Message {
        self.rewritten(&message, from).unwrap_or(message)
    }

    fn rewritten(&mut self, message: &Message, from: Side) -> Option<Message> {
        let mut session = Session::parse(&message.body);
        let ear = session.address(session.audio()?).filter(|ear| !ear.ip().is_unspecified())?;
        let (first, ears) = self.call(message.call_id()?)?;
        ears[from as usize] = Some(ear);
        let port = *first + 2 * from.other() as u16;
        session.connection = Some(Connection::at(self.ip));
        for media in session.media.iter_mut().filter(|media| media.port != 0) {
            (media.connection, media.port) = (None, if media.kind == "audio" { port } else { 0 });
        }
        let builder = message.rebuild().remove("Content-Type");
        Some(builder.body("application/sdp", session.to_string()).build())
    }

    /// Passes a datagram on that came in at one of its ports. False for any other input.
    pub(super) fn takes(&mut self, input: &Input, deaf: bool) -> bool {
        let (Input::Datagram { local, .. } | Input::Icmp { local, .. }) = input else { return false };
        let port = local.port();
        let Some((first, ears)) =
            self.calls.values().find(|(first, _)| (*first..*first + PORTS).contains(&port))
        else {
            return false;
        };
        let (side, control) = (usize::from((port - first) / 2), (port - first) % 2);
        if let (Input::Datagram { payload, .. }, Some(ear), false) = (input, ears[1 - side], deaf) {
            let local = SocketAddr::new(self.ip, first + 2 * (1 - side as u16) + control);
            let remote = SocketAddr::new(ear.ip(), ear.port().wrapping_add(control));
            self.outputs.push_back(Output::Datagram { local, remote, payload: payload.clone() });
        }
        true
    }

    /// Forgets every call, and closes its ports.
    pub(super) fn forget(&mut self) {
        for (first, _) in std::mem::take(&mut self.calls).into_values() {
            self.set(first, PortState::Closed);
        }
    }

    pub(super) fn poll_output(&mut self) -> Option<Output> {
        self.outputs.pop_front()
    }

    fn call(&mut self, call_id: &str) -> Option<&mut (u16, [Option<SocketAddr>; 2])> {
        if !self.calls.contains_key(call_id) && self.calls.len() < CALLS_MAX {
            let first = FIRST_PORT + PORTS * self.calls.len() as u16;
            self.calls.insert(call_id.to_owned(), (first, [None; 2]));
            self.set(first, PortState::Open);
        }
        self.calls.get_mut(call_id)
    }

    fn set(&mut self, first: u16, state: PortState) {
        for port in first..first + PORTS {
            let local = SocketAddr::new(self.ip, port);
            self.outputs.push_back(Output::SetPort { transport: Transport::Udp, local, state });
        }
    }
}
