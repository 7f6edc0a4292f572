//! Evidence from the sockets, for when there is no privilege to watch the wire: each datagram and
//! each piece of a stream becomes the frame that would have carried it. Handshakes, ICMP and
//! retransmissions of TCP cannot be seen from here.

use std::collections::BTreeMap;
use std::net::SocketAddr;
use std::sync::{Arc, Mutex, PoisonError};

use sipfarm_core::Instant;
use sipfarm_core::frame::Frame;

use crate::net::frames::{self, Segment, flags};

/// Takes the frames. They come almost in the order of their times, as the kernel stamps a
/// datagram before we see it.
pub type FrameSink = Box<dyn FnMut(Frame) + Send>;

/// The one tap of a network, shared by its sockets. Does nothing when nobody wants the frames.
#[derive(Clone, Default)]
pub(super) struct SocketTap(Option<Arc<Mutex<Inner>>>);

struct Inner {
    sink: FrameSink,
    /// The next sequence number from one address to another.
    sequences: BTreeMap<(SocketAddr, SocketAddr), u32>,
    /// The next IPv4 identification.
    id: u16,
}

impl SocketTap {
    /// The longest piece of a stream in one frame.
    const PIECE: usize = 32_768;

    pub(super) fn new(sink: Option<FrameSink>) -> Self {
        let inner = sink.map(|sink| Inner { sink, sequences: BTreeMap::new(), id: 0 });
        SocketTap(inner.map(|inner| Arc::new(Mutex::new(inner))))
    }

    /// A datagram passed a socket of ours.
    pub(super) fn datagram(&self, at: Instant, from: SocketAddr, to: SocketAddr, payload: &[u8]) {
        self.with(|inner| {
            let id = inner.next_id();
            (inner.sink)(frames::ethernet(at, &frames::udp_packet(from, to, id, payload)));
        });
    }

    /// Octets of a stream passed a socket of ours.
    pub(super) fn stream(&self, at: Instant, from: SocketAddr, to: SocketAddr, data: &[u8]) {
        self.with(|inner| {
            for piece in data.chunks(Self::PIECE) {
                let id = inner.next_id();
                let acknowledgement = *inner.sequences.entry((to, from)).or_insert(1);
                let sequence = inner.sequences.entry((from, to)).or_insert(1);
                let (flags, payload) = (flags::ACK | flags::PSH, piece.to_vec());
                let segment = Segment { sequence: *sequence, acknowledgement, flags, payload };
                *sequence = sequence.wrapping_add(piece.len() as u32);
                (inner.sink)(frames::ethernet(at, &frames::tcp_packet(from, to, id, &segment)));
            }
        });
    }

    /// A stream is no more.
    pub(super) fn forget(&self, local: SocketAddr, remote: SocketAddr) {
        self.with(|inner| {
            inner.sequences.remove(&(local, remote));
            inner.sequences.remove(&(remote, local));
        });
    }

    fn with(&self, f: impl FnOnce(&mut Inner)) {
        if let Some(inner) = &self.0 {
            f(&mut inner.lock().unwrap_or_else(PoisonError::into_inner));
        }
    }
}

impl Inner {
    fn next_id(&mut self) -> u16 {
        self.id = self.id.wrapping_add(1);
        self.id
    }
}
