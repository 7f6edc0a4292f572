//! TCP connections: cut into messages, used again for the same peer, bounded in number.

use std::collections::BTreeMap;
use std::net::{IpAddr, SocketAddr};

use sipfarm_core::machine::{Output, StreamId, TlsName, Transport};
use sipfarm_core::sip::{Framed, Framer, Message};

use super::Path;

/// More than that many connections are refused with RST.
const STREAMS_MAX: usize = 1024;

/// No more than that many messages wait for a connection to open; what comes on top is lost.
const WAITING_MAX: usize = 64;

/// The connections of one machine.
#[derive(Debug, Default)]
pub(in crate::farm) struct Streams {
    open: BTreeMap<StreamId, Stream>,
    drawn: u64,
}

#[derive(Debug)]
struct Stream {
    transport: Transport,
    remote: SocketAddr,
    framer: Framer,
    /// What waits for the connection to open; `None` once it is open.
    waiting: Option<Vec<Vec<u8>>>,
}

/// What came over a connection.
pub(super) enum Arrival {
    /// A message.
    Message(Message),
    /// A keep-alive that wants an answer (RFC 5626 section 4.4.1).
    Ping,
    /// Nothing that could be cut into messages any more.
    Garbage,
}

impl Streams {
    /// Takes note of a connection from a peer. False when there are too many.
    pub(super) fn accepted(&mut self, stream: StreamId, transport: Transport, remote: SocketAddr) -> bool {
        let room = self.open.len() < STREAMS_MAX;
        if room {
            self.open.insert(stream, Stream { transport, remote, framer: Framer::new(), waiting: None });
        }
        room
    }

    /// Takes note that a connection of ours is open, and yields what waited for it.
    pub(super) fn connected(&mut self, stream: StreamId) -> Vec<Output> {
        let waiting = self.open.get_mut(&stream).and_then(|open| open.waiting.take()).unwrap_or_default();
        waiting.into_iter().map(|data| Output::StreamData { stream, data }).collect()
    }

    /// Forgets a connection, and tells over what and to whom it was.
    pub(super) fn forget(&mut self, stream: StreamId) -> Option<(Transport, SocketAddr)> {
        self.open.remove(&stream).map(|gone| (gone.transport, gone.remote))
    }

    /// Whether a connection is there to send on.
    pub(in crate::farm) fn is_open(&self, stream: StreamId) -> bool {
        self.open.contains_key(&stream)
    }

    /// Over what a connection is, and to whom.
    pub(super) fn peer(&self, stream: StreamId) -> Option<(Transport, SocketAddr)> {
        self.open.get(&stream).map(|open| (open.transport, open.remote))
    }

    /// All connections.
    pub(super) fn all(&self) -> Vec<StreamId> {
        self.open.keys().copied().collect()
    }

    /// Takes octets in and yields what they complete.
    pub(super) fn arrived(&mut self, stream: StreamId, data: &[u8]) -> Vec<Arrival> {
        let Some(open) = self.open.get_mut(&stream) else { return Vec::new() };
        open.framer.push(data);
        std::iter::from_fn(|| open.framer.pop())
            .filter_map(|framed| match framed {
                Framed::Message(message) => Some(Arrival::Message(message)),
                Framed::KeepAlive { ping } => ping.then_some(Arrival::Ping),
                Framed::Lost { .. } => Some(Arrival::Garbage),
            })
            .collect()
    }

    /// Sends on that connection if it is there, else on another one to the same peer, else on a
    /// new one from `local`.
    pub(super) fn send(&mut self, path: Path, local: IpAddr, data: Vec<u8>) -> Option<Output> {
        let Path { transport, remote, stream } = path;
        let is_same = |open: &Stream| (open.transport, open.remote) == (transport, remote);
        let to_remote = || self.open.iter().find(|(_, open)| is_same(open)).map(|(id, _)| *id);
        let Some(id) = stream.filter(|id| self.open.contains_key(id)).or_else(to_remote) else {
            self.drawn += 1;
            let stream = StreamId(self.drawn);
            let (framer, waiting) = (Framer::new(), Some(vec![data]));
            self.open.insert(stream, Stream { transport, remote, framer, waiting });
            let tls = (transport == Transport::Tls).then(|| TlsName::Address(remote.ip()));
            return Some(Output::Connect { stream, local, remote, tls });
        };
        match self.open.get_mut(&id)?.waiting.as_mut() {
            Some(waiting) => {
                if waiting.len() < WAITING_MAX {
                    waiting.push(data);
                }
                None
            }
            None => Some(Output::StreamData { stream: id, data }),
        }
    }
}
