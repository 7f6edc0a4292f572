//! Client transactions (RFC 3261 section 17.1, RFC 6026 section 7.2).

use sipfarm_core::sip::{Message, MessageBuilder, Method};
use sipfarm_core::{Instant, Span};

use super::timers::{Timer, Timers};
use super::{Act, ClientId, Failure, Habits, Patience, Target, TxEvent};
use crate::defect::Defect;

/// Where a client transaction stands. INVITE starts in `Calling`, other methods in `Trying`.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum State {
    Calling,
    Trying,
    Proceeding,
    Completed,
    Accepted,
    Terminated,
}

/// One client transaction.
#[derive(Debug)]
pub(super) struct Client {
    pub id: ClientId,
    pub request: Message,
    pub target: Target,
    pub state: State,
    pub timers: Timers,
    /// It is sent over TCP only because it is too long for a datagram to there.
    pub too_long_for: Option<Target>,
    branch: String,
    method: Method,
    patience: Patience,
    interval: Span,
    sends: u32,
    ack: Option<Vec<u8>>,
}

impl Client {
    pub fn new(id: ClientId, request: Message, target: Target, patience: Patience) -> Self {
        let method = request.method().cloned().unwrap_or_else(|| Method::Other(String::new()));
        let state = if method == Method::Invite { State::Calling } else { State::Trying };
        let branch = request.branch().unwrap_or_default();
        Client {
            id,
            request,
            target,
            state,
            timers: Timers::default(),
            too_long_for: None,
            branch,
            method,
            patience,
            interval: Span::ZERO,
            sends: 0,
            ack: None,
        }
    }

    /// Sends the request and starts A and B, or E and F.
    pub fn start(&mut self, habits: &Habits, now: Instant, acts: &mut Vec<Act>) {
        self.send(habits, acts);
        if !self.target.transport.is_reliable() || habits.defects.has(Defect::RetransmitsOverTcp) {
            self.interval = habits.first_interval();
            self.timers.set(self.repeat(), now + self.interval);
        }
        self.timers.set(self.give_up(), now + self.patience.timeout);
    }

    /// Sends the request to another place instead; the first one never got it.
    pub fn restart(
        &mut self,
        request: Message,
        target: Target,
        habits: &Habits,
        now: Instant,
        acts: &mut Vec<Act>,
    ) {
        self.request = request;
        self.target = target;
        self.start(habits, now, acts);
    }

    pub fn branch(&self) -> &str {
        &self.branch
    }

    /// Section 17.1.3: same branch, and the method in CSeq is the request's.
    pub fn matches(&self, branch: &str, method: &Method) -> bool {
        self.branch == branch && self.method == *method
    }

    /// Whether the server has not answered at all yet.
    pub fn unanswered(&self) -> bool {
        matches!(self.state, State::Calling | State::Trying)
    }

    pub fn on_timer(&mut self, timer: Timer, at: Instant, habits: &Habits, acts: &mut Vec<Act>) {
        self.timers.stop(timer);
        match timer {
            Timer::A | Timer::E if self.out_of_sends() => self.time_out(habits, acts),
            Timer::A | Timer::E if self.sends >= 3 && habits.defects.has(Defect::StopsRepeating) => {}
            Timer::A | Timer::E => {
                self.send(habits, acts);
                self.interval = self.next_interval(timer, habits);
                self.timers.set(timer, at + self.interval);
            }
            Timer::B | Timer::F => self.time_out(habits, acts),
            _ => self.state = State::Terminated,
        }
    }

    pub fn on_response(&mut self, response: Message, habits: &Habits, now: Instant, acts: &mut Vec<Act>) {
        let code = response.status().unwrap_or(0);
        match (self.state, code) {
            (State::Calling | State::Trying | State::Proceeding, 100..=199) => {
                self.state = State::Proceeding;
                if self.method == Method::Invite {
                    self.wait_for_the_far_end(habits);
                }
            }
            (State::Calling | State::Trying | State::Proceeding, 200..=699) => {
                self.timers.stop_all();
                self.finish(code, &response, habits, now, acts);
            }
            (State::Accepted, 200..=299) => {}
            (State::Completed, 300..=699) => {
                acts.extend(self.ack.clone().map(Act::Ack));
                return;
            }
            _ => return,
        }
        acts.push(Act::Tell(TxEvent::Response { client: self.id, response: Box::new(response) }));
    }

