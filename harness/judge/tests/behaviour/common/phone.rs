//! Who says what in a story.

use std::collections::BTreeMap;
use std::net::SocketAddr;

use sipfarm_core::sip::{Message, MessageBuilder, Method};

use super::{Moment, PHONE, Story};

/// What the parties of a story remember.
#[derive(Default, Clone)]
pub struct Dialled {
    /// Distinguishes calls; [`Phone::new_call`] moves it on.
    pub call: u32,
    branches: u32,
    register_cseq: u32,
    dialog_cseq: u32,
    /// The phone's last request by method and node.
    pub requests: BTreeMap<(String, String), Message>,
    /// The last response to the phone by node.
    responses: BTreeMap<String, Message>,
    /// The other side's tag of the current call.
    pub remote_tag: Option<String>,
    /// The other side's Contact of the current call.
    remote_target: Option<String>,
    /// The last request to the phone, and where it came from.
    asked: Option<(SocketAddr, Message)>,
    /// The phone's last response.
    answered: Option<Message>,
}

impl Dialled {
    /// Whether that node has answered anything.
    pub fn was_answered(&self, node: &str) -> bool {
        self.responses.contains_key(node)
    }

    /// Whether an INVITE to that node has got a final response last.
    pub fn can_ack(&self, node: &str) -> bool {
        self.requests.contains_key(&("INVITE".to_owned(), node.to_owned())) && self.was_answered(node)
    }

    /// Whether the phone was asked anything.
    pub fn was_asked(&self) -> bool {
        self.asked.is_some()
    }
}

pub struct Phone<'s>(Moment<'s>);

pub struct NodeAt<'s>(Moment<'s>, String);

impl<'s> Moment<'s> {
    pub fn phone(self) -> Phone<'s> {
        Phone(self)
    }

    pub fn node(self, name: &str) -> NodeAt<'s> {
        NodeAt(self, name.to_owned())
    }
}

impl Phone<'_> {
    /// What comes next belongs to another call.
    pub fn new_call(self) -> Self {
        let memory = &mut self.0.story.memory;
        memory.call += 1;
        memory.remote_tag = None;
        memory.remote_target = None;
        memory.dialog_cseq = 0;
        self
    }

    /// A new request, as the phone would make it.
    pub fn sends(self, method: &str, node: &str) {
        self.sends_with(method, node, |builder| builder);
    }

    /// A new request with changes.
    pub fn sends_with(self, method: &str, node: &str, change: impl FnOnce(MessageBuilder) -> MessageBuilder) {
        let Phone(Moment { story, at }) = self;
        let message = change(story.request(method, node)).build();
        story.memory.requests.insert((method.to_owned(), node.to_owned()), message.clone());
        story.send_to(at, node, message);
    }

    /// The last request of that method to that node once more, octet for octet.
    pub fn repeats(self, method: &str, node: &str) {
        self.repeats_with(method, node, |builder| builder);
    }

    pub fn repeats_with(
        self,
        method: &str,
        node: &str,
        change: impl FnOnce(MessageBuilder) -> MessageBuilder,
    ) {
        let Phone(Moment { story, at }) = self;
        let message = change(story.memory.requests[&(method.to_owned(), node.to_owned())].rebuild()).build();
        story.send_to(at, node, message);
    }

    /// The ACK to the last final response of that node.
    pub fn acks(self, node: &str) {
        self.acks_with(node, node, |builder| builder);
    }

    /// An ACK to the last final response of `of`, sent to `node`, with changes.
    pub fn acks_with(self, of: &str, node: &str, change: impl FnOnce(MessageBuilder) -> MessageBuilder) {
        let Phone(Moment { story, at }) = self;
        let message = change(story.ack(of)).build();
        story.send_to(at, node, message);
    }

    /// The CANCEL of the last INVITE to that node.
    pub fn cancels(self, node: &str) {
        self.cancels_with("INVITE", node, node, |builder| builder);
    }

    pub fn cancels_with(
        self,
        method: &str,
        of: &str,
        node: &str,
        change: impl FnOnce(MessageBuilder) -> MessageBuilder,
    ) {
        let Phone(Moment { story, at }) = self;
        let request = &story.memory.requests[&(method.to_owned(), of.to_owned())];
        let cseq = request.cseq().unwrap().number;
        let builder = MessageBuilder::request(&Method::Cancel, request.request_uri().unwrap())
            .header("Via", request.header("Via").unwrap())
            .header("Max-Forwards", 70)
            .header("From", request.header("From").unwrap())
            .header("To", request.header("To").unwrap())
            .header("Call-ID", request.header("Call-ID").unwrap())
            .header("CSeq", format!("{cseq} CANCEL"));
        let message = change(builder).build();
        story.memory.requests.insert(("CANCEL".to_owned(), node.to_owned()), message.clone());
        story.send_to(at, node, message);
    }

    /// Answers the last request to the phone.
    pub fn answers(self, code: u16) {
        self.answers_with(code, |builder| builder);
    }

    pub fn answers_with(self, code: u16, change: impl FnOnce(MessageBuilder) -> MessageBuilder) {
        let Phone(Moment { story, at }) = self;
        let (from, request) = story.memory.asked.clone().expect("somebody asked");
        let tag = (code > 100).then_some("phone-tag");
        let message = change(
            MessageBuilder::response_to(&request, code, "Because", tag)
                .header("Contact", format!("<sip:1001@{PHONE}>")),
        );
        let message = message.build();
        story.memory.answered = Some(message.clone());
        story.push_sip(at, PHONE.parse().unwrap(), from, message);
    }

    /// The last response once more.
    pub fn repeats_answer(self) {
        let Phone(Moment { story, at }) = self;
        let (from, _) = story.memory.asked.clone().expect("somebody asked");
        let message = story.memory.answered.clone().expect("an answer");
        story.push_sip(at, PHONE.parse().unwrap(), from, message);
    }
}

