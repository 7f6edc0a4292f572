//! The case: what the packets say about one phone, before any rule speaks.
//!
//! Everything is derived from packets and from the harness's marks. SIP that neither comes from
//! the phone nor goes to it is left out: it can neither satisfy nor break anything.

mod agreement;
mod attempt;
mod audio;
mod bound;
mod call_course;
mod close;
mod connect;
mod description;
mod dialog;
mod dns;
mod exchange;
mod hold;
mod limits;
mod line_calls;
mod located;
mod names;
mod notes;
mod patience;
mod places;
mod preservation;
mod register;
mod reset;
mod seen;
mod session;
mod stay;
mod trace;
mod way;

use std::collections::BTreeSet;
use std::net::SocketAddr;
use std::rc::Rc;

use sipfarm_core::machine::Transport;
use sipfarm_core::profile::Profile;
use sipfarm_core::sip::Message;
use sipfarm_core::{Instant, Key, Span};

use crate::audio::Stream;
use crate::mark::{Sight, Which};
use crate::timeline::{EventKind, IcmpEvent, TcpEvent, TcpStep, Timeline};

pub use agreement::Agreement;
pub use attempt::{Attempt, Outcome};
pub use audio::{Ear, Gap};
pub use close::Closes;
pub use connect::{Connect, Connected, Connects, Secured};
pub use dialog::Dialog;
pub use dns::{Dns, Lookup, RecordSet, Stranger, Told};
pub use exchange::{ClientExchange, Failure, ServerExchange, asks_for_more, status};
pub use hold::Hold;
pub use limits::{CONNECT_CAP, Ladder, Limits, SENDS_MAX};
pub use line_calls::{CallEnd, CallState, LineCall, Unit, preempts, rank};
pub use located::{Candidate, Rank};
pub use names::{Guess, Names};
pub use notes::{Done, MOMENT, Notes, Observed, Trouble};
pub use patience::Patience;
pub use places::{CallSpan, Standing};
pub use preservation::{Loss, LostCall, Sign};
pub use register::{Grant, Purpose, Registration};
pub use reset::Reset;
pub use seen::{Seen, SeenRef};
pub use session::Session;
pub use stay::Stay;
pub use way::{Address, Way};

/// What the packets say about one phone.
pub struct Case<'a> {
    /// Which phone of the scenario it is.
    pub which: Which,
    /// What the phone is held to.
    pub profile: &'a Profile,
    /// The profile's numbers.
    pub limits: Limits,
    /// What the tap can see.
    pub sight: Sight,
    /// Who is who.
    pub names: Names,
    /// The harness's marks.
    pub notes: Notes<'a>,
    /// The phone's SIP, in order of time.
    pub messages: Vec<SeenRef<'a>>,
    /// Requests to a node in the phone's name that come from neither the phone's address nor a node's.
    pub strangers: Vec<SeenRef<'a>>,
    /// The phone's requests.
    pub client: Vec<ClientExchange<'a>>,
    /// The requests to the phone.
    pub server: Vec<ServerExchange<'a>>,
    /// ACKs of the phone that belong to no INVITE of the capture.
    pub stray_acks: Vec<SeenRef<'a>>,
    /// Fatal ICMP errors that the phone was sent, by the address that they say cannot be reached.
    pub unreachable: Vec<(Instant, SocketAddr)>,
    /// The phone's TCP connects.
    pub connects: Connects<'a>,
    /// The ends of the phone's TCP connections.
    pub closes: Closes<'a>,
    /// The phone's REGISTER exchanges with their class.
    pub registrations: Vec<Registration>,
    /// Calls and registrations, each from server to server.
    pub attempts: Vec<Attempt>,
    /// The phone's dialogs.
    pub dialogs: Vec<Dialog>,
    /// The RTP streams of the capture.
    streams: Vec<&'a Stream>,
    /// What the phone asked DNS.
    pub dns: Dns<'a>,
    /// Until when the wire is known: `now`, or the end of the scenario.
    pub horizon: Instant,
    /// Whether more may come: a live wait before the end of the scenario.
    pub live: bool,
}

impl<'a> Case<'a> {
    /// Derives the case of the first phone. Nothing after `now` and nothing after [`crate::Mark::End`] is known.
    pub fn new(timeline: &'a Timeline, profile: &'a Profile, now: Instant, live: bool) -> Self {
        Case::of(Which::First, timeline, profile, now, live)
    }

