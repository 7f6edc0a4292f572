//! What happened, row by row.

use std::borrow::Cow;
use std::fmt::Write as _;
use std::net::SocketAddr;

use sipfarm_core::dns::{DnsMessage, Record, RecordData};
use sipfarm_core::machine::IcmpKind;
use sipfarm_core::sip::{Message, StartLine};
use sipfarm_core::{Instant, Span};
use sipfarm_judge::Timeline;
use sipfarm_judge::mark::{Mark, Which};
use sipfarm_judge::timeline::{Event, EventKind, SipEvent, TcpStep, TlsStep};

use super::cast::Cast;
use super::{Band, Kind, Row, What};
use crate::report::text::{after, count, cut, seconds};

/// How much of a message is shown, in characters.
const MAX_TEXT: usize = 6_000;
/// How long a label is at most, in characters.
const MAX_LABEL: usize = 44;
/// How many stretches of audio are shown.
const MAX_STRETCHES: usize = 60;

/// A row, before it is decided whether it is shown.
#[derive(Debug)]
pub struct Found<'a> {
    /// The row; its text is still to come ([`tell`]).
    pub row: Row,
    /// What it is made from.
    event: Option<&'a Event>,
    /// What another row has in common with it when both carry the same message.
    pub same: Option<Same<'a>>,
}

/// Sender, receiver and octets of a message.
pub type Same<'a> = (SocketAddr, SocketAddr, Cow<'a, [u8]>);

/// All rows of a timeline in order of time.
pub fn of<'a>(timeline: &'a Timeline, start: Instant, cast: &mut Cast) -> Vec<Found<'a>> {
    let mut rows: Vec<Found> = timeline.events().iter().filter_map(|event| row(event, start, cast)).collect();
    rows.extend(audio(timeline, start, cast));
    rows.sort_by_key(|found| found.row.at);
    rows
}

/// Leaves out steps in whose time nothing is seen: only the last of several stays.
pub fn leave_out_idle_steps(rows: &mut Vec<Found>) {
    let is_step = |found: &Found| matches!(found.row.what, What::Step { .. });
    let idle: Vec<bool> =
        (0..rows.len()).map(|at| is_step(&rows[at]) && rows.get(at + 1).is_none_or(is_step)).collect();
    let mut idle = idle.into_iter();
    rows.retain(|_| !idle.next().unwrap_or(false));
}

/// Writes the whole text of a row that is shown.
pub fn tell(found: Found) -> Row {
    let Found { mut row, event, .. } = found;
    if let (What::Arrow { text, again, .. }, Some(event)) = (&mut row.what, event)
        && again.is_none_or(|(number, _)| number == 1)
    {
        *text = cut(&whole(event), MAX_TEXT);
    }
    row
}

fn row<'a>(event: &'a Event, start: Instant, cast: &mut Cast) -> Option<Found<'a>> {
    let mut same = None;
    let what = match &event.kind {
        EventKind::Sip(sip) => {
            same = Some((sip.src, sip.dst, Cow::from(sip.message.raw.as_slice())));
            let (kind, label) = sip_label(sip);
            arrow(cast.at(sip.src), cast.at(sip.dst), kind, &label)
        }
        EventKind::Dns(dns) => {
            let octets =
                format!("{} {} {:?}", dns.message.id, dns.message.is_response, dns.message.questions);
            same = Some((dns.src, dns.dst, Cow::from(octets.into_bytes())));
            arrow(cast.at(dns.src), cast.at(dns.dst), Kind::Dns, &dns.to_string())
        }
        EventKind::Icmp(icmp) => arrow(
            cast.host(icmp.src),
            cast.host(icmp.dst),
            Kind::Icmp,
            &format!("ICMP {}", icmp_name(icmp.kind)),
        ),
        EventKind::Tcp(tcp) => {
            let (name, octets): (_, &[u8]) = match tcp.what {
                TcpStep::Syn => ("TCP SYN", b"syn"),
                TcpStep::SynAck => ("TCP SYN, ACK", b"syn-ack"),
                TcpStep::Fin => ("TCP FIN", b"fin"),
                TcpStep::Rst => ("TCP RST", b"rst"),
            };
            same = Some((tcp.src, tcp.dst, Cow::from(octets)));
            arrow(cast.at(tcp.src), cast.at(tcp.dst), Kind::Tcp, name)
        }
        EventKind::Tls(tls) => {
            let name = match tls.what {
                TlsStep::ClientHello => "TLS ClientHello".to_owned(),
                TlsStep::Finished => "TLS Finished".to_owned(),
                TlsStep::Alert(number) => format!("TLS alert {number}"),
            };
            arrow(cast.at(tls.src), cast.at(tls.dst), Kind::Tls, &name)
        }
        EventKind::Goodbye(bye) => arrow(cast.at(bye.src), cast.at(bye.dst), Kind::Audio, "RTCP BYE"),
        EventKind::Mark(mark) => note(mark, Which::First, cast)?,
    };
    let row = Row { at: (event.at - start).max(Span::ZERO), packets: event.packets.clone(), what };
    Some(Found { row, event: Some(event), same })
}

