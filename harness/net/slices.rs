//! Slices of 127.0.0.0/8, and of an IPv6 prefix where this machine routes that to itself, so that scenarios
//! with real sockets can all run at once.

use std::io;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr, UdpSocket};
use std::sync::atomic::{AtomicU32, Ordering};
use std::time::Duration;

use socket2::{Domain, SockRef, Socket, Type};

/// 256 loopback addresses, 127.a.b.0 to 127.a.b.255, for one scenario: no other slice of this
/// process or of another sipfarm on this machine has them. Free again when dropped.
#[derive(Debug)]
pub struct Slice {
    a: u8,
    b: u8,
    /// A socket at the last address says to other processes that the slice is taken.
    _claim: UdpSocket,
}

impl Slice {
    /// Where the claim is staked out, at the slice's last address: below the ports from which
    /// Linux connects, and unassigned.
    const CLAIM_PORT: u16 = 27_127;
    /// 127.1.0.0 to 127.254.255.0. 127.0 is left to whoever works on this machine, 127.255 holds
    /// the broadcast address.
    const SLICES: u32 = 254 * 256;
    /// Unique local addresses (RFC 4193) for scenarios over IPv6: the loopback has but one address of its
    /// own, `::1`, at which nobody could tell the phone from the farm.
    const PREFIX: [u16; 3] = [0xfd9a, 0x5f1b, 0x7a6e];
    /// What to do where there are none.
    pub const NO_IPV6: &str = "this machine has no IPv6 addresses for scenarios; once as root, until it is \
        switched off:  ip -6 route add local fd9a:5f1b:7a6e::/48 dev lo";

    /// Takes the next free slice.
    ///
    /// # Errors
    /// When this machine does not let us bind loopback addresses at will (only Linux does without
    /// being asked), or when all slices are taken.
    pub fn claim() -> io::Result<Slice> {
        static NEXT: AtomicU32 = AtomicU32::new(0);
        // Processes start far from one another, so that they rarely try what another holds.
        let start = std::process::id().wrapping_mul(7_919);
        for _ in 0..Self::SLICES {
            let n = start.wrapping_add(NEXT.fetch_add(1, Ordering::Relaxed)) % Self::SLICES;
            let (a, b) = (1 + (n >> 8) as u8, n as u8);
            match UdpSocket::bind((Ipv4Addr::new(127, a, b, 255), Self::CLAIM_PORT)) {
                Ok(claim) => return Ok(Slice { a, b, _claim: claim }),
                Err(error) if error.kind() == io::ErrorKind::AddrInUse => {}
                Err(error) => {
                    let text = format!("cannot bind the loopback address 127.{a}.{b}.255: {error}");
                    return Err(io::Error::new(error.kind(), text));
                }
            }
        }
        let text = format!("UDP port {} is taken at every loopback address", Self::CLAIM_PORT);
        Err(io::Error::new(io::ErrorKind::AddrInUse, text))
    }

    /// Its address with this last octet. 255 is better left alone.
    pub fn ip(&self, n: u8) -> IpAddr {
        Ipv4Addr::new(127, self.a, self.b, n).into()
    }

    /// Its IPv6 address of this number. 255 is better left alone.
    pub fn ipv6(&self, n: u8) -> IpAddr {
        let [x, y, z] = Self::PREFIX;
        Ipv6Addr::new(x, y, z, self.subnet(), 0, 0, 0, n.into()).into()
    }

    /// Whether this machine sends what goes to its IPv6 addresses to itself: a datagram says so.
    pub fn has_ipv6(&self) -> bool {
        let passes = || -> io::Result<bool> {
            let socket = Socket::new(Domain::IPV6, Type::DGRAM, None)?;
            bind(&socket, SocketAddr::new(self.ipv6(254), 0))?;
            let socket = UdpSocket::from(socket);
            socket.set_read_timeout(Some(Duration::from_millis(100)))?;
            socket.send_to(b"?", socket.local_addr()?)?;
            socket.recv(&mut [0; 1]).map(|count| count == 1)
        };
        passes().unwrap_or(false)
    }

    /// Whether an address is one of its own.
    pub fn contains(&self, ip: IpAddr) -> bool {
        match ip {
            IpAddr::V4(ip) => ip.octets()[..3] == [127, self.a, self.b],
            IpAddr::V6(ip) => ip.segments()[..3] == Self::PREFIX && ip.segments()[3] == self.subnet(),
        }
    }

    fn subnet(&self) -> u16 {
        u16::from_be_bytes([self.a, self.b])
    }
}

/// Binds an address. An IPv6 address of a slice stands at no interface, a route alone leads to it: Linux binds
/// such a one only when told so (IPV6_FREEBIND).
///
/// # Errors
/// As bind(2).
pub fn bind<'s>(socket: impl Into<SockRef<'s>>, local: SocketAddr) -> io::Result<()> {
    let socket = socket.into();
    if matches!(local.ip(), IpAddr::V6(ip) if ip.segments()[..3] == Slice::PREFIX) {
        socket.set_freebind_v6(true)?;
    }
    socket.bind(&local.into())
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;

    #[test]
    fn slices_do_not_overlap_and_their_addresses_can_be_bound() {
        let slices: Vec<_> = (0..100).map(|_| Slice::claim().unwrap()).collect();
        for (i, slice) in slices.iter().enumerate() {
            assert!(slices.iter().enumerate().all(|(j, other)| other.contains(slice.ip(1)) == (i == j)));
            UdpSocket::bind((slice.ip(1), 5060)).unwrap();
        }
    }

    #[test]
    fn a_slice_in_use_elsewhere_is_passed_over() {
        let slice = Slice::claim().unwrap();
        let again = UdpSocket::bind((slice.ip(255), Slice::CLAIM_PORT));
        assert_eq!(again.unwrap_err().kind(), io::ErrorKind::AddrInUse);
        let ip = slice.ip(255);
        drop(slice);
        UdpSocket::bind((ip, Slice::CLAIM_PORT)).unwrap();
    }

    #[test]
    fn the_ipv6_addresses_of_slices_do_not_overlap() {
        let (one, two) = (Slice::claim().unwrap(), Slice::claim().unwrap());
        assert!(one.contains(one.ipv6(200)) && !one.contains(two.ipv6(200)));
        assert!(!one.contains("::1".parse().unwrap()));
    }
}