    /// As [`Case::new`], of either phone.
    pub fn of(which: Which, timeline: &'a Timeline, profile: &'a Profile, now: Instant, live: bool) -> Self {
        let notes = Notes::read(timeline, which);
        let names = Names::new(&notes, timeline, profile, which);
        let sight = notes.scene.map_or_else(|| foreign_sight(&notes), |scene| scene.sight.clone());
        let horizon = notes.end.map_or(now, |end| end.min(now));
        let live = live && notes.end.is_none();
        let messages: Vec<SeenRef<'a>> = timeline
            .sip()
            .filter(|(event, sip)| event.at <= horizon && names.is_phone(sip.src) != names.is_phone(sip.dst))
            .map(|(event, sip)| Rc::new(Seen::new(event, sip)))
            .collect();
        let strangers = strangers(timeline, &names, &messages, horizon);
        let dns = Dns::read(timeline, &names, horizon);
        let (client, server, stray_acks) = exchange::group(&messages, &names);
        let mut case = Case {
            which,
            profile,
            limits: Limits::new(profile, &sight),
            sight,
            names,
            notes,
            messages,
            strangers,
            client,
            server,
            stray_acks,
            unreachable: Vec::new(),
            connects: Connects::default(),
            closes: Closes::default(),
            registrations: Vec::new(),
            attempts: Vec::new(),
            dialogs: Vec::new(),
            streams: timeline.audio().collect(),
            dns,
            horizon,
            live,
        };
        case.read_failures(timeline);
        case.registrations = register::classify(&case.client, &case.connects);
        case.attempts = attempt::join(&case);
        case.dialogs = dialog::read(&case.client, &case.server);
        case
    }

    /// Whether a missing packet proves that it was not sent.
    pub fn sees_all(&self) -> bool {
        !self.sight.lossy
    }

    /// Whether a message is seen within the tap's latency of its sending: where packets are lost, TCP
    /// sends them again after a second or more.
    pub fn keeps_time(&self, transport: Transport) -> bool {
        self.sees_all() || transport == Transport::Udp
    }

    /// The class of a REGISTER exchange.
    pub fn registration(&self, exchange: usize) -> Option<&Registration> {
        // They are in the order of the exchanges.
        let at = self.registrations.binary_search_by_key(&exchange, |registration| registration.exchange);
        at.ok().map(|at| &self.registrations[at])
    }

    /// The refused exchange that an exchange makes good: with the credentials, or the longer time,
    /// that the refusal asked for.
    pub fn makes_good(&self, exchange: usize) -> Option<usize> {
        register::made_good(&self.client, exchange)
    }

    /// The attempt that an exchange is part of.
    pub fn attempt_of(&self, exchange: usize) -> Option<&Attempt> {
        self.attempts.iter().find(|attempt| attempt.exchanges.contains(&exchange))
    }

    /// What the phone was told of the way that requests within a dialog take.
    pub fn way(&self, dialog: &Dialog) -> Way {
        Way::read(dialog, &self.client, &self.server)
    }

    /// Whether an exchange is a new request for an expectation: any but a REGISTER that asks for
    /// no binding, and not the repeated try that a challenge asked for.
    pub fn is_new_request(&self, exchange: usize) -> bool {
        self.makes_good(exchange).is_none()
            && self.registration(exchange).is_none_or(|registration| registration.purpose.is_attempt())
    }

    /// Whether two packets may have changed places between the phone and the tap.
    pub fn may_have_swapped(&self, first: Instant, second: Instant) -> bool {
        let latency = self.limits.latency();
        latency > Span::ZERO && (second - first).abs() <= latency
    }

    /// Whether the phone may have sent two requests in the other order than they were seen: they may have
    /// changed places, or on a lossy tap the first sends of the later one were lost.
    pub fn may_be_unordered(&self, before: &ClientExchange<'_>, after: &ClientExchange<'_>) -> bool {
        let repeated = || {
            let slots = self.limits.slots(&after.method, self.limits.timeout(&after.method));
            let since = before.t0() + self.limits.reaction();
            slots.iter().skip(1).any(|slot| after.t0() - *slot <= since)
        };
        let late = || match after.transport {
            Transport::Udp => repeated(),
            Transport::Tcp | Transport::Tls => (before.from, before.to) != (after.from, after.to),
        };
        self.may_have_swapped(before.t0(), after.t0()) || (!self.sees_all() && late())
    }