fn arrow(from: usize, to: usize, kind: Kind, label: &str) -> What {
    What::Arrow { from, to, kind, label: cut(label, MAX_LABEL), text: String::new(), again: None }
}

/// What the harness notes, as far as a reader of packets wants to know it.
fn note(mark: &Mark, which: Which, cast: &Cast) -> Option<What> {
    let phone = cast.of_phone(which == Which::Second);
    let note = |column, text: String| Some(What::Note { column, text: cut(&text, 90), trouble: false });
    let trouble = |text: String| Some(What::Note { column: None, text: cut(&text, 160), trouble: true });
    match mark {
        Mark::OfSecondPhone { of } => note_of_second(of, cast),
        Mark::Step { line, .. } => Some(What::Step { line: *line }),
        Mark::Command { command, .. } => note(phone, command.to_string()),
        Mark::CommandFailed { command, reason } => trouble(format!("could not {command}: {reason}")),
        Mark::Noted { node, what } => note(cast.named(node), what.clone()),
        Mark::CallNamed { name, .. } => note(phone, format!("this is call \"{name}\"")),
        Mark::Link { delay, jitter, loss, duplicate, reorder } => {
            let part = |part: f64| format!("{} %", part * 100.0);
            let (delay, jitter) = (seconds(*delay), seconds(*jitter));
            let (loss, twice, late) = (part(*loss), part(*duplicate), part(*reorder));
            note(
                None,
                format!("link: delay {delay}, jitter {jitter}, lost {loss}, twice {twice}, overtaken {late}"),
            )
        }
        Mark::Observed { fact, by, .. } => note(phone, format!("{by} was asked: {fact}")),
        Mark::Trouble { what, .. } => trouble(what.clone()),
        Mark::Late { who, .. } => trouble(format!("{who} was served late")),
        Mark::Unmet { precondition } => trouble(format!("not so: {precondition}")),
        Mark::End => note(None, "end of the scenario".to_owned()),
        Mark::Scenario(_)
        | Mark::Cast(_)
        | Mark::SecondPhone { .. }
        | Mark::Fault { .. }
        | Mark::Expect(_) => None,
    }
}

fn note_of_second(mark: &Mark, cast: &Cast) -> Option<What> {
    match mark {
        Mark::OfSecondPhone { .. } => None,
        mark => note(mark, Which::Second, cast),
    }
}

fn sip_label(sip: &SipEvent) -> (Kind, String) {
    match &sip.message.start {
        StartLine::Request { method, .. } => (Kind::Request, method.to_string()),
        StartLine::Response { code, reason } => {
            let kind = if *code < 300 { Kind::Response } else { Kind::Refusal };
            (kind, format!("{code} {reason}{}", of_method(&sip.message)))
        }
        StartLine::Broken(line) => (Kind::Broken, format!("unreadable: {line}")),
    }
}

/// What a response answers.
fn of_method(message: &Message) -> String {
    message.cseq().map(|cseq| format!(" ({})", cseq.method)).unwrap_or_default()
}

fn icmp_name(kind: IcmpKind) -> String {
    let IcmpKind { v6, kind, code } = kind;
    let name = match (v6, kind, code) {
        (false, 3, 0) | (true, 1, 0) => "network unreachable",
        (false, 3, 1) | (true, 1, 3) => "host unreachable",
        (false, 3, 2) => "protocol unreachable",
        (false, 3, 3) | (true, 1, 4) => "port unreachable",
        (false, 4, _) => "source quench",
        (false, 11, _) | (true, 3, _) => "time exceeded",
        _ => return format!("type {kind} code {code}"),
    };
    name.to_owned()
}

