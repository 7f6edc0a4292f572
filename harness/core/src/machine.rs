//! What a machine hears and says. A machine is a phone, a node of the farm or a far end: a state
//! machine without a clock and without a socket.
//!
//! One rule holds for all: after any input, take outputs until there are none left, then ask for
//! the deadline. The driver loop of the harness does this, and nobody else.

use std::any::Any;
use std::fmt;
use std::net::{IpAddr, SocketAddr};

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::time::Instant;

/// A transport protocol under SIP.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "lowercase")]
pub enum Transport {
    /// Datagrams; SIP itself retransmits (RFC 3261 section 17).
    Udp,
    /// A reliable stream; SIP does not retransmit.
    Tcp,
    /// A reliable stream with TLS on it (RFC 3261 section 26.2.1).
    Tls,
}

impl Transport {
    /// Whether SIP leaves retransmission to the transport.
    pub fn is_reliable(self) -> bool {
        self != Transport::Udp
    }

    /// Where a host that has SIP at `addr` has it over this transport: with TLS one port further, as 5061
    /// stands beside 5060 (RFC 3261 section 19.1.2).
    pub fn beside(self, addr: SocketAddr) -> SocketAddr {
        let further = u16::from(self == Transport::Tls);
        SocketAddr::new(addr.ip(), addr.port().saturating_add(further))
    }

    /// Its default port (RFC 3261 section 19.1.2).
    pub fn default_port(self) -> u16 {
        if self == Transport::Tls { 5061 } else { 5060 }
    }

    /// As in the parameter `transport` of a SIP URI (RFC 3261 section 25.1); `None` for UDP, which needs none.
    pub fn parameter(self) -> Option<&'static str> {
        match self {
            Transport::Udp => None,
            Transport::Tcp => Some("tcp"),
            Transport::Tls => Some("tls"),
        }
    }

    /// The transport of that parameter, when it is one of these.
    pub fn of_parameter(text: &str) -> Option<Transport> {
        let all = [("udp", Transport::Udp), ("tcp", Transport::Tcp), ("tls", Transport::Tls)];
        all.into_iter().find(|(name, _)| name.eq_ignore_ascii_case(text)).map(|(_, transport)| transport)
    }
}

/// As in a Via header: `UDP`, `TCP`, `TLS`.
impl fmt::Display for Transport {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Transport::Udp => "UDP",
            Transport::Tcp => "TCP",
            Transport::Tls => "TLS",
        })
    }
}

/// Whom the far side of a connection with TLS has to be (RFC 3261 section 26.3.1, RFC 5922): its
/// certificate must name it.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum TlsName {
    /// The host at this address.
    Address(IpAddr),
    /// This domain, also where DNS has led to a host of another name.
    Domain(String),
    /// Anybody with any certificate, which protects nobody: for phones that are made to be wrong.
    Anybody,
}

/// How a listener with TLS meets those who connect.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum TlsManner {
    /// With a certificate from the authority that phones trust, for its own names.
    #[default]
    Proper,
    /// With one that differs in this.
    Certificate(CertificateFlaw),
    /// Takes the connection and what comes, and says nothing.
    Stall,
    /// Answers the first message of the handshake with this fatal alert (RFC 8446 section 6).
    Alert(u8),
}

/// What is wrong with a certificate.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum CertificateFlaw {
    /// An authority has signed it that nobody trusts.
    WrongCa,
    /// It has signed itself.
    SelfSigned,
    /// Its time is over.
    Expired,
    /// It is for somebody else.
    WrongName,
}

/// A stream (TCP connection) as its machine knows it. The machine that connects draws the number;
/// for accepted streams the network draws it, with [`StreamId::ACCEPTED`] set.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct StreamId(pub u64);

impl StreamId {
    /// Set in the number of every stream that was accepted rather than connected.
    pub const ACCEPTED: u64 = 1 << 63;
}

/// What a bound address does with what arrives for it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum PortState {
    /// UDP: bound. TCP: listening and accepting.
    Open,
    /// UDP: not bound, so the host answers ICMP port unreachable. TCP: not listening, so the host
    /// answers RST.
    Closed,
    /// TCP: a SYN vanishes without an answer. UDP: a datagram vanishes without an answer.
    Blackhole,
}

/// An ICMP error that quotes a datagram or segment of ours (RFC 792, RFC 4443).
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub struct IcmpKind {
    /// ICMPv6 rather than ICMP.
    pub v6: bool,
    /// The type octet.
    pub kind: u8,
    /// The code octet.
    pub code: u8,
}

impl IcmpKind {
    /// Port unreachable in the family of `addr`: 3/3 in ICMP, 1/4 in ICMPv6.
    pub fn port_unreachable(addr: IpAddr) -> Self {
        match addr {
            IpAddr::V4(_) => IcmpKind { v6: false, kind: 3, code: 3 },
            IpAddr::V6(_) => IcmpKind { v6: true, kind: 1, code: 4 },
        }
    }

    /// Whether RFC 3261 section 18.4 counts it as a failure of the transport: host, network, port
    /// or protocol unreachable and parameter problem do; source quench and time exceeded do not.
    pub fn is_fatal(self) -> bool {
        match (self.v6, self.kind) {
            (false, 3) => self.code != 4, // code 4 is path MTU discovery, not unreachability
            (false, 12) => true,
            (true, 1) | (true, 4) => true,
            _ => false,
        }
    }
}

