//! Server transactions (RFC 3261 section 17.2, RFC 6026 section 7.1).

use sipfarm_core::sip::{Message, MessageBuilder, Method, Via};
use sipfarm_core::{Instant, Span};

use super::timers::{Timer, Timers};
use super::{Act, Habits, ServerId, TxEvent};
use crate::defect::Defect;
use crate::transport::Flow;

/// Where a server transaction stands. INVITE starts in `Proceeding`, other methods in `Trying`.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum State {
    Trying,
    Proceeding,
    Completed,
    Confirmed,
    Accepted,
    Terminated,
}

/// What requests of one transaction have in common (section 17.2.3). ACK and, to find what it
/// cancels, CANCEL are looked up under the method INVITE.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Key {
    id: String,
    method: Method,
}

impl Key {
    /// The key of a request as if its method were `method`.
    pub fn of(request: &Message, method: &Method) -> Self {
        let via = request.top_via();
        let branch = via.as_ref().and_then(Via::branch).unwrap_or_default();
        let id = if branch.len() > Via::COOKIE.len() && branch.starts_with(Via::COOKIE) {
            let (host, port) = via.as_ref().map_or((String::new(), 5060), |via| {
                (via.host.to_string().to_ascii_lowercase(), via.port.unwrap_or(5060))
            });
            format!("{branch} {host}:{port}")
        } else {
            // RFC 2543: no unique branch. To is left out: the INVITE has no tag there, its ACK has.
            let from = request.from();
            format!(
                "{} {} {} {} {}",
                request.request_uri().unwrap_or_default(),
                from.as_ref().and_then(|from| from.tag()).unwrap_or_default(),
                request.call_id().unwrap_or_default(),
                request.cseq().map_or(0, |cseq| cseq.number),
                request.values("Via").first().copied().unwrap_or_default(),
            )
        };
        Key { id, method: method.clone() }
    }
}

/// One server transaction.
#[derive(Debug)]
pub(super) struct Server {
    pub id: ServerId,
    pub key: Key,
    pub request: Message,
    /// From tag, Call-ID and CSeq, which tell copies of one request that came by several ways.
    pub marks: Option<[String; 3]>,
    pub flow: Flow,
    pub state: State,
    pub timers: Timers,
    invite: bool,
    response: Option<Vec<u8>>,
    interval: Span,
}

impl Server {
    pub fn new(id: ServerId, key: Key, request: Message, flow: Flow, now: Instant) -> Self {
        let invite = request.is_request(&Method::Invite);
        let mut timers = Timers::default();
        if invite {
            timers.set(Timer::Trying, now + Span::from_millis(200));
        }
        Server {
            id,
            key,
            marks: marks(&request),
            request,
            flow,
            state: if invite { State::Proceeding } else { State::Trying },
            timers,
            invite,
            response: None,
            interval: Span::ZERO,
        }
    }

    /// The request came again.
    pub fn on_repetition(&mut self, acts: &mut Vec<Act>) {
        if matches!(self.state, State::Proceeding | State::Completed) {
            acts.extend(self.response.clone().map(Act::Send));
        }
    }

    /// An ACK under this transaction's key. In Accepted it is the user's (RFC 6026 section 7.1).
    pub fn on_ack(&mut self, ack: Message, habits: &Habits, now: Instant, acts: &mut Vec<Act>) {
        match self.state {
            State::Completed => {
                self.state = State::Confirmed;
                self.timers.stop_all();
                let wait = if self.is_reliable() { Span::ZERO } else { habits.times.t4() };
                self.timers.set(Timer::I, now + wait);
            }
            State::Accepted => acts.push(Act::Tell(TxEvent::Ack { ack: Box::new(ack) })),
            _ => {}
        }
    }

    /// The user answers.
    pub fn respond(
        &mut self,
        code: u16,
        response: Vec<u8>,
        habits: &Habits,
        now: Instant,
        acts: &mut Vec<Act>,
    ) {
        match (self.state, code) {
            (State::Trying | State::Proceeding, 100..=199) => self.state = State::Proceeding,
            (State::Trying | State::Proceeding, 200..=299) if self.invite => {
                self.state = State::Accepted;
                self.timers.set(Timer::L, now + habits.times.t1() * 64);
            }
            (State::Trying | State::Proceeding, _) => self.complete(habits, now),
            // The user repeats its 2xx.
            (State::Accepted, 200..=299) => {}
            _ => return,
        }
        self.timers.stop(Timer::Trying);
        self.response = Some(response.clone());
        acts.push(Act::Send(response));
    }

