//! One connection with TLS on it.

use std::io::{self, Read};
use std::net::SocketAddr;

use rustls::Connection;

/// What became of octets that came.
#[derive(Debug, Default)]
pub(super) struct Progress {
    /// What they said, in the clear.
    pub(super) clear: Vec<u8>,
    /// What has to go back.
    pub(super) wire: Vec<u8>,
    /// Whether the handshake ended with them.
    pub(super) established: bool,
    /// Whether they ended the session: nothing more can be said.
    pub(super) failed: bool,
}

/// TLS on a connection.
pub(super) enum Session {
    /// Ours asked for TLS; until TCP stands, it waits.
    Waiting(Box<Connection>),
    /// TLS runs, or is about to.
    Running {
        /// Its state.
        tls: Box<Connection>,
        /// The address of ours: what is said of the connection when TLS stands.
        local: SocketAddr,
    },
    /// Whatever comes, nothing is said.
    Mute,
    /// Ours asked for the TLS of somebody who can have no certificate: his name is none.
    Hopeless,
    /// The first octets are answered with this alert.
    Alerting(u8),
}

/// Takes octets of the network to TLS.
pub(super) fn take(tls: &mut Connection, mut octets: &[u8]) -> Progress {
    let began = tls.is_handshaking();
    let mut progress = Progress::default();
    while !octets.is_empty() && !progress.failed {
        progress.failed = match tls.read_tls(&mut octets) {
            Ok(0) => break, // after close_notify nothing counts
            Ok(_) => tls.process_new_packets().is_err(),
            Err(_) => true,
        };
        read_clear(tls, &mut progress.clear);
    }
    progress.wire = pending(tls);
    progress.established = began && !tls.is_handshaking() && !progress.failed;
    progress
}

/// What TLS has to say to the other side.
pub(super) fn pending(tls: &mut Connection) -> Vec<u8> {
    let mut wire = Vec::new();
    while tls.wants_write() {
        // A vector takes everything.
        if tls.write_tls(&mut wire).is_err() {
            break;
        }
    }
    wire
}

fn read_clear(tls: &mut Connection, clear: &mut Vec<u8>) {
    let mut piece = [0; 4_096];
    loop {
        match tls.reader().read(&mut piece) {
            Ok(0) => return,
            Ok(octets) => clear.extend_from_slice(&piece[..octets]),
            Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
            Err(_) => return,
        }
    }
}
