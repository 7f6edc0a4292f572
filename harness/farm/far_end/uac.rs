//! What comes of the far end's own requests.

use sipfarm_core::Instant;
use sipfarm_core::sip::{Message, Method, NameAddr};

use super::dialog::{Call, State};
use super::{CallKey, FarEnd};
use crate::farm::stack::Key;

impl FarEnd {
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
            self.bye(key, None, now);
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