    /// Whether the user or the harness stopped what the phone was doing within a stretch of time.
    pub fn interrupted(&self, from: Instant, to: Instant) -> bool {
        let stops = |key: &Key| matches!(key, Key::HangUp | Key::Unregister | Key::Reboot);
        self.notes.commanded(stops, from, to) || self.was_reset(from, to)
    }

    /// Notes the failures of the transport that the phone was told of.
    fn read_failures(&mut self, timeline: &'a Timeline) {
        let horizon = self.horizon;
        for event in timeline.events().iter().filter(|event| event.at <= horizon) {
            match &event.kind {
                EventKind::Icmp(icmp) => self.note_icmp(event.at, &event.packets, icmp),
                EventKind::Tls(tls) => self.connects.note_tls(event.at, &event.packets, tls),
                EventKind::Tcp(tcp) => {
                    self.note_end(event.at, &event.packets, tcp);
                    self.connects.note(&self.names, event.at, &event.packets, tcp);
                }
                _ => {}
            }
        }
    }

    fn note_icmp(&mut self, at: Instant, packets: &'a [u32], icmp: &IcmpEvent) {
        let Some((transport, src, dst)) = icmp.quoted else { return };
        if !icmp.kind.is_fatal() || !self.names.is_phone(src) {
            return;
        }
        self.unreachable.push((at, dst));
        let family = if icmp.kind.v6 { "ICMPv6" } else { "ICMP" };
        let what = format!("{family} {}/{}", icmp.kind.kind, icmp.kind.code);
        for exchange in &mut self.client {
            // Under TLS there is TCP.
            let same = exchange.transport.is_reliable() == transport.is_reliable();
            let of_it = same && exchange.from == src && exchange.to == dst;
            if of_it && exchange.t0() <= at && !ended_before(exchange, at) {
                exchange.failures.push(Failure { at, packets, what: what.clone() });
            }
        }
        self.connects.note_icmp(at, transport, src, dst);
    }

    fn note_end(&mut self, at: Instant, packets: &'a [u32], tcp: &TcpEvent) {
        self.closes.note(&self.names, at, packets, tcp);
        let what = match tcp.what {
            TcpStep::Fin => "FIN",
            TcpStep::Rst => "RST",
            TcpStep::Syn | TcpStep::SynAck => return,
        };
        for exchange in self.client.iter_mut().filter(|exchange| exchange.transport.is_reliable()) {
            let of_it = exchange.from == tcp.dst && exchange.to == tcp.src;
            if of_it && exchange.t0() <= at && !ended_before(exchange, at) {
                exchange.failures.push(Failure { at, packets, what: what.to_owned() });
            }
        }
    }
}

/// Requests whose From is that of the phone's own requests, or anybody's where the phone has sent none.
fn strangers<'a>(
    timeline: &'a Timeline,
    names: &Names,
    messages: &[SeenRef<'a>],
    horizon: Instant,
) -> Vec<SeenRef<'a>> {
    let sender = |message: &Message| message.from().map(|from| from.uri);
    let own: BTreeSet<String> = messages
        .iter()
        .filter(|seen| seen.message.status().is_none() && names.is_phone(seen.src))
        .filter_map(|seen| sender(seen.message))
        .collect();
    timeline
        .sip()
        .filter(|(event, sip)| {
            event.at <= horizon
                && sip.message.status().is_none()
                && !names.is_phone(sip.src)
                && !names.is_other_phone(sip.src.ip())
                && !names.is_host_of_node(sip.src.ip())
                && names.node_at(sip.dst, sip.transport).is_some()
                && (own.is_empty() || sender(&sip.message).is_some_and(|from| own.contains(&from)))
        })
        .map(|(event, sip)| Rc::new(Seen::new(event, sip)))
        .collect()
}

fn ended_before(exchange: &ClientExchange<'_>, at: Instant) -> bool {
    exchange.finals().any(|response| response.at <= at && !response.is_cut())
}

/// What we assume of a capture that we did not make: everything may be in it, nothing must, unless
/// somebody vouches for it.
fn foreign_sight(notes: &Notes<'_>) -> Sight {
    let complete = notes.cast.is_some_and(|cast| cast.complete);
    Sight { frames: true, lossy: !complete, latency: Span::from_millis(100) }
}
