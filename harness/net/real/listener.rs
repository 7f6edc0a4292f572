//! A listening TCP socket that can play dead: a SYN gets neither SYN-ACK nor RST.

use std::io;
use std::net::SocketAddr;
use std::os::fd::AsRawFd;
use std::time::Duration;

use socket2::{Domain, Protocol, SockFilter, Socket, Type};
use tokio::net::TcpListener;

/// Connections that wait to be accepted.
const BACKLOG: i32 = 1024;

/// A listening socket.
pub(super) struct Listener {
    socket: Socket,
    local: SocketAddr,
    dead: Option<Dead>,
}

/// How it plays dead.
enum Dead {
    /// A socket filter swallows every segment. Linux wants CAP_NET_ADMIN for that.
    Filter,
    /// The queue of connections to accept has one place, and a connection of our own sits in it:
    /// Linux then drops every SYN. Works without privilege, but the connection is seen on the
    /// wire, from the listening address to itself.
    Filler(Option<Socket>),
}

impl Listener {
    /// Binds an address and listens, or plays dead from the first moment.
    pub(super) fn bind(local: SocketAddr, dead: bool) -> io::Result<Listener> {
        let socket = stream_socket(local)?;
        // Connections of an earlier listener may still be in TIME-WAIT.
        socket.set_reuse_address(true)?;
        crate::net::bind(&socket, local)?;
        let mut listener = Listener { socket, local, dead: None };
        if dead {
            listener.play_dead()?;
        } else {
            listener.socket.listen(BACKLOG)?;
        }
        Ok(listener)
    }

    /// Lets every SYN vanish from now on. Streams that are open live on.
    pub(super) fn play_dead(&mut self) -> io::Result<()> {
        if self.dead.is_none() {
            self.dead = Some(if self.filter().is_ok() { Dead::Filter } else { self.fill()? });
        }
        Ok(())
    }

    /// Accepts again.
    pub(super) fn revive(&mut self) -> io::Result<()> {
        match self.dead.take() {
            None => {}
            Some(Dead::Filter) => self.socket.detach_filter()?,
            Some(Dead::Filler(filler)) => {
                if filler.is_some() {
                    self.socket.accept()?; // it is the only one in the queue
                }
                self.socket.listen(BACKLOG)?;
            }
        }
        Ok(())
    }

    /// What accepts for it. Must be called within a tokio runtime.
    pub(super) fn acceptor(&self) -> io::Result<TcpListener> {
        TcpListener::from_std(self.socket.try_clone()?.into())
    }

    fn filter(&self) -> io::Result<()> {
        // "Return 0": keep no octet of any packet.
        self.socket.attach_filter(&[SockFilter::new((libc::BPF_RET | libc::BPF_K) as u16, 0, 0, 0)])?;
        self.socket.listen(BACKLOG)
    }

    fn fill(&self) -> io::Result<Dead> {
        self.socket.listen(0)?;
        let filler = stream_socket(self.local)?;
        crate::net::bind(&filler, SocketAddr::new(self.local.ip(), 0))?;
        // When this gets no answer, the queue is full already, which is all that is wanted.
        let connected = filler.connect_timeout(&self.local.into(), Duration::from_millis(20));
        if connected.is_err() {
            return Ok(Dead::Filler(None));
        }
        self.wait_until_full()?;
        Ok(Dead::Filler(Some(filler)))
    }

    /// Waits for the filler to arrive in the queue, microseconds after it believes so itself.
    fn wait_until_full(&self) -> io::Result<()> {
        let mut ask = libc::pollfd { fd: self.socket.as_raw_fd(), events: libc::POLLIN, revents: 0 };
        // SAFETY: one valid entry, as said.
        match unsafe { libc::poll(&mut ask, 1, 1_000) } {
            1 => Ok(()),
            0 => Err(io::Error::new(io::ErrorKind::TimedOut, "the accept queue does not fill")),
            _ => Err(io::Error::last_os_error()),
        }
    }
}

fn stream_socket(local: SocketAddr) -> io::Result<Socket> {
    let socket = Socket::new(Domain::for_address(local), Type::STREAM, Some(Protocol::TCP))?;
    socket.set_nonblocking(true)?;
    if local.is_ipv6() {
        socket.set_only_v6(true)?;
    }
    Ok(socket)
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use std::net::TcpStream;

    use super::*;
    use crate::net::Slice;

    const PATIENCE: Duration = Duration::from_millis(100);

    fn connect(to: SocketAddr) -> io::ErrorKind {
        TcpStream::connect_timeout(&to, PATIENCE).map_or_else(|error| error.kind(), |_| io::ErrorKind::Other)
    }

    /// `Other` stands for a connection that was made.
    fn dies_and_revives(local: SocketAddr, play_dead: impl Fn(&mut Listener)) {
        let mut listener = Listener::bind(local, false).unwrap();
        for _ in 0..3 {
            assert_eq!(connect(local), io::ErrorKind::Other);
            listener.socket.accept().unwrap();
            play_dead(&mut listener);
            assert_eq!(connect(local), io::ErrorKind::TimedOut);
            assert_eq!(connect(local), io::ErrorKind::TimedOut);
            listener.revive().unwrap();
        }
        assert_eq!(connect(local), io::ErrorKind::Other);
        drop(listener);
        assert_eq!(connect(local), io::ErrorKind::ConnectionRefused);
    }

    #[test]
    fn it_plays_dead_and_revives() {
        let slice = Slice::claim().unwrap();
        dies_and_revives(SocketAddr::new(slice.ip(1), 5060), |listener| listener.play_dead().unwrap());
    }

    #[test]
    fn it_plays_dead_without_privilege_too() {
        let slice = Slice::claim().unwrap();
        dies_and_revives(SocketAddr::new(slice.ip(1), 5060), |listener| {
            listener.dead = Some(listener.fill().unwrap());
        });
    }

    #[test]
    fn it_is_dead_from_the_first_moment() {
        let slice = Slice::claim().unwrap();
        let local = SocketAddr::new(slice.ip(1), 5060);
        let mut listener = Listener::bind(local, true).unwrap();
        assert_eq!(connect(local), io::ErrorKind::TimedOut);
        listener.revive().unwrap();
        assert_eq!(connect(local), io::ErrorKind::Other);
    }
}
