//! Between hickory's types and ours.

use hickory_proto::op::{Message, MessageType, OpCode, Query, ResponseCode as Code};
use hickory_proto::rr::rdata::{A, AAAA, CNAME, NAPTR, SRV};
use hickory_proto::rr::{Name, RData, Record as WireRecord, RecordType};

use super::{DnsMessage, Naptr, Question, Record, RecordData, RecordKind, ResponseCode, Srv, plain};

pub(super) fn decode(octets: &[u8]) -> Result<DnsMessage, String> {
    let message = Message::from_vec(octets).map_err(|e| e.to_string())?;
    Ok(DnsMessage {
        id: message.metadata.id,
        is_response: message.metadata.message_type == MessageType::Response,
        truncated: message.metadata.truncation,
        code: code(message.metadata.response_code),
        questions: message.queries.iter().map(question).collect(),
        answers: message.answers.iter().map(record).collect(),
        additional: message.additionals.iter().map(record).collect(),
    })
}

pub(super) fn encode(message: &DnsMessage) -> Result<Vec<u8>, String> {
    let direction = if message.is_response { MessageType::Response } else { MessageType::Query };
    let mut wire = Message::new(message.id, direction, OpCode::Query);
    wire.metadata.truncation = message.truncated;
    wire.metadata.recursion_desired = true;
    wire.metadata.recursion_available = message.is_response;
    wire.metadata.response_code = wire_code(message.code);
    for question in &message.questions {
        wire.add_query(Query::query(name(&question.name)?, wire_kind(question.kind)));
    }
    for record in &message.answers {
        wire.add_answer(wire_record(record)?);
    }
    for record in &message.additional {
        wire.add_additional(wire_record(record)?);
    }
    wire.to_vec().map_err(|e| e.to_string())
}

fn question(query: &Query) -> Question {
    Question { name: text(query.name()), kind: kind(query.query_type()) }
}

fn record(wire: &WireRecord) -> Record {
    let data = match &wire.data {
        RData::A(A(address)) => RecordData::A(*address),
        RData::AAAA(AAAA(address)) => RecordData::Aaaa(*address),
        RData::CNAME(CNAME(target)) => RecordData::Cname(text(target)),
        RData::NAPTR(naptr) => RecordData::Naptr(Naptr {
            order: naptr.order,
            preference: naptr.preference,
            flags: octets(&naptr.flags),
            service: octets(&naptr.services),
            regexp: octets(&naptr.regexp),
            replacement: text(&naptr.replacement),
        }),
        RData::SRV(srv) => RecordData::Srv(Srv {
            priority: srv.priority,
            weight: srv.weight,
            port: srv.port,
            target: text(&srv.target),
        }),
        other => RecordData::Other(other.record_type().into()),
    };
    Record { name: text(&wire.name), ttl_s: wire.ttl, data }
}

fn wire_record(record: &Record) -> Result<WireRecord, String> {
    let data = match &record.data {
        RecordData::A(address) => RData::A(A(*address)),
        RecordData::Aaaa(address) => RData::AAAA(AAAA(*address)),
        RecordData::Cname(target) => RData::CNAME(CNAME(name(target)?)),
        RecordData::Naptr(naptr) => {
            let text = |value: &str| match value.len() {
                ..=255 => Ok(value.as_bytes().to_vec().into_boxed_slice()),
                _ => Err(format!("a text of NAPTR has more than 255 octets: {value:.20}…")),
            };
            RData::NAPTR(NAPTR::new(
                naptr.order,
                naptr.preference,
                text(&naptr.flags)?,
                text(&naptr.service)?,
                text(&naptr.regexp)?,
                name(&naptr.replacement)?,
            ))
        }
        RecordData::Srv(srv) => RData::SRV(SRV::new(srv.priority, srv.weight, srv.port, name(&srv.target)?)),
        RecordData::Other(number) => return Err(format!("a record of type {number} cannot be written")),
    };
    Ok(WireRecord::from_rdata(name(&record.name)?, record.ttl_s, data))
}

/// An empty name is the root.
fn name(text: &str) -> Result<Name, String> {
    let mut name = Name::from_ascii(text).map_err(|e| format!("{text} is no domain name: {e}"))?;
    name.set_fqdn(true);
    Ok(name)
}

fn text(name: &Name) -> String {
    plain(&name.to_ascii())
}

fn octets(value: &[u8]) -> String {
    String::from_utf8_lossy(value).into_owned()
}

fn kind(wire: RecordType) -> RecordKind {
    match wire {
        RecordType::A => RecordKind::A,
        RecordType::AAAA => RecordKind::Aaaa,
        RecordType::CNAME => RecordKind::Cname,
        RecordType::NAPTR => RecordKind::Naptr,
        RecordType::SRV => RecordKind::Srv,
        other => RecordKind::Other(other.into()),
    }
}

fn wire_kind(kind: RecordKind) -> RecordType {
    match kind {
        RecordKind::A => RecordType::A,
        RecordKind::Aaaa => RecordType::AAAA,
        RecordKind::Cname => RecordType::CNAME,
        RecordKind::Naptr => RecordType::NAPTR,
        RecordKind::Srv => RecordType::SRV,
        RecordKind::Other(number) => RecordType::from(number),
    }
}

fn code(wire: Code) -> ResponseCode {
    match wire {
        Code::NoError => ResponseCode::NoError,
        Code::FormErr => ResponseCode::FormErr,
        Code::ServFail => ResponseCode::ServFail,
        Code::NXDomain => ResponseCode::NxDomain,
        Code::NotImp => ResponseCode::NotImp,
        Code::Refused => ResponseCode::Refused,
        other => ResponseCode::Other(other.into()),
    }
}

fn wire_code(code: ResponseCode) -> Code {
    match code {
        ResponseCode::NoError => Code::NoError,
        ResponseCode::FormErr => Code::FormErr,
        ResponseCode::ServFail => Code::ServFail,
        ResponseCode::NxDomain => Code::NXDomain,
        ResponseCode::NotImp => Code::NotImp,
        ResponseCode::Refused => Code::Refused,
        ResponseCode::Other(number) => Code::from((number >> 4) as u8, (number & 0xf) as u8),
    }
}
