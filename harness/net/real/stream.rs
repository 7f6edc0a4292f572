//! The life of one TCP connection: a task that carries octets between its socket and its machine.

use std::io;
use std::net::{IpAddr, SocketAddr};
use std::pin::pin;
use std::time::Duration;

use sipfarm_core::machine::{ConnectError, Input, StreamEnd, StreamId};
use socket2::SockRef;
use tokio::net::{TcpSocket, TcpStream};
use tokio::sync::mpsc;
use tokio::time::timeout;

use super::Event;
use super::clock::Clock;
use super::tap::SocketTap;
use crate::net::MachineId;

/// What the machine wants of a stream.
pub(super) enum Order {
    Write(Vec<u8>),
    Close,
    Reset,
}

/// One stream, connecting or connected.
pub(super) struct Stream {
    pub(super) machine: MachineId,
    pub(super) number: StreamId,
    pub(super) orders: mpsc::Receiver<Order>,
    pub(super) events: mpsc::Sender<Event>,
    pub(super) clock: Clock,
    pub(super) tap: SocketTap,
    /// How long the kernel waits for the acknowledgement of data.
    pub(super) unacknowledged: Duration,
    /// What is not written yet.
    pub(super) pending: Vec<u8>,
}

/// Whether a stream goes on.
#[derive(PartialEq, Eq)]
enum Next {
    Live,
    /// Close when everything is written.
    Close,
    /// Drop the socket at once.
    Drop,
}

impl Stream {
    /// More unwritten octets mean that the peer has stopped to read.
    const MAX_PENDING: usize = 16 << 20;
    /// The most that is read at once.
    const READ: usize = 65_536;

    /// Connects, and lives on when that went well.
    pub(super) async fn connect(mut self, local: IpAddr, remote: SocketAddr, patience: Duration) {
        let connected = {
            let mut connecting = pin!(timeout(patience, connect(local, remote)));
            loop {
                tokio::select! {
                    biased;
                    order = self.orders.recv() => match order {
                        Some(Order::Write(data)) => self.pending.extend(data),
                        Some(Order::Close | Order::Reset) | None => return,
                    },
                    connected = &mut connecting => break connected,
                }
            }
        };
        let stream = self.number;
        let error = match connected {
            Ok(Ok(socket)) => match socket.local_addr() {
                Ok(local) => {
                    self.report(Input::Connected { stream, local }).await;
                    return self.live(socket).await;
                }
                Err(error) => connect_error(&error),
            },
            Ok(Err(error)) => connect_error(&error),
            Err(_) => ConnectError::TimedOut,
        };
        self.report(Input::ConnectFailed { stream, error }).await;
    }

    /// Carries octets both ways until the end.
    pub(super) async fn live(mut self, socket: TcpStream) {
        let (Ok(local), Ok(remote)) = (socket.local_addr(), socket.peer_addr()) else {
            return self.end(StreamEnd::Reset).await; // gone before it was ours
        };
        let _ = socket.set_nodelay(true);
        let _ = SockRef::from(&socket).set_tcp_user_timeout(Some(self.unacknowledged));
        let mut next = self.flush(&socket, local, remote).await;
        while next == Next::Live {
            let events = self.events.clone();
            next = tokio::select! {
                biased;
                order = self.orders.recv() => match order {
                    Some(Order::Write(data)) => {
                        self.pending.extend(data);
                        self.flush(&socket, local, remote).await
                    }
                    Some(Order::Close) | None => Next::Close,
                    Some(Order::Reset) => {
                        let _ = socket.set_zero_linger();
                        Next::Drop
                    }
                },
                _ = socket.writable(), if !self.pending.is_empty() => self.flush(&socket, local, remote).await,
                permit = room(&socket, &events) => match permit {
                    Some(permit) => self.read(&socket, local, remote, permit).await,
                    None => Next::Drop, // nobody listens any more
                },
            };
        }
        if next == Next::Close {
            self.close(&socket, local, remote).await;
        }
        self.tap.forget(local, remote);
    }

