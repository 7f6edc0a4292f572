//! A call: a session set up by INVITE (RFC 3261 sections 13 to 15), from either side.

mod answered;
mod precedence;
mod preservation;
mod reinvite;
mod session;
mod uac;
mod uas;

use std::net::SocketAddr;

use sipfarm_core::rtp::Talker;
use sipfarm_core::sdp::{Direction, Local, Session, Sink};
use sipfarm_core::sip::{Message, Method};
use sipfarm_core::{Instant, Span};

use self::answered::Answered;
use self::precedence::Precedence;
use self::preservation::Preserved;
use self::reinvite::Reinvite;
use self::session::SessionTimer;
use self::uac::Caller;
use self::uas::Callee;
use crate::core::Core;
use crate::defect::Defect;
use crate::dialog::Dialog;
use crate::phone::Report;
use crate::tx::{ClientId, Failure, ServerId, Target};

/// A call.
#[derive(Debug)]
pub struct Call {
    /// Its number among the phone's calls.
    pub id: u64,
    /// The line that it is on.
    pub line: usize,
    /// When it was made.
    pub created: Instant,
    /// Since when it has been doing what it does.
    pub since: Instant,
    /// It is a leg of the conference of its line.
    pub leg: Option<Leg>,
    /// On hold or off: what the user wants as soon as nothing else is being negotiated.
    wish: Option<bool>,
    precedence: Precedence,
    phase: Phase,
    side: Side,
    /// The confirmed dialog; on the callee's side also the early one.
    dialog: Option<Dialog>,
    media: Local,
    /// The direction that both sides have agreed on, as we see it.
    negotiated: Direction,
    /// The user has put it on hold.
    held: bool,
    /// Our last INVITE within the dialog.
    reinvite: Option<Reinvite>,
    session: SessionTimer,
    /// It lives on without its signalling.
    preserved: Option<Preserved>,
    /// Our last session description.
    said: String,
    /// What the user says.
    talker: Talker,
    /// A defect.
    answers_sendrecv: bool,
    /// A phone with that defect says nothing from then on.
    silent_at: Option<Instant>,
    /// A 2xx of ours that waits for its ACK.
    answered: Option<Answered>,
    /// The user has hung up; the network is yet to be told.
    hung_up: bool,
    bye: Option<ClientId>,
    bye_challenged: bool,
    forget_at: Option<Instant>,
}

/// What a call is to the conference that it is a leg of.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Leg {
    /// The user was in this call when the conference was made, and stays in it when that is taken apart.
    pub spoken: bool,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Phase {
    Setup,
    Up,
    Over,
}

#[derive(Debug)]
enum Side {
    Caller(Box<Caller>),
    Callee(Box<Callee>),
}

impl Call {
    fn new(side: Side, line: usize, core: &mut Core, now: Instant) -> Self {
        let address = core.audio.open();
        let media = Local::g711(address, core.ids.number().into());
        core.calls_made += 1;
        Call {
            id: core.calls_made,
            line,
            created: now,
            since: now,
            leg: None,
            wish: None,
            precedence: Precedence::default(),
            phase: Phase::Setup,
            side,
            dialog: None,
            media,
            negotiated: Direction::SendRecv,
            held: false,
            reinvite: None,
            session: SessionTimer::default(),
            preserved: None,
            said: String::new(),
            talker: Talker::new(core.ids.number(), core.ids.number()),
            answers_sendrecv: core.has(Defect::AnswersSendrecv),
            silent_at: None,
            answered: None,
            hung_up: false,
            bye: None,
            bye_challenged: false,
            forget_at: None,
        }
    }

    /// Whether it is the call that the user has: coming about or up.
    pub fn is_current(&self) -> bool {
        self.phase != Phase::Over && !self.hung_up
    }

    /// Whether it is a leg of that line's conference.
    pub fn is_leg_on(&self, line: usize) -> bool {
        self.leg.is_some() && self.line == line && self.is_current()
    }

