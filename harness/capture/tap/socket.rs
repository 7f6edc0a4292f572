//! The packet socket under the tap. pnet reads from it; we open it and set it up, because pnet
//! has no timestamps, no count of lost packets and a small buffer.

use std::io;
use std::mem;
use std::net::{Ipv4Addr, UdpSocket};
use std::os::fd::{AsRawFd, FromRawFd, IntoRawFd, OwnedFd, RawFd};
use std::thread;
use std::time::Duration;

use pnet::datalink::{self, Channel, DataLinkReceiver, NetworkInterface};
use sipfarm_core::Instant;
use sipfarm_core::frame::LinkType;

use super::TapError;

/// Room for packets that are not yet read: a second of a gigabit, half of it bookkeeping.
const RECEIVE_BUFFER_OCTETS: libc::c_int = 64 << 20;
/// Longer than any frame of the loopback interface, whose MTU is 65 536.
const READ_BUFFER_OCTETS: usize = 70_000;
/// How often to look whether packets are stamped, a millisecond apart.
const STAMP_ATTEMPTS: u32 = 2_000;
/// By when packets are stamped, where it cannot be seen.
const STAMP_DELAY: Duration = Duration::from_millis(100);
/// The time of the packet that was read last, as `struct timespec` (asm-generic/sockios.h).
const SIOCGSTAMPNS: libc::Ioctl = 0x8907;
/// `tp_packets` and `tp_drops` (linux/if_packet.h).
type PacketStatistics = [u32; 2];

/// ARPHRD numbers (linux/if_arp.h): Ethernet, loopback and interfaces that carry bare IP.
const HARDWARE_ETHERNET: u16 = 1;
const HARDWARE_LOOPBACK: u16 = 772;
const HARDWARE_RAW: [u16; 2] = [519, 65_534];

/// Reads frames.
pub struct Reader {
    /// How to read the frames.
    pub link: LinkType,
    socket: OwnedFd,
    wake: OwnedFd,
    frames: Box<dyn DataLinkReceiver>,
}

/// What there is to do.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Ready {
    /// A frame can be read.
    pub frame: bool,
    /// Somebody called [`Waker::wake`].
    pub woken: bool,
}

/// Counts lost packets.
pub struct Statistics {
    socket: OwnedFd,
    drops: u64,
}

/// Ends a wait of the reader.
pub struct Waker {
    wake: OwnedFd,
}

/// Opens the socket of a tap. Also says whether the interface is the loopback.
pub fn open(name: &str) -> Result<(Reader, Statistics, Waker, bool), TapError> {
    let system = |action| move |source| TapError::System { action, interface: name.to_owned(), source };
    let interface = find(name)?;
    let socket = packet_socket().map_err(|source| match source.kind() {
        io::ErrorKind::PermissionDenied => TapError::NotPermitted { interface: name.to_owned() },
        _ => system("open a packet socket")(source),
    })?;
    let link = link_type(&socket, name)?;
    set_up(&socket, interface.is_loopback()).map_err(system("set up a packet socket"))?;
    await_stamps().map_err(system("get times from the kernel"))?;
    let duplicate = || socket.try_clone().map_err(system("duplicate a socket"));
    let (watched, counted) = (duplicate()?, duplicate()?);
    let config = datalink::Config {
        read_buffer_size: READ_BUFFER_OCTETS,
        promiscuous: !interface.is_loopback(),
        socket_fd: Some(socket.into_raw_fd()), // pnet closes it
        ..datalink::Config::default()
    };
    let channel = datalink::channel(&interface, config).map_err(system("listen"))?;
    let Channel::Ethernet(_, frames) = channel else {
        return Err(system("listen")(io::Error::from(io::ErrorKind::Unsupported)));
    };
    let wake = event().map_err(system("make an event"))?;
    let waker = Waker { wake: wake.try_clone().map_err(system("duplicate an event"))? };
    let reader = Reader { link, socket: watched, wake, frames };
    Ok((reader, Statistics { socket: counted, drops: 0 }, waker, interface.is_loopback()))
}

/// The time by the clock that the kernel stamps packets with.
pub fn now() -> Instant {
    let mut time = libc::timespec { tv_sec: 0, tv_nsec: 0 };
    // SAFETY: writes into `time`.
    unsafe { libc::clock_gettime(libc::CLOCK_REALTIME, &mut time) };
    instant(time)
}

