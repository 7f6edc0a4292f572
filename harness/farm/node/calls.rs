//! The calls that run over a node's trunks. The audio of such a call runs between its two parties; what the
//! node holds of it is its leg, and that it ends with BYE when it does not preserve the call. A proxy cannot
//! do so (RFC 3261 section 16); here the node stands for a system that is a party to both legs.

use std::collections::BTreeMap;
use std::net::SocketAddr;

use sipfarm_core::Instant;
use sipfarm_core::sdp::Session;
use sipfarm_core::sip::{Message, MessageBuilder, Method, NameAddr, Uri, Via};

use super::Node;
use crate::farm::group::{Occurrence, Rings, TrunkEnd};
use crate::farm::stack::Path;

/// Calls on top of so many are not looked after.
const CALLS_MAX: usize = 256;

/// A node's trunks, and the calls over them by Call-ID.
#[derive(Debug)]
pub(super) struct Trunking {
    end: TrunkEnd,
    calls: BTreeMap<String, Call>,
}

/// One call, from its INVITE to its BYE.
#[derive(Debug)]
struct Call {
    /// The system at the other end of the trunk.
    peer: String,
    /// Who is reached over that trunk: the caller, or else the callee.
    caller_is_there: bool,
    hunt_group: bool,
    connected: bool,
    /// Whether it has been decided what becomes of it, since the other system is lost.
    decided: bool,
    /// When it has been preserved for as long as that lasts (AM-17, F-11).
    ends_at: Option<Instant>,
    caller: Party,
    callee: Party,
}

/// What a BYE to the other party needs to know of this one, and the other way round.
#[derive(Debug, Default)]
struct Party {
    /// From of its own requests, with its tag.
    name: String,
    /// Its Contact.
    target: Option<Uri>,
    /// The CSeq number of its last request.
    cseq: u32,
    /// Whether it has put the other on hold.
    holds: bool,
}

impl Party {
    fn hear(&mut self, message: &Message) {
        if let Some(contact) = message.contact().and_then(|contact| contact.sip_uri()) {
            self.target = Some(contact);
        }
        if !message.body.is_empty() {
            self.holds = Session::parse(&message.body).holds();
        }
    }
}

impl Call {
    /// Whether it is one that systems preserve at all: a connected, active call that is no hunt group's
    /// (AM-18, AM-19, AM-20).
    fn qualifies(&self) -> bool {
        self.connected && !self.hunt_group && !self.caller.holds && !self.callee.holds
    }

    /// The party on this side of the trunk, and the one behind it.
    fn sides(&mut self) -> (&mut Party, &mut Party) {
        if self.caller_is_there {
            (&mut self.callee, &mut self.caller)
        } else {
            (&mut self.caller, &mut self.callee)
        }
    }
}

impl Trunking {
    pub(super) fn new(end: TrunkEnd) -> Self {
        Trunking { end, calls: BTreeMap::new() }
    }

    pub(super) fn end(&self) -> &TrunkEnd {
        &self.end
    }

    pub(super) fn forget(&mut self) {
        self.calls.clear();
    }

    /// A request is sent on, from there to there.
    pub(super) fn requested(&mut self, request: &Message, from: SocketAddr, to: SocketAddr, now: Instant) {
        let Some(call_id) = request.call_id() else { return };
        let has_tag = request.to().is_some_and(|to| to.tag().is_some());
        if request.is_request(&Method::Invite) && !has_tag {
            return self.begins(call_id, request, [from, to], now);
        }
        let Some(call) = self.calls.get_mut(call_id) else { return };
        if request.is_request(&Method::Bye) {
            self.calls.remove(call_id);
            return;
        }
        let tag_of = |name: &str| NameAddr::parse(name).and_then(|name| name.tag().map(str::to_owned));
        let from_caller =
            request.from().and_then(|from| from.tag().map(str::to_owned)) == tag_of(&call.caller.name);
        let party = if from_caller { &mut call.caller } else { &mut call.callee };
        party.cseq = request.cseq().map_or(party.cseq, |cseq| cseq.number.max(party.cseq));
        if matches!(request.method(), Some(Method::Invite | Method::Update)) {
            party.hear(request);
        }
    }

    /// A response is sent back.
    pub(super) fn responded(&mut self, response: &Message) {
        let is_invite = response.cseq().is_some_and(|cseq| cseq.method == Method::Invite);
        let Some(call_id) = response.call_id().filter(|_| is_invite) else { return };
        let Some(call) = self.calls.get_mut(call_id).filter(|call| !call.connected) else { return };
        match response.status() {
            Some(200..300) => {
                call.connected = true;
                call.callee.name = response.header("To").unwrap_or_default().to_owned();
                call.callee.hear(response);
            }
            Some(300..) => _ = self.calls.remove(call_id),
            _ => {}
        }
    }