    /// Its Call-ID.
    pub fn call_id(&self) -> Option<&str> {
        match (&self.dialog, &self.side) {
            (Some(dialog), _) => Some(&dialog.call_id),
            (None, Side::Caller(caller)) => Some(caller.call_id()),
            (None, Side::Callee(_)) => None,
        }
    }

    /// The port at which the phone hears it.
    pub fn port(&self) -> u16 {
        self.media.address.port()
    }

    /// Whether it is up, on hold or not.
    pub fn is_up(&self) -> bool {
        self.phase == Phase::Up && self.is_current()
    }

    /// Whether the user has put it on hold, or is about to.
    pub fn is_aside(&self) -> bool {
        self.wish.unwrap_or_else(|| self.reinvite.as_ref().and_then(Reinvite::wants).unwrap_or(self.held))
    }

    /// Whether nothing of it is on its way any more.
    pub fn is_forgotten(&self, now: Instant) -> bool {
        self.forget_at.is_some_and(|at| at <= now)
    }

    /// Whether that transaction is this call's.
    pub fn owns(&self, client: ClientId) -> bool {
        self.bye == Some(client)
            || self.session.owns(client)
            || self.reinvite.as_ref().is_some_and(|reinvite| reinvite.owns(client))
            || matches!(&self.side, Side::Caller(caller) if caller.owns(client))
    }

    /// Whether a request of the peer is within this call.
    pub fn has(&self, request: &Message) -> bool {
        self.dialog.as_ref().is_some_and(|dialog| dialog.has(request))
    }

    /// A response to a request of this call.
    pub fn on_response(&mut self, core: &mut Core, client: ClientId, response: Box<Message>, now: Instant) {
        if self.bye == Some(client) {
            self.on_bye_response(core, &response, now);
        } else if self.reinvite.as_ref().is_some_and(|reinvite| reinvite.owns(client)) {
            self.on_reinvite_response(core, &response, now);
        } else if self.session.owns(client) {
            self.on_update_response(core, &response, now);
        } else {
            self.on_invite_response(core, client, response, now);
        }
    }

    /// There will be no response to a request of this call.
    pub fn on_failure(&mut self, core: &mut Core, client: ClientId, failure: Failure, now: Instant) {
        if self.reinvite.as_ref().is_some_and(|reinvite| reinvite.owns(client)) {
            self.on_reinvite_failure(core, now);
        } else if self.session.owns(client) {
            self.on_update_failure(core, now);
        } else if self.bye != Some(client) {
            self.on_invite_failure(core, client, failure, now);
        }
    }

    /// The peer's ACK for a 2xx.
    pub fn on_ack(&mut self, core: &mut Core, ack: &Message, now: Instant) {
        let number = ack.cseq().map(|cseq| cseq.number);
        if self.answered.as_ref().is_none_or(|answered| Some(answered.cseq) != number) {
            return;
        }
        self.answered = None;
        if !ack.body.is_empty() {
            self.agree(core, &Session::parse(&ack.body), now);
        }
        if self.hung_up {
            self.send_bye(core, now);
        } else if let Side::Callee(callee) = &mut self.side
            && !std::mem::replace(&mut callee.established, true)
        {
            core.report(Report::CallEstablished);
        }
    }

    /// A request of the peer within the dialog.
    pub fn on_request(&mut self, core: &mut Core, server: ServerId, request: &Message, now: Instant) {
        let Some(dialog) = &mut self.dialog else { return };
        if !dialog.accept_cseq(request) {
            return core.respond(server, request, 500, None, now);
        }
        if matches!(request.method(), Some(Method::Invite | Method::Update)) {
            self.heed_level(core, request);
        }
        match request.method() {
            Some(Method::Bye) => self.on_bye(core, server, request, now),
            _ if self.phase == Phase::Over => core.respond(server, request, 481, None, now),
            Some(Method::Invite) => self.on_reinvite(core, server, request, now),
            Some(Method::Update) if core.has_session_timer() => self.on_update(core, server, request, now),
            Some(Method::Options) => core.respond(server, request, 200, None, now),
            Some(Method::Notify) => core.respond(server, request, 481, None, now),
            _ => core.respond(server, request, 405, None, now),
        }
    }

