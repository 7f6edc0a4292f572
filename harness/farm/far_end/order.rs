//! The far end calls: what is ordered of it, and what it does with one call or with all of them.

use std::net::SocketAddr;

use sipfarm_core::Instant;
use sipfarm_core::sdp::{Direction, Local, Session};
use sipfarm_core::sip::{MessageBuilder, Method, RESOURCE_PRIORITY, Via};

use super::dialog::{Call, State, prioritised};
use super::{CallKey, FarEnd};
use crate::farm::stack::Path;

/// A call that the far end is to make, over UDP.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct CallOrder {
    /// The node through which it calls.
    pub through: SocketAddr,
    /// Whom it calls, a user of its domain.
    pub user: String,
    /// Who calls; its own user where nobody is named.
    pub caller: Option<String>,
    /// Resource-Priority, word for word, one header field for each (RFC 4412 section 3.1).
    pub resource_priority: Vec<String>,
    /// Whether it requires that to be understood (section 4.3).
    pub require: bool,
    /// Alert-Info, word for word (RFC 3261 section 20.4).
    pub alert_info: Option<String>,
}

impl CallOrder {
    /// A call to that user through that node, without anything more.
    pub fn to(user: &str, through: SocketAddr) -> CallOrder {
        CallOrder {
            through,
            user: user.to_owned(),
            caller: None,
            resource_priority: Vec::new(),
            require: false,
            alert_info: None,
        }
    }
}

impl FarEnd {
    /// Makes a call; its Call-ID, or `None` when it has too many requests under way already.
    pub fn call(&mut self, order: &CallOrder, now: Instant) -> Option<String> {
        let (tag, call_id, branch) = (self.stack.token(), self.stack.token(), self.stack.token());
        let (addr, domain) = (self.config.addr, &self.config.domain);
        let caller = order.caller.as_ref().unwrap_or(&self.config.user);
        let contact = self.contact(caller);
        let target = format!("sip:{}@{domain}", order.user);
        let local = format!("<sip:{caller}@{domain}>;tag={tag}");
        let remote = format!("<{target}>");
        let invite = MessageBuilder::request(&Method::Invite, &target)
            .header("Via", format!("SIP/2.0/UDP {addr};branch={}{branch}", Via::COOKIE))
            .header("Max-Forwards", 70)
            .header("From", &local)
            .header("To", &remote)
            .header("Call-ID", &call_id)
            .header("CSeq", "1 INVITE")
            .header("Contact", &contact);
        let invite = prioritised(invite, &order.resource_priority)
            .header_opt("Require", order.require.then_some(RESOURCE_PRIORITY))
            .header_opt("Alert-Info", order.alert_info.as_ref());
        let session_id = u64::from_str_radix(&call_id, 16).unwrap_or(1) >> 16;
        let media_port = self.take_port();
        let offer = Session::offer(&Local::g711(SocketAddr::new(addr.ip(), media_port), session_id));
        let said = offer.to_string().into_bytes();
        let invite = self.ask_for_timer(invite).body("application/sdp", said.clone()).build();
        let path = Path::udp(order.through);
        let Some(client) = self.stack.request(invite, path, None, now) else {
            self.ports.give_back(media_port);
            return None;
        };
        let call = Call {
            call_id: call_id.clone(),
            contact,
            media_port,
            precedence: order.resource_priority.clone(),
            local,
            remote,
            target,
            routes: Vec::new(),
            cseq: 1,
            first_hop: path,
            state: State::Calling { client },
            session_id,
            versions: 1,
            direction: Direction::SendRecv,
            said,
            reinvite: None,
            talker: self.talker(),
            ends: false,
            ignores_bye: false,
        };
        self.calls.insert((call_id.clone(), tag), call);
        self.serve(now);
        Some(call_id)
    }

    /// Takes back every call of its own that is not answered yet: with CANCEL as soon as that may
    /// be sent, and with BYE if the answer was faster (RFC 3261 section 9.1).
    pub fn cancel(&mut self, now: Instant) {
        let keys: Vec<CallKey> = self.calls.keys().cloned().collect();
        keys.iter().for_each(|key| _ = self.take_back(key, now));
        self.serve(now);
    }

    /// Ends one call, answered or not: with BYE, which says that reason, or with CANCEL. False when there is no
    /// such call, or it is for the other side to end it.
    pub fn hang_up_call(&mut self, call_id: &str, reason: Option<&str>, now: Instant) -> bool {
        let Some(key) = self.key_of(call_id) else { return false };
        let ended = self.end(&key, reason, now) || self.take_back(&key, now);
        self.serve(now);
        ended
    }

    /// Holds every call that is established, or takes it off hold: with INVITE inside the dialog
    /// (RFC 3264 section 8.4).
    pub fn hold(&mut self, hold: bool, now: Instant) -> bool {
        let keys: Vec<CallKey> = self.calls.keys().cloned().collect();
        let held = keys.iter().filter(|key| self.direct(key, hold, now)).count();
        self.serve(now);
        held > 0
    }

    /// The same with one call. False when it is not established, or is so already.
    pub fn hold_call(&mut self, call_id: &str, hold: bool, now: Instant) -> bool {
        let held = self.key_of(call_id).is_some_and(|key| self.direct(&key, hold, now));
        self.serve(now);
        held
    }

    /// Gives a call another level with an INVITE inside the dialog, word for word as in [`CallOrder`] (PA-05).
    /// False when it is not established.
    pub fn change_level(&mut self, call_id: &str, resource_priority: Vec<String>, now: Instant) -> bool {
        let Some(key) = self.key_of(call_id).filter(|key| self.is_at_rest(key)) else { return false };
        if let Some(call) = self.calls.get_mut(&key) {
            call.precedence = resource_priority;
        }
        self.refresh(&key, now);
        self.serve(now);
        true
    }

    /// Never answers a BYE of that call. False when there is no such call.
    pub fn ignore_bye(&mut self, call_id: &str) -> bool {
        let key = self.key_of(call_id);
        let call = key.and_then(|key| self.calls.get_mut(&key));
        call.map(|call| call.ignores_bye = true).is_some()
    }

    /// CANCEL for a call of its own that is not answered; false for any other.
    fn take_back(&mut self, key: &CallKey, now: Instant) -> bool {
        let Some(call) = self.calls.get_mut(key) else { return false };
        let State::Calling { client } = &call.state else { return false };
        call.ends = true;
        self.stack.cancel(client, now);
        true
    }

    /// Offers the direction of a call that is on hold, or is not.
    fn direct(&mut self, key: &CallKey, hold: bool, now: Instant) -> bool {
        let direction = if hold { Direction::SendOnly } else { Direction::SendRecv };
        let addr = self.config.addr;
        let at_rest = self.is_at_rest(key);
        let Some(call) = self.calls.get_mut(key).filter(|call| at_rest && call.direction != direction) else {
            return false;
        };
        call.direction = direction;
        call.said = Session::offer(&call.description(call.audio(addr))).to_string().into_bytes();
        self.refresh(key, now);
        true
    }

    /// Whether an INVITE of ours inside the dialog can be sent.
    fn is_at_rest(&self, key: &CallKey) -> bool {
        let is_up = |call: &Call| matches!(call.state, State::Established { .. }) && call.reinvite.is_none();
        self.calls.get(key).is_some_and(is_up)
    }

    fn key_of(&self, call_id: &str) -> Option<CallKey> {
        self.calls.keys().find(|(id, _)| id == call_id).cloned()
    }
}