    /// The transport cannot deliver. Only while something of ours is on its way does it matter:
    /// an INVITE in Proceeding or Accepted sends nothing (figure 5 of RFC 6026).
    pub fn on_failure(&mut self, failure: Failure, acts: &mut Vec<Act>) {
        match self.state {
            State::Calling | State::Trying => self.fail(failure, acts),
            State::Proceeding if self.method != Method::Invite => self.fail(failure, acts),
            State::Completed if self.method == Method::Invite => self.state = State::Terminated,
            _ => {}
        }
    }

    fn finish(&mut self, code: u16, response: &Message, habits: &Habits, now: Instant, acts: &mut Vec<Act>) {
        let reliable = self.target.transport.is_reliable();
        self.state = State::Completed;
        if self.method != Method::Invite {
            let wait = if reliable { Span::ZERO } else { habits.times.t4() };
            self.timers.set(Timer::K, now + wait);
        } else if code < 300 {
            self.state = State::Accepted;
            self.timers.set(Timer::M, now + habits.times.t1() * 64);
        } else {
            self.ack = (!habits.defects.has(Defect::NoAck)).then(|| self.ack_for(response, habits));
            acts.extend(self.ack.clone().map(Act::Ack));
            if habits.defects.has(Defect::AcknowledgesOnce) {
                self.ack = None;
            }
            let wait = if reliable { Span::ZERO } else { Span::from_millis(habits.times.d_ms.into()) };
            self.timers.set(Timer::D, now + wait);
        }
    }

    /// The ACK for a final response other than 2xx (section 17.1.1.3).
    fn ack_for(&self, response: &Message, habits: &Habits) -> Vec<u8> {
        hop_by_hop(&self.request, &Method::Ack, response.header("To"), habits).to_bytes()
    }

    fn send(&mut self, habits: &Habits, acts: &mut Vec<Act>) {
        self.sends += 1;
        let again = |defect| self.sends > 1 && habits.defects.has(defect);
        acts.push(Act::Send(match () {
            () if again(Defect::RetransmissionDiffers) => {
                self.request.rebuild().header("Timestamp", self.sends).to_bytes()
            }
            () if again(Defect::LosesPrecedenceInRepetition) => {
                self.request.rebuild().remove("Resource-Priority").to_bytes()
            }
            () => self.request.raw.clone(),
        }));
    }

    /// The interval after the one that has run out.
    fn next_interval(&self, timer: Timer, habits: &Habits) -> Span {
        let t2 = habits.times.t2();
        let capped = match timer {
            Timer::A => habits.defects.has(Defect::CapsInviteAtT2),
            _ => !habits.defects.has(Defect::UncappedRegister),
        };
        match () {
            () if self.state == State::Proceeding && !habits.defects.has(Defect::IgnoresSlowdown) => t2,
            () if capped => (self.interval * 2).min(t2),
            () => self.interval * 2,
        }
    }

    /// After a provisional response to INVITE no timer runs (section 17.1.1.2).
    fn wait_for_the_far_end(&mut self, habits: &Habits) {
        if !habits.defects.has(Defect::RetransmitsAfterProvisional) {
            self.timers.stop(Timer::A);
        }
        if !habits.defects.has(Defect::FailsOverAfterTrying) {
            self.timers.stop(Timer::B);
        }
    }

    fn time_out(&mut self, habits: &Habits, acts: &mut Vec<Act>) {
        if habits.defects.has(Defect::OneSendTooMany) {
            self.send(habits, acts);
        }
        self.fail(Failure::Timeout, acts);
    }

