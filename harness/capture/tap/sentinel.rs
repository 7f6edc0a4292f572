//! Datagrams to ourselves that show how far the tap has come.

use std::io;
use std::mem;
use std::net::{Ipv4Addr, SocketAddr, UdpSocket};
use std::thread;

use super::super::ip::{IpPacket, protocol};
use super::super::octets::{array_at, u16_at};

/// What every sentinel begins with.
const MAGIC: &[u8; 16] = b"sipfarm-sentinel";

/// Sends sentinels over the loopback interface.
///
/// The kernel queues packets on the loopback interface for each processor by itself, and a busy
/// one may take its time. So one sentinel is sent from each processor: it stands behind everything
/// that was sent there before.
pub struct Sentinels {
    socket: UdpSocket,
    addr: SocketAddr,
    processors: usize,
}

/// Knows sentinels when it sees them.
pub struct Recogniser {
    addr: SocketAddr,
}

impl Sentinels {
    /// Binds a socket that sends to itself.
    pub fn new() -> io::Result<Self> {
        let socket = UdpSocket::bind((Ipv4Addr::LOCALHOST, 0))?;
        let addr = socket.local_addr()?;
        // SAFETY: asks for a number.
        let processors = unsafe { libc::sysconf(libc::_SC_NPROCESSORS_CONF) };
        Ok(Sentinels { socket, addr, processors: usize::try_from(processors).unwrap_or(1).max(1) })
    }

    /// The most sentinels that one call of [`Sentinels::send`] sends.
    pub fn most(&self) -> usize {
        self.processors
    }

    /// Sends a sentinel with this number from every processor; gives how many were sent. Blocks
    /// as long as it takes to run on each.
    pub fn send(&self, id: u64) -> usize {
        let octets = [MAGIC.as_slice(), &id.to_be_bytes()].concat();
        let send_from = |processor| run_on(processor) && self.socket.send_to(&octets, self.addr).is_ok();
        // A thread of its own, for it changes where it may run.
        let all = || (0..self.processors).filter(|processor| send_from(*processor)).count();
        thread::scope(|scope| scope.spawn(all).join()).unwrap_or(0)
    }

    /// For the thread that reads.
    pub fn recogniser(&self) -> Recogniser {
        Recogniser { addr: self.addr }
    }
}

impl Recogniser {
    /// The number of a sentinel.
    pub fn id(&self, packet: &IpPacket<'_>) -> Option<u64> {
        let port = u16_at(packet.payload, 2)?;
        let is_ours = packet.protocol == protocol::UDP
            && packet.src == self.addr.ip()
            && SocketAddr::new(packet.dst, port) == self.addr
            && packet.payload.get(8..)?.starts_with(MAGIC);
        is_ours.then(|| array_at(packet.payload, 8 + MAGIC.len()).map(u64::from_be_bytes))?
    }
}

/// Moves this thread to a processor; false when it must not run there.
pub fn run_on(processor: usize) -> bool {
    // SAFETY: `cpu_set_t` is plain bits, and `CPU_SET` is given a number within them.
    unsafe {
        let mut set: libc::cpu_set_t = mem::zeroed();
        if processor >= mem::size_of::<libc::cpu_set_t>() * 8 {
            return false;
        }
        libc::CPU_SET(processor, &mut set);
        libc::sched_setaffinity(0, mem::size_of::<libc::cpu_set_t>(), &set) == 0
    }
}
