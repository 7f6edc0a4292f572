//! The far end calls.

use std::net::SocketAddr;

use sipfarm_core::Instant;
use sipfarm_core::sdp::{Direction, Local, Session};
use sipfarm_core::sip::{Message, MessageBuilder, Method, NameAddr, Via};

use super::dialog::{Call, State};
use super::{CallKey, FarEnd, MEDIA_PORT};
use crate::farm::stack::{Key, Path};

impl FarEnd {
    /// Calls a user of its domain through a node, over UDP.
    pub fn call(&mut self, through: SocketAddr, user: &str, now: Instant) {
        let (tag, call_id, branch) = (self.stack.token(), self.stack.token(), self.stack.token());
        let (addr, domain) = (self.config.addr, &self.config.domain);
        let session_id = u64::from_str_radix(&call_id, 16).unwrap_or(1) >> 16;
        let offer = Session::offer(&Local::g711(SocketAddr::new(addr.ip(), MEDIA_PORT), session_id));
        let target = format!("sip:{user}@{domain}");
        let local = format!("<sip:{}@{domain}>;tag={tag}", self.config.user);
        let remote = format!("<{target}>");
        let invite = MessageBuilder::request(&Method::Invite, &target)
            .header("Via", format!("SIP/2.0/UDP {addr};branch={}{branch}", Via::COOKIE))
            .header("Max-Forwards", 70)
            .header("From", &local)
            .header("To", &remote)
            .header("Call-ID", &call_id)
            .header("CSeq", "1 INVITE")
            .header("Contact", self.contact());
        let said = offer.to_string().into_bytes();
        let invite = self.ask_for_timer(invite).body("application/sdp", said.clone()).build();
        let path = Path::udp(through);
        let Some(client) = self.stack.request(invite, path, None, now) else { return };
        let call = Call {
            call_id: call_id.clone(),
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
        };
        self.calls.insert((call_id, tag), call);
        self.serve(now);
    }

    /// Takes back every call of its own that is not answered yet: with CANCEL as soon as that may
    /// be sent, and with BYE if the answer was faster (RFC 3261 section 9.1).
    pub fn cancel(&mut self, now: Instant) {
        for call in self.calls.values_mut() {
            if let State::Calling { client } = &call.state {
                call.ends = true;
                self.stack.cancel(client, now);
            }
        }
        self.serve(now);
    }

    /// Holds every call that is established, or takes it off hold: with INVITE inside the dialog
    /// (RFC 3264 section 8.4).
    pub fn hold(&mut self, hold: bool, now: Instant) -> bool {
        let direction = if hold { Direction::SendOnly } else { Direction::SendRecv };
        let audio = SocketAddr::new(self.config.addr.ip(), MEDIA_PORT);
        let is_up = |call: &Call| matches!(call.state, State::Established { .. }) && call.reinvite.is_none();
        let up = self.calls.iter().filter(|(_, call)| is_up(call) && call.direction != direction);
        let keys: Vec<CallKey> = up.map(|(key, _)| key.clone()).collect();
        for key in &keys {
            let (branch, contact) = (self.stack.token(), self.contact());
            let Some(call) = self.calls.get_mut(key) else { continue };
            call.direction = direction;
            let offer = Session::offer(&call.description(audio));
            call.said = offer.to_string().into_bytes();
            let said = call.said.clone();
            let (invite, path) = call.request(&Method::Invite, self.config.addr, &branch);
            let invite = self.ask_for_timer(invite.rebuild().header("Contact", contact));
            let client = self.stack.request(invite.body("application/sdp", said).build(), path, None, now);
            if let Some(call) = self.calls.get_mut(key) {
                call.reinvite = client;
            }
        }
        self.serve(now);
        !keys.is_empty()
    }

    pub(super) fn responded(&mut self, client: &Key, response: &Message, now: Instant) {
        let Some(key) = self.call_from(response) else { return };
        let Some(call) = self.calls.get_mut(&key) else { return };
        match (&call.state, response.status()) {
            (State::Calling { client: ours }, Some(200..300)) if ours == client => {
                call.establish(response);
                self.heed_timer(&key, response, now);
                self.agree(&key, &response.body, now);
                self.acknowledge(&key, response, now);
            }
            (State::Calling { client: ours }, Some(300..)) if ours == client => {
                self.forget(&key, now);
            }
            (State::Established { .. }, Some(200..)) if call.reinvite.as_ref() == Some(client) => {
                call.reinvite = None;
                if response.status() < Some(300) {
                    call.retarget(response);
                    self.heed_timer(&key, response, now);
                    self.agree(&key, &response.body, now);
                    self.acknowledge(&key, response, now);
                }
            }
            // The 200 again: our ACK was lost (section 13.2.2.4).
            (State::Established { ack: Some(ack) }, Some(200..300)) if is_invite(response) => {
                let (ack, path) = (ack.clone(), call.next_hop());
                self.stack.send(ack, path, now);
            }
            _ => {}
        }
    }

    /// Our INVITE got no answer, or could not be sent.
    pub(super) fn unanswered(&mut self, client: &Key, now: Instant) {
        let calling = |call: &Call| matches!(&call.state, State::Calling { client: ours } if ours == client);
        if let Some(key) = self.calls.iter().find(|(_, call)| calling(call)).map(|(key, _)| key.clone()) {
            self.forget(&key, now);
        }
    }

    /// ACK for a 2xx, and BYE when the call was taken back meanwhile.
    fn acknowledge(&mut self, key: &CallKey, ok: &Message, now: Instant) {
        let (branch, number) = (self.stack.token(), ok.cseq().map_or(1, |cseq| cseq.number));
        let Some(call) = self.calls.get_mut(key) else { return };
        let (ack, path) = call.request_numbered(&Method::Ack, number, self.config.addr, &branch);
        call.state = State::Established { ack: Some(ack.clone()) };
        let ends = call.ends;
        self.stack.send(ack, path, now);
        if ends {
            self.bye(key, now);
        }
    }

    /// The call that a response of the other side belongs to.
    fn call_from(&self, response: &Message) -> Option<CallKey> {
        let tag = response.from().as_ref().and_then(NameAddr::tag)?.to_owned();
        let key = (response.call_id()?.to_owned(), tag);
        self.calls.contains_key(&key).then_some(key)
    }
}

fn is_invite(response: &Message) -> bool {
    response.cseq().is_some_and(|cseq| cseq.method == Method::Invite)
}