    fn fail(&mut self, failure: Failure, acts: &mut Vec<Act>) {
        self.state = State::Terminated;
        acts.push(Act::Tell(TxEvent::Failed { client: self.id, failure }));
    }

    fn out_of_sends(&self) -> bool {
        self.unanswered() && self.patience.max_sends.is_some_and(|max| self.sends >= max)
    }

    fn repeat(&self) -> Timer {
        if self.method == Method::Invite { Timer::A } else { Timer::E }
    }

    fn give_up(&self) -> Timer {
        if self.method == Method::Invite { Timer::B } else { Timer::F }
    }
}

/// A request that follows an INVITE to the same server and no further: its ACK for non-2xx, or its
/// CANCEL (sections 17.1.1.3 and 9.1). One Via, the INVITE's topmost; its Route fields.
pub(super) fn hop_by_hop(
    invite: &Message,
    method: &Method,
    to: Option<&str>,
    habits: &Habits,
) -> MessageBuilder {
    let rebranched = match method {
        Method::Ack => Defect::AckNewBranch,
        _ => Defect::CancelNewBranch,
    };
    let via = invite.top_via().map(|mut via| {
        if habits.defects.has(rebranched) {
            let other = via.branch().map(|branch| format!("{branch}x"));
            via.params.set("branch", other.as_deref());
        }
        via
    });
    let number = invite.cseq().map_or(0, |cseq| cseq.number);
    let mut builder = MessageBuilder::request(method, invite.request_uri().unwrap_or_default())
        .header_opt("Via", via)
        .header("Max-Forwards", 70);
    for route in invite.fields("Route") {
        builder = builder.header("Route", &route.value);
    }
    builder
        .header_opt("From", invite.header("From"))
        .header_opt("To", to.or(invite.header("To")))
        .header_opt("Call-ID", invite.call_id())
        .header("CSeq", format!("{number} {method}"))
}

#[cfg(test)]
mod tests {
    use sipfarm_core::machine::Transport;

    use super::*;

    /// A transaction of that method that has just had that response.
    fn answered(method: Method, transport: Transport, code: u16) -> Client {
        let (now, habits, mut acts) = (Instant::EPOCH, Habits::default(), Vec::new());
        let request = MessageBuilder::request(&method, "sip:b@192.0.2.2")
            .header("Via", format!("SIP/2.0/{transport} 192.0.2.1;branch=z9hG4bK1"))
            .header("From", "<sip:a@192.0.2.1>;tag=1")
            .header("To", "<sip:b@192.0.2.2>")
            .header("Call-ID", "c")
            .header("CSeq", format!("1 {method}"))
            .build();
        let response = MessageBuilder::response_to(&request, code, "Reason", Some("t")).build();
        let target = Target { addr: std::net::SocketAddr::from(([192, 0, 2, 2], 5060)), transport };
        let patience = Patience { max_sends: None, timeout: habits.times.t1() * 64 };
        let mut client = Client::new(ClientId(1), request, target, patience);
        client.start(&habits, now, &mut acts);
        client.on_response(response, &habits, now, &mut acts);
        client
    }

    /// Table 4 of RFC 3261 and RFC 6026 section 7.2.
    #[test]
    fn what_runs_after_a_final_response() {
        for (method, transport, code, timer, after_s) in [
            (Method::Invite, Transport::Udp, 486, Timer::D, 32),
            (Method::Invite, Transport::Tcp, 486, Timer::D, 0),
            (Method::Invite, Transport::Udp, 200, Timer::M, 32),
            (Method::Invite, Transport::Tcp, 200, Timer::M, 32),
            (Method::Register, Transport::Udp, 200, Timer::K, 5),
            (Method::Register, Transport::Tcp, 200, Timer::K, 0),
        ] {
            let client = answered(method.clone(), transport, code);
            let expected = (Instant::EPOCH + Span::from_secs(after_s), timer);
            assert_eq!(client.timers.next(), Some(expected), "{method} {transport} {code}");
        }
    }
}
