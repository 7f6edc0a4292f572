//! What a phone and its servers asked each other in a capture: each request with its repetitions and what came of it.

use std::net::{IpAddr, SocketAddr};

use sipfarm_core::machine::Transport;
use sipfarm_core::sip::{Message, Method};
use sipfarm_core::{Instant, Span};
use sipfarm_judge::timeline::{EventKind, SipEvent};
use sipfarm_judge::{Event, Timeline};

/// How an exchange ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Outcome {
    /// With that status code.
    Final(u16),
    /// Nobody answered for good.
    Silence,
    /// An ICMP error said that nobody is there.
    Unreachable,
}

impl Outcome {
    /// Whether it is a 2xx.
    pub fn is_success(self) -> bool {
        matches!(self, Outcome::Final(200..=299))
    }
}

/// A request with what came of it; one that came again with credentials is the same.
#[derive(Debug, Clone)]
pub struct Exchange {
    /// The packet of the first send.
    pub packet: u32,
    /// When that was.
    pub at: Instant,
    /// When its last packet was seen.
    pub ends: Instant,
    /// Whether the phone asked, and not a server.
    pub by_phone: bool,
    /// The other side.
    pub server: SocketAddr,
    /// Under SIP.
    pub transport: Transport,
    /// The method.
    pub method: Method,
    /// Whether it belongs to a dialog.
    pub in_dialog: bool,
    /// Whether 180 or 183 came.
    pub rang: bool,
    /// Whether it takes a registration back.
    pub gives_up: bool,
    /// Whether credentials were asked for.
    pub challenged: bool,
    /// How long a registration lasts that it has brought.
    pub expires_s: Option<u32>,
    /// What the request had in its body.
    pub body: Vec<u8>,
    /// How it ended.
    pub outcome: Outcome,
    branch: Option<String>,
    call_id: String,
}

/// In order of time, those of the phone at these addresses; ACK and CANCEL belong to what they are about.
pub fn exchanges(timeline: &Timeline, phone: &[IpAddr]) -> Vec<Exchange> {
    let mut found: Vec<Exchange> = Vec::new();
    for event in timeline.events() {
        match &event.kind {
            EventKind::Sip(sip) => match (sip.message.method(), sip.message.status()) {
                (_, Some(code)) => answer(&mut found, event, sip, code),
                (Some(method), None) if !matches!(method, Method::Ack | Method::Cancel) => {
                    ask(&mut found, event, sip, method, phone);
                }
                _ => {}
            },
            EventKind::Icmp(icmp) => {
                let quoted = icmp.quoted.map(|(_, _, dst)| dst);
                let open = found.iter_mut().filter(|one| one.by_phone && one.outcome == Outcome::Silence);
                open.filter(|one| Some(one.server) == quoted)
                    .for_each(|one| one.outcome = Outcome::Unreachable);
            }
            _ => {}
        }
    }
    found.retain(|one| one.outcome != Outcome::Silence || timeline_goes_on(timeline, one));
    found
}

fn ask(found: &mut Vec<Exchange>, event: &Event, sip: &SipEvent, method: &Method, phone: &[IpAddr]) {
    let by_phone = phone.contains(&sip.src.ip());
    if by_phone == phone.contains(&sip.dst.ip()) {
        return;
    }
    let branch = sip.message.branch();
    let call_id = sip.message.call_id().unwrap_or_default().to_owned();
    if let Some(sent) = found.iter_mut().rfind(|one| one.branch == branch && one.method == *method) {
        sent.ends = event.at;
        return;
    }
    let in_dialog = sip.message.to().is_some_and(|to| to.tag().is_some());
    let server = if by_phone { sip.dst } else { sip.src };
    let challenged = found.iter_mut().rfind(|one| {
        one.call_id == call_id
            && one.method == *method
            && one.server == server
            && one.in_dialog == in_dialog
            && matches!(one.outcome, Outcome::Final(401 | 407))
    });
    if let Some(first) = challenged {
        (first.branch, first.challenged, first.outcome) = (branch, true, Outcome::Silence);
        first.ends = event.at;
        return;
    }
    found.push(Exchange {
        packet: event.packets.first().copied().unwrap_or_default(),
        at: event.at,
        ends: event.at,
        by_phone,
        server,
        transport: sip.transport,
        method: method.clone(),
        in_dialog,
        rang: false,
        gives_up: *method == Method::Register && expires(&sip.message) == Some(0),
        challenged: false,
        expires_s: None,
        body: sip.message.body.clone(),
        outcome: Outcome::Silence,
        branch,
        call_id,
    });
}

fn answer(found: &mut [Exchange], event: &Event, sip: &SipEvent, code: u16) {
    let branch = sip.message.branch();
    let method = sip.message.cseq().map(|cseq| cseq.method);
    let of_it = |one: &&mut Exchange| one.branch == branch && Some(&one.method) == method.as_ref();
    let Some(asked) = found.iter_mut().rfind(of_it) else { return };
    asked.ends = event.at;
    asked.rang |= matches!(code, 180 | 183);
    if code >= 200 && !matches!(asked.outcome, Outcome::Final(_)) {
        asked.outcome = Outcome::Final(code);
        asked.expires_s = expires(&sip.message);
    }
}

/// How long a registration is to last, or lasts.
fn expires(message: &Message) -> Option<u32> {
    let of_contact = message.contact().and_then(|contact| contact.params.value("expires")?.parse().ok());
    of_contact.or_else(|| message.number("Expires"))
}

/// Whether silence can be told from the end of the capture: something came long after it.
fn timeline_goes_on(timeline: &Timeline, one: &Exchange) -> bool {
    const LONG: Span = Span::from_secs(1);
    timeline.end().is_some_and(|end| end > one.at + LONG)
}
