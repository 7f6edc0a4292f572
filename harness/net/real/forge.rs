//! ICMP errors of our own making, over a raw socket.

use std::io;
use std::net::{IpAddr, SocketAddr};

use sipfarm_core::machine::{IcmpKind, Quoted};
use socket2::{Domain, Protocol, Socket, Type};

use crate::net::frames;

/// Sends an error about a datagram that may never have been sent, to the host that it is said to come
/// from. The kernel writes the IP header, and over IPv6 the checksum.
pub(super) fn send(local: IpAddr, kind: IcmpKind, quoted: &Quoted) -> io::Result<()> {
    let packet = frames::forged_icmp(local, kind, quoted)
        .ok_or_else(|| io::Error::from(io::ErrorKind::InvalidInput))?;
    let protocol = if kind.v6 { Protocol::ICMPV6 } else { Protocol::ICMPV4 };
    let here = SocketAddr::new(local, 0);
    let socket = Socket::new(Domain::for_address(here), Type::RAW, Some(protocol))?;
    crate::net::bind(&socket, here)?;
    let to = SocketAddr::new(quoted.source.ip(), 0);
    socket.send_to(frames::body(&packet), &to.into()).map(|_| ())
}