/// An event in full, as a reader sees it who clicks on it.
fn whole(event: &Event) -> String {
    match &event.kind {
        EventKind::Sip(sip) => {
            let mut text = format!("{} {} → {}\n\n", sip.transport, sip.src, sip.dst);
            text += &String::from_utf8_lossy(&sip.message.raw).replace("\r\n", "\n");
            for defect in &sip.message.defects {
                let _ = write!(text, "\n[not as the grammar has it: {defect}]");
            }
            text
        }
        EventKind::Dns(dns) => {
            let mut text = format!("{} {} → {}\n\n{dns}\n", dns.transport, dns.src, dns.dst);
            records(&mut text, &dns.message);
            text
        }
        EventKind::Icmp(icmp) => {
            let mut text = format!("{} → {}\nICMP {}\n", icmp.src, icmp.dst, icmp_name(icmp.kind));
            if let Some((transport, src, dst)) = icmp.quoted {
                let _ = writeln!(text, "it is about {transport} {src} → {dst}");
            }
            text
        }
        EventKind::Tcp(tcp) => format!("TCP {} → {}", tcp.src, tcp.dst),
        EventKind::Tls(tls) => format!("TLS {} → {}", tls.src, tls.dst),
        EventKind::Goodbye(bye) => format!("RTCP BYE {} → {}", bye.src, bye.dst),
        EventKind::Mark(_) => String::new(),
    }
}

fn records(text: &mut String, message: &DnsMessage) {
    for (name, records) in [("answer", &message.answers), ("additional", &message.additional)] {
        for record in records {
            let _ = writeln!(text, "{name}: {}", record_line(record));
        }
    }
}

fn record_line(Record { name, ttl_s, data }: &Record) -> String {
    let data_text = match data {
        RecordData::A(addr) => addr.to_string(),
        RecordData::Aaaa(addr) => addr.to_string(),
        RecordData::Cname(name) => name.clone(),
        RecordData::Naptr(naptr) => format!(
            "{} {} \"{}\" \"{}\" {}",
            naptr.order, naptr.preference, naptr.flags, naptr.service, naptr.replacement
        ),
        RecordData::Srv(srv) => format!("{} {} {} {}", srv.priority, srv.weight, srv.port, srv.target),
        RecordData::Other(_) => "(not read)".to_owned(),
    };
    format!("{name} {ttl_s} s {} {data_text}", data.kind())
}

/// The beginnings of audio, each as one thick arrow.
fn audio<'a>(timeline: &'a Timeline, start: Instant, cast: &mut Cast) -> Vec<Found<'a>> {
    let mut rows = Vec::new();
    for stream in timeline.audio() {
        let stretches = stream.stretches.len();
        for (number, stretch) in stream.stretches.iter().enumerate().take(MAX_STRETCHES) {
            let (from, to) = (cast.at(stream.src), cast.at(stream.dst));
            let at = (stretch.from - start).max(Span::ZERO);
            let lasts = seconds(stretch.to - stretch.from);
            let again = if number > 0 { " again" } else { "" };
            let label = format!("RTP{again}, for {lasts}");
            let mut text = format!(
                "RTP {} → {}\nsource {:08x}, payload type {}, {} in all\n",
                stream.src,
                stream.dst,
                stream.ssrc,
                stream.payload_type,
                count(usize::try_from(stream.count).unwrap_or(usize::MAX), "packet"),
            );
            let _ = writeln!(text, "from {} to {}", after(at), after(stretch.to - start));
            if stretches > MAX_STRETCHES {
                let _ =
                    writeln!(text, "It pauses {} times; the first {MAX_STRETCHES} are shown.", stretches - 1);
            }
            let what = What::Arrow { from, to, kind: Kind::Audio, label, text, again: None };
            let row = Row { at, packets: stretch.packets.to_vec(), what };
            rows.push(Found { row, event: None, same: None });
        }
    }
    rows
}

/// The audio that each column receives, and when.
pub fn streams(timeline: &Timeline, start: Instant, cast: &mut Cast) -> Vec<Band> {
    let mut bands = Vec::new();
    for stream in timeline.audio() {
        let column = cast.at(stream.dst);
        for stretch in stream.stretches.iter().take(MAX_STRETCHES) {
            let (from, to) = (stretch.from - start, stretch.to - start);
            bands.push(Band { column, label: format!("audio from {}", stream.src), from, to });
        }
    }
    bands
}
