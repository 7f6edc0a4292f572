//! Session descriptions (RFC 8866) and offer/answer (RFC 3264), as much as an audio call needs.
//!
//! Reading never fails: a [`Session`] holds what was understood, and a list of [`SdpDefect`]s.

mod negotiate;
mod parse;
mod write;

use std::net::{IpAddr, SocketAddr};
use std::ops::Range;

use serde::{Deserialize, Serialize};

pub use negotiate::{Codec, Local, Sink};

/// A session description.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Session {
    /// `o=`; `None` when it is missing or broken.
    pub origin: Option<Origin>,
    /// `s=`.
    pub name: String,
    /// `c=` of the session.
    pub connection: Option<Connection>,
    /// The values of the `t=` lines.
    pub times: Vec<String>,
    /// `a=` lines of the session, in order.
    pub attributes: Vec<Attribute>,
    /// The media descriptions, in order.
    pub media: Vec<Media>,
    /// What is wrong; empty for a good description. Not written out again.
    pub defects: Vec<SdpDefect>,
}

/// The value of `o=` (RFC 8866 section 5.2).
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Origin {
    /// The user, `-` where there is none.
    pub user: String,
    /// The number of the session.
    pub session_id: u64,
    /// The version; one more whenever a new description differs (RFC 3264 section 8).
    pub version: u64,
    /// Where it was made.
    pub address: Connection,
}

/// A network address as `c=` and `o=` have it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Connection {
    /// `IP6` rather than `IP4`.
    pub v6: bool,
    /// An address or a domain name, as spelt; in `c=` perhaps with the suffix of a multicast.
    pub address: String,
}

impl Connection {
    /// Of an address.
    pub fn at(ip: IpAddr) -> Self {
        Connection { v6: ip.is_ipv6(), address: ip.to_string() }
    }

    /// The address, when it is one of the family named.
    pub fn ip(&self) -> Option<IpAddr> {
        let address = self.address.split_once('/').map_or(self.address.as_str(), |(address, _)| address);
        address.parse::<IpAddr>().ok().filter(|ip| ip.is_ipv6() == self.v6)
    }
}

/// An `a=` line.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Attribute {
    /// What stands before the colon.
    pub name: String,
    /// What stands behind it, where there is one.
    pub value: Option<String>,
}

/// Which way media flows, as its describer sees it (RFC 8866 section 6.7).
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Default, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Direction {
    /// Both ways; holds where nothing is said.
    #[default]
    SendRecv,
    /// Sends only.
    SendOnly,
    /// Receives only.
    RecvOnly,
    /// Neither.
    Inactive,
}

impl Direction {
    const NAMES: [(&'static str, Direction); 4] = [
        ("sendrecv", Direction::SendRecv),
        ("sendonly", Direction::SendOnly),
        ("recvonly", Direction::RecvOnly),
        ("inactive", Direction::Inactive),
    ];

    /// By the name of its attribute.
    pub fn named(name: &str) -> Option<Direction> {
        Self::NAMES.into_iter().find(|(known, _)| *known == name).map(|(_, direction)| direction)
    }

    /// The name of its attribute.
    pub fn as_str(self) -> &'static str {
        Self::NAMES.iter().find(|(_, direction)| *direction == self).map_or("", |(name, _)| name)
    }

    /// Whether the describer sends.
    pub fn sends(self) -> bool {
        matches!(self, Direction::SendRecv | Direction::SendOnly)
    }

    /// Whether the describer receives.
    pub fn receives(self) -> bool {
        matches!(self, Direction::SendRecv | Direction::RecvOnly)
    }

    /// From what is sent and received.
    pub fn of(sends: bool, receives: bool) -> Direction {
        match (sends, receives) {
            (true, true) => Direction::SendRecv,
            (true, false) => Direction::SendOnly,
            (false, true) => Direction::RecvOnly,
            (false, false) => Direction::Inactive,
        }
    }

    /// The answer to an offer of this direction from someone who wants `wish`
    /// (RFC 3264 section 6.1).
    pub fn answer(self, wish: Direction) -> Direction {
        Direction::of(wish.sends() && self.receives(), wish.receives() && self.sends())
    }
}

