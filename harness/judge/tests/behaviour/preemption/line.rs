//! A line of a phone, and what happens on it, in few words.

use std::net::SocketAddr;

use sipfarm_core::sip::Message;
use sipfarm_judge::mark::Mark;
use sipfarm_judge::{Expectation, Finding, Verdict};

use crate::common::{PHONE, Story};

pub const REASON: &str = "Reason: preemption;cause=1;text=\"UA Preemption\"\r\n";

/// A phone with one line, whose calls all come from one server.
pub struct Line {
    pub story: Story,
    pub cseq: u32,
}

/// Calls of a line when another comes at second 100: name, level, state, and since when.
pub type Situation<'s> = &'s [(&'s str, &'s str, &'s str, f64)];

impl Line {
    pub fn with(appearances: u8) -> Line {
        let mut story = Story::new();
        story.profile.lines.appearances = appearances;
        story.profile.mlpp.enabled = true;
        story.profile.mlpp.namespace = Some("dsn".to_owned());
        let levels = ["routine", "priority", "immediate", "flash", "flash-override"];
        story.profile.mlpp.levels = levels.map(str::to_owned).to_vec();
        Line { story, cseq: 100 }
    }

    pub fn holding(situation: Situation<'_>) -> Line {
        let mut line = Line::with(situation.len() as u8);
        line.occupy(situation);
        line
    }

    pub fn occupy(&mut self, situation: Situation<'_>) {
        for (name, level, state, since) in situation {
            let came = if *state == "alerting" { *since } else { since - 1.0 };
            self.invite(came, name, level);
            self.answers(came + 0.1, name, 180, "");
            if *state != "alerting" {
                let up = if *state == "held" { since - 0.5 } else { *since };
                self.answers(up, name, 200, "");
                self.server_says(up + 0.01, name, "ACK", 1, "", "");
            }
            if *state == "held" {
                self.holds(*since, name);
            }
        }
    }

    pub fn send(&mut self, at: f64, from_phone: bool, text: String) {
        let (phone, server): (SocketAddr, SocketAddr) = (PHONE.parse().unwrap(), self.story.addr("primary"));
        let (src, dst) = if from_phone { (phone, server) } else { (server, phone) };
        let message = Message::parse(text.as_bytes());
        assert!(message.defects.is_empty(), "{:?}\n{text}", message.defects);
        self.story.push_sip(at, src, dst, message);
    }

    /// An INVITE to line 1001 of that level; none where that is empty.
    pub fn invite(&mut self, at: f64, name: &str, level: &str) {
        let level = match level {
            "" => String::new(),
            raw if raw.contains('.') => format!("Resource-Priority: {raw}\r\n"),
            level => format!("Resource-Priority: dsn.{level}\r\n"),
        };
        self.invite_with(at, name, &level);
    }

    pub fn invite_with(&mut self, at: f64, name: &str, fields: &str) {
        let id = self.story.stranger_id(name);
        self.story.at(at).mark(Mark::CallNamed { name: name.to_owned(), call_id: id });
        self.server_says(at, name, "INVITE", 1, fields, &sdp("sendrecv", 40_000));
    }

    pub fn server_says(&mut self, at: f64, name: &str, method: &str, cseq: u32, fields: &str, body: &str) {
        let to_tag = if method == "INVITE" && cseq == 1 { String::new() } else { format!(";tag=p{name}") };
        let kind = if body.is_empty() { "" } else { "Content-Type: application/sdp\r\n" };
        let branch =
            if method == "CANCEL" { format!("INVITE1{name}") } else { format!("{method}{cseq}{name}") };
        let text = format!(
            "{method} sip:1001@10.0.0.5 SIP/2.0\r\nVia: SIP/2.0/UDP 10.0.1.1:5060;branch=z9hG4bK{branch}\r\n\
             Max-Forwards: 70\r\nFrom: <sip:1002@example.com>;tag=f{name}\r\nTo: <sip:1001@example.com>{to_tag}\r\n\
             Call-ID: call-{name}\r\nCSeq: {cseq} {method}\r\nContact: <sip:1002@10.0.1.1>\r\n{fields}{kind}\
             Content-Length: {}\r\n\r\n{body}",
            body.len()
        );
        self.send(at, false, text);
    }

    /// The phone's response to the call's INVITE.
    pub fn answers(&mut self, at: f64, name: &str, code: u16, fields: &str) {
        let body = if code == 200 { sdp("sendrecv", 4_000) } else { String::new() };
        let kind = if body.is_empty() { "" } else { "Content-Type: application/sdp\r\n" };
        let text = format!(
            "SIP/2.0 {code} Because\r\nVia: SIP/2.0/UDP 10.0.1.1:5060;branch=z9hG4bKINVITE1{name}\r\n\
             From: <sip:1002@example.com>;tag=f{name}\r\nTo: <sip:1001@example.com>;tag=p{name}\r\n\
             Call-ID: call-{name}\r\nCSeq: 1 INVITE\r\nContact: <sip:1001@10.0.0.5>\r\n{fields}{kind}\
             Content-Length: {}\r\n\r\n{body}",
            body.len()
        );
        self.send(at, true, text);
    }

    /// A request of the phone within the call's dialog.
    pub fn asks(&mut self, at: f64, name: &str, method: &str, fields: &str, body: &str) -> u32 {
        self.cseq += 1;
        let cseq = self.cseq;
        let kind = if body.is_empty() { "" } else { "Content-Type: application/sdp\r\n" };
        let text = format!(
            "{method} sip:1002@10.0.1.1 SIP/2.0\r\nVia: SIP/2.0/UDP 10.0.0.5:5060;branch=z9hG4bKp{cseq}\r\n\
             Max-Forwards: 70\r\nFrom: <sip:1001@example.com>;tag=p{name}\r\nTo: <sip:1002@example.com>;tag=f{name}\r\n\
             Call-ID: call-{name}\r\nCSeq: {cseq} {method}\r\nContact: <sip:1001@10.0.0.5>\r\n{fields}{kind}\
             Content-Length: {}\r\n\r\n{body}",
            body.len()
        );
        self.send(at, true, text);
        cseq
    }

    /// The phone's INVITE of the call `out`, with these fields.
    pub fn dials(&mut self, at: f64, branch: &str, cseq: u32, fields: &str) {
        let body = sdp("sendrecv", 4_000);
        let text = format!(
            "INVITE sip:1002@example.com SIP/2.0\r\nVia: SIP/2.0/UDP 10.0.0.5:5060;branch={branch}\r\n\
             Max-Forwards: 70\r\nFrom: <sip:1001@example.com>;tag=pout\r\nTo: <sip:1002@example.com>\r\n\
             Call-ID: call-out\r\nCSeq: {cseq} INVITE\r\nContact: <sip:1001@10.0.0.5>\r\n{fields}\
             Content-Type: application/sdp\r\nContent-Length: {}\r\n\r\n{body}",
            body.len()
        );
        self.send(at, true, text);
    }

    /// 200 to the second of those.
    pub fn is_answered(&mut self, at: f64, fields: &str) {
        let body = sdp("sendrecv", 40_000);
        let text = format!(
            "SIP/2.0 200 OK\r\nVia: SIP/2.0/UDP 10.0.0.5:5060;branch=z9hG4bKd2\r\n\
             From: <sip:1001@example.com>;tag=pout\r\nTo: <sip:1002@example.com>;tag=fout\r\n\
             Call-ID: call-out\r\nCSeq: 2 INVITE\r\nContact: <sip:1002@10.0.1.1>\r\n{fields}\
             Content-Type: application/sdp\r\nContent-Length: {}\r\n\r\n{body}",
            body.len()
        );
        self.send(at, false, text);
    }

    /// The phone puts the call on hold.
    pub fn holds(&mut self, at: f64, name: &str) {
        let cseq = self.asks(at - 0.01, name, "INVITE", "", &sdp("sendonly", 4_000));
        let body = sdp("recvonly", 40_000);
        let text = format!(
            "SIP/2.0 200 OK\r\nVia: SIP/2.0/UDP 10.0.0.5:5060;branch=z9hG4bKp{cseq}\r\n\
             From: <sip:1001@example.com>;tag=p{name}\r\nTo: <sip:1002@example.com>;tag=f{name}\r\n\
             Call-ID: call-{name}\r\nCSeq: {cseq} INVITE\r\nContact: <sip:1002@10.0.1.1>\r\n\
             Content-Type: application/sdp\r\nContent-Length: {}\r\n\r\n{body}",
            body.len()
        );
        self.send(at, false, text);
    }

    /// The phone tears a call down with BYE that says why.
    pub fn falls(&mut self, at: f64, name: &str) {
        self.asks(at, name, "BYE", REASON, "");
    }

    pub fn verdict(&self, rule: &str) -> Verdict {
        self.story.verdict(rule, 140.0)
    }

    /// The verdicts of the rules about preemption, worst first of each: occasion, victim, teardown.
    pub fn verdicts(&self) -> [Verdict; 3] {
        ["preemption-occasion", "preemption-victim", "preemption-teardown"].map(|rule| self.verdict(rule))
    }

    pub fn expect(&mut self, expectation: Expectation) -> Finding {
        let expected = self.story.expect(99.5, expectation);
        self.story.check(&expected, 140.0)
    }
}

impl Story {
    pub fn stranger_id(&self, name: &str) -> String {
        format!("call-{name}")
    }
}

pub fn sdp(direction: &str, port: u16) -> String {
    format!(
        "v=0\r\no=- 1 1 IN IP4 10.0.0.1\r\ns=-\r\nc=IN IP4 10.0.0.1\r\nt=0 0\r\nm=audio {port} RTP/AVP 0\r\na={direction}\r\n"
    )
}

/// Of a line that is full of that, whether it is right that the named ones fall for a flash call.
pub fn is_right(situation: Situation<'_>, fallen: &[&str]) -> bool {
    let mut line = Line::holding(situation);
    line.invite(100.0, "x", "flash");
    line.answers(100.05, "x", 180, "");
    for (place, name) in fallen.iter().enumerate() {
        let at = 100.1 + place as f64 / 100.0;
        let state = situation.iter().find(|(known, ..)| known == name).map(|(_, _, state, _)| *state);
        match state {
            Some("alerting") => line.answers(at, name, 486, REASON),
            _ => line.falls(at, name),
        }
    }
    let [occasion, victim, teardown] = line.verdicts();
    assert_ne!(teardown, Verdict::Fail);
    occasion == Verdict::Pass && victim == Verdict::Pass
}
