//! The far end: the other party of a call, with an address of its own for signalling and media.

mod dialog;
mod uac;
mod uas;

use std::any::Any;
use std::collections::{BTreeMap, VecDeque};
use std::net::SocketAddr;

use sipfarm_core::machine::{Input, Machine, Output, PortState, Transport};
use sipfarm_core::sdp::{Local, Session};
use sipfarm_core::sip::{Message, Method};
use sipfarm_core::{Instant, Span};

use super::stack::{Event, Schedule, Stack};
use dialog::{Call, State};

/// The port of its media on its own address. It is bound, so that what is sent there vanishes
/// without an ICMP error; nothing is sent from it.
const MEDIA_PORT: u16 = 40_000;

/// What a far end is.
#[derive(Debug, Clone)]
pub struct FarEndConfig {
    /// Where it listens, over UDP and TCP, and where its media would be.
    pub addr: SocketAddr,
    /// The domain of its AOR and of those it calls.
    pub domain: String,
    /// Its user, such as `1002`.
    pub user: String,
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

/// The other party of a call. Its media is silent.
pub struct FarEnd {
    config: FarEndConfig,
    behaviour: Behaviour,
    stack: Stack,
    calls: BTreeMap<CallKey, Call>,
    timers: Schedule<(CallKey, Due)>,
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
            calls: BTreeMap::new(),
            timers: Schedule::new(),
            outputs: media.into(),
        }
    }

    /// What it does with INVITEs from now on.
    pub fn behave(&mut self, behaviour: Behaviour) {
        self.behaviour = behaviour;
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
                Event::TimedOut { client, .. } | Event::Failed { client, .. } => self.unanswered(&client),
            }
        }
    }

    fn fire(&mut self, now: Instant) {
        while let Some((key, due)) = self.timers.pop_due(now) {
            match due {
                Due::Answer => self.answer(&key, now),
                Due::Ring => self.ring(&key, now),
                Due::Repeat => self.repeat_ok(&key, now),
                Due::GiveUp => {
                    self.timers.clear(&(key.clone(), Due::Repeat));
                    self.bye(&key, now); // section 13.3.1.4
                }
            }
        }
    }

    /// Ends a call with BYE and forgets it.
    fn bye(&mut self, key: &CallKey, now: Instant) {
        let branch = self.stack.token();
        if let Some(mut call) = self.forget(key) {
            let (bye, path) = call.request(&Method::Bye, self.config.addr, &branch);
            self.stack.request(bye, path, None, now);
        }
    }

    fn forget(&mut self, key: &CallKey) -> Option<Call> {
        for due in [Due::Answer, Due::Ring, Due::Repeat, Due::GiveUp] {
            self.timers.clear(&(key.clone(), due));
        }
        self.calls.remove(key)
    }

    /// The URI at which it is reached.
    fn contact(&self) -> String {
        format!("<sip:{}@{}>", self.config.user, self.config.addr)
    }

    /// Our session description: an answer to the offer in a message, or an offer when it has none.
    /// `None` when the two have nothing in common.
    fn describe(&mut self, key: &CallKey, offer: &Message) -> Option<Vec<u8>> {
        let call = self.calls.get_mut(key)?;
        let media = SocketAddr::new(self.config.addr.ip(), MEDIA_PORT);
        let local = Local { version: call.session_id + call.versions, ..Local::g711(media, call.session_id) };
        call.versions += 1;
        let session = if offer.body.is_empty() {
            Session::offer(&local)
        } else {
            let answer = Session::parse(&offer.body).answer(&local);
            answer.audio()?;
            answer
        };
        Some(session.to_string().into_bytes())
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
    }

    fn poll_output(&mut self) -> Option<Output> {
        self.outputs.pop_front().or_else(|| self.stack.poll_output())
    }

    fn deadline(&self) -> Option<Instant> {
        self.stack.deadline().into_iter().chain(self.timers.next()).min()
    }

    fn as_any_mut(&mut self) -> &mut dyn Any {
        self
    }
}
