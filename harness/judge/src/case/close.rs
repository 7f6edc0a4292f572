//! The ends of the phone's TCP connections.

use std::collections::BTreeSet;
use std::net::SocketAddr;
use std::ops::Deref;

use sipfarm_core::Instant;

use super::Case;
use super::names::Names;
use crate::timeline::{TcpEvent, TcpStep};

/// FIN or RST on a connection of the phone.
#[derive(Debug, Clone, Copy)]
pub struct Close<'a> {
    /// When.
    pub at: Instant,
    /// The phone's address and port.
    pub phone: SocketAddr,
    /// The other side's.
    pub other: SocketAddr,
    /// Whether the phone has sent it.
    pub by_phone: bool,
    /// Whether neither side had sent one before.
    pub is_first: bool,
    /// Whether it refuses a connection that was not open yet.
    pub is_refusal: bool,
    /// The packets.
    pub packets: &'a [u32],
}

/// The ends of the phone's connections, in order of time.
#[derive(Debug, Default)]
pub struct Closes<'a> {
    list: Vec<Close<'a>>,
    /// The connections that have ended, the phone's side first, and were not opened anew.
    ended: BTreeSet<(SocketAddr, SocketAddr)>,
    /// Those that the phone has asked for and that are not open yet.
    asked: BTreeSet<(SocketAddr, SocketAddr)>,
}

impl<'a> Deref for Closes<'a> {
    type Target = [Close<'a>];

    fn deref(&self) -> &Self::Target {
        &self.list
    }
}

impl<'a> Closes<'a> {
    pub(super) fn note(&mut self, names: &Names, at: Instant, packets: &'a [u32], tcp: &TcpEvent) {
        let by_phone = names.is_phone(tcp.src);
        if !by_phone && !names.is_phone(tcp.dst) {
            return;
        }
        let (phone, other) = if by_phone { (tcp.src, tcp.dst) } else { (tcp.dst, tcp.src) };
        let pair = (phone, other);
        match tcp.what {
            TcpStep::SynAck => {
                self.asked.remove(&pair);
            }
            TcpStep::Syn => {
                self.ended.remove(&pair);
                self.asked.insert(pair);
            }
            TcpStep::Fin | TcpStep::Rst => {
                let (is_first, is_refusal) = (self.ended.insert(pair), self.asked.remove(&pair));
                self.list.push(Close { at, phone, other, by_phone, is_first, is_refusal, packets });
            }
        }
    }
}

impl<'a> Case<'a> {
    /// The connections that the other side has ended, and not the phone before it.
    pub fn closed_by_others(&self) -> impl Iterator<Item = &Close<'a>> {
        self.closes.iter().filter(|close| !close.by_phone && close.is_first)
    }

    /// Whether the last message that passed between the phone and that host by then went over that connection.
    pub(super) fn was_in_use(&self, close: &Close<'_>) -> bool {
        let ends = |a: SocketAddr, b: SocketAddr| (a, b) == (close.phone, close.other);
        let mut before = self.messages.iter().rev().filter(|seen| seen.at <= close.at);
        let last = before.find(|seen| {
            seen.transport.is_reliable()
                && (seen.dst.ip() == close.other.ip() || seen.src.ip() == close.other.ip())
        });
        last.is_some_and(|seen| ends(seen.src, seen.dst) || ends(seen.dst, seen.src))
    }
}
