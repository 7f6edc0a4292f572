//! A UDP socket with what a test harness needs of it: kernel timestamps, and ICMP errors with
//! their type and code, from the socket's error queue.

use std::io;
use std::mem;
use std::net::SocketAddr;
use std::os::fd::{AsRawFd, RawFd};
use std::ptr;
use std::sync::Arc;

use sipfarm_core::Instant;
use sipfarm_core::machine::IcmpKind;
use socket2::{Domain, Protocol, SockAddr, SockAddrStorage, SockRef, Socket, Type};
use tokio::io::Interest;
use tokio::net::UdpSocket;

use super::clock::Clock;

/// Holds what arrives while the harness is busy.
const RECEIVE_BUFFER: usize = 4 << 20;
/// The most that is read before others get their turn.
const BATCH: usize = 64;
/// No datagram is longer.
const MAX_PACKET: usize = 65_536;

/// What a socket has to tell.
#[derive(Debug)]
pub(super) enum Report {
    /// A datagram came at this time, by the kernel's stamp.
    Datagram { at: Instant, remote: SocketAddr, payload: Vec<u8> },
    /// The socket had no room for so many datagrams, between two that it had room for.
    Lost { since: Instant, at: Instant, count: u32 },
    /// An ICMP error came for a datagram that was sent there.
    Icmp { remote: SocketAddr, kind: IcmpKind },
}

/// Binds an address. Must be called within a tokio runtime.
pub(super) fn bind(local: SocketAddr) -> io::Result<Arc<UdpSocket>> {
    bind_with(local, RECEIVE_BUFFER)
}

fn bind_with(local: SocketAddr, buffer_octets: usize) -> io::Result<Arc<UdpSocket>> {
    let socket = Socket::new(Domain::for_address(local), Type::DGRAM, Some(Protocol::UDP))?;
    socket.set_nonblocking(true)?;
    socket.set_recv_buffer_size(buffer_octets)?;
    if local.is_ipv6() {
        socket.set_only_v6(true)?;
        enable(&socket, libc::IPPROTO_IPV6, libc::IPV6_RECVERR)?;
    } else {
        enable(&socket, libc::IPPROTO_IP, libc::IP_RECVERR)?;
    }
    enable(&socket, libc::SOL_SOCKET, libc::SO_TIMESTAMPNS)?;
    enable(&socket, libc::SOL_SOCKET, libc::SO_RXQ_OVFL)?;
    crate::net::bind(&socket, local)?;
    Ok(Arc::new(UdpSocket::from_std(socket.into())?))
}

/// Sends one datagram now or not at all.
pub(super) fn send(socket: &UdpSocket, remote: SocketAddr, payload: &[u8]) -> io::Result<()> {
    let remote = SockAddr::from(remote);
    let mut result = SockRef::from(socket).send_to(payload, &remote);
    // An ICMP error for an earlier datagram is reported once in place of sending; it stays in the
    // error queue, where it is read with all that belongs to it.
    for _ in 0..8 {
        match &result {
            Err(error) if error.kind() != io::ErrorKind::WouldBlock => {
                result = SockRef::from(socket).send_to(payload, &remote);
            }
            _ => break,
        }
    }
    result.map(|_| ())
}

/// Reads one socket.
pub(super) struct Reader {
    clock: Clock,
    /// Room for the longest datagram.
    buffer: Vec<u8>,
    /// How many were lost up to the datagram that was read last, and when it came.
    lost: u32,
    before: Instant,
}

impl Reader {
    pub(super) fn new(clock: Clock) -> Self {
        Reader { buffer: vec![0; MAX_PACKET], lost: 0, before: clock.now(), clock }
    }

    /// Waits for the socket, and says what came. To be asked again and again.
    pub(super) async fn receive(&mut self, socket: &UdpSocket) -> io::Result<Vec<Report>> {
        loop {
            socket.ready(Interest::READABLE | Interest::ERROR).await?;
            let mut reports = Vec::new();
            for (interest, queue) in [(Interest::ERROR, libc::MSG_ERRQUEUE), (Interest::READABLE, 0)] {
                for _ in 0..BATCH {
                    let fd = socket.as_raw_fd();
                    match socket.try_io(interest, || receive_message(fd, queue, &mut self.buffer)) {
                        Ok(message) => self.report(message, &mut reports),
                        Err(error) if error.kind() == io::ErrorKind::WouldBlock => break,
                        // An ICMP error again, without what belongs to it.
                        Err(_) => {}
                    }
                }
            }
            if !reports.is_empty() {
                return Ok(reports);
            }
        }
    }

    fn report(&mut self, message: Message, reports: &mut Vec<Report>) {
        let lost = message.lost;
        let report = message.report(&self.buffer, &self.clock);
        if let Some(Report::Datagram { at, .. }) = report {
            // The kernel counts in 32 bits, and says nothing while it is nothing.
            let count = lost.wrapping_sub(self.lost);
            if count > 0 {
                reports.push(Report::Lost { since: self.before, at, count });
            }
            (self.lost, self.before) = (lost, at);
        }
        reports.extend(report);
    }
}

