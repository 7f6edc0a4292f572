//! Exchanges: a request with its repetitions, what answered it and what acknowledged that.
//!
//! These are groups of packets, not state machines: what a phone made of them is for the rules to
//! weigh.

use std::net::SocketAddr;

use sipfarm_core::Instant;
use sipfarm_core::machine::Transport;
use sipfarm_core::sip::Method;

use super::names::Names;
use super::seen::{Seen, SeenRef};

/// A request of the phone: all sends with the same branch, method, Call-ID and CSeq number to the
/// same address over the same transport, and what came back.
#[derive(Debug, Clone)]
pub struct ClientExchange<'a> {
    /// The method.
    pub method: Method,
    /// The branch of its topmost Via.
    pub branch: String,
    /// Where it went.
    pub to: SocketAddr,
    /// The address of the phone.
    pub from: SocketAddr,
    /// Over which transport.
    pub transport: Transport,
    /// Its sends; the first is the request, the others are repetitions.
    pub sends: Vec<SeenRef<'a>>,
    /// The responses to it, in order of time.
    pub responses: Vec<SeenRef<'a>>,
    /// The ACKs to its final responses, in order of time. Only INVITE has any.
    pub acks: Vec<SeenRef<'a>>,
    /// Fatal ICMP errors that quote it, and RST or FIN on its stream before the final response.
    pub failures: Vec<Failure<'a>>,
}

/// A failure of the transport that the phone was told of.
#[derive(Debug, Clone)]
pub struct Failure<'a> {
    /// When, at the tap.
    pub at: Instant,
    /// The packets that told.
    pub packets: &'a [u32],
    /// What: `ICMP 3/3`, `RST`.
    pub what: String,
}

impl<'a> ClientExchange<'a> {
    /// The request as it was sent first.
    pub fn first(&self) -> &SeenRef<'a> {
        &self.sends[0]
    }

    /// When it was sent first.
    pub fn t0(&self) -> Instant {
        self.sends[0].at
    }

    /// Its last send.
    pub fn last(&self) -> &SeenRef<'a> {
        &self.sends[self.sends.len() - 1]
    }

    /// The number in its CSeq.
    pub fn cseq(&self) -> Option<u32> {
        self.first().cseq
    }

    /// Whether it is a request within a dialog: its To has a tag.
    pub fn in_dialog(&self) -> bool {
        self.first().to_tag.is_some()
    }

    /// The first response of status 200 to 699.
    pub fn final_response(&self) -> Option<&SeenRef<'a>> {
        self.responses.iter().find(|response| status(response) >= 200)
    }

    /// Every response of status 200 to 699, repetitions included.
    pub fn finals(&self) -> impl Iterator<Item = &SeenRef<'a>> {
        self.responses.iter().filter(|response| status(response) >= 200)
    }

    /// The first response of any status.
    pub fn response(&self) -> Option<&SeenRef<'a>> {
        self.responses.first()
    }

    /// The status code of the first final response.
    pub fn code(&self) -> Option<u16> {
        self.final_response().map(|response| status(response))
    }

    /// Whether the phone must have understood that response: it came from where the request went,
    /// with one Via (RFC 3261 section 8.1.3.3) and without a defect. What cannot be relied on
    /// neither stops a phone for certain nor leaves it running for certain.
    pub fn is_sound(&self, response: &Seen<'_>) -> bool {
        let from_there = match self.transport {
            Transport::Udp => response.src == self.to,
            Transport::Tcp | Transport::Tls => response.src.ip() == self.to.ip(),
        };
        from_there && response.message.defects.is_empty() && response.message.values("Via").len() == 1
    }

    /// What it is and where it goes: `INVITE to "primary"`.
    pub fn what(&self, names: &Names) -> String {
        format!("{} to {}", self.method, names.show(self.to, self.transport))
    }
}

/// A request to the phone, and what the phone answered.
#[derive(Debug, Clone)]
pub struct ServerExchange<'a> {
    /// The method.
    pub method: Method,
    /// The branch of its topmost Via.
    pub branch: String,
    /// Who sent it.
    pub from: SocketAddr,
    /// Over which transport.
    pub transport: Transport,
    /// The request and its repetitions.
    pub requests: Vec<SeenRef<'a>>,
    /// What the phone answered, repetitions included.
    pub responses: Vec<SeenRef<'a>>,
    /// The ACKs to the phone's final response to an INVITE.
    pub acks: Vec<SeenRef<'a>>,
}

impl<'a> ServerExchange<'a> {
    /// The request as it came first.
    pub fn first(&self) -> &SeenRef<'a> {
        &self.requests[0]
    }

    /// The phone's first response of status 200 to 699.
    pub fn final_response(&self) -> Option<&SeenRef<'a>> {
        self.responses.iter().find(|response| status(response) >= 200)
    }

    /// The sends of the phone's final response.
    pub fn finals(&self) -> Vec<&SeenRef<'a>> {
        self.responses.iter().filter(|response| status(response) >= 200).collect()
    }
}

/// Whether a refusal only asks for more, so that the same server is asked again: credentials (401, 407),
/// a longer session (422) or a longer binding (423). RFC 3261 sections 22.2, 10.2.8; RFC 4028 section 7.3.
pub fn asks_for_more(code: u16) -> bool {
    matches!(code, 401 | 407 | 422 | 423)
}

