//! One load for whatever server: so many requests, so many of them open at once, over one UDP socket.

use std::io;
use std::net::{SocketAddr, UdpSocket};
use std::time::{Duration, Instant};

use super::processor;

/// What is asked for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Kind {
    /// REGISTER, to be answered with 200.
    Register,
    /// INVITE, to be answered with 503, which is acknowledged.
    Invite,
}

/// How much.
#[derive(Debug, Clone, Copy)]
pub struct Load {
    pub kind: Kind,
    /// Where it comes from.
    pub from: SocketAddr,
    /// Where it goes.
    pub to: SocketAddr,
    /// Requests, at most.
    pub requests: usize,
    /// How many of them are open at once.
    pub open: usize,
    /// It ends after this time, even if nobody answers.
    pub at_most: Duration,
}

/// What came of it.
#[derive(Debug, Clone, Copy)]
pub struct Served {
    /// Requests that had the answer wanted, each counted once.
    pub answered: usize,
    /// How long that took.
    pub time: Duration,
    /// How long the load itself was busy with it, on its own processor.
    pub busy: Duration,
    /// Answers that were not the ones wanted, or came a second time.
    pub others: usize,
}

impl Served {
    /// Answers a second.
    pub fn rate(&self) -> f64 {
        self.answered as f64 / self.time.as_secs_f64().max(1e-9)
    }
}

impl Load {
    /// Sends it all. A datagram that is lost is sent no second time: its place stays taken.
    pub fn run(&self) -> io::Result<Served> {
        let socket = UdpSocket::bind(self.from)?;
        socket.connect(self.to)?;
        socket.set_read_timeout(Some(Duration::from_millis(200)))?;
        let requests: Vec<String> = (0..self.requests).map(|number| self.request(number)).collect();
        let mut requests = requests.iter();
        let mut is_answered = vec![false; self.requests];
        let mut answer = [0; 2_000];
        let mut served = Served { answered: 0, time: Duration::ZERO, busy: Duration::ZERO, others: 0 };
        let (start, busy_before) = (Instant::now(), processor::own_time());
        for request in requests.by_ref().take(self.open) {
            socket.send(request.as_bytes())?;
        }
        while served.answered < self.requests && start.elapsed() < self.at_most {
            let Ok(length) = socket.recv(&mut answer) else { break };
            let answer = std::str::from_utf8(&answer[..length]).unwrap_or_default();
            let place = call_number(answer).and_then(|number| is_answered.get_mut(number));
            let Some(place) = place.filter(|place| !**place && answer.starts_with(self.wanted())) else {
                served.others += 1;
                continue;
            };
            *place = true;
            served.answered += 1;
            served.time = start.elapsed();
            if self.kind == Kind::Invite
                && let Some(ack) = self.acknowledgement(answer)
            {
                socket.send(ack.as_bytes())?;
            }
            if let Some(request) = requests.next() {
                socket.send(request.as_bytes())?;
            }
        }
        served.busy = processor::own_time() - busy_before;
        Ok(served)
    }

    fn wanted(&self) -> &'static str {
        match self.kind {
            Kind::Register => "SIP/2.0 200",
            Kind::Invite => "SIP/2.0 503",
        }
    }

    fn request(&self, number: usize) -> String {
        match self.kind {
            Kind::Register => self.message("REGISTER", "lab.example", "<sip:1001@lab.example>", number),
            Kind::Invite => self.message("INVITE", "1002@lab.example", "<sip:1002@lab.example>", number),
        }
    }

    /// The ACK to a refusal: of its INVITE's transaction, with the tag of the answer (RFC 3261 section
    /// 17.1.1.3).
    fn acknowledgement(&self, answer: &str) -> Option<String> {
        let to = answer.lines().find_map(|line| line.strip_prefix("To: "))?;
        Some(self.message("ACK", "1002@lab.example", to, call_number(answer)?))
    }

    fn message(&self, method: &str, uri: &str, to: &str, number: usize) -> String {
        let from = self.from;
        format!(
            "{method} sip:{uri} SIP/2.0\r\nVia: SIP/2.0/UDP {from};branch=z9hG4bK{number};rport\r\n\
             Max-Forwards: 70\r\nFrom: <sip:1001@lab.example>;tag=load{number}\r\nTo: {to}\r\n\
             Call-ID: {number}@{from}\r\nCSeq: 1 {cseq}\r\nContact: <sip:1001@{from}>\r\nExpires: 600\r\n\
             Content-Length: 0\r\n\r\n",
            cseq = if method == "ACK" { "INVITE" } else { method },
        )
    }
}

/// The number of a request, or of what answers it.
pub fn call_number(message: &str) -> Option<usize> {
    let (_, call_id) = message.split_once("\r\nCall-ID: ")?;
    call_id.split('@').next()?.trim().parse().ok()
}