    fn begins(&mut self, call_id: &str, invite: &Message, [from, to]: [SocketAddr; 2], now: Instant) {
        let number = invite.request_uri().and_then(Uri::parse).and_then(|uri| uri.user);
        let hunt_group = number.is_some_and(|number| self.end.rings(&number).is_some());
        if hunt_group {
            self.end.note(Occurrence::HuntGroupCall, now);
        }
        let there = self.end.peer_at(from).map(|peer| (peer, true));
        let Some((peer, caller_is_there)) = there.or_else(|| Some((self.end.peer_at(to)?, false))) else {
            return;
        };
        if self.calls.len() >= CALLS_MAX {
            return;
        }
        let mut caller = Party {
            name: invite.header("From").unwrap_or_default().to_owned(),
            cseq: invite.cseq().map_or(0, |cseq| cseq.number),
            ..Party::default()
        };
        caller.hear(invite);
        let call = Call {
            peer: peer.to_owned(),
            caller_is_there,
            hunt_group,
            connected: false,
            decided: false,
            ends_at: None,
            caller,
            callee: Party::default(),
        };
        self.calls.insert(call_id.to_owned(), call);
    }

    /// Decides what becomes of the calls to systems that are lost, and takes out those that are not
    /// preserved.
    fn decide(&mut self, now: Instant) -> Vec<(String, Call)> {
        let mut released = Vec::new();
        for (call_id, call) in &mut self.calls {
            let is_lost = self.end.has_lost(&call.peer);
            if !is_lost || !call.connected || std::mem::replace(&mut call.decided, true) {
                if !is_lost {
                    (call.decided, call.ends_at) = (false, None);
                }
                continue;
            }
            let keeps = call.qualifies() && self.end.preserves(&call.peer);
            self.end.note(if keeps { Occurrence::CallPreserved } else { Occurrence::CallReleased }, now);
            if keeps {
                call.ends_at = self.end.keeps_for(&call.peer).map(|limit| now + limit);
            } else {
                released.push(call_id.clone());
            }
        }
        self.take(released)
    }

    /// When a preserved call has been so for long enough.
    pub(super) fn deadline(&self) -> Option<Instant> {
        self.calls.values().filter_map(|call| call.ends_at).min()
    }

    /// Takes out the calls that have been preserved for as long as that lasts.
    fn expire(&mut self, now: Instant) -> Vec<(String, Call)> {
        let due = self.calls.iter().filter(|(_, call)| call.ends_at.is_some_and(|at| at <= now));
        let due: Vec<String> = due.map(|(call_id, _)| call_id.clone()).collect();
        due.iter().for_each(|_| self.end.note(Occurrence::PreservationOver, now));
        self.take(due)
    }

    fn take(&mut self, calls: Vec<String>) -> Vec<(String, Call)> {
        calls.into_iter().filter_map(|call_id| self.calls.remove_entry(&call_id)).collect()
    }
}

impl Node {
    /// Takes its end of the farm's trunks.
    pub fn join_trunks(&mut self, end: TrunkEnd) {
        self.trunking = Some(Trunking::new(end));
    }

    /// Looks whether the systems behind its trunks are there, and ends its leg of each call that does not
    /// outlive the loss of one. A system that is out of sight itself does nothing.
    pub fn mind_trunks(&mut self, now: Instant) {
        let released = self.trunking.as_mut().map(|trunking| trunking.decide(now)).unwrap_or_default();
        for (call_id, call) in released {
            self.release(&call_id, call, now);
        }
        self.serve(now);
    }

    /// Ends its leg of each call that has been preserved for as long as that lasts (F-11).
    pub(super) fn end_preserved(&mut self, now: Instant) {
        let over = self.trunking.as_mut().map(|trunking| trunking.expire(now)).unwrap_or_default();
        for (call_id, call) in over {
            self.release(&call_id, call, now);
        }
    }

    /// Whom it rings for a number that is a hunt group's.
    pub(super) fn rings(&self, number: &str) -> Option<Rings> {
        self.trunking.as_ref()?.end().rings(number)
    }

    /// BYE to the party on this side, as if the other had sent it.
    fn release(&mut self, call_id: &str, mut call: Call, now: Instant) {
        let (here, there) = call.sides();
        let Some(target) = here.target.take() else { return };
        let Ok(path) = self.path_to(&target) else { return };
        let bye = self.bye(&target, path, call_id, (here, there));
        self.stack.request(bye, path, None, now);
    }

    fn bye(
        &mut self,
        target: &Uri,
        path: Path,
        call_id: &str,
        (here, there): (&mut Party, &mut Party),
    ) -> Message {
        let (addr, branch) = (path.transport.beside(self.stack.addr()), self.stack.token());
        MessageBuilder::request(&Method::Bye, &target.to_string())
            .header("Via", format!("SIP/2.0/{} {addr};branch={}{branch}", path.transport, Via::COOKIE))
            .header("Max-Forwards", 70)
            .header("From", &there.name)
            .header("To", &here.name)
            .header("Call-ID", call_id)
            .header("CSeq", format!("{} BYE", there.cseq + 1))
            .build()
    }
}