/// The status code of a response; 0 for a request.
pub fn status(seen: &Seen<'_>) -> u16 {
    seen.message.status().unwrap_or(0)
}

/// Groups the phone's traffic.
pub(super) fn group<'a>(
    messages: &[SeenRef<'a>],
    names: &Names,
) -> (Vec<ClientExchange<'a>>, Vec<ServerExchange<'a>>, Vec<SeenRef<'a>>) {
    let mut groups = Groups::default();
    for seen in messages {
        match (names.is_phone(seen.src), seen.message.status()) {
            (true, None) => groups.sent_request(seen),
            (true, Some(_)) => groups.sent_response(seen),
            (false, None) => groups.received_request(seen),
            (false, Some(_)) => groups.received_response(seen),
        }
    }
    (groups.client, groups.server, groups.stray_acks)
}

#[derive(Default)]
struct Groups<'a> {
    client: Vec<ClientExchange<'a>>,
    server: Vec<ServerExchange<'a>>,
    stray_acks: Vec<SeenRef<'a>>,
}

impl<'a> Groups<'a> {
    fn sent_request(&mut self, seen: &SeenRef<'a>) {
        let Some(method) = seen.method.clone() else { return };
        if method == Method::Ack {
            match self.acknowledged_by(seen) {
                Some(at) => self.client[at].acks.push(seen.clone()),
                None => self.stray_acks.push(seen.clone()),
            }
            return;
        }
        let known = self.client.iter_mut().rev().find(|exchange| {
            exchange.branch == seen.branch
                && exchange.method == method
                && exchange.to == seen.dst
                && exchange.transport == seen.transport
                && exchange.first().call_id == seen.call_id
                && exchange.cseq() == seen.cseq
        });
        match known {
            Some(exchange) => exchange.sends.push(seen.clone()),
            None => self.client.push(ClientExchange {
                method,
                branch: seen.branch.clone(),
                to: seen.dst,
                from: seen.src,
                transport: seen.transport,
                sends: vec![seen.clone()],
                responses: Vec::new(),
                acks: Vec::new(),
                failures: Vec::new(),
            }),
        }
    }

    /// Which INVITE an ACK of the phone is for: the one with its branch; else, of those with its
    /// Call-ID and CSeq number, the one whose final response gave it its To tag; else the one at
    /// the server that it goes to; else the last.
    fn acknowledged_by(&self, ack: &Seen<'a>) -> Option<usize> {
        let same: Vec<usize> = (0..self.client.len())
            .filter(|&at| {
                let exchange = &self.client[at];
                exchange.method == Method::Invite && exchange.first().call_id == ack.call_id
            })
            .collect();
        let numbered = || same.iter().copied().filter(|&at| self.client[at].cseq() == ack.cseq);
        let of_branch =
            same.iter().copied().find(|&at| !ack.branch.is_empty() && self.client[at].branch == ack.branch);
        let of_tag = || {
            numbered().rev().find(|&at| {
                ack.to_tag.is_some() && self.client[at].finals().any(|response| response.to_tag == ack.to_tag)
            })
        };
        let of_server =
            || numbered().rev().find(|&at| self.client[at].to == ack.dst && self.client[at].code().is_some());
        of_branch.or_else(of_tag).or_else(of_server).or_else(|| numbered().next_back())
    }

    fn received_response(&mut self, seen: &SeenRef<'a>) {
        let matches = |exchange: &&mut ClientExchange<'a>| {
            exchange.branch == seen.branch && Some(&exchange.method) == seen.method.as_ref()
        };
        // A branch that the phone used at two servers is a defect of its own; then the source decides.
        let from_there =
            self.client.iter_mut().rev().filter(matches).find(|exchange| exchange.to == seen.src);
        let exchange = match from_there {
            Some(exchange) => Some(exchange),
            None => self.client.iter_mut().rev().find(matches),
        };
        if let Some(exchange) = exchange {
            exchange.responses.push(seen.clone());
        }
    }

    fn received_request(&mut self, seen: &SeenRef<'a>) {
        let Some(method) = seen.method.clone() else { return };
        if method == Method::Ack {
            let acknowledged = self.server.iter_mut().rev().find(|exchange| {
                exchange.method == Method::Invite
                    && exchange.first().call_id == seen.call_id
                    && exchange.first().cseq == seen.cseq
            });
            if let Some(exchange) = acknowledged {
                exchange.acks.push(seen.clone());
            }
            return;
        }
        let known = self.server.iter_mut().rev().find(|exchange| {
            exchange.branch == seen.branch
                && exchange.method == method
                && exchange.from == seen.src
                && exchange.first().call_id == seen.call_id
                && exchange.first().cseq == seen.cseq
        });
        match known {
            Some(exchange) => exchange.requests.push(seen.clone()),
            None => self.server.push(ServerExchange {
                method,
                branch: seen.branch.clone(),
                from: seen.src,
                transport: seen.transport,
                requests: vec![seen.clone()],
                responses: Vec::new(),
                acks: Vec::new(),
            }),
        }
    }

    fn sent_response(&mut self, seen: &SeenRef<'a>) {
        let exchange = self.server.iter_mut().rev().find(|exchange| {
            exchange.branch == seen.branch
                && Some(&exchange.method) == seen.method.as_ref()
                && exchange.first().call_id == seen.call_id
        });
        if let Some(exchange) = exchange {
            exchange.responses.push(seen.clone());
        }
    }
}