impl Reader {
    /// Waits until there is something to do.
    pub fn wait(&mut self) -> io::Result<Ready> {
        let watch = |fd: &OwnedFd| libc::pollfd { fd: fd.as_raw_fd(), events: libc::POLLIN, revents: 0 };
        let mut watched = [watch(&self.socket), watch(&self.wake)];
        // SAFETY: an array of two.
        let count = unsafe { libc::poll(watched.as_mut_ptr(), 2, -1) };
        if count < 0 {
            let error = io::Error::last_os_error();
            let again = error.kind() == io::ErrorKind::Interrupted;
            return if again { Ok(Ready { frame: false, woken: false }) } else { Err(error) };
        }
        // An error on the socket shows when it is read.
        let ready = Ready { frame: watched[0].revents != 0, woken: watched[1].revents != 0 };
        if ready.woken && !ready.frame {
            // Not before: whoever woke us wants to know when there is no frame left.
            self.calm();
        }
        Ok(ready)
    }

    /// The next frame with the kernel's time; `None` when there was none after all.
    pub fn next(&mut self) -> io::Result<Option<(Instant, &[u8])>> {
        let frame = match self.frames.next() {
            Ok(frame) => frame,
            Err(error) if is_passing(&error) => return Ok(None),
            Err(error) => return Err(error),
        };
        Ok(Some((stamp(&self.socket)?, frame)))
    }

    fn calm(&self) {
        let mut count = 0u64;
        // SAFETY: an event gives eight octets. Nothing to read is fine too.
        unsafe { libc::read(self.wake.as_raw_fd(), (&raw mut count).cast(), mem::size_of::<u64>()) };
    }
}

impl Statistics {
    /// All packets lost since the start. The kernel counts from zero after each reading.
    pub fn drops(&mut self) -> u64 {
        let mut statistics: PacketStatistics = [0; 2];
        let mut octets = mem::size_of::<PacketStatistics>() as libc::socklen_t;
        // SAFETY: `octets` says how much room there is.
        let result = unsafe {
            let value = (&raw mut statistics).cast();
            let fd = self.socket.as_raw_fd();
            libc::getsockopt(fd, libc::SOL_PACKET, libc::PACKET_STATISTICS, value, &mut octets)
        };
        if result == 0 {
            self.drops += u64::from(statistics[1]);
        }
        self.drops
    }
}

impl Waker {
    /// Lets [`Reader::wait`] return.
    pub fn wake(&self) {
        let one = 1u64;
        // SAFETY: an event takes eight octets. It can only fail when it is set already.
        unsafe { libc::write(self.wake.as_raw_fd(), (&raw const one).cast(), mem::size_of::<u64>()) };
    }
}

fn find(name: &str) -> Result<NetworkInterface, TapError> {
    let all = datalink::interfaces();
    let there_are = all.iter().map(|interface| interface.name.clone()).collect();
    all.into_iter()
        .find(|interface| interface.name == name)
        .ok_or_else(|| TapError::NoSuchInterface { interface: name.to_owned(), there_are })
}

/// How the frames of an interface begin.
fn link_type(socket: &OwnedFd, name: &str) -> Result<LinkType, TapError> {
    let interface = || name.to_owned();
    let system =
        |source| TapError::System { action: "learn the hardware type", interface: interface(), source };
    match hardware_type(socket, name).map_err(system)? {
        HARDWARE_ETHERNET | HARDWARE_LOOPBACK => Ok(LinkType::ETHERNET),
        hardware if HARDWARE_RAW.contains(&hardware) => Ok(LinkType::RAW),
        hardware => Err(TapError::UnknownHardware { interface: interface(), hardware }),
    }
}

/// The ARPHRD number of an interface (netdevice(7)).
fn hardware_type(socket: &OwnedFd, name: &str) -> io::Result<u16> {
    // SAFETY: `ifreq` is plain data. The name leaves its last octet zero, and for this request the
    // kernel fills in the address.
    unsafe {
        let mut request: libc::ifreq = mem::zeroed();
        let room = request.ifr_name.len() - 1;
        for (slot, octet) in request.ifr_name[..room].iter_mut().zip(name.bytes()) {
            *slot = octet as libc::c_char;
        }
        match libc::ioctl(socket.as_raw_fd(), libc::SIOCGIFHWADDR, &raw mut request) {
            0 => Ok(request.ifr_ifru.ifru_hwaddr.sa_family),
            _ => Err(io::Error::last_os_error()),
        }
    }
}