/// A media description: an `m=` line and what follows it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Media {
    /// `audio`, `video`, …
    pub kind: String,
    /// The port; 0 rejects or ends the stream.
    pub port: u16,
    /// `RTP/AVP`, …
    pub protocol: String,
    /// Payload types (for RTP), most wanted first.
    pub formats: Vec<String>,
    /// `c=` of this stream.
    pub connection: Option<Connection>,
    /// `a=` lines in order.
    pub attributes: Vec<Attribute>,
}

impl Media {
    /// The value of the first attribute of that name that has one.
    pub fn attribute(&self, name: &str) -> Option<&str> {
        self.attributes.iter().find(|attribute| attribute.name == name)?.value.as_deref()
    }

    /// The direction this stream names itself.
    pub fn own_direction(&self) -> Option<Direction> {
        named_direction(&self.attributes)
    }

    /// What `a=rtpmap` says of a format: encoding name and clock rate in hertz.
    pub fn rtpmap(&self, format: &str) -> Option<(&str, u32)> {
        self.attributes.iter().filter(|attribute| attribute.name == "rtpmap").find_map(|attribute| {
            let (number, encoding) = attribute.value.as_deref()?.split_once(' ')?;
            let mut parts = encoding.trim().split('/');
            let (name, clock) = (parts.next()?, parts.next()?.parse().ok()?);
            (number == format).then_some((name, clock))
        })
    }
}

impl Session {
    /// The first audio stream that is neither rejected nor ended.
    pub fn audio(&self) -> Option<&Media> {
        self.media.iter().find(|media| media.kind == "audio" && media.port != 0)
    }

    /// The direction that holds for a stream: its own, else the session's, else both ways.
    pub fn direction(&self, media: &Media) -> Direction {
        media.own_direction().or_else(|| named_direction(&self.attributes)).unwrap_or_default()
    }

    /// Gives every stream that has a direction another one.
    pub fn set_direction(&mut self, direction: Direction) {
        let all = self.media.iter_mut().flat_map(|media| &mut media.attributes);
        for attribute in all.filter(|attribute| Direction::named(&attribute.name).is_some()) {
            direction.as_str().clone_into(&mut attribute.name);
        }
    }

    /// Where a stream wants to receive; `None` for domain names and rejected streams.
    pub fn address(&self, media: &Media) -> Option<SocketAddr> {
        let connection = media.connection.as_ref().or(self.connection.as_ref())?;
        (media.port != 0).then_some(SocketAddr::new(connection.ip()?, media.port))
    }

    /// Whether this description puts the other party on hold: no audio stream that receives, or
    /// one at the unspecified address as RFC 2543 did it (RFC 3264 section 8.4).
    pub fn holds(&self) -> bool {
        let receives = |media: &Media| {
            self.direction(media).receives()
                && self.address(media).is_none_or(|address| !address.ip().is_unspecified())
        };
        !self.audio().is_some_and(receives)
    }
}

fn named_direction(attributes: &[Attribute]) -> Option<Direction> {
    attributes.iter().find_map(|attribute| Direction::named(&attribute.name))
}

/// Something in a session description that its grammar forbids.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SdpDefect {
    /// What is wrong.
    pub kind: SdpDefectKind,
    /// Where: octets from the start of the description.
    pub span: Range<usize>,
}

/// The kinds of [`SdpDefect`].
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
#[non_exhaustive]
pub enum SdpDefectKind {
    /// A line is not one letter, `=` and a value.
    BadLine,
    /// A line stands where the order of RFC 8866 section 5 has no place for it, or once too often.
    OutOfOrder,
    /// The version is not 0.
    BadVersion,
    /// The value of `o=` is broken.
    BadOrigin,
    /// The value of `c=` is broken.
    BadConnection,
    /// The value of `t=` is not two numbers.
    BadTime,
    /// The value of `m=` is broken.
    BadMedia,
    /// The value of an `a=` that we read is broken.
    BadAttribute,
    /// A mandatory line (`v=`, `o=`, `s=`, `t=`) is missing, or a stream has no `c=` at all.
    MissingLine,
    /// Lines end in a bare LF.
    BareLineFeed,
    /// Octets that are not UTF-8.
    NotUtf8,
}