    /// The user ends the call.
    pub fn hang_up(&mut self, core: &mut Core, now: Instant) {
        match (self.phase, &self.side) {
            (Phase::Setup, Side::Callee(_)) => return self.reject(core, 486, now),
            (Phase::Setup, Side::Caller(_)) => self.cancel(core, now),
            // No BYE before the ACK or the end of waiting for it (section 15).
            (Phase::Up, Side::Callee(callee))
                if self.answered.is_some() && !callee.established && !core.has(Defect::ByeBeforeAck) =>
            {
                self.hung_up = true;
                self.fall_silent(core, now);
            }
            (Phase::Up, _) => self.send_bye(core, now),
            (Phase::Over, _) => return,
        }
        core.report(Report::CallEnded);
    }

    /// When to fire next.
    pub fn deadline(&self) -> Option<Instant> {
        let answered = self.answered.as_ref().map(|answered| answered.repeat_at.min(answered.give_up_at));
        let side = match &self.side {
            _ if self.phase != Phase::Setup => None,
            Side::Caller(caller) => caller.deadline(),
            Side::Callee(callee) => callee.deadline(),
        };
        let again = self.reinvite.as_ref().and_then(Reinvite::deadline);
        let session = self.session.deadline().into_iter();
        let session = session.chain(self.preserved.as_ref().and_then(Preserved::deadline));
        answered
            .into_iter()
            .chain(side)
            .chain(again)
            .chain(session)
            .chain(self.talker.due())
            .chain(self.forget_at)
            .chain(self.precedence.deadline())
            .min()
    }

    /// Says what is due to be said.
    pub fn talk(&mut self, core: &mut Core, now: Instant) {
        if self.silent_at.is_some_and(|at| at <= now) {
            self.talker.talk_to(None, now);
        }
        while let Some(packet) = self.talker.packet(now) {
            core.audio.say(self.media.address.port(), packet);
        }
    }

    /// Talks as an answered offer lets us: to that side, in the direction of our own description.
    fn agree(&mut self, core: &Core, theirs: &Session, now: Instant) {
        let Some(audio) = theirs.audio() else { return self.talker.talk_to(None, now) };
        self.negotiated = theirs.direction(audio).answer(self.media.direction);
        // Nobody is on the line while the user holds, and there is no music.
        let silent = self.held && !core.has(Defect::TalksWhileHolding);
        let wish = if silent { Direction::Inactive } else { self.media.direction };
        let sink = match core.has(Defect::TalksOnHold) {
            true => self.talker.sink().or(theirs.sink(wish)),
            false => theirs.sink(wish),
        };
        let sink = sink.filter(|_| !core.has(Defect::SaysNothing));
        let through = self.dialog.as_ref().map(|dialog| dialog.target().addr);
        self.talker.talk_to(sink.map(|sink| heard_by(core, sink, through)), now);
        self.silent_at = core.has(Defect::FallsSilent).then(|| now + Span::from_secs(1));
    }

    /// Nothing more is said in this call.
    fn fall_silent(&mut self, core: &mut Core, now: Instant) {
        if core.has(Defect::TalksAfterEnd) {
            return;
        }
        let name = format!("{}@{}", core.user(self.line), core.config.local.ip());
        let port = self.port();
        self.talker.goodbye(&name, now).into_iter().for_each(|packet| core.audio.say_control(port, packet));
    }

    /// Does what is due.
    pub fn fire(&mut self, core: &mut Core, now: Instant) {
        self.talk(core, now);
        self.fire_reinvite(core, now);
        self.fire_answered(core, now);
        self.fire_session(core, now);
        self.fire_preserved(core, now);
        self.fire_precedence(core, now);
        match self.side {
            _ if self.phase != Phase::Setup => {}
            Side::Caller(_) => self.fire_caller(core, now),
            Side::Callee(_) => self.fire_callee(core, now),
        }
    }