/// Waits until the kernel stamps packets as they pass, which it begins to do some milliseconds
/// after the first socket has asked for it. Until then packets get the time when they are read.
fn await_stamps() -> io::Result<()> {
    let Ok(socket) = UdpSocket::bind((Ipv4Addr::LOCALHOST, 0)) else {
        // The loopback interface is down, so there is nothing to try it on.
        thread::sleep(STAMP_DELAY);
        return Ok(());
    };
    let addr = socket.local_addr()?;
    socket.set_read_timeout(Some(Duration::from_secs(1)))?;
    let asker = OwnedFd::from(socket.try_clone()?);
    ask_for_stamps(&asker)?;
    for _ in 0..STAMP_ATTEMPTS {
        socket.send_to(b"stamp", addr)?;
        let sent = now();
        socket.recv_from(&mut [0; 8])?;
        if stamp(&asker)? <= sent {
            return Ok(());
        }
        thread::sleep(Duration::from_millis(1));
    }
    Err(io::Error::other("the kernel does not stamp packets"))
}

/// A socket that hears nothing until pnet binds it to an interface.
fn packet_socket() -> io::Result<OwnedFd> {
    // SAFETY: no memory is involved.
    owned(unsafe { libc::socket(libc::AF_PACKET, libc::SOCK_RAW | libc::SOCK_CLOEXEC, 0) })
}

fn event() -> io::Result<OwnedFd> {
    // SAFETY: no memory is involved.
    owned(unsafe { libc::eventfd(0, libc::EFD_CLOEXEC | libc::EFD_NONBLOCK) })
}

fn owned(fd: RawFd) -> io::Result<OwnedFd> {
    match fd {
        -1 => Err(io::Error::last_os_error()),
        // SAFETY: the system just made it for us.
        fd => Ok(unsafe { OwnedFd::from_raw_fd(fd) }),
    }
}

fn set_up(socket: &OwnedFd, is_loopback: bool) -> io::Result<()> {
    if is_loopback {
        // Each packet passes twice, going out and coming in. On other interfaces what goes out is
        // our own and must be seen.
        set(socket, libc::SOL_PACKET, libc::PACKET_IGNORE_OUTGOING, 1)?;
    }
    // Beyond the system's limit with CAP_NET_ADMIN, else up to it.
    set(socket, libc::SOL_SOCKET, libc::SO_RCVBUFFORCE, RECEIVE_BUFFER_OCTETS)
        .or_else(|_| set(socket, libc::SOL_SOCKET, libc::SO_RCVBUF, RECEIVE_BUFFER_OCTETS))?;
    ask_for_stamps(socket)
}

/// The first question for a time has no answer; it makes the kernel take times for this socket.
fn ask_for_stamps(socket: &OwnedFd) -> io::Result<()> {
    match stamp(socket) {
        Err(error) if error.raw_os_error() != Some(libc::ENOENT) => Err(error),
        _ => Ok(()),
    }
}

fn set(socket: &OwnedFd, level: libc::c_int, option: libc::c_int, value: libc::c_int) -> io::Result<()> {
    let octets = mem::size_of::<libc::c_int>() as libc::socklen_t;
    // SAFETY: the value is as long as it says.
    let result =
        unsafe { libc::setsockopt(socket.as_raw_fd(), level, option, (&raw const value).cast(), octets) };
    if result == 0 { Ok(()) } else { Err(io::Error::last_os_error()) }
}

/// The kernel's time of the packet that was read last.
fn stamp(socket: &OwnedFd) -> io::Result<Instant> {
    let mut time = libc::timespec { tv_sec: 0, tv_nsec: 0 };
    // SAFETY: the kernel writes a `timespec`.
    match unsafe { libc::ioctl(socket.as_raw_fd(), SIOCGSTAMPNS, &raw mut time) } {
        0 => Ok(instant(time)),
        _ => Err(io::Error::last_os_error()),
    }
}

fn instant(time: libc::timespec) -> Instant {
    // Shorter than 64 bits on some systems.
    #[allow(clippy::useless_conversion)]
    let (seconds, nanos) = (i64::from(time.tv_sec), i64::from(time.tv_nsec));
    Instant::from_nanos(seconds.saturating_mul(1_000_000_000).saturating_add(nanos))
}

fn is_passing(error: &io::Error) -> bool {
    use io::ErrorKind::{Interrupted, TimedOut, WouldBlock};
    matches!(error.kind(), Interrupted | TimedOut | WouldBlock)
}
