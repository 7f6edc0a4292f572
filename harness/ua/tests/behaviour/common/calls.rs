//! Several calls at once, told apart by their Call-IDs.

use super::*;

/// What far ends offer where nobody is to listen: a call without audio.
const QUIET: &str = "inactive";

impl Bench {
    /// A phone of that profile with one server, behind which everybody answers what the phone asks within calls.
    pub fn for_calls(profile: Profile) -> Bench {
        let mut bench = Bench::with_servers(profile, 1, Transport::Udp);
        bench.answer_within_calls();
        bench
    }

    pub fn answer_within_calls(&mut self) {
        self.script(0, |request| match request.method() {
            Some(Method::Ack) => vec![],
            Some(Method::Register) => vec![registered(request, 3600)],
            Some(Method::Invite) if request.to().is_some_and(|to| to.tag().is_some()) => {
                vec![answered(request)]
            }
            Some(Method::Invite) => vec![],
            _ => vec![reply(request, 200)],
        });
    }

    /// An INVITE to that user comes in, with these header fields.
    pub fn ring(&mut self, call: &str, user: &str, fields: &[(&'static str, &str)]) {
        self.ring_with(call, user, fields, QUIET);
    }

    /// The same with that direction in its offer.
    pub fn ring_with(&mut self, call: &str, user: &str, fields: &[(&'static str, &str)], direction: &str) {
        let invite = of_call("INVITE", call, user, 1);
        let invite = invite.body("application/sdp", SDP.replace("sendrecv", direction));
        let invite = fields.iter().fold(invite, |invite, (name, value)| invite.header(name, *value));
        self.deliver(0, &invite.header("Contact", "<sip:caller@192.0.2.10:5060>"));
    }

    /// The far end acknowledges that the phone has answered.
    pub fn acknowledge(&mut self, call: &str) {
        let ack = self.within_call("ACK", call, 1);
        self.deliver(0, &ack);
    }

    /// A request of the far end within a call that came in.
    pub fn within_call(&self, method: &str, call: &str, cseq: u32) -> MessageBuilder {
        let tagged = |sent: &&Sent| sent.message.to().is_some_and(|to| to.tag().is_some());
        let response =
            self.sent_for(call).into_iter().filter(tagged).find(|sent| sent.message.status().is_some());
        let to = response.unwrap().message.header("To").unwrap().to_owned();
        of_call(method, call, "1001", cseq).set("To", to)
    }

    /// A call that came in and was answered.
    pub fn answered_call(&mut self, call: &str, fields: &[(&'static str, &str)]) {
        self.ring(call, "1001", fields);
        self.tell(|phone, now| {
            phone.select(call).unwrap();
            phone.answer(now).unwrap();
        });
        self.acknowledge(call);
    }

    /// What the phone sent for a call.
    pub fn sent_for(&self, call: &str) -> Vec<&Sent> {
        self.sent.iter().filter(|sent| sent.message.call_id() == Some(call)).collect()
    }

    /// The methods and status codes of that, but for ACK.
    pub fn said_of(&self, call: &str) -> Vec<String> {
        let what = |sent: &&Sent| match sent.message.status() {
            Some(code) => code.to_string(),
            None => sent.message.method().unwrap().to_string(),
        };
        self.sent_for(call).iter().map(what).filter(|what| what != "ACK").collect()
    }

    /// The last message that the phone sent for a call.
    pub fn last_of(&self, call: &str) -> &Message {
        &self.sent_for(call).last().expect("something was sent for that call").message
    }

    /// The Call-ID of the phone's last INVITE outside a dialog.
    pub fn dialled(&self) -> String {
        let fresh = |sent: &&Sent| {
            sent.message.is_request(&Method::Invite) && sent.message.to().is_some_and(|to| to.tag().is_none())
        };
        self.sent.iter().rfind(fresh).unwrap().message.call_id().unwrap().to_owned()
    }
}

/// A 200 of the far end to an INVITE within a dialog.
fn answered(request: &Message) -> MessageBuilder {
    let offers = std::str::from_utf8(&request.body).unwrap();
    let holds = offers.contains("sendonly") || offers.contains("inactive");
    MessageBuilder::response_to(request, 200, "OK", None)
        .header("Contact", "<sip:caller@192.0.2.10:5060>")
        .body("application/sdp", SDP.replace("sendrecv", if holds { "recvonly" } else { "sendrecv" }))
}

fn of_call(method: &str, call: &str, user: &str, cseq: u32) -> MessageBuilder {
    MessageBuilder::request(&Method::from(method), &format!("sip:{user}@192.0.2.100:5060"))
        .header("Via", format!("SIP/2.0/UDP 192.0.2.10:5060;branch=z9hG4bK{call}{method}{cseq}"))
        .header("Max-Forwards", 70)
        .header("From", format!("<sip:caller@example.org>;tag={call}"))
        .header("To", format!("<sip:{user}@example.org>"))
        .header("Call-ID", call)
        .header("CSeq", format!("{cseq} {method}"))
}