impl NodeAt<'_> {
    /// Answers the phone's last INVITE or REGISTER to this node, whichever came last.
    pub fn answers(self, method: &str, code: u16) {
        self.answers_with(method, code, |builder| builder);
    }

    pub fn answers_with(
        self,
        method: &str,
        code: u16,
        change: impl FnOnce(MessageBuilder) -> MessageBuilder,
    ) {
        let NodeAt(Moment { story, at }, name) = self;
        let request = story.memory.requests[&(method.to_owned(), name.clone())].clone();
        let tag = format!("{name}-tag");
        let addr = story.addr(&name);
        let mut builder =
            MessageBuilder::response_to(&request, code, "Because", (code > 100).then_some(tag.as_str()));
        if method == "INVITE" && (101..300).contains(&code) {
            let target = format!("sip:1002@{addr}");
            builder = builder.header("Contact", format!("<{target}>"));
            story.memory.remote_tag = Some(tag);
            story.memory.remote_target = Some(target);
        }
        if method == "REGISTER" && (200..300).contains(&code) {
            builder = builder.header_opt("Contact", request.header("Contact"));
            builder = builder.header_opt("Expires", request.header("Expires"));
        }
        let message = change(builder).build();
        story.memory.responses.insert(name, message.clone());
        story.push_sip(at, addr, PHONE.parse().unwrap(), message);
    }

    /// Answers in a datagram that ends before its body does.
    pub fn answers_cut(self, method: &str, code: u16, change: impl FnOnce(MessageBuilder) -> MessageBuilder) {
        let NodeAt(Moment { story, at }, name) = self;
        let request = &story.memory.requests[&(method.to_owned(), name.clone())];
        let tag = format!("{name}-tag");
        let builder = MessageBuilder::response_to(request, code, "Because", Some(tag.as_str()));
        let octets = change(builder).body("text/plain", "the end is missing").to_bytes();
        let message = Message::parse(&octets[..octets.len() - 4]);
        story.memory.responses.insert(name.clone(), message.clone());
        let addr = story.addr(&name);
        story.push_sip(at, addr, PHONE.parse().unwrap(), message);
    }

    /// The last response once more.
    pub fn repeats_answer(self) {
        let NodeAt(Moment { story, at }, name) = self;
        let message = story.memory.responses[&name].clone();
        let addr = story.addr(&name);
        story.push_sip(at, addr, PHONE.parse().unwrap(), message);
    }

    /// A new request to the phone.
    pub fn sends(self, method: &str) {
        self.sends_with(method, |builder| builder);
    }

    pub fn sends_with(self, method: &str, change: impl FnOnce(MessageBuilder) -> MessageBuilder) {
        let NodeAt(Moment { story, at }, name) = self;
        let addr = story.addr(&name);
        story.memory.branches += 1;
        let builder = MessageBuilder::request(&Method::from(method), &format!("sip:1001@{PHONE}"))
            .header(
                "Via",
                format!("SIP/2.0/{} {addr};branch=z9hG4bKnode{}", story.transport, story.memory.branches),
            )
            .header("Max-Forwards", 70)
            .header("From", format!("<sip:1002@{addr}>;tag=caller"))
            .header("To", "<sip:1001@example.com>")
            .header("Call-ID", format!("in-{}", story.memory.call))
            .header("CSeq", format!("1 {method}"))
            .header("Contact", format!("<sip:1002@{addr}>"));
        let message = change(builder).build();
        story.memory.asked = Some((addr, message.clone()));
        story.push_sip(at, addr, PHONE.parse().unwrap(), message);
    }

    /// The last request to the phone once more.
    pub fn repeats(self) {
        let NodeAt(Moment { story, at }, _) = self;
        let (addr, message) = story.memory.asked.clone().expect("a request");
        story.push_sip(at, addr, PHONE.parse().unwrap(), message);
    }

    /// Acknowledges the phone's answer.
    pub fn acks(self) {
        let NodeAt(Moment { story, at }, _) = self;
        let (addr, request) = story.memory.asked.clone().expect("an INVITE of this node");
        let answer = story.memory.answered.clone().expect("an answer");
        let message = request.rebuild().set("CSeq", "1 ACK").set("To", answer.header("To").unwrap()).build();
        let raw = String::from_utf8(message.raw).unwrap().replacen("INVITE ", "ACK ", 1);
        story.push_sip(at, addr, PHONE.parse().unwrap(), Message::parse(raw.as_bytes()));
    }
}

