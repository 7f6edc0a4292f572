#![allow(clippy::unwrap_used)]

use proptest::prelude::*;

use super::*;

/// A query for the SRV records of `_sip._udp.example.com`, written out by RFC 1035 section 4.1.
const SRV_QUERY: &[u8] = b"\x12\x34\x01\x00\x00\x01\x00\x00\x00\x00\x00\x00\
    \x04_sip\x04_udp\x07example\x03com\x00\x00\x21\x00\x01";

/// Its answer: priority 10, weight 60, port 5060, `a.example.com`, the name compressed.
const SRV_ANSWER: &[u8] = b"\x12\x34\x81\x80\x00\x01\x00\x01\x00\x00\x00\x00\
    \x04_sip\x04_udp\x07example\x03com\x00\x00\x21\x00\x01\
    \xc0\x0c\x00\x21\x00\x01\x00\x00\x00\x3c\x00\x15\
    \x00\x0a\x00\x3c\x13\xc4\x01a\x07example\x03com\x00";

fn srv(target: &str) -> Record {
    let data = RecordData::Srv(Srv { priority: 10, weight: 60, port: 5060, target: target.to_owned() });
    Record { name: "_sip._udp.example.com".to_owned(), ttl_s: 60, data }
}

#[test]
fn a_query_has_the_octets_of_rfc1035() {
    let query = DnsMessage::query(0x1234, "_SIP._udp.example.com.", RecordKind::Srv);
    assert_eq!(query.encode().unwrap(), SRV_QUERY);
    assert_eq!(DnsMessage::decode(SRV_QUERY).unwrap(), query);
}

#[test]
fn an_answer_with_a_compressed_name_is_read() {
    let answer = DnsMessage::decode(SRV_ANSWER).unwrap();
    assert!(answer.is_response && !answer.truncated);
    assert_eq!(answer.code, ResponseCode::NoError);
    assert_eq!(answer.question().unwrap().name, "_sip._udp.example.com");
    assert_eq!(answer.answers, [srv("a.example.com")]);
}

#[test]
fn every_kind_that_we_write_is_read_again() {
    let naptr = Naptr {
        order: 50,
        preference: 10,
        flags: "s".to_owned(),
        service: "SIP+D2U".to_owned(),
        regexp: String::new(),
        replacement: "_sip._udp.example.com".to_owned(),
    };
    let record = |data| Record { name: "example.com".to_owned(), ttl_s: 30, data };
    let query = DnsMessage::query(7, "example.com", RecordKind::Naptr);
    let answers = vec![
        record(RecordData::Naptr(naptr)),
        record(RecordData::A(Ipv4Addr::new(10, 0, 0, 1))),
        record(RecordData::Aaaa("2001:db8::1".parse().unwrap())),
        record(RecordData::Cname("b.example.com".to_owned())),
        srv(""),
    ];
    let answer = query.answer(ResponseCode::NoError, answers, vec![srv("a.example.com")]);
    assert_eq!(DnsMessage::decode(&answer.encode().unwrap()).unwrap(), answer);
}

#[test]
fn every_response_code_is_read_again() {
    use ResponseCode::*;
    let query = DnsMessage::query(7, "example.com", RecordKind::A);
    for code in [NoError, FormErr, ServFail, NxDomain, NotImp, Refused] {
        let answer = query.answer(code, Vec::new(), Vec::new());
        assert_eq!(DnsMessage::decode(&answer.encode().unwrap()).unwrap().code, code);
    }
}

#[test]
fn what_does_not_fit_is_truncated() {
    let query = DnsMessage::query(7, "_sip._udp.example.com", RecordKind::Srv);
    let many = |count: usize| (0..count).map(|n| srv(&format!("host-{n}.example.com"))).collect::<Vec<_>>();

    let extra = query.answer(ResponseCode::NoError, many(2), many(30));
    let octets = extra.encode_within(MAX_DATAGRAM_OCTETS).unwrap();
    let seen = DnsMessage::decode(&octets).unwrap();
    assert!(octets.len() <= MAX_DATAGRAM_OCTETS && !seen.truncated);
    assert_eq!((seen.answers.len(), seen.additional.len()), (2, 0));

    let large = query.answer(ResponseCode::NoError, many(30), Vec::new());
    let octets = large.encode_within(MAX_DATAGRAM_OCTETS).unwrap();
    let seen = DnsMessage::decode(&octets).unwrap();
    assert!(octets.len() <= MAX_DATAGRAM_OCTETS && seen.truncated && seen.answers.is_empty());
}

#[test]
fn names_and_texts_that_dns_cannot_carry_are_errors() {
    let long = "x".repeat(64);
    assert!(DnsMessage::query(1, &long, RecordKind::A).encode().is_err());
    let naptr = Naptr {
        order: 1,
        preference: 1,
        flags: "s".repeat(256),
        service: String::new(),
        regexp: String::new(),
        replacement: String::new(),
    };
    let record = Record { name: "a".to_owned(), ttl_s: 1, data: RecordData::Naptr(naptr) };
    let answer =
        DnsMessage::query(1, "a", RecordKind::Naptr).answer(ResponseCode::NoError, vec![record], vec![]);
    assert!(answer.encode().is_err());
}

#[test]
fn a_stream_is_cut_wherever_the_network_cut_it() {
    let whole = [to_stream(SRV_QUERY).unwrap(), to_stream(SRV_ANSWER).unwrap()].concat();
    for cut in 0..=whole.len() {
        let mut framer = StreamFramer::default();
        let mut seen = framer.push(&whole[..cut]);
        seen.extend(framer.push(&whole[cut..]));
        assert_eq!(seen, [SRV_QUERY.to_vec(), SRV_ANSWER.to_vec()], "cut at {cut}");
    }
    assert_eq!(to_stream(&vec![0; 65_536]), None);
}

proptest! {
    #[test]
    fn no_octets_panic(octets in prop::collection::vec(any::<u8>(), 0..600)) {
        let _ = DnsMessage::decode(&octets);
    }

    #[test]
    fn a_changed_octet_does_not_panic(at in 0..SRV_ANSWER.len(), octet: u8) {
        let mut octets = SRV_ANSWER.to_vec();
        octets[at] = octet;
        if let Ok(message) = DnsMessage::decode(&octets) {
            let _ = message.encode();
        }
    }
}
