//! The far end: the other party of a call, with an address of its own for signalling and media.

mod dialog;
mod kind;
mod media;
mod order;
#[cfg(test)]
mod order_tests;
mod precedence;
mod session;
mod uac;
mod uas;

use std::any::Any;
use std::collections::{BTreeMap, VecDeque};
use std::net::SocketAddr;

use sipfarm_core::machine::{Input, Machine, Output};
use sipfarm_core::sdp::Session;
use sipfarm_core::sip::{Message, Method};
use sipfarm_core::{Instant, Span};

use super::faults::{FaultError, FaultId, FaultSpec, NodeKind};
use super::stack::{Event, Schedule, Stack};
use dialog::{Call, State};
pub use kind::FarEndKind;
use media::Ports;
pub use order::CallOrder;
pub use precedence::Precedence;
pub use session::Sessions;

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
    precedence: Precedence,
    stack: Stack,
    ports: Ports,
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
        let (ports, outputs) = Ports::new(config.addr.ip());
        FarEnd {
            stack: Stack::new(config.addr, config.seed),
            config,
            behaviour: Behaviour::Answer { after: Span::ZERO },
            sessions: Sessions::default(),
            precedence: Precedence::default(),
            ports,
            calls: BTreeMap::new(),
            timers: Schedule::new(),
            talk_at: None,
            outputs,
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
        let keys: Vec<CallKey> = self.calls.keys().cloned().collect();
        let ended = keys.iter().filter(|key| self.end(key, None, now)).count();
        self.serve(now);
        ended > 0
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
                    self.bye(&key, None, now); // section 13.3.1.4
                }
            }
        }
    }

    /// Ends a call that is answered, now or as soon as that may be; false for any other.
    fn end(&mut self, key: &CallKey, reason: Option<&str>, now: Instant) -> bool {
        match self.calls.get_mut(key) {
            Some(Call { state: State::Established { .. }, .. }) => self.bye(key, reason, now),
            Some(call @ Call { state: State::Answered { .. }, .. }) => call.ends = true,
            _ => return false,
        }
        true
    }

    /// Ends a call with BYE and forgets it.
    fn bye(&mut self, key: &CallKey, reason: Option<&str>, now: Instant) {
        let branch = self.stack.token();
        if let Some(mut call) = self.forget(key, now) {
            let (bye, path) = call.request(&Method::Bye, self.config.addr, &branch);
            let bye = bye.rebuild().header_opt("Reason", reason).build();
            self.stack.request(bye, path, None, now);
        }
    }

    fn forget(&mut self, key: &CallKey, now: Instant) -> Option<Call> {
        self.fall_silent(key, now);
        for due in [Due::Answer, Due::Ring, Due::Repeat, Due::GiveUp, Due::Refresh] {
            self.timers.clear(&(key.clone(), due));
        }
        let call = self.calls.remove(key)?;
        self.ports.give_back(call.media_port);
        Some(call)
    }

    /// The URI at which that user of it is reached, with what it says of itself.
    fn contact(&self, user: &str) -> String {
        self.config.kind.contact(user, self.config.addr)
    }

    /// Our session description: an answer to the offer in a message, or an offer when it has none.
    /// `None` when the two have nothing in common.
    fn describe(&mut self, key: &CallKey, offer: &Message) -> Option<Vec<u8>> {
        let call = self.calls.get_mut(key)?;
        let local = call.description(call.audio(self.config.addr));
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
