//! The phone's TCP connects: how a server can be tried without any SIP.

use std::collections::BTreeMap;
use std::net::SocketAddr;
use std::ops::Deref;

use sipfarm_core::Instant;
use sipfarm_core::machine::Transport;

use super::names::Names;
use crate::timeline::{TcpEvent, TcpStep, TlsEvent, TlsStep};

/// A connect of the phone.
#[derive(Debug, Clone)]
pub struct Connect<'a> {
    /// The time of the first SYN.
    pub at: Instant,
    /// Its packets: SYN and what answered it.
    pub packets: Vec<&'a [u32]>,
    /// The phone's address and port.
    pub from: SocketAddr,
    /// Where it connects to.
    pub to: SocketAddr,
    /// What came of it, TLS left out.
    pub outcome: Connected,
    /// What came of TLS on it.
    pub tls: Secured,
}

/// What came of TLS on a connection.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Secured {
    /// Nobody has asked for it.
    Unasked,
    /// The phone has said ClientHello.
    Asked,
    /// The phone has taken the server for the right one, and all is said that way from here on.
    Stands(Instant),
    /// An alert, or the end of the connection.
    Failed(Instant),
}

impl Connect<'_> {
    /// What came of it: one on which TLS has failed is as good as refused.
    pub fn result(&self) -> Connected {
        match (self.outcome, self.tls) {
            (Connected::Open(_), Secured::Asked) => Connected::Unanswered,
            (Connected::Open(_), Secured::Failed(at)) => Connected::Refused(at),
            (outcome, _) => outcome,
        }
    }
}

/// What came of a connect.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Connected {
    /// Nothing yet.
    Unanswered,
    /// SYN and ACK.
    Open(Instant),
    /// RST, or a fatal ICMP error.
    Refused(Instant),
}

/// The phone's connects, in order of time.
#[derive(Debug, Default)]
pub struct Connects<'a> {
    list: Vec<Connect<'a>>,
    /// The place of the last one from there to there: a phone that tries without end makes thousands.
    latest: BTreeMap<(SocketAddr, SocketAddr), usize>,
}

impl<'a> Deref for Connects<'a> {
    type Target = [Connect<'a>];

    fn deref(&self) -> &Self::Target {
        &self.list
    }
}

impl<'a> Connects<'a> {
    pub(super) fn note(&mut self, names: &Names, at: Instant, packets: &'a [u32], tcp: &TcpEvent) {
        if tcp.what == TcpStep::Syn && names.is_phone(tcp.src) {
            return self.note_syn(at, packets, tcp);
        }
        let Some(connect) = self.of(tcp.dst, tcp.src) else { return };
        if connect.tls == Secured::Asked && matches!(tcp.what, TcpStep::Fin | TcpStep::Rst) {
            connect.tls = Secured::Failed(at);
            connect.packets.push(packets);
        }
        if connect.outcome == Connected::Unanswered {
            match tcp.what {
                TcpStep::SynAck => connect.outcome = Connected::Open(at),
                TcpStep::Rst => connect.outcome = Connected::Refused(at),
                TcpStep::Syn | TcpStep::Fin => return,
            }
            connect.packets.push(packets);
        }
    }

    fn note_syn(&mut self, at: Instant, packets: &'a [u32], tcp: &TcpEvent) {
        if let Some(connect) = self.of(tcp.src, tcp.dst)
            && connect.outcome == Connected::Unanswered
        {
            return connect.packets.push(packets);
        }
        self.latest.insert((tcp.src, tcp.dst), self.list.len());
        self.list.push(Connect {
            at,
            packets: vec![packets],
            from: tcp.src,
            to: tcp.dst,
            outcome: Connected::Unanswered,
            tls: Secured::Unasked,
        });
    }

    pub(super) fn note_tls(&mut self, at: Instant, packets: &'a [u32], tls: &TlsEvent) {
        let forth = self.of(tls.src, tls.dst).is_some();
        let (from, to) = if forth { (tls.src, tls.dst) } else { (tls.dst, tls.src) };
        let Some(connect) = self.of(from, to) else { return };
        let next = match (tls.what, connect.tls) {
            (TlsStep::ClientHello, Secured::Unasked) => Secured::Asked,
            (TlsStep::Finished, Secured::Asked) if forth => Secured::Stands(at),
            (TlsStep::Alert(_), Secured::Asked) => Secured::Failed(at),
            _ => return,
        };
        connect.tls = next;
        connect.packets.push(packets);
    }

    pub(super) fn note_icmp(&mut self, at: Instant, transport: Transport, src: SocketAddr, dst: SocketAddr) {
        if transport.is_reliable()
            && let Some(connect) = self.of(src, dst)
            && connect.outcome == Connected::Unanswered
        {
            connect.outcome = Connected::Refused(at);
        }
    }

    /// The last one from there to there.
    fn of(&mut self, from: SocketAddr, to: SocketAddr) -> Option<&mut Connect<'a>> {
        self.latest.get(&(from, to)).map(|&at| &mut self.list[at])
    }
}