/// Why a stream could not be opened.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum ConnectError {
    /// RST in answer to the SYN.
    Refused,
    /// No answer to the SYN within the limit of the host.
    TimedOut,
    /// The host has no way to that address, or an ICMP error said so.
    Unreachable,
    /// The connection was open, and TLS on it did not come about.
    Tls,
}

/// How a stream ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum StreamEnd {
    /// The peer sent FIN.
    Fin,
    /// The peer sent RST.
    Reset,
    /// Sent data was not acknowledged within the limit of the host.
    TimedOut,
}

/// What happened to a machine.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Input {
    /// A datagram arrived.
    Datagram {
        /// The address of ours that it arrived at.
        local: SocketAddr,
        /// Where it came from.
        remote: SocketAddr,
        /// What it carried.
        payload: Vec<u8>,
    },
    /// An ICMP error arrived for a datagram that we sent.
    Icmp {
        /// The address that we had sent from.
        local: SocketAddr,
        /// The address that we had sent to.
        remote: SocketAddr,
        /// Which error.
        kind: IcmpKind,
    },
    /// A peer opened a stream to one of our listening addresses.
    Accepted {
        /// The number drawn for it, with [`StreamId::ACCEPTED`] set.
        stream: StreamId,
        /// Over what: TCP, or TLS on a port that was opened for that.
        transport: Transport,
        /// The address of ours.
        local: SocketAddr,
        /// The peer's address.
        remote: SocketAddr,
    },
    /// A stream that we asked for is open; with TLS, where that was asked for.
    Connected {
        /// Which.
        stream: StreamId,
        /// The address of ours that it got.
        local: SocketAddr,
    },
    /// A stream that we asked for could not be opened.
    ConnectFailed {
        /// Which.
        stream: StreamId,
        /// Why.
        error: ConnectError,
    },
    /// Octets arrived on a stream.
    StreamData {
        /// Which.
        stream: StreamId,
        /// The octets, cut wherever the network cut them.
        data: Vec<u8>,
    },
    /// A stream is gone. Not sent for streams that we closed ourselves.
    StreamClosed {
        /// Which.
        stream: StreamId,
        /// How.
        end: StreamEnd,
    },
    /// The deadline that we named has come.
    Wake,
}

/// A datagram as an ICMP error quotes it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Quoted {
    /// Where it is said to come from.
    pub source: SocketAddr,
    /// Where it is said to have gone.
    pub destination: SocketAddr,
    /// What it is said to have carried.
    pub payload: Vec<u8>,
}

/// What a machine wants done.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Output {
    /// Change what an address of ours does with what arrives.
    SetPort {
        /// Over which transport.
        transport: Transport,
        /// The address.
        local: SocketAddr,
        /// What it does from now on.
        state: PortState,
    },
    /// Send a datagram.
    Datagram {
        /// From which address of ours; it is open.
        local: SocketAddr,
        /// To whom.
        remote: SocketAddr,
        /// What.
        payload: Vec<u8>,
    },
    /// Send an ICMP error: a forged one, about a datagram that may never have been sent.
    Icmp {
        /// From which address of ours.
        local: IpAddr,
        /// Which error.
        kind: IcmpKind,
        /// What it quotes. It goes to the host that the quotation comes from.
        quoted: Quoted,
    },
    /// Open a stream. Answered by [`Input::Connected`] or [`Input::ConnectFailed`].
    Connect {
        /// The number that we drew for it.
        stream: StreamId,
        /// From which address of ours; the port is the network's choice.
        local: IpAddr,
        /// To whom.
        remote: SocketAddr,
        /// Whom the other side has to prove to be, over TLS; `None`: without TLS.
        tls: Option<TlsName>,
    },
    /// Says how a port with TLS of ours meets those who connect from now on, and under which names.
    ServeTls {
        /// The port; it is or will be opened for TLS.
        local: SocketAddr,
        /// The domains that its certificate names beside its address.
        domains: Vec<String>,
        /// How.
        manner: TlsManner,
    },
    /// Send octets on an open stream.
    StreamData {
        /// Which.
        stream: StreamId,
        /// The octets.
        data: Vec<u8>,
    },
    /// Close a stream; nothing more is heard of it.
    CloseStream {
        /// Which.
        stream: StreamId,
        /// With RST instead of FIN.
        reset: bool,
    },
}

/// A state machine that is handed the time and drained of its wishes.
pub trait Machine: Any + Send {
    /// Take note of what happened.
    fn handle(&mut self, input: Input, now: Instant);
    /// The next thing to do, if any. Asked until it is `None` after every input and command.
    fn poll_output(&mut self) -> Option<Output>;
    /// When to send [`Input::Wake`], if nothing else happens before.
    fn deadline(&self) -> Option<Instant>;
    /// Itself, for commands of its own type.
    fn as_any_mut(&mut self) -> &mut dyn Any;
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn fatal_icmp_is_what_rfc3261_section_18_4_says() {
        let v4 = |kind, code| IcmpKind { v6: false, kind, code }.is_fatal();
        let v6 = |kind, code| IcmpKind { v6: true, kind, code }.is_fatal();
        assert!(v4(3, 0) && v4(3, 1) && v4(3, 2) && v4(3, 3) && v4(12, 0));
        assert!(!v4(4, 0) && !v4(11, 0) && !v4(0, 0));
        assert!(v6(1, 0) && v6(1, 4) && v6(4, 0));
        assert!(!v6(3, 0) && !v6(2, 0));
    }
}
