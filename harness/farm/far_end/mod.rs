//! The far end: the other party of a call, with an address of its own for signalling and media.

mod dialog;
mod kind;
mod session;
mod uac;
mod uas;

use std::any::Any;
use std::collections::{BTreeMap, VecDeque};
use std::net::SocketAddr;

use sipfarm_core::machine::{Input, Machine, Output, PortState, Transport};
use sipfarm_core::rtp::Talker;
use sipfarm_core::sdp::Session;
use sipfarm_core::sip::{Message, Method};
use sipfarm_core::{Instant, Span};

use super::faults::{FaultError, FaultId, FaultSpec, NodeKind};
use super::stack::{Event, Schedule, Stack};
use dialog::{Call, State};
pub use kind::FarEndKind;
pub use session::Sessions;

/// The port of its audio on its own address, for all of its calls; RTCP has the one after it.
const MEDIA_PORT: u16 = 40_000;

/// What a far end is.
#[derive(Debug, Clone)]
pub struct FarEndConfig {
    /// Where it listens, over UDP and TCP; its audio is at the same host.
    pub addr: SocketAddr,
    /// The domain of its AOR and of those it calls.
    pub domain: String,
    /// Its user, such as `1002`.
    pub user: String,
    /// What it is.
    pub kind: FarEndKind,
    /// From it come branches, tags and Call-IDs.
    pub seed: u64,
}

/// What a far end does with an INVITE.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Behaviour {
    /// Answers with 200, after ringing with 180 when `after` is more than nothing.
    Answer {
        /// From INVITE to 200.
        after: Span,
    },
    /// Rings with 180 until the caller gives up.
    Ring,
    /// Answers with a final status code.
    Reject {
        /// 300 to 699.
        code: u16,
    },
    /// Says nothing at all, to no request.
    Silent,
}

/// The other party of a call. What it says is silence, in G.711.
pub struct FarEnd {
    config: FarEndConfig,
    behaviour: Behaviour,
    sessions: Sessions,
    stack: Stack,
    calls: BTreeMap<CallKey, Call>,
    timers: Schedule<(CallKey, Due)>,
    /// When the next packet of audio of any call is due.
    talk_at: Option<Instant>,
    outputs: VecDeque<Output>,
}

/// Call-ID and our own tag.
type CallKey = (String, String);

/// What a call waits for.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
enum Due {
    /// To be answered.
    Answer,
    /// To ring once more, so that no proxy gives up (RFC 3261 section 13.3.1.1).
    Ring,
    /// To repeat its 200.
    Repeat,
    /// To stop waiting for the ACK.
    GiveUp,
    /// To have its session refreshed.
    Refresh,
}

impl FarEnd {
    /// A far end that answers at once.
    pub fn new(config: FarEndConfig) -> Self {
        let media = [MEDIA_PORT, MEDIA_PORT + 1].map(|port| Output::SetPort {
            transport: Transport::Udp,
            local: SocketAddr::new(config.addr.ip(), port),
            state: PortState::Open,
        });
        FarEnd {
            stack: Stack::new(config.addr, config.seed),
            config,
            behaviour: Behaviour::Answer { after: Span::ZERO },
            sessions: Sessions::default(),
            calls: BTreeMap::new(),
            timers: Schedule::new(),
            talk_at: None,
            outputs: media.into(),
        }
    }

    /// What it does with INVITEs from now on.
    pub fn behave(&mut self, behaviour: Behaviour) {
        self.behaviour = self.config.kind.behaves(behaviour);
    }

    /// Switches a fault on, behind those that are on already.
    ///
    /// # Errors
    /// The fault is none of a far end's.
    pub fn fault_on(&mut self, fault: &FaultSpec) -> Result<FaultId, FaultError> {
        fault.fits(NodeKind::FarEnd)?;
        self.stack.fault_on(fault)
    }

    /// Switches all faults off.
    pub fn faults_off(&mut self, now: Instant) {
        self.stack.faults_off(|_, _| true, now);
    }

    /// The faults that are on, in order.
    pub fn faults(&self) -> impl Iterator<Item = (FaultId, &FaultSpec)> {
        self.stack.faults()
    }

    /// Ends every call that is established, with BYE; one whose ACK has not come yet as soon as it
    /// comes (RFC 3261 section 15).
    pub fn hang_up(&mut self, now: Instant) -> bool {
        let mut any = false;
        let keys: Vec<CallKey> = self.calls.keys().cloned().collect();
        for key in keys {
            match self.calls.get_mut(&key) {
                Some(Call { state: State::Established { .. }, .. }) => self.bye(&key, now),
                Some(call @ Call { state: State::Answered { .. }, .. }) => call.ends = true,
                _ => continue,
            }
            any = true;
        }
        self.serve(now);
        any
    }

    /// How many calls are established.
    pub fn calls(&self) -> usize {
        self.calls.values().filter(|call| matches!(call.state, State::Established { .. })).count()
    }