    /// Writes what is left and leaves nothing unread, so that the kernel sends FIN and not RST.
    async fn close(&mut self, socket: &TcpStream, local: SocketAddr, remote: SocketAddr) {
        while !self.pending.is_empty() {
            if socket.writable().await.is_err() || self.write(socket, local, remote).is_err() {
                return;
            }
        }
        let mut scratch = vec![0; Self::READ];
        while matches!(socket.try_read(&mut scratch), Ok(1..)) {}
    }

    async fn read(
        &mut self,
        socket: &TcpStream,
        local: SocketAddr,
        remote: SocketAddr,
        permit: mpsc::Permit<'_, Event>,
    ) -> Next {
        let mut data = vec![0; Self::READ];
        match socket.try_read(&mut data) {
            Ok(0) => {
                permit.send(self.event(Input::StreamClosed { stream: self.number, end: StreamEnd::Fin }));
                Next::Close
            }
            Ok(length) => {
                data.truncate(length);
                self.tap.stream(self.clock.now(), remote, local, &data);
                permit.send(self.event(Input::StreamData { stream: self.number, data }));
                Next::Live
            }
            Err(error) if error.kind() == io::ErrorKind::WouldBlock => Next::Live,
            Err(error) => {
                let end = stream_end(&error);
                permit.send(self.event(Input::StreamClosed { stream: self.number, end }));
                Next::Drop
            }
        }
    }

    /// Writes what the socket takes; ends the stream when it takes nothing any more.
    async fn flush(&mut self, socket: &TcpStream, local: SocketAddr, remote: SocketAddr) -> Next {
        match self.write(socket, local, remote) {
            Ok(()) if self.pending.len() <= Self::MAX_PENDING => Next::Live,
            Ok(()) => {
                let _ = socket.set_zero_linger();
                self.end(StreamEnd::TimedOut).await;
                Next::Drop
            }
            Err(error) => {
                self.end(stream_end(&error)).await;
                Next::Drop
            }
        }
    }

    fn write(&mut self, socket: &TcpStream, local: SocketAddr, remote: SocketAddr) -> io::Result<()> {
        while !self.pending.is_empty() {
            let at = self.clock.now();
            match socket.try_write(&self.pending) {
                Ok(length) => {
                    self.tap.stream(at, local, remote, &self.pending[..length]);
                    self.pending.drain(..length);
                }
                Err(error) if error.kind() == io::ErrorKind::WouldBlock => return Ok(()),
                Err(error) => return Err(error),
            }
        }
        Ok(())
    }

    async fn end(&self, end: StreamEnd) {
        self.report(Input::StreamClosed { stream: self.number, end }).await;
    }

    async fn report(&self, input: Input) {
        // Fails only when the network is gone.
        let _ = self.events.send(self.event(input)).await;
    }

    fn event(&self, input: Input) -> Event {
        Event::Stream { machine: self.machine, stream: self.number, input }
    }
}

async fn connect(local: IpAddr, remote: SocketAddr) -> io::Result<TcpStream> {
    let socket = if local.is_ipv4() { TcpSocket::new_v4()? } else { TcpSocket::new_v6()? };
    crate::net::bind(&socket, SocketAddr::new(local, 0))?;
    socket.connect(remote).await
}

/// Waits for something to read and for room to report it in. A stream that waits takes no room.
async fn room<'a>(socket: &TcpStream, events: &'a mpsc::Sender<Event>) -> Option<mpsc::Permit<'a, Event>> {
    // An error of the socket shows when it is read.
    let _ = socket.readable().await;
    events.reserve().await.ok()
}

fn connect_error(error: &io::Error) -> ConnectError {
    match error.kind() {
        // Reset right behind the handshake, before we looked.
        io::ErrorKind::ConnectionRefused | io::ErrorKind::ConnectionReset => ConnectError::Refused,
        io::ErrorKind::TimedOut => ConnectError::TimedOut,
        _ => ConnectError::Unreachable,
    }
}

fn stream_end(error: &io::Error) -> StreamEnd {
    match error.kind() {
        io::ErrorKind::TimedOut => StreamEnd::TimedOut,
        _ => StreamEnd::Reset,
    }
}