    pub fn on_timer(
        &mut self,
        timer: Timer,
        at: Instant,
        now: Instant,
        habits: &Habits,
        acts: &mut Vec<Act>,
    ) {
        self.timers.stop(timer);
        match timer {
            Timer::Trying => {
                let trying = MessageBuilder::response_to(&self.request, 100, "Trying", None).to_bytes();
                self.respond(100, trying, habits, now, acts);
            }
            Timer::G => {
                acts.extend(self.response.clone().map(Act::Send));
                self.interval = self.interval * 2;
                if !habits.defects.has(Defect::UncappedRefusal) {
                    self.interval = self.interval.min(habits.times.t2());
                }
                self.timers.set(Timer::G, at + self.interval);
            }
            _ => self.state = State::Terminated,
        }
    }

    fn complete(&mut self, habits: &Habits, now: Instant) {
        self.state = State::Completed;
        if !self.invite {
            let wait = if self.is_reliable() { Span::ZERO } else { habits.times.t1() * 64 };
            self.timers.set(Timer::J, now + wait);
            return;
        }
        let repeats = match self.is_reliable() {
            true => habits.defects.has(Defect::RepeatsRefusalOverTcp),
            false => !habits.defects.has(Defect::NoRefusalRepetition),
        };
        if repeats {
            self.interval = habits.times.t1();
            self.timers.set(Timer::G, now + self.interval);
        }
        self.timers.set(Timer::H, now + habits.times.t1() * 64);
    }

    fn is_reliable(&self) -> bool {
        self.flow.transport.is_reliable()
    }
}

fn marks(request: &Message) -> Option<[String; 3]> {
    let from = request.from()?;
    Some([from.tag()?.to_owned(), request.call_id()?.to_owned(), request.header("CSeq")?.to_owned()])
}

#[cfg(test)]
mod tests {
    use super::*;

    /// An INVITE whose user has not said anything yet.
    fn invited(now: Instant) -> Server {
        let request = MessageBuilder::request(&Method::Invite, "sip:b@192.0.2.2")
            .header("Via", "SIP/2.0/UDP 192.0.2.1;branch=z9hG4bK1")
            .header("From", "<sip:a@192.0.2.1>;tag=1")
            .header("To", "<sip:b@192.0.2.2>")
            .header("Call-ID", "c")
            .header("CSeq", "1 INVITE")
            .build();
        let local = std::net::SocketAddr::from(([192, 0, 2, 2], 5060));
        let flow = Flow {
            local,
            reply_to: std::net::SocketAddr::from(([192, 0, 2, 1], 5060)),
            stream: None,
            transport: sipfarm_core::machine::Transport::Udp,
        };
        Server::new(ServerId(1), Key::of(&request, &Method::Invite), request, flow, now)
    }

    fn sent(acts: &[Act]) -> Vec<Message> {
        let sent = |act: &Act| match act {
            Act::Send(octets) => Some(Message::parse(octets)),
            Act::Ack(_) | Act::Tell(_) => None,
        };
        acts.iter().filter_map(sent).collect()
    }

    #[test]
    fn a_user_that_takes_its_time_is_covered_by_100_after_200_ms() {
        let (now, habits, mut acts) = (Instant::EPOCH, Habits::default(), Vec::new());
        let mut server = invited(now);
        server.on_repetition(&mut acts);
        assert!(sent(&acts).is_empty(), "nothing to repeat yet");
        let at = now + Span::from_millis(200);
        assert_eq!(server.timers.next(), Some((at, Timer::Trying)));
        server.on_timer(Timer::Trying, at, at, &habits, &mut acts);
        server.on_repetition(&mut acts);
        let trying = sent(&acts);
        assert_eq!(trying.iter().map(Message::status).collect::<Vec<_>>(), [Some(100); 2]);
        assert_eq!(trying[0].to().and_then(|to| to.tag().map(str::to_owned)), None, "100 has no tag");
        assert_eq!(server.timers.next(), None);
    }

    #[test]
    fn a_user_that_answers_in_time_needs_none() {
        let (now, habits, mut acts) = (Instant::EPOCH, Habits::default(), Vec::new());
        let mut server = invited(now);
        let ringing = MessageBuilder::response_to(&server.request, 180, "Ringing", Some("t")).to_bytes();
        server.respond(180, ringing, &habits, now, &mut acts);
        assert_eq!(server.timers.next(), None);
    }

    #[test]
    fn the_cookie_alone_is_no_branch() {
        let server = invited(Instant::EPOCH);
        let with = |branch: &str, call_id: &str| {
            let via = format!("SIP/2.0/UDP 192.0.2.1;branch={branch}");
            server.request.rebuild().set("Via", via).set("Call-ID", call_id).build()
        };
        let key = |branch: &str, call_id: &str| Key::of(&with(branch, call_id), &Method::Invite);
        assert_eq!(key("z9hG4bK1", "c"), key("z9hG4bK1", "d"));
        assert_ne!(key("z9hG4bK", "c"), key("z9hG4bK", "d"));
    }
}