    fn serve(&mut self, now: Instant) {
        while let Some(event) = self.stack.event() {
            match event {
                Event::Request { server, request, path } => self.request(server, &request, path, now),
                Event::Ack { ack } => self.acknowledged(&ack, now),
                Event::Response { client, response, .. } => self.responded(&client, &response, now),
                Event::TimedOut { client, .. } | Event::Failed { client, .. } => {
                    self.unanswered(&client, now)
                }
            }
        }
    }

    fn fire(&mut self, now: Instant) {
        while let Some((key, due)) = self.timers.pop_due(now) {
            match due {
                Due::Answer => self.answer(&key, now),
                Due::Ring => self.ring(&key, now),
                Due::Repeat => self.repeat_ok(&key, now),
                Due::Refresh => self.refresh(&key, now),
                Due::GiveUp => {
                    self.timers.clear(&(key.clone(), Due::Repeat));
                    self.bye(&key, now); // section 13.3.1.4
                }
            }
        }
    }

    /// Says what is due to be said in every call.
    fn talk(&mut self, now: Instant) {
        let local = SocketAddr::new(self.config.addr.ip(), MEDIA_PORT);
        if self.talk_at.is_none_or(|at| at > now) {
            return;
        }
        for call in self.calls.values_mut() {
            while let Some((remote, payload)) = call.talker.packet(now) {
                if self.stack.audio_is_cut() {
                    continue; // It was said, and is lost on its way.
                }
                self.outputs.push_back(Output::Datagram { local, remote, payload });
            }
        }
        self.talk_at = self.calls.values().filter_map(|call| call.talker.due()).min();
    }

    /// Talks as an answered offer lets us.
    fn agree(&mut self, key: &CallKey, theirs: &[u8], now: Instant) {
        let Some(call) = self.calls.get_mut(key) else { return };
        call.talker.talk_to(Session::parse(theirs).sink(call.direction), now);
        self.talk_at = self.talk_at.into_iter().chain(call.talker.due()).min();
    }

    /// Ends a call with BYE and forgets it.
    fn bye(&mut self, key: &CallKey, now: Instant) {
        let branch = self.stack.token();
        if let Some(mut call) = self.forget(key, now) {
            let (bye, path) = call.request(&Method::Bye, self.config.addr, &branch);
            self.stack.request(bye, path, None, now);
        }
    }

    fn forget(&mut self, key: &CallKey, now: Instant) -> Option<Call> {
        let local = SocketAddr::new(self.config.addr.ip(), MEDIA_PORT + 1);
        let name = format!("{}@{}", self.config.user, self.config.addr.ip());
        let goodbye = self.calls.get_mut(key).and_then(|call| call.talker.goodbye(&name, now));
        if let Some((remote, payload)) = goodbye.filter(|_| !self.stack.audio_is_cut()) {
            self.outputs.push_back(Output::Datagram { local, remote, payload });
        }
        for due in [Due::Answer, Due::Ring, Due::Repeat, Due::GiveUp, Due::Refresh] {
            self.timers.clear(&(key.clone(), due));
        }
        self.calls.remove(key)
    }

    fn talker(&mut self) -> Talker {
        let random = u64::from_str_radix(&self.stack.token(), 16).unwrap_or(1);
        Talker::new((random >> 32) as u32, random as u32)
    }

    /// The URI at which it is reached, with what it says of itself.
    fn contact(&self) -> String {
        self.config.kind.contact(&self.config.user, self.config.addr)
    }

    /// Our session description: an answer to the offer in a message, or an offer when it has none.
    /// `None` when the two have nothing in common.
    fn describe(&mut self, key: &CallKey, offer: &Message) -> Option<Vec<u8>> {
        let call = self.calls.get_mut(key)?;
        let media = SocketAddr::new(self.config.addr.ip(), MEDIA_PORT);
        let local = call.description(media);
        let session = if offer.body.is_empty() {
            Session::offer(&local)
        } else {
            let answer = Session::parse(&offer.body).answer(&local);
            answer.audio()?;
            answer
        };
        let said = session.to_string().into_bytes();
        self.calls.get_mut(key)?.said.clone_from(&said);
        Some(said)
    }
}

impl Machine for FarEnd {
    fn handle(&mut self, input: Input, now: Instant) {
        let media = |local: &SocketAddr| *local != self.config.addr;
        if !matches!(&input, Input::Datagram { local, .. } | Input::Icmp { local, .. } if media(local)) {
            self.stack.handle(input, now);
            self.serve(now);
        }
        self.fire(now);
        self.serve(now);
        self.talk(now);
    }

    fn poll_output(&mut self) -> Option<Output> {
        self.outputs.pop_front().or_else(|| self.stack.poll_output())
    }

    fn deadline(&self) -> Option<Instant> {
        self.stack.deadline().into_iter().chain(self.timers.next()).chain(self.talk_at).min()
    }

    fn as_any_mut(&mut self) -> &mut dyn Any {
        self
    }
}