/// A datagram or an error of it, as the kernel hands it out.
struct Message {
    length: usize,
    /// The sender, or the original destination of an error.
    address: Option<SocketAddr>,
    stamp: Option<Instant>,
    error: Option<libc::sock_extended_err>,
    /// How many the socket had no room for before this one, since it was bound.
    lost: u32,
}

impl Message {
    fn report(self, buffer: &[u8], clock: &Clock) -> Option<Report> {
        let remote = self.address?;
        let Some(error) = self.error else {
            let at = self.stamp.map_or_else(|| clock.now(), |stamp| clock.kernel_time(stamp));
            return Some(Report::Datagram { at, remote, payload: buffer[..self.length].to_vec() });
        };
        let v6 = match error.ee_origin {
            libc::SO_EE_ORIGIN_ICMP => false,
            libc::SO_EE_ORIGIN_ICMP6 => true,
            _ => return None, // our own host's, such as a datagram too long for the interface
        };
        Some(Report::Icmp { remote, kind: IcmpKind { v6, kind: error.ee_type, code: error.ee_code } })
    }
}

fn enable(socket: &Socket, level: libc::c_int, name: libc::c_int) -> io::Result<()> {
    let on: libc::c_int = 1;
    // SAFETY: the kernel reads `on` for as many octets as we say, and it lives until then.
    let result = unsafe {
        let size = mem::size_of_val(&on) as libc::socklen_t;
        libc::setsockopt(socket.as_raw_fd(), level, name, ptr::from_ref(&on).cast(), size)
    };
    if result == 0 { Ok(()) } else { Err(io::Error::last_os_error()) }
}

fn receive_message(fd: RawFd, queue: libc::c_int, buffer: &mut [u8]) -> io::Result<Message> {
    let mut storage = SockAddrStorage::zeroed();
    let mut control = [0_u64; 64]; // aligned as control messages must be
    let mut part = libc::iovec { iov_base: buffer.as_mut_ptr().cast(), iov_len: buffer.len() };
    // SAFETY: all zeroes are a valid `msghdr`; its pointers and lengths are set to memory that
    // outlives the call; control messages are read by the macros made for it, within the length
    // that the kernel wrote.
    unsafe {
        let mut header: libc::msghdr = mem::zeroed();
        header.msg_name = ptr::from_mut(&mut storage).cast();
        header.msg_namelen = storage.size_of();
        header.msg_iov = &mut part;
        header.msg_iovlen = 1;
        header.msg_control = control.as_mut_ptr().cast();
        header.msg_controllen = mem::size_of_val(&control);
        let length = libc::recvmsg(fd, &mut header, queue | libc::MSG_DONTWAIT);
        if length < 0 {
            return Err(io::Error::last_os_error());
        }
        let address = SockAddr::new(storage, header.msg_namelen).as_socket();
        let mut message = Message { length: length as usize, address, stamp: None, error: None, lost: 0 };
        let mut control = libc::CMSG_FIRSTHDR(&header);
        while let Some(head) = control.as_ref() {
            let data = libc::CMSG_DATA(control);
            match (head.cmsg_level, head.cmsg_type) {
                (libc::SOL_SOCKET, libc::SO_TIMESTAMPNS) => {
                    message.stamp = Some(instant(ptr::read_unaligned(data.cast())));
                }
                (libc::SOL_SOCKET, libc::SO_RXQ_OVFL) => message.lost = ptr::read_unaligned(data.cast()),
                (libc::IPPROTO_IP, libc::IP_RECVERR) | (libc::IPPROTO_IPV6, libc::IPV6_RECVERR) => {
                    message.error = Some(ptr::read_unaligned(data.cast()));
                }
                _ => {}
            }
            control = libc::CMSG_NXTHDR(&header, control);
        }
        Ok(message)
    }
}

fn instant(time: libc::timespec) -> Instant {
    Instant::from_nanos(time.tv_sec.saturating_mul(1_000_000_000).saturating_add(time.tv_nsec))
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;

    #[test]
    fn what_finds_no_room_in_the_socket_is_counted_with_its_stretch() {
        let runtime = tokio::runtime::Builder::new_current_thread().enable_io().build().unwrap();
        let _context = runtime.enter();
        let socket = bind_with("127.0.0.1:0".parse().unwrap(), 4_096).unwrap();
        let sender = std::net::UdpSocket::bind("127.0.0.1:0").unwrap();
        let mut reader = Reader::new(Clock::start());
        let send = |payload: &[u8]| sender.send_to(payload, socket.local_addr().unwrap()).unwrap();
        (0..BATCH).for_each(|_| _ = send(&[b'x'; 500]));
        let first = runtime.block_on(reader.receive(&socket)).unwrap();
        assert!(first.len() < BATCH && first.iter().all(|report| matches!(report, Report::Datagram { .. })));
        let Some(Report::Datagram { at: before, .. }) = first.last() else { panic!("{first:?}") };
        for _ in 0..2 {
            send(b"there is room again");
        }
        let then = runtime.block_on(reader.receive(&socket)).unwrap();
        let [Report::Lost { since, at, count }, Report::Datagram { at: after, .. }, Report::Datagram { .. }] =
            &then[..]
        else {
            panic!("{then:?}")
        };
        assert_eq!((since, at, *count as usize), (before, after, BATCH - first.len()), "and once");
    }
}