impl Story {
    /// A request of the phone as it should be.
    fn request(&mut self, method: &str, node: &str) -> MessageBuilder {
        let memory = &mut self.memory;
        memory.branches += 1;
        let (branch, call) = (memory.branches, memory.call);
        let (call_id, cseq) = match method {
            "REGISTER" => {
                memory.register_cseq += 1;
                ("reg".to_owned(), memory.register_cseq)
            }
            "INVITE" if memory.remote_tag.is_none() => (format!("call-{call}"), 1),
            _ => {
                memory.dialog_cseq = memory.dialog_cseq.max(1) + 1;
                (format!("call-{call}"), memory.dialog_cseq)
            }
        };
        let register = method == "REGISTER";
        let user = if register { "1001" } else { "1002" };
        let tag = self.memory.remote_tag.as_ref().filter(|_| !register);
        let tag = tag.map_or(String::new(), |tag| format!(";tag={tag}"));
        let target = self.memory.remote_target.as_deref().filter(|_| !tag.is_empty());
        let uri = if register { "sip:example.com" } else { target.unwrap_or("sip:1002@example.com") };
        let builder = MessageBuilder::request(&Method::from(method), uri)
            .header("Via", format!("SIP/2.0/{} {PHONE};branch=z9hG4bK{branch}", self.transport))
            .header("Max-Forwards", 70)
            .header("From", format!("<sip:1001@example.com>;tag=from-{call_id}"))
            .header("To", format!("<sip:{user}@example.com>{tag}"))
            .header("Call-ID", call_id)
            .header("CSeq", format!("{cseq} {method}"));
        let _ = node;
        match method {
            "REGISTER" => builder.header("Contact", format!("<sip:1001@{PHONE}>")).header("Expires", 3600),
            "INVITE" => builder
                .header("Contact", format!("<sip:1001@{PHONE}>"))
                .body("application/sdp", "v=0\r\no=- 1 1 IN IP4 10.0.0.5\r\ns=-\r\n"),
            _ => builder,
        }
    }

    /// An ACK as it should be: within the transaction for a refusal, a request of its own for 2xx.
    fn ack(&mut self, node: &str) -> MessageBuilder {
        let invite = self.memory.requests[&("INVITE".to_owned(), node.to_owned())].clone();
        let response = self.memory.responses[node].clone();
        let accepted = response.status().unwrap() < 300;
        let via = if accepted {
            self.memory.branches += 1;
            format!("SIP/2.0/{} {PHONE};branch=z9hG4bK{}", self.transport, self.memory.branches)
        } else {
            invite.header("Via").unwrap().to_owned()
        };
        let uri = response.contact().map(|contact| contact.uri).filter(|_| accepted);
        MessageBuilder::request(&Method::Ack, uri.as_deref().unwrap_or(invite.request_uri().unwrap()))
            .header("Via", via)
            .header("Max-Forwards", 70)
            .header("From", invite.header("From").unwrap())
            .header("To", response.header("To").unwrap())
            .header("Call-ID", invite.header("Call-ID").unwrap())
            .header("CSeq", format!("{} ACK", invite.cseq().unwrap().number))
    }

    fn send_to(&mut self, at: f64, node: &str, message: Message) {
        let addr = self.addr(node);
        self.push_sip(at, PHONE.parse().unwrap(), addr, message);
    }
}