    /// The answer to an offer, or an offer of our own where there is none; `None` when nothing is
    /// in common.
    fn describe(&self, request: &Message) -> Option<Session> {
        if request.body.is_empty() {
            return Some(Session::offer(&self.media));
        }
        let mut answer = Session::parse(&request.body).answer(&self.media);
        if self.answers_sendrecv {
            answer.set_direction(Direction::SendRecv);
        }
        answer.audio().is_some().then_some(answer)
    }

    /// A description of ours as it is sent.
    fn say(&mut self, session: &Session) -> String {
        self.said = session.to_string();
        self.said.clone()
    }

    fn on_reinvite(&mut self, core: &mut Core, server: ServerId, request: &Message, now: Instant) {
        if self.phase != Phase::Up || self.answered.is_some() {
            return core.respond(server, request, 500, None, now);
        }
        if self.reinvite.as_ref().is_some_and(Reinvite::is_pending) {
            return core.respond(server, request, 491, None, now);
        }
        if Call::is_too_short(core, request) {
            return core.respond(server, request, 422, None, now);
        }
        self.media.version += 1;
        let Some(answer) = self.describe(request) else {
            return core.respond(server, request, 488, None, now);
        };
        if let Some(dialog) = &mut self.dialog {
            dialog.refresh_target(request);
        }
        self.agree(core, &Session::parse(&request.body), now);
        self.send_2xx(core, server, request, &answer, now);
    }

    fn on_bye(&mut self, core: &mut Core, server: ServerId, request: &Message, now: Instant) {
        if core.has(Defect::RingsForBye) {
            core.respond(server, request, 180, None, now);
        }
        core.respond(server, request, 200, None, now);
        if let (Phase::Setup, Side::Callee(_)) = (self.phase, &self.side) {
            return self.terminate_ringing(core, now);
        }
        self.answered = None;
        if self.is_current() {
            core.report(Report::CallEnded);
            self.note_preemption(core, request, now);
        }
        self.end(core, now);
    }

    /// Ends the call with BYE; without a word where that may not go to the call's server any more.
    fn send_bye(&mut self, core: &mut Core, now: Instant) {
        self.answered = None;
        if let Some(dialog) = &mut self.dialog
            && !core.has(Defect::NoBye)
            && core.may_signal_to(dialog.target().addr, now)
        {
            self.bye = Some(bye(core, dialog, self.precedence.reason(), now));
        }
        self.end(core, now);
    }

    /// A challenge is answered once; whatever else comes, the call is over (section 15.1.1).
    fn on_bye_response(&mut self, core: &mut Core, response: &Message, now: Instant) {
        let Some(dialog) = &self.dialog else { return };
        let challenged = matches!(response.status(), Some(401 | 407));
        if challenged && !self.bye_challenged && core.learn(dialog.target().addr, response) {
            self.bye_challenged = true;
            self.send_bye(core, now);
        }
    }

    fn end(&mut self, core: &mut Core, now: Instant) {
        self.phase = Phase::Over;
        self.session.stop();
        self.preserved = None;
        self.fall_silent(core, now);
        self.forget_at = Some(now + core.t1() * 64);
    }
}

/// Where the other side hears.
fn heard_by(core: &Core, mut sink: Sink, through: Option<SocketAddr>) -> Sink {
    if core.has(Defect::TalksToWrongPort) {
        sink.address.set_port(sink.address.port() + 2);
    }
    if let (true, Some(through)) = (core.has(Defect::TalksToServer), through) {
        sink.address.set_ip(through.ip());
    }
    sink
}

/// Sends a BYE in a dialog.
fn bye(core: &mut Core, dialog: &mut Dialog, reason: Option<&str>, now: Instant) -> ClientId {
    let request = dialog.request(&Method::Bye).header_opt("Reason", reason);
    let request = request.header("User-Agent", crate::core::USER_AGENT);
    let target: Target = dialog.target();
    core.send_direct(request, target, now)
}
